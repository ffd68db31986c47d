//! Capabilities behind a hook.

use super::{Call, Hook, Hooked, Operation};
use crate::capability::{Complex, Exact, Function, Parts, Refresh};
use crate::{Counts, Evaluator, Level, Result};

/// A capability of the inner evaluator, with the hook round each operation.
pub(super) struct Observed<'a, X, E, H> {
    pub(super) inner: X,
    pub(super) hooked: &'a Hooked<E, H>,
}

impl<X, E: Evaluator, H: Hook<E::Ciphertext>> Observed<'_, X, E, H> {
    fn exact_call(&self, operation: Operation, x: &E::Ciphertext) -> Call {
        let exact_slots = self.hooked.profile().slots as u64;
        self.hooked.call(operation, x, 1, Counts { exact_slots, ..Counts::default() })
    }
}

impl<X: Refresh<E::Ciphertext>, E: Evaluator, H: Hook<E::Ciphertext>> Refresh<E::Ciphertext>
    for Observed<'_, X, E, H>
{
    fn refresh(&self, x: &[&E::Ciphertext], parts: Parts, to: Level) -> Result<Vec<E::Ciphertext>> {
        let counts = Counts { refreshes: x.len() as u64, ..Counts::default() };
        let level = self.hooked.first(x.first().copied());
        let call = Call { operation: Operation::Refresh, level, count: x.len(), counts };
        self.hooked.many(call, || self.inner.refresh(x, parts, to))
    }
}

impl<X: Exact<E::Ciphertext>, E: Evaluator, H: Hook<E::Ciphertext>> Exact<E::Ciphertext>
    for Observed<'_, X, E, H>
{
    fn apply(&self, x: &E::Ciphertext, function: Function) -> Result<E::Ciphertext> {
        self.hooked.one(self.exact_call(Operation::Apply, x), |_| self.inner.apply(x, function))
    }

    fn div(&self, a: &E::Ciphertext, b: &E::Ciphertext) -> Result<E::Ciphertext> {
        self.hooked.one(self.exact_call(Operation::Div, a), |_| self.inner.div(a, b))
    }
}

impl<X: Complex<E::Ciphertext>, E: Evaluator, H: Hook<E::Ciphertext>> Complex<E::Ciphertext>
    for Observed<'_, X, E, H>
{
    fn conjugate(&self, x: &E::Ciphertext) -> Result<E::Ciphertext> {
        let counts = Counts { conjugations: 1, ..Counts::default() };
        let call = self.hooked.call(Operation::Conjugate, x, 1, counts);
        self.hooked.one(call, |_| self.inner.conjugate(x))
    }

    fn mul_i(&self, x: &E::Ciphertext) -> Result<E::Ciphertext> {
        let call = self.hooked.call(Operation::MulI, x, 1, Counts::default());
        self.hooked.one(call, |_| self.inner.mul_i(x))
    }
}
