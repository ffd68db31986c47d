//! What only some schemes can do. A capability is a value asked for at planning time, never a panic at run time.

use serde::{Deserialize, Serialize};

use crate::{Level, Result};

/// The capability that is not there: a type without values.
#[derive(Clone, Copy, Debug)]
pub enum Absent {}

/// Which parts of the slots a refresh must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parts {
    /// The slots are real: two ciphertexts may share one refresh as real and imaginary part.
    Real,
    /// Both parts matter.
    Both,
}

/// Raising ciphertexts to a higher level: bootstrapping, or a round trip to the client.
pub trait Refresh<C>: Send + Sync {
    /// Fresh ciphertexts of the same slots at level `to`. Takes several at once, because real ones can share the work.
    ///
    /// # Errors
    /// [`crate::Error::LevelRaise`] when `to` is above what the profile states.
    fn refresh(&self, x: &[&C], parts: Parts, to: Level) -> Result<Vec<C>>;
}

/// A nonlinear function of one real variable. An enum and not a closure, so that programs stay plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Function {
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `max(x, 0)`.
    Relu,
    /// `x / (1 + e^-x)`.
    Silu,
    /// `e^x`.
    Exp,
    /// Natural logarithm; the argument must be positive.
    Ln,
    /// Square root; the argument must not be negative.
    Sqrt,
    /// `1 / x`; the argument must not be zero.
    Reciprocal,
    /// `x^2`.
    Square,
}

impl Function {
    /// The value in the clear.
    pub fn at(self, x: f64) -> f64 {
        match self {
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::Relu => x.max(0.0),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Exp => x.exp(),
            Self::Ln => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Reciprocal => 1.0 / x,
            Self::Square => x * x,
        }
    }

    /// The name in lower case, as in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Relu => "relu",
            Self::Silu => "silu",
            Self::Exp => "exp",
            Self::Ln => "ln",
            Self::Sqrt => "sqrt",
            Self::Reciprocal => "reciprocal",
            Self::Square => "square",
        }
    }
}

/// Nonlinear functions without approximation.
pub trait Exact<C>: Send + Sync {
    /// `function` of each slot; no level is consumed.
    ///
    /// # Errors
    /// [`crate::Error::Value`] when a slot leaves the function's domain and the scheme can tell.
    fn apply(&self, x: &C, function: Function) -> Result<C>;

    /// Slot by slot quotient.
    ///
    /// # Errors
    /// As [`Exact::apply`].
    fn div(&self, a: &C, b: &C) -> Result<C>;
}

/// Operations on complex slots that consume no level.
pub trait Complex<C>: Send + Sync {
    /// The complex conjugate of each slot.
    ///
    /// # Errors
    /// [`crate::Error::MissingConjugation`].
    fn conjugate(&self, x: &C) -> Result<C>;

    /// Each slot times the imaginary unit.
    ///
    /// # Errors
    /// Those of the library behind the backend.
    fn mul_i(&self, x: &C) -> Result<C>;
}

impl<C> Refresh<C> for Absent {
    fn refresh(&self, _: &[&C], _: Parts, _: Level) -> Result<Vec<C>> {
        match *self {}
    }
}

impl<C> Exact<C> for Absent {
    fn apply(&self, _: &C, _: Function) -> Result<C> {
        match *self {}
    }

    fn div(&self, _: &C, _: &C) -> Result<C> {
        match *self {}
    }
}

impl<C> Complex<C> for Absent {
    fn conjugate(&self, _: &C) -> Result<C> {
        match *self {}
    }

    fn mul_i(&self, _: &C) -> Result<C> {
        match *self {}
    }
}
