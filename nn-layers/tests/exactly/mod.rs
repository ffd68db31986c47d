//! What folding takes for a network whose activations are computed as they are.
#![expect(clippy::panic, reason = "helpers of tests fail loudly")]

use std::collections::BTreeMap;

use nn_layers::approx::Nonlinear;
use nn_layers::{Activation, Layer, Network, NodeId};

/// Exact functions, squares and own polynomials.
pub(crate) fn exactly(network: &Network) -> BTreeMap<NodeId, Nonlinear> {
    let of = |activation: &Activation| match (activation, activation.function()) {
        (Activation::Square, _) => Nonlinear::Square,
        (Activation::Polynomial(own), _) => Nonlinear::Polynomial(own.clone()),
        (_, Some(function)) => Nonlinear::Exact(function),
        (other, None) => panic!("{other:?} is not computed exactly"),
    };
    let activations = network.nodes().iter().filter_map(|node| match node.layer() {
        Layer::Activation(activation) => Some((node.id(), of(activation))),
        _ => None,
    });
    activations.collect()
}
