//! Linear maps and schedules: geometry, diagonals, and baby-step giant-step evaluation against the matrix.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed expectation is a failed test")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::evaluators;
use he_traits::{
    BabyGiant, Clear, ClearCiphertext, ClearKeys, ClearParams, Complex64, Diagonal, Error, Evaluator, Keep,
    KeyNeeds, Level, LinearMap, LinearStyle, Profile, Schedule, Scheme, SparseMatrix, Symbolic,
};
use proptest::prelude::*;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const AT: Level = Level::new(3);

/// A sparse map of about `density` of its places, complex where asked for.
fn random_map(rows: usize, columns: usize, density: f64, complex: bool, rng: &mut ChaCha8Rng) -> LinearMap {
    let mut entries = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            if rng.random_bool(density) {
                let im = if complex { rng.random_range(-1.0..1.0) } else { 0.0 };
                entries.push((row, column, Complex64::new(rng.random_range(-1.0..1.0), im)));
            }
        }
    }
    LinearMap::new(SparseMatrix::from_entries(rows, columns, entries).unwrap())
}

/// Input blocks of one value as the map wants them: periodic, or different copies side by side.
fn random_input(map: &LinearMap, slots: usize, complex: bool, rng: &mut ChaCha8Rng) -> Vec<Vec<Complex64>> {
    let geometry = map.geometry(slots).unwrap();
    let period = if geometry.copies > 1 { slots } else { geometry.in_period };
    let mut number = || {
        Complex64::new(rng.random_range(-1.0..1.0), if complex { rng.random_range(-1.0..1.0) } else { 0.0 })
    };
    (0..geometry.in_blocks)
        .map(|_| {
            let values: Vec<Complex64> = (0..period).map(|_| number()).collect();
            values.iter().copied().cycle().take(slots).collect()
        })
        .collect()
}

/// Largest distance between two vectors of blocks.
fn distance(a: &[ClearCiphertext], b: &[Vec<Complex64>]) -> f64 {
    assert_eq!(a.len(), b.len());
    let slots = a.iter().zip(b).flat_map(|(a, b)| {
        assert_eq!(a.slots().len(), b.len());
        a.slots().iter().zip(b)
    });
    slots.map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
}

fn params(slots: usize) -> ClearParams {
    ClearParams::new(slots, AT).unwrap().with_complex(true).with_linear(LinearStyle::Diagonals)
}

fn keys(schedule: &Schedule) -> KeyNeeds {
    let mut needs = KeyNeeds::default();
    schedule.rotations().into_iter().for_each(|step| needs.rotate(step, AT));
    needs
}

/// `y = sum over the steps of diagonal * rotated x`, then the folds: the definition, with no schedule in it.
fn by_definition(map: &LinearMap, slots: usize, fold: bool, x: &[Vec<Complex64>]) -> Vec<Vec<Complex64>> {
    let geometry = map.geometry(slots).unwrap();
    let steps = map.steps(slots, fold).unwrap();
    let mut output = vec![vec![Complex64::ZERO; slots]; geometry.out_blocks];
    for (pair, steps) in steps.iter().enumerate() {
        let (out_block, in_block) = (pair / geometry.in_blocks, pair % geometry.in_blocks);
        for step in steps {
            let diagonal = map.diagonal(slots, out_block, in_block, *step).unwrap();
            let values = diagonal.complex();
            for (i, y) in output[out_block].iter_mut().enumerate() {
                *y += values[i % values.len()] * x[in_block][(i + step) % slots];
            }
        }
    }
    for block in &mut output {
        for step in if fold { geometry.fold_steps() } else { Vec::new() } {
            let sum = (0..slots).map(|i| block[i] + block[(i + step) % slots]).collect();
            *block = sum;
        }
    }
    output
}

fn far(a: &[Vec<Complex64>], b: &[Vec<Complex64>]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
}

/// Every way to compute `map` gives the same as [`LinearMap::apply`].
fn check(map: LinearMap, slots: usize, complex: bool, baby_count: usize, fold: bool, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let geometry = map.geometry(slots).unwrap();
    let fold = fold && geometry.can_fold();
    let inputs: Vec<_> = (0..3).map(|_| random_input(&map, slots, complex, &mut rng)).collect();
    let expected: Vec<_> = inputs.iter().flat_map(|x| map.apply(slots, x).unwrap()).collect();
    for x in &inputs {
        assert!(
            far(&by_definition(&map, slots, fold, x), &map.apply(slots, x).unwrap()) < 1e-9,
            "definition"
        );
    }
    for out_block in 0..geometry.out_blocks {
        let steps = map.steps(slots, fold).unwrap();
        let diagonals = map.diagonals(slots, out_block, fold).unwrap();
        let count: usize =
            steps[out_block * geometry.in_blocks..][..geometry.in_blocks].iter().map(BTreeSet::len).sum();
        assert_eq!(diagonals.len(), count);
        for ((in_block, step), diagonal) in diagonals {
            assert_eq!(diagonal, map.diagonal(slots, out_block, in_block, step).unwrap());
        }
    }
    let map = Arc::new(map);
    let alone = Schedule::diagonals(&map, slots, baby_count, fold).unwrap();
    for schedule in [in_chains(&map, slots, &alone), alone] {
        check_schedule(&map, &schedule, slots, fold, &inputs, &expected);
    }
}

/// The schedule with its sums in chains, where that takes fewer keys; as many rotations either way.
fn in_chains(map: &LinearMap, slots: usize, schedule: &Schedule) -> Schedule {
    let Schedule::Diagonals(alone) = schedule else { unreachable!("diagonals are asked for") };
    let profile = Profile { threads_within: true, ..Clear::profile(&params(slots)).unwrap() };
    let steps = map.steps(slots, !alone.fold.is_empty()).unwrap();
    let chained = alone.clone().in_chains(&steps, &map.geometry(slots).unwrap(), &profile).unwrap();
    let turned = |giants: &BTreeSet<usize>| giants.iter().filter(|step| **step != 0).count();
    assert!(!chained.chained() || turned(&chained.hops) < turned(&alone.giant));
    Schedule::Diagonals(chained)
}

/// `schedule` gives the same as `expected`, on values that are `inputs`.
fn check_schedule(
    map: &Arc<LinearMap>,
    schedule: &Schedule,
    slots: usize,
    fold: bool,
    inputs: &[Vec<Vec<Complex64>>],
    expected: &[Vec<Complex64>],
) {
    schedule.check(map, slots).unwrap();
    let params = params(slots);
    let (clear, minimal) = evaluators(params, keys(schedule));
    let blocks: Vec<ClearCiphertext> = inputs
        .iter()
        .flatten()
        .map(|x| ClearCiphertext::new(&params, &Diagonal::Complex(x.clone()), AT).unwrap())
        .collect();
    let blocks: Vec<&ClearCiphertext> = blocks.iter().collect();
    let prepared = clear.prepare(map, schedule, AT, Keep::Values).unwrap();
    let output = clear.linear(&blocks, &prepared).unwrap();
    assert!(distance(&output, expected) < 1e-9, "clear");
    assert!(output.iter().all(|y| y.level() == Level::new(2)));
    for keep in [Keep::Encoded, Keep::Values] {
        let prepared = minimal.prepare(map, schedule, AT, keep).unwrap();
        let output = minimal.linear(&blocks, &prepared).unwrap();
        assert!(distance(&output, expected) < 1e-9, "by baby and giant steps");
        assert!(output.iter().all(|y| y.level() == Level::new(2)));
    }
    let symbolic = Symbolic::new(Clear::profile(&params).unwrap());
    let input = symbolic.input(AT).unwrap();
    let prepared = symbolic.prepare(map, schedule, AT, Keep::Encoded).unwrap();
    let output = symbolic.linear(&vec![&input; blocks.len()], &prepared).unwrap();
    assert_eq!((output.len(), symbolic.level(&output[0])), (expected.len(), Level::new(2)));
    let record = symbolic.record();
    let diagonals: usize = map.steps(slots, fold).unwrap().iter().map(BTreeSet::len).sum();
    assert_eq!(record.needs, keys(schedule));
    assert_eq!(record.counts.linear_maps, 3);
    assert_eq!(record.counts.plain_products, 3 * diagonals as u64);
    assert_eq!(record.counts.encodes, diagonals as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_evaluation_agrees_with_the_matrix(
        log_rows in 0..=6_u32, log_columns in 0..=6_u32, log_slots in 0..=5_u32,
        density in 0.0..=1.0_f64, complex: bool, fold: bool, log_baby in 0..=5_u32, seed: u64,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let map = random_map(1 << log_rows, 1 << log_columns, density * density, complex, &mut rng);
        check(map, 1 << log_slots, complex, 1 << log_baby, fold, seed);
    }

    #[test]
    fn copies_agree_with_the_matrix(
        rows in 1..=9_usize, columns in 1..=9_usize, log_copies in 1..=4_u32, log_width in 0..=3_u32,
        density in 0.0..=1.0_f64, log_baby in 0..=4_u32, seed: u64,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let map = random_map(rows, columns, density, false, &mut rng).with_copies(1 << log_copies);
        check(map, 1 << (log_copies + log_width), false, 1 << log_baby, false, seed);
    }

    #[test]
    fn periods_that_are_no_powers_of_two(
        rows in prop::sample::select(vec![1_usize, 3, 6, 12, 24]), columns in prop::sample::select(vec![12_usize, 24]),
        density in 0.0..=1.0_f64, fold: bool, baby_count in 1..=12_usize, seed: u64,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let map = random_map(rows, columns, density, false, &mut rng);
        check(map, 12, false, baby_count, fold, seed);
    }
}

#[test]
fn geometry_of_one_value() {
    let map = |rows, columns| LinearMap::new(SparseMatrix::from_entries(rows, columns, []).unwrap());
    let g = map(4, 16).geometry(8).unwrap();
    assert_eq!((g.out_blocks, g.out_period, g.in_blocks, g.in_period), (1, 4, 2, 8));
    assert!(g.can_fold());
    assert_eq!(g.fold_steps(), [4]);
    let g = map(2, 8).geometry(8).unwrap();
    assert_eq!(g.fold_steps(), [2, 4]);
    assert!(!map(8, 8).geometry(8).unwrap().can_fold());
    assert!(map(8, 2).geometry(8).unwrap().fold_steps().is_empty());
    for (rows, columns) in [(3, 8), (8, 12), (0, 8), (8, 0)] {
        assert!(matches!(map(rows, columns).geometry(8), Err(Error::Shape { .. })), "{rows} x {columns}");
    }
}

#[test]
fn geometry_of_copies() {
    let map = LinearMap::new(SparseMatrix::from_entries(5, 3, []).unwrap()).with_copies(4);
    let g = map.geometry(8).unwrap();
    assert_eq!((g.out_blocks, g.out_period, g.in_blocks, g.in_period), (3, 2, 2, 2));
    assert!(!g.can_fold());
    assert!(map.with_copies(3).geometry(8).is_err());
}

#[test]
fn a_constant_diagonal_stays_a_constant() {
    let scaled_identity = (0..8).map(|i| (i, i, Complex64::from(2.5)));
    let map = LinearMap::new(SparseMatrix::from_entries(8, 8, scaled_identity).unwrap());
    assert_eq!(map.steps(8, false).unwrap(), [BTreeSet::from([0])]);
    assert_eq!(map.diagonal(8, 0, 0, 0).unwrap(), Diagonal::Constant(2.5));
    assert_eq!(map.entries(), 8);
}

#[test]
fn folding_leaves_fewer_diagonals() {
    let map = LinearMap::new(SparseMatrix::from_dense(8, &[1.0; 16]).unwrap());
    assert_eq!(map.steps(8, true).unwrap()[0].len(), 2);
    assert_eq!(map.steps(8, false).unwrap()[0].len(), 8);
}

#[test]
fn an_empty_output_block_is_a_real_zero() {
    let entries = (0..8).map(|i| (i, i, Complex64::ONE));
    let map = Arc::new(LinearMap::new(SparseMatrix::from_entries(16, 8, entries).unwrap()));
    let schedule = Schedule::diagonals(&map, 8, 2, false).unwrap();
    let params = params(8);
    let (_, minimal) = evaluators(params, keys(&schedule));
    let x = ClearCiphertext::new(&params, &Diagonal::Constant(3.0), AT).unwrap();
    let prepared = minimal.prepare(&map, &schedule, AT, Keep::Encoded).unwrap();
    assert_eq!(prepared.diagonals(), 1);
    let y = minimal.linear(&[&x], &prepared).unwrap();
    assert!(y[0].slots().iter().all(|slot| *slot == Complex64::from(3.0)));
    assert!(y[1].slots().iter().all(|slot| *slot == Complex64::ZERO));
    assert_eq!(y[1].level(), Level::new(2));
}

#[test]
fn an_input_that_does_not_repeat_is_refused() {
    let map = Arc::new(LinearMap::new(SparseMatrix::from_dense(4, &[1.0; 16]).unwrap()));
    let params = params(8);
    let (clear, _) = evaluators(params, KeyNeeds::default());
    let prepared = clear.prepare(&map, &Schedule::Matrix, AT, Keep::Values).unwrap();
    let mut values = vec![1.0; 8];
    values[6] = 1.001;
    let x = ClearCiphertext::new(&params, &Diagonal::Real(values), AT).unwrap();
    let error = clear.linear(&[&x], &prepared).unwrap_err();
    assert!(matches!(error, Error::Value { position: 6, .. }), "{error}");
}

#[test]
fn keys_of_the_schedule_are_checked_when_a_map_is_prepared() {
    let map = Arc::new(LinearMap::new(SparseMatrix::from_dense(8, &[1.0; 64]).unwrap()));
    let schedule = Schedule::diagonals(&map, 8, 4, false).unwrap();
    let mut needs = keys(&schedule);
    let (clear, _) = evaluators(params(8), needs.clone());
    clear.prepare(&map, &schedule, AT, Keep::Values).unwrap();
    needs.rotations.insert(4, Level::new(2));
    let (clear, _) = evaluators(params(8), needs);
    let error = clear.prepare(&map, &schedule, AT, Keep::Values).unwrap_err();
    assert!(matches!(error, Error::MissingRotation { step, level } if step.0 == 4 && level == AT), "{error}");
    clear.prepare(&map, &schedule, Level::new(2), Keep::Values).unwrap();
}

#[test]
fn a_schedule_that_does_not_cover_the_map_is_refused() {
    let map = Arc::new(LinearMap::new(SparseMatrix::from_dense(8, &[1.0; 64]).unwrap()));
    let narrow = BabyGiant { baby: [0, 1].into(), giant: [0, 2, 4].into(), ..BabyGiant::default() };
    // Giant steps 0, 2, 4, 6 cover the map; a chain of them takes hops of 2.
    let torn = BabyGiant { giant: [0, 2, 4, 6].into(), hops: [4].into(), ..narrow.clone() };
    let folded = BabyGiant { fold: vec![4], ..narrow.clone() };
    let params = params(8);
    let (_, minimal) = evaluators(params, KeyNeeds::default());
    for schedule in [narrow, folded, torn].map(Schedule::Diagonals) {
        let symbolic = Symbolic::new(Clear::profile(&params).unwrap());
        let clear = he_traits::ClearEvaluator::new(params, ClearKeys::all(&params)).unwrap();
        assert!(matches!(schedule.check(&map, 8), Err(Error::Schedule { .. })));
        assert!(matches!(clear.prepare(&map, &schedule, AT, Keep::Values), Err(Error::Schedule { .. })));
        assert!(matches!(minimal.prepare(&map, &schedule, AT, Keep::Values), Err(Error::Schedule { .. })));
        assert!(matches!(symbolic.prepare(&map, &schedule, AT, Keep::Values), Err(Error::Schedule { .. })));
    }
}

#[test]
fn a_chosen_schedule_serves_the_map_and_is_no_dearer_than_others() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut profile = Clear::profile(&params(64)).unwrap();
    for (rows, columns) in [(64, 64), (8, 64), (64, 8), (128, 64), (2, 128)] {
        let map = Arc::new(random_map(rows, columns, 0.3, false, &mut rng));
        profile.costs.rotate = he_traits::Cost::flat(100.0);
        profile.costs.rotate_hoisted = he_traits::Cost::flat(30.0);
        let chosen = Schedule::choose(&map, &profile, AT).unwrap();
        chosen.check(&map, 64).unwrap();
        let seconds = |schedule: &Schedule| {
            let symbolic = Symbolic::new(profile.clone());
            let prepared = symbolic.prepare(&map, schedule, AT, Keep::Encoded).unwrap();
            let x = symbolic.input(AT).unwrap();
            let blocks = map.geometry(64).unwrap().in_blocks;
            symbolic.linear(&vec![&x; blocks], &prepared).unwrap();
            symbolic.record().seconds
        };
        let best = seconds(&chosen);
        for log in 0..=6 {
            let other = Schedule::diagonals(&map, 64, 1 << log, false).unwrap();
            assert!(best <= seconds(&other) * 1.1, "{rows} x {columns}: {best} and {}", seconds(&other));
        }
    }
    profile.linear = LinearStyle::Matrix;
    let map = random_map(64, 64, 0.3, false, &mut rng);
    assert_eq!(Schedule::choose(&map, &profile, AT).unwrap(), Schedule::Matrix);
}

#[test]
fn wrong_numbers_of_blocks_and_wrong_levels_are_refused() {
    let map = Arc::new(LinearMap::new(SparseMatrix::from_dense(16, &[1.0; 128]).unwrap()));
    let schedule = Schedule::diagonals(&map, 8, 4, false).unwrap();
    let params = params(8);
    let (clear, minimal) = evaluators(params, keys(&schedule));
    let x = ClearCiphertext::new(&params, &Diagonal::Constant(1.0), AT).unwrap();
    let low = ClearCiphertext::new(&params, &Diagonal::Constant(1.0), Level::new(1)).unwrap();
    let of_clear = clear.prepare(&map, &schedule, AT, Keep::Values).unwrap();
    let of_minimal = minimal.prepare(&map, &schedule, AT, Keep::Values).unwrap();
    for blocks in [vec![], vec![&x], vec![&x; 3]] {
        assert!(matches!(clear.linear(&blocks, &of_clear), Err(Error::Shape { .. })));
        assert!(matches!(minimal.linear(&blocks, &of_minimal), Err(Error::Shape { .. })));
    }
    assert!(matches!(clear.linear(&[&x, &low], &of_clear), Err(Error::LevelMismatch { .. })));
    assert!(matches!(minimal.linear(&[&x, &low], &of_minimal), Err(Error::LevelMismatch { .. })));
    let error = clear.prepare(&map, &Schedule::Matrix, Level::ZERO, Keep::Values).unwrap_err();
    assert!(matches!(error, Error::LevelExhausted { needs: 1, .. }), "{error}");
}

#[test]
fn sparse_matrices_refuse_what_lies_outside() {
    let entry =
        |row, column, value| SparseMatrix::from_entries(2, 3, [(row, column, Complex64::from(value))]);
    assert!(matches!(entry(2, 0, 1.0), Err(Error::Shape { .. })));
    assert!(matches!(entry(0, 3, 1.0), Err(Error::Shape { .. })));
    assert!(matches!(entry(0, 0, f64::NAN), Err(Error::Value { .. })));
    assert!(matches!(SparseMatrix::from_dense(3, &[1.0; 4]), Err(Error::Shape { .. })));
    let twice = [(0, 1, Complex64::ONE), (0, 1, Complex64::ONE)];
    let map = LinearMap::new(SparseMatrix::from_entries(1, 2, twice).unwrap());
    assert_eq!(map.generator().entry(0, 1), Complex64::from(2.0));
}
