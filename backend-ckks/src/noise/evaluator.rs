//! The contract's operations on values with errors.

use std::sync::Arc;

use he_traits::{
    Complex, Complex64, Diagonal, Error, Evaluator, Keep, Level, LinearMap, Profile, Result, Schedule, Step,
    bsgs,
};

use super::simulator::{Noise, NoiseSimulator, NoisyFactor, WithinMap, disturbed, mixed};

/// The other operand of a product, which repeats.
struct Multiplier<'a> {
    level: usize,
    values: &'a [Complex64],
    errors: &'a [Complex64],
    largest: f64,
    bound: f64,
    seed: u64,
}

impl<'a> From<&'a Noise> for Multiplier<'a> {
    fn from(x: &'a Noise) -> Self {
        let Noise { level, values, errors, largest, bound, seed } = x;
        Self { level: *level, values, errors, largest: *largest, bound: *bound, seed: *seed }
    }
}

impl<'a> From<&'a NoisyFactor> for Multiplier<'a> {
    fn from(x: &'a NoisyFactor) -> Self {
        let NoisyFactor { level, values, errors, largest, bound, seed } = x;
        Self { level: *level, values, errors, largest: *largest, bound: *bound, seed: *seed }
    }
}

fn level(index: usize) -> Level {
    Level::new(index as u32)
}

/// `a + sign b`.
fn sum(op: &'static str, a: &Noise, b: &Noise, sign: f64) -> Result<Noise> {
    level(a.level).same(op, level(b.level))?;
    let seed = mixed(&[3, a.seed, b.seed, sign.to_bits()]);
    let mut sum = Noise { largest: a.largest + b.largest, bound: a.bound + b.bound, seed, ..a.clone() };
    sum.values.iter_mut().zip(&b.values).for_each(|(sum, value)| *sum += value * sign);
    sum.errors.iter_mut().zip(&b.errors).for_each(|(sum, error)| *sum += error * sign);
    Ok(sum)
}

fn rotated(a: &Noise, step: usize, variance: f64) -> Noise {
    let mut rotated = Noise { seed: mixed(&[7, a.seed, step as u64]), ..a.clone() };
    rotated.values.rotate_left(step);
    rotated.errors.rotate_left(step);
    disturbed(rotated, variance)
}

impl NoiseSimulator {
    /// The sum of products on the next level, with the error of what brings it there.
    fn products(
        &self,
        op: &'static str,
        pairs: &[(&Noise, Multiplier<'_>)],
        variance: impl Fn(usize) -> f64,
    ) -> Result<Noise> {
        let (first, _) = pairs.first().ok_or_else(|| Error::shape(op, "at least one pair", "none"))?;
        for (a, b) in pairs {
            level(first.level).same(op, level(a.level))?;
            level(first.level).same(op, level(b.level))?;
        }
        level(first.level).spend(op, 1)?;
        let slots = self.profile.slots;
        let mut sum = Noise {
            level: first.level - 1,
            values: vec![Complex64::ZERO; slots],
            errors: vec![Complex64::ZERO; slots],
            largest: 0.0,
            bound: 0.0,
            seed: mixed(&[4]),
        };
        for (a, b) in pairs {
            let factors = b.values.iter().zip(b.errors).cycle();
            let terms = a.values.iter().zip(&a.errors).zip(factors);
            let sums = sum.values.iter_mut().zip(&mut sum.errors);
            for ((value, error), ((a, a_error), (b, b_error))) in sums.zip(terms) {
                *value += a * b;
                *error += a * b_error + b * a_error + a_error * b_error;
            }
            sum.largest += a.largest * b.largest;
            // All of an error may lie in one slot.
            let errors = (slots as f64).sqrt() * a.bound * b.bound;
            sum.bound += a.largest * b.bound + b.largest * a.bound + errors;
            sum.seed = mixed(&[sum.seed, a.seed, b.seed]);
        }
        Ok(disturbed(sum, variance(first.level)))
    }
}

impl Evaluator for NoiseSimulator {
    type Ciphertext = Noise;
    type Factor = NoisyFactor;
    type Addend = NoisyFactor;
    type Map = bsgs::Map<Self>;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn level(&self, x: &Noise) -> Level {
        level(x.level)
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<NoisyFactor> {
        at.spend("encode_factor", 1)?;
        self.encoded("encode_factor", values, at)
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<NoisyFactor> {
        self.encoded("encode_addend", values, at)
    }

    fn add(&self, a: &Noise, b: &Noise) -> Result<Noise> {
        sum("add", a, b, 1.0)
    }

    fn sub(&self, a: &Noise, b: &Noise) -> Result<Noise> {
        sum("sub", a, b, -1.0)
    }

    fn neg(&self, a: &Noise) -> Result<Noise> {
        let mut negative = Noise { seed: mixed(&[5, a.seed]), ..a.clone() };
        negative.values.iter_mut().chain(&mut negative.errors).for_each(|slot| *slot = -*slot);
        Ok(negative)
    }

    fn add_plain(&self, a: &Noise, b: &NoisyFactor) -> Result<Noise> {
        level(a.level).same("add_plain", level(b.level))?;
        let (largest, bound) = (a.largest + b.largest, a.bound + b.bound);
        let mut sum = Noise { largest, bound, seed: mixed(&[6, a.seed, b.seed]), ..a.clone() };
        sum.values.iter_mut().zip(b.values.iter().cycle()).for_each(|(sum, value)| *sum += value);
        sum.errors.iter_mut().zip(b.errors.iter().cycle()).for_each(|(sum, error)| *sum += error);
        Ok(sum)
    }

    fn mul(&self, a: &Noise, b: &Noise) -> Result<Noise> {
        self.mul_sum(&[(a, b)])
    }

    fn mul_plain(&self, a: &Noise, b: &NoisyFactor) -> Result<Noise> {
        self.mul_plain_sum(&[(a, b)])
    }

    fn mul_sum(&self, pairs: &[(&Noise, &Noise)]) -> Result<Noise> {
        const OP: &str = "mul_sum";
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| (*a, Multiplier::from(*b))).collect();
        self.products(OP, &pairs, |from| self.model.relinearisation(from))
    }

    fn mul_plain_sum(&self, pairs: &[(&Noise, &NoisyFactor)]) -> Result<Noise> {
        const OP: &str = "mul_plain_sum";
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| (*a, Multiplier::from(*b))).collect();
        let share = self.within.as_ref().map_or(1.0, |map| map.share);
        self.products(OP, &pairs, |from| share * self.model.division(from - 1))
    }

    fn rotate(&self, a: &Noise, step: Step) -> Result<Noise> {
        let step = step.normalised(self.profile.slots);
        if step == 0 {
            return Ok(a.clone());
        }
        let giant = self.within.as_ref().is_some_and(|map| !map.fold.contains(&step));
        Ok(rotated(a, step, if giant { 0.0 } else { self.model.rotation(a.level) }))
    }

    fn rotate_many(&self, a: &Noise, steps: &[Step]) -> Result<Vec<Noise>> {
        let model = &self.model;
        let division = if self.within.is_some() { model.division(a.level) } else { 0.0 };
        let step = |step: &Step| match step.normalised(self.profile.slots) {
            0 => a.clone(),
            step => rotated(a, step, model.rotation(a.level) - division),
        };
        Ok(steps.iter().map(step).collect())
    }

    fn prepare(&self, map: &Arc<LinearMap>, schedule: &Schedule, at: Level, keep: Keep) -> Result<Self::Map> {
        bsgs::prepare(self, map, schedule, at, keep)
    }

    fn linear(&self, x: &[&Noise], map: &Self::Map) -> Result<Vec<Noise>> {
        let within = WithinMap { share: 1.0 / map.giant_steps().max(1) as f64, fold: map.fold().to_vec() };
        bsgs::linear(&Self { within: Some(within), ..self.clone() }, x, map)
    }

    fn complex(&self) -> Option<impl Complex<Noise>> {
        Some(self)
    }
}

impl Complex<Noise> for &NoiseSimulator {
    fn conjugate(&self, x: &Noise) -> Result<Noise> {
        let mut conjugate = Noise { seed: mixed(&[8, x.seed]), ..x.clone() };
        conjugate.values.iter_mut().chain(&mut conjugate.errors).for_each(|slot| *slot = slot.conj());
        Ok(disturbed(conjugate, self.model.rotation(x.level)))
    }

    fn mul_i(&self, x: &Noise) -> Result<Noise> {
        let mut turned = Noise { seed: mixed(&[9, x.seed]), ..x.clone() };
        turned.values.iter_mut().chain(&mut turned.errors).for_each(|slot| *slot *= Complex64::I);
        Ok(turned)
    }
}
