//! What a scheme at given parameters is: sizes, precision, costs and, above all, what it protects. Needs no key.

use serde::{Deserialize, Serialize};

use crate::{KeyNeeds, Level};

/// The keyless description of a scheme at fixed parameters. Planners read it; reports print it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Name of the backend, as on the command line (`seal`).
    pub backend: String,
    /// The parameters in words, for reports ("N = 16384, log2 QP = 424, scale 2^40").
    pub parameters: String,
    /// Numbers in one ciphertext. Any number; rotation steps are taken modulo it.
    pub slots: usize,
    /// Level of a fresh ciphertext.
    pub top: Level,
    /// Bits of absolute precision to expect of values near 1 after a product at any level.
    pub precision_bits: f64,
    /// What the scheme protects, and on what assumption.
    pub security: Security,
    /// What the operations cost.
    pub costs: Costs,
    /// How the scheme likes its linear maps.
    pub linear: LinearStyle,
    /// How many values (images) an executor should hand over at once: 1 for schemes that gain nothing from more.
    pub values_at_once: usize,
    /// How many values a thread takes through all steps at a time, where threads do so (see [`Evaluator::values_per_thread`](crate::Evaluator::values_per_thread)).
    #[serde(default)]
    pub values_per_thread: Option<usize>,
    /// Whether one operation on one ciphertext shares its work among threads.
    #[serde(default)]
    pub threads_within: bool,
    /// Whether nonlinear functions are computed exactly (the capability `exact`).
    pub exact: bool,
    /// Whether a ciphertext carries random numbers beside its values, drawn from their range, on which every operation acts too: rounding errors of a result
    /// go with the largest of both.
    #[serde(default)]
    pub companions: bool,
    /// Whether slots are complex (the capability `complex`).
    pub complex: bool,
    /// What a refresh does, where there is one (the capability `refresh`).
    pub refresh: Option<RefreshProfile>,
    /// Sizes in memory.
    pub sizes: Sizes,
    /// Whether a value that repeats within its slots is held and computed on once. What its ciphertexts cost and take then goes with its period; the
    /// figures in `costs` and `sizes` are those of all slots.
    #[serde(default)]
    pub repeats_once: bool,
    /// Whether an encoded diagonal that repeats is encoded and kept once: encoding it takes time and memory by its period.
    #[serde(default)]
    pub factors_repeat_once: bool,
    /// Whether diagonals that are encoded on the fly and are a number times a mask share what is kept of the mask.
    #[serde(default)]
    pub masks_kept_once: bool,
    /// Whether a linear map makes its rotated operands limb by limb, so that they never take memory as a whole.
    #[serde(default)]
    pub rotated_by_limb: bool,
}

impl Profile {
    /// What encoding a diagonal that repeats after `period` slots costs and takes, as a share of one that does not.
    pub fn factor_share(&self, period: usize) -> f64 {
        if self.factors_repeat_once { period.min(self.slots) as f64 / self.slots.max(1) as f64 } else { 1.0 }
    }

    /// What a ciphertext that repeats after `period` slots costs and takes, as a share of one that does not.
    pub fn share(&self, period: usize) -> f64 {
        if self.repeats_once { period.min(self.slots) as f64 / self.slots.max(1) as f64 } else { 1.0 }
    }

    /// Bytes of a prepared plaintext factor at `level`: with them the compiler shares a memory budget out.
    pub fn factor_bytes(&self, level: Level) -> u64 {
        self.sizes.factor.at(level) as u64
    }

    /// The same scheme with a data owner who decrypts and encrypts anew on request, good for values up to `bound`: what an evaluator behind
    /// [`RoundTrip`](crate::decorators::RoundTrip) offers. A refresh that the scheme has itself is replaced.
    #[must_use]
    pub fn with_round_trips(mut self, bound: f64) -> Self {
        let top = self.top;
        let lowest_input = if top.is_unbounded() { top } else { Level::ZERO };
        let seconds = self.costs.decrypt.at(lowest_input) + self.costs.encrypt.at(top);
        self.refresh =
            Some(RefreshProfile { lowest_input, highest_output: top, bound, seconds, by_owner: true });
        let learns = "the values of every ciphertext sent for a refresh".to_owned();
        if !self.security.owner_learns.contains(&learns) {
            self.security.owner_learns.push(learns);
        }
        self
    }
}

/// How a scheme computes a matrix times an encrypted vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinearStyle {
    /// By rotations and plaintext diagonals (baby steps, giant steps): cost goes with the number of diagonals.
    Diagonals,
    /// As a sparse-matrix product: cost goes with the number of non-zero entries, rotations are free.
    Matrix,
}

/// What a refresh (bootstrapping or a client's round trip) takes and gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefreshProfile {
    /// Lowest level of the input.
    pub lowest_input: Level,
    /// Highest level of the output.
    pub highest_output: Level,
    /// Largest absolute value that the input may hold.
    pub bound: f64,
    /// Seconds for one ciphertext.
    pub seconds: f64,
    /// Whether the owner of the key does it, by decryption and encryption: see [`Profile::with_round_trips`].
    #[serde(default)]
    pub by_owner: bool,
}

/// What a scheme protects. Every report prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Security {
    /// What the protection rests on.
    pub assumption: Assumption,
    /// One sentence for the head of a report ("none: ciphertext-only, milliseconds").
    pub statement: String,
    /// What the server that computes learns.
    pub server_learns: Vec<String>,
    /// What the key's owner learns beyond the result.
    pub owner_learns: Vec<String>,
    /// Names of the attacks that `henna attack` can run against this scheme.
    pub attacks: Vec<String>,
    /// Whether decryptions may be shown to others, with the reason (IND-CPA-D, Li and Micciancio 2021).
    pub sharing_decryptions: Sharing,
}

/// The hardness assumption of a scheme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Assumption {
    /// None that holds: the data is not protected.
    None,
    /// Ring learning with errors.
    Rlwe {
        /// Bits of security against classical attackers.
        bits: u32,
        /// Table or estimator the bits come from.
        source: String,
        /// log2 of the largest modulus allowed less that of the one used, special modulus included: the margin.
        margin_bits: f64,
    },
    /// Parameters outside the tables, made by a call with `insecure` in its name; for tests.
    InsecureForTests {
        /// Why they are outside.
        reason: String,
    },
}

impl Assumption {
    /// Bits of security to print, 0 when nothing is protected.
    pub fn bits(&self) -> u32 {
        match self {
            Self::Rlwe { bits, .. } => *bits,
            Self::None | Self::InsecureForTests { .. } => 0,
        }
    }
}

/// Whether the owner of the key may show decryptions to others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Sharing {
    /// They reveal nothing but the result.
    Safe,
    /// They reveal more than the result; the reason says what.
    Unsafe(String),
}

/// A quantity that grows with the level: `base + per_limb (l + 1) + per_limb_squared (l + 1)^2`; `base` alone at
/// [`Level::UNBOUNDED`]. The linear term is what a pass over the limbs costs, the square what key switching does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Part that does not depend on the level.
    pub base: f64,
    /// Part for each limb.
    pub per_limb: f64,
    /// Part for each pair of limbs.
    pub per_limb_squared: f64,
}

impl Cost {
    /// A cost that is the same at each level.
    pub const fn flat(base: f64) -> Self {
        Self { base, per_limb: 0.0, per_limb_squared: 0.0 }
    }

    /// Bytes of a polynomial of `degree` coefficients whose residues are packed bit by bit, with one prime of `chain` more each level. All primes
    /// but the first count as their mean.
    pub fn packed(degree: usize, chain: &[u64]) -> Self {
        let bits = |prime: &u64| f64::from(u64::BITS - prime.leading_zeros());
        let first = chain.first().map_or(0.0, bits);
        let others: Vec<f64> = chain.iter().skip(1).map(bits).collect();
        let mean = if others.is_empty() { first } else { others.iter().sum::<f64>() / others.len() as f64 };
        let bytes = degree as f64 / 8.0;
        Self { base: bytes * (first - mean), per_limb: bytes * mean, per_limb_squared: 0.0 }
    }

    /// So many times the cost.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            base: factor * self.base,
            per_limb: factor * self.per_limb,
            per_limb_squared: factor * self.per_limb_squared,
        }
    }

    /// The cost at `level`.
    pub fn at(&self, level: Level) -> f64 {
        match level.get() {
            None => self.base,
            Some(l) => {
                let limbs = f64::from(l) + 1.0;
                self.base + limbs * (self.per_limb + limbs * self.per_limb_squared)
            }
        }
    }
}

/// Seconds on one thread for each operation at the level of its operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// Encoding a full vector of slots.
    pub encode: Cost,
    /// Encoding a diagonal that is kept as values ([`Keep::Values`](crate::Keep::Values)), on every use.
    #[serde(default)]
    pub encode_kept: Cost,
    /// Encrypting one ciphertext, encoding included.
    pub encrypt: Cost,
    /// Decrypting one ciphertext, decoding included.
    pub decrypt: Cost,
    /// Adding two ciphertexts, or a plaintext to one.
    pub add: Cost,
    /// Product of a ciphertext and an encoded factor, before the rescale.
    pub mul_plain: Cost,
    /// Product of two ciphertexts with relinearisation, before the rescale.
    pub mul: Cost,
    /// Dividing by the level's prime.
    pub rescale: Cost,
    /// One rotation.
    pub rotate: Cost,
    /// Each further rotation of the same ciphertext.
    pub rotate_hoisted: Cost,
    /// One non-zero entry of a matrix in a linear map, for schemes of [`LinearStyle::Matrix`].
    pub entry: Cost,
    /// Reading the operand of a linear map, or writing its result, for schemes of [`LinearStyle::Matrix`].
    #[serde(default)]
    pub pass: Cost,
    /// One slot through an exact nonlinear function.
    pub exact_slot: Cost,
    /// Taking one value through a run, whatever is done with it: what the run of a program costs besides its operations.
    #[serde(default)]
    pub value: Cost,
}

/// Bytes that the objects at a level take in memory, and ciphertexts on their way, where a scheme may pack them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sizes {
    /// One ciphertext.
    pub ciphertext: Cost,
    /// One encoded plaintext factor.
    pub factor: Cost,
    /// One rotation or relinearisation key made for this level.
    pub key: Cost,
    /// The most that all keys together take, where a scheme composes rotations of others beyond that.
    #[serde(default)]
    pub keys_at_most: Option<f64>,
    /// One entry of a prepared map, for schemes of [`LinearStyle::Matrix`] that keep them one by one.
    #[serde(default)]
    pub entry: f64,
    /// Freed memory that a scheme holds back for what comes next, at most.
    #[serde(default)]
    pub held_back: f64,
    /// One ciphertext as it is sent.
    #[serde(default)]
    pub sent: Cost,
    /// One that was just encrypted, as it is sent: a seed may stand for half of it.
    #[serde(default)]
    pub sent_fresh: Cost,
}

impl Sizes {
    /// Bytes of the evaluation keys for `needs`.
    pub fn keys(&self, needs: &KeyNeeds) -> f64 {
        let levels = needs.rotations.values().chain(&needs.relinearisation).chain(&needs.conjugation);
        let each: f64 = levels.map(|level| self.key.at(*level)).sum();
        self.keys_at_most.map_or(each, |most| each.min(most))
    }
}
