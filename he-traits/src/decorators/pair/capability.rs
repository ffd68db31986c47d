//! Capabilities of two evaluators in lockstep.

use super::{Pair, split};
use crate::capability::{Complex, Exact, Function, Parts, Refresh};
use crate::{Evaluator, Level, Result};

type Of<A, B> = (<A as Evaluator>::Ciphertext, <B as Evaluator>::Ciphertext);

/// The capability of both evaluators.
pub(super) struct Both<'p, A, B, X, Y> {
    pub(super) pair: &'p Pair<A, B>,
    pub(super) a: X,
    pub(super) b: Y,
}

impl<A, B, X, Y> Refresh<Of<A, B>> for Both<'_, A, B, X, Y>
where
    A: Evaluator,
    B: Evaluator,
    X: Refresh<A::Ciphertext>,
    Y: Refresh<B::Ciphertext>,
{
    fn refresh(&self, x: &[&Of<A, B>], parts: Parts, to: Level) -> Result<Vec<Of<A, B>>> {
        let (a, b) = split(x);
        self.pair.join_all(self.a.refresh(&a, parts, to)?, self.b.refresh(&b, parts, to)?)
    }
}

impl<A, B, X, Y> Exact<Of<A, B>> for Both<'_, A, B, X, Y>
where
    A: Evaluator,
    B: Evaluator,
    X: Exact<A::Ciphertext>,
    Y: Exact<B::Ciphertext>,
{
    fn apply(&self, x: &Of<A, B>, function: Function) -> Result<Of<A, B>> {
        self.pair.join(self.a.apply(&x.0, function)?, self.b.apply(&x.1, function)?)
    }

    fn div(&self, x: &Of<A, B>, y: &Of<A, B>) -> Result<Of<A, B>> {
        self.pair.join(self.a.div(&x.0, &y.0)?, self.b.div(&x.1, &y.1)?)
    }
}

impl<A, B, X, Y> Complex<Of<A, B>> for Both<'_, A, B, X, Y>
where
    A: Evaluator,
    B: Evaluator,
    X: Complex<A::Ciphertext>,
    Y: Complex<B::Ciphertext>,
{
    fn conjugate(&self, x: &Of<A, B>) -> Result<Of<A, B>> {
        self.pair.join(self.a.conjugate(&x.0)?, self.b.conjugate(&x.1)?)
    }

    fn mul_i(&self, x: &Of<A, B>) -> Result<Of<A, B>> {
        self.pair.join(self.a.mul_i(&x.0)?, self.b.mul_i(&x.1)?)
    }
}
