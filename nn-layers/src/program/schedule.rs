//! Schedules that know the grid that a value lies on.
//!
//! The steps of a convolution are sums of a few columns, lines and planes: `dx + row dy + plane p`, each of either sign. Cutting
//! them at powers of two, as [`Schedule::choose`] does for any map, tears such sums apart; cutting them at the grid's own
//! strides gives fewer rotations, and rotations that the layers share.

use std::collections::BTreeSet;

use he_traits::{BabyGiant, Geometry, Level, LinearMap, Profile, Result, Schedule};

use crate::pack::Layout;

/// The cheapest schedule for a map whose input lies as `input` says, with the input at `level`, and the diagonals that it takes.
pub(super) fn choose(
    map: &LinearMap,
    input: &Layout,
    profile: &Profile,
    level: Level,
) -> Result<(Schedule, usize)> {
    let general = Schedule::choose(map, profile, level)?;
    let Schedule::Diagonals(cut_at_powers) = &general else { return Ok((general, 0)) };
    if input.row() <= 1 {
        let steps = map.steps(profile.slots, !cut_at_powers.fold.is_empty())?;
        return Ok((general, steps.iter().map(BTreeSet::len).sum()));
    }
    let geometry = map.geometry(profile.slots)?;
    let folds: &[bool] = if geometry.can_fold() { &[true, false] } else { &[false] };
    let mut best: Option<(f64, BabyGiant, usize)> = None;
    for fold in folds {
        let steps = map.steps(profile.slots, *fold)?;
        let needed: BTreeSet<usize> = steps.iter().flatten().copied().collect();
        let products: usize = steps.iter().map(BTreeSet::len).sum();
        let cost = |schedule: &BabyGiant| seconds(schedule, products, &geometry, profile, level);
        for mut candidate in by_strides(&needed, input, profile.slots) {
            if *fold {
                candidate.fold = geometry.fold_steps();
            }
            let seconds = cost(&candidate);
            if best.as_ref().is_none_or(|(least, ..)| seconds < *least) {
                best = Some((seconds, candidate.in_chains(&steps, &geometry, profile)?, products));
            }
        }
        if cut_at_powers.fold.is_empty() != *fold {
            let seconds = cost(cut_at_powers);
            if best.as_ref().is_none_or(|(least, ..)| seconds <= *least) {
                best = Some((seconds, cut_at_powers.clone(), products));
            }
        }
    }
    Ok(best.map_or((general, 0), |(_, schedule, products)| (Schedule::Diagonals(schedule), products)))
}

/// One schedule for each way to deal the digits of the steps out to baby and giant steps.
fn by_strides(needed: &BTreeSet<usize>, input: &Layout, slots: usize) -> Vec<BabyGiant> {
    let planes = input.period().div_ceil(input.plane()).max(1);
    let bits = planes.ilog2() as usize + 1;
    let steps: Vec<Vec<i64>> =
        needed.iter().map(|step| digits(*step, input.row(), input.plane(), bits)).collect();
    let dealt = |to_baby: usize| {
        let sums = |baby: bool| {
            let chosen =
                |(place, digit): (usize, &i64)| if (to_baby >> place & 1 == 1) == baby { *digit } else { 0 };
            let sum = |digits: &Vec<i64>| {
                he_traits::Step(digits.iter().enumerate().map(chosen).sum()).normalised(slots)
            };
            steps.iter().map(sum).collect()
        };
        BabyGiant { baby: sums(true), giant: sums(false), ..BabyGiant::default() }
    };
    (0..1 << (bits + 2)).map(dealt).collect()
}

/// `step` as a sum of columns, lines and planes: first the nearest plane, then the nearest line of it, the columns that are
/// left; then the number of the plane bit by bit, lowest first. Columns and lines have either sign.
fn digits(step: usize, row: usize, plane: usize, bits: usize) -> Vec<i64> {
    let signed = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let (row, plane, step) = (signed(row), signed(plane), signed(step));
    let nearest = |value: i64, stride: i64| (2 * value + stride).div_euclid(2 * stride);
    let number = nearest(step, plane);
    let rest = step - number * plane;
    let lines = nearest(rest, row) * row;
    let bit = |place: usize| (number & (1 << place)) * plane;
    [rest - lines, lines].into_iter().chain((0..bits).map(bit)).collect()
}

/// As [`Schedule::choose`] counts: hoisted baby steps a block of the input, giant steps and folds a block of the output.
fn seconds(s: &BabyGiant, products: usize, geometry: &Geometry, profile: &Profile, level: Level) -> f64 {
    let rotated = |steps: &BTreeSet<usize>| steps.iter().filter(|step| **step != 0).count() as f64;
    let costs = &profile.costs;
    geometry.in_blocks as f64 * rotated(&s.baby) * costs.rotate_hoisted.at(level)
        + geometry.out_blocks as f64 * (rotated(&s.giant) + s.fold.len() as f64) * costs.rotate.at(level)
        + products as f64 * (costs.mul_plain.at(level) + costs.add.at(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_add_up_to_the_step() {
        for (row, plane) in [(28, 1024), (7, 64), (5, 25)] {
            for step in 0..8 * plane {
                let digits = digits(step, row, plane, 4);
                assert_eq!(digits.iter().sum::<i64>(), step as i64);
                assert!(2 * digits[0].unsigned_abs() as usize <= row);
                assert!(2 * (digits[0] + digits[1]).unsigned_abs() as usize <= plane);
            }
        }
    }

    #[test]
    fn each_step_is_covered_and_a_kernel_takes_few_rotations() {
        // A 7 x 7 window over 4 planes of 32 lines of 28.
        let layout = Layout::multiplexed(&[4, 28, 28], 1, 28, 8192);
        let window = |dy: i64| (-3..=3).map(move |dx: i64| dx + 28 * dy);
        let planes = |step: i64| {
            (0..4).map(move |plane| usize::try_from((step + 1024 * plane).rem_euclid(4096)).unwrap())
        };
        let needed: BTreeSet<usize> = (-3..=3).flat_map(window).flat_map(planes).collect();
        let candidates = by_strides(&needed, &layout, 8192);
        for candidate in &candidates {
            assert!(needed.iter().all(|step| candidate.split(*step, 8192).is_some()));
        }
        let fewest = candidates.iter().map(|c| c.baby.len() + c.giant.len()).min();
        assert!(fewest.is_some_and(|fewest| fewest <= 38), "{fewest:?}");
    }
}
