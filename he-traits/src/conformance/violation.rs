//! Which law broke, on what, and how.

use std::fmt;

use crate::{Complex64, Error, Level};

/// What a law gives: nothing, or the violation that ended the suite.
pub type Outcome<T = ()> = Result<T, Violation>;

/// A law of the contract that a backend does not keep.
#[derive(Debug, thiserror::Error)]
#[error("law \"{law}\" is broken at level {level}, {case}: {breach}")]
pub struct Violation {
    /// Name of the law.
    pub law: &'static str,
    /// The operation and its operands.
    pub case: String,
    /// Level of the operands.
    pub level: Level,
    /// What is wrong.
    pub breach: Box<Breach>,
}

/// In which way a law is broken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Breach {
    /// A slot is further from the right value than allowed.
    #[error("slot {slot} should hold {expected}, holds {got} (allowed error {allowed:.1e})")]
    Value {
        /// Position of the worst slot.
        slot: usize,
        /// The right value.
        expected: Complex64,
        /// The decrypted value.
        got: Complex64,
        /// Largest error that would have passed.
        allowed: f64,
    },
    /// A result is at another level than the contract says.
    #[error("the result should be at level {expected}, is at {got}")]
    Level {
        /// Level by the contract.
        expected: Level,
        /// Level of the result.
        got: Level,
    },
    /// There are too many or too few of something.
    #[error("{expected} {what} expected, got {got}")]
    Number {
        /// What was counted.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// Something that must be refused was accepted.
    #[error("it was accepted, the contract asks for {refusal}")]
    Accepted {
        /// How it should be refused.
        refusal: Refusal,
    },
    /// Something was refused with another error than the contract says.
    #[error("the contract asks for {refusal}, the error is: {error}")]
    OtherError {
        /// How it should be refused.
        refusal: Refusal,
        /// The error that came.
        error: Error,
    },
    /// Something that must work failed.
    #[error("it failed: {0}")]
    Failed(Error),
    /// A statement about the backend does not hold.
    #[error("{0}")]
    Statement(String),
}

/// The error that the contract asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// [`Error::LevelExhausted`].
    LevelExhausted,
    /// [`Error::LevelMismatch`].
    LevelMismatch,
    /// [`Error::LevelRaise`].
    LevelRaise,
    /// [`Error::MissingRotation`].
    MissingRotation,
    /// [`Error::MissingRelinearisation`].
    MissingRelinearisation,
    /// [`Error::MissingConjugation`].
    MissingConjugation,
    /// [`Error::Shape`].
    Shape,
    /// [`Error::Value`].
    Value,
    /// [`Error::Unsupported`].
    Unsupported,
    /// [`Error::Malformed`].
    Malformed,
    /// [`Error::Schedule`].
    Schedule,
    /// Any error.
    Any,
}

impl Refusal {
    /// Whether `error` is the one asked for.
    pub fn matches(self, error: &Error) -> bool {
        match self {
            Self::LevelExhausted => matches!(error, Error::LevelExhausted { .. }),
            Self::LevelMismatch => matches!(error, Error::LevelMismatch { .. }),
            Self::LevelRaise => matches!(error, Error::LevelRaise { .. }),
            Self::MissingRotation => matches!(error, Error::MissingRotation { .. }),
            Self::MissingRelinearisation => matches!(error, Error::MissingRelinearisation { .. }),
            Self::MissingConjugation => matches!(error, Error::MissingConjugation { .. }),
            Self::Shape => matches!(error, Error::Shape { .. }),
            Self::Value => matches!(error, Error::Value { .. }),
            Self::Unsupported => matches!(error, Error::Unsupported { .. }),
            Self::Malformed => matches!(error, Error::Malformed { .. }),
            Self::Schedule => matches!(error, Error::Schedule { .. }),
            Self::Any => true,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("an error"),
            named => write!(f, "Error::{named:?}"),
        }
    }
}
