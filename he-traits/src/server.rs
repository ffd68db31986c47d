//! The server's half: what can be computed on ciphertexts with evaluation keys alone. Nothing here can name a secret key.

use std::sync::Arc;

use crate::capability::{Absent, Complex, Exact, Refresh};
use crate::wire::{Decode, Encode};
use crate::{
    Diagonal, EncryptedMatrix, Error, Function, Level, LinearMap, Polynomial, Profile, Requirements, Result,
    Schedule, Step, defaults,
};

/// What a prepared map keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Keep {
    /// Encoded diagonals: fastest, and the most memory.
    Encoded,
    /// The values only; encoded each time on the fly.
    Values,
}

/// A family of ciphertexts, named by a tag type that has no values of its own (`More`, `Seal`, `Clear`).
pub trait Scheme: Sized + 'static {
    /// The backend's name on the command line.
    const NAME: &'static str;
    /// Checked parameters, cheap to clone.
    type Params: Clone + Send + Sync + Encode + Decode<()>;
    /// Encrypted slots: relinearised, and at the one canonical scale of their level.
    type Ciphertext: Clone + Send + Sync + Encode + Decode<Self::Params>;
    /// All that the server needs to compute.
    type EvaluationKeys: Send + Sync + Encode + Decode<Self::Params>;
    /// What computes.
    type Evaluator: Evaluator<Ciphertext = Self::Ciphertext>;

    /// The smallest secure parameters that meet `requirements`.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] when there are none, with the numbers that clash.
    fn parameters(requirements: &Requirements) -> Result<Self::Params>;

    /// The keyless description of `params`.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] when they cannot be instantiated.
    fn profile(params: &Self::Params) -> Result<Profile>;

    /// An evaluator from the server's keys.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] or [`crate::Error::Backend`] when keys and parameters do not belong together.
    fn evaluator(params: &Self::Params, keys: Self::EvaluationKeys) -> Result<Self::Evaluator>;
}

/// Computes on ciphertexts. Operations return new ciphertexts; see `GLOSSARY.md` for levels and scales.
///
/// Required are the operations that a scheme must define; the provided ones are correct for each scheme and meant to be
/// overridden where a backend can do better.
pub trait Evaluator: Send + Sync + Sized {
    /// Encrypted slots.
    type Ciphertext: Clone + Send + Sync;
    /// A plaintext encoded to multiply at one level.
    type Factor: Send + Sync;
    /// A plaintext encoded to add at one level. Not a [`Evaluator::Factor`]: their forms differ.
    type Addend: Send + Sync;
    /// A [`LinearMap`] prepared for one level; it owns its encoded diagonals.
    type Map: Send + Sync;

    /// The keyless description of the scheme at these parameters.
    fn profile(&self) -> &Profile;

    /// Multiplications that `x` has left.
    fn level(&self, x: &Self::Ciphertext) -> Level;

    /// Encodes `values` to multiply ciphertexts at level `at`.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] or [`crate::Error::Value`] when the vector does not fit; a factor at level 0 is
    /// [`crate::Error::LevelExhausted`].
    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<Self::Factor>;

    /// Encodes `values` to be added to ciphertexts at level `at`.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] or [`crate::Error::Value`] when the vector does not fit.
    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<Self::Addend>;

    /// Slot by slot sum, at the operands' common level.
    ///
    /// # Errors
    /// [`crate::Error::LevelMismatch`].
    fn add(&self, a: &Self::Ciphertext, b: &Self::Ciphertext) -> Result<Self::Ciphertext>;

    /// The negative of each slot.
    ///
    /// # Errors
    /// Those of the library behind the backend.
    fn neg(&self, a: &Self::Ciphertext) -> Result<Self::Ciphertext>;

    /// Sum with a plaintext.
    ///
    /// # Errors
    /// [`crate::Error::LevelMismatch`].
    fn add_plain(&self, a: &Self::Ciphertext, b: &Self::Addend) -> Result<Self::Ciphertext>;

    /// Slot by slot product, one level below the operands.
    ///
    /// # Errors
    /// [`crate::Error::LevelMismatch`], [`crate::Error::LevelExhausted`], [`crate::Error::MissingRelinearisation`].
    fn mul(&self, a: &Self::Ciphertext, b: &Self::Ciphertext) -> Result<Self::Ciphertext>;

    /// Product with a plaintext, one level below the operands.
    ///
    /// # Errors
    /// [`crate::Error::LevelMismatch`], [`crate::Error::LevelExhausted`].
    fn mul_plain(&self, a: &Self::Ciphertext, b: &Self::Factor) -> Result<Self::Ciphertext>;

    /// Moves slots to the left: slot `i` of the result is slot `i + step`, cyclically.
    ///
    /// # Errors
    /// [`crate::Error::MissingRotation`].
    fn rotate(&self, a: &Self::Ciphertext, step: Step) -> Result<Self::Ciphertext>;

    /// Prepares `map` for inputs at level `at`, by `schedule`.
    ///
    /// # Errors
    /// [`crate::Error::Schedule`] when the schedule does not cover the map, [`crate::Error::MissingRotation`] when a key of
    /// the schedule is not there, [`crate::Error::Shape`] when the map does not fit the slots.
    fn prepare(&self, map: &Arc<LinearMap>, schedule: &Schedule, at: Level, keep: Keep) -> Result<Self::Map>;

    /// Applies a prepared map to one or several values, whose blocks stand back to back in `x`: with `k` input blocks a
    /// value, `x[i k..][..k]` is value `i`. The result holds the output blocks in the same order, one level lower.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when `x` is not a whole number of values, [`crate::Error::LevelMismatch`] when a block is not
    /// at the level that the map was prepared for.
    fn linear(&self, x: &[&Self::Ciphertext], map: &Self::Map) -> Result<Vec<Self::Ciphertext>>;

    /// Values that one thread best takes through a whole program by itself, so that they stay in its cache from step to step; `None`
    /// where operations share their work among threads themselves.
    fn values_per_thread(&self) -> Option<usize> {
        None
    }

    /// A whole layer of a network on one or several values: [`Evaluator::linear`], then `bias` where there is one (an addend an
    /// output block, the same for every value), then `function` of every slot where one is asked for.
    ///
    /// One call, because a scheme that computes functions exactly is bound by memory: it can finish a part of the result while
    /// that is at hand.
    ///
    /// # Errors
    /// As [`Evaluator::linear`], [`Evaluator::add_plain`] and [`Exact::apply`]; [`crate::Error::Shape`] when the result's
    /// blocks are not a multiple of the bias's; [`crate::Error::Unsupported`] for a function without [`Evaluator::exact`].
    fn layer(
        &self,
        x: &[&Self::Ciphertext],
        map: &Self::Map,
        bias: Option<&[Self::Addend]>,
        function: Option<Function>,
    ) -> Result<Vec<Self::Ciphertext>> {
        defaults::layer_by_steps(self, x, map, bias, function)
    }

    /// [`Evaluator::layer`] with a function, and the map `then` on what it gives, in one pass: what a mean pooling adds up at once need never be
    /// written out. `None` where a scheme has no such pass for these maps; the caller then does one after the other.
    ///
    /// # Errors
    /// As [`Evaluator::layer`] and [`Evaluator::linear`].
    fn layer_then(
        &self,
        x: &[&Self::Ciphertext],
        map: &Self::Map,
        bias: Option<&[Self::Addend]>,
        function: Function,
        then: &Self::Map,
    ) -> Option<Result<Vec<Self::Ciphertext>>> {
        let _ = (x, map, bias, function, then);
        None
    }

    /// Applies a sparse matrix with encrypted entries to one or several values, back to back in `x` as in [`Evaluator::linear`]: row `r` of
    /// the result is the sum of weight times column over the row's entries. For schemes of
    /// [`LinearStyle::Matrix`](crate::LinearStyle::Matrix); the others take encrypted maps by diagonals
    /// ([`EncryptedMap`](crate::EncryptedMap)).
    ///
    /// # Errors
    /// As [`Evaluator::linear`]; [`crate::Error::MissingRelinearisation`]; [`crate::Error::Unsupported`] where a scheme has no such product.
    fn linear_encrypted(
        &self,
        x: &[&Self::Ciphertext],
        matrix: &EncryptedMatrix<Self::Ciphertext>,
    ) -> Result<Vec<Self::Ciphertext>> {
        let _ = x;
        Err(Error::Unsupported {
            backend: self.profile().backend.clone(),
            what: format!("multiply by {matrix:?}: its maps run by diagonals"),
        })
    }

    /// Slot by slot difference, at the operands' common level.
    ///
    /// # Errors
    /// [`crate::Error::LevelMismatch`].
    fn sub(&self, a: &Self::Ciphertext, b: &Self::Ciphertext) -> Result<Self::Ciphertext> {
        self.add(a, &self.neg(b)?)
    }

    /// Adds a constant to each slot.
    ///
    /// # Errors
    /// [`crate::Error::Value`] when it is not finite.
    fn add_scalar(&self, a: &Self::Ciphertext, constant: f64) -> Result<Self::Ciphertext> {
        self.add_plain(a, &self.encode_addend(&Diagonal::Constant(constant), self.level(a))?)
    }

    /// The rotations of one ciphertext by several steps: hoisted where the scheme can share work.
    ///
    /// # Errors
    /// [`crate::Error::MissingRotation`].
    fn rotate_many(&self, a: &Self::Ciphertext, steps: &[Step]) -> Result<Vec<Self::Ciphertext>> {
        steps.iter().map(|step| self.rotate(a, *step)).collect()
    }

    /// Brings a ciphertext down to level `to`; the identity at the same level and for unbounded schemes.
    ///
    /// # Errors
    /// [`crate::Error::LevelRaise`] when `to` is above the operand.
    fn drop_to(&self, a: &Self::Ciphertext, to: Level) -> Result<Self::Ciphertext> {
        defaults::drop_to(self, a, to)
    }

    /// `sum of c_i x_i + constant`, landing on level `to` from any levels at or above it. An input at `to` itself needs an
    /// integer coefficient; all others must be strictly above.
    ///
    /// # Errors
    /// [`crate::Error::LevelRaise`] when an input is below `to`, [`crate::Error::LevelExhausted`] when an input at `to` has a
    /// coefficient that is not an integer, [`crate::Error::Shape`] without any term.
    fn combine(
        &self,
        terms: &[(f64, &Self::Ciphertext)],
        constant: f64,
        to: Level,
    ) -> Result<Self::Ciphertext> {
        defaults::combine(self, terms, constant, to)
    }

    /// `sum of a_i b_i`, with one rescale and one relinearisation where the scheme has them.
    ///
    /// # Errors
    /// As [`Evaluator::mul`]; [`crate::Error::Shape`] without any pair.
    fn mul_sum(&self, pairs: &[(&Self::Ciphertext, &Self::Ciphertext)]) -> Result<Self::Ciphertext> {
        defaults::mul_sum(self, pairs)
    }

    /// `sum of a_i b_i` with plaintexts, with one rescale.
    ///
    /// # Errors
    /// As [`Evaluator::mul_plain`]; [`crate::Error::Shape`] without any pair.
    fn mul_plain_sum(&self, pairs: &[(&Self::Ciphertext, &Self::Factor)]) -> Result<Self::Ciphertext> {
        defaults::mul_plain_sum(self, pairs)
    }

    /// The value of a polynomial, at level `level(x) - ceil(log2(degree + 1))` exactly, on every backend.
    ///
    /// # Errors
    /// [`crate::Error::LevelExhausted`].
    fn polynomial(&self, x: &Self::Ciphertext, polynomial: &Polynomial) -> Result<Self::Ciphertext> {
        crate::polynomial::evaluate(self, x, polynomial)
    }

    /// Raising ciphertexts to a higher level, where the scheme can.
    fn refresh(&self) -> Option<impl Refresh<Self::Ciphertext>> {
        None::<Absent>
    }

    /// Nonlinear functions without approximation, where the scheme can.
    fn exact(&self) -> Option<impl Exact<Self::Ciphertext>> {
        None::<Absent>
    }

    /// Conjugation and multiplication by i, where slots are complex.
    fn complex(&self) -> Option<impl Complex<Self::Ciphertext>> {
        None::<Absent>
    }
}
