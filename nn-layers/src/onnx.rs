//! Networks from ONNX files, as PyTorch exports them.
//!
//! Operators become layers one by one; what has no counterpart is refused by the name of its node, with what could stand in its place.
//! Scaling and shifting by constants become normalisations, which folding puts into their neighbours.

mod attributes;
mod constant;
mod gelu;
mod import;
mod operators;
mod proto;

use prost::Message;

use crate::error::{Error, Result};
use crate::graph::Network;
use crate::tensor::Tensor;
use crate::weights::Weights;

/// Operator sets that are read: those that PyTorch exports.
pub const OPSETS: std::ops::RangeInclusive<i64> = 13..=20;

/// Reads a network and its weights from the bytes of an ONNX file. The first dimension of its input is the batch.
///
/// # Errors
/// [`Error::Onnx`] naming the node for what cannot be read or has no counterpart; those of the graph's shape checks.
pub fn load(bytes: &[u8]) -> Result<(Network, Weights)> {
    let refused = |reason: String| Error::Onnx { node: "the file".to_owned(), reason };
    let model =
        proto::ModelProto::decode(bytes).map_err(|error| refused(format!("is no ONNX model: {error}")))?;
    let opset = model.opset_import.iter().find(|set| set.domain.is_empty()).map_or(0, |set| set.version);
    if !OPSETS.contains(&opset) {
        return Err(refused(format!(
            "uses operator set {opset}; 13 to 20 are read: export with opset_version=17"
        )));
    }
    let graph = model.graph.ok_or_else(|| refused("holds no graph".to_owned()))?;
    import::network(&graph)
}

/// Reads a single tensor (ONNX' `TensorProto`, as in the `.pb` files of its test data).
///
/// # Errors
/// [`Error::Onnx`].
pub fn tensor(bytes: &[u8]) -> Result<Tensor> {
    let refused = |reason: String| Error::Onnx { node: "the tensor".to_owned(), reason };
    let tensor = proto::TensorProto::decode(bytes).map_err(|error| refused(format!("is none: {error}")))?;
    constant::tensor(&tensor).map_err(refused)
}
