//! What is measured, and what must be reached.

/// An operation of both backends, at the top level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Encode,
    EncryptSecret,
    EncryptPublic,
    Decrypt,
    Add,
    Multiply,
    MultiplyPlain,
    Rotate,
    RotateEight,
    Linear,
}

impl Operation {
    pub(crate) const ALL: [Self; 10] = [
        Self::Encode,
        Self::EncryptSecret,
        Self::EncryptPublic,
        Self::Decrypt,
        Self::Add,
        Self::Multiply,
        Self::MultiplyPlain,
        Self::Rotate,
        Self::RotateEight,
        Self::Linear,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::EncryptSecret => "encrypt, secret key (encoding included)",
            Self::EncryptPublic => "encrypt, public key (encoding included)",
            Self::Decrypt => "decrypt (decoding included)",
            Self::Add => "add",
            Self::Multiply => "multiply + relinearise + rescale",
            Self::MultiplyPlain => "plaintext multiply + rescale",
            Self::Rotate => "rotate",
            Self::RotateEight => "8 rotations, hoisted (SEAL: 8 single ones)",
            Self::Linear => "linear, 128 diagonals",
        }
    }

    /// How many times faster than SEAL, on one thread, henna wants to be.
    pub(crate) fn mark(self, log_degree: u32) -> Option<f64> {
        if !(14..=15).contains(&log_degree) {
            return None;
        }
        match self {
            Self::Encode | Self::Decrypt => Some(3.0),
            Self::EncryptSecret | Self::EncryptPublic => Some(6.0),
            Self::Multiply | Self::Rotate => Some(8.0),
            Self::RotateEight => Some(20.0),
            Self::Linear => (log_degree == 15).then_some(12.0),
            Self::Add | Self::MultiplyPlain => None,
        }
    }
}

/// Milliseconds that a native rotation at N = 2^16 with 29 primes in all may take on one thread.
pub(crate) const ROTATION_AT_2_16: f64 = 60.0;

/// What all threads, where they are two, should gain over one on `linear`.
pub(crate) const GAIN_OF_TWO_THREADS: f64 = 1.7;
