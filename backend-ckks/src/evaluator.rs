//! The server's half: computes on ciphertexts with evaluation keys alone.

mod linear;
mod scalar;

use std::sync::Arc;

use he_traits::{
    Complex, Diagonal, Error, Evaluator, Keep, Level, LinearMap, Profile, Result, Schedule, Step,
};
use rayon::prelude::*;

use crate::ciphertext::Ciphertext;
use crate::keys::{EvaluationKeys, GaloisKey};
use crate::ring::{Finish, Multiplier, Ntt, Poly, Ring, Switched};
use crate::{Parameters, profile};

/// A plaintext to multiply by, over the limbs of its level.
#[derive(Clone, Debug)]
pub struct Factor(Poly<Ntt>);

/// A plaintext to add, over the limbs of its level.
#[derive(Clone, Debug)]
pub struct Addend(Added);

#[derive(Clone, Debug)]
enum Added {
    Values(Poly<Ntt>),
    /// The same number in each slot: a residue for each limb.
    Constant(Vec<u64>),
}

/// Computes under one set of evaluation keys.
pub struct CkksEvaluator {
    params: Parameters,
    ring: Arc<Ring>,
    keys: EvaluationKeys,
    profile: Profile,
    /// X^(N/2), whose slots are the imaginary unit.
    imaginary_unit: Poly<Ntt>,
}

fn level_of(x: &Poly<Ntt>) -> Level {
    Level::new(x.basis().chain as u32 - 1)
}

impl CkksEvaluator {
    pub(crate) fn new(params: &Parameters, keys: EvaluationKeys) -> Result<Self> {
        if keys.params.fingerprint() != params.fingerprint() {
            return Err(Error::parameters("the evaluation keys belong to other parameters"));
        }
        let ring = Arc::clone(params.ring()?);
        let mut monomial = vec![0_i64; params.degree() / 2 + 1];
        monomial.last_mut().into_iter().for_each(|coefficient| *coefficient = 1);
        let imaginary_unit = ring.to_ntt(ring.from_signed(params.basis(params.depth()), &monomial));
        Ok(Self { params: params.clone(), ring, keys, profile: profile::profile(params), imaginary_unit })
    }

    /// The canonical scale of a level.
    fn scale(&self, op: &'static str, at: Level) -> Result<f64> {
        let scale = self.params.scale(at.index()).filter(|_| !at.is_unbounded());
        scale.ok_or(Error::LevelRaise { op, from: self.profile.top, to: at })
    }

    fn encode(&self, op: &'static str, values: &Diagonal, at: Level) -> Result<Poly<Ntt>> {
        let scale = self.scale(op, at)?;
        self.params.encoder().encode(&self.ring, op, values, scale, self.params.basis(at.index()))
    }

    fn made(&self, [c0, c1]: [Poly<Ntt>; 2]) -> Ciphertext {
        Ciphertext::new(&self.params, c0, c1)
    }

    fn rescaled(&self, c: [&Poly<Ntt>; 2]) -> Ciphertext {
        self.made(self.ring.rescale(c))
    }

    /// `d0 + d1 s + d2 s^2` relinearised and rescaled, with one rounding for both divisions.
    fn relinearised(&self, d0: &Poly<Ntt>, d1: &Poly<Ntt>, d2: &Poly<Ntt>) -> Result<Ciphertext> {
        let level = level_of(d0);
        let key = self.keys.relinearisation.as_ref().filter(|key| key.level() >= level.index());
        let key = key.ok_or(Error::MissingRelinearisation { level })?;
        let finish = Finish { add: [Some(d0), Some(d1)], rescale: true, turn: None };
        Ok(self.made(self.ring.switch(Switched::Alone(d2), &key.halves(), finish)))
    }

    fn rotation_key(&self, step: usize, level: usize) -> Result<&GaloisKey> {
        let key = self.keys.rotations.get(&step).filter(|galois| galois.key.level() >= level);
        key.ok_or(Error::MissingRotation { step: step.into(), level: Level::new(level as u32) })
    }

    /// The automorphism of `a`, whose c1 is there as it is or in digits.
    fn turned(&self, a: &Ciphertext, c1: Switched<'_>, galois: &GaloisKey) -> Ciphertext {
        let finish = Finish { add: [Some(&a.c0), None], rescale: false, turn: Some(&galois.automorphism) };
        self.made(self.ring.switch(c1, &galois.key.halves(), finish))
    }
}

impl Evaluator for CkksEvaluator {
    type Ciphertext = Ciphertext;
    type Factor = Factor;
    type Addend = Addend;
    type Map = linear::Map;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn level(&self, x: &Ciphertext) -> Level {
        x.level()
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<Factor> {
        at.spend("encode_factor", 1)?;
        Ok(Factor(self.encode("encode_factor", values, at)?))
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<Addend> {
        const OP: &str = "encode_addend";
        let (scale, basis) = (self.scale(OP, at)?, self.params.basis(at.index()));
        Ok(Addend(match self.params.encoder().multiplier(OP, values, scale)? {
            Multiplier::Constant(integer) => Added::Constant(self.residues(integer, basis)),
            other => Added::Values(other.over(&self.ring, basis)),
        }))
    }

    fn add(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        a.level().same("add", b.level())?;
        Ok(self.made([self.ring.add(&a.c0, &b.c0), self.ring.add(&a.c1, &b.c1)]))
    }

    fn sub(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        a.level().same("sub", b.level())?;
        Ok(self.made([self.ring.sub(&a.c0, &b.c0), self.ring.sub(&a.c1, &b.c1)]))
    }

    fn neg(&self, a: &Ciphertext) -> Result<Ciphertext> {
        let mut negative = [a.c0.clone(), a.c1.clone()];
        negative.iter_mut().for_each(|c| self.ring.neg_assign(c));
        Ok(self.made(negative))
    }

    fn add_plain(&self, a: &Ciphertext, b: &Addend) -> Result<Ciphertext> {
        const OP: &str = "add_plain";
        match &b.0 {
            Added::Values(values) => {
                a.level().same(OP, level_of(values))?;
                Ok(self.made([self.ring.add(&a.c0, values), a.c1.clone()]))
            }
            Added::Constant(residues) => {
                a.level().same(OP, Level::new(residues.len() as u32 - 1))?;
                Ok(scalar::add_residues(self, a, residues))
            }
        }
    }

    fn mul(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.mul_sum(&[(a, b)])
    }

    fn mul_plain(&self, a: &Ciphertext, b: &Factor) -> Result<Ciphertext> {
        self.mul_plain_sum(&[(a, b)])
    }

    fn rotate(&self, a: &Ciphertext, step: Step) -> Result<Ciphertext> {
        match step.normalised(self.params.slots()) {
            0 => Ok(a.clone()),
            step => Ok(self.turned(a, Switched::Alone(&a.c1), self.rotation_key(step, a.index())?)),
        }
    }

    fn rotate_many(&self, a: &Ciphertext, steps: &[Step]) -> Result<Vec<Ciphertext>> {
        let steps: Vec<usize> = steps.iter().map(|step| step.normalised(self.params.slots())).collect();
        for step in steps.iter().filter(|step| **step != 0) {
            self.rotation_key(*step, a.index())?;
        }
        if steps.iter().all(|step| *step == 0) {
            return Ok(vec![a.clone(); steps.len()]);
        }
        let digits = self.ring.decompose(&a.c1);
        let rotated = |step: &usize| match step {
            0 => Ok(a.clone()),
            step => {
                let galois = self.rotation_key(*step, a.index())?;
                Ok(self.turned(a, Switched::Hoisted(&digits), galois))
            }
        };
        steps.par_iter().map(rotated).collect()
    }

    fn prepare(&self, map: &Arc<LinearMap>, schedule: &Schedule, at: Level, keep: Keep) -> Result<Self::Map> {
        linear::prepare(self, map, schedule, at, keep)
    }

    fn linear(&self, x: &[&Ciphertext], map: &Self::Map) -> Result<Vec<Ciphertext>> {
        linear::apply(self, x, map)
    }

    fn add_scalar(&self, a: &Ciphertext, constant: f64) -> Result<Ciphertext> {
        scalar::add(self, a, constant)
    }

    fn drop_to(&self, a: &Ciphertext, to: Level) -> Result<Ciphertext> {
        scalar::drop_to(self, a, to)
    }

    fn combine(&self, terms: &[(f64, &Ciphertext)], constant: f64, to: Level) -> Result<Ciphertext> {
        scalar::combine(self, terms, constant, to)
    }

    fn mul_sum(&self, pairs: &[(&Ciphertext, &Ciphertext)]) -> Result<Ciphertext> {
        const OP: &str = "mul_sum";
        let (first, _) = pairs.first().ok_or_else(|| Error::shape(OP, "at least one pair", "none"))?;
        for (a, b) in pairs {
            first.level().same(OP, a.level())?;
            first.level().same(OP, b.level())?;
        }
        first.level().spend(OP, 1)?;
        let sum = |terms: Vec<(&Poly<Ntt>, &Poly<Ntt>)>| {
            self.ring.inner_product(&terms).ok_or_else(|| Error::shape(OP, "at least one pair", "none"))
        };
        let d0 = sum(pairs.iter().map(|(a, b)| (&a.c0, &b.c0)).collect())?;
        let d1 = sum(pairs.iter().flat_map(|(a, b)| [(&a.c0, &b.c1), (&a.c1, &b.c0)]).collect())?;
        let d2 = sum(pairs.iter().map(|(a, b)| (&a.c1, &b.c1)).collect())?;
        self.relinearised(&d0, &d1, &d2)
    }

    fn mul_plain_sum(&self, pairs: &[(&Ciphertext, &Factor)]) -> Result<Ciphertext> {
        const OP: &str = "mul_plain_sum";
        let none = || Error::shape(OP, "at least one pair", "none");
        let (first, _) = pairs.first().ok_or_else(none)?;
        for (a, b) in pairs {
            first.level().same(OP, a.level())?;
            first.level().same(OP, level_of(&b.0))?;
        }
        first.level().spend(OP, 1)?;
        let terms: Vec<_> = pairs.iter().map(|(a, b)| (&b.0, [&a.c0, &a.c1])).collect();
        let [c0, c1] = self.ring.inner_product_pair(&terms).ok_or_else(none)?;
        Ok(self.rescaled([&c0, &c1]))
    }

    fn complex(&self) -> Option<impl Complex<Ciphertext>> {
        Some(self)
    }
}

impl Complex<Ciphertext> for &CkksEvaluator {
    fn conjugate(&self, x: &Ciphertext) -> Result<Ciphertext> {
        let key = self.keys.conjugation.as_ref().filter(|galois| galois.key.level() >= x.index());
        let key = key.ok_or(Error::MissingConjugation { level: x.level() })?;
        Ok(self.turned(x, Switched::Alone(&x.c1), key))
    }

    fn mul_i(&self, x: &Ciphertext) -> Result<Ciphertext> {
        let unit = self.ring.restrict(&self.imaginary_unit, x.c0.basis());
        Ok(self.made([self.ring.mul(&x.c0, &unit), self.ring.mul(&x.c1, &unit)]))
    }
}
