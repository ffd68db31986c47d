//! `henna reproduce more`: the experiments of the MORE paper (Vizitiu et al. 2020) again, beside its tables 7 to 11 and figures 10 to 14.
//!
//! Every part leaves a record in the folder and is not done again; a training that was killed goes on from its last epoch. The report is made
//! from the records alone.

mod attack;
mod inference;
mod judgement;
mod page;
mod paper;
mod plots;
mod store;
mod tables;
mod training;

use std::path::Path;

use he_traits::Scheme;

use crate::args::ReproduceArgs;
use crate::failure::Failure;
use crate::record::{Build, Host};
use crate::{interrupt, job, output, suggest, table};

use inference::InferenceRecord;
use store::Store;
use tables::Table;
use training::TrainingRecord;

/// What there is of one model.
struct Experiment {
    training: TrainingRecord,
    inference: InferenceRecord,
}

/// Does what is not done yet, and reports.
pub(crate) fn run(args: &ReproduceArgs) -> Result<(), Failure> {
    if args.scheme != backend_more::More::NAME {
        return Err(suggest::unknown("paper of", &args.scheme, &[backend_more::More::NAME]));
    }
    let models = args.model.iter().map(|name| job::model(name)).collect::<Result<Vec<_>, _>>()?;
    interrupt::install();
    let store = Store::open(&args.out)?;
    let mut experiments = Vec::new();
    for model in models {
        let training =
            store.kept(&format!("training-{}", model.name), || training::train(model, args, &store))?;
        let inference =
            store.kept(&format!("inference-{}", model.name), || inference::measure(model, args.quick))?;
        experiments.push(Experiment { training, inference });
    }
    let attack = store.kept("attack", || attack::attack(args, &store))?;
    let mut text = String::new();
    for experiment in &experiments {
        text.push_str(&heading(experiment));
        for table in tables::of(experiment) {
            text.push_str(&terminal(&table));
        }
    }
    text.push_str(&terminal(&tables::runtimes(&experiments)));
    output::print(&text)?;
    output::file("report", &args.out.join("report.html"), &page::page(&experiments, &attack)?)
}

/// A line on where and how an experiment ran.
fn heading(experiment: &Experiment) -> String {
    let training = &experiment.training;
    format!("{}: {}\n{}\n\n", training.model, training.about(), training.made.in_words())
}

fn terminal(one: &Table) -> String {
    let head: Vec<&str> = one.head.iter().map(String::as_str).collect();
    let mut table = table::plain(&head);
    one.rows.iter().for_each(|row| {
        table.add_row(row);
    });
    format!("{}\n{table}\n{}\n\n", one.title, one.note)
}

/// Where and when a record was made.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Made {
    date: String,
    host: Host,
    threads: usize,
    henna: Build,
}

impl Made {
    /// Here and now.
    fn now() -> Self {
        Self {
            date: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            host: Host::this(),
            threads: rayon::current_num_threads(),
            henna: Build::this(),
        }
    }

    fn in_words(&self) -> String {
        let build = if self.henna.optimised { "" } else { ", a development build: times mean little" };
        format!(
            "{}, {} threads on {} ({} cores), henna {}{build}",
            self.date, self.threads, self.host.cpu, self.host.cores, self.henna.version
        )
    }
}

fn cannot(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("{}: {error}", path.display()))
}
