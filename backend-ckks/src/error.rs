//! What can go wrong inside the native engine.

use crate::security::SecretKind;

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
    /// A modulus too large for 128 bits of security.
    #[error(
        "log2(QP) is {bits:.1} at ring degree {degree} with a {secret}; 128 bits of security allow {limit}: take a larger ring, \
         fewer levels or smaller primes"
    )]
    Insecure {
        /// Ring degree.
        degree: usize,
        /// The secret.
        secret: SecretKind,
        /// log2 of the modulus, special primes included.
        bits: f64,
        /// What the table allows.
        limit: u32,
    },
    /// A ring and secret that no table of security covers.
    #[error("no security table covers ring degree {degree} with a {secret}")]
    NoTable {
        /// Ring degree.
        degree: usize,
        /// The secret.
        secret: SecretKind,
    },
    /// No ring of the tables is large enough.
    #[error(
        "{depth} levels of {scale_bits} bits with {slots} slots need log2(QP) of {needs:.0}, more than any ring of the 128-bit \
         tables allows"
    )]
    NoSecureSet {
        /// Levels wanted.
        depth: usize,
        /// Bits of the scale.
        scale_bits: u32,
        /// Slots wanted.
        slots: usize,
        /// log2 of the modulus in the largest ring.
        needs: f64,
    },
    /// A value outside its range.
    #[error("{what}: got {got}, expected {expected}")]
    Parameter {
        /// Which value.
        what: &'static str,
        /// What came.
        got: f64,
        /// What is wanted.
        expected: &'static str,
    },
    /// Too few primes of a size.
    #[error("ring degree {degree} has no free prime near 2^{bits:.1}: take another scale")]
    NoPrime {
        /// Ring degree.
        degree: usize,
        /// log2 of the size wanted.
        bits: f64,
    },
    /// Noise that would hide a decryption's error hides the values too.
    #[error(
        "{queries} released decryptions with {bits} bits of statistical security need noise of 2^{flooding:.1} over an error of \
         2^{noise:.1}, and the scale is 2^{scale:.1}: {missing:.1} bits are missing in the slots; release fewer results, or take a \
         larger scale"
    )]
    NoPrecision {
        /// Decryptions to be released.
        queries: u64,
        /// Statistical security asked for.
        bits: u32,
        /// log2 of the bound on the error of a coefficient.
        noise: f64,
        /// log2 of the deviation of the flooding noise.
        flooding: f64,
        /// log2 of the scale.
        scale: f64,
        /// Bits by which the noise exceeds values near 1 in the worst slot.
        missing: f64,
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
        match error {
            Error::Insecure { .. }
            | Error::NoTable { .. }
            | Error::NoSecureSet { .. }
            | Error::Parameter { .. }
            | Error::NoPrime { .. } => Self::parameters(error.to_string()),
            error => Self::Backend { backend: "ckks", source: Box::new(error) },
        }
    }
}
