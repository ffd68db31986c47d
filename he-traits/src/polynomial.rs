//! Polynomials in one encrypted variable.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

mod evaluate;

pub use evaluate::{evaluate, products};

/// The basis that coefficients refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Basis {
    /// Powers `x^i`.
    Monomial,
    /// Chebyshev polynomials of the first kind `T_i(x)` on `[-1, 1]`; the layer before carries the affine map.
    Chebyshev,
}

/// A polynomial with real coefficients, lowest degree first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Polynomial {
    basis: Basis,
    coefficients: Vec<f64>,
}

impl Polynomial {
    /// A polynomial from its coefficients, lowest degree first; zeros at the end are dropped.
    ///
    /// # Errors
    /// [`Error::Value`] when a coefficient is not finite, [`Error::Shape`] when there is none.
    pub fn new(basis: Basis, mut coefficients: Vec<f64>) -> Result<Self> {
        if let Some((position, value)) =
            coefficients.iter().copied().enumerate().find(|(_, c)| !c.is_finite())
        {
            return Err(Error::Value { op: "polynomial", position, value, reason: "it is not finite" });
        }
        if coefficients.is_empty() {
            return Err(Error::shape("polynomial", "at least one coefficient", "none"));
        }
        while coefficients.len() > 1 && coefficients.last() == Some(&0.0) {
            coefficients.pop();
        }
        Ok(Self { basis, coefficients })
    }

    /// The basis of the coefficients.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// Coefficients, lowest degree first; the last one is not zero unless it is the only one.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The degree; 0 for a constant.
    pub fn degree(&self) -> usize {
        self.coefficients.len().saturating_sub(1)
    }

    /// Levels that an evaluation consumes on every backend: `ceil(log2(degree + 1))`.
    pub fn depth(&self) -> u32 {
        self.coefficients.len().next_power_of_two().ilog2()
    }

    /// The value at `x` in the clear (Clenshaw's recurrence, or Horner's).
    pub fn at(&self, x: f64) -> f64 {
        match self.basis {
            Basis::Monomial => self.coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c),
            Basis::Chebyshev => {
                let (mut b1, mut b2) = (0.0, 0.0);
                for c in self.coefficients.iter().skip(1).rev() {
                    (b1, b2) = (2.0 * x * b1 - b2 + c, b1);
                }
                self.coefficients.first().copied().unwrap_or(0.0) + x * b1 - b2
            }
        }
    }
}
