//! Training of FCNN-WBC.

use crate::error::ModelError;
use crate::registry::{Progress, TrainOptions, Trained};

use super::data::{DataConfig, DataSet, load_or_simulate};

/// How the network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainConfig {
    /// The data set.
    pub data: DataConfig,
    /// Passes over the training part.
    pub epochs: usize,
    /// Seed of initial weights and order.
    pub seed: u64,
}

impl TrainConfig {
    /// The recipe of the committed weights, with what the caller asks for otherwise.
    #[must_use]
    pub fn from_options(options: &TrainOptions) -> Self {
        Self { data: DataConfig::default(), epochs: options.epochs.unwrap_or(4500), seed: options.seed }
    }
}

/// Simulates the data set (or takes it from the cache) and trains on it.
///
/// # Errors
/// What simulation, cache and training refuse.
pub fn train(config: &TrainConfig, progress: Progress<'_>) -> Result<Trained, ModelError> {
    train_on(&load_or_simulate(&config.data, progress)?, config, progress)
}

/// Trains on a data set.
///
/// # Errors
/// What training refuses.
pub fn train_on(
    _data: &DataSet,
    _config: &TrainConfig,
    _progress: Progress<'_>,
) -> Result<Trained, ModelError> {
    let reason = "the trainer of nn-layers is not there yet".to_owned();
    Err(ModelError::BadData { data: "training".to_owned(), reason })
}
