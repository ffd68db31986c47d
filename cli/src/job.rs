//! What a comparison's parent tells a child, and what every command needs of a model.

use std::path::PathBuf;

use models::registry::{Samples, Score, Targets};
use models::weights::StoredWeights;
use models::{Model, ModelError};
use nn_layers::{Network, Tensor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::suggest;

/// Inputs that ranges of activations are calibrated on.
const CALIBRATION: usize = 512;

/// One backend's part of a comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) comparison: String,
    pub(crate) model: String,
    pub(crate) weights: Option<PathBuf>,
    pub(crate) backend: String,
    pub(crate) samples: usize,
    pub(crate) threads: usize,
    /// Bytes that the run may take.
    pub(crate) memory: Option<u64>,
    pub(crate) runs: usize,
}

/// A model with its network and weights.
pub(crate) struct Subject {
    pub(crate) model: &'static Model,
    pub(crate) network: Network,
    pub(crate) weights: StoredWeights,
    pub(crate) weights_from: String,
    pub(crate) weights_sha256: String,
}

impl Subject {
    /// The model of that name, with its own weights or those of a file.
    pub(crate) fn load(name: &str, weights: Option<&PathBuf>) -> Result<Self, Failure> {
        let model = model(name)?;
        let network = (model.network)()?;
        let (bytes, from) = match (weights, model.weights_file()) {
            (None, Some(file)) => (file.to_vec(), model.weights_in_words()),
            (None, None) => (model.weights()?.to_bytes(&network)?, model.weights_in_words()),
            (Some(path), _) => {
                let unreadable = |source| models::weights::WeightsError::Read { path: path.clone(), source };
                (std::fs::read(path).map_err(unreadable)?, path.display().to_string())
            }
        };
        let stored = StoredWeights::parse(&bytes, &network)?;
        let weights_sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { model, network, weights: stored, weights_from: from, weights_sha256 })
    }

    /// The first samples of the test part.
    pub(crate) fn samples(&self, count: usize) -> Result<Samples, Failure> {
        Ok((self.model.test_samples)(count, &self.weights)?)
    }

    /// The task metric of outputs `[n, ..]`; not a number where the samples are too few for it.
    pub(crate) fn metric(&self, outputs: &Tensor, targets: &Targets) -> Result<f64, Failure> {
        match (self.model.metric.evaluate)(outputs, targets, &self.weights) {
            Err(ModelError::Metric(_)) => Ok(f64::NAN),
            value => Ok(value?),
        }
    }

    /// The scores of outputs `[n, ..]`; none where the samples are too few for them.
    pub(crate) fn scores(&self, outputs: &Tensor, targets: &Targets) -> Result<Vec<Score>, Failure> {
        match (self.model.scores)(outputs, targets, &self.weights) {
            Err(ModelError::Metric(_)) => Ok(Vec::new()),
            scores => Ok(scores?),
        }
    }

    /// Inputs for calibration.
    pub(crate) fn calibration(&self) -> Result<Tensor, Failure> {
        Ok((self.model.calibration_inputs)(CALIBRATION, &self.weights)?)
    }
}

/// The model of that name, or what was probably meant.
pub(crate) fn model(name: &str) -> Result<&'static Model, Failure> {
    models::find(name).map_err(|_| {
        let known: Vec<&str> = models::registry().iter().map(|model| model.name).collect();
        suggest::unknown("model", name, &known)
    })
}
