//! What a comparison's parent tells a child, and what every command needs of a model.

mod onnx;

use std::path::{Path, PathBuf};

use exchange::WeightsAre;
use models::registry::{Metric, Samples, Score, Targets};
use models::weights::StoredWeights;
use models::{Model, ModelError};
use nn_layers::{Network, Packing, Tensor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::record::{BackendRecord, Status};
use crate::suggest;

/// Inputs that ranges of activations are calibrated on.
const CALIBRATION: usize = 512;

/// One backend's part of a comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) comparison: String,
    pub(crate) model: String,
    pub(crate) weights: Option<PathBuf>,
    /// Files of samples, for a network from an ONNX file.
    pub(crate) inputs: Vec<PathBuf>,
    pub(crate) backend: String,
    pub(crate) samples: usize,
    pub(crate) threads: usize,
    /// Bytes that the run may take.
    pub(crate) memory: Option<u64>,
    pub(crate) runs: usize,
    /// How the server is to hold the weights.
    #[serde(default)]
    pub(crate) weights_are: WeightsAre,
    /// Whether values may go to the owner on the way.
    #[serde(default)]
    pub(crate) round_trips: bool,
    /// Whether the values after each step are held against a clear run.
    #[serde(default)]
    pub(crate) precision: bool,
    /// How values lie in ciphertexts, where that makes a difference.
    #[serde(default)]
    pub(crate) packing: Option<Packing>,
}

impl Job {
    /// Its record without anything measured, and why.
    pub(crate) fn without(&self, status: Status, reason: impl ToString) -> BackendRecord {
        BackendRecord::without(
            &self.comparison,
            &self.backend,
            self.weights_are,
            self.packing,
            status,
            reason,
        )
    }
}

/// Where a network, its samples and its measure come from.
enum Origin {
    Registry(&'static Model),
    File(onnx::OnnxFile),
}

/// A model with its network and weights.
pub(crate) struct Subject {
    origin: Origin,
    pub(crate) network: Network,
    pub(crate) weights: StoredWeights,
    pub(crate) weights_from: String,
    pub(crate) weights_sha256: String,
}

impl Subject {
    /// The model of that name, with its own weights or those of a file.
    pub(crate) fn load(name: &str, weights: Option<&PathBuf>) -> Result<Self, Failure> {
        Self::load_with(name, weights, &[])
    }

    /// As [`Subject::load`]; a name that ends with `.onnx` is a file that brings network and weights, and `inputs` are files of samples for it.
    pub(crate) fn load_with(
        name: &str,
        weights: Option<&PathBuf>,
        inputs: &[PathBuf],
    ) -> Result<Self, Failure> {
        if onnx::is_file(name) {
            return Self::from_onnx(Path::new(name), weights, inputs);
        }
        let model = model(name)?;
        if !inputs.is_empty() {
            let reason = "has test samples of its own: --inputs goes with an ONNX file";
            return Err(Failure::Usage(format!("{name} {reason}")));
        }
        let network = (model.network)()?;
        let (bytes, from) = match (weights, model.weights_file()) {
            (None, Some(file)) => (file.to_vec(), model.weights_in_words()),
            (None, None) => (model.weights()?.to_bytes(&network)?, model.weights_in_words()),
            (Some(path), _) => (read(path)?, path.display().to_string()),
        };
        let stored = StoredWeights::parse(&bytes, &network)?;
        let origin = Origin::Registry(model);
        Ok(Self { origin, network, weights: stored, weights_from: from, weights_sha256: sha256(&bytes) })
    }

    fn from_onnx(path: &Path, weights: Option<&PathBuf>, inputs: &[PathBuf]) -> Result<Self, Failure> {
        if weights.is_some() {
            let reason = "brings its own weights: leave --weights out";
            return Err(Failure::Usage(format!("{} {reason}", path.display())));
        }
        let bytes = read(path)?;
        let (network, weights, file) = onnx::load(path, &bytes, inputs)?;
        let (origin, weights_from) = (Origin::File(file), "those of the file".to_owned());
        Ok(Self { origin, network, weights, weights_from, weights_sha256: sha256(&bytes) })
    }

    /// Name for tables and files.
    pub(crate) fn name(&self) -> &str {
        match &self.origin {
            Origin::Registry(model) => model.name,
            Origin::File(file) => &file.name,
        }
    }

    /// What it does, in a sentence.
    pub(crate) fn about(&self) -> &str {
        match &self.origin {
            Origin::Registry(model) => model.about,
            Origin::File(_) => "a network from an ONNX file",
        }
    }

    /// Where it was published.
    pub(crate) fn paper(&self) -> &str {
        match &self.origin {
            Origin::Registry(model) => model.paper,
            Origin::File(_) => "the user's own",
        }
    }

    /// What outputs are judged by.
    pub(crate) fn measure(&self) -> &Metric {
        match &self.origin {
            Origin::Registry(model) => &model.metric,
            Origin::File(_) => &onnx::METRIC,
        }
    }

    /// Number of samples that there are, `wanted` at most.
    pub(crate) fn samples_there(&self, wanted: usize) -> Result<usize, Failure> {
        match &self.origin {
            Origin::Registry(model) => match (model.test_samples)(wanted, &self.weights) {
                Err(ModelError::TooFewSamples { available, .. }) => Ok(available),
                found => Ok(found.map(|_| wanted)?),
            },
            Origin::File(file) => Ok(wanted.min(file.inputs.batch())),
        }
    }

    /// The first samples of the test part.
    pub(crate) fn samples(&self, count: usize) -> Result<Samples, Failure> {
        match &self.origin {
            Origin::Registry(model) => Ok((model.test_samples)(count, &self.weights)?),
            Origin::File(file) => file.samples(count, &self.network, &self.weights),
        }
    }

    /// The task metric of outputs `[n, ..]`; not a number where the samples are too few for it.
    pub(crate) fn metric(&self, outputs: &Tensor, targets: &Targets) -> Result<f64, Failure> {
        match (self.measure().evaluate)(outputs, targets, &self.weights) {
            Err(ModelError::Metric(_)) => Ok(f64::NAN),
            value => Ok(value?),
        }
    }

    /// The scores of outputs `[n, ..]`; none where the samples are too few for them.
    pub(crate) fn scores(&self, outputs: &Tensor, targets: &Targets) -> Result<Vec<Score>, Failure> {
        let Origin::Registry(model) = &self.origin else { return Ok(Vec::new()) };
        match (model.scores)(outputs, targets, &self.weights) {
            Err(ModelError::Metric(_)) => Ok(Vec::new()),
            scores => Ok(scores?),
        }
    }

    /// Inputs for calibration: some of the training part, or the first of the samples where there is none.
    pub(crate) fn calibration(&self) -> Result<Tensor, Failure> {
        match &self.origin {
            Origin::Registry(model) => Ok((model.calibration_inputs)(CALIBRATION, &self.weights)?),
            Origin::File(file) => Ok(file.inputs.rows(0, file.inputs.batch().min(CALIBRATION))),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |source| models::weights::WeightsError::Read { path: path.to_path_buf(), source };
    Ok(std::fs::read(path).map_err(unreadable)?)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The model of that name, or what was probably meant.
pub(crate) fn model(name: &str) -> Result<&'static Model, Failure> {
    models::find(name).map_err(|_| {
        let known: Vec<&str> = models::registry().iter().map(|model| model.name).collect();
        suggest::unknown("model", name, &known)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_samples_are_taken_than_there_are() {
        let subject = Subject::load("fcnn-wbc", None).unwrap();
        assert_eq!(subject.samples_there(3).unwrap(), 3);
        let all = subject.samples_there(10_000_000).unwrap();
        assert!(
            all < 10_000_000 && subject.samples(all).is_ok() && subject.samples(all + 1).is_err(),
            "{all}"
        );
    }
}
