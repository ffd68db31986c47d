//! Linear maps on encrypted slots, held against the same map in the clear.

use std::sync::Arc;

use crate::common::{Party, needs, uniform, uniform_complex};
use backend_seal::{Ciphertext, Params};
use he_traits::{
    Complex64, Error, Evaluator as _, Keep, KeyNeeds, Level, LinearMap, Result, Schedule, SparseMatrix,
};

/// The worst slot of `linear` on `values` values, under the given schedule.
fn worst(
    p: &Party,
    map: &Arc<LinearMap>,
    schedule: &Schedule,
    at: u32,
    keep: Keep,
    values: usize,
) -> Result<f64> {
    let slots = p.slots();
    let geometry = map.geometry(slots)?;
    let prepared = p.server.prepare(map, schedule, Level::new(at), keep)?;
    let clear: Vec<Vec<Complex64>> = (0..values * geometry.in_blocks)
        .map(|block| {
            let period = if geometry.copies == 1 { geometry.in_period } else { slots };
            let one = uniform_complex(period, block as u64);
            one.iter().copied().cycle().take(slots).collect()
        })
        .collect();
    let encrypted: Vec<Ciphertext> =
        clear.iter().map(|block| p.encrypt_complex(block, at)).collect::<Result<_>>()?;
    let inputs: Vec<&Ciphertext> = encrypted.iter().collect();
    let outputs = p.server.linear(&inputs, &prepared)?;
    assert_eq!(outputs.len(), values * geometry.out_blocks);
    let mut worst = 0.0_f64;
    for (input, output) in clear.chunks(geometry.in_blocks).zip(outputs.chunks(geometry.out_blocks)) {
        for (expected, got) in map.apply(slots, input)?.iter().zip(output) {
            assert_eq!(got.level(), Level::new(at - 1));
            worst = worst.max(p.complex_error(got, |i| expected[i])?);
        }
    }
    Ok(worst)
}

fn matrix(rows: usize, columns: usize, density: f64, seed: u64) -> Result<LinearMap> {
    let entries = uniform(rows * columns, seed);
    let kept = uniform(rows * columns, seed + 1000);
    let entries = entries.iter().zip(kept).map(|(v, k)| if k.abs() < density { *v } else { 0.0 });
    Ok(LinearMap::new(SparseMatrix::from_dense(columns, &entries.collect::<Vec<_>>())?))
}

fn party_for(params: Params, schedules: &[Schedule]) -> Result<Party> {
    let steps: Vec<usize> = schedules.iter().flat_map(Schedule::rotations).collect();
    let needs = needs(&params, steps);
    Party::new(params, &needs)
}

#[test]
fn maps_of_every_shape_agree_with_the_matrix() -> Result<()> {
    let params = Params::insecure_for_tests(128, 2, 40)?;
    let slots = params.slots();
    let maps = [
        matrix(16, 16, 1.0, 1)?,
        matrix(8, 64, 1.0, 2)?,
        matrix(64, 8, 0.3, 3)?,
        matrix(1, slots, 1.0, 4)?,
        matrix(slots, slots, 0.05, 5)?,
        matrix(2 * slots, slots, 0.02, 6)?,
        matrix(slots, 3 * slots, 0.02, 7)?,
        matrix(4, 2 * slots, 0.5, 8)?,
        matrix(5, 7, 1.0, 9)?.with_copies(8),
        matrix(3, 4, 1.0, 10)?.with_copies(slots),
    ];
    let p = Party::new(params.clone(), &needs(&params, 1..slots))?;
    for (number, map) in maps.into_iter().enumerate() {
        let map = Arc::new(map);
        for (baby, fold) in [(1, false), (4, true), (8, false), (1024, true)] {
            let schedule = Schedule::diagonals(&map, slots, baby, fold)?;
            for (at, keep, values) in [(2, Keep::Encoded, 2), (1, Keep::Values, 1)] {
                let error = worst(&p, &map, &schedule, at, keep, values)?;
                assert!(error < 1e-5, "map {number}, {baby} baby steps, fold {fold}: {error:e}");
            }
        }
    }
    Ok(())
}

#[test]
fn complex_entries_and_empty_rows() -> Result<()> {
    let params = Params::insecure_for_tests(256, 1, 40)?;
    let slots = params.slots();
    let entries = [(0, 1, Complex64::new(0.5, -0.25)), (3, 0, Complex64::I), (2, 2, Complex64::ONE)];
    let complex = Arc::new(LinearMap::new(SparseMatrix::from_entries(4, 4, entries)?));
    // The second output block of this one has no entry at all.
    let sparse = (0..slots).map(|i| (i, (i * 3) % slots, Complex64::new(1.0, 0.0)));
    let half = Arc::new(LinearMap::new(SparseMatrix::from_entries(2 * slots, slots, sparse)?));
    for map in [complex, half] {
        let schedule = Schedule::diagonals(&map, slots, 4, false)?;
        let p = party_for(params.clone(), std::slice::from_ref(&schedule))?;
        assert!(worst(&p, &map, &schedule, 1, Keep::Encoded, 1)? < 1e-6);
    }
    Ok(())
}

#[test]
fn the_chosen_schedule_works_under_a_cap_on_key_memory() -> Result<()> {
    let params = Params::new(8192, 2, 40)?;
    let map = Arc::new(matrix(256, 256, 1.0, 11)?);
    let profile = <backend_seal::Seal as he_traits::Scheme>::profile(&params)?;
    let schedule = Schedule::choose(&map, &profile, Level::new(2))?;
    let keys = schedule.rotations().len() as u64;
    assert!(keys > 20);
    // Room for the base set, relinearisation, conjugation and a few more.
    let capped = params.clone().with_key_memory(18 * params.switching_key_bytes());
    let p = party_for(capped, std::slice::from_ref(&schedule))?;
    assert!(worst(&p, &map, &schedule, 2, Keep::Encoded, 1)? < 1e-5);
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    let params = Params::insecure_for_tests(256, 1, 40)?;
    let slots = params.slots();
    let map = Arc::new(matrix(8, 8, 1.0, 12)?);
    let schedule = Schedule::diagonals(&map, slots, 2, false)?;
    let p = party_for(params.clone(), std::slice::from_ref(&schedule))?;
    let at = Level::new(1);
    let by_matrix = p.server.prepare(&map, &Schedule::Matrix, at, Keep::Encoded);
    assert!(matches!(by_matrix, Err(Error::Schedule { .. })));
    let at_zero = p.server.prepare(&map, &schedule, Level::ZERO, Keep::Encoded);
    assert!(matches!(at_zero, Err(Error::LevelExhausted { .. })));
    let keyless = Party::new(params, &KeyNeeds::default())?;
    let missing = keyless.server.prepare(&map, &schedule, at, Keep::Encoded);
    assert!(matches!(missing, Err(Error::MissingRotation { .. })));
    let prepared = p.server.prepare(&map, &schedule, at, Keep::Encoded)?;
    let low = p.encrypt(&[1.0; 8], 0)?;
    assert!(matches!(p.server.linear(&[&low], &prepared), Err(Error::LevelMismatch { .. })));
    assert!(matches!(p.server.linear(&[], &prepared), Err(Error::Shape { .. })));
    Ok(())
}
