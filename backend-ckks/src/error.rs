//! What can go wrong inside the native engine.

/// Errors of `backend-ckks` below the contract; at the contract they become [`he_traits::Error`].
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A modulus that the kernels cannot work with.
    #[error("{value} cannot be a limb's modulus: {reason}")]
    Prime {
        /// The number.
        value: u64,
        /// What it lacks.
        reason: &'static str,
    },
    /// A ring degree outside the supported sizes.
    #[error("ring degree {degree}: a power of two from {least} to {most} is needed")]
    Degree {
        /// The degree asked for.
        degree: usize,
        /// Smallest supported.
        least: usize,
        /// Largest supported.
        most: usize,
    },
    /// More special primes than a key-switching digit may have limbs.
    #[error("{count} special primes: {most} at most")]
    Special {
        /// How many came.
        count: usize,
        /// How many are supported.
        most: usize,
    },
    /// The same prime twice.
    #[error("the prime {value} stands in the modulus chain twice")]
    RepeatedPrime {
        /// The prime.
        value: u64,
    },
}

impl From<Error> for he_traits::Error {
    fn from(error: Error) -> Self {
        Self::Backend { backend: "ckks", source: Box::new(error) }
    }
}
