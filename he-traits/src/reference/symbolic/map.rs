//! What a linear map costs, by its schedule.

use std::collections::BTreeSet;

use super::{Symbolic, SymbolicCiphertext};
use crate::{
    BabyGiant, EncryptedMatrix, Error, Evaluator, Geometry, Keep, Level, LinearMap, Result, Schedule,
};

/// A linear map of which only the work is known.
#[derive(Clone, Debug, PartialEq)]
pub struct SymbolicMap {
    in_blocks: usize,
    out_blocks: usize,
    /// Slots of an operand before it repeats.
    in_period: usize,
    /// Slots of a result before it repeats.
    out_period: usize,
    level: Level,
    work: Work,
    is_reduction: bool,
}

/// Work for one value.
#[derive(Clone, Debug, PartialEq)]
enum Work {
    Entries(u64),
    Diagonals {
        /// Rotations of each input block, a hoisted group each.
        baby: Vec<u64>,
        /// Rotations of partial sums and rotate-and-adds, over all output blocks.
        giant: u64,
        /// Products with a diagonal.
        products: u64,
        /// Additions over all output blocks.
        additions: u64,
        /// Diagonals encoded on the fly.
        encodes: u64,
        /// Slots of the diagonals before they repeat.
        period: usize,
    },
}

impl SymbolicMap {
    /// As [`LinearMap::is_reduction`].
    pub(super) fn is_reduction(&self) -> bool {
        self.is_reduction
    }
}

pub(super) fn prepare(
    symbolic: &Symbolic,
    map: &LinearMap,
    schedule: &Schedule,
    level: Level,
    keep: Keep,
) -> Result<SymbolicMap> {
    level.spend("linear", 1)?;
    let slots = symbolic.profile().slots;
    let geometry = map.geometry(slots)?;
    let work = match schedule {
        Schedule::Matrix => Work::Entries(map.entries() * map.copies() as u64),
        Schedule::Diagonals(baby_giant) => {
            let work = diagonals(map, baby_giant, &geometry, keep)?;
            note(symbolic, schedule, level, &work, keep, geometry.diagonal_period());
            work
        }
    };
    Ok(SymbolicMap {
        in_blocks: geometry.in_blocks,
        out_blocks: geometry.out_blocks,
        in_period: if geometry.copies == 1 { geometry.in_period } else { geometry.slots },
        out_period: out_period(&geometry),
        level,
        work,
        is_reduction: matches!(schedule, Schedule::Matrix) && map.is_reduction(),
    })
}

/// Slots of a map's result before it repeats.
fn out_period(geometry: &Geometry) -> usize {
    if geometry.copies == 1 { geometry.out_period } else { geometry.slots }
}

/// Notes the keys, all at the level of the map's input, and what encoding the diagonals beforehand costs.
fn note(symbolic: &Symbolic, schedule: &Schedule, level: Level, work: &Work, keep: Keep, period: usize) {
    let share = symbolic.profile.factor_share(period);
    let (encode, bytes) =
        (share * symbolic.profile.costs.encode.at(level), share * symbolic.profile.sizes.factor.at(level));
    let mut record = symbolic.lock();
    for step in schedule.rotations() {
        record.needs.rotate(step, level);
    }
    if let (Work::Diagonals { products, .. }, Keep::Encoded) = (work, keep) {
        record.counts.encodes += products;
        record.setup_seconds += *products as f64 * encode;
        record.factor_bytes += *products as f64 * bytes;
    }
}

fn diagonals(map: &LinearMap, schedule: &BabyGiant, geometry: &Geometry, keep: Keep) -> Result<Work> {
    let fold = geometry.checked_fold(&schedule.fold)?;
    let steps = map.steps(geometry.slots, fold)?;
    let mut baby = vec![BTreeSet::new(); geometry.in_blocks];
    let (mut giant, mut products, mut additions) = (0, 0, 0);
    for of_output in steps.chunks(geometry.in_blocks) {
        let mut giants = BTreeSet::new();
        let before: u64 = products;
        for (steps, baby) in of_output.iter().zip(&mut baby) {
            for step in steps {
                let (giant, baby_step) = schedule.cover(*step, geometry.slots)?;
                giants.insert(giant);
                baby.insert(baby_step);
            }
            products += steps.len() as u64;
        }
        let folds = if products > before { schedule.fold.len() as u64 } else { 0 };
        giant += schedule.turns(giants)?.iter().filter(|turn| **turn != 0).count() as u64 + folds;
        additions += (products - before).saturating_sub(1) + folds;
    }
    let baby = baby.iter().map(|steps| steps.iter().filter(|step| **step != 0).count() as u64).collect();
    let encodes = if keep == Keep::Values { products } else { 0 };
    let period = geometry.diagonal_period();
    Ok(Work::Diagonals { baby, giant, products, additions, encodes, period })
}

pub(super) fn apply(
    symbolic: &Symbolic,
    x: &[&SymbolicCiphertext],
    map: &SymbolicMap,
) -> Result<Vec<SymbolicCiphertext>> {
    if x.is_empty() || !x.len().is_multiple_of(map.in_blocks) {
        return Err(Error::shape(
            "linear",
            format!("whole values of {} ciphertexts", map.in_blocks),
            x.len(),
        ));
    }
    x.iter().try_for_each(|block| map.level.same("linear", block.level))?;
    let values = x.len() / map.in_blocks;
    let (times, at, costs) = (values as u64, map.level, symbolic.profile.costs);
    symbolic.lock().counts.linear_maps += times;
    match &map.work {
        Work::Entries(entries) => {
            let seconds = costs.entry.at(at);
            symbolic.spend_seconds(times * entries, seconds, |counts, times| counts.entries += times);
            // Of an operand that repeats, one period is read; a result fills its slots, unless it is held once.
            let read = map.in_period as f64 / symbolic.profile.slots as f64;
            let passes =
                map.in_blocks as f64 * read + map.out_blocks as f64 * symbolic.profile.share(map.out_period);
            symbolic.spend_seconds(times, passes * costs.pass.at(at), |_, _| {});
        }
        Work::Diagonals { baby, giant, products, additions, encodes, period } => {
            // Sums and rotations of the diagonals' products run over all slots.
            let whole = SymbolicCiphertext { level: at, period: symbolic.profile.slots };
            for _ in 0..times {
                baby.iter().for_each(|steps| symbolic.rotations(*steps, whole));
            }
            symbolic.spend(times * giant, costs.rotate, whole, |counts, times| counts.rotations += times);
            let encode = symbolic.profile.factor_share(*period) * costs.encode_kept.at(at);
            symbolic.spend_seconds(times * encodes, encode, |counts, times| counts.encodes += times);
            symbolic.plain_products(times * products, whole);
            symbolic.additions(times * additions, whole);
            symbolic.rescale(times * map.out_blocks as u64, whole);
        }
    }
    let result = SymbolicCiphertext { level: at.spend("linear", 1)?, period: map.out_period };
    Ok(vec![result; values * map.out_blocks])
}

/// What a matrix with encrypted entries costs: at each of them a product of two matrices in the place of a matrix times a number.
pub(super) fn apply_encrypted(
    symbolic: &Symbolic,
    x: &[&SymbolicCiphertext],
    matrix: &EncryptedMatrix<SymbolicCiphertext>,
) -> Result<Vec<SymbolicCiphertext>> {
    let (geometry, at) = (matrix.pattern().geometry(), matrix.level());
    if x.is_empty() || !x.len().is_multiple_of(geometry.in_blocks) {
        let expected = format!("whole values of {} ciphertexts", geometry.in_blocks);
        return Err(Error::shape("linear", expected, x.len()));
    }
    x.iter().copied().chain(matrix.weights()).try_for_each(|block| at.same("linear", block.level))?;
    let values = x.len() / geometry.in_blocks;
    let seconds = 2.0 * symbolic.profile.costs.entry.at(at);
    let entries = (values * matrix.pattern().entries()) as u64;
    symbolic.lock().counts.linear_maps += values as u64;
    symbolic.spend_seconds(entries, seconds, |counts, times| counts.entries += times);
    symbolic.lock().needs.relinearise(at);
    let result = SymbolicCiphertext { level: at.spend("linear", 1)?, period: out_period(geometry) };
    Ok(vec![result; values * geometry.out_blocks])
}
