//! What the provided methods of [`Evaluator`] do when a backend does not override them.

use rayon::prelude::*;

use crate::capability::Exact;
use crate::{Diagonal, Error, Evaluator, Function, Level, Result};

/// [`Evaluator::layer`] step by step, each step over all ciphertexts on the threads of the pool: what an evaluator does that has
/// nothing better, for the operands at hand or at all.
///
/// # Errors
/// Those of [`Evaluator::layer`].
pub fn layer_by_steps<E: Evaluator>(
    e: &E,
    x: &[&E::Ciphertext],
    map: &E::Map,
    bias: Option<&[E::Addend]>,
    function: Option<Function>,
) -> Result<Vec<E::Ciphertext>> {
    let mut values = e.linear(x, map)?;
    if let Some(bias) = bias {
        if bias.is_empty() || !values.len().is_multiple_of(bias.len()) {
            return Err(Error::shape("layer", format!("a multiple of {} blocks", bias.len()), values.len()));
        }
        let blocks = bias.len();
        let biased = |(index, x): (usize, E::Ciphertext)| match bias.get(index % blocks) {
            Some(bias) => e.add_plain(&x, bias),
            None => Ok(x),
        };
        // Each sum is freed when it has become a result.
        values = values.into_par_iter().enumerate().map(biased).collect::<Result<_>>()?;
    }
    let Some(function) = function else { return Ok(values) };
    let exact = e.exact().ok_or_else(|| Error::Unsupported {
        backend: e.profile().backend.clone(),
        what: format!("compute {} exactly", function.name()),
    })?;
    values.par_iter().map(|x| exact.apply(x, function)).collect()
}

/// Products with 1 until the level is reached.
pub(crate) fn drop_to<E: Evaluator>(e: &E, a: &E::Ciphertext, to: Level) -> Result<E::Ciphertext> {
    let from = e.level(a);
    if from < to && !from.is_unbounded() {
        return Err(Error::LevelRaise { op: "drop_to", from, to });
    }
    let mut dropped = a.clone();
    while e.level(&dropped) > to && !from.is_unbounded() {
        let one = e.encode_factor(&Diagonal::Constant(1.0), e.level(&dropped))?;
        dropped = e.mul_plain(&dropped, &one)?;
    }
    Ok(dropped)
}

/// Each term by itself, then their sum.
pub(crate) fn combine<E: Evaluator>(
    e: &E,
    terms: &[(f64, &E::Ciphertext)],
    constant: f64,
    to: Level,
) -> Result<E::Ciphertext> {
    let mut sum: Option<E::Ciphertext> = None;
    for (coefficient, x) in terms {
        let term = scaled(e, *coefficient, x, to)?;
        sum = Some(match sum {
            None => term,
            Some(sum) => e.add(&sum, &term)?,
        });
    }
    let sum = sum.ok_or_else(|| Error::shape("combine", "at least one term", "none"))?;
    if constant == 0.0 { Ok(sum) } else { e.add_scalar(&sum, constant) }
}

fn scaled<E: Evaluator>(e: &E, coefficient: f64, x: &E::Ciphertext, to: Level) -> Result<E::Ciphertext> {
    let from = e.level(x);
    if from < to && !from.is_unbounded() {
        return Err(Error::LevelRaise { op: "combine", from, to });
    }
    if coefficient == 1.0 {
        return e.drop_to(x, to);
    }
    if from == to && !from.is_unbounded() {
        return integer_multiple(e, coefficient, x);
    }
    let above = to.get().map_or(Level::UNBOUNDED, |level| Level::new(level + 1));
    let x = e.drop_to(x, above)?;
    e.mul_plain(&x, &e.encode_factor(&Diagonal::Constant(coefficient), above)?)
}

/// Whether a multiple by `coefficient` is cheap by additions alone: an integer of at most 20 bits.
pub(crate) fn is_small_integer(coefficient: f64) -> bool {
    coefficient.fract() == 0.0 && coefficient.abs() <= f64::from(1 << 20)
}

/// `coefficient * x` by doublings, for a coefficient that is an integer.
fn integer_multiple<E: Evaluator>(e: &E, coefficient: f64, x: &E::Ciphertext) -> Result<E::Ciphertext> {
    if !is_small_integer(coefficient) {
        return Err(Error::LevelExhausted {
            op: "combine with a fraction at the target level",
            level: e.level(x),
            needs: 1,
        });
    }
    let mut bits = coefficient.abs() as u32;
    let mut power = x.clone();
    let mut sum: Option<E::Ciphertext> = None;
    while bits != 0 {
        if bits & 1 == 1 {
            sum = Some(match sum {
                None => power.clone(),
                Some(sum) => e.add(&sum, &power)?,
            });
        }
        bits >>= 1;
        if bits != 0 {
            power = e.add(&power, &power)?;
        }
    }
    match sum {
        None => e.sub(x, x),
        Some(sum) if coefficient < 0.0 => e.neg(&sum),
        Some(sum) => Ok(sum),
    }
}

/// Product by product.
pub(crate) fn mul_sum<E: Evaluator>(
    e: &E,
    pairs: &[(&E::Ciphertext, &E::Ciphertext)],
) -> Result<E::Ciphertext> {
    let mut products = pairs.iter().map(|(a, b)| e.mul(a, b));
    let first = products.next().ok_or_else(|| Error::shape("mul_sum", "at least one pair", "none"))??;
    products.try_fold(first, |sum, product| e.add(&sum, &product?))
}

/// Product by product.
pub(crate) fn mul_plain_sum<E: Evaluator>(
    e: &E,
    pairs: &[(&E::Ciphertext, &E::Factor)],
) -> Result<E::Ciphertext> {
    let mut products = pairs.iter().map(|(a, b)| e.mul_plain(a, b));
    let first =
        products.next().ok_or_else(|| Error::shape("mul_plain_sum", "at least one pair", "none"))??;
    products.try_fold(first, |sum, product| e.add(&sum, &product?))
}
