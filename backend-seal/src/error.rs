//! What can go wrong inside this backend, with the numbers that say why.

use crate::sys;

/// A failure of the SEAL backend that the contract's own errors do not cover.
///
/// It reaches callers of the contract as the source of `he_traits::Error::Backend`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// SEAL refused a call.
    #[error("SEAL refused {op}: {reason}")]
    Refused {
        /// The operation that was asked for.
        op: &'static str,
        /// What SEAL's status code means.
        reason: &'static str,
    },
    /// The modulus is too large for 128-bit security at this ring degree.
    #[error(
        "log2(QP) is {bits}, above the {limit} that ring degree {ring_degree} allows at 128-bit security: \
         fewer levels, a smaller scale or a larger ring"
    )]
    Insecure {
        /// Ring degree N.
        ring_degree: usize,
        /// Bits of the whole modulus, special modulus counted.
        bits: u32,
        /// Most bits allowed.
        limit: u32,
    },
    /// A parameter lies outside what SEAL or this crate can work with.
    #[error("{what} is {got}, allowed are {least} to {most}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// What was asked for.
        got: u64,
        /// The smallest allowed value.
        least: u64,
        /// The largest allowed value.
        most: u64,
    },
    /// The ring degree is not a power of two.
    #[error("ring degree {got} is not a power of two")]
    NotPowerOfTwo {
        /// What was asked for.
        got: usize,
    },
    /// There are not enough primes equal to 1 modulo 2N near the wanted size.
    #[error("no free prime = 1 mod {step} near 2^{bits}: take a larger scale or a smaller ring")]
    NoPrime {
        /// 2N.
        step: u64,
        /// The size that was looked for.
        bits: u32,
    },
    /// No secure parameter set carries what was asked for.
    #[error(
        "no secure set has {depth} levels of {scale_bits} bits and {slots} slots: at N = 32768 there are 881 bits \
         for all primes together, this needs {needs}"
    )]
    NoSecureSet {
        /// Levels asked for.
        depth: usize,
        /// Bits of the scale asked for.
        scale_bits: u32,
        /// Slots asked for.
        slots: usize,
        /// Bits that it would take.
        needs: u32,
    },
    /// SEAL did not accept the parameters as a whole.
    #[error("SEAL did not accept the parameters: {0}")]
    Context(String),
    /// Serialised bytes are not what their header or the parameters promise.
    #[error("{what}: {reason}")]
    Malformed {
        /// Which object was being read.
        what: &'static str,
        /// What is wrong with the bytes.
        reason: String,
    },
    /// Rotation keys do not fit under the cap, even the base set alone.
    #[error(
        "the base set of {keys} rotation keys takes {needs} bytes, the cap is {cap}: raise the cap or take a \
         smaller parameter set"
    )]
    KeyMemory {
        /// Number of keys in the base set.
        keys: usize,
        /// Bytes that they take.
        needs: u64,
        /// The cap.
        cap: u64,
    },
}

impl SealError {
    /// Turns a status of the C interface into a result that names the operation.
    pub(crate) fn check(op: &'static str, status: sys::Status) -> Result<(), Self> {
        if status == 0 {
            return Ok(());
        }
        // The codes are patterns of 32 bits in a `long`, which is wider on some systems.
        let code = status as u32;
        let reason = match code {
            sys::NULL_POINTER => "a null pointer where an object was needed",
            sys::INVALID_ARGUMENT => "an argument does not fit the parameters",
            sys::INVALID_OPERATION => "the data is invalid or the operation does not apply to it",
            sys::INPUT_OUTPUT => "the bytes ended early or the buffer is too small",
            _ => "an unknown status",
        };
        Err(Self::Refused { op, reason })
    }
}

impl From<SealError> for he_traits::Error {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Malformed { what, reason } => Self::Malformed { what, reason },
            error @ (SealError::Refused { .. } | SealError::Context(_)) => {
                Self::Backend { backend: "seal", source: Box::new(error) }
            }
            refused => Self::parameters(refused),
        }
    }
}
