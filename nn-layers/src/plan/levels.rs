//! Levels of consecutive steps, from the last one back to the first.

use std::ops::Range;

use crate::error::Result;
use crate::fold::{Folded, FoldedKind, FoldedStep, ValueId};
use crate::lower::Operator;
use crate::pack::Layout;

/// What a step asks of the values that it reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Reads {
    /// Levels that it consumes.
    pub(super) depth: u32,
    /// The values, each with how many levels above the result it must lie.
    pub(super) values: Vec<(usize, u32)>,
}

/// What each step reads. An operand that lies elsewhere than the result is moved by a map, which costs a level.
pub(super) fn reads(folded: &Folded, layouts: Option<&[Layout]>) -> Result<Vec<Reads>> {
    let of = |value: usize| layouts.and_then(|layouts| layouts.get(value));
    let stays = |value: ValueId, index: usize| match (of(value.index()), of(index + 1)) {
        (Some(from), Some(to)) => from.same_places(to),
        _ => true,
    };
    let steps = folded.steps.iter().enumerate();
    steps.map(|(index, step)| reads_of(step, |value| stays(value, index))).collect()
}

fn reads_of(step: &FoldedStep, stays: impl Fn(ValueId) -> bool) -> Result<Reads> {
    let values: Vec<(usize, u32)> = match &step.kind {
        FoldedKind::Pointwise { input, function } => {
            let depth = function.polynomial()?.map_or(0, |polynomial| polynomial.depth());
            vec![(input.index(), depth)]
        }
        // The mask takes a level.
        FoldedKind::SumColumns { input } => vec![(input.index(), 1)],
        FoldedKind::Product(operands) => {
            operands.iter().map(|value| (value.index(), if stays(*value) { 1 } else { 2 })).collect()
        }
        FoldedKind::Affine { terms, .. } => {
            // Maps run one level above the values that they are added to.
            let added = |(value, operator): &(ValueId, Operator)| operator.is_identity() && stays(*value);
            terms.iter().map(|term| (term.0.index(), u32::from(!added(term)))).collect()
        }
    };
    Ok(Reads { depth: values.iter().map(|(_, above)| *above).max().unwrap_or(0), values })
}

/// The last step that reads each value; `usize::MAX` for the result of the network.
pub(super) fn last_reads(folded: &Folded, reads: &[Reads]) -> Vec<usize> {
    let mut last = vec![0; reads.len() + 1];
    for (index, step) in reads.iter().enumerate() {
        for (value, _) in &step.values {
            last.iter_mut().skip(*value).take(1).for_each(|last| *last = index);
        }
    }
    last.iter_mut().skip(folded.output.index()).take(1).for_each(|last| *last = usize::MAX);
    last
}

/// Multiplications spent before and after each step, the input having spent none.
pub(super) fn spent(reads: &[Reads]) -> Vec<[u32; 2]> {
    let mut spent: Vec<[u32; 2]> = Vec::with_capacity(reads.len());
    for step in reads {
        let of = |value: usize| {
            let step = value.checked_sub(1).and_then(|step| spent.get(step));
            step.map_or(0, |[_, after]| *after)
        };
        let after = step.values.iter().map(|(value, above)| of(*value) + above).max().unwrap_or(0);
        spent.push([after.saturating_sub(step.depth), after]);
    }
    spent
}

/// Consecutive steps, each at the lowest level that suffices.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// Levels of operands and result of each of the steps.
    pub(super) levels: Vec<[u32; 2]>,
    /// Levels that values must have, by value; `None` for those that no step of the span reads or makes.
    needs: Vec<Option<u32>>,
}

impl Span {
    /// The steps of `range`; values that later steps read are left at `lowest` at least.
    pub(super) fn new(reads: &[Reads], range: Range<usize>, last_reads: &[usize], lowest: u32) -> Span {
        let mut needs: Vec<Option<u32>> = vec![None; reads.len() + 1];
        let mut levels = Vec::with_capacity(range.len());
        for index in range.clone().rev() {
            let Some(step) = reads.get(index) else { continue };
            let later =
                last_reads.get(index + 1).is_some_and(|last| *last >= range.end && *last != usize::MAX);
            let need = needs.get(index + 1).copied().flatten().unwrap_or(0);
            let after = if later { need.max(lowest) } else { need };
            levels.push([after + step.depth, after]);
            for (value, above) in &step.values {
                if let Some(need) = needs.get_mut(*value) {
                    *need = Some(need.unwrap_or(0).max(after + above));
                }
            }
        }
        levels.reverse();
        Span { levels, needs }
    }

    /// The level that a value must have, 0 where no step reads it.
    pub(super) fn need(&self, value: usize) -> u32 {
        self.needs.get(value).copied().flatten().unwrap_or(0)
    }

    /// The most levels that any step's operands need.
    pub(super) fn most(&self) -> u32 {
        self.levels.iter().map(|[before, _]| *before).max().unwrap_or(0)
    }

    /// Values made before step `first` that steps of this span read, with the levels that they must have.
    pub(super) fn entering(&self, first: usize) -> impl Iterator<Item = (usize, u32)> + '_ {
        let needs = self.needs.iter().take(first + 1).enumerate();
        needs.filter_map(|(value, need)| Some((value, (*need)?)))
    }
}
