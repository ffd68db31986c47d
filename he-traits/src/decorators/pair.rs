//! Two evaluators in lockstep.

use std::sync::Arc;

use crate::capability::{Complex, Exact, Refresh};
use crate::{
    Diagonal, EncryptedMatrix, Error, Evaluator, Function, Keep, Level, LinearMap, Polynomial, Profile,
    Result, Schedule, Step, defaults,
};

mod capability;

/// Runs every operation on two evaluators; their ciphertexts travel as a pair, and their levels must stay the same.
///
/// Capabilities are there where both evaluators have them. Profile and costs are those of the first.
pub struct Pair<A, B> {
    first: A,
    second: B,
    profile: Profile,
}

impl<A: Evaluator, B: Evaluator> Pair<A, B> {
    /// Both evaluators together.
    ///
    /// # Errors
    /// [`Error::Parameters`] when they differ in slots or in the top level.
    pub fn new(first: A, second: B) -> Result<Self> {
        let (a, b) = (first.profile(), second.profile());
        if a.slots != b.slots || a.top != b.top {
            return Err(Error::parameters(format!(
                "evaluators in lockstep need the same slots and levels: {} and {}, {} and {}",
                a.slots, b.slots, a.top, b.top
            )));
        }
        let refresh = a.refresh.clone().zip(b.refresh.as_ref()).map(|(mut a, b)| {
            a.lowest_input = a.lowest_input.max(b.lowest_input);
            a.highest_output = a.highest_output.min(b.highest_output);
            a.bound = a.bound.min(b.bound);
            a
        });
        let profile =
            Profile { exact: a.exact && b.exact, complex: a.complex && b.complex, refresh, ..a.clone() };
        Ok(Self { first, second, profile })
    }

    /// The first evaluator.
    pub fn first(&self) -> &A {
        &self.first
    }

    /// The second evaluator.
    pub fn second(&self) -> &B {
        &self.second
    }

    /// Two ciphertexts of the same slots as one operand.
    ///
    /// # Errors
    /// [`Error::LevelMismatch`] when they are not at the same level.
    pub fn join(&self, a: A::Ciphertext, b: B::Ciphertext) -> Result<(A::Ciphertext, B::Ciphertext)> {
        self.first.level(&a).same("evaluators in lockstep", self.second.level(&b))?;
        Ok((a, b))
    }

    fn join_all(
        &self,
        a: Vec<A::Ciphertext>,
        b: Vec<B::Ciphertext>,
    ) -> Result<Vec<(A::Ciphertext, B::Ciphertext)>> {
        super::hooked::count("evaluators in lockstep", a.len(), b.len())?;
        a.into_iter().zip(b).map(|(a, b)| self.join(a, b)).collect()
    }
}

/// References to all first and all second ciphertexts.
fn split<'a, A, B>(x: &[&'a (A, B)]) -> (Vec<&'a A>, Vec<&'a B>) {
    x.iter().map(|(a, b)| (a, b)).unzip()
}

#[deny(clippy::missing_trait_methods)]
impl<A: Evaluator, B: Evaluator> Evaluator for Pair<A, B> {
    type Ciphertext = (A::Ciphertext, B::Ciphertext);
    type Factor = (A::Factor, B::Factor);
    type Addend = (A::Addend, B::Addend);
    type Map = (A::Map, B::Map);

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn level(&self, x: &Self::Ciphertext) -> Level {
        self.first.level(&x.0)
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<Self::Factor> {
        Ok((self.first.encode_factor(values, at)?, self.second.encode_factor(values, at)?))
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<Self::Addend> {
        Ok((self.first.encode_addend(values, at)?, self.second.encode_addend(values, at)?))
    }

    fn add(&self, a: &Self::Ciphertext, b: &Self::Ciphertext) -> Result<Self::Ciphertext> {
        self.join(self.first.add(&a.0, &b.0)?, self.second.add(&a.1, &b.1)?)
    }

    fn neg(&self, a: &Self::Ciphertext) -> Result<Self::Ciphertext> {
        self.join(self.first.neg(&a.0)?, self.second.neg(&a.1)?)
    }

    fn add_plain(&self, a: &Self::Ciphertext, b: &Self::Addend) -> Result<Self::Ciphertext> {
        self.join(self.first.add_plain(&a.0, &b.0)?, self.second.add_plain(&a.1, &b.1)?)
    }

    fn mul(&self, a: &Self::Ciphertext, b: &Self::Ciphertext) -> Result<Self::Ciphertext> {
        self.join(self.first.mul(&a.0, &b.0)?, self.second.mul(&a.1, &b.1)?)
    }

    fn mul_plain(&self, a: &Self::Ciphertext, b: &Self::Factor) -> Result<Self::Ciphertext> {
        self.join(self.first.mul_plain(&a.0, &b.0)?, self.second.mul_plain(&a.1, &b.1)?)
    }

    fn rotate(&self, a: &Self::Ciphertext, step: Step) -> Result<Self::Ciphertext> {
        self.join(self.first.rotate(&a.0, step)?, self.second.rotate(&a.1, step)?)
    }

    fn prepare(&self, map: &Arc<LinearMap>, schedule: &Schedule, at: Level, keep: Keep) -> Result<Self::Map> {
        Ok((self.first.prepare(map, schedule, at, keep)?, self.second.prepare(map, schedule, at, keep)?))
    }

    fn linear(&self, x: &[&Self::Ciphertext], map: &Self::Map) -> Result<Vec<Self::Ciphertext>> {
        let (a, b) = split(x);
        self.join_all(self.first.linear(&a, &map.0)?, self.second.linear(&b, &map.1)?)
    }

    fn values_per_thread(&self) -> Option<usize> {
        self.first.values_per_thread().or(self.second.values_per_thread())
    }

    /// Never in one pass: both evaluators would have to agree to it.
    fn layer_then(
        &self,
        x: &[&Self::Ciphertext],
        map: &Self::Map,
        bias: Option<&[Self::Addend]>,
        function: Function,
        then: &Self::Map,
    ) -> Option<Result<Vec<Self::Ciphertext>>> {
        let _ = (x, map, bias, function, then);
        None
    }

    /// Step by step: the addends of both evaluators travel as pairs.
    fn layer(
        &self,
        x: &[&Self::Ciphertext],
        map: &Self::Map,
        bias: Option<&[Self::Addend]>,
        function: Option<Function>,
    ) -> Result<Vec<Self::Ciphertext>> {
        defaults::layer_by_steps(self, x, map, bias, function)
    }

    fn linear_encrypted(
        &self,
        x: &[&Self::Ciphertext],
        matrix: &EncryptedMatrix<Self::Ciphertext>,
    ) -> Result<Vec<Self::Ciphertext>> {
        let (a, b) = split(x);
        let (first, second) = (matrix.map(|pair| pair.0.clone()), matrix.map(|pair| pair.1.clone()));
        self.join_all(self.first.linear_encrypted(&a, &first)?, self.second.linear_encrypted(&b, &second)?)
    }

    fn sub(&self, a: &Self::Ciphertext, b: &Self::Ciphertext) -> Result<Self::Ciphertext> {
        self.join(self.first.sub(&a.0, &b.0)?, self.second.sub(&a.1, &b.1)?)
    }

    fn add_scalar(&self, a: &Self::Ciphertext, constant: f64) -> Result<Self::Ciphertext> {
        self.join(self.first.add_scalar(&a.0, constant)?, self.second.add_scalar(&a.1, constant)?)
    }

    fn rotate_many(&self, a: &Self::Ciphertext, steps: &[Step]) -> Result<Vec<Self::Ciphertext>> {
        self.join_all(self.first.rotate_many(&a.0, steps)?, self.second.rotate_many(&a.1, steps)?)
    }

    fn drop_to(&self, a: &Self::Ciphertext, to: Level) -> Result<Self::Ciphertext> {
        self.join(self.first.drop_to(&a.0, to)?, self.second.drop_to(&a.1, to)?)
    }

    fn combine(
        &self,
        terms: &[(f64, &Self::Ciphertext)],
        constant: f64,
        to: Level,
    ) -> Result<Self::Ciphertext> {
        let (a, b): (Vec<_>, Vec<_>) = terms.iter().map(|(c, (a, b))| ((*c, a), (*c, b))).unzip();
        self.join(self.first.combine(&a, constant, to)?, self.second.combine(&b, constant, to)?)
    }

    fn mul_sum(&self, pairs: &[(&Self::Ciphertext, &Self::Ciphertext)]) -> Result<Self::Ciphertext> {
        let (a, b): (Vec<_>, Vec<_>) = pairs.iter().map(|(x, y)| ((&x.0, &y.0), (&x.1, &y.1))).unzip();
        self.join(self.first.mul_sum(&a)?, self.second.mul_sum(&b)?)
    }

    fn mul_plain_sum(&self, pairs: &[(&Self::Ciphertext, &Self::Factor)]) -> Result<Self::Ciphertext> {
        let (a, b): (Vec<_>, Vec<_>) = pairs.iter().map(|(x, y)| ((&x.0, &y.0), (&x.1, &y.1))).unzip();
        self.join(self.first.mul_plain_sum(&a)?, self.second.mul_plain_sum(&b)?)
    }

    fn polynomial(&self, x: &Self::Ciphertext, polynomial: &Polynomial) -> Result<Self::Ciphertext> {
        self.join(self.first.polynomial(&x.0, polynomial)?, self.second.polynomial(&x.1, polynomial)?)
    }

    fn refresh(&self) -> Option<impl Refresh<Self::Ciphertext>> {
        self.first.refresh().zip(self.second.refresh()).map(|(a, b)| capability::Both { pair: self, a, b })
    }

    fn exact(&self) -> Option<impl Exact<Self::Ciphertext>> {
        self.first.exact().zip(self.second.exact()).map(|(a, b)| capability::Both { pair: self, a, b })
    }

    fn complex(&self) -> Option<impl Complex<Self::Ciphertext>> {
        self.first.complex().zip(self.second.complex()).map(|(a, b)| capability::Both { pair: self, a, b })
    }
}
