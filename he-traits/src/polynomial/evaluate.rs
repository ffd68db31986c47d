//! Paterson-Stockmeyer evaluation of optimal depth over any evaluator.

use super::Polynomial;
use crate::{Error, Evaluator, Result};

/// The value of `polynomial` at an encrypted `x`, at level `level(x) - depth` exactly.
///
/// # Errors
/// [`Error::LevelExhausted`] when `x` has fewer levels than [`Polynomial::depth`].
pub fn evaluate<E: Evaluator>(
    evaluator: &E,
    x: &E::Ciphertext,
    polynomial: &Polynomial,
) -> Result<E::Ciphertext> {
    evaluator.level(x).spend("polynomial", polynomial.depth())?;
    Err(Error::Unsupported {
        backend: evaluator.profile().backend.clone(),
        what: "evaluate polynomials".to_owned(),
    })
}
