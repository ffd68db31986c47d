//! The tables of the report, for the terminal and for the page.

use super::judgement::Judgement;
use super::paper;
use super::{Experiment, InferenceRecord, TrainingRecord};
use crate::units;

/// A table.
pub(super) struct Table {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

fn texts(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// What stands below every score of the angiograms.
const LAY_READERS: &str = "Labels were read by eye, by readers without clinical training: every score is against those. Images are not the paper's.";

/// What a score is against, for models whose data are not the paper's.
fn caveat(model: &str) -> &'static str {
    match model {
        "cnn-angio" => LAY_READERS,
        "fcnn-wbc" => "Data are simulated here (docs/fcnn-wbc.md), not the paper's.",
        _ => {
            "The paper's split of MNIST: 50,000 images to train on, the 10,000 of the test file to judge by."
        }
    }
}

/// Every table of one model.
pub(super) fn of(experiment: &Experiment) -> Vec<Table> {
    let Experiment { training, inference } = experiment;
    let mut tables = vec![scores(training)];
    if !training.encrypted.confusion.is_empty() {
        tables.push(confusion(training));
    }
    tables.extend([equality(training), ways(inference)]);
    tables
}

/// Number of the paper's table of scores.
fn number(model: &str) -> &'static str {
    match model {
        "cnn-mnist" => "table 7",
        "fcnn-wbc" => "table 8",
        "cnn-angio" => "table 9",
        _ => "no table of the paper",
    }
}

/// Scores encrypted, clear, and in the paper.
fn scores(training: &TrainingRecord) -> Table {
    let row = |(ours, clear): (&super::judgement::Score, &super::judgement::Score)| {
        let paper = ours.paper.map_or_else(|| "-".to_owned(), |value| decimals(value, &ours.metric));
        vec![
            ours.of.clone(),
            ours.metric.clone(),
            paper,
            decimals(ours.value, &ours.metric),
            decimals(clear.value, &clear.metric),
        ]
    };
    let pairs = training.encrypted.scores.iter().zip(&training.clear.scores);
    Table {
        title: format!("Scores ({})", number(&training.model)),
        note: format!(
            "{} held-out samples. {} The largest difference of a score between encrypted and clear training: {}.",
            training.encrypted.samples,
            caveat(&training.model),
            units::digits(training.encrypted.difference(&training.clear))
        ),
        head: texts(&["of", "metric", "paper", "trained encrypted", "trained clear"]),
        rows: pairs.map(row).collect(),
    }
}

fn decimals(value: f64, metric: &str) -> String {
    if metric.contains('%') { format!("{value:.2}") } else { format!("{value:.4}") }
}

/// True classes by predicted ones.
fn confusion(training: &TrainingRecord) -> Table {
    let names: Vec<String> = match training.model.as_str() {
        "cnn-angio" => models::cnn_angio::CLASSES.map(str::to_owned).to_vec(),
        _ => (0..training.encrypted.confusion.len()).map(|class| class.to_string()).collect(),
    };
    let row = |(name, counts): (&String, &Vec<usize>)| {
        std::iter::once(name.clone()).chain(counts.iter().map(usize::to_string)).collect()
    };
    let Judgement { confusion, .. } = &training.encrypted;
    let same = if *confusion == training.clear.confusion { "identical" } else { "DIFFERENT" };
    let paper =
        if training.model == "cnn-angio" { " The paper's: LCA 339 and 12, RCA 14 and 337." } else { "" };
    Table {
        title: "Confusion matrix of the network trained encrypted: true classes down, predicted ones across"
            .to_owned(),
        note: format!(
            "That of the clear training is {same}.{paper} {}",
            if training.model == "cnn-angio" { LAY_READERS } else { "" }
        )
        .trim()
        .to_owned(),
        head: std::iter::once("true").chain(names.iter().map(String::as_str)).map(str::to_owned).collect(),
        rows: names.iter().zip(confusion).map(row).collect(),
    }
}

/// How far the two trainings lie apart, from epoch to epoch.
fn equality(training: &TrainingRecord) -> Table {
    let history = &training.history;
    let every = history.len().div_ceil(12).max(1);
    let last = history.len().saturating_sub(1);
    let some = history.iter().enumerate().filter(|(index, _)| index % every == 0 || *index == last);
    let row = |(_, epoch): (usize, &crate::train::Epoch)| {
        let scores = epoch.scores.map_or_else(|| "-".to_owned(), |[encrypted, _]| format!("{encrypted:.2}"));
        vec![
            epoch.epoch.to_string(),
            format!("{:.6}", epoch.loss_encrypted),
            units::digits((epoch.loss_encrypted - epoch.loss_clear).abs()),
            units::digits(epoch.worst_parameter_difference),
            scores,
            units::seconds(epoch.seconds_encrypted),
            units::seconds(epoch.seconds_clear),
        ]
    };
    Table {
        title: "Encrypted beside clear, from one seed".to_owned(),
        note: format!(
            "Difference of a parameter: over 1 + its size. Judged by: {}. {}",
            training.judged_by.as_deref().unwrap_or("the loss alone"),
            if training.model == "cnn-angio" { LAY_READERS } else { "" }
        ),
        head: texts(&[
            "epoch",
            "loss",
            "difference of the losses",
            "worst difference of a parameter",
            "score (%)",
            "epoch encrypted",
            "epoch clear",
        ]),
        rows: some.map(row).collect(),
    }
}

/// Inference, way by way.
fn ways(inference: &InferenceRecord) -> Table {
    let row = |way: &super::inference::Way| {
        vec![
            way.name.clone(),
            units::seconds(way.seconds),
            units::seconds(way.seconds / inference.samples.max(1) as f64),
            units::digits(way.over_clear),
            units::digits(way.worst_difference),
        ]
    };
    Table {
        title: format!("Inference of {} samples", units::grouped(inference.samples as u64)),
        note: format!(
            "The clear executor took {}, encryption {}, decryption {}; all on {} threads, in turn, the fastest of several. The ratio is a median.",
            units::seconds(inference.clear_seconds),
            units::seconds(inference.encrypt_seconds),
            units::seconds(inference.decrypt_seconds),
            inference.made.threads
        ),
        head: texts(&["scenario", "time", "a sample", "over clear", "worst difference of an output"]),
        rows: inference.ways.iter().map(row).collect(),
    }
}

/// Median of the epochs' times, encrypted, clear, and of their ratios.
fn epoch_seconds(training: &TrainingRecord) -> [f64; 3] {
    let median = |of: &dyn Fn(&crate::train::Epoch) -> f64| {
        let mut values: Vec<f64> = training.history.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    [
        median(&|epoch| epoch.seconds_encrypted),
        median(&|epoch| epoch.seconds_clear),
        median(&|epoch| epoch.seconds_encrypted / epoch.seconds_clear),
    ]
}

/// Runtimes and ratios of all models, beside the paper's.
pub(super) fn runtimes(experiments: &[Experiment]) -> Table {
    let mut rows = Vec::new();
    for Experiment { training, inference } in experiments {
        let paper = paper::runtimes(&training.model);
        let [encrypted, clear, ratio] = epoch_seconds(training);
        let threads = training.made.threads.to_string();
        let both = |pair: Option<[f64; 2]>| {
            pair.map_or_else(
                || texts(&["-", "-", "-"]),
                |[encrypted, clear]| {
                    vec![units::seconds(encrypted), units::seconds(clear), units::digits(encrypted / clear)]
                },
            )
        };
        let mut row = vec![
            training.model.clone(),
            format!("training, an epoch of {}, {} form", training.samples, training.form),
            threads.clone(),
            units::seconds(encrypted),
            units::seconds(clear),
            units::digits(ratio),
        ];
        row.extend(both(paper.map(|paper| paper.epoch)));
        rows.push(row);
        for way in &inference.ways {
            let mut row = vec![
                training.model.clone(),
                format!("inference of {}: {}", inference.samples, way.name),
                threads.clone(),
                units::seconds(way.seconds),
                units::seconds(inference.clear_seconds),
                units::digits(way.over_clear),
            ];
            let theirs = paper.filter(|_| way.name == "encrypted model, encrypted data");
            row.extend(both(theirs.map(|paper| paper.inference)));
            rows.push(row);
        }
        if let Some(paper) = paper.and_then(|paper| Some((paper.encryption?, paper.images?))) {
            let mut row = vec![
                training.model.clone(),
                format!("encryption of {} (paper: {})", inference.samples, paper.1),
                threads,
                units::seconds(inference.encrypt_seconds),
            ];
            row.extend(texts(&["-", "-"]));
            row.push(units::seconds(paper.0));
            row.extend(texts(&["-", "-"]));
            rows.push(row);
        }
    }
    Table {
        title: "Runtimes".to_owned(),
        note: "The paper's are of 8 threads on its authors' machine: compare ratios. Its inference is of 10,000 images of MNIST and 702 angiograms. \
               Epochs: medians."
            .to_owned(),
        head: texts(&[
            "model", "what", "threads", "encrypted", "clear", "ratio", "paper: encrypted", "clear", "ratio",
        ]),
        rows,
    }
}
