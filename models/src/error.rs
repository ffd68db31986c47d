//! What can go wrong between a model's name and its result.

use std::path::PathBuf;

use crate::cache::CacheError;
use crate::circulation::CirculationError;
use crate::metrics::MetricError;
use crate::weights::WeightsError;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No model of that name is registered.
    #[error("there is no model {name:?}; there are: {known}")]
    UnknownModel {
        /// The name that came.
        name: String,
        /// The names that there are, separated by commas.
        known: String,
    },
    /// A data set is not where it should be.
    #[error("{data} is missing: {} is not there; {hint}", path.display())]
    MissingData {
        /// Which data set.
        data: &'static str,
        /// The file or folder looked for.
        path: PathBuf,
        /// What to do.
        hint: String,
    },
    /// A data file that is not what its name says.
    #[error("{data} cannot be read: {reason}")]
    BadData {
        /// Which data set or file.
        data: String,
        /// What is wrong with it, with numbers.
        reason: String,
    },
    /// More samples were asked for than there are.
    #[error("{model} has {available} samples, but {asked} were asked for")]
    TooFewSamples {
        /// Which model.
        model: &'static str,
        /// How many there are.
        available: usize,
        /// How many were asked for.
        asked: usize,
    },
    /// Outputs that do not belong to the samples they are held against.
    #[error("{model}: outputs of shape {got:?} came, but {expected:?} belongs to these samples")]
    OutputShape {
        /// Which model.
        model: &'static str,
        /// The shape that belongs.
        expected: Vec<usize>,
        /// The shape that came.
        got: Vec<usize>,
    },
    /// Targets of another kind than the model's metric reads.
    #[error("{model} is measured against {expected}")]
    TargetKind {
        /// Which model.
        model: &'static str,
        /// The kind that belongs.
        expected: &'static str,
    },
    /// A model whose weights another program makes.
    #[error(
        "{model} is not trained by henna itself, but by `{recipe}`; what it writes is read with --weights"
    )]
    TrainedElsewhere {
        /// Which model.
        model: &'static str,
        /// The command, from the root of the repository.
        recipe: &'static str,
    },
    /// No training is written for the model.
    #[error("{model} has no recipe to train it by; its weights are seeded")]
    NoRecipe {
        /// Which model.
        model: &'static str,
    },
    /// Weights that cannot be read or do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A network or its execution.
    #[error(transparent)]
    Network(#[from] nn_layers::Error),
    /// A metric.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A simulation.
    #[error(transparent)]
    Circulation(#[from] CirculationError),
    /// The cache directory.
    #[error(transparent)]
    Cache(#[from] CacheError),
}
