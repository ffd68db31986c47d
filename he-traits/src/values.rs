//! Vectors of slots in the clear.

use std::borrow::Cow;

use num_complex::Complex64;

use crate::{Error, Result};

/// One vector of slots in the clear: what is encoded, encrypted, or lies on a diagonal of a linear map.
///
/// A vector may be shorter than the slots: it then **repeats**, and its length (the *period*) must divide the slots.
/// Backends may encode a periodic vector more cheaply than a full one, and a constant without any transform.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Diagonal {
    /// The same real number in each slot.
    Constant(f64),
    /// Real numbers, repeated to fill the slots.
    Real(Vec<f64>),
    /// Complex numbers, repeated to fill the slots; only for schemes with the capability `complex`.
    Complex(Vec<Complex64>),
}

impl Diagonal {
    /// Number of values before the vector repeats; 1 for a constant.
    pub fn period(&self) -> usize {
        match self {
            Self::Constant(_) => 1,
            Self::Real(values) => values.len(),
            Self::Complex(values) => values.len(),
        }
    }

    /// Checks that the vector fits a scheme of `slots` slots: its period divides them and each value is finite.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Value`], naming `op`.
    pub fn check(&self, op: &'static str, slots: usize) -> Result<()> {
        let period = self.period();
        if period == 0 || !slots.is_multiple_of(period) {
            return Err(Error::shape(op, format!("a vector whose length divides {slots} slots"), period));
        }
        let bad = match self {
            Self::Constant(value) => (!value.is_finite()).then_some((0, *value)),
            Self::Real(values) => values.iter().copied().enumerate().find(|(_, v)| !v.is_finite()),
            Self::Complex(values) => values
                .iter()
                .map(|v| if v.re.is_finite() { v.im } else { v.re })
                .enumerate()
                .find(|(_, v)| !v.is_finite()),
        };
        match bad {
            None => Ok(()),
            Some((position, value)) => Err(Error::Value { op, position, value, reason: "it is not finite" }),
        }
    }

    /// Whether each value is exactly zero.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Constant(value) => *value == 0.0,
            Self::Real(values) => values.iter().all(|v| *v == 0.0),
            Self::Complex(values) => values.iter().all(|v| v.re == 0.0 && v.im == 0.0),
        }
    }

    /// One period of the vector as real numbers.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on behalf of `backend` when a value has an imaginary part.
    pub fn real(&self, backend: &str) -> Result<Cow<'_, [f64]>> {
        match self {
            Self::Constant(value) => Ok(Cow::Owned(vec![*value])),
            Self::Real(values) => Ok(Cow::Borrowed(values)),
            Self::Complex(values) if values.iter().all(|v| v.im == 0.0) => {
                Ok(Cow::Owned(values.iter().map(|v| v.re).collect()))
            }
            Self::Complex(_) => Err(Error::Unsupported {
                backend: backend.to_owned(),
                what: "hold complex numbers: its slots are real".to_owned(),
            }),
        }
    }

    /// One period of the vector as complex numbers.
    pub fn complex(&self) -> Cow<'_, [Complex64]> {
        match self {
            Self::Constant(value) => Cow::Owned(vec![Complex64::from(*value)]),
            Self::Real(values) => Cow::Owned(values.iter().map(|v| Complex64::from(*v)).collect()),
            Self::Complex(values) => Cow::Borrowed(values),
        }
    }

    /// The same vector moved left by `step` (slot `i` of the result is slot `i + step`), at the same period.
    #[must_use]
    pub fn rotated(&self, step: usize) -> Self {
        fn left<T: Clone>(values: &[T], step: usize) -> Vec<T> {
            let mut rotated = values.to_vec();
            rotated.rotate_left(step.checked_rem(values.len()).unwrap_or(0));
            rotated
        }
        match self {
            Self::Constant(value) => Self::Constant(*value),
            Self::Real(values) => Self::Real(left(values, step)),
            Self::Complex(values) => Self::Complex(left(values, step)),
        }
    }
}

impl From<f64> for Diagonal {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl From<Vec<f64>> for Diagonal {
    fn from(values: Vec<f64>) -> Self {
        Self::Real(values)
    }
}
