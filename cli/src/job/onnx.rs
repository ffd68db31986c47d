//! Networks of the user's own, from an ONNX file, with samples from files.

use std::path::{Path, PathBuf};

use models::ModelError;
use models::registry::{Better, Metric, Targets};
use models::weights::StoredWeights;
use nn_layers::{Network, Tensor, clear, onnx};

use crate::failure::Failure;
use crate::numbers;

/// What such a network is judged by: nobody says what its outputs should be but itself.
pub(super) static METRIC: Metric = Metric {
    name: "mean absolute difference from the network's own outputs",
    unit: "",
    better: Better::Lower,
    evaluate: mean_difference,
};

/// A network that was imported, and what it is run on.
pub(crate) struct OnnxFile {
    /// The file's name without its folders.
    pub(super) name: String,
    /// Every sample that there is, `[n, ..]`.
    pub(super) inputs: Tensor,
}

/// Whether a model's name is that of an ONNX file.
pub(super) fn is_file(model: &str) -> bool {
    Path::new(model).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

/// Imports the network of `bytes`, the contents of `path`, and reads its samples.
pub(super) fn load(
    path: &Path,
    bytes: &[u8],
    inputs: &[PathBuf],
) -> Result<(Network, StoredWeights, OnnxFile), Failure> {
    let (network, weights) =
        onnx::load(bytes).map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
    if inputs.is_empty() {
        return Err(Failure::Usage(format!(
            "{} brings no samples: name some of shape {:?} with --inputs FILE (.npy, .csv or .png)",
            path.display(),
            network.input_shape()
        )));
    }
    let inputs = numbers::read(inputs, network.input_shape())?;
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let stored = StoredWeights { weights, ..StoredWeights::default() };
    Ok((network, stored, OnnxFile { name, inputs }))
}

impl OnnxFile {
    /// The first `count` samples, and what the network makes of them in the clear.
    pub(super) fn samples(
        &self,
        count: usize,
        network: &Network,
        weights: &StoredWeights,
    ) -> Result<models::registry::Samples, Failure> {
        let available = self.inputs.batch();
        if count > available {
            return Err(Failure::Usage(format!("{count} samples were asked for, --inputs has {available}")));
        }
        let inputs = self.inputs.rows(0, count);
        let targets = Targets::Values(clear::run(network, &weights.weights, &inputs)?);
        Ok(models::registry::Samples { inputs, targets })
    }
}

fn mean_difference(outputs: &Tensor, targets: &Targets, _: &StoredWeights) -> Result<f64, ModelError> {
    let Targets::Values(targets) = targets else {
        return Err(ModelError::TargetKind { model: "a network from a file", expected: "values" });
    };
    let pairs = outputs.data().iter().zip(targets.data());
    Ok(pairs.map(|(got, want)| (got - want).abs()).sum::<f64>() / outputs.data().len().max(1) as f64)
}
