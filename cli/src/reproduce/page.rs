//! The report as a page.

use std::fmt::Write;

use models::fcnn_wbc::data::OUTPUT_NAMES;

use super::attack::AttackRecord;
use super::plots::{self, Labels, Line};
use super::tables::{self, Table};
use super::{Experiment, TrainingRecord};
use crate::failure::Failure;
use crate::html::{document, escape};
use crate::train::Epoch;

/// Everything, from records alone.
pub(super) fn page(experiments: &[Experiment], attack: &AttackRecord) -> Result<String, Failure> {
    let mut html = String::from(
        "<header>\n<h1>MORE, reproduced</h1>\n<p class=\"lead\">Vizitiu et al. 2020, tables 7 to 11 and figures 10 to 14, beside our own: training and \
         inference on encrypted numbers.</p>\n<p class=\"warning\">MORE protects nothing: whoever holds its ciphertexts reads them in \
         milliseconds. See <a href=\"#attack\">the attack</a>.</p>\n</header>\n",
    );
    for experiment in experiments {
        html.push_str(&section(experiment)?);
    }
    let _ = write!(
        html,
        "<section>\n<h2>All runtimes</h2>\n{}</section>\n",
        table(&tables::runtimes(experiments))
    );
    html.push_str(&attacked(attack));
    Ok(document("MORE, reproduced", &html))
}

fn section(experiment: &Experiment) -> Result<String, Failure> {
    let training = &experiment.training;
    let mut html = format!(
        "<section>\n<h2>{}</h2>\n<p>{}.</p>\n<p class=\"quiet\">{}</p>\n",
        escape(&training.model),
        escape(&training.about()),
        escape(&training.made.in_words())
    );
    html.push_str("<div class=\"charts\">\n");
    for (caption, svg) in pictures(training)? {
        let _ = write!(html, "<figure>\n<figcaption>{}</figcaption>\n{svg}\n</figure>\n", escape(&caption));
    }
    html.push_str("</div>\n");
    for one in tables::of(experiment) {
        html.push_str(&table(&one));
    }
    html.push_str("</section>\n");
    Ok(html)
}

/// Captions and pictures of a training.
fn pictures(training: &TrainingRecord) -> Result<Vec<(String, String)>, Failure> {
    let history = &training.history;
    let line = |name, of: &dyn Fn(&Epoch) -> f64| Line {
        name,
        points: history
            .iter()
            .map(|epoch| (epoch.epoch as f64, of(epoch)))
            .filter(|p| p.1.is_finite())
            .collect(),
    };
    let loss = [line("encrypted", &|epoch| epoch.loss_encrypted), line("clear", &|epoch| epoch.loss_clear)];
    let spans = loss.iter().flat_map(|line| &line.points).map(|point| point.1);
    let (low, high) =
        spans.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), y| (low.min(y), high.max(y)));
    let draw = if high > 30.0 * low { plots::log_lines } else { plots::lines };
    let epochs = |y| Labels { x: "epoch", y };
    let mut pictures = vec![(
        "Loss, encrypted and clear: one lies upon the other".to_owned(),
        draw(&epochs("loss"), &loss)?,
    )];
    let differences = [
        line("loss", &|epoch| (epoch.loss_encrypted - epoch.loss_clear).abs()),
        line("worst parameter", &|epoch| epoch.worst_parameter_difference),
    ];
    pictures.push((
        "Difference between encrypted and clear training".to_owned(),
        plots::log_lines(&epochs("difference"), &differences)?,
    ));
    if history.iter().any(|epoch| epoch.scores.is_some()) {
        let score = |index: usize| {
            move |epoch: &Epoch| {
                epoch.scores.and_then(|scores| scores.get(index).copied()).unwrap_or(f64::NAN)
            }
        };
        let scores = [line("encrypted", &score(0)), line("clear", &score(1))];
        let judged = training.judged_by.as_deref().unwrap_or("score");
        pictures.push((format!("{judged}, encrypted and clear"), plots::lines(&epochs("%"), &scores)?));
    }
    if !training.encrypted.roc.is_empty() {
        let curve =
            |name, roc: &[[f64; 2]]| Line { name, points: roc.iter().map(|[x, y]| (*x, *y)).collect() };
        let lines = [curve("encrypted", &training.encrypted.roc), curve("clear", &training.clear.roc)];
        let area = training.encrypted.score("view", "area under the ROC curve").unwrap_or(f64::NAN);
        pictures.push((
            format!("ROC, area {area:.4}; labels by lay readers"),
            plots::lines(&Labels { x: "false positive rate", y: "true positive rate" }, &lines)?,
        ));
    }
    for (output, pairs) in training.encrypted.pairs.iter().enumerate() {
        let name = OUTPUT_NAMES.get(output).copied().unwrap_or("output");
        let score = |metric| training.encrypted.score(name, metric).unwrap_or(f64::NAN);
        pictures.push((
            format!("{name}: MAPE {:.3}%, Pearson {:.5}", score("MAPE (%)"), score("Pearson")),
            plots::scatter(&Labels { x: "true value", y: "estimate" }, pairs)?,
        ));
    }
    Ok(pictures)
}

fn table(table: &Table) -> String {
    let mut html = format!("<h3>{}</h3>\n<div class=\"wide\">\n<table>\n<thead><tr>", escape(&table.title));
    for cell in &table.head {
        let _ = write!(html, "<th>{}</th>", escape(cell));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for cell in row {
            let _ = write!(html, "<td>{}</td>", escape(cell));
        }
        html.push_str("</tr>\n");
    }
    let _ = write!(html, "</tbody>\n</table>\n</div>\n<p class=\"quiet\">{}</p>\n", escape(&table.note));
    html
}

fn attacked(attack: &AttackRecord) -> String {
    let picture = attack.picture.as_ref().map_or_else(String::new, |png| {
        format!(
            "<figure>\n<figcaption>Original, one plane of its ciphertext, and what a process that sees the server's files alone recovered</figcaption>\n\
             <img src=\"data:image/png;base64,{}\" alt=\"original, ciphertext, recovered\">\n</figure>\n",
            escape(png)
        )
    });
    format!(
        "<section id=\"attack\">\n<h2>The attack</h2>\n<p>Samples and weights of {}. Again and in full: <code>henna attack more</code>, \
         explained in <code>docs/attack.md</code>.</p>\n{picture}<div class=\"wide\"><pre>{}</pre></div>\n</section>\n",
        escape(&attack.model),
        escape(&attack.text)
    )
}
