//! The server's half: operations on ciphertexts, each ending at the one scale of its level.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use he_traits::{
    Complex, Complex64, Diagonal, Error, Keep, Level, LinearMap, Profile, Result, Schedule, Scheme, Step,
};
use rayon::prelude::*;

use crate::{
    Seal,
    ciphertext::{Ciphertext, EvaluationKeys, expand},
    context::Context,
    layout::Position,
    linear::PreparedMap,
    native::{evaluator::SwitchingKeys, values::Ciphertext as Native, values::Plaintext},
    params::Params,
};

/// A plaintext that multiplies ciphertexts of one level.
pub struct Factor {
    pub(crate) plain: Plaintext,
    pub(crate) level: Level,
}

/// A plaintext that is added to ciphertexts of one level.
pub struct Addend {
    added: Added,
    level: Level,
}

enum Added {
    Plain(Plaintext),
    /// The same number in each slot: SEAL's plaintext of it is as large as any, and made as fast as it is added.
    Constant(f64),
}

/// Computes on ciphertexts with evaluation keys.
pub struct SealEvaluator {
    pub(crate) params: Params,
    pub(crate) profile: Profile,
    relinearisation: Option<SwitchingKeys>,
    conjugation: Option<SwitchingKeys>,
    rotations: BTreeMap<usize, SwitchingKeys>,
    composed: BTreeMap<usize, Vec<usize>>,
    /// The monomial X^(N/2), whose value is i in every slot, at each level at which it was asked for.
    imaginary_unit: Vec<OnceLock<Plaintext>>,
}

impl SealEvaluator {
    /// Expands the keys; each one's bytes are dropped as soon as it is.
    pub(crate) fn new(params: &Params, keys: EvaluationKeys) -> Result<Self> {
        if keys.fingerprint != params.fingerprint() {
            return Err(Error::parameters("the evaluation keys belong to other parameters"));
        }
        let context = params.context()?;
        let key = |packed: Vec<u8>, position| expand(params, &packed, position);
        let galois = |element| Position::galois(element, params.ring_degree());
        let conjugation = galois(context.order.conjugation_element());
        Ok(Self {
            profile: Seal::profile(params)?,
            relinearisation: keys
                .relinearisation
                .map(|bytes| key(bytes, Position::RELINEARISATION))
                .transpose()?,
            conjugation: keys.conjugation.map(|bytes| key(bytes, conjugation)).transpose()?,
            rotations: keys
                .rotations
                .into_par_iter()
                .map(|(step, bytes)| Ok((step, key(bytes, galois(context.order.galois_element(step)))?)))
                .collect::<Result<_>>()?,
            composed: keys.composed,
            imaginary_unit: (0..=params.depth()).map(|_| OnceLock::new()).collect(),
            params: params.clone(),
        })
    }

    pub(crate) fn context(&self) -> Result<&Context> {
        Ok(self.params.context()?)
    }

    pub(crate) fn wrap(&self, native: Native, level: Level) -> Ciphertext {
        Ciphertext { native: Arc::new(native), level, params: self.params.clone(), seeded: None }
    }

    /// The keys that rotate by a normalised step, in order, each with its step.
    pub(crate) fn route(&self, step: usize, level: Level) -> Result<Vec<(usize, &SwitchingKeys)>> {
        let missing = || Error::MissingRotation { step: Step::from(step), level };
        let key = |step: usize| self.rotations.get(&step).map(|key| (step, key));
        match key(step) {
            Some(own) => Ok(vec![own]),
            None => {
                let route = self.composed.get(&step).ok_or_else(missing)?;
                route.iter().map(|part| key(*part).ok_or_else(missing)).collect()
            }
        }
    }

    /// Rotates SEAL's own ciphertext at any scale by a normalised step.
    pub(crate) fn rotate_native(&self, x: &Native, step: usize, level: Level) -> Result<Native> {
        let context = self.context()?;
        let mut rotated = None;
        for (part, key) in self.route(step, level)? {
            let element = context.order.galois_element(part);
            let operand = rotated.as_ref().unwrap_or(x);
            rotated = Some(context.evaluator.apply_galois(operand, element, key)?);
        }
        match rotated {
            Some(rotated) => Ok(rotated),
            None => Ok(x.duplicate()?),
        }
    }

    fn relinearise(&self, product: &mut Native, level: Level) -> Result<()> {
        let key = self.relinearisation.as_ref().ok_or(Error::MissingRelinearisation { level })?;
        Ok(self.context()?.evaluator.relinearise(product, key)?)
    }

    /// Sum of products at one level, before any rescale.
    fn sum_products(
        &self,
        op: &'static str,
        products: impl Iterator<Item = Result<Native>>,
    ) -> Result<Native> {
        let context = self.context()?;
        let mut sum: Option<Native> = None;
        for product in products {
            let product = product?;
            match &mut sum {
                None => sum = Some(product),
                Some(sum) => context.evaluator.add_assign(sum, &product)?,
            }
        }
        sum.ok_or_else(|| Error::shape(op, "at least one pair", "none"))
    }

    /// An encryption of zero that anyone can see to be one: what a product with a public zero is.
    pub(crate) fn zero_like(&self, x: &Ciphertext, to: Level) -> Result<Ciphertext> {
        let context = self.context()?;
        let level = context.level("zero", to)?;
        let low = context.evaluator.mod_switch(&x.native, &level.modulus)?;
        let mut zero = context.evaluator.sub(&low, &low)?;
        zero.set_scale(level.scale)?;
        Ok(self.wrap(zero, to))
    }

    /// The part of a combination that comes from above the target: one constant product each, one rescale for all.
    fn combine_from_above(&self, terms: &[(f64, &Ciphertext)], to: Level) -> Result<Option<Ciphertext>> {
        let context = self.context()?;
        let terms: Vec<_> =
            terms.iter().filter(|(coefficient, x)| x.level > to && *coefficient != 0.0).collect();
        if terms.is_empty() {
            return Ok(None);
        }
        let from = Level::new(to.index() as u32 + 1);
        let above = context.level("combine", from)?;
        let product_scale = context.level("combine", to)?.scale * above.prime as f64;
        let products = terms.into_iter().map(|(coefficient, x)| {
            // x has the scale of its own level; this factor's scale makes every product meet at the same one.
            let scale = product_scale / context.level("combine", x.level)?.scale;
            let factor = context.encode("combine", &Diagonal::Constant(*coefficient), from, scale)?;
            let mut product = if x.level == from {
                context.evaluator.multiply_plain(&x.native, &factor)?
            } else {
                let low = context.evaluator.mod_switch(&x.native, &above.modulus)?;
                context.evaluator.multiply_plain(&low, &factor)?
            };
            product.set_scale(product_scale)?;
            Ok(product)
        });
        let sum = self.sum_products("combine", products)?;
        Ok(Some(self.wrap(context.rescale("combine", &sum, from)?, to)))
    }

    /// `coefficient * x` without a level, for a coefficient that is an integer.
    fn integer_multiple(&self, coefficient: f64, x: &Ciphertext) -> Result<Ciphertext> {
        let context = self.context()?;
        if coefficient.fract() != 0.0 {
            let op = "combine with a fraction at the target level";
            return Err(Error::LevelExhausted { op, level: x.level, needs: 1 });
        }
        if coefficient == 1.0 {
            return Ok(x.clone());
        }
        if coefficient == -1.0 {
            return Ok(self.wrap(context.evaluator.negate(&x.native)?, x.level));
        }
        // Scale 1: the integer itself is the constant polynomial, and the scale of x stays as it is.
        let factor = context.encode("combine", &Diagonal::Constant(coefficient), x.level, 1.0)?;
        Ok(self.wrap(context.evaluator.multiply_plain(&x.native, &factor)?, x.level))
    }
}

impl he_traits::Evaluator for SealEvaluator {
    type Ciphertext = Ciphertext;
    type Factor = Factor;
    type Addend = Addend;
    type Map = PreparedMap;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn level(&self, x: &Ciphertext) -> Level {
        x.level
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<Factor> {
        let context = self.context()?;
        at.spend("encode_factor", 1)?;
        let scale = context.level("encode_factor", at)?.scale;
        Ok(Factor { plain: context.encode("encode_factor", values, at, scale)?, level: at })
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<Addend> {
        let context = self.context()?;
        let scale = context.level("encode_addend", at)?.scale;
        let plain = context.encode("encode_addend", values, at, scale)?;
        let added = match values {
            Diagonal::Constant(value) => Added::Constant(*value),
            _ => Added::Plain(plain),
        };
        Ok(Addend { added, level: at })
    }

    fn add(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        a.level.same("add", b.level)?;
        Ok(self.wrap(self.context()?.evaluator.add(&a.native, &b.native)?, a.level))
    }

    fn sub(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        a.level.same("sub", b.level)?;
        Ok(self.wrap(self.context()?.evaluator.sub(&a.native, &b.native)?, a.level))
    }

    fn neg(&self, a: &Ciphertext) -> Result<Ciphertext> {
        Ok(self.wrap(self.context()?.evaluator.negate(&a.native)?, a.level))
    }

    fn add_plain(&self, a: &Ciphertext, b: &Addend) -> Result<Ciphertext> {
        a.level.same("add_plain", b.level)?;
        match &b.added {
            Added::Plain(plain) => {
                Ok(self.wrap(self.context()?.evaluator.add_plain(&a.native, plain)?, a.level))
            }
            Added::Constant(constant) => self.add_scalar(a, *constant),
        }
    }

    fn add_scalar(&self, a: &Ciphertext, constant: f64) -> Result<Ciphertext> {
        const OP: &str = "add_scalar";
        let context = self.context()?;
        let scale = context.level(OP, a.level)?.scale;
        let plain = context.encode(OP, &Diagonal::Constant(constant), a.level, scale)?;
        Ok(self.wrap(context.evaluator.add_plain(&a.native, &plain)?, a.level))
    }

    fn mul(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.mul_sum(&[(a, b)])
    }

    fn mul_plain(&self, a: &Ciphertext, b: &Factor) -> Result<Ciphertext> {
        self.mul_plain_sum(&[(a, b)])
    }

    fn mul_sum(&self, pairs: &[(&Ciphertext, &Ciphertext)]) -> Result<Ciphertext> {
        let context = self.context()?;
        let level = pairs.first().map_or(Level::ZERO, |(a, _)| a.level);
        let to = if pairs.is_empty() { level } else { level.spend("mul", 1)? };
        let products = pairs.iter().map(|(a, b)| {
            level.same("mul", a.level)?;
            level.same("mul", b.level)?;
            Ok(context.evaluator.multiply(&a.native, &b.native)?)
        });
        let mut sum = self.sum_products("mul_sum", products)?;
        self.relinearise(&mut sum, level)?;
        Ok(self.wrap(context.rescale("mul", &sum, level)?, to))
    }

    fn mul_plain_sum(&self, pairs: &[(&Ciphertext, &Factor)]) -> Result<Ciphertext> {
        let context = self.context()?;
        let level = pairs.first().map_or(Level::ZERO, |(a, _)| a.level);
        let to = if pairs.is_empty() { level } else { level.spend("mul_plain", 1)? };
        let products = pairs.iter().map(|(a, b)| {
            level.same("mul_plain", a.level)?;
            level.same("mul_plain", b.level)?;
            Ok(context.evaluator.multiply_plain(&a.native, &b.plain)?)
        });
        let sum = self.sum_products("mul_plain_sum", products)?;
        Ok(self.wrap(context.rescale("mul_plain", &sum, level)?, to))
    }

    fn rotate(&self, a: &Ciphertext, step: Step) -> Result<Ciphertext> {
        match step.normalised(self.params.slots()) {
            0 => Ok(a.clone()),
            step => Ok(self.wrap(self.rotate_native(&a.native, step, a.level)?, a.level)),
        }
    }

    fn rotate_many(&self, a: &Ciphertext, steps: &[Step]) -> Result<Vec<Ciphertext>> {
        steps.par_iter().map(|step| self.rotate(a, *step)).collect()
    }

    fn drop_to(&self, a: &Ciphertext, to: Level) -> Result<Ciphertext> {
        if to > a.level {
            return Err(Error::LevelRaise { op: "drop_to", from: a.level, to });
        }
        if to == a.level { Ok(a.clone()) } else { self.combine(&[(1.0, a)], 0.0, to) }
    }

    fn combine(&self, terms: &[(f64, &Ciphertext)], constant: f64, to: Level) -> Result<Ciphertext> {
        let context = self.context()?;
        let (_, first) = terms.first().ok_or_else(|| Error::shape("combine", "at least one term", "none"))?;
        for (position, (coefficient, x)) in terms.iter().enumerate() {
            if x.level < to {
                return Err(Error::LevelRaise { op: "combine", from: x.level, to });
            }
            if !coefficient.is_finite() {
                let reason = "it is not finite";
                return Err(Error::Value { op: "combine", position, value: *coefficient, reason });
            }
        }
        let mut sum = self.combine_from_above(terms, to)?;
        for (coefficient, x) in terms.iter().filter(|(coefficient, x)| x.level == to && *coefficient != 0.0) {
            let term = self.integer_multiple(*coefficient, x)?;
            sum = Some(match sum {
                None => term,
                Some(sum) => self.wrap(context.evaluator.add(&sum.native, &term.native)?, to),
            });
        }
        let sum = match sum {
            Some(sum) => sum,
            None => self.zero_like(first, to)?,
        };
        if constant == 0.0 { Ok(sum) } else { self.add_scalar(&sum, constant) }
    }

    fn prepare(
        &self,
        map: &Arc<LinearMap>,
        schedule: &Schedule,
        at: Level,
        keep: Keep,
    ) -> Result<PreparedMap> {
        PreparedMap::new(self, map, schedule, at, keep)
    }

    fn linear(&self, x: &[&Ciphertext], map: &PreparedMap) -> Result<Vec<Ciphertext>> {
        map.apply(self, x)
    }

    fn complex(&self) -> Option<impl Complex<Ciphertext>> {
        Some(ComplexSlots(self))
    }
}

/// Conjugation and multiplication by i.
struct ComplexSlots<'a>(&'a SealEvaluator);

impl Complex<Ciphertext> for ComplexSlots<'_> {
    fn conjugate(&self, x: &Ciphertext) -> Result<Ciphertext> {
        let context = self.0.context()?;
        let key = self.0.conjugation.as_ref().ok_or(Error::MissingConjugation { level: x.level })?;
        let element = context.order.conjugation_element();
        Ok(self.0.wrap(context.evaluator.apply_galois(&x.native, element, key)?, x.level))
    }

    fn mul_i(&self, x: &Ciphertext) -> Result<Ciphertext> {
        let context = self.0.context()?;
        let missing = || Error::LevelRaise { op: "mul_i", from: context.top(), to: x.level };
        let place = self.0.imaginary_unit.get(x.level.index()).ok_or_else(missing)?;
        let unit = match place.get() {
            Some(unit) => unit,
            None => {
                // At scale 1 the rounding of the encoder leaves exactly X^(N/2): the product keeps the scale and adds no noise.
                let i = Diagonal::Complex(vec![Complex64::I]);
                let made = context.encode("mul_i", &i, x.level, 1.0)?;
                place.get_or_init(|| made)
            }
        };
        Ok(self.0.wrap(context.evaluator.multiply_plain(&x.native, unit)?, x.level))
    }
}

#[cfg(test)]
mod tests {
    use he_traits::{ClientScheme as _, Encryptor as _, Evaluator as _, KeyNeeds};

    use super::*;

    /// The scale that SEAL records, which decides how its encoder and additions behave.
    fn is_canonical(params: &Params, x: &Ciphertext) -> bool {
        Some(x.native.scale().unwrap()) == params.scale(x.level.index())
    }

    #[test]
    fn every_operation_ends_at_the_exact_scale_of_its_level() {
        let params = Params::insecure_for_tests(256, 7, 35).unwrap();
        let top = Level::new(7);
        let mut needs = KeyNeeds::default();
        needs.relinearise(top);
        needs.conjugate(top);
        needs.rotate(1, top);
        let random = &mut rand::rng();
        let keys = Seal::keygen(&params, &needs, random).unwrap();
        let encryptor = Seal::encryptor(&params, &keys.secret).unwrap();
        let server = Seal::evaluator(&params, keys.evaluation).unwrap();
        let fresh: Vec<Ciphertext> = (0..=7)
            .map(|level| encryptor.encrypt(&Diagonal::Constant(0.5), Level::new(level), random).unwrap())
            .collect();
        let mut x = fresh[7].clone();
        for level in (0..7).rev() {
            let at = Level::new(level + 1);
            let factor = server.encode_factor(&Diagonal::Constant(0.7), at).unwrap();
            let peers = [
                server.mul(&x, &fresh[level as usize + 1]).unwrap(),
                server.mul_plain(&x, &factor).unwrap(),
                server.drop_to(&fresh[7], Level::new(level)).unwrap(),
                server.combine(&[(0.3, &fresh[7]), (2.0, &x)], 0.1, Level::new(level)).unwrap(),
                server.rotate(&fresh[level as usize], Step(1)).unwrap(),
                server.complex().unwrap().mul_i(&fresh[level as usize]).unwrap(),
                server.complex().unwrap().conjugate(&fresh[level as usize]).unwrap(),
                server.combine(&[(3.0, &fresh[level as usize])], 0.0, Level::new(level)).unwrap(),
            ];
            assert!(peers.iter().all(|peer| peer.level == Level::new(level) && is_canonical(&params, peer)));
            x = peers[0].clone();
            // SEAL adds only at scales that agree to rounding; here they agree to the last bit.
            for peer in &peers[1..] {
                x = server.add(&x, peer).unwrap();
                assert!(is_canonical(&params, &x));
            }
        }
    }
}
