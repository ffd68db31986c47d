//! Linear maps by diagonals, with one rescale for each output block.
//!
//! y = fold(rescale(sum over g of rotate_g(sum over b of d'(g + b) rotate_b(x)))): the products of a giant step are added at the
//! square of the scale, rotated there (each by its giant step, or in a chain), added over the giant steps, and divided by the level's prime once. SEAL cannot share the
//! decomposition of a ciphertext between rotations, so baby steps cost as much as giant ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use he_traits::{Diagonal, Error, Geometry, Keep, Level, LinearMap, Result, Schedule};
use rayon::prelude::*;

use crate::{
    ciphertext::Ciphertext,
    context::Context,
    evaluator::SealEvaluator,
    native::values::{Ciphertext as Native, Plaintext},
};

/// A linear map prepared for inputs of one level.
pub struct PreparedMap {
    at: Level,
    geometry: Geometry,
    /// Rotations of each input block that some diagonal uses.
    baby: Vec<BTreeSet<usize>>,
    /// For each output block its giant steps, the highest first.
    blocks: Vec<Vec<Giant>>,
    /// Whether each giant step takes over what the one above it left.
    chained: bool,
    /// Rotate-and-adds that finish every output block.
    fold: Vec<usize>,
}

/// One giant step of one output block: a sum of products, then a rotation.
struct Giant {
    turn: usize,
    terms: Vec<Term>,
}

/// One diagonal times one rotated input block.
struct Term {
    in_block: usize,
    baby: usize,
    diagonal: Stored,
}

enum Stored {
    Encoded(Plaintext),
    Values(Diagonal),
}

/// A diagonal that is not zero: where it stands in the map and in the schedule.
struct Place {
    out_block: usize,
    in_block: usize,
    giant: usize,
    baby: usize,
}

impl PreparedMap {
    pub(crate) fn new(
        evaluator: &SealEvaluator,
        map: &Arc<LinearMap>,
        schedule: &Schedule,
        at: Level,
        keep: Keep,
    ) -> Result<Self> {
        let context = evaluator.context()?;
        let slots = context.order.slots();
        at.spend("linear", 1)?;
        let scale = context.level("linear", at)?.scale;
        let Schedule::Diagonals(steps) = schedule else {
            let reason = "SEAL computes by diagonals, the schedule is for a matrix product".to_owned();
            return Err(Error::Schedule { reason });
        };
        schedule.check(map, slots)?;
        for step in schedule.rotations() {
            evaluator.route(step, at)?;
        }
        let geometry = map.geometry(slots)?;
        let mut places = Vec::new();
        for (pair, needed) in map.steps(slots, !steps.fold.is_empty())?.into_iter().enumerate() {
            let (out_block, in_block) = (pair / geometry.in_blocks, pair % geometry.in_blocks);
            for step in needed {
                let (giant, baby) = steps.split(step, slots).ok_or_else(|| Error::Schedule {
                    reason: format!("no baby and giant step make up rotation {step}"),
                })?;
                places.push(Place { out_block, in_block, giant, baby });
            }
        }
        let terms = places
            .into_par_iter()
            .map(|place| {
                let step = (place.giant + place.baby) % slots;
                let diagonal = map.diagonal(slots, place.out_block, place.in_block, step)?;
                // The giant step rotates the sum to the left, so its diagonals start further right.
                let period = diagonal.period();
                let back = (period - place.giant % period) % period;
                let diagonal = diagonal.rotated(back);
                let stored = match keep {
                    Keep::Encoded => Stored::Encoded(context.encode("linear", &diagonal, at, scale)?),
                    Keep::Values => Stored::Values(diagonal),
                };
                Ok((place, stored))
            })
            .collect::<Result<Vec<_>>>()?;

        let mut baby = vec![BTreeSet::new(); geometry.in_blocks];
        let mut blocks: Vec<BTreeMap<usize, Vec<Term>>> =
            (0..geometry.out_blocks).map(|_| BTreeMap::new()).collect();
        for (place, diagonal) in terms {
            if let Some(steps) = baby.get_mut(place.in_block) {
                steps.insert(place.baby);
            }
            if let Some(block) = blocks.get_mut(place.out_block) {
                let term = Term { in_block: place.in_block, baby: place.baby, diagonal };
                block.entry(place.giant).or_default().push(term);
            }
        }
        let giants = |block: BTreeMap<usize, Vec<Term>>| {
            let turns = steps.turns(block.keys().copied())?;
            let giants = turns.into_iter().zip(block.into_values());
            Ok(giants.map(|(turn, terms)| Giant { turn, terms }).rev().collect())
        };
        let blocks = blocks.into_iter().map(giants).collect::<Result<_>>()?;
        Ok(Self { at, geometry, baby, blocks, chained: steps.chained(), fold: steps.fold.clone() })
    }

    pub(crate) fn apply(&self, evaluator: &SealEvaluator, x: &[&Ciphertext]) -> Result<Vec<Ciphertext>> {
        let in_blocks = self.geometry.in_blocks;
        if x.is_empty() || !x.len().is_multiple_of(in_blocks) {
            let expected = format!("a whole number of values of {in_blocks} blocks");
            return Err(Error::shape("linear", expected, x.len()));
        }
        for block in x {
            self.at.same("linear", block.level)?;
        }
        // Values one after the other: the rotated inputs of one value are what takes the memory, and within a value there is
        // work for many threads.
        let mut outputs = Vec::with_capacity(x.len() / in_blocks * self.blocks.len());
        for value in x.chunks_exact(in_blocks) {
            outputs.extend(self.apply_one(evaluator, value)?);
        }
        Ok(outputs)
    }

    fn apply_one(&self, evaluator: &SealEvaluator, x: &[&Ciphertext]) -> Result<Vec<Ciphertext>> {
        let rotations: Vec<(usize, usize)> = self
            .baby
            .iter()
            .enumerate()
            .flat_map(|(block, steps)| steps.iter().map(move |step| (block, *step)))
            .filter(|(_, step)| *step != 0)
            .collect();
        let rotated = rotations
            .into_par_iter()
            .map(|(block, step)| {
                let input = x.get(block).ok_or_else(|| Error::shape("linear", block + 1, x.len()))?;
                Ok(((block, step), evaluator.rotate_native(&input.native, step, self.at)?))
            })
            .collect::<Result<BTreeMap<_, _>>>()?;
        let operand = |term: &Term| match term.baby {
            0 => x.get(term.in_block).map(|block| block.native.as_ref()),
            step => rotated.get(&(term.in_block, step)),
        };
        self.blocks
            .par_iter()
            .map(|giants| {
                let sum = |giant: &Giant| {
                    let sum = self.products(evaluator, giant, operand)?;
                    if self.chained { Ok(sum) } else { self.turned(evaluator, sum, giant) }
                };
                let sums = giants.par_iter().map(sum).collect::<Result<Vec<_>>>()?;
                let sum = self.together(evaluator, giants, sums)?;
                self.finish(evaluator, sum, x)
            })
            .collect()
    }

    /// The sum of one giant step's products.
    fn products<'a>(
        &self,
        evaluator: &SealEvaluator,
        giant: &Giant,
        operand: impl Fn(&Term) -> Option<&'a Native>,
    ) -> Result<Native> {
        let context = evaluator.context()?;
        let mut sum: Option<Native> = None;
        let mut product = Native::empty()?;
        for term in &giant.terms {
            let x = operand(term).ok_or_else(|| Error::Schedule {
                reason: format!("rotation {} of block {} was not made", term.baby, term.in_block),
            })?;
            let encoded;
            let diagonal = match &term.diagonal {
                Stored::Encoded(plain) => plain,
                Stored::Values(values) => {
                    encoded = self.encode(context, values)?;
                    &encoded
                }
            };
            match &mut sum {
                None => sum = Some(context.evaluator.multiply_plain(x, diagonal)?),
                Some(sum) => {
                    context.evaluator.multiply_plain_into(x, diagonal, &mut product)?;
                    context.evaluator.add_assign(sum, &product)?;
                }
            }
        }
        sum.ok_or_else(|| Error::Schedule { reason: "a giant step without diagonals".to_owned() })
    }

    fn turned(&self, evaluator: &SealEvaluator, sum: Native, giant: &Giant) -> Result<Native> {
        if giant.turn == 0 { Ok(sum) } else { evaluator.rotate_native(&sum, giant.turn, self.at) }
    }

    /// What the sums of all giant steps of an output block come to; in a chain they are still to be rotated.
    fn together(
        &self,
        evaluator: &SealEvaluator,
        giants: &[Giant],
        sums: Vec<Native>,
    ) -> Result<Option<Native>> {
        let context = evaluator.context()?;
        let mut all: Option<Native> = None;
        for (giant, mut sum) in giants.iter().zip(sums) {
            if let Some(above) = all {
                context.evaluator.add_assign(&mut sum, &above)?;
            }
            all = Some(if self.chained { self.turned(evaluator, sum, giant)? } else { sum });
        }
        Ok(all)
    }

    fn encode(&self, context: &Context, values: &Diagonal) -> Result<Plaintext> {
        context.encode("linear", values, self.at, context.level("linear", self.at)?.scale)
    }

    /// Rescales the sum of all giant steps, and folds it.
    fn finish(
        &self,
        evaluator: &SealEvaluator,
        sum: Option<Native>,
        x: &[&Ciphertext],
    ) -> Result<Ciphertext> {
        let context = evaluator.context()?;
        let to = self.at.spend("linear", 1)?;
        let Some(sum) = sum else {
            // All diagonals of this output block are zero.
            let first = x.first().ok_or_else(|| Error::shape("linear", "at least one block", "none"))?;
            return evaluator.zero_like(first, to);
        };
        let mut result = context.rescale("linear", &sum, self.at)?;
        for step in &self.fold {
            let rotated = evaluator.rotate_native(&result, *step, to)?;
            context.evaluator.add_assign(&mut result, &rotated)?;
        }
        Ok(evaluator.wrap(result, to))
    }
}
