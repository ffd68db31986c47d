//! What several test files share: a backend that has nothing but the required methods.

use std::sync::Arc;

use he_traits::{
    ClearCiphertext, ClearEvaluator, ClearKeys, ClearParams, Diagonal, Evaluator, Keep, KeyNeeds, Level,
    LinearMap, Profile, Result, Schedule, Step, bsgs,
};

/// The clear evaluator without any of its overrides, and with maps by diagonals: what a minimal backend looks like.
pub(crate) struct Minimal(pub(crate) ClearEvaluator);

impl Evaluator for Minimal {
    type Ciphertext = ClearCiphertext;
    type Factor = <ClearEvaluator as Evaluator>::Factor;
    type Addend = <ClearEvaluator as Evaluator>::Addend;
    type Map = bsgs::Map<Self>;

    fn profile(&self) -> &Profile {
        self.0.profile()
    }
    fn level(&self, x: &ClearCiphertext) -> Level {
        self.0.level(x)
    }
    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<Self::Factor> {
        self.0.encode_factor(values, at)
    }
    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<Self::Addend> {
        self.0.encode_addend(values, at)
    }
    fn add(&self, a: &ClearCiphertext, b: &ClearCiphertext) -> Result<ClearCiphertext> {
        self.0.add(a, b)
    }
    fn neg(&self, a: &ClearCiphertext) -> Result<ClearCiphertext> {
        self.0.neg(a)
    }
    fn add_plain(&self, a: &ClearCiphertext, b: &Self::Addend) -> Result<ClearCiphertext> {
        self.0.add_plain(a, b)
    }
    fn mul(&self, a: &ClearCiphertext, b: &ClearCiphertext) -> Result<ClearCiphertext> {
        self.0.mul(a, b)
    }
    fn mul_plain(&self, a: &ClearCiphertext, b: &Self::Factor) -> Result<ClearCiphertext> {
        self.0.mul_plain(a, b)
    }
    fn rotate(&self, a: &ClearCiphertext, step: Step) -> Result<ClearCiphertext> {
        self.0.rotate(a, step)
    }
    fn prepare(&self, map: &Arc<LinearMap>, schedule: &Schedule, at: Level, keep: Keep) -> Result<Self::Map> {
        bsgs::prepare(self, map, schedule, at, keep)
    }
    fn linear(&self, x: &[&ClearCiphertext], map: &Self::Map) -> Result<Vec<ClearCiphertext>> {
        bsgs::linear(self, x, map)
    }
}

/// Both evaluators over the same parameters, with exactly the keys that `needs` names.
pub(crate) fn evaluators(params: ClearParams, needs: KeyNeeds) -> (ClearEvaluator, Minimal) {
    let clear = ClearEvaluator::new(params, ClearKeys::new(&params, needs).unwrap()).unwrap();
    (clear.clone(), Minimal(clear))
}
