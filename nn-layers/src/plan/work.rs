//! What steps cost at a level, roughly: good for weighing plans against each other.

use he_traits::{Costs, Level};

use crate::fold::{Folded, FoldedKind, FoldedStep, ValueId};
use crate::pack::{Choice, MapWork};
use crate::program::Places;

/// What a step computes, counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepWork {
    maps: Vec<MapWork>,
    /// Products of two ciphertexts.
    products: f64,
    /// Sums of two ciphertexts.
    additions: f64,
    /// Rotations outside of maps, and products with masks.
    rotations: f64,
    masks: f64,
}

impl StepWork {
    /// The work of each step, with values that lie as `places` says.
    pub(crate) fn of_all(folded: &Folded, places: &Places, choice: &mut Choice<'_>) -> Vec<StepWork> {
        let mut of_step = |(index, step): (usize, &FoldedStep)| StepWork::new(index, step, places, choice);
        folded.steps.iter().enumerate().map(&mut of_step).collect()
    }

    fn new(index: usize, step: &FoldedStep, places: &Places, choice: &mut Choice<'_>) -> StepWork {
        let output = places.at(ValueId(index + 1));
        let blocks = output.blocks() as f64;
        match &step.kind {
            FoldedKind::Affine { terms, .. } => {
                let maps = terms.iter().enumerate().filter_map(|(number, (value, operator))| {
                    let operand = places.operand(index, number, *value, operator);
                    let added = operator.is_identity() && operand.layout.same_places(output);
                    (!added).then(|| choice.work(&operand, output))
                });
                let maps: Vec<MapWork> = maps.collect();
                StepWork { additions: blocks * terms.len() as f64, maps, ..StepWork::default() }
            }
            FoldedKind::Product(_) => StepWork { products: blocks, ..StepWork::default() },
            FoldedKind::Pointwise { function, .. } => {
                let products = match function.polynomial() {
                    Ok(Some(polynomial)) => he_traits::polynomial::products(&polynomial) as f64,
                    _ => 0.0,
                };
                StepWork { products: blocks * products, additions: blocks * products, ..StepWork::default() }
            }
            FoldedKind::SumColumns { .. } => {
                let rotations = 2.0 * blocks * f64::from(output.copies().max(1).ilog2());
                StepWork { rotations, additions: rotations, masks: blocks, ..StepWork::default() }
            }
        }
    }

    /// Seconds with operands and result at these levels.
    pub(crate) fn seconds(&self, costs: &Costs, [before, after]: [Level; 2]) -> f64 {
        let maps: f64 = self.maps.iter().map(|map| map.seconds(costs, before)).sum();
        let product = costs.mul.at(before) + costs.rescale.at(before);
        let rotations = self.rotations * costs.rotate.at(before);
        let masks = self.masks * (costs.mul_plain.at(before) + costs.rescale.at(before));
        maps + rotations + masks + self.products * product + self.additions * costs.add.at(after)
    }
}
