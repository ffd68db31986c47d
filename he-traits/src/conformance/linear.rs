//! Linear maps, held against the map's own meaning.

use std::sync::{Arc, Mutex, PoisonError};

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::bench::{Bench, below};
use super::maps::{self, MapCase};
use super::violation::{Outcome, Refusal};
use crate::{
    BabyGiant, ClientScheme, Complex64, Diagonal, EncryptedMap, Encryptor, Evaluator, Function, Keep, Level,
    LinearMap, LinearStyle, Schedule, SparseMatrix,
};

/// Values per call: several, because backends share work between them.
const VALUES: usize = 2;

/// Values of a layer: more than a backend's vectors are wide, and not a multiple of their width.
const LAYER_VALUES: usize = 11;

/// All maps of the suite, from the top and from level 1, with diagonals kept encoded or not; then what must be refused.
pub(super) fn run<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("linear");
    let cases = maps::cases(&bench.profile);
    let cases = bench.pass(|| "schedules of the suite's maps".to_owned(), bench.profile.top, cases)?;
    for at in ends(bench) {
        for case in &cases {
            apply(bench, case, at)?;
        }
        refusals(bench, at)?;
    }
    no_level_left(bench, &cases)
}

/// Maps whose diagonals are encrypted, from the top and from level 1.
pub(super) fn encrypted<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("encrypted map");
    let cases = maps::cases(&bench.profile);
    let cases = bench.pass(|| "schedules of the suite's maps".to_owned(), bench.profile.top, cases)?;
    for at in ends(bench) {
        for case in cases.iter().filter(|case| can_be_encrypted(case)).take(2) {
            apply_encrypted(bench, case, at)?;
        }
    }
    Ok(())
}

/// Diagonals are whatever numbers they are; a sparse product takes real entries, and one copy of the matrix.
fn can_be_encrypted(case: &MapCase) -> bool {
    let mut real = true;
    for row in 0..case.map.shape().0 {
        case.map.generator().row(row, &mut |_, entry| real &= entry.im == 0.0);
    }
    matches!(case.schedule, Schedule::Diagonals(_)) || (real && case.map.copies() == 1)
}

fn apply_encrypted<S: ClientScheme>(bench: &mut Bench<S>, case: &MapCase, at: Level) -> Outcome {
    let slots = bench.slots();
    let Some(to) = below(at, 1) else { return Ok(()) };
    let name = || format!("encrypted map \"{}\"", case.name);
    let value = value(bench, &case.map)?;
    let expected = bench.pass(name, at, case.map.apply(slots, &value))?;
    let inputs: Vec<_> =
        value.iter().map(|block| bench.encrypt(&diagonal(block), at)).collect::<Outcome<_>>()?;
    let rng = Mutex::new(ChaCha20Rng::seed_from_u64(bench.options.seed));
    let encryptor = &bench.owner.encryptor;
    let map = EncryptedMap::encrypt(&case.map, &case.schedule, slots, at, |values| {
        let mut rng = rng.lock().unwrap_or_else(PoisonError::into_inner);
        encryptor.encrypt(values, at, &mut *rng)
    });
    let map: EncryptedMap<S::Evaluator> = bench.pass(name, at, map)?;
    let results = map.linear(bench.e(), &inputs.iter().collect::<Vec<_>>());
    // A scheme of sparse products may lack this one.
    if let (Schedule::Matrix, Err(crate::Error::Unsupported { .. })) = (&case.schedule, &results) {
        return Ok(());
    }
    let results = bench.pass(name, at, results)?;
    bench.number(name, "output blocks", expected.len(), results.len())?;
    for (result, expected) in results.into_iter().zip(&expected) {
        // Both operands carry an encryption's error, so twice as much is in every product.
        expect_block(bench, name, result, expected, to, 2.0 * case.weight)?;
    }
    Ok(())
}

/// Whole layers, from the top and from level 1.
pub(super) fn layers<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("layer");
    let cases = maps::cases(&bench.profile);
    let cases = bench.pass(|| "schedules of the suite's maps".to_owned(), bench.profile.top, cases)?;
    for at in ends(bench) {
        for case in cases.iter().take(2) {
            layer(bench, case, at)?;
        }
    }
    Ok(())
}

/// The highest and the lowest level from which a map can be applied.
fn ends<S: ClientScheme>(bench: &Bench<S>) -> Vec<Level> {
    let levels: Vec<Level> = bench.levels().into_iter().filter(|at| below(*at, 1).is_some()).collect();
    if levels.len() > 2 { levels.first().into_iter().chain(levels.last()).copied().collect() } else { levels }
}

/// The blocks of one random value: real, or complex where the slots are.
fn value<S: ClientScheme>(bench: &mut Bench<S>, map: &LinearMap) -> Outcome<Vec<Vec<Complex64>>> {
    let slots = bench.slots();
    let geometry = map.geometry(slots);
    let g = bench.pass(|| "geometry".to_owned(), bench.profile.top, geometry)?;
    let period = if g.copies == 1 { g.in_period } else { slots };
    let complex = bench.profile.complex;
    Ok((0..g.in_blocks)
        .map(|_| {
            let re = bench.uniform(period, -1.0, 1.0);
            let im = if complex { bench.uniform(period, -1.0, 1.0) } else { vec![0.0; period] };
            let one: Vec<_> = re.into_iter().zip(im).map(|(re, im)| Complex64::new(re, im)).collect();
            one.into_iter().cycle().take(slots).collect()
        })
        .collect())
}

pub(super) fn diagonal(slots: &[Complex64]) -> Diagonal {
    match slots.iter().all(|v| v.im == 0.0) {
        true => Diagonal::Real(slots.iter().map(|v| v.re).collect()),
        false => Diagonal::Complex(slots.to_vec()),
    }
}

fn apply<S: ClientScheme>(bench: &mut Bench<S>, case: &MapCase, at: Level) -> Outcome {
    let slots = bench.slots();
    let name = || format!("map \"{}\"", case.name);
    let (mut inputs, mut expected) = (Vec::new(), Vec::new());
    for _ in 0..VALUES {
        let value = value(bench, &case.map)?;
        expected.extend(bench.pass(name, at, case.map.apply(slots, &value))?);
        for block in value {
            inputs.push(bench.encrypt(&diagonal(&block), at)?);
        }
    }
    let operands: Vec<_> = inputs.iter().collect();
    let Some(to) = below(at, 1) else { return Ok(()) };
    for keep in [Keep::Encoded, Keep::Values] {
        let name = || format!("map \"{}\", {keep:?}", case.name);
        let prepared = bench.e().prepare(&case.map, &case.schedule, at, keep);
        let prepared = bench.pass(name, at, prepared)?;
        let results = bench.e().linear(&operands, &prepared);
        let results = bench.pass(name, at, results)?;
        bench.number(name, "output blocks", expected.len(), results.len())?;
        for (block, (result, expected)) in results.into_iter().zip(&expected).enumerate() {
            let name = || format!("{}, output block {block}", name());
            expect_block(bench, name, result, expected, to, case.weight)?;
        }
    }
    Ok(())
}

/// A block that must hold `expected`: its real parts, where slots are real.
fn expect_block<S: ClientScheme>(
    bench: &mut Bench<S>,
    name: impl Fn() -> String,
    result: S::Ciphertext,
    expected: &[Complex64],
    to: Level,
    weight: f64,
) -> Outcome {
    if bench.profile.complex {
        return bench.expect_complex(name, Ok(result), expected, to, weight).map(drop);
    }
    let expected: Vec<f64> = expected.iter().map(|v| v.re).collect();
    bench.expect(name, Ok(result), &expected, to, weight).map(drop)
}

/// A layer against its parts: the map, a bias that differs from block to block, and a function where the scheme has them.
fn layer<S: ClientScheme>(bench: &mut Bench<S>, case: &MapCase, at: Level) -> Outcome {
    let slots = bench.slots();
    let Some(to) = below(at, 1) else { return Ok(()) };
    // Values of complex maps have imaginary parts, and functions are real.
    let function = bench.e().exact().filter(|_| !bench.profile.complex).map(|_| Function::Sigmoid);
    let out_blocks = bench.pass(|| "geometry".to_owned(), at, case.map.geometry(slots))?.out_blocks;
    let biases: Vec<Vec<f64>> = (0..out_blocks).map(|_| bench.unit()).collect();
    let (mut inputs, mut expected) = (Vec::new(), Vec::new());
    for _ in 0..LAYER_VALUES {
        let value = value(bench, &case.map)?;
        let name = || format!("layer of map \"{}\"", case.name);
        for (block, bias) in bench.pass(name, at, case.map.apply(slots, &value))?.iter().zip(&biases) {
            let sums = block.iter().zip(bias).map(|(x, bias)| x + bias);
            let of = |x: Complex64| function.map_or(x, |function| Complex64::from(function.at(x.re)));
            expected.push(sums.map(of).collect::<Vec<_>>());
        }
        for block in value {
            inputs.push(bench.encrypt(&diagonal(&block), at)?);
        }
    }
    let name = || format!("layer of map \"{}\"", case.name);
    let operands: Vec<_> = inputs.iter().collect();
    let prepared = bench.e().prepare(&case.map, &case.schedule, at, Keep::Encoded);
    let prepared = bench.pass(name, at, prepared)?;
    let addends = biases.into_iter().map(|bias| bench.e().encode_addend(&Diagonal::Real(bias), to)).collect();
    let addends: Vec<_> = bench.pass(name, at, addends)?;
    let results = bench.e().layer(&operands, &prepared, Some(&addends), function);
    let results = bench.pass(name, at, results)?;
    bench.number(name, "output blocks", expected.len(), results.len())?;
    for (block, (result, expected)) in results.into_iter().zip(&expected).enumerate() {
        let name = || format!("{}, output block {block}", name());
        expect_block(bench, name, result, expected, to, case.weight + 1.0)?;
    }
    Ok(())
}

fn refusals<S: ClientScheme>(bench: &mut Bench<S>, at: Level) -> Outcome {
    let slots = bench.slots();
    let one = Complex64::ONE;
    let entries = (0..slots).flat_map(|row| [(row, row, one), (row, slots + row, one)]);
    let map = SparseMatrix::from_entries(slots, 2 * slots, entries);
    let map = Arc::new(LinearMap::new(bench.pass(|| "a map of two blocks".to_owned(), at, map)?));
    let diagonals = bench.profile.linear == LinearStyle::Diagonals;
    let schedule = match diagonals {
        false => Schedule::Matrix,
        true => {
            Schedule::Diagonals(BabyGiant { baby: [0].into(), giant: [0].into(), ..BabyGiant::default() })
        }
    };
    bench.law("shape");
    let prepared = bench.e().prepare(&map, &schedule, at, Keep::Encoded);
    let prepared = bench.pass(|| "a map of two blocks".to_owned(), at, prepared)?;
    let input = bench.random(at)?;
    let x = &input.ciphertext;
    let odd = bench.e().linear(&[x, x, x], &prepared);
    bench.refuse("linear of three blocks by a map that takes two", at, odd, Refusal::Shape)?;
    if let Some(lower) = below(at, 1).filter(|lower| *lower != at) {
        bench.law("level mismatch");
        let low = bench.random(lower)?;
        let mixed = bench.e().linear(&[x, &low.ciphertext], &prepared);
        bench.refuse("linear with a block below the prepared level", at, mixed, Refusal::LevelMismatch)?;
    }
    bench.law("shape");
    let misfit = SparseMatrix::from_entries(slots + 1, slots, [(0, 0, one)]);
    let misfit = Arc::new(LinearMap::new(bench.pass(|| "a map that does not fit".to_owned(), at, misfit)?));
    let prepared = bench.e().prepare(&misfit, &schedule, at, Keep::Encoded).map(drop);
    if slots > 1 {
        bench.refuse("prepare of a map with one row more than slots", at, prepared, Refusal::Shape)?;
    }
    if diagonals && slots > 1 {
        bench.law("schedule");
        let turn =
            SparseMatrix::from_entries(slots, slots, (0..slots).map(|row| (row, (row + 1) % slots, one)));
        let turn = Arc::new(LinearMap::new(bench.pass(|| "a turning map".to_owned(), at, turn)?));
        let prepared = bench.e().prepare(&turn, &schedule, at, Keep::Encoded).map(drop);
        bench.refuse("prepare with a schedule that lacks the map's step", at, prepared, Refusal::Schedule)?;
    }
    Ok(())
}

fn no_level_left<S: ClientScheme>(bench: &mut Bench<S>, cases: &[MapCase]) -> Outcome {
    if bench.profile.top.is_unbounded() {
        return Ok(());
    }
    bench.law("level exhausted");
    for case in cases.iter().take(1) {
        let prepared = bench.e().prepare(&case.map, &case.schedule, Level::ZERO, Keep::Values).map(drop);
        bench.refuse("prepare of a map at level 0", Level::ZERO, prepared, Refusal::LevelExhausted)?;
    }
    Ok(())
}
