//! Levels: how many multiplications each step needs, how many are left for it, and where values are refreshed.
//!
//! Every step runs as late as possible in terms of levels: at the lowest level that what follows allows, where operations cost least. Without a
//! refresh a program runs from its input level down to 0, and one that needs more levels than a scheme has fails here, with the step's
//! name and the numbers, before anything is encrypted. Where the profile states a refresh, levels may run out on the way, and values are refreshed where that costs least.

mod levels;
mod refresh;
mod work;

use he_traits::{Level, Profile};

use crate::error::{Error, Result};
use crate::fold::{Folded, FoldedStep, ValueId};
use crate::pack::Layout;
use levels::Span;
pub(crate) use refresh::Refreshing;
pub(crate) use work::StepWork;

/// Levels of a folded network's values.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Levels of operands when each step runs, and of its result.
    levels: Vec<[u32; 2]>,
    /// Level of the input.
    input: u32,
    /// Multiplications spent before and after each step, from the input on and as if nothing was refreshed.
    spent: Vec<[u32; 2]>,
    depth: u32,
    refreshes: Vec<Refreshing>,
    seconds: f64,
}

impl Plan {
    /// Levels of the steps without any refresh. `layouts` are those of the values, where they are known: a value that must
    /// move to another layout before it can be added costs a level.
    ///
    /// # Errors
    /// [`Error::Step`] for a polynomial that is none.
    pub fn new(folded: &Folded, layouts: Option<&[Layout]>) -> Result<Plan> {
        let reads = levels::reads(folded, layouts)?;
        let span = Span::new(&reads, 0..folded.steps.len(), &levels::last_reads(folded, &reads), 0);
        let spent = levels::spent(&reads);
        let depth = span.need(ValueId::INPUT.index()).max(Plan::spent_at(&spent, folded.output));
        Ok(Plan { input: depth, levels: span.levels, spent, depth, refreshes: Vec::new(), seconds: 0.0 })
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
        if self.input <= top {
            return Ok(Level::new(self.input));
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
        let late = |(_, [_, after]): &(&FoldedStep, &[u32; 2])| *after > top;
        let (step, [before, after]) = folded.steps.iter().zip(&self.spent).find(late)?;
        Some((step.name.as_str(), after - before, top.saturating_sub(*before)))
    }

    /// Levels of the operands when step `index` runs and of its result, for an input at `input`.
    pub fn levels(&self, index: usize, input: Level) -> [Level; 2] {
        let levels = self.levels.get(index).copied().unwrap_or([0; 2]);
        levels.map(|level| if input.is_unbounded() { Level::UNBOUNDED } else { Level::new(level) })
    }

    /// The values that are refreshed before step `index` runs.
    pub(crate) fn refreshing(&self, index: usize) -> Option<&Refreshing> {
        self.refreshes.iter().find(|refreshing| refreshing.position == index)
    }

    /// Refreshes, one after the other.
    pub fn refreshes(&self) -> usize {
        self.refreshes.len()
    }

    /// Seconds to expect, refreshes and their traffic counted; 0 for a plan that had no costs to weigh.
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }

    fn spent_at(spent: &[[u32; 2]], value: ValueId) -> u32 {
        let step = value.index().checked_sub(1).and_then(|step| spent.get(step));
        step.map_or(0, |[_, after]| *after)
    }
}
