//! Where the values of a folded network lie.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use he_traits::{Level, LinearStyle, Profile};

use crate::error::{Error, Result};
use crate::fold::{Folded, FoldedKind, ValueId};
use crate::lower::Operator;
use crate::pack::{BlockSums, Choice, Layout, Operand, Packing, input_layouts};
use crate::plan::StepWork;
use crate::tensor::numel;

/// The places of all values, and which ciphertexts are added before they are read.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The layouts of all values: the input's, then one for each step.
    layouts: Vec<Layout>,
    /// For each term of each step by maps, the sums that it reads.
    sums: Vec<Vec<Option<Arc<BlockSums>>>>,
}

/// Where several ways to lie are expected to take about as long, the usual one is taken: another must take less than this share of the time.
const GAIN: f64 = 0.8;

impl Places {
    /// Values that lie as `layouts` says, every ciphertext by itself.
    pub(super) fn apart(layouts: Vec<Layout>) -> Places {
        Places { layouts, sums: Vec::new() }
    }

    /// Multiplexed, or in parts that pooling adds up: what is expected to be faster. Weights that are `hidden` must decide nothing, so that no map may treat
    /// ciphertexts alike.
    pub(super) fn fastest(
        folded: &Folded,
        profile: &Profile,
        hidden: bool,
        choice: &mut Choice<'_>,
    ) -> Places {
        let shapes: Vec<&[usize]> = folded.steps.iter().map(|step| &*step.shape).collect();
        let inputs = input_layouts(&folded.input, &shapes, &groups(folded), profile);
        let worth = if hidden { 1 } else { inputs.len() };
        let mut found = inputs.into_iter().take(worth);
        // There always is a first one.
        let first = Places::from(found.next().unwrap_or_else(Layout::empty), folded, hidden, choice);
        if worth == 1 {
            return first;
        }
        let seconds = |places: &Places, choice: &mut Choice<'_>| -> f64 {
            let level = choice.level();
            let work = StepWork::of_all(folded, places, choice);
            work.iter().map(|work| work.seconds(&profile.costs, [level, level])).sum()
        };
        let mut least = GAIN * seconds(&first, choice);
        let mut best = first;
        for input in found {
            let other = Places::from(input, folded, hidden, choice);
            let seconds = seconds(&other, choice);
            if seconds < least {
                (least, best) = (seconds, other);
            }
        }
        best
    }

    /// Value by value, from where the input lies.
    fn from(input: Layout, folded: &Folded, hidden: bool, choice: &mut Choice<'_>) -> Places {
        let mut places = Places::apart(vec![input]);
        let shared = shared_places(folded);
        for (index, step) in folded.steps.iter().enumerate() {
            let sums = match &step.kind {
                FoldedKind::Affine { terms, .. } if !hidden => {
                    let of_term = |(value, operator): &(ValueId, Operator)| {
                        BlockSums::new(operator, places.at(*value)).map(Arc::new)
                    };
                    terms.iter().map(of_term).collect()
                }
                _ => Vec::new(),
            };
            places.sums.push(sums);
            let layout = match &step.kind {
                FoldedKind::Product([first, _]) => places.at(*first).with_shape(&step.shape),
                FoldedKind::Affine { .. } if let Some(other) = shared.get(&ValueId(index + 1)) => {
                    places.at(*other).with_shape(&step.shape)
                }
                FoldedKind::Pointwise { input, .. } | FoldedKind::SumColumns { input } => {
                    places.at(*input).with_shape(&step.shape)
                }
                FoldedKind::Affine { terms, .. } => {
                    let operands = terms
                        .iter()
                        .enumerate()
                        .map(|(term, (value, operator))| places.operand(index, term, *value, operator));
                    choice.layout(&step.shape, &operands.collect::<Vec<_>>())
                }
            };
            places.layouts.push(layout);
        }
        places
    }

    /// Where a value lies.
    pub(crate) fn at(&self, value: ValueId) -> &Layout {
        self.layouts.get(value.index()).unwrap_or(&super::EMPTY)
    }

    /// The layouts of all values.
    pub(crate) fn layouts(&self) -> &[Layout] {
        &self.layouts
    }

    /// What a term of a step reads.
    pub(crate) fn operand<'a>(
        &'a self,
        step: usize,
        term: usize,
        value: ValueId,
        operator: &'a Operator,
    ) -> Operand<'a> {
        let sums = self.sums.get(step).and_then(|terms| terms.get(term)).cloned().flatten();
        Operand { operator, layout: self.at(value), sums }
    }
}

/// In how many groups convolutions come.
fn groups(folded: &Folded) -> BTreeSet<usize> {
    let maps = folded.steps.iter().flat_map(|step| match &step.kind {
        FoldedKind::Affine { terms, .. } => terms.as_slice(),
        _ => &[],
    });
    std::iter::once(1).chain(maps.filter_map(|(_, operator)| operator.groups())).collect()
}

/// Pairs of an input and an output ciphertext between which a map is planned: each takes memory, whether there is an entry or not.
const MOST_PAIRS: usize = 1 << 25;

/// The layouts of all values where the slots are samples.
///
/// # Errors
/// [`Error::Packing`] for schemes without diagonals, and for a layer between so many numbers that a ciphertext for each makes no sense.
pub(super) fn batched_layouts(folded: &Folded, profile: &Profile) -> Result<Vec<Layout>> {
    if profile.linear == LinearStyle::Matrix {
        return Err(Error::only_one_packing(Packing::Batched, &profile.backend));
    }
    for step in &folded.steps {
        let FoldedKind::Affine { terms, .. } = &step.kind else { continue };
        let largest = terms.iter().map(|(_, operator)| operator.columns()).max().unwrap_or(0);
        let outputs = numel(&step.shape);
        if outputs.saturating_mul(largest) > MOST_PAIRS {
            let reason = format!(
                "{} is a map between {largest} and {outputs} numbers, each a ciphertext of its own, and that is for small networks; take the \
                 packing multiplexed",
                step.name
            );
            return Err(Error::Packing {
                packing: Packing::Batched,
                backend: profile.backend.clone(),
                reason,
            });
        }
    }
    let shapes = std::iter::once(&folded.input).chain(folded.steps.iter().map(|step| &step.shape));
    Ok(shapes.map(|shape| Layout::batched(shape)).collect())
}

/// For the later operand of a product, where a map makes it: the value whose places it takes, so that nothing moves between them.
pub(super) fn shared_places(folded: &Folded) -> BTreeMap<ValueId, ValueId> {
    let pairs = folded.steps.iter().filter_map(|step| match &step.kind {
        FoldedKind::Product([a, b]) if a != b => Some((*a.max(b), *a.min(b))),
        _ => None,
    });
    pairs.collect()
}

/// The level at which layouts are compared: costs of rotations and products grow alike with the level, so that one in the middle serves.
pub(super) fn middle(profile: &Profile) -> Level {
    profile.top.get().map_or(Level::UNBOUNDED, |top| Level::new(top / 2))
}
