//! The ranges of activations' arguments over calibration inputs.

use std::collections::BTreeMap;

use crate::clear;
use crate::error::Result;
use crate::graph::{Network, Node, NodeId};
use crate::layers::Layer;
use crate::tensor::Tensor;
use crate::weights::Weights;

/// Smallest and largest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Range {
    const EMPTY: Range = Range { low: f64::INFINITY, high: f64::NEG_INFINITY };

    fn include(&mut self, values: &[f64]) {
        for value in values {
            self.low = self.low.min(*value);
            self.high = self.high.max(*value);
        }
    }

    /// The range with `margin` times its width added at both ends; never empty.
    pub fn widened(&self, margin: f64) -> [f64; 2] {
        let width = (self.high - self.low).max(1e-3);
        [self.low - margin * width, self.high + margin * width]
    }
}

/// Bins in which arguments are counted.
const BINS: usize = 1024;

/// What runs over calibration inputs show.
#[derive(Debug, Clone)]
pub struct Calibration {
    arguments: BTreeMap<NodeId, (Range, Vec<u64>)>,
    bound: f64,
}

impl Calibration {
    /// Runs `inputs` through the network in the clear: once for the ranges, once to count arguments within them.
    ///
    /// # Errors
    /// As [`clear::run`].
    pub fn new(network: &Network, weights: &Weights, inputs: &Tensor) -> Result<Calibration> {
        let mut ranges: BTreeMap<NodeId, Range> = BTreeMap::new();
        clear::run_observed(network, weights, inputs, |node, values| {
            ranges.entry(node.id()).or_insert(Range::EMPTY).include(values.data());
        })?;
        let bound = ranges.values().map(|range| range.high.abs().max(range.low.abs())).fold(0.0, f64::max);
        let read: BTreeMap<NodeId, Range> = ranges
            .into_iter()
            .filter(|(id, _)| activations(network).any(|node| node.inputs().contains(id)))
            .collect();
        let mut counts: BTreeMap<NodeId, Vec<u64>> = read.keys().map(|id| (*id, vec![0; BINS])).collect();
        clear::run_observed(network, weights, inputs, |node, values| {
            let Some((range, counts)) = read.get(&node.id()).zip(counts.get_mut(&node.id())) else { return };
            let scale = BINS as f64 / (range.high - range.low).max(f64::MIN_POSITIVE);
            for value in values.data() {
                // A conversion to an integer saturates, also for numbers that are none.
                let bin = ((value - range.low) * scale) as usize;
                if let Some(count) = counts.get_mut(bin.min(BINS - 1)) {
                    *count += 1;
                }
            }
        })?;
        let arguments = activations(network)
            .filter_map(|node| {
                let source = node.inputs().first()?;
                Some((node.id(), (*read.get(source)?, counts.get(source)?.clone())))
            })
            .collect();
        Ok(Calibration { arguments, bound })
    }

    /// Range of the argument of an activation; from -1 to 1 where nothing was seen.
    pub fn range(&self, activation: NodeId) -> Range {
        self.arguments.get(&activation).map_or(Range { low: -1.0, high: 1.0 }, |(range, _)| *range)
    }

    /// How many arguments of an activation lie in each of the bins of equal width over its range.
    pub fn density(&self, activation: NodeId) -> &[u64] {
        self.arguments.get(&activation).map_or(&[], |(_, counts)| counts)
    }

    /// Largest absolute value of any node.
    pub fn bound(&self) -> f64 {
        self.bound
    }
}

/// How many arguments of each polynomial activation leave its interval, and how many there are, by node.
///
/// # Errors
/// As [`clear::run`].
pub(crate) fn count_outside(
    network: &Network,
    weights: &Weights,
    inputs: &Tensor,
) -> Result<BTreeMap<NodeId, (u64, u64)>> {
    let mut counts: BTreeMap<NodeId, (u64, u64)> = BTreeMap::new();
    clear::run_observed(network, weights, inputs, |node, values| {
        for reader in activations(network).filter(|reader| reader.inputs().contains(&node.id())) {
            let (outside, of) = counts.entry(reader.id()).or_default();
            *of += values.data().len() as u64;
            if let Layer::Activation(crate::layers::Activation::Polynomial(polynomial)) = reader.layer() {
                let [low, high] = polynomial.interval;
                *outside += values.data().iter().filter(|x| **x < low || **x > high).count() as u64;
            }
        }
    })?;
    Ok(counts)
}

fn activations(network: &Network) -> impl Iterator<Item = &Node> {
    network.nodes().iter().filter(|node| matches!(node.layer(), Layer::Activation(_)))
}
