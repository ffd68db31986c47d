//! Errors of whole programs: an evaluator whose ciphertexts are values and their errors in the clear.

use he_traits::{Complex64, Diagonal, Error, Level, Profile, Result};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::NoiseModel;
use crate::{Parameters, profile};

/// By how much the norm of errors drawn afresh may exceed the expected one: N independent ones exceed it by the square root of two
/// with a probability below 2^-800 for N of 4096 and more.
const BOUND: f64 = std::f64::consts::SQRT_2;

/// A ciphertext's values and errors, as far as a [`NoiseSimulator`] can tell.
#[derive(Clone, Debug)]
pub struct Noise {
    pub(super) level: usize,
    pub(super) values: Vec<Complex64>,
    pub(super) errors: Vec<Complex64>,
    /// No value that was allowed for is larger.
    pub(super) largest: f64,
    /// Root mean square of the errors, at most.
    pub(super) bound: f64,
    /// What the errors drawn next depend on: equal computations leave equal errors.
    pub(super) seed: u64,
}

impl Noise {
    /// Level of the ciphertext.
    #[must_use]
    pub fn level(&self) -> usize {
        self.level
    }

    /// The exact values.
    #[must_use]
    pub fn values(&self) -> &[Complex64] {
        &self.values
    }

    /// Mean square of the slots' errors that is to be expected.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.errors.iter().map(Complex64::norm_sqr).sum::<f64>() / self.errors.len().max(1) as f64
    }

    /// What the root mean square of the slots' errors stays below whatever values within the bounds are encrypted, and whatever
    /// error depends on another: all that meet are taken to add up. Errors drawn afresh are larger than is assumed with a
    /// probability of about 2^-100.
    #[must_use]
    pub fn bound(&self) -> f64 {
        self.bound
    }

    /// The same with another bound: what is expected, and `margin_bits` more. For programs whose values stay far below the sum of
    /// all that could add up (polynomials above all), so that [`Noise::bound`] is many bits too large. It holds for inputs whose
    /// values are like those of the sample; whoever chooses inputs that differ may exceed it.
    #[must_use]
    pub fn with_heuristic_bound(self, margin_bits: f64) -> Self {
        Self { bound: self.variance().sqrt() * margin_bits.exp2(), ..self }
    }
}

/// A plaintext with the error of its rounding, repeated to fill the slots.
#[derive(Clone, Debug)]
pub struct NoisyFactor {
    pub(super) level: usize,
    pub(super) values: Vec<Complex64>,
    pub(super) errors: Vec<Complex64>,
    pub(super) largest: f64,
    pub(super) bound: f64,
    pub(super) seed: u64,
}

/// Computes values and errors as ciphertexts would: any program for an [`Evaluator`](he_traits::Evaluator) runs on it, without keys.
///
/// Errors are drawn with the variances of a [`NoiseModel`] where they arise and then follow the program, so that errors which depend
/// on each other or on the values do so here as well. Needs about as long as the program in the clear.
///
/// ```
/// use backend_ckks::{NoiseSimulator, Parameters};
/// use he_traits::{Diagonal, Evaluator, Level};
///
/// let params = Parameters::secure(8192, 3, 40)?;
/// let simulator = NoiseSimulator::new(&params);
/// let x = simulator.encrypted_with_public_key(&Diagonal::Constant(0.7), 1.0, 3, 1)?;
/// let cube = simulator.mul(&simulator.mul(&x, &x)?, &simulator.drop_to(&x, Level::new(2))?)?;
/// let bits = simulator.model().precision_bits(cube.variance());
/// assert!(bits > 20.0 && bits < 25.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct NoiseSimulator {
    pub(super) model: NoiseModel,
    pub(super) profile: Profile,
    /// Set within a linear map.
    pub(super) within: Option<WithinMap>,
}

/// How errors arise within a doubly hoisted linear map: baby steps stay undivided, and all giant steps of an output block are divided
/// together, by the level's prime too, which leaves of their own errors nothing.
#[derive(Clone, Debug)]
pub(super) struct WithinMap {
    /// The part of that division that one giant step is charged with.
    pub(super) share: f64,
    /// Rotations after the division.
    pub(super) fold: Vec<usize>,
}

impl NoiseSimulator {
    /// For ciphertexts of `params`.
    #[must_use]
    pub fn new(params: &Parameters) -> Self {
        Self { model: NoiseModel::new(params), profile: profile::profile(params), within: None }
    }

    /// The sizes of the errors.
    #[must_use]
    pub fn model(&self) -> &NoiseModel {
        &self.model
    }

    /// Values freshly encrypted with the secret key. `values` are a sample of what there may be, `largest` bounds all that there may be;
    /// inputs of one program take different seeds.
    ///
    /// # Errors
    /// As those of encryption.
    pub fn encrypted(&self, values: &Diagonal, largest: f64, level: usize, seed: u64) -> Result<Noise> {
        self.fresh(values, largest, level, seed, self.model.encryption(level))
    }

    /// Values freshly encrypted with the public key.
    ///
    /// # Errors
    /// As those of encryption.
    pub fn encrypted_with_public_key(
        &self,
        values: &Diagonal,
        largest: f64,
        level: usize,
        seed: u64,
    ) -> Result<Noise> {
        self.fresh(values, largest, level, seed, self.model.public_key_encryption(level))
    }

    fn fresh(
        &self,
        values: &Diagonal,
        largest: f64,
        level: usize,
        seed: u64,
        variance: f64,
    ) -> Result<Noise> {
        let slots = self.profile.slots;
        values.check("encrypt", slots)?;
        let (top, to) = (self.profile.top, Level::new(level as u32));
        if to > top {
            return Err(Error::LevelRaise { op: "encrypt", from: top, to });
        }
        let sample = values.complex();
        if let Some(position) = sample.iter().position(|value| value.norm() > largest) {
            let reason = "it is larger than the bound on all values";
            return Err(Error::Value { op: "encrypt", position, value: largest, reason });
        }
        let noise = Noise {
            level,
            values: sample.iter().copied().cycle().take(slots).collect(),
            errors: vec![Complex64::ZERO; slots],
            largest,
            bound: 0.0,
            seed: mixed(&[1, seed]),
        };
        Ok(disturbed(noise, variance))
    }

    pub(super) fn encoded(&self, op: &'static str, values: &Diagonal, at: Level) -> Result<NoisyFactor> {
        values.check(op, self.profile.slots)?;
        let level = at.index();
        if at > self.profile.top {
            return Err(Error::LevelRaise { op, from: self.profile.top, to: at });
        }
        let (variance, values) = (self.model.encoding(values.period(), level), values.complex().into_owned());
        let bits = values.iter().flat_map(|value| [value.re.to_bits(), value.im.to_bits()]);
        let seed = bits.fold(mixed(&[2, level as u64]), |seed, bits| mixed(&[seed, bits]));
        Ok(NoisyFactor {
            level,
            errors: gaussian(variance, values.len(), seed),
            largest: values.iter().map(|value| value.norm()).fold(0.0, f64::max),
            bound: BOUND * variance.sqrt(),
            values,
            seed,
        })
    }
}

/// With an error of a source added.
pub(super) fn disturbed(mut noise: Noise, variance: f64) -> Noise {
    let drawn = gaussian(variance, noise.errors.len(), noise.seed);
    noise.errors.iter_mut().zip(drawn).for_each(|(error, drawn)| *error += drawn);
    noise.bound += BOUND * variance.sqrt();
    noise
}

/// Complex Gaussians of a variance (Box and Muller): for estimates, not for secrets.
fn gaussian(variance: f64, count: usize, seed: u64) -> Vec<Complex64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform = move || ((rng.next_u64() >> 11) as f64 + 0.5) / 2_f64.powi(53);
    let radius = move |uniform: f64| (-variance * uniform.ln()).sqrt();
    (0..count).map(|_| Complex64::from_polar(radius(uniform()), std::f64::consts::TAU * uniform())).collect()
}

/// One word from several, all bits of which count, in their order: a step and the finaliser of SplitMix64 for each (Steele, Lea and
/// Flood 2014).
pub(super) fn mixed(words: &[u64]) -> u64 {
    words.iter().fold(0, |state: u64, word| {
        let x = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    })
}
