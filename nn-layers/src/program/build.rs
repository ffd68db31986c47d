//! Packing and lowering: a folded network becomes a program for one profile.

use std::borrow::Cow;
use std::sync::Arc;

use he_traits::{Level, LinearMap, Profile};

use super::fuse::{Parts, new_number, renumber};
use super::places::{self, Places, batched_layouts};
use super::{Program, Step, StepKind, SumColumns, Term, revolver};
use crate::approx::Functions;
use crate::error::{Error, Result};
use crate::fold::{Folded, FoldedKind, FoldedStep, ValueId};
use crate::lower::Operator;
use crate::pack::{Choice, Operand, PackedMap, Packing};
use crate::plan::{Plan, StepWork};
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
        let places = &self.places;
        let mut parts = Parts {
            steps: Vec::with_capacity(folded.steps.len() + plan.refreshes()),
            layouts: vec![places.at(ValueId::INPUT).clone()],
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
            let output = places.at(ValueId(index + 1));
            let [before, after] = plan.levels(index, input_level);
            let mut kind = lower(index, step, places, profile, [before, after])?;
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

/// A folded network packed for a profile: values that lie as a packing says.
pub(crate) struct Packed<'a> {
    /// Its steps, with those that the packing adds.
    folded: Cow<'a, Folded>,
    places: Places,
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

/// How a network is to be packed.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) packing: Packing,
    /// Whether the weights are to be encrypted, so that nothing may depend on which of them are equal.
    pub(crate) hidden: bool,
    pub(crate) weighed: Weighed,
}

impl<'a> Packed<'a> {
    /// # Errors
    /// [`Error::Packing`] when the network or the profile does not take the packing.
    pub(crate) fn new(folded: Cow<'a, Folded>, profile: &Profile, how: How) -> Result<Packed<'a>> {
        let mut choice = Choice::new(profile, places::middle(profile));
        let (folded, places) = match how.packing {
            Packing::Multiplexed => {
                let places = Places::fastest(&folded, profile, how.hidden, &mut choice);
                (folded, places)
            }
            Packing::VolleyRevolver => {
                let (folded, layouts) = revolver::arrange(&folded, profile, &mut choice)?;
                (Cow::Owned(folded), Places::apart(layouts))
            }
            Packing::Batched => {
                let layouts = batched_layouts(&folded, profile)?;
                (folded, Places::apart(layouts))
            }
        };
        let work = match (how.weighed, &profile.refresh) {
            (Weighed::No, None) => Vec::new(),
            _ => StepWork::of_all(&folded, &places, &mut choice),
        };
        Ok(Packed { folded, places, work })
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
            Some(_) => Plan::with_refreshes(&self.folded, self.places.layouts(), &self.work, profile),
            None => Plan::new(&self.folded, Some(self.places.layouts())),
        }
    }
}

/// The step on ciphertexts, with operands and result at `levels`.
fn lower(
    index: usize,
    step: &FoldedStep,
    places: &Places,
    profile: &Profile,
    levels: [Level; 2],
) -> Result<StepKind> {
    let [before, after] = levels;
    let output = places.at(ValueId(index + 1));
    let mapped = |(number, (value, operator)): (usize, &(ValueId, Operator))| {
        let Operand { layout: input, sums, .. } = places.operand(index, number, *value, operator);
        if operator.is_identity() && input.same_places(output) {
            return Ok(Term::Value(*value));
        }
        let map = PackedMap::new(operator.clone(), input.clone(), output.clone()).of_sums(sums.clone());
        let map = LinearMap::new(map).with_copies(profile.slots / input.slots().max(1));
        let (schedule, diagonals) = super::schedule::choose(&map, input, profile, before)
            .map_err(|source| Error::Step { step: step.name.clone(), source })?;
        Ok(Term::Mapped { value: *value, sums, map: Arc::new(map), schedule, diagonals })
    };
    match &step.kind {
        FoldedKind::Product([a, b]) => {
            let identity = |value: ValueId| (value, Operator::identity(output.elements()));
            let at = after.get().map_or(Level::UNBOUNDED, |levels| Level::new(levels + 1));
            let operands = Box::new([mapped((0, &identity(*a)))?, mapped((1, &identity(*b)))?]);
            Ok(StepKind::Product { operands, at })
        }
        FoldedKind::Affine { terms, bias } => {
            let terms = terms.iter().enumerate().map(mapped).collect::<Result<Vec<_>>>()?;
            let bias = if bias.is_empty() { None } else { Some(output.pack(bias)?) };
            Ok(StepKind::Linear { terms, bias, function: None })
        }
        FoldedKind::SumColumns { input } => {
            Ok(StepKind::SumColumns { input: *input, sum: SumColumns::new(places.at(*input).row()) })
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
