//! Training on ciphertexts beside training in the clear, and what both are worth.

use models::ModelError;
use models::registry::{Better, Model, Recipe, Samples, TrainOptions};
use models::weights::StoredWeights;
use nn_layers::train::{Config, RateSchedule};
use nn_layers::{Network, Weights, clear};
use serde::{Deserialize, Serialize};

use super::Made;
use super::judgement::Judgement;
use super::store::{Store, append, lines};
use crate::args::ReproduceArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Bar;
use crate::train::{Checkpoints, Epoch, Training, description};

/// Held-out samples that every epoch's weights are judged by.
const JUDGES: usize = 2000;
/// Training samples and epochs of a trial.
const QUICK: (usize, usize) = (64, 2);

/// One training, both ways.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TrainingRecord {
    pub(super) model: String,
    pub(super) form: String,
    pub(super) samples: usize,
    pub(super) epochs: usize,
    pub(super) optimiser: String,
    pub(super) quick: bool,
    pub(super) made: Made,
    /// What `Epoch::scores` are; none for networks that are not judged epoch by epoch.
    pub(super) judged_by: Option<String>,
    pub(super) history: Vec<Epoch>,
    pub(super) encrypted: Judgement,
    pub(super) clear: Judgement,
}

impl TrainingRecord {
    /// How it was trained.
    pub(super) fn about(&self) -> String {
        let trial = if self.quick { "A TRIAL: the scores mean nothing. " } else { "" };
        format!(
            "{trial}trained encrypted ({} form) and clear from one seed, {} samples, {} epochs, {}",
            self.form, self.samples, self.epochs, self.optimiser
        )
    }
}

/// Trains `model`, from where the folder's checkpoint is.
pub(super) fn train(model: &Model, args: &ReproduceArgs, store: &Store) -> Result<TrainingRecord, Failure> {
    let options = TrainOptions {
        epochs: args.epochs.map(|epochs| epochs as usize).or(args.quick.then_some(QUICK.1)),
        samples: args.quick.then_some(QUICK.0),
        seed: args.seed,
        data: None,
    };
    let bar = Bar::units(model.name);
    let Recipe { network, inputs, targets, start, config, finish } = (model.recipe)(&options, &|step| {
        bar.show(step.done as u64, step.total as u64, step.stage.to_owned());
    })?;
    let place = store.place("training").join(model.name);
    let journal = place.join("epochs.jsonl");
    let samples = inputs.batch();
    let checkpoints = Checkpoints::new(Some(&place), &description(model, args.more_form, &config, samples));
    let judges = judges(model)?;
    let judge = |weights: Weights| judged(model, &network, judges.as_ref(), weights);
    let training = Training {
        network: &network,
        samples: [&inputs, &targets],
        start: &start,
        config: &config,
        form: args.more_form,
        checkpoints: &checkpoints,
        judge: judges.as_ref().map(|_| &judge as &dyn Fn(Weights) -> Result<f64, Failure>),
    };
    let ends = training.run(&mut |epoch| {
        bar.show(epoch.epoch as u64, config.epochs as u64, format!("train loss {:.5}", epoch.loss_encrypted));
        append(&journal, epoch)
    })?;
    bar.finish();
    drop((inputs, targets));
    let encrypted = finish(ends.encrypted)?;
    let path = place.join(format!("{}.safetensors", model.name));
    interrupt::held_off(|| encrypted.weights.save(&path, &network))?;
    Ok(TrainingRecord {
        model: model.name.to_owned(),
        form: args.more_form.name().to_owned(),
        samples,
        epochs: config.epochs,
        optimiser: in_words(&config),
        quick: args.quick,
        made: Made::now(),
        judged_by: judges
            .map(|judges| format!("{} on {} held-out samples", model.metric.name, judges.inputs.batch())),
        history: history(lines(&journal)),
        encrypted: Judgement::of(&encrypted)?,
        clear: Judgement::of(&finish(ends.clear)?)?,
    })
}

fn in_words(config: &Config) -> String {
    let rate = match config.schedule {
        RateSchedule::Cosine => format!("rate {} falling along a cosine", config.rate),
        _ => format!("rate {}", config.rate),
    };
    format!("SGD, momentum {}, {rate}, batch {}, seed {}", config.momentum, config.batch, config.seed)
}

/// Every epoch once, in order: the last line of each counts.
fn history(mut lines: Vec<Epoch>) -> Vec<Epoch> {
    lines.reverse();
    lines.sort_by_key(|line| line.epoch);
    lines.dedup_by_key(|line| line.epoch);
    lines
}

/// The samples that classifiers are judged by, epoch by epoch.
fn judges(model: &Model) -> Result<Option<Samples>, Failure> {
    if model.metric.better == Better::Lower {
        return Ok(None);
    }
    let some = |count| (model.test_samples)(count, &StoredWeights::default());
    Ok(Some(match some(JUDGES) {
        Err(ModelError::TooFewSamples { available, .. }) => some(available)?,
        other => other?,
    }))
}

fn judged(
    model: &Model,
    network: &Network,
    judges: Option<&Samples>,
    weights: Weights,
) -> Result<f64, Failure> {
    let Some(judges) = judges else { return Ok(f64::NAN) };
    let stored = StoredWeights { weights, ..StoredWeights::default() };
    let outputs = clear::run(network, &stored.weights, &judges.inputs)?;
    Ok((model.metric.evaluate)(&outputs, &judges.targets, &stored)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_that_was_repeated_counts_once_and_the_last_time() {
        let epoch = |epoch, loss| Epoch {
            epoch,
            loss_encrypted: loss,
            loss_clear: loss,
            worst_parameter_difference: 0.0,
            seconds_encrypted: 1.0,
            seconds_clear: 1.0,
            scores: None,
        };
        let all = history(vec![epoch(1, 5.0), epoch(2, 4.0), epoch(2, 3.0), epoch(3, 2.0)]);
        let seen: Vec<_> = all.iter().map(|e| (e.epoch, e.loss_clear)).collect();
        assert_eq!(seen, [(1, 5.0), (2, 3.0), (3, 2.0)]);
    }
}
