//! How much error computations leave in a ciphertext.
//!
//! CKKS mixes a small error into every value. [`NoiseModel`] knows how large the error of each source is: variances of coefficients
//! as in Costache, Curtis, Hales, Murphy, Ogilvie and Player 2023 ("On the precision loss in approximate homomorphic encryption").
//! [`NoiseSimulator`] follows values and errors through a program without keys or ciphertexts, slot by slot, because a large value
//! makes the error of its slot larger than that of others (Bossuat, Costache, Mouchet, Nuernberger and Troncoso-Pastoriza 2025).

mod evaluator;
mod simulator;

use crate::Parameters;
use crate::security::SecretKind;

pub use simulator::{Noise, NoiseSimulator, NoisyFactor};

/// Variance of an error of encryption: see `sampling`.
const ERROR: f64 = 3.2 * 3.2;
/// Variance of rounding to integers.
const ROUNDING: f64 = 1.0 / 12.0;

/// Size of each source of errors, for one set of parameters. All figures are variances of a slot's error as a complex number, in
/// units of the values.
#[derive(Clone, Debug)]
pub struct NoiseModel {
    degree: f64,
    /// Expected number of nonzero coefficients of the secret.
    weight: f64,
    /// By level.
    scales: Vec<f64>,
    chain: Vec<f64>,
    special: Vec<f64>,
}

impl NoiseModel {
    /// For ciphertexts of `params`.
    #[must_use]
    pub fn new(params: &Parameters) -> Self {
        let literal = params.literal();
        let degree = params.degree() as f64;
        let float = |primes: &[u64]| primes.iter().map(|prime| *prime as f64).collect::<Vec<_>>();
        Self {
            degree,
            weight: match literal.secret {
                SecretKind::Ternary => degree * 2.0 / 3.0,
                SecretKind::Sparse { weight } => f64::from(weight),
            },
            scales: (0..=params.depth()).filter_map(|level| params.scale(level)).collect(),
            chain: float(&literal.chain),
            special: float(&literal.special),
        }
    }

    /// A slot is a sum of N coefficients, each turned.
    fn in_slots(&self, coefficients: f64, level: usize) -> f64 {
        let scale = self.scales.get(level).copied().unwrap_or(f64::NAN);
        coefficients * self.degree / (scale * scale)
    }

    /// Encryption with the secret key: an error, and the rounding of the values.
    #[must_use]
    pub fn encryption(&self, level: usize) -> f64 {
        self.in_slots(ERROR + ROUNDING, level)
    }

    /// Encryption with the public key: an error, the key's error times a ternary mask, and an error times the secret.
    #[must_use]
    pub fn public_key_encryption(&self, level: usize) -> f64 {
        let errors = 1.0 + self.degree * 2.0 / 3.0 + self.weight;
        self.in_slots(ERROR * errors + ROUNDING, level)
    }

    /// Encoding of values that repeat with `period`: rounding of the coefficients that are not zero.
    #[must_use]
    pub fn encoding(&self, period: usize, level: usize) -> f64 {
        self.in_slots(ROUNDING, level) * (2.0 * period as f64 / self.degree).min(1.0)
    }

    /// Division of a ciphertext by a prime or the special primes, with a result at `level`: both halves are rounded, and one meets
    /// the secret.
    #[must_use]
    pub fn division(&self, level: usize) -> f64 {
        self.in_slots(ROUNDING * (1.0 + self.weight), level)
    }

    /// A key's errors: each digit, uniform below its primes' product, times an error, divided by the special primes. Of a
    /// coefficient.
    fn key_errors(&self, level: usize) -> f64 {
        let special: f64 = self.special.iter().product();
        let digits = self.chain.get(..=level).unwrap_or_default().chunks(self.special.len().max(1));
        let ratios = digits.map(|digit| (digit.iter().product::<f64>() / special).powi(2));
        self.degree * ROUNDING * ERROR * ratios.sum::<f64>()
    }

    /// Key switching of a rotation or conjugation, with its division by the special primes.
    #[must_use]
    pub fn rotation(&self, level: usize) -> f64 {
        self.in_slots(self.key_errors(level), level) + self.division(level)
    }

    /// Relinearisation of a product of operands at `level`, and the rescale: one division by the special primes and the level's.
    #[must_use]
    pub fn relinearisation(&self, level: usize) -> f64 {
        let (Some(lower), Some(prime)) = (level.checked_sub(1), self.chain.get(level)) else {
            return f64::NAN;
        };
        self.in_slots(self.key_errors(level) / (prime * prime), lower) + self.division(lower)
    }

    /// A product of two values near 1, each itself a result of a product, at the worst level.
    #[must_use]
    pub fn product(&self) -> f64 {
        let result = |level: usize| {
            let operand = self.division(level);
            2.0 * operand + operand * operand + self.relinearisation(level)
        };
        let without_levels = self.encryption(0);
        (1..self.scales.len()).map(result).fold(without_levels, f64::max)
    }

    /// Bits of absolute precision to expect in the worst slot, where errors of slots have this variance.
    #[must_use]
    pub fn precision_bits(&self, variance: f64) -> f64 {
        -(self.worst_of_slots() * variance.sqrt()).log2()
    }

    /// The worst of N / 2 slots against the deviation: squares of complex Gaussians are exponential, and the largest of n of them
    /// is about ln(n), above ln(n) + 6 in one of four hundred cases.
    fn worst_of_slots(&self) -> f64 {
        ((self.degree / 2.0).ln() + 6.0).sqrt()
    }
}
