//! Which degree each activation gets.

use std::collections::BTreeMap;

use super::{Calibration, Degree, Functions, fit, fit_weighted, largest_error};
use crate::clear;
use crate::error::Result;
use crate::graph::{Network, Node, NodeId};
use crate::layers::{Activation, Chebyshev};
use crate::tensor::Tensor;
use crate::weights::Weights;

/// The lowest degree worth trying: `2^k - 1` is all that `k` levels give.
const LEAST: usize = 3;
/// Calibration inputs on which candidates are compared.
const COMPARED_INPUTS: usize = 256;
/// An error larger by this factor is no reason to spend a level.
const NEXT_TO_NOTHING: f64 = 1.05;

/// What a search over degrees looks at.
pub struct Search<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a Weights,
    /// Calibration inputs.
    pub inputs: &'a Tensor,
    /// What they show.
    pub calibration: &'a Calibration,
    /// Share of its width by which a range is widened at both ends.
    pub margin: f64,
}

impl Search<'_> {
    /// A polynomial and its largest error for each activation that must be replaced.
    pub(super) fn polynomials(
        &self,
        degree: Degree,
        replaced: &[&Node],
    ) -> Result<BTreeMap<NodeId, (Chebyshev, f64)>> {
        let found: Vec<Chebyshev> = match degree {
            Degree::Fixed(degree) => replaced.iter().map(|node| self.weighted(node, degree)).collect(),
            Degree::Error { error, most } => {
                replaced.iter().map(|node| self.within(node, error, most)).collect()
            }
            Degree::Output { error, most } => self.for_output(error, most, replaced)?,
        };
        let with_error = |(node, polynomial): (&&Node, Chebyshev)| {
            let error = largest_error(|x| value(node, x), &polynomial);
            (node.id(), (polynomial, error))
        };
        Ok(replaced.iter().zip(found).map(with_error).collect())
    }

    fn interval(&self, node: &Node) -> [f64; 2] {
        self.calibration.range(node.id()).widened(self.margin)
    }

    fn weighted(&self, node: &Node, degree: usize) -> Chebyshev {
        let (range, density) = (self.calibration.range(node.id()), self.calibration.density(node.id()));
        fit_weighted(|x| value(node, x), self.interval(node), degree, range, density)
    }

    /// The smallest degree whose largest error is small enough.
    fn within(&self, node: &Node, error: f64, most: usize) -> Chebyshev {
        let mut degree = LEAST.min(most);
        loop {
            let polynomial = fit(|x| value(node, x), self.interval(node), degree);
            if degree >= most || largest_error(|x| value(node, x), &polynomial) <= error {
                return polynomial;
            }
            degree = (2 * degree + 1).min(most);
        }
    }

    /// Raises, level by level, the degree that brings the network's outputs nearest to the original ones until they are near
    /// enough; then lowers whatever turns out not to be needed.
    fn for_output(&self, error: f64, most: usize, replaced: &[&Node]) -> Result<Vec<Chebyshev>> {
        let inputs = self.inputs.rows(0, COMPARED_INPUTS);
        let original = clear::run(self.network, self.weights, &inputs)?;
        let mut degrees = vec![LEAST.min(most); replaced.len()];
        let mut reached = self.output_error(&degrees, replaced, &inputs, &original)?;
        while reached > error && degrees.iter().any(|degree| *degree < most) {
            let mut best: Option<(f64, Vec<usize>)> = None;
            for index in 0..degrees.len() {
                let mut raised = degrees.clone();
                let Some(degree) = raised.get_mut(index).filter(|degree| **degree < most) else { continue };
                *degree = (2 * *degree + 1).min(most);
                let error = self.output_error(&raised, replaced, &inputs, &original)?;
                if best.as_ref().is_none_or(|(least, _)| error < *least) {
                    best = Some((error, raised));
                }
            }
            let Some((error, raised)) = best else { break };
            (reached, degrees) = (error, raised);
        }
        // Where the error cannot be reached, degrees that change next to nothing are still not worth their levels.
        let kept = error.max(NEXT_TO_NOTHING * reached);
        for index in 0..degrees.len() {
            let mut lowered = degrees.clone();
            let Some(degree) = lowered.get_mut(index).filter(|degree| **degree > LEAST) else { continue };
            *degree /= 2;
            if self.output_error(&lowered, replaced, &inputs, &original)? <= kept {
                degrees = lowered;
            }
        }
        Ok(replaced.iter().zip(degrees).map(|(node, degree)| self.weighted(node, degree)).collect())
    }

    /// Root mean square of the change of the outputs, relative to that of the outputs; infinite where they are no numbers.
    fn output_error(
        &self,
        degrees: &[usize],
        replaced: &[&Node],
        inputs: &Tensor,
        original: &Tensor,
    ) -> Result<f64> {
        let mut network = self.network.clone();
        for (node, degree) in replaced.iter().zip(degrees) {
            network =
                network.with_layer(node.name(), Activation::Polynomial(self.weighted(node, *degree)))?;
        }
        let got = clear::run(&network, self.weights, inputs)?;
        let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>();
        let change = squares(&mut got.data().iter().zip(original.data()).map(|(a, b)| a - b));
        let relative = (change / squares(&mut original.data().iter().copied()).max(f64::MIN_POSITIVE)).sqrt();
        Ok(if relative.is_nan() { f64::INFINITY } else { relative })
    }
}

impl Functions {
    pub(super) fn replace(&mut self, node: &Node, polynomial: &Chebyshev) -> Result<()> {
        let network = self.network.clone();
        self.network = network.with_layer(node.name(), Activation::Polynomial(polynomial.clone()))?;
        Ok(())
    }
}

/// The activation of a node at `x`.
fn value(node: &Node, x: f64) -> f64 {
    match node.layer() {
        crate::layers::Layer::Activation(activation) => activation.at(x),
        _ => x,
    }
}
