//! Sums with constants and multiples by constants: no plaintext polynomial, no transform but those of one rescale.

use he_traits::{Error, Evaluator, Level, Result};

use super::CkksEvaluator;
use crate::ciphertext::Ciphertext;
use crate::ring::Basis;

/// Largest multiple that is taken without spending a level.
const LARGEST_MULTIPLE: f64 = (1 << 20) as f64;

impl CkksEvaluator {
    /// Residues of an integer for the limbs of `basis`.
    pub(super) fn residues(&self, integer: f64, basis: Basis) -> Vec<u64> {
        self.ring.moduli_of(basis).map(|modulus| modulus.reduce_integer(integer)).collect()
    }
}

pub(super) fn add(e: &CkksEvaluator, a: &Ciphertext, constant: f64) -> Result<Ciphertext> {
    const OP: &str = "add_scalar";
    let scaled = scaled(OP, constant, e.scale(OP, a.level())?)?;
    Ok(add_residues(e, a, &e.residues(scaled, a.c0.basis())))
}

/// `a` and a constant at its scale, of which each limb's residue is given.
pub(super) fn add_residues(e: &CkksEvaluator, a: &Ciphertext, residues: &[u64]) -> Ciphertext {
    let mut sum = a.c0.clone();
    e.ring.add_scalar_assign(&mut sum, residues);
    e.made([sum, a.c1.clone()])
}

pub(super) fn drop_to(e: &CkksEvaluator, a: &Ciphertext, to: Level) -> Result<Ciphertext> {
    let from = a.level();
    if from < to || to.is_unbounded() {
        return Err(Error::LevelRaise { op: "drop_to", from, to });
    }
    if from == to { Ok(a.clone()) } else { combine(e, &[(1.0, a)], 0.0, to) }
}

/// Terms above `to` lose limbs down to one above it, for free; each is then multiplied by the integer that brings it to the common
/// scale, and all are rescaled together.
pub(super) fn combine(
    e: &CkksEvaluator,
    terms: &[(f64, &Ciphertext)],
    constant: f64,
    to: Level,
) -> Result<Ciphertext> {
    const OP: &str = "combine";
    let scale = e.scale(OP, to)?;
    let basis = e.params.basis(to.index());
    let above = Basis::chain(basis.chain + 1);
    let (mut as_they_are, mut rescaled) = (Vec::new(), Vec::new());
    for (coefficient, x) in terms {
        let (from, halves) = (x.level(), [&x.c0, &x.c1]);
        if from < to {
            return Err(Error::LevelRaise { op: OP, from, to });
        }
        if from == to {
            if coefficient.fract() != 0.0 || coefficient.abs() > LARGEST_MULTIPLE {
                let op = "combine with a fraction at the target level";
                return Err(Error::LevelExhausted { op, level: from, needs: 1 });
            }
            as_they_are.push((e.residues(*coefficient, basis), halves));
        } else {
            // S(to) q / S(from): after the division by q the term is at the scale S(to).
            let prime = e.ring.modulus(above, basis.chain).value() as f64;
            let factor = scaled(OP, *coefficient, scale * prime / e.scale(OP, from)?)?;
            rescaled.push((e.residues(factor, above), halves));
        }
    }
    let mut parts = Vec::with_capacity(2);
    if !as_they_are.is_empty() {
        parts.push(e.ring.linear_combination_pair(basis, &as_they_are));
    }
    if !rescaled.is_empty() {
        let [c0, c1] = e.ring.linear_combination_pair(above, &rescaled);
        parts.push(e.ring.rescale([&c0, &c1]));
    }
    let sums = parts.into_iter().reduce(|mut sum, more| {
        sum.iter_mut().zip(&more).for_each(|(x, y)| e.ring.add_assign(x, y));
        sum
    });
    let sum = sums.ok_or_else(|| Error::shape(OP, "at least one term", "none"))?;
    let sum = e.made(sum);
    if constant == 0.0 { Ok(sum) } else { e.add_scalar(&sum, constant) }
}

/// An integer: `value` times `scale`, rounded.
fn scaled(op: &'static str, value: f64, scale: f64) -> Result<f64> {
    let scaled = (value * scale).round();
    if scaled.is_finite() {
        return Ok(scaled);
    }
    Err(Error::Value { op, position: 0, value, reason: "it is not finite" })
}
