//! Figures of a training.

use crate::error::{Error, Result};

/// What a training makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// Mean of the squared differences over all outputs of the batch (PyTorch's `MSELoss`).
    MeanSquaredError,
    /// Mean over the batch of `-Σ target · ln softmax(logits)` (PyTorch's `CrossEntropyLoss` with class probabilities).
    CrossEntropy,
    /// Mean over all outputs of the batch of `ln(1 + e^z) - target · z` for logits z: cross entropy over a sigmoid (PyTorch's
    /// `BCEWithLogitsLoss`).
    BinaryCrossEntropy,
}

/// How the learning rate changes from epoch to epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum RateSchedule {
    /// Not at all.
    Constant,
    /// Times `factor` after every `every` epochs.
    Step {
        /// Epochs between two changes.
        every: usize,
        /// Factor of a change.
        factor: f64,
    },
    /// Half a cosine from the full rate towards zero at the last epoch.
    Cosine,
}

/// Figures of a training; the default is the MORE paper's (Vizitiu et al. 2020, table 5): rate 0.01, momentum 0.9, batch 32, 100 epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What is made small.
    pub loss: Loss,
    /// Passes over the data.
    pub epochs: usize,
    /// Samples of a step; the last one of an epoch may be smaller.
    pub batch: usize,
    /// Learning rate.
    pub rate: f64,
    /// How it changes.
    pub schedule: RateSchedule,
    /// Share of the last step's velocity that is kept.
    pub momentum: f64,
    /// Seed of the order of the samples.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            loss: Loss::MeanSquaredError,
            epochs: 100,
            batch: 32,
            rate: 0.01,
            schedule: RateSchedule::Constant,
            momentum: 0.9,
            seed: 0,
        }
    }
}

impl Config {
    /// Learning rate in an epoch, counted from 1.
    pub fn rate_in(&self, epoch: usize) -> f64 {
        let done = epoch.saturating_sub(1);
        match self.schedule {
            RateSchedule::Constant => self.rate,
            RateSchedule::Step { every, factor } => self.rate * factor.powf((done / every.max(1)) as f64),
            RateSchedule::Cosine => {
                let share = done as f64 / self.epochs.max(1) as f64;
                self.rate * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
            }
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let refuse = |what, got, expected| Err(Error::BadConfig { what, got, expected });
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return refuse("the learning rate", self.rate, "a positive number");
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return refuse("the momentum", self.momentum, "at least 0 and below 1");
        }
        if self.batch == 0 {
            return refuse("the batch", 0.0, "at least 1");
        }
        match self.schedule {
            RateSchedule::Step { every: 0, .. } => refuse("the step of the rate", 0.0, "at least 1 epoch"),
            RateSchedule::Step { factor, .. } if !(factor > 0.0 && factor.is_finite()) => {
                refuse("the factor of the rate", factor, "a positive number")
            }
            _ => Ok(()),
        }
    }
}
