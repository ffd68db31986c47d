//! The one error type of the contract: every variant carries the numbers that a reader needs to act.

use crate::{Level, Step};

/// Shorthand for results of the contract.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong when a scheme is asked for something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operation consumes more levels than the operand has.
    #[error("{op} needs {needs} levels, {level} left; take parameters with more levels or plan a refresh")]
    LevelExhausted {
        /// Operation that was asked for.
        op: &'static str,
        /// Level of the operand.
        level: Level,
        /// Levels that the operation consumes.
        needs: u32,
    },
    /// Two operands that must share a level do not.
    #[error(
        "{op} takes operands of one level, got {left} and {right}; bring them together with drop_to or combine"
    )]
    LevelMismatch {
        /// Operation that was asked for.
        op: &'static str,
        /// Level of the left (or expected) operand.
        left: Level,
        /// Level of the right (or given) operand.
        right: Level,
    },
    /// A ciphertext cannot be lifted to a higher level without a refresh.
    #[error("{op} cannot raise a ciphertext from level {from} to {to}; only a refresh can")]
    LevelRaise {
        /// Operation that was asked for.
        op: &'static str,
        /// Level of the operand.
        from: Level,
        /// Level asked for.
        to: Level,
    },
    /// The evaluation keys lack a rotation at the level where it is used.
    #[error("no rotation key for step {step} at level {level}; generate keys from the program's key needs")]
    MissingRotation {
        /// Rotation step, normalised.
        step: Step,
        /// Level of the operand.
        level: Level,
    },
    /// The evaluation keys lack the relinearisation key (at this level).
    #[error("no relinearisation key for level {level}; generate keys from the program's key needs")]
    MissingRelinearisation {
        /// Level of the operand.
        level: Level,
    },
    /// The evaluation keys lack the conjugation key (at this level).
    #[error("no conjugation key for level {level}; generate keys from the program's key needs")]
    MissingConjugation {
        /// Level of the operand.
        level: Level,
    },
    /// A size does not fit.
    #[error("{op}: expected {expected}, got {got}")]
    Shape {
        /// Operation that was asked for.
        op: &'static str,
        /// What would have been right, in words and numbers.
        expected: String,
        /// What came.
        got: String,
    },
    /// A number that is not finite, or outside what the scheme can carry.
    #[error("{op}: value {value} at position {position} is not usable: {reason}")]
    Value {
        /// Operation that was asked for.
        op: &'static str,
        /// Position within the input.
        position: usize,
        /// The value itself.
        value: f64,
        /// Why it is refused.
        reason: &'static str,
    },
    /// The scheme cannot do this at all.
    #[error("{backend} cannot {what}")]
    Unsupported {
        /// Name of the backend.
        backend: String,
        /// The thing asked for, as a verb phrase.
        what: String,
    },
    /// Parameters that no secure or consistent instance exists for.
    #[error("parameters refused: {reason}")]
    Parameters {
        /// What is wrong, with numbers and what to do.
        reason: String,
    },
    /// Bytes from outside that are not what they should be.
    #[error("cannot read {what}: {reason}")]
    Malformed {
        /// Kind of object that was to be read.
        what: &'static str,
        /// What is wrong with the bytes.
        reason: String,
    },
    /// A schedule that does not serve the map it was given with.
    #[error("schedule does not cover the map: {reason}")]
    Schedule {
        /// What is missing.
        reason: String,
    },
    /// An error of the library behind a backend.
    #[error("{backend}: {source}")]
    Backend {
        /// Name of the backend.
        backend: &'static str,
        /// The library's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// A [`Error::Shape`] from anything printable.
    pub fn shape(op: &'static str, expected: impl ToString, got: impl ToString) -> Self {
        Self::Shape { op, expected: expected.to_string(), got: got.to_string() }
    }

    /// A [`Error::Malformed`] from anything printable.
    pub fn malformed(what: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { what, reason: reason.to_string() }
    }

    /// A [`Error::Parameters`] from anything printable.
    pub fn parameters(reason: impl ToString) -> Self {
        Self::Parameters { reason: reason.to_string() }
    }
}
