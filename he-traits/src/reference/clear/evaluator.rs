//! Arithmetic of the clear reference, with levels and keys enforced.

use std::fmt;
use std::sync::Arc;

use num_complex::Complex64;

use super::linear::{self, ClearMap};
use super::nonlinear::Nonlinear;
use super::{ClearKeys, ClearParams};
use crate::capability::{Complex, Exact};
use crate::{
    Diagonal, EncryptedMatrix, Error, Evaluator, Keep, Level, LinearMap, Profile, Result, Schedule, Step,
};

/// Slots in the clear, and the level that a ciphertext in their place would have.
#[derive(Clone, PartialEq)]
pub struct ClearCiphertext {
    pub(super) slots: Vec<Complex64>,
    pub(super) level: Level,
    pub(super) params: ClearParams,
}

impl ClearCiphertext {
    /// `values` repeated to fill the slots, at level `at`.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Value`] when the vector does not fit, [`Error::Unsupported`] for complex numbers where the
    /// parameters have real slots, [`Error::LevelRaise`] when `at` is above the top.
    pub fn new(params: &ClearParams, values: &Diagonal, at: Level) -> Result<Self> {
        let level = params.level("encrypt", at)?;
        let period = encode(params, "encrypt", values)?;
        let slots = period.iter().copied().cycle().take(params.slots).collect();
        Ok(Self { slots, level, params: *params })
    }

    /// All slots.
    pub fn slots(&self) -> &[Complex64] {
        &self.slots
    }

    pub(super) fn with(&self, slots: Vec<Complex64>, level: Level) -> Self {
        Self { slots, level, params: self.params }
    }

    /// Multiplications left.
    pub const fn level(&self) -> Level {
        self.level
    }
}

impl fmt::Debug for ClearCiphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClearCiphertext({} slots, level {})", self.slots.len(), self.level)
    }
}

/// One period of a plaintext to multiply by.
#[derive(Clone, Debug)]
pub struct ClearFactor {
    period: Vec<Complex64>,
    level: Level,
}

/// One period of a plaintext to add.
#[derive(Clone, Debug)]
pub struct ClearAddend {
    period: Vec<Complex64>,
    level: Level,
}

/// Computes in the clear; enforces levels and keys.
#[derive(Clone, Debug)]
pub struct ClearEvaluator {
    params: ClearParams,
    keys: ClearKeys,
    profile: Profile,
}

impl ClearEvaluator {
    /// An evaluator that may use `keys`; [`ClearKeys::all`] forbids nothing.
    ///
    /// # Errors
    /// [`Error::Parameters`] when the keys were made for other parameters.
    pub fn new(params: ClearParams, keys: ClearKeys) -> Result<Self> {
        if *keys.params() != params {
            return Err(Error::parameters("the evaluation keys were made for other parameters"));
        }
        Ok(Self { params, keys, profile: params.description() })
    }

    /// The parameters.
    pub fn params(&self) -> &ClearParams {
        &self.params
    }

    pub(super) fn keys(&self) -> &ClearKeys {
        &self.keys
    }

    fn rotated(&self, a: &ClearCiphertext, step: Step) -> Result<ClearCiphertext> {
        let step = step.normalised(self.params.slots);
        self.keys.rotation(step, a.level)?;
        let mut slots = a.slots.clone();
        slots.rotate_left(step);
        Ok(a.with(slots, a.level))
    }

    /// The level below, where ciphertexts at `level` may be multiplied with one another.
    fn product_level(&self, op: &'static str, a: Level, b: Level) -> Result<Level> {
        a.same(op, b)?;
        let below = a.spend(op, 1)?;
        self.keys.relinearisation(a)?;
        Ok(below)
    }
}

/// One period of `values`, checked against the parameters.
fn encode(params: &ClearParams, op: &'static str, values: &Diagonal) -> Result<Vec<Complex64>> {
    values.check(op, params.slots)?;
    if !params.complex {
        values.real("clear")?;
    }
    Ok(values.complex().into_owned())
}

fn zip(
    a: &ClearCiphertext,
    b: &[Complex64],
    level: Level,
    f: impl Fn(Complex64, Complex64) -> Complex64,
) -> ClearCiphertext {
    a.with(a.slots.iter().zip(b.iter().cycle()).map(|(x, y)| f(*x, *y)).collect(), level)
}

fn map(a: &ClearCiphertext, level: Level, f: impl Fn(Complex64) -> Complex64) -> ClearCiphertext {
    a.with(a.slots.iter().map(|x| f(*x)).collect(), level)
}

/// `sum += x y`, slot by slot.
fn accumulate(sum: &mut [Complex64], x: &[Complex64], y: &[Complex64]) {
    sum.iter_mut().zip(x).zip(y.iter().cycle()).for_each(|((sum, x), y)| *sum += x * y);
}

fn finite(op: &'static str, position: usize, value: f64) -> Result<()> {
    if value.is_finite() {
        Ok(())
    } else {
        Err(Error::Value { op, position, value, reason: "it is not finite" })
    }
}

impl Evaluator for ClearEvaluator {
    type Ciphertext = ClearCiphertext;
    type Factor = ClearFactor;
    type Addend = ClearAddend;
    type Map = ClearMap;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn level(&self, x: &ClearCiphertext) -> Level {
        x.level
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<ClearFactor> {
        let level = self.params.level("encode_factor", at)?;
        level.spend("encode_factor", 1)?;
        Ok(ClearFactor { period: encode(&self.params, "encode_factor", values)?, level })
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<ClearAddend> {
        let level = self.params.level("encode_addend", at)?;
        Ok(ClearAddend { period: encode(&self.params, "encode_addend", values)?, level })
    }

    fn add(&self, a: &ClearCiphertext, b: &ClearCiphertext) -> Result<ClearCiphertext> {
        a.level.same("add", b.level)?;
        Ok(zip(a, &b.slots, a.level, |x, y| x + y))
    }

    fn neg(&self, a: &ClearCiphertext) -> Result<ClearCiphertext> {
        Ok(map(a, a.level, |x| -x))
    }

    fn add_plain(&self, a: &ClearCiphertext, b: &ClearAddend) -> Result<ClearCiphertext> {
        a.level.same("add_plain", b.level)?;
        Ok(zip(a, &b.period, a.level, |x, y| x + y))
    }

    fn mul(&self, a: &ClearCiphertext, b: &ClearCiphertext) -> Result<ClearCiphertext> {
        let level = self.product_level("mul", a.level, b.level)?;
        Ok(zip(a, &b.slots, level, |x, y| x * y))
    }

    fn mul_plain(&self, a: &ClearCiphertext, b: &ClearFactor) -> Result<ClearCiphertext> {
        a.level.same("mul_plain", b.level)?;
        Ok(zip(a, &b.period, a.level.spend("mul_plain", 1)?, |x, y| x * y))
    }

    fn rotate(&self, a: &ClearCiphertext, step: Step) -> Result<ClearCiphertext> {
        self.rotated(a, step)
    }

    fn prepare(&self, map: &Arc<LinearMap>, schedule: &Schedule, at: Level, _: Keep) -> Result<ClearMap> {
        let at = self.params.level("prepare", at)?;
        linear::prepare(self, map, schedule, at)
    }

    fn linear(&self, x: &[&ClearCiphertext], map: &ClearMap) -> Result<Vec<ClearCiphertext>> {
        linear::apply(x, map)
    }

    fn linear_encrypted(
        &self,
        x: &[&ClearCiphertext],
        matrix: &EncryptedMatrix<ClearCiphertext>,
    ) -> Result<Vec<ClearCiphertext>> {
        self.keys.relinearisation(matrix.level())?;
        linear::apply(x, &linear::opened(matrix)?)
    }

    fn sub(&self, a: &ClearCiphertext, b: &ClearCiphertext) -> Result<ClearCiphertext> {
        a.level.same("sub", b.level)?;
        Ok(zip(a, &b.slots, a.level, |x, y| x - y))
    }

    fn add_scalar(&self, a: &ClearCiphertext, constant: f64) -> Result<ClearCiphertext> {
        finite("add_scalar", 0, constant)?;
        Ok(map(a, a.level, |x| x + constant))
    }

    fn rotate_many(&self, a: &ClearCiphertext, steps: &[Step]) -> Result<Vec<ClearCiphertext>> {
        steps.iter().map(|step| self.rotated(a, *step)).collect()
    }

    fn drop_to(&self, a: &ClearCiphertext, to: Level) -> Result<ClearCiphertext> {
        if self.params.top.is_unbounded() {
            return Ok(a.clone());
        }
        if to > a.level {
            return Err(Error::LevelRaise { op: "drop_to", from: a.level, to });
        }
        Ok(a.with(a.slots.clone(), to))
    }

    fn combine(
        &self,
        terms: &[(f64, &ClearCiphertext)],
        constant: f64,
        to: Level,
    ) -> Result<ClearCiphertext> {
        finite("combine", terms.len(), constant)?;
        let unbounded = self.params.top.is_unbounded();
        let level = if unbounded { Level::UNBOUNDED } else { to };
        let mut slots = vec![Complex64::from(constant); self.params.slots];
        for (position, (coefficient, x)) in terms.iter().enumerate() {
            finite("combine", position, *coefficient)?;
            if x.level < level {
                return Err(Error::LevelRaise { op: "combine", from: x.level, to });
            }
            if !unbounded && x.level == level && !crate::defaults::is_small_integer(*coefficient) {
                return Err(Error::LevelExhausted { op: "combine", level: x.level, needs: 1 });
            }
            accumulate(&mut slots, &x.slots, &[Complex64::from(*coefficient)]);
        }
        if terms.is_empty() {
            return Err(Error::shape("combine", "at least one term", "none"));
        }
        Ok(ClearCiphertext { slots, level, params: self.params })
    }

    fn mul_sum(&self, pairs: &[(&ClearCiphertext, &ClearCiphertext)]) -> Result<ClearCiphertext> {
        let first =
            pairs.first().ok_or_else(|| Error::shape("mul_sum", "at least one pair", "none"))?.0.level;
        let mut slots = vec![Complex64::ZERO; self.params.slots];
        for (a, b) in pairs {
            first.same("mul_sum", a.level)?;
            a.level.same("mul_sum", b.level)?;
            accumulate(&mut slots, &a.slots, &b.slots);
        }
        let level = self.product_level("mul_sum", first, first)?;
        Ok(ClearCiphertext { slots, level, params: self.params })
    }

    fn mul_plain_sum(&self, pairs: &[(&ClearCiphertext, &ClearFactor)]) -> Result<ClearCiphertext> {
        let first =
            pairs.first().ok_or_else(|| Error::shape("mul_plain_sum", "at least one pair", "none"))?;
        let level = first.0.level;
        let mut slots = vec![Complex64::ZERO; self.params.slots];
        for (a, b) in pairs {
            level.same("mul_plain_sum", a.level)?;
            a.level.same("mul_plain_sum", b.level)?;
            accumulate(&mut slots, &a.slots, &b.period);
        }
        let level = level.spend("mul_plain_sum", 1)?;
        Ok(ClearCiphertext { slots, level, params: self.params })
    }

    fn exact(&self) -> Option<impl Exact<ClearCiphertext>> {
        self.params.exact.then_some(Nonlinear { evaluator: self })
    }

    fn complex(&self) -> Option<impl Complex<ClearCiphertext>> {
        self.params.complex.then_some(Nonlinear { evaluator: self })
    }
}
