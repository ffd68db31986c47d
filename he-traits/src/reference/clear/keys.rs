//! Evaluation keys of the clear reference: nothing but the list of what is allowed.

use super::ClearParams;
use crate::{Error, KeyNeeds, Level, Result, Step};

/// The rotations, products and conjugations that an evaluator may compute, each up to a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearKeys {
    params: ClearParams,
    needs: KeyNeeds,
}

impl ClearKeys {
    /// The keys that `needs` names. Without a budget there is one level, and every key is for it.
    ///
    /// # Errors
    /// [`Error::Parameters`] when a step or a level does not exist at `params`.
    pub fn new(params: &ClearParams, mut needs: KeyNeeds) -> Result<Self> {
        let slots = params.slots();
        if let Some(step) = needs.rotations.keys().find(|step| **step == 0 || **step >= slots) {
            return Err(Error::parameters(format!("a rotation key for step {step}: steps are 1..{slots}")));
        }
        let levels = needs.rotations.values_mut();
        for level in levels.chain(&mut needs.relinearisation).chain(&mut needs.conjugation) {
            *level = params.level("keygen", *level).map_err(|_| {
                Error::parameters(format!("a key for level {level}, the top is {}", params.top()))
            })?;
        }
        Ok(Self { params: *params, needs })
    }

    /// Every key there can be, at the top level.
    pub fn all(params: &ClearParams) -> Self {
        let top = params.top();
        Self {
            params: *params,
            needs: KeyNeeds {
                rotations: (1..params.slots()).map(|step| (step, top)).collect(),
                relinearisation: Some(top),
                conjugation: Some(top),
            },
        }
    }

    /// What the keys allow.
    pub fn needs(&self) -> &KeyNeeds {
        &self.needs
    }

    /// The parameters that they belong to.
    pub(super) fn params(&self) -> &ClearParams {
        &self.params
    }

    pub(super) fn rotation(&self, step: usize, level: Level) -> Result<()> {
        let there = step == 0 || self.needs.rotations.get(&step).is_some_and(|highest| level <= *highest);
        if there { Ok(()) } else { Err(Error::MissingRotation { step: Step::from(step), level }) }
    }

    pub(super) fn relinearisation(&self, level: Level) -> Result<()> {
        let there = self.needs.relinearisation.is_some_and(|highest| level <= highest);
        if there { Ok(()) } else { Err(Error::MissingRelinearisation { level }) }
    }

    pub(super) fn conjugation(&self, level: Level) -> Result<()> {
        let there = self.needs.conjugation.is_some_and(|highest| level <= highest);
        if there { Ok(()) } else { Err(Error::MissingConjugation { level }) }
    }
}
