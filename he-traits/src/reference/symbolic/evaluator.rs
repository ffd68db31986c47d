//! The symbolic evaluator's operations.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::map::{self, SymbolicMap};
use super::{Symbolic, SymbolicAddend, SymbolicCiphertext, SymbolicFactor};
use crate::capability::{Complex, Exact, Function, Parts, Refresh};
use crate::defaults::is_small_integer;
use crate::{
    Diagonal, EncryptedMatrix, Error, Evaluator, Keep, Level, LinearMap, LinearStyle, Polynomial, Profile,
    Result, Schedule, Step, layer_by_steps, polynomial,
};

impl Symbolic {
    fn encoded(&self, op: &'static str, values: &Diagonal, at: Level) -> Result<Level> {
        let at = self.at(op, at)?;
        values.check(op, self.profile.slots)?;
        if !self.profile.complex {
            values.real(&self.profile.backend)?;
        }
        let mut record = self.lock();
        record.counts.encodes += 1;
        record.setup_seconds += self.profile.costs.encode.at(at);
        record.factor_bytes += self.profile.sizes.factor.at(at);
        Ok(at)
    }

    /// One term of a `combine` to level `to`: whether it costs a product with a constant, and the levels are right.
    fn term(&self, coefficient: f64, position: usize, x: SymbolicCiphertext, to: Level) -> Result<()> {
        let from = x.level;
        if !coefficient.is_finite() {
            return Err(Error::Value {
                op: "combine",
                position,
                value: coefficient,
                reason: "it is not finite",
            });
        }
        if from < to {
            return Err(Error::LevelRaise { op: "combine", from, to });
        }
        if from == to && !to.is_unbounded() {
            if !is_small_integer(coefficient) {
                return Err(Error::LevelExhausted { op: "combine", level: from, needs: 1 });
            }
            let doublings = coefficient.abs().max(1.0).log2() as u64;
            self.additions(doublings, x);
        } else if coefficient != 1.0 || from != to {
            self.plain_products(1, x);
        }
        Ok(())
    }
}

impl Evaluator for Symbolic {
    type Ciphertext = SymbolicCiphertext;
    type Factor = SymbolicFactor;
    type Addend = SymbolicAddend;
    type Map = SymbolicMap;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn level(&self, x: &SymbolicCiphertext) -> Level {
        x.level
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<SymbolicFactor> {
        self.at("encode_factor", at)?.spend("encode_factor", 1)?;
        self.encoded("encode_factor", values, at).map(SymbolicFactor)
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<SymbolicAddend> {
        self.encoded("encode_addend", values, at).map(SymbolicAddend)
    }

    fn add(&self, a: &SymbolicCiphertext, b: &SymbolicCiphertext) -> Result<SymbolicCiphertext> {
        a.level.same("add", b.level)?;
        let sum = a.with(*b);
        self.additions(1, sum);
        Ok(sum)
    }

    fn neg(&self, a: &SymbolicCiphertext) -> Result<SymbolicCiphertext> {
        Ok(*a)
    }

    fn add_plain(&self, a: &SymbolicCiphertext, b: &SymbolicAddend) -> Result<SymbolicCiphertext> {
        a.level.same("add_plain", b.0)?;
        self.additions(1, *a);
        Ok(*a)
    }

    fn mul(&self, a: &SymbolicCiphertext, b: &SymbolicCiphertext) -> Result<SymbolicCiphertext> {
        self.mul_sum(&[(a, b)])
    }

    fn mul_plain(&self, a: &SymbolicCiphertext, b: &SymbolicFactor) -> Result<SymbolicCiphertext> {
        self.mul_plain_sum(&[(a, b)])
    }

    fn rotate(&self, a: &SymbolicCiphertext, step: Step) -> Result<SymbolicCiphertext> {
        self.rotate_many(a, &[step])?;
        Ok(*a)
    }

    fn prepare(
        &self,
        map: &Arc<LinearMap>,
        schedule: &Schedule,
        at: Level,
        keep: Keep,
    ) -> Result<SymbolicMap> {
        map::prepare(self, map, schedule, self.at("prepare", at)?, keep)
    }

    fn linear(&self, x: &[&SymbolicCiphertext], map: &SymbolicMap) -> Result<Vec<SymbolicCiphertext>> {
        map::apply(self, x, map)
    }

    fn layer(
        &self,
        x: &[&SymbolicCiphertext],
        map: &SymbolicMap,
        bias: Option<&[SymbolicAddend]>,
        function: Option<Function>,
    ) -> Result<Vec<SymbolicCiphertext>> {
        if self.profile.linear != LinearStyle::Matrix {
            return layer_by_steps(self, x, map, bias, function);
        }
        // A bias is where the sums of a sparse product begin.
        let values = layer_by_steps(self, x, map, None, function)?;
        self.lock().counts.additions += bias.map_or(0, |_| values.len() as u64);
        Ok(values)
    }

    fn layer_then(
        &self,
        x: &[&SymbolicCiphertext],
        map: &SymbolicMap,
        bias: Option<&[SymbolicAddend]>,
        function: Function,
        then: &SymbolicMap,
    ) -> Option<Result<Vec<SymbolicCiphertext>>> {
        let in_one_pass = self.profile.values_per_thread.is_some() && then.is_reduction();
        in_one_pass.then(|| {
            let between = self.layer(x, map, bias, Some(function))?;
            // What lies between is neither written nor read.
            let spared =
                |x: &SymbolicCiphertext| self.profile.share(x.period) * self.profile.costs.pass.at(x.level);
            self.lock().seconds -= 2.0 * between.iter().map(spared).sum::<f64>();
            self.linear(&between.iter().collect::<Vec<_>>(), then)
        })
    }

    fn linear_encrypted(
        &self,
        x: &[&SymbolicCiphertext],
        matrix: &EncryptedMatrix<SymbolicCiphertext>,
    ) -> Result<Vec<SymbolicCiphertext>> {
        map::apply_encrypted(self, x, matrix)
    }

    fn sub(&self, a: &SymbolicCiphertext, b: &SymbolicCiphertext) -> Result<SymbolicCiphertext> {
        a.level.same("sub", b.level)?;
        let difference = a.with(*b);
        self.additions(1, difference);
        Ok(difference)
    }

    fn add_scalar(&self, a: &SymbolicCiphertext, constant: f64) -> Result<SymbolicCiphertext> {
        Diagonal::Constant(constant).check("add_scalar", self.profile.slots)?;
        self.additions(1, *a);
        Ok(*a)
    }

    fn rotate_many(&self, a: &SymbolicCiphertext, steps: &[Step]) -> Result<Vec<SymbolicCiphertext>> {
        let slots = self.profile.slots;
        let distinct: BTreeSet<usize> =
            steps.iter().map(|step| step.normalised(slots)).filter(|step| *step != 0).collect();
        self.rotations(distinct.len() as u64, *a);
        let mut record = self.lock();
        distinct.iter().for_each(|step| record.needs.rotate(*step, a.level));
        Ok(vec![*a; steps.len()])
    }

    fn drop_to(&self, a: &SymbolicCiphertext, to: Level) -> Result<SymbolicCiphertext> {
        if self.profile.top.is_unbounded() || a.level == to {
            return Ok(*a);
        }
        if to > a.level {
            return Err(Error::LevelRaise { op: "drop_to", from: a.level, to });
        }
        self.plain_products(1, *a);
        self.rescale(1, *a);
        Ok(a.at(to))
    }

    fn combine(
        &self,
        terms: &[(f64, &SymbolicCiphertext)],
        constant: f64,
        to: Level,
    ) -> Result<SymbolicCiphertext> {
        Diagonal::Constant(constant).check("combine", self.profile.slots)?;
        let to = if self.profile.top.is_unbounded() { Level::UNBOUNDED } else { to };
        for (position, (coefficient, x)) in terms.iter().enumerate() {
            self.term(*coefficient, position, **x, to)?;
        }
        let highest = terms.iter().map(|(_, x)| x.level).max();
        let sum = terms.iter().map(|(_, x)| **x).reduce(SymbolicCiphertext::with);
        let (Some(highest), Some(sum)) = (highest, sum) else {
            return Err(Error::shape("combine", "at least one term", "none"));
        };
        if highest > to {
            self.rescale(1, sum.at(highest));
        }
        self.additions(terms.len() as u64 - 1 + u64::from(constant != 0.0), sum.at(to));
        Ok(sum.at(to))
    }

    fn mul_sum(&self, pairs: &[(&SymbolicCiphertext, &SymbolicCiphertext)]) -> Result<SymbolicCiphertext> {
        let (first, _) = pairs.first().ok_or_else(|| Error::shape("mul_sum", "at least one pair", "none"))?;
        let mut sum = **first;
        for (a, b) in pairs {
            first.level.same("mul", a.level)?;
            a.level.same("mul", b.level)?;
            sum = sum.with(**a).with(**b);
        }
        let to = first.level.spend("mul", 1)?;
        self.sum_of_products(pairs.len() as u64, sum);
        self.additions(pairs.len() as u64 - 1, sum);
        self.rescale(1, sum);
        Ok(sum.at(to))
    }

    fn mul_plain_sum(&self, pairs: &[(&SymbolicCiphertext, &SymbolicFactor)]) -> Result<SymbolicCiphertext> {
        let (first, _) =
            pairs.first().ok_or_else(|| Error::shape("mul_plain_sum", "at least one pair", "none"))?;
        let mut sum = **first;
        for (a, b) in pairs {
            first.level.same("mul_plain", a.level)?;
            a.level.same("mul_plain", b.0)?;
            sum = sum.with(**a);
        }
        let to = first.level.spend("mul_plain", 1)?;
        self.plain_products(pairs.len() as u64, sum);
        self.additions(pairs.len() as u64 - 1, sum);
        self.rescale(1, sum);
        Ok(sum.at(to))
    }

    fn polynomial(&self, x: &SymbolicCiphertext, polynomial: &Polynomial) -> Result<SymbolicCiphertext> {
        self.lock().counts.polynomials += 1;
        polynomial::evaluate(self, x, polynomial)
    }

    fn refresh(&self) -> Option<impl Refresh<SymbolicCiphertext>> {
        self.profile.refresh.is_some().then_some(Capability(self))
    }

    fn exact(&self) -> Option<impl Exact<SymbolicCiphertext>> {
        self.profile.exact.then_some(Capability(self))
    }

    fn complex(&self) -> Option<impl Complex<SymbolicCiphertext>> {
        self.profile.complex.then_some(Capability(self))
    }
}

/// The capabilities; which of them can be reached is decided by the profile.
struct Capability<'a>(&'a Symbolic);

impl Capability<'_> {
    fn exact(&self, x: SymbolicCiphertext) {
        let profile = &self.0.profile;
        let slots = if profile.repeats_once { x.period } else { profile.slots };
        let seconds = profile.costs.exact_slot.at(x.level);
        self.0.spend_seconds(slots as u64, seconds, |counts, times| counts.exact_slots += times);
    }
}

impl Refresh<SymbolicCiphertext> for Capability<'_> {
    fn refresh(&self, x: &[&SymbolicCiphertext], _: Parts, to: Level) -> Result<Vec<SymbolicCiphertext>> {
        let Some(refresh) = &self.0.profile.refresh else { return Ok(Vec::new()) };
        if to > refresh.highest_output {
            return Err(Error::LevelRaise { op: "refresh", from: refresh.highest_output, to });
        }
        for x in x {
            if x.level < refresh.lowest_input {
                let needs = refresh.lowest_input.get().unwrap_or(0);
                return Err(Error::LevelExhausted { op: "refresh", level: x.level, needs });
            }
            self.0.spend_seconds(1, refresh.seconds, |counts, times| counts.refreshes += times);
        }
        Ok(x.iter().map(|x| x.at(to)).collect())
    }
}

impl Exact<SymbolicCiphertext> for Capability<'_> {
    fn apply(&self, x: &SymbolicCiphertext, _: Function) -> Result<SymbolicCiphertext> {
        self.exact(*x);
        Ok(*x)
    }

    fn div(&self, a: &SymbolicCiphertext, b: &SymbolicCiphertext) -> Result<SymbolicCiphertext> {
        a.level.same("div", b.level)?;
        let quotient = a.with(*b);
        self.exact(quotient);
        Ok(quotient)
    }
}

impl Complex<SymbolicCiphertext> for Capability<'_> {
    fn conjugate(&self, x: &SymbolicCiphertext) -> Result<SymbolicCiphertext> {
        let costs = self.0.profile.costs;
        self.0.spend(1, costs.rotate, *x, |counts, times| counts.conjugations += times);
        self.0.lock().needs.conjugate(x.level);
        Ok(*x)
    }

    fn mul_i(&self, x: &SymbolicCiphertext) -> Result<SymbolicCiphertext> {
        Ok(*x)
    }
}
