//! What a program asks of a scheme's parameters.

use serde::{Deserialize, Serialize};

/// What parameters must offer; [`crate::Scheme::parameters`] finds the smallest secure set that does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Requirements {
    /// Multiplications one after the other.
    pub depth: u32,
    /// Slots that a ciphertext must have at least.
    pub slots: usize,
    /// Bits of absolute precision wanted of values near 1.
    pub precision_bits: u32,
    /// Largest absolute value that a slot may reach, at any step.
    pub bound: f64,
}
