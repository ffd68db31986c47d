//! Packing and lowering: a folded network becomes a program for one profile.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use he_traits::{Level, LinearMap, LinearStyle, Profile};

use super::fuse::{Parts, new_number, renumber};
use super::{Program, Step, StepKind, SumColumns, Term, revolver};
use crate::approx::Functions;
use crate::error::{Error, Result};
use crate::fold::{Folded, FoldedKind, FoldedStep, ValueId};
use crate::lower::Operator;
use crate::pack::{Choice, Layout, PackedMap, Packing, input_layout};
use crate::plan::{Plan, StepWork};
use crate::tensor::numel;
use crate::weights::Weights;

impl Packed<'_> {
    /// The program for ciphertexts as `profile` describes them. Where the profile states a refresh, values are refreshed at the places where that
    /// costs least.
    ///
    /// # Errors
    /// [`Error::Levels`] when the profile has too few levels, [`Error::Step`] when a map cannot be scheduled.
    pub(crate) fn program(
        &self,
        functions: Functions,
        weights: &Weights,
        profile: &Profile,
    ) -> Result<Program> {
        let plan = self.plan(profile)?;
        let folded = self.folded();
        let input_level = plan.input_level(folded, profile)?;
        let packed = &self.layouts;
        let mut parts = Parts {
            steps: Vec::with_capacity(folded.steps.len() + plan.refreshes()),
            layouts: vec![at(packed, ValueId::INPUT).clone()],
            output: folded.output,
        };
        // The program's number of each folded value: a refresh counts as a step.
        let mut numbers = vec![ValueId::INPUT];
        let mut rounds = 0;
        for (index, step) in folded.steps.iter().enumerate() {
            if let Some(refreshing) = plan.refreshing(index) {
                rounds += 1;
                let values = refreshing.values.iter().map(|value| new_number(*value, &numbers)).collect();
                parts.steps.push(Step {
                    name: format!("round trip {rounds}"),
                    kind: StepKind::Refresh { values },
                    before: profile.refresh.as_ref().map_or(Level::ZERO, |refresh| refresh.lowest_input),
                    after: refreshing.to,
                });
                parts.layouts.push(super::EMPTY.clone());
            }
            let output = at(packed, ValueId(index + 1));
            let [before, after] = plan.levels(index, input_level);
            let mut kind = lower(step, packed, output, profile, [before, after])?;
            renumber(&mut kind, &numbers);
            parts.steps.push(Step { name: step.name.clone(), kind, before, after });
            parts.layouts.push(output.clone());
            numbers.push(ValueId(parts.steps.len()));
        }
        parts.output = new_number(folded.output, &numbers);
        let Parts { steps, layouts, output } = parts.fused();
        Ok(Program {
            slots: profile.slots,
            input_level,
            depth: plan.depth(),
            layouts,
            steps,
            output,
            activations: functions.records,
            network: functions.network,
            weights: Arc::new(weights.clone()),
        })
    }
}

fn at(layouts: &[Layout], value: ValueId) -> &Layout {
    layouts.get(value.index()).unwrap_or(&super::EMPTY)
}

/// A folded network packed for a profile: values that lie as a packing says.
pub(crate) struct Packed<'a> {
    /// Its steps, with those that the packing adds.
    folded: Cow<'a, Folded>,
    /// The layouts of all values: the input's, then one for each step.
    layouts: Vec<Layout>,
    /// What each step computes, counted where plans are to be weighed.
    work: Vec<StepWork>,
}

/// Whether plans of a packed network are to be weighed against others, so that its work must be counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weighed {
    No,
    Yes,
}

impl Weighed {
    /// For one of several foldings, or the only one.
    pub(crate) fn among(foldings: &[Folded]) -> Weighed {
        if foldings.len() > 1 { Weighed::Yes } else { Weighed::No }
    }
}

impl<'a> Packed<'a> {
    /// # Errors
    /// [`Error::Packing`] when the network or the profile does not take the packing.
    pub(crate) fn new(
        folded: Cow<'a, Folded>,
        profile: &Profile,
        packing: Packing,
        weighed: Weighed,
    ) -> Result<Packed<'a>> {
        // Costs of rotations and products grow alike with the level, so that a level in the middle serves to compare layouts.
        let middle = profile.top.get().map_or(Level::UNBOUNDED, |top| Level::new(top / 2));
        let mut choice = Choice::new(profile, middle);
        let (folded, layouts) = match packing {
            Packing::Multiplexed => {
                let layouts = layouts(&folded, profile, &mut choice);
                (folded, layouts)
            }
            Packing::VolleyRevolver => {
                let (folded, layouts) = revolver::arrange(&folded, profile, &mut choice)?;
                (Cow::Owned(folded), layouts)
            }
            Packing::Batched => {
                let layouts = batched_layouts(&folded, profile)?;
                (folded, layouts)
            }
        };
        let work = match (weighed, &profile.refresh) {
            (Weighed::No, None) => Vec::new(),
            _ => StepWork::of_all(&folded, &layouts, &mut choice),
        };
        Ok(Packed { folded, layouts, work })
    }

    /// The steps that are planned.
    pub(crate) fn folded(&self) -> &Folded {
        &self.folded
    }

    /// Seconds that a run is expected to take by the profile's costs; 0 where plans were not to be weighed.
    ///
    /// # Errors
    /// [`Error::Levels`] when the profile has too few levels.
    pub(crate) fn seconds(&self, profile: &Profile) -> Result<f64> {
        let plan = self.plan(profile)?;
        let input = plan.input_level(self.folded(), profile)?;
        let seconds =
            |(index, work): (usize, &StepWork)| work.seconds(&profile.costs, plan.levels(index, input));
        Ok(self.work.iter().enumerate().map(seconds).sum())
    }

    /// Levels and refreshes for a profile of as many slots.
    pub(crate) fn plan(&self, profile: &Profile) -> Result<Plan> {
        match &profile.refresh {
            Some(_) => Plan::with_refreshes(&self.folded, &self.layouts, &self.work, profile),
            None => Plan::new(&self.folded, Some(&self.layouts)),
        }
    }
}

/// The layouts of all values: the input's, then one for each step.
fn layouts(folded: &Folded, profile: &Profile, choice: &mut Choice<'_>) -> Vec<Layout> {
    let mut layouts = vec![input_layout(&folded.input, profile)];
    let shared = shared_places(folded);
    for (index, step) in folded.steps.iter().enumerate() {
        let layout = match &step.kind {
            FoldedKind::Product([first, _]) => at(&layouts, *first).with_shape(&step.shape),
            FoldedKind::Affine { .. } if let Some(other) = shared.get(&ValueId(index + 1)) => {
                at(&layouts, *other).with_shape(&step.shape)
            }
            FoldedKind::Pointwise { input, .. } | FoldedKind::SumColumns { input } => {
                at(&layouts, *input).with_shape(&step.shape)
            }
            FoldedKind::Affine { terms, .. } => {
                let terms: Vec<(&Operator, &Layout)> =
                    terms.iter().map(|(value, operator)| (operator, at(&layouts, *value))).collect();
                choice.layout(&step.shape, &terms)
            }
        };
        layouts.push(layout);
    }
    layouts
}

/// Pairs of an input and an output ciphertext between which a map is planned: each takes memory, whether there is an entry or not.
const MOST_PAIRS: usize = 1 << 25;

/// The layouts of all values where the slots are samples.
///
/// # Errors
/// [`Error::Packing`] for schemes without diagonals, and for a layer between so many numbers that a ciphertext for each makes no sense.
fn batched_layouts(folded: &Folded, profile: &Profile) -> Result<Vec<Layout>> {
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

/// The step on ciphertexts, with operands and result at `levels`.
fn lower(
    step: &FoldedStep,
    layouts: &[Layout],
    output: &Layout,
    profile: &Profile,
    levels: [Level; 2],
) -> Result<StepKind> {
    let [before, after] = levels;
    let term = |value: ValueId, operator: &Operator| {
        let input = at(layouts, value);
        if operator.is_identity() && input.same_places(output) {
            return Ok(Term::Value(value));
        }
        let map = PackedMap::new(operator.clone(), input.clone(), output.clone());
        let map = LinearMap::new(map).with_copies(profile.slots / input.slots().max(1));
        let (schedule, diagonals) = super::schedule::choose(&map, input, profile, before)
            .map_err(|source| Error::Step { step: step.name.clone(), source })?;
        Ok(Term::Mapped { value, map: Arc::new(map), schedule, diagonals })
    };
    match &step.kind {
        FoldedKind::Product([a, b]) => {
            let identity = Operator::identity(output.elements());
            let at = after.get().map_or(Level::UNBOUNDED, |levels| Level::new(levels + 1));
            Ok(StepKind::Product { operands: [term(*a, &identity)?, term(*b, &identity)?], at })
        }
        FoldedKind::Affine { terms, bias } => {
            let terms =
                terms.iter().map(|(value, operator)| term(*value, operator)).collect::<Result<Vec<_>>>()?;
            let bias = if bias.is_empty() { None } else { Some(output.pack(bias)?) };
            Ok(StepKind::Linear { terms, bias, function: None })
        }
        FoldedKind::SumColumns { input } => {
            Ok(StepKind::SumColumns { input: *input, sum: SumColumns::new(at(layouts, *input).row()) })
        }
        FoldedKind::Pointwise { input, function } => Ok(match function.polynomial()? {
            Some(polynomial) => StepKind::Polynomial { input: *input, polynomial },
            None => match function {
                crate::approx::Nonlinear::Exact(function) => {
                    StepKind::Exact { input: *input, function: *function }
                }
                other => {
                    return Err(Error::BadLayer {
                        node: step.name.clone(),
                        layer: "Activation",
                        reason: format!("{other:?} is neither a polynomial nor exact"),
                    });
                }
            },
        }),
    }
}
