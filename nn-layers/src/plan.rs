//! Levels: how many multiplications each step needs, and how many are left for it.
//!
//! There is no refresh yet: a program runs from its input level down to 0, and one that needs more levels than a scheme has
//! fails here, with the step's name and the numbers, before anything is encrypted.

use he_traits::{Level, Profile};

use crate::error::{Error, Result};
use crate::fold::{Folded, FoldedKind, FoldedStep, ValueId};
use crate::lower::Operator;
use crate::pack::Layout;

/// Levels of a folded network's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Multiplications spent, by value: the input is value 0 and has spent none.
    spent: Vec<u32>,
    /// Multiplications spent before each step runs; operands that have spent less are dropped.
    before: Vec<u32>,
    depth: u32,
}

impl Plan {
    /// Walks the steps and adds their depths up. `layouts` are those of the values, where they are known: a value that must
    /// move to another layout before it can be added costs a level.
    ///
    /// # Errors
    /// [`Error::Step`] for a polynomial that is none.
    pub fn new(folded: &Folded, layouts: Option<&[Layout]>) -> Result<Plan> {
        let mut plan = Plan { spent: vec![0], before: Vec::new(), depth: 0 };
        for (index, step) in folded.steps.iter().enumerate() {
            let stays = |value: ValueId| {
                let of = |value: usize| layouts.and_then(|layouts| layouts.get(value));
                match (of(value.index()), of(index + 1)) {
                    (Some(from), Some(to)) => from.same_places(to),
                    _ => true,
                }
            };
            let (before, after) = plan.levels(step, stays)?;
            plan.before.push(before);
            plan.spent.push(after);
        }
        plan.depth = plan.spent(folded.output);
        Ok(plan)
    }

    /// Multiplications one after the other, from the input to the result.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The level at which inputs are encrypted: no higher than the program needs.
    ///
    /// # Errors
    /// [`Error::Levels`] naming the first step for which too few levels are left.
    pub fn input_level(&self, folded: &Folded, profile: &Profile) -> Result<Level> {
        let Some(top) = profile.top.get() else { return Ok(Level::UNBOUNDED) };
        if self.depth <= top {
            return Ok(Level::new(self.depth));
        }
        match self.first_beyond(folded, top) {
            None => Ok(Level::new(top)),
            Some((step, needs, left)) => Err(Error::Levels {
                step: step.to_owned(),
                needs,
                left,
                depth: self.depth,
                top,
                backend: profile.backend.clone(),
            }),
        }
    }

    /// The first step for which too few of `top` levels are left: its name, the levels that it takes, and those that are left.
    pub fn first_beyond<'a>(&self, folded: &'a Folded, top: u32) -> Option<(&'a str, u32, u32)> {
        let steps = folded.steps.iter().zip(self.before.iter().zip(self.spent.iter().skip(1)));
        let mut late = steps.filter(|(_, (_, after))| **after > top);
        late.next()
            .map(|(step, (before, after))| (step.name.as_str(), after - before, top.saturating_sub(*before)))
    }

    /// The level of operands when step `index` runs, for an input at `input`.
    pub fn before(&self, index: usize, input: Level) -> Level {
        left(input, self.before.get(index).copied().unwrap_or(0))
    }

    /// The level of a value.
    pub fn level(&self, value: ValueId, input: Level) -> Level {
        left(input, self.spent(value))
    }

    fn spent(&self, value: ValueId) -> u32 {
        self.spent.get(value.index()).copied().unwrap_or(0)
    }

    /// Levels spent before and after a step.
    fn levels(&self, step: &FoldedStep, stays: impl Fn(ValueId) -> bool) -> Result<(u32, u32)> {
        match &step.kind {
            FoldedKind::Pointwise { input, function } => {
                let before = self.spent(*input);
                let depth = function.polynomial()?.map_or(0, |polynomial| polynomial.depth());
                Ok((before, before + depth))
            }
            FoldedKind::Product(operands) => {
                let of = |still: bool| {
                    operands
                        .iter()
                        .filter(|value| stays(**value) == still)
                        .map(|value| self.spent(*value))
                        .max()
                };
                // An operand that lies elsewhere is moved first, which costs a level.
                Ok(match (of(false), of(true)) {
                    (None, stays) => (stays.unwrap_or(0), stays.unwrap_or(0) + 1),
                    (Some(moved), stays) => {
                        let before = moved.max(stays.unwrap_or(0).saturating_sub(1));
                        (before, before + 2)
                    }
                })
            }
            FoldedKind::Affine { terms, .. } => {
                let of = |free: bool| {
                    let free_term = |(value, operator): &&(ValueId, Operator)| {
                        (operator.is_identity() && stays(*value)) == free
                    };
                    terms.iter().filter(free_term).map(|(value, _)| self.spent(*value)).max()
                };
                Ok(match (of(false), of(true)) {
                    (None, added) => (added.unwrap_or(0), added.unwrap_or(0)),
                    (Some(mapped), None) => (mapped, mapped + 1),
                    // Maps run one level above the values that they are added to.
                    (Some(mapped), Some(added)) => {
                        let before = mapped.max(added.saturating_sub(1));
                        (before, before + 1)
                    }
                })
            }
        }
    }
}

fn left(input: Level, spent: u32) -> Level {
    input.get().map_or(Level::UNBOUNDED, |levels| Level::new(levels.saturating_sub(spent)))
}
