//! The sign, and with it ReLU, as a composition of minimax polynomials.

use super::remez::{Parity, minimax, real};
use crate::error::Result;
use crate::layers::Chebyshev;

/// Share by which each polynomial's interval is wider than the values that reach it: noise of a scheme must not leave it.
const MARGIN: f64 = 1e-6;

/// Places of a grid over which an error is measured, and the octaves below 1 that its other half covers.
const GRID: usize = 4000;
const GRID_OCTAVES: f64 = 20.0;
/// Octaves between which the best start of the sign's range is looked for, and steps of that search.
const OCTAVES: [f64; 2] = [2.0, 16.0];
const SEARCH_STEPS: usize = 16;

/// A composition of odd polynomials near the sign (Lee, Lee, No: Minimax Approximation of Sign Function by Composite Polynomial
/// for Homomorphic Comparison, 2021). Each is the minimax polynomial on what the one before it leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct CompositeSign {
    /// The polynomials, in the order of evaluation; the first is defined on [-1, 1].
    pub polynomials: Vec<Chebyshev>,
    /// Arguments of at least this size are covered.
    pub from: f64,
    /// Largest error there.
    pub error: f64,
}

impl CompositeSign {
    /// Near -1 or 1, for `x` in [-1, 1].
    pub fn value(&self, x: f64) -> f64 {
        self.polynomials.iter().fold(x, |x, polynomial| polynomial.value(x))
    }

    /// Near `max(x, 0)` for `x` in [-1, 1]: `x (1 + sign x) / 2`.
    pub fn relu(&self, x: f64) -> f64 {
        0.5 * x * (1.0 + self.value(x))
    }

    /// Largest error of [`CompositeSign::relu`] on [-1, 1], on a grid that is fine near zero.
    pub fn relu_error(&self) -> f64 {
        let places = (0..=GRID).map(|i| i as f64 / GRID as f64);
        let near = places.clone().map(|t| (-t * GRID_OCTAVES).exp2());
        // Odd polynomials: the error is the same on both sides of zero.
        places.chain(near).map(|x| (self.relu(x) - x).abs()).fold(0.0, f64::max)
    }

    /// Multiplications one after the other, without the last product of ReLU.
    pub fn depth(&self) -> u32 {
        self.polynomials.iter().map(|p| (p.degree() + 1).next_power_of_two().ilog2()).sum()
    }
}

/// The composite minimax sign with polynomials of `degrees` (odd), for arguments of size `from` to 1.
///
/// # Errors
/// Those of [`minimax`]: an even degree, or more precision than the exchange can level.
pub fn composite_sign(from: f64, degrees: &[usize]) -> Result<CompositeSign> {
    let (mut low, mut high) = (from, 1.0_f64);
    let mut polynomials = Vec::with_capacity(degrees.len());
    let mut error = 1.0;
    for degree in degrees {
        let found = minimax(|_| real(1.0), [low, high], [-high, high], *degree, Parity::Odd)?;
        error = found.error;
        polynomials.push(found.polynomial);
        (low, high) = ((1.0 - error) * (1.0 - MARGIN), (1.0 + error) * (1.0 + MARGIN));
    }
    Ok(CompositeSign { polynomials, from, error })
}

/// The composite sign of `degrees` with which ReLU on [-1, 1] has the smallest error.
///
/// A sign that is good nearer to zero is worse elsewhere; ReLU forgives errors near zero, because they are multiplied by the argument. The
/// search finds where both are equal. Degrees 15, 15, 27 give ReLU to 13 bits (Lee et al. 2022, Privacy-Preserving Machine Learning With
/// Fully Homomorphic Encryption for Deep Neural Network).
///
/// # Errors
/// Those of [`composite_sign`].
pub fn composite_relu(degrees: &[usize]) -> Result<CompositeSign> {
    let [mut few, mut many] = OCTAVES;
    let mut best: Option<(f64, CompositeSign)> = None;
    for _ in 0..SEARCH_STEPS {
        let octaves = 0.5 * (few + many);
        let sign = composite_sign((-octaves).exp2(), degrees)?;
        let error = sign.relu_error();
        // The levelled error rules where arguments are large: then the range reaches too far towards zero.
        if 0.5 * sign.error >= 0.999 * error {
            many = octaves;
        } else {
            few = octaves;
        }
        if best.as_ref().is_none_or(|(least, _)| error < *least) {
            best = Some((error, sign));
        }
    }
    match best {
        Some((_, sign)) => Ok(sign),
        None => composite_sign(0.5, degrees),
    }
}
