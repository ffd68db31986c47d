//! What stands in for a nonlinear function: the function itself where a scheme computes it, else a polynomial that is fitted
//! to it on the range that calibration data shows.

mod composite;
mod extension;
mod fit;
mod ranges;
pub mod remez;
mod search;

pub use composite::{CompositeSign, composite_relu, composite_sign};
pub use extension::{Extended, extend};
pub use fit::{fit, fit_weighted, largest_error};
pub(crate) use ranges::count_outside;
pub use ranges::{Calibration, Range};
pub use search::Search;

use std::collections::BTreeMap;

use he_traits::{Basis, Function, Polynomial};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::graph::{Network, Node, NodeId};
use crate::layers::{Activation, Chebyshev, Layer};
use crate::lower::Quadratic;

/// A function as it will be computed on ciphertexts.
#[derive(Debug, Clone, PartialEq)]
pub enum Nonlinear {
    /// By the scheme itself; no level is consumed.
    Exact(Function),
    /// A polynomial on an interval; the affine map of the interval onto [-1, 1] goes into the map before it.
    Polynomial(Chebyshev),
    /// `x^2`, one level, on any range.
    Square,
}

impl Nonlinear {
    /// Scale and shift that an argument needs beforehand.
    pub fn argument(&self) -> (f64, f64) {
        match self {
            Nonlinear::Polynomial(Chebyshev { interval: [low, high], .. }) => {
                (2.0 / (high - low), -(high + low) / (high - low))
            }
            _ => (1.0, 0.0),
        }
    }

    /// The value where the argument has been scaled and shifted already.
    pub fn at_argument(&self, t: f64) -> f64 {
        match self {
            Nonlinear::Exact(function) => function.at(t),
            Nonlinear::Polynomial(p) => {
                Chebyshev { interval: [-1.0, 1.0], coefficients: p.coefficients.clone() }.value(t)
            }
            Nonlinear::Square => t * t,
        }
    }

    /// The function as a polynomial of degree 2 in each of `count` arguments themselves, where it is one that was fitted.
    pub(crate) fn quadratic(&self, count: usize) -> Option<Quadratic> {
        let Nonlinear::Polynomial(Chebyshev { coefficients, .. }) = self else { return None };
        let &[constant, first, second] = &**coefficients else { return None };
        let (scale, shift) = self.argument();
        let of_unit = Quadratic { coefficients: vec![[constant - second, first, 2.0 * second]], each: count };
        Some(of_unit.of_argument(scale, shift))
    }

    /// The polynomial in the scaled argument, `None` for exact functions.
    ///
    /// # Errors
    /// [`Error::Step`] when coefficients are not finite.
    pub fn polynomial(&self) -> Result<Option<Polynomial>> {
        match self {
            Nonlinear::Exact(_) => Ok(None),
            Nonlinear::Polynomial(p) => Polynomial::new(Basis::Chebyshev, p.coefficients.clone()).map(Some),
            Nonlinear::Square => Polynomial::new(Basis::Monomial, vec![0.0, 0.0, 1.0]).map(Some),
        }
        .map_err(|source| Error::Step { step: "activation".to_owned(), source })
    }
}

/// How the degree of an activation's polynomial is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Degree {
    /// The same degree for each; the polynomials are fitted where arguments lie (weighted least squares).
    Fixed(usize),
    /// Degrees `2^k - 1` (all that `k` levels give), no higher than it takes for the polynomial network's outputs to be near
    /// the original ones on calibration inputs; fitted as for [`Degree::Fixed`].
    Output {
        /// Root mean square of the outputs' change, relative to that of the outputs.
        error: f64,
        /// Degree at most.
        most: usize,
    },
    /// For each the smallest degree `2^k - 1` whose largest error on the whole range is at most `error` (Chebyshev
    /// interpolation); `most` where none is.
    Error {
        /// Largest error on the range.
        error: f64,
        /// Degree at most.
        most: usize,
    },
}

/// What became of one activation: every program records it, because a silent switch would make backends incomparable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivationRecord {
    /// Name of the node.
    pub node: String,
    /// Kind of the activation in the network, as in `Sigmoid`.
    pub function: String,
    /// Smallest and largest argument over the calibration inputs.
    pub range: [f64; 2],
    /// What is computed.
    pub replacement: Replacement,
    /// Arguments of the polynomial network over the calibration inputs that leave the interval.
    pub outside: u64,
    /// Arguments looked at.
    pub looked_at: u64,
}

/// What is computed in an activation's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Replacement {
    /// The function itself.
    Exact,
    /// A polynomial of the network's own: nothing was replaced.
    Own {
        /// Its degree.
        degree: usize,
    },
    /// A fitted polynomial.
    Polynomial {
        /// Its degree.
        degree: usize,
        /// Where it is valid.
        interval: [f64; 2],
        /// Largest error on the interval, measured on a fine grid.
        error: f64,
    },
}

/// The functions of a network's activations, and what became of each.
#[derive(Debug, Clone)]
pub struct Functions {
    /// What is computed, by node.
    pub by_node: BTreeMap<NodeId, Nonlinear>,
    /// What became of each activation, in the order of the nodes.
    pub records: Vec<ActivationRecord>,
    /// The network with each replaced activation as a polynomial.
    pub network: Network,
}

/// Chooses what stands in for each activation: the function itself when the scheme is `exact`, else a polynomial on the
/// calibrated range, of the degree that `degree` says.
///
/// # Errors
/// Those of clear runs on the calibration inputs.
pub fn choose(search: &Search<'_>, exact: bool, degree: Degree) -> Result<Functions> {
    let network = search.network;
    let activations = || {
        network.nodes().iter().filter_map(|node| match node.layer() {
            Layer::Activation(activation) => Some((node, activation)),
            _ => None,
        })
    };
    let replaced: Vec<&Node> = activations()
        .filter(|(_, activation)| match activation {
            Activation::Square | Activation::Polynomial(_) => false,
            other => !exact || other.function().is_none(),
        })
        .map(|(node, _)| node)
        .collect();
    let polynomials = search.polynomials(degree, &replaced)?;
    let mut functions = Functions { by_node: BTreeMap::new(), records: Vec::new(), network: network.clone() };
    for (node, activation) in activations() {
        let (nonlinear, replacement) = match (activation, polynomials.get(&node.id())) {
            (_, Some((polynomial, error))) => {
                functions.replace(node, polynomial)?;
                let (degree, interval) = (polynomial.degree(), polynomial.interval);
                let replacement = Replacement::Polynomial { degree, interval, error: *error };
                (Nonlinear::Polynomial(polynomial.clone()), replacement)
            }
            (Activation::Polynomial(own), None) => {
                (Nonlinear::Polynomial(own.clone()), Replacement::Own { degree: own.degree() })
            }
            (other, None) => match other.function() {
                Some(function) if exact => (Nonlinear::Exact(function), Replacement::Exact),
                _ => (Nonlinear::Square, Replacement::Own { degree: 2 }),
            },
        };
        let range = search.calibration.range(node.id());
        functions.by_node.insert(node.id(), nonlinear);
        functions.records.push(ActivationRecord {
            node: node.name().to_owned(),
            function: node.layer().kind().to_owned(),
            range: [range.low, range.high],
            replacement,
            outside: 0,
            looked_at: 0,
        });
    }
    Ok(functions)
}
