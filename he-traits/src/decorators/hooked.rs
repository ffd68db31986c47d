//! An evaluator with a hook before and after each operation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::capability::{Complex, Exact, Refresh};
use crate::{
    Counts, Diagonal, EncryptedMatrix, Error, Evaluator, Function, Keep, Level, LinearMap, Polynomial,
    Profile, Result, Schedule, Step,
};

mod call;
mod capability;

pub use call::{Call, Operation};

/// What is to happen round each operation of an evaluator whose ciphertexts are `C`.
pub trait Hook<C>: Send + Sync {
    /// Called before the operation.
    fn before(&self, _call: &Call) {}

    /// Called after the operation succeeded, with the ciphertexts that it gave (none for encodings).
    ///
    /// # Errors
    /// An error here becomes the error of the operation.
    fn after(&self, _call: &Call, _results: &[&C], _elapsed: Duration) -> Result<()> {
        Ok(())
    }
}

/// An evaluator that calls a hook round each operation.
pub struct Hooked<E, H> {
    inner: E,
    hook: H,
}

/// A map prepared by the inner evaluator.
pub struct HookedMap<M> {
    inner: M,
    in_blocks: usize,
    out_blocks: usize,
    level: Level,
}

impl<E: Evaluator, H: Hook<E::Ciphertext>> Hooked<E, H> {
    /// `inner` with `hook` round each operation.
    pub fn new(inner: E, hook: H) -> Self {
        Self { inner, hook }
    }

    /// The evaluator inside.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    /// The hook.
    pub fn hook(&self) -> &H {
        &self.hook
    }

    /// Evaluator and hook again.
    pub fn into_parts(self) -> (E, H) {
        (self.inner, self.hook)
    }

    fn one(&self, call: Call, run: impl FnOnce(&E) -> Result<E::Ciphertext>) -> Result<E::Ciphertext> {
        self.timed(call, || run(&self.inner), |result| vec![result])
    }

    fn many(
        &self,
        call: Call,
        run: impl FnOnce() -> Result<Vec<E::Ciphertext>>,
    ) -> Result<Vec<E::Ciphertext>> {
        self.timed(call, run, |results| results.iter().collect())
    }

    fn timed<T>(
        &self,
        call: Call,
        run: impl FnOnce() -> Result<T>,
        ciphertexts: impl for<'a> FnOnce(&'a T) -> Vec<&'a E::Ciphertext>,
    ) -> Result<T> {
        self.hook.before(&call);
        let start = Instant::now();
        let result = run()?;
        let elapsed = start.elapsed();
        self.hook.after(&call, &ciphertexts(&result), elapsed)?;
        Ok(result)
    }

    fn encoded<T>(&self, operation: Operation, at: Level, run: impl FnOnce(&E) -> Result<T>) -> Result<T> {
        let counts = Counts { encodes: 1, ..Counts::default() };
        self.timed(Call { operation, level: at, count: 1, counts }, || run(&self.inner), |_| Vec::new())
    }

    fn call(&self, operation: Operation, x: &E::Ciphertext, count: usize, counts: Counts) -> Call {
        Call { operation, level: self.inner.level(x), count, counts }
    }

    /// The level of the first operand, and that of nothing where there is none.
    fn first(&self, x: Option<&E::Ciphertext>) -> Level {
        x.map_or(self.inner.profile().top, |x| self.inner.level(x))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: Evaluator, H: Hook<E::Ciphertext>> Evaluator for Hooked<E, H> {
    type Ciphertext = E::Ciphertext;
    type Factor = E::Factor;
    type Addend = E::Addend;
    type Map = HookedMap<E::Map>;

    fn profile(&self) -> &Profile {
        self.inner.profile()
    }

    fn level(&self, x: &E::Ciphertext) -> Level {
        self.inner.level(x)
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<E::Factor> {
        self.encoded(Operation::EncodeFactor, at, |e| e.encode_factor(values, at))
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<E::Addend> {
        self.encoded(Operation::EncodeAddend, at, |e| e.encode_addend(values, at))
    }

    fn add(&self, a: &E::Ciphertext, b: &E::Ciphertext) -> Result<E::Ciphertext> {
        self.one(self.call(Operation::Add, a, 1, call::additions(1)), |e| e.add(a, b))
    }

    fn neg(&self, a: &E::Ciphertext) -> Result<E::Ciphertext> {
        self.one(self.call(Operation::Neg, a, 1, Counts::default()), |e| e.neg(a))
    }

    fn add_plain(&self, a: &E::Ciphertext, b: &E::Addend) -> Result<E::Ciphertext> {
        self.one(self.call(Operation::AddPlain, a, 1, call::additions(1)), |e| e.add_plain(a, b))
    }

    fn mul(&self, a: &E::Ciphertext, b: &E::Ciphertext) -> Result<E::Ciphertext> {
        let counts = call::products(1, self.level(a));
        self.one(self.call(Operation::Mul, a, 1, counts), |e| e.mul(a, b))
    }

    fn mul_plain(&self, a: &E::Ciphertext, b: &E::Factor) -> Result<E::Ciphertext> {
        let counts = call::plain_products(1, self.level(a));
        self.one(self.call(Operation::MulPlain, a, 1, counts), |e| e.mul_plain(a, b))
    }

    fn rotate(&self, a: &E::Ciphertext, step: Step) -> Result<E::Ciphertext> {
        let counts = call::rotations(&[step], self.profile().slots);
        self.one(self.call(Operation::Rotate, a, 1, counts), |e| e.rotate(a, step))
    }

    fn prepare(&self, map: &Arc<LinearMap>, schedule: &Schedule, at: Level, keep: Keep) -> Result<Self::Map> {
        let geometry = map.geometry(self.profile().slots)?;
        let call = Call { operation: Operation::Prepare, level: at, count: 1, counts: Counts::default() };
        let inner = self.timed(call, || self.inner.prepare(map, schedule, at, keep), |_| Vec::new())?;
        Ok(HookedMap { inner, in_blocks: geometry.in_blocks, out_blocks: geometry.out_blocks, level: at })
    }

    fn linear(&self, x: &[&E::Ciphertext], map: &Self::Map) -> Result<Vec<E::Ciphertext>> {
        let values = x.len() / map.in_blocks.max(1);
        let counts = Counts { linear_maps: values as u64, ..Counts::default() };
        let call = Call { operation: Operation::Linear, level: map.level, count: values, counts };
        self.many(call, || self.inner.linear(x, &map.inner))
    }

    fn values_per_thread(&self) -> Option<usize> {
        self.inner.values_per_thread()
    }

    fn layer(
        &self,
        x: &[&E::Ciphertext],
        map: &Self::Map,
        bias: Option<&[E::Addend]>,
        function: Option<Function>,
    ) -> Result<Vec<E::Ciphertext>> {
        let values = x.len() / map.in_blocks.max(1);
        let results = (values * map.out_blocks) as u64;
        let counts = Counts {
            linear_maps: values as u64,
            additions: if bias.is_some() { results } else { 0 },
            exact_slots: if function.is_some() { results * self.profile().slots as u64 } else { 0 },
            ..Counts::default()
        };
        let call = Call { operation: Operation::Layer, level: map.level, count: values, counts };
        self.many(call, || self.inner.layer(x, &map.inner, bias, function))
    }

    /// Never in one pass: the hook sees every value.
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

    fn linear_encrypted(
        &self,
        x: &[&E::Ciphertext],
        matrix: &EncryptedMatrix<E::Ciphertext>,
    ) -> Result<Vec<E::Ciphertext>> {
        let values = x.len() / matrix.pattern().geometry().in_blocks.max(1);
        let counts = Counts { linear_maps: values as u64, ..Counts::default() };
        let call =
            Call { operation: Operation::LinearEncrypted, level: matrix.level(), count: values, counts };
        self.many(call, || self.inner.linear_encrypted(x, matrix))
    }

    fn sub(&self, a: &E::Ciphertext, b: &E::Ciphertext) -> Result<E::Ciphertext> {
        self.one(self.call(Operation::Sub, a, 1, call::additions(1)), |e| e.sub(a, b))
    }

    fn add_scalar(&self, a: &E::Ciphertext, constant: f64) -> Result<E::Ciphertext> {
        self.one(self.call(Operation::AddScalar, a, 1, call::additions(1)), |e| e.add_scalar(a, constant))
    }

    fn rotate_many(&self, a: &E::Ciphertext, steps: &[Step]) -> Result<Vec<E::Ciphertext>> {
        let counts = call::rotations(steps, self.profile().slots);
        let call = self.call(Operation::RotateMany, a, steps.len(), counts);
        self.many(call, || self.inner.rotate_many(a, steps))
    }

    fn drop_to(&self, a: &E::Ciphertext, to: Level) -> Result<E::Ciphertext> {
        let from = self.level(a);
        let drops = !from.is_unbounded() && from > to;
        let counts = if drops { call::plain_products(1, from) } else { Counts::default() };
        self.one(self.call(Operation::DropTo, a, 1, counts), |e| e.drop_to(a, to))
    }

    fn combine(&self, terms: &[(f64, &E::Ciphertext)], constant: f64, to: Level) -> Result<E::Ciphertext> {
        let levels: Vec<_> = terms.iter().map(|(c, x)| (*c, self.level(x))).collect();
        let counts = call::combination(&levels, constant, to);
        let level = levels.iter().map(|(_, level)| *level).max().unwrap_or(to);
        let call = Call { operation: Operation::Combine, level, count: terms.len(), counts };
        self.one(call, |e| e.combine(terms, constant, to))
    }

    fn mul_sum(&self, pairs: &[(&E::Ciphertext, &E::Ciphertext)]) -> Result<E::Ciphertext> {
        let level = self.first(pairs.first().map(|(a, _)| *a));
        let counts = call::products(pairs.len(), level);
        let call = Call { operation: Operation::MulSum, level, count: pairs.len(), counts };
        self.one(call, |e| e.mul_sum(pairs))
    }

    fn mul_plain_sum(&self, pairs: &[(&E::Ciphertext, &E::Factor)]) -> Result<E::Ciphertext> {
        let level = self.first(pairs.first().map(|(a, _)| *a));
        let counts = call::plain_products(pairs.len(), level);
        let call = Call { operation: Operation::MulPlainSum, level, count: pairs.len(), counts };
        self.one(call, |e| e.mul_plain_sum(pairs))
    }

    fn polynomial(&self, x: &E::Ciphertext, polynomial: &Polynomial) -> Result<E::Ciphertext> {
        let counts = Counts { polynomials: 1, ..Counts::default() };
        self.one(self.call(Operation::Polynomial, x, 1, counts), |e| e.polynomial(x, polynomial))
    }

    fn refresh(&self) -> Option<impl Refresh<E::Ciphertext>> {
        self.inner.refresh().map(|inner| capability::Observed { inner, hooked: self })
    }

    fn exact(&self) -> Option<impl Exact<E::Ciphertext>> {
        self.inner.exact().map(|inner| capability::Observed { inner, hooked: self })
    }

    fn complex(&self) -> Option<impl Complex<E::Ciphertext>> {
        self.inner.complex().map(|inner| capability::Observed { inner, hooked: self })
    }
}

impl<M> HookedMap<M> {
    /// The map as the inner evaluator prepared it.
    pub fn inner(&self) -> &M {
        &self.inner
    }
}

/// An [`Error::Shape`] for a callback or evaluator that gives another number of ciphertexts than it was asked for.
pub(super) fn count(op: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::shape(op, format!("{expected} ciphertexts"), got)) }
}
