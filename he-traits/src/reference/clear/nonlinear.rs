//! The capabilities `exact` and `complex` of the clear reference.

use num_complex::Complex64;

use super::{ClearCiphertext, ClearEvaluator};
use crate::capability::{Complex, Exact, Function};
use crate::{Error, Result};

/// Both capabilities; which of them can be reached is decided by the parameters.
pub(super) struct Nonlinear<'a> {
    pub(super) evaluator: &'a ClearEvaluator,
}

/// The real number in a slot.
fn real(op: &'static str, position: usize, x: Complex64) -> Result<f64> {
    if x.im == 0.0 {
        Ok(x.re)
    } else {
        Err(Error::Value {
            op,
            position,
            value: x.im,
            reason: "exact functions take real slots, this imaginary part is not zero",
        })
    }
}

fn in_domain(op: &'static str, position: usize, argument: f64, result: f64) -> Result<Complex64> {
    if result.is_finite() {
        Ok(Complex64::from(result))
    } else {
        Err(Error::Value {
            op,
            position,
            value: argument,
            reason: "it lies outside the function's domain or overflows",
        })
    }
}

impl Exact<ClearCiphertext> for Nonlinear<'_> {
    fn apply(&self, x: &ClearCiphertext, function: Function) -> Result<ClearCiphertext> {
        let op = function.name();
        let slots = x.slots.iter().enumerate().map(|(position, x)| {
            let argument = real(op, position, *x)?;
            in_domain(op, position, argument, function.at(argument))
        });
        Ok(x.with(slots.collect::<Result<_>>()?, x.level))
    }

    fn div(&self, a: &ClearCiphertext, b: &ClearCiphertext) -> Result<ClearCiphertext> {
        a.level.same("div", b.level)?;
        let slots = a.slots.iter().zip(&b.slots).enumerate().map(|(position, (a, b))| {
            let (numerator, denominator) = (real("div", position, *a)?, real("div", position, *b)?);
            in_domain("div", position, denominator, numerator / denominator)
        });
        Ok(a.with(slots.collect::<Result<_>>()?, a.level))
    }
}

impl Complex<ClearCiphertext> for Nonlinear<'_> {
    fn conjugate(&self, x: &ClearCiphertext) -> Result<ClearCiphertext> {
        self.evaluator.keys().conjugation(x.level)?;
        Ok(x.with(x.slots.iter().map(Complex64::conj).collect(), x.level))
    }

    fn mul_i(&self, x: &ClearCiphertext) -> Result<ClearCiphertext> {
        Ok(x.with(x.slots.iter().map(|x| Complex64::new(-x.im, x.re)).collect(), x.level))
    }
}
