//! Linear maps whose entries are encrypted too: networks whose weights the server does not see.

use std::fmt;

use crate::{Diagonal, Evaluator, Level, LinearMap, Result, Schedule, bsgs};

/// A linear map with encrypted diagonals: made by the model's owner under the data owner's public key, or by one owner of both.
///
/// It runs through [`Evaluator::mul_sum`], so that the products of a giant step are relinearised and rescaled once; what hiding the
/// weights costs beyond that is a ciphertext in place of a plaintext for each diagonal. The server still sees the shape of the map:
/// which diagonals there are, not what is on them.
pub struct EncryptedMap<E: Evaluator>(bsgs::Map<E>);

impl<E: Evaluator> EncryptedMap<E> {
    /// Encrypts `map` for inputs at level `at` of a scheme with `slots` slots. `encrypt` is asked for one ciphertext at level `at`
    /// for each diagonal that is not zero, from several threads.
    ///
    /// # Errors
    /// [`crate::Error::Schedule`] when the schedule does not cover the map or is [`Schedule::Matrix`], [`crate::Error::Shape`]
    /// when the map does not fit the slots, [`crate::Error::LevelExhausted`] at level 0, and those of `encrypt`.
    pub fn encrypt(
        map: &LinearMap,
        schedule: &Schedule,
        slots: usize,
        at: Level,
        encrypt: impl Fn(&Diagonal) -> Result<E::Ciphertext> + Sync,
    ) -> Result<Self> {
        Ok(Self(bsgs::encrypted(map, schedule, slots, at, encrypt)?))
    }

    /// Level of the input.
    pub fn level(&self) -> Level {
        self.0.level()
    }

    /// Number of ciphertexts that hold the map.
    pub fn diagonals(&self) -> usize {
        self.0.diagonals()
    }

    /// Applies the map to one or several values, as [`Evaluator::linear`] does. Needs the relinearisation key and the rotations of
    /// the schedule.
    ///
    /// # Errors
    /// As [`Evaluator::linear`]; [`crate::Error::MissingRelinearisation`].
    pub fn linear(&self, evaluator: &E, x: &[&E::Ciphertext]) -> Result<Vec<E::Ciphertext>> {
        bsgs::linear(evaluator, x, &self.0)
    }
}

impl<E: Evaluator> fmt::Debug for EncryptedMap<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedMap({} diagonals, level {})", self.diagonals(), self.level())
    }
}
