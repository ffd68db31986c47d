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
    /// Distances from one giant step of an output block down to the one before it, where sums are rotated in a chain:
    /// `rotate_g(s + rotate_(g' - g)(s' + ..))` takes as many rotations as there are giant steps, and a key for each distance in place of one for each
    /// giant step. Empty: every sum is rotated by its own giant step.
    #[serde(default)]
    pub hops: BTreeSet<usize>,
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

    /// Whether the partial sums of an output block are rotated in a chain.
    pub fn chained(&self) -> bool {
        !self.hops.is_empty()
    }

    /// The rotation that each giant step of one output block takes: `giants` are those that the block has, ascending. In a chain it follows the addition
    /// of what the next giant step left, otherwise it comes before all additions.
    ///
    /// # Errors
    /// [`Error::Schedule`] naming the first distance that the chain lacks.
    pub fn turns(&self, giants: impl IntoIterator<Item = usize>) -> Result<Vec<usize>> {
        let mut before = 0;
        let turn = |giant: usize| {
            if !self.chained() {
                return Ok(giant);
            }
            let hop = giant.wrapping_sub(std::mem::replace(&mut before, giant));
            match hop == 0 || self.hops.contains(&hop) {
                true => Ok(hop),
                false => Err(Error::Schedule {
                    reason: format!(
                        "giant step {giant} is {hop} above the one before it, for which there is no hop"
                    ),
                }),
            }
        };
        giants.into_iter().map(turn).collect()
    }

    /// The same schedule with its sums rotated in chains, where that takes fewer keys. A chain is one rotation after the other, so that only schemes
    /// do it that share each among threads. `steps` are those of [`LinearMap::steps`].
    ///
    /// # Errors
    /// As [`BabyGiant::cover`].
    pub fn in_chains(
        self,
        steps: &[BTreeSet<usize>],
        geometry: &Geometry,
        profile: &Profile,
    ) -> Result<Self> {
        if !profile.threads_within {
            return Ok(self);
        }
        let mut hops = BTreeSet::new();
        for of_output in steps.chunks(geometry.in_blocks) {
            let giants = of_output.iter().flatten().map(|step| Ok(self.cover(*step, profile.slots)?.0));
            let giants = giants.collect::<Result<BTreeSet<usize>>>()?;
            let befores = std::iter::once(&0).chain(&giants);
            hops.extend(
                giants.iter().zip(befores).map(|(giant, before)| giant - before).filter(|hop| *hop != 0),
            );
        }
        let turned = self.giant.iter().filter(|step| **step != 0).count();
        Ok(if hops.len() < turned { Self { hops, ..self } } else { self })
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
        let folds: &[bool] = if geometry.can_fold() { &[true, false] } else { &[false] };
        let each = folds.iter().map(|fold| cheapest(map, &geometry, *fold, profile, level));
        let each = each.collect::<Result<Vec<_>>>()?;
        let best = each.into_iter().flatten().min_by(|(a, _), (b, _)| a.total_cmp(b));
        best.map(|(_, schedule)| Self::Diagonals(schedule))
            .ok_or_else(|| Error::Schedule { reason: "the scheme has no slots".to_owned() })
    }

    /// Every rotation that the schedule uses; step 0 is left out.
    pub fn rotations(&self) -> BTreeSet<usize> {
        match self {
            Self::Matrix => BTreeSet::new(),
            Self::Diagonals(s) => {
                let turns = if s.chained() { &s.hops } else { &s.giant };
                s.baby.iter().chain(turns).chain(&s.fold).copied().filter(|step| *step != 0).collect()
            }
        }
    }

    /// Checks that each non-zero diagonal of `map` is covered, that chains have all their hops, and that folding matches the map.
    ///
    /// # Errors
    /// [`Error::Schedule`] naming the first step that is not covered.
    pub fn check(&self, map: &LinearMap, slots: usize) -> Result<()> {
        let Self::Diagonals(schedule) = self else { return Ok(()) };
        let geometry = map.geometry(slots)?;
        let fold = geometry.checked_fold(&schedule.fold)?;
        for of_output in map.steps(slots, fold)?.chunks(geometry.in_blocks) {
            let steps: BTreeSet<usize> = of_output.iter().flatten().copied().collect();
            let giants = steps.into_iter().map(|step| Ok(schedule.cover(step, slots)?.0));
            schedule.turns(giants.collect::<Result<BTreeSet<usize>>>()?)?;
        }
        Ok(())
    }
}

/// The cheapest split at powers of two, and its seconds.
fn cheapest(
    map: &LinearMap,
    geometry: &Geometry,
    fold: bool,
    profile: &Profile,
    level: Level,
) -> Result<Option<(f64, BabyGiant)>> {
    let steps = map.steps(profile.slots, fold)?;
    let needed: BTreeSet<usize> = steps.iter().flatten().copied().collect();
    let products: usize = steps.iter().map(BTreeSet::len).sum();
    let counts =
        std::iter::successors(Some(1), |count| Some(2 * count)).take_while(|count| *count <= profile.slots);
    let timed = counts.map(|count| {
        let candidate = baby_giant(&needed, count, geometry, fold);
        (seconds(&candidate, products, geometry, profile, level), candidate)
    });
    let best = timed.min_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map(|(seconds, best)| Ok((seconds, best.in_chains(&steps, geometry, profile)?))).transpose()
}

fn baby_giant(needed: &BTreeSet<usize>, baby_count: usize, geometry: &Geometry, fold: bool) -> BabyGiant {
    let count = baby_count.max(1);
    BabyGiant {
        baby: needed.iter().map(|step| step % count).collect(),
        giant: needed.iter().map(|step| step - step % count).collect(),
        hops: BTreeSet::new(),
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
