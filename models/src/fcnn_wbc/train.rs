//! Training of FCNN-WBC: the paper's stochastic gradient descent, with a rate that falls.

use std::ops::ControlFlow;

use nn_layers::train::{Config, Loss, RateSchedule, fit, xavier};
use nn_layers::{Tensor, Weights, clear};

use crate::error::ModelError;
use crate::registry::{Progress, Recipe, Step, Targets, TrainOptions, Trained};
use crate::weights::StoredWeights;

use super::data::{
    DataConfig, DataSet, EMBEDDED_TRAINING, embedded_test, embedded_training, load_or_simulate,
};
use super::{INPUTS, OUTPUTS, Standardisation, as_scores, fits, network};

/// How the network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// The data set.
    pub data: DataConfig,
    /// The optimiser's figures.
    pub optimiser: Config,
}

impl Default for TrainConfig {
    /// The recipe of the committed weights: batch 32 and momentum 0.9 as in the paper, and its 4500 epochs, but a
    /// rate that falls from 0.3 to zero along half a cosine; a constant 0.01 is still far from its end by then.
    fn default() -> Self {
        Self {
            data: DataConfig::default(),
            optimiser: Config {
                loss: Loss::MeanSquaredError,
                epochs: 4500,
                batch: 32,
                rate: 0.3,
                schedule: RateSchedule::Cosine,
                momentum: 0.9,
                seed: 0,
            },
        }
    }
}

impl TrainConfig {
    /// The default with what the caller asks for otherwise; the seed is that of initial weights and order, the data stay.
    #[must_use]
    pub fn from_options(options: &TrainOptions) -> Self {
        let mut config = Self::default();
        config.optimiser.epochs = options.epochs.unwrap_or(config.optimiser.epochs);
        config.optimiser.seed = options.seed;
        config
    }
}

/// Simulates the data set (or takes it from the cache), trains on its training part and scores on its test part.
///
/// # Errors
/// What simulation, cache and training refuse.
pub fn train(config: &TrainConfig, progress: Progress<'_>) -> Result<Trained, ModelError> {
    train_on(&load_or_simulate(&config.data, progress)?, config, progress)
}

/// Trains and scores on a data set at hand. Standardisation is fitted on its training part alone.
///
/// # Errors
/// What training refuses.
pub fn train_on(data: &DataSet, config: &TrainConfig, progress: Progress<'_>) -> Result<Trained, ModelError> {
    let Recipe { network, inputs, targets, start, config, finish } = recipe_on(data.clone(), config.clone())?;
    let weights = fit(&network, &start, &inputs, &targets, &config, |epoch| {
        progress(Step { stage: "train", done: epoch.epoch, total: epoch.epochs, loss: Some(epoch.loss) });
        ControlFlow::Continue(())
    })?;
    finish(weights)
}

/// Simulates the data set (or takes it from the cache), ready for training; a few samples are taken from those that the crate carries, and judged by
/// the others that it carries.
pub(super) fn recipe(options: &TrainOptions, progress: Progress<'_>) -> Result<Recipe, ModelError> {
    let config = TrainConfig::from_options(options);
    let data = match options.samples {
        Some(count) if count <= EMBEDDED_TRAINING => DataSet {
            training: embedded_training()?.slice(0..count),
            test: embedded_test()?,
            ..DataSet::default()
        },
        Some(count) => {
            let all = load_or_simulate(&config.data, progress)?;
            DataSet { training: all.training.slice(0..count), ..all }
        }
        None => load_or_simulate(&config.data, progress)?,
    };
    recipe_on(data, config)
}

fn recipe_on(data: DataSet, config: TrainConfig) -> Result<Recipe, ModelError> {
    let network = network()?;
    let input = Standardisation::fit(&data.training.inputs)?;
    let output = Standardisation::fit(&data.training.outputs)?;
    let (inputs, targets) = (input.apply(&data.training.inputs)?, output.apply(&data.training.outputs)?);

    let start = xavier(&network, config.optimiser.seed);
    let optimiser = config.optimiser.clone();
    let finish = Box::new(move |weights| finish(weights, &data, &config, (&input, &output)));
    Ok(Recipe { network, inputs, targets, start, config: optimiser, finish })
}

/// Rounds the weights as their file does, and judges them on the test part.
fn finish(
    weights: Weights,
    data: &DataSet,
    config: &TrainConfig,
    (input, output): (&Standardisation<INPUTS>, &Standardisation<OUTPUTS>),
) -> Result<Trained, ModelError> {
    let network = network()?;
    let mut stored = StoredWeights { weights, ..StoredWeights::default() }.rounded();
    input.store("input", &mut stored.constants)?;
    output.store("output", &mut stored.constants)?;
    let predicted = clear::run(&network, &stored.weights, &input.apply(&data.test.inputs)?)?;
    let scores = as_scores(&fits(&predicted, &data.test.outputs, output)?);

    let note =
        |stored: &mut StoredWeights, key: &str, text: String| stored.notes.insert(key.to_owned(), text);
    let optimiser = &config.optimiser;
    note(&mut stored, "command", "henna train fcnn-wbc".to_owned());
    let recipe = format!(
        "{} epochs, batch {}, rate {} ({:?}), momentum {}, seed {}",
        optimiser.epochs,
        optimiser.batch,
        optimiser.rate,
        optimiser.schedule,
        optimiser.momentum,
        optimiser.seed
    );
    note(&mut stored, "recipe", recipe);
    note(&mut stored, "data", format!("{:?}", config.data));
    for score in scores.iter().filter(|score| score.metric != "Pearson") {
        note(&mut stored, &format!("test, {}", score.of), format!("MAPE {:.3} %", score.value));
    }
    let values = |rows: &[[f64; OUTPUTS]]| Tensor::new(&[rows.len(), OUTPUTS], rows.concat());
    let outputs = values(&output.invert(predicted.data()))?;
    let targets = Targets::Values(values(&data.test.outputs)?);
    Ok(Trained { weights: stored, scores, outputs, targets })
}
