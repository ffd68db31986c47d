//! How a linear map is computed: which rotations of the input, which of the partial sums.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Error, Geometry, Level, LinearMap, LinearStyle, Profile, Result};

/// The plan for one linear map, chosen by the compiler from the costs in the keyless profile.
///
/// `prepare` receives it; a backend may do better, but never needs a key that is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// As a sparse-matrix product, for schemes without rotations to pay.
    Matrix,
    /// By diagonals: `y = fold(sum_g rotate_g(sum_b d'_{g + b} * rotate_b(x)))`, the diagonals rotated back by `g`.
    Diagonals(BabyGiant),
}

/// Baby steps, giant steps and the final rotate-and-adds of a map by diagonals. All steps are normalised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BabyGiant {
    /// Rotations of the input blocks, shared by all output blocks; 0 is the input itself.
    pub baby: BTreeSet<usize>,
    /// Rotations of the partial sums; 0 is no rotation.
    pub giant: BTreeSet<usize>,
    /// Rotate-and-adds at the end, in order: each adds the sum rotated by the step to the sum. Empty: no folding.
    pub fold: Vec<usize>,
}

impl BabyGiant {
    /// The split of a diagonal's step into (giant, baby), `None` when the schedule does not cover it.
    pub fn split(&self, step: usize, slots: usize) -> Option<(usize, usize)> {
        let baby = |giant: usize| (step + slots - giant) % slots;
        self.giant.iter().map(|giant| (*giant, baby(*giant))).find(|(_, baby)| self.baby.contains(baby))
    }

    /// As [`BabyGiant::split`], for a diagonal that must be covered.
    ///
    /// # Errors
    /// [`Error::Schedule`] naming the step.
    pub fn cover(&self, step: usize, slots: usize) -> Result<(usize, usize)> {
        self.split(step, slots).ok_or_else(|| Error::Schedule {
            reason: format!("no baby and giant step make up rotation {step}"),
        })
    }
}

impl Schedule {
    /// Diagonals in `baby_count` baby steps and as many giant steps as the map needs; folded where `fold`.
    ///
    /// # Errors
    /// As [`LinearMap::steps`].
    pub fn diagonals(map: &LinearMap, slots: usize, baby_count: usize, fold: bool) -> Result<Self> {
        let geometry = map.geometry(slots)?;
        let fold = fold && geometry.can_fold();
        let needed: BTreeSet<usize> = map.steps(slots, fold)?.into_iter().flatten().collect();
        Ok(Self::Diagonals(baby_giant(&needed, baby_count, &geometry, fold)))
    }

    /// The cheapest schedule for `map` on `profile` with the input at `level`.
    ///
    /// # Errors
    /// As [`LinearMap::steps`].
    pub fn choose(map: &LinearMap, profile: &Profile, level: Level) -> Result<Self> {
        if profile.linear == LinearStyle::Matrix {
            return Ok(Self::Matrix);
        }
        let geometry = map.geometry(profile.slots)?;
        let mut best: Option<(f64, BabyGiant)> = None;
        let folds: &[bool] = if geometry.can_fold() { &[true, false] } else { &[false] };
        for fold in folds {
            let steps = map.steps(profile.slots, *fold)?;
            let needed: BTreeSet<usize> = steps.iter().flatten().copied().collect();
            let products: usize = steps.iter().map(BTreeSet::len).sum();
            let mut baby_count = 1;
            while baby_count <= profile.slots {
                let candidate = baby_giant(&needed, baby_count, &geometry, *fold);
                let seconds = seconds(&candidate, products, &geometry, profile, level);
                if best.as_ref().is_none_or(|(least, _)| seconds < *least) {
                    best = Some((seconds, candidate));
                }
                baby_count *= 2;
            }
        }
        best.map(|(_, schedule)| Self::Diagonals(schedule))
            .ok_or_else(|| Error::Schedule { reason: "the scheme has no slots".to_owned() })
    }

    /// Every rotation that the schedule uses; step 0 is left out.
    pub fn rotations(&self) -> BTreeSet<usize> {
        match self {
            Self::Matrix => BTreeSet::new(),
            Self::Diagonals(s) => {
                s.baby.iter().chain(&s.giant).chain(&s.fold).copied().filter(|step| *step != 0).collect()
            }
        }
    }

    /// Checks that each non-zero diagonal of `map` is covered, and that folding matches the map.
    ///
    /// # Errors
    /// [`Error::Schedule`] naming the first step that is not covered.
    pub fn check(&self, map: &LinearMap, slots: usize) -> Result<()> {
        let Self::Diagonals(schedule) = self else { return Ok(()) };
        let geometry = map.geometry(slots)?;
        let fold = geometry.checked_fold(&schedule.fold)?;
        let steps: BTreeSet<usize> = map.steps(slots, fold)?.into_iter().flatten().collect();
        steps.into_iter().try_for_each(|step| schedule.cover(step, slots).map(drop))
    }
}

fn baby_giant(needed: &BTreeSet<usize>, baby_count: usize, geometry: &Geometry, fold: bool) -> BabyGiant {
    let count = baby_count.max(1);
    BabyGiant {
        baby: needed.iter().map(|step| step % count).collect(),
        giant: needed.iter().map(|step| step - step % count).collect(),
        fold: if fold { geometry.fold_steps() } else { Vec::new() },
    }
}

fn seconds(s: &BabyGiant, products: usize, geometry: &Geometry, profile: &Profile, level: Level) -> f64 {
    let rotated = |steps: &BTreeSet<usize>| steps.iter().filter(|step| **step != 0).count() as f64;
    let costs = &profile.costs;
    let rotate = costs.rotate.at(level);
    geometry.in_blocks as f64 * rotated(&s.baby) * costs.rotate_hoisted.at(level)
        + geometry.out_blocks as f64 * (rotated(&s.giant) + s.fold.len() as f64) * rotate
        + products as f64 * (costs.mul_plain.at(level) + costs.add.at(level))
}
