//! Sums with constants and multiples by constants: no plaintext polynomial, no transform but those of one rescale.

use he_traits::{Error, Evaluator, Level, Result};

use super::CkksEvaluator;
use crate::ciphertext::Ciphertext;
use crate::ring::{Basis, Ntt, Poly};

/// Largest multiple that is taken without spending a level.
const LARGEST_MULTIPLE: f64 = (1 << 20) as f64;

impl CkksEvaluator {
    /// Residues of an integer for the limbs of `basis`.
    fn residues(&self, integer: f64, basis: Basis) -> Vec<u64> {
        self.ring.moduli_of(basis).map(|modulus| modulus.reduce_integer(integer)).collect()
    }

    /// sum += integer x, over the limbs of the sum, of which x may have more.
    fn add_multiple(&self, sum: &mut [Poly<Ntt>; 2], x: &Ciphertext, integer: f64) {
        let basis = sum[0].basis();
        let residues = self.residues(integer, basis);
        for (sum, half) in sum.iter_mut().zip([&x.c0, &x.c1]) {
            self.ring.add_mul_scalar_assign(sum, half, &residues);
        }
    }
}

pub(super) fn add(e: &CkksEvaluator, a: &Ciphertext, constant: f64) -> Result<Ciphertext> {
    const OP: &str = "add_scalar";
    let scaled = scaled(OP, constant, e.scale(OP, a.level())?)?;
    let mut sum = a.c0.clone();
    let residues = e.residues(scaled, sum.basis());
    e.ring.add_scalar_assign(&mut sum, &residues);
    Ok(e.made([sum, a.c1.clone()]))
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
    if terms.is_empty() {
        return Err(Error::shape(OP, "at least one term", "none"));
    }
    let scale = e.scale(OP, to)?;
    let basis = e.params.basis(to.index());
    let above = Basis::chain(basis.chain + 1);
    let mut rescaled: Option<[Poly<Ntt>; 2]> = None;
    let mut sum: Option<[Poly<Ntt>; 2]> = None;
    for (coefficient, x) in terms {
        let from = x.level();
        if from < to {
            return Err(Error::LevelRaise { op: OP, from, to });
        }
        if from == to {
            if coefficient.fract() != 0.0 || coefficient.abs() > LARGEST_MULTIPLE {
                let op = "combine with a fraction at the target level";
                return Err(Error::LevelExhausted { op, level: from, needs: 1 });
            }
            let sum = sum.get_or_insert_with(|| [e.ring.zero(basis), e.ring.zero(basis)]);
            e.add_multiple(sum, x, *coefficient);
        } else {
            // S(to) q / S(from): after the division by q the term is at the scale S(to).
            let prime = e.ring.modulus(above, basis.chain).value() as f64;
            let factor = scaled(OP, *coefficient, scale * prime / e.scale(OP, from)?)?;
            let sum = rescaled.get_or_insert_with(|| [e.ring.zero(above), e.ring.zero(above)]);
            e.add_multiple(sum, x, factor);
        }
    }
    let rescaled = rescaled.map(|[c0, c1]| e.ring.rescale([&c0, &c1]));
    let sum = match (sum, rescaled) {
        (Some(mut sum), Some(more)) => {
            sum.iter_mut().zip(&more).for_each(|(x, y)| e.ring.add_assign(x, y));
            sum
        }
        (Some(sum), None) | (None, Some(sum)) => sum,
        (None, None) => return Err(Error::shape(OP, "at least one term", "none")),
    };
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
