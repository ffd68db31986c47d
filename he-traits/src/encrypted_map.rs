//! Linear maps whose entries are encrypted too: networks whose weights the server does not see.

use std::fmt;

use crate::encrypted_matrix::{EncryptedMatrix, EntryPattern};
use crate::{Diagonal, Evaluator, Level, LinearMap, Result, Schedule, bsgs};

/// A linear map with encrypted entries: made by the model's owner under the data owner's public key, or by one owner of both.
///
/// By diagonals it runs through [`Evaluator::mul_sum`], so that the products of a giant step are relinearised and rescaled once; what hiding the
/// weights costs beyond that is a ciphertext in place of a plaintext for each diagonal. As a sparse product ([`Schedule::Matrix`]) it runs
/// through [`Evaluator::linear_encrypted`], with one slot for each weight. The server still sees the shape of the map: where there are
/// entries, not what they are.
///
/// # Pattern and map
/// A trained network's own zeros and equal entries would show in the shape. So owner and server take the shape from a *pattern*: the same
/// network with generic numbers for weights, which anyone can make who knows the layers. The owner encrypts the vectors that
/// [`EncryptedMap::vectors`] gives, in their order; the server puts the map together again with [`EncryptedMap::from_ciphertexts`].
pub struct EncryptedMap<E: Evaluator>(Form<E>);

enum Form<E: Evaluator> {
    Diagonals(bsgs::Map<E>),
    Matrix(EncryptedMatrix<E::Ciphertext>),
}

impl<E: Evaluator> EncryptedMap<E> {
    /// Encrypts `map` for inputs at level `at` of a scheme with `slots` slots. `encrypt` is asked for one ciphertext at level `at`
    /// for each diagonal that is not zero, from several threads; with [`Schedule::Matrix`] for each vector of weights.
    ///
    /// # Errors
    /// [`crate::Error::Schedule`] when the schedule does not cover the map, [`crate::Error::Shape`] when the map does not fit the slots,
    /// [`crate::Error::LevelExhausted`] at level 0, and those of `encrypt`.
    pub fn encrypt(
        map: &LinearMap,
        schedule: &Schedule,
        slots: usize,
        at: Level,
        encrypt: impl Fn(&Diagonal) -> Result<E::Ciphertext> + Sync,
    ) -> Result<Self> {
        at.spend("linear", 1)?;
        Ok(Self(match schedule {
            Schedule::Diagonals(_) => Form::Diagonals(bsgs::encrypted(map, schedule, slots, at, encrypt)?),
            Schedule::Matrix => {
                let pattern = EntryPattern::new(map, slots)?;
                let weights = pattern.weights(map)?.iter().map(encrypt).collect::<Result<_>>()?;
                Form::Matrix(pattern.with(at, weights))
            }
        }))
    }

    /// The vectors that hold `map` where `pattern` says which there are, one after the other, each to be encrypted at the level of the
    /// map's input. What `pattern` has and `map` has not is zeros.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when `map` has an entry where `pattern` has none; [`crate::Error::Schedule`] when the schedule does not cover the pattern;
    /// those of `visit`.
    pub fn vectors(
        pattern: &LinearMap,
        map: &LinearMap,
        schedule: &Schedule,
        slots: usize,
        visit: &mut dyn FnMut(Diagonal) -> Result<()>,
    ) -> Result<()> {
        match schedule {
            Schedule::Diagonals(baby_giant) => bsgs::vectors(pattern, map, baby_giant, slots, visit),
            Schedule::Matrix => {
                EntryPattern::new(pattern, slots)?.weights(map)?.into_iter().try_for_each(visit)
            }
        }
    }

    /// How many vectors hold a map of this pattern.
    ///
    /// # Errors
    /// As [`LinearMap::steps`].
    pub fn count(pattern: &LinearMap, schedule: &Schedule, slots: usize) -> Result<usize> {
        match schedule {
            Schedule::Diagonals(baby_giant) => {
                let fold = pattern.geometry(slots)?.checked_fold(&baby_giant.fold)?;
                Ok(pattern.steps(slots, fold)?.iter().map(std::collections::BTreeSet::len).sum())
            }
            Schedule::Matrix => Ok(EntryPattern::new(pattern, slots)?.vectors()),
        }
    }

    /// The map of `pattern` from the ciphertexts of its vectors: `next` gives one after the other, in the order of
    /// [`EncryptedMap::vectors`], each at level `at`.
    ///
    /// # Errors
    /// As [`EncryptedMap::encrypt`], and those of `next`.
    pub fn from_ciphertexts(
        pattern: &LinearMap,
        schedule: &Schedule,
        slots: usize,
        at: Level,
        next: &mut dyn FnMut() -> Result<E::Ciphertext>,
    ) -> Result<Self> {
        at.spend("linear", 1)?;
        Ok(Self(match schedule {
            Schedule::Diagonals(_) => {
                Form::Diagonals(bsgs::from_ciphertexts(pattern, schedule, slots, at, next)?)
            }
            Schedule::Matrix => {
                let pattern = EntryPattern::new(pattern, slots)?;
                let weights = (0..pattern.vectors()).map(|_| next()).collect::<Result<_>>()?;
                Form::Matrix(pattern.with(at, weights))
            }
        }))
    }

    /// Level of the input.
    pub fn level(&self) -> Level {
        match &self.0 {
            Form::Diagonals(map) => map.level(),
            Form::Matrix(matrix) => matrix.level(),
        }
    }

    /// Number of ciphertexts that hold the map.
    pub fn ciphertexts(&self) -> usize {
        match &self.0 {
            Form::Diagonals(map) => map.diagonals(),
            Form::Matrix(matrix) => matrix.weights().len(),
        }
    }

    /// Applies the map to one or several values, as [`Evaluator::linear`] does. Needs the relinearisation key and the rotations of
    /// the schedule.
    ///
    /// # Errors
    /// As [`Evaluator::linear`]; [`crate::Error::MissingRelinearisation`].
    pub fn linear(&self, evaluator: &E, x: &[&E::Ciphertext]) -> Result<Vec<E::Ciphertext>> {
        match &self.0 {
            Form::Diagonals(map) => bsgs::linear(evaluator, x, map),
            Form::Matrix(matrix) => evaluator.linear_encrypted(x, matrix),
        }
    }
}

impl<E: Evaluator> fmt::Debug for EncryptedMap<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedMap({} ciphertexts, level {})", self.ciphertexts(), self.level())
    }
}
