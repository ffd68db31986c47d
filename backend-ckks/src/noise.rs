//! How much error computations leave in a ciphertext.
//!
//! CKKS mixes a small error into every value. A [`NoiseModel`] follows that error through a program without keys or ciphertexts, in
//! two figures: the deviation to expect, for planning and precision, and a bound that holds even when all errors that meet are
//! the same error, for [releases](crate::Release) of decryptions. Deviations follow the analysis in Costache, Curtis, Hales, Murphy,
//! Ogilvie and Player 2023 ("On the precision loss in approximate homomorphic encryption"): variances of coefficients, independence
//! of what is added, values and errors multiplied slot by slot.

use crate::Parameters;
use crate::error::Error;
use crate::security::SecretKind;

/// Variance of an error of encryption: see `sampling`.
const ERROR_VARIANCE: f64 = 3.2 * 3.2;
/// Variance of rounding to integers.
const ROUNDING: f64 = 1.0 / 12.0;
/// By how much a polynomial's norm may exceed the expected one: N independent errors exceed it by the square root of two with a
/// probability below 2^-800 for N of 4096 and more.
const BOUND: f64 = std::f64::consts::SQRT_2;

/// What is known of the values in the slots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Magnitude {
    /// Root of their mean square.
    pub mean: f64,
    /// The largest absolute value that there may be.
    pub largest: f64,
}

impl Magnitude {
    /// Nothing but a bound.
    #[must_use]
    pub const fn within(largest: f64) -> Self {
        Self { mean: largest, largest }
    }

    /// Of given values.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let square: f64 = values.iter().map(|value| value * value).sum();
        let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        Self { mean: (square / values.len().max(1) as f64).sqrt(), largest }
    }

    fn times(self, other: Self) -> Self {
        Self { mean: self.mean * other.mean, largest: self.largest * other.largest }
    }

    fn plus(self, other: Self) -> Self {
        Self { mean: self.mean.hypot(other.mean), largest: self.largest + other.largest }
    }
}

/// The error in a ciphertext, and the size of the values that it lies on. Made by a [`NoiseModel`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    level: usize,
    /// Of a coefficient, in units of the scaled integers.
    deviation: f64,
    /// Root mean square of the coefficients, at most.
    bound: f64,
    values: Magnitude,
}

impl Noise {
    /// Level of the ciphertext.
    #[must_use]
    pub fn level(&self) -> usize {
        self.level
    }

    /// Standard deviation to expect of a coefficient of the error polynomial, at the level's scale.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    /// What the root mean square of the error polynomial's coefficients stays below, whatever depends on what: the values' bounds
    /// must hold, and errors drawn afresh have probabilities of about 2^-100 to be larger than is assumed.
    #[must_use]
    pub fn bound(&self) -> f64 {
        self.bound
    }

    /// The values in the slots, as far as is known.
    #[must_use]
    pub fn values(&self) -> Magnitude {
        self.values
    }

    /// With independent noise of a deviation a coefficient added.
    #[cfg(feature = "client")]
    pub(crate) fn flooded(self, deviation: f64) -> Self {
        Self { deviation: self.deviation.hypot(deviation), ..self }
    }

    /// The same error with more knowledge of the values: sums and products of [`Magnitude`]s overestimate.
    #[must_use]
    pub fn with_values(self, values: Magnitude) -> Self {
        Self { values, ..self }
    }
}

/// The error that each operation leaves, for one set of parameters. An operation that the ciphertexts would refuse is refused.
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

    #[cfg(feature = "client")]
    pub(crate) fn degree(&self) -> f64 {
        self.degree
    }

    fn scale(&self, level: usize) -> f64 {
        self.scales.get(level).copied().unwrap_or(f64::NAN)
    }

    /// An error of the given variance a coefficient, drawn afresh.
    fn drawn(&self, level: usize, variance: f64, values: Magnitude) -> Noise {
        Noise { level, deviation: variance.sqrt(), bound: BOUND * variance.sqrt(), values }
    }

    fn with_drawn(noise: Noise, variance: f64) -> Noise {
        Noise {
            deviation: noise.deviation.hypot(variance.sqrt()),
            bound: noise.bound + BOUND * variance.sqrt(),
            ..noise
        }
    }

    fn at(&self, level: usize) -> Result<usize, Error> {
        if level < self.scales.len() {
            return Ok(level);
        }
        Err(Error::Parameter { what: "level", got: level as f64, expected: "a level of the parameters" })
    }

    /// Freshly encrypted with the secret key.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a level above the top.
    pub fn encrypted(&self, values: Magnitude, level: usize) -> Result<Noise, Error> {
        Ok(self.drawn(self.at(level)?, ERROR_VARIANCE + ROUNDING, values))
    }

    /// Freshly encrypted with the public key: the key's error times a ternary mask, and an error times the secret.
    ///
    /// # Errors
    /// As [`NoiseModel::encrypted`].
    pub fn encrypted_with_public_key(&self, values: Magnitude, level: usize) -> Result<Noise, Error> {
        let errors = 1.0 + self.degree * 2.0 / 3.0 + self.weight;
        Ok(self.drawn(self.at(level)?, ERROR_VARIANCE * errors + ROUNDING, values))
    }

    /// The sum or the difference.
    ///
    /// # Errors
    /// [`Error::Parameter`] for operands of unequal levels.
    pub fn add(&self, a: &Noise, b: &Noise) -> Result<Noise, Error> {
        same_level(a, b)?;
        Ok(Noise {
            level: a.level,
            deviation: a.deviation.hypot(b.deviation),
            bound: a.bound + b.bound,
            values: a.values.plus(b.values),
        })
    }

    /// With a plaintext added.
    #[must_use]
    pub fn add_plain(&self, a: &Noise, plain: Magnitude) -> Noise {
        Self::with_drawn(a.with_values(a.values.plus(plain)), ROUNDING)
    }

    /// A product, relinearised and rescaled. The operands' errors may be independent or not; for a deviation that fits a
    /// square see [`NoiseModel::square`].
    ///
    /// # Errors
    /// [`Error::Parameter`] for operands of unequal levels, or at level 0.
    pub fn mul(&self, a: &Noise, b: &Noise) -> Result<Noise, Error> {
        self.mul_sum(&[(a, b)])
    }

    /// A ciphertext times itself: both halves of the product's error are the same.
    ///
    /// # Errors
    /// As [`NoiseModel::mul`].
    pub fn square(&self, a: &Noise) -> Result<Noise, Error> {
        let product = self.product(a, a)?;
        let twice = product.deviation * std::f64::consts::SQRT_2;
        self.relinearised(Noise { deviation: twice, ..product })
    }

    /// A sum of products, relinearised and rescaled once.
    ///
    /// # Errors
    /// As [`NoiseModel::mul`], and [`Error::Parameter`] without any pair.
    pub fn mul_sum(&self, pairs: &[(&Noise, &Noise)]) -> Result<Noise, Error> {
        let products: Result<Vec<Noise>, Error> = pairs.iter().map(|(a, b)| self.product(a, b)).collect();
        self.relinearised(self.sum(&products?)?)
    }

    /// A product with a plaintext, rescaled.
    ///
    /// # Errors
    /// As [`NoiseModel::mul`].
    pub fn mul_plain(&self, a: &Noise, plain: Magnitude) -> Result<Noise, Error> {
        self.mul_plain_sum(&[(a, plain)])
    }

    /// A sum of products with plaintexts, rescaled once.
    ///
    /// # Errors
    /// As [`NoiseModel::mul_sum`].
    pub fn mul_plain_sum(&self, pairs: &[(&Noise, Magnitude)]) -> Result<Noise, Error> {
        let product = |(a, plain): &(&Noise, Magnitude)| {
            // The plaintext is an operand whose error is its rounding.
            self.product(a, &self.drawn(a.level, ROUNDING, *plain))
        };
        let products: Result<Vec<Noise>, Error> = pairs.iter().map(product).collect();
        self.rescaled(self.sum(&products?)?, 0.0)
    }

    /// A rotation or conjugation.
    #[must_use]
    pub fn rotate(&self, a: &Noise) -> Noise {
        Self::with_drawn(*a, self.key_switching(a.level) + self.division())
    }

    /// Rotations times plaintext diagonals, summed and rescaled: a linear map in baby and giant steps. `diagonals` are the nonzero
    /// ones; `giant_steps` rotations turn partial sums.
    ///
    /// # Errors
    /// As [`NoiseModel::mul_sum`].
    pub fn linear(&self, a: &Noise, diagonals: &[Magnitude], giant_steps: usize) -> Result<Noise, Error> {
        let turned = self.rotate(a);
        let terms: Vec<(&Noise, Magnitude)> = diagonals.iter().map(|diagonal| (&turned, *diagonal)).collect();
        let mut mapped = self.mul_plain_sum(&terms)?;
        // Each giant step's sum is switched at one of the two levels, and rescaled by itself where that comes first.
        let switched = self.key_switching(mapped.level) + 2.0 * self.division();
        for _ in 0..giant_steps {
            mapped = Self::with_drawn(mapped, switched);
        }
        Ok(mapped)
    }

    /// On a lower level: one product with a plaintext one for each level.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a higher level.
    pub fn drop_to(&self, a: &Noise, level: usize) -> Result<Noise, Error> {
        if level > a.level {
            return Err(Error::Parameter {
                what: "level",
                got: level as f64,
                expected: "at most the ciphertext's",
            });
        }
        let mut noise = *a;
        while noise.level > level {
            noise = self.mul_plain(&noise, Magnitude::within(1.0))?;
        }
        Ok(noise.with_values(a.values))
    }

    /// The product's error at the square of the scale, before anything is divided.
    fn product(&self, a: &Noise, b: &Noise) -> Result<Noise, Error> {
        same_level(a, b)?;
        let scale = self.scale(a.level);
        // A value of m is m times the scale in the slot, and multiplies what error the slot has.
        let crossed = (a.values.mean * b.deviation).hypot(b.values.mean * a.deviation) * scale;
        let errors = self.degree.sqrt() * a.deviation * b.deviation;
        let crossed_bound = (a.values.largest * b.bound + b.values.largest * a.bound) * scale;
        Ok(Noise {
            level: a.level,
            deviation: crossed.hypot(errors),
            // All of an error may lie in one slot.
            bound: crossed_bound + self.degree * a.bound * b.bound,
            values: a.values.times(b.values),
        })
    }

    fn sum(&self, terms: &[Noise]) -> Result<Noise, Error> {
        let none = Error::Parameter { what: "terms of a sum", got: 0.0, expected: "one at least" };
        let (first, others) = terms.split_first().ok_or(none)?;
        others.iter().try_fold(*first, |sum, term| self.add(&sum, term))
    }

    fn relinearised(&self, product: Noise) -> Result<Noise, Error> {
        self.rescaled(product, self.key_switching(product.level))
    }

    /// Divided by the level's prime, with an error of variance `switching` added before.
    fn rescaled(&self, product: Noise, switching: f64) -> Result<Noise, Error> {
        let Some(prime) = self.chain.get(product.level).filter(|_| product.level > 0) else {
            return Err(Error::Parameter { what: "levels left", got: 0.0, expected: "one at least" });
        };
        let lower = Noise {
            level: product.level - 1,
            deviation: product.deviation / prime,
            bound: product.bound / prime,
            values: product.values,
        };
        Ok(Self::with_drawn(lower, switching / (prime * prime) + self.division()))
    }

    /// Both halves are rounded where a ciphertext is divided, and one of them meets the secret.
    fn division(&self) -> f64 {
        ROUNDING * (1.0 + self.weight)
    }

    /// Digits, uniform below their product of primes, times the key's errors, divided by the special primes.
    fn key_switching(&self, level: usize) -> f64 {
        let special: f64 = self.special.iter().product();
        let digits = self.chain.get(..=level).unwrap_or_default().chunks(self.special.len().max(1));
        let ratios = digits.map(|digit| (digit.iter().product::<f64>() / special).powi(2));
        self.degree * ROUNDING * ERROR_VARIANCE * ratios.sum::<f64>()
    }

    /// Deviation to expect of the error of a slot, as a complex number: a sum of N coefficients, each turned.
    #[must_use]
    pub fn slot_deviation(&self, noise: &Noise) -> f64 {
        noise.deviation * self.degree.sqrt() / self.scale(noise.level)
    }

    /// Bits of absolute precision to expect in the worst slot.
    #[must_use]
    pub fn precision_bits(&self, noise: &Noise) -> f64 {
        -(self.worst_of_slots() * self.slot_deviation(noise)).log2()
    }

    /// The worst of N / 2 slots against the deviation: squares of complex Gaussians are exponential, and the largest of n of them
    /// is about ln(n), above ln(n) + 6 in one of four hundred cases.
    pub(crate) fn worst_of_slots(&self) -> f64 {
        ((self.degree / 2.0).ln() + 6.0).sqrt()
    }
}

fn same_level(a: &Noise, b: &Noise) -> Result<(), Error> {
    if a.level == b.level {
        return Ok(());
    }
    Err(Error::Parameter {
        what: "level of the second operand",
        got: b.level as f64,
        expected: "that of the first",
    })
}
