//! `henna train`: a model's weights made anew.

mod checkpoint;
mod encrypted;
mod owner;

pub(crate) use checkpoint::Checkpoints;
pub(crate) use encrypted::{Epoch, Training, description};
pub(crate) use owner::Owner;

use std::path::{Path, PathBuf};

use models::registry::{Model, TrainOptions, Trained};

use crate::args::TrainArgs;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::{interrupt, job, output, table};

/// Trains and writes the weights, whole or not at all.
pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let model = job::model(&args.model)?;
    interrupt::install();
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.safetensors", model.name)));
    let mut options =
        TrainOptions { epochs: args.epochs.map(|epochs| epochs as usize), ..TrainOptions::default() };
    if let Some(seed) = args.seed {
        options.seed = seed;
    }
    if let Some(scheme) = &args.encrypted {
        return encrypted::run(model, scheme, &options, args, &path);
    }
    let bar = Bar::units(model.name);
    let trained = model.train(&options, &|step| {
        let loss = step.loss.map_or_else(String::new, |loss| format!(" loss {loss:.5}"));
        bar.show(step.done as u64, step.total as u64, format!("{}{loss}", step.stage));
    })?;
    bar.finish();
    report(&trained, model, &path)
}

/// Writes the weights, whole or not at all, and prints their scores.
fn report(trained: &Trained, model: &Model, path: &Path) -> Result<(), Failure> {
    let network = (model.network)()?;
    interrupt::held_off(|| trained.weights.save(path, &network))?;
    let mut scores = table::plain(&["of", "metric", "here", "paper"]);
    for score in &trained.scores {
        let paper = score.paper.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        scores.add_row([score.of.as_str(), score.metric, &format!("{:.4}", score.value), &paper]);
    }
    output::print(&format!("{scores}\n"))?;
    eprintln!("weights: {}", path.display());
    Ok(())
}
