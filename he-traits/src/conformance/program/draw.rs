//! Drawing a random program that every conforming backend can run: levels last, values stay within the bound.

use rand::RngExt;
use rand_chacha::ChaCha20Rng;

use super::{Operation, Program};
use crate::conformance::bench::{Bench, below};
use crate::conformance::maps::MapCase;
use crate::conformance::rotation;
use crate::{Basis, ClientScheme, Diagonal, Level, Polynomial, Step};

/// What is known of a value before the program runs.
#[derive(Clone, Copy)]
struct Known {
    level: Level,
    /// Largest absolute value possible.
    size: f64,
    /// Error possible, in errors of one operation on values near 1.
    error: f64,
}

/// What the operations of a program draw from.
struct Palette<'a> {
    steps: Vec<Step>,
    /// Length of the plaintexts that repeat.
    period: usize,
    /// Maps from all slots to all slots.
    maps: Vec<&'a MapCase>,
}

pub(super) fn program<S: ClientScheme>(bench: &mut Bench<S>, maps: &[MapCase]) -> Program {
    let top = bench.profile.top;
    let lower = top.get().map_or(top, |top| Level::new(top.saturating_sub(1)));
    let inputs: Vec<_> = [top, top, lower].into_iter().map(|at| (bench.unit(), at)).collect();
    let mut known: Vec<Known> =
        inputs.iter().map(|(_, level)| Known { level: *level, size: 1.0, error: 1.0 }).collect();
    let steps = rotation::steps(bench.slots());
    let slots = bench.slots();
    let whole = |case: &&MapCase| case.map.shape() == (slots, slots) && case.map.copies() == 1;
    let palette = Palette {
        steps: steps.get(1..4).unwrap_or(&steps).to_vec(),
        period: bench.divisor(4),
        maps: maps.iter().filter(whole).collect(),
    };
    let mut operations = Vec::new();
    let mut attempts = 0;
    while operations.len() < bench.options.program_length && attempts < 100 * bench.options.program_length {
        attempts += 1;
        let Some((operation, result)) = candidate(&mut bench.rng, &known, &palette) else { continue };
        if result.size <= bench.options.bound.min(8.0) && result.error <= 1e4 {
            operations.push(operation);
            known.push(result);
        }
    }
    let kept = (0..operations.len()).collect();
    Program { inputs, operations, kept, errors: known.iter().map(|k| k.error).collect() }
}

fn candidate(rng: &mut ChaCha20Rng, known: &[Known], palette: &Palette) -> Option<(Operation, Known)> {
    let pick = |rng: &mut ChaCha20Rng| {
        let at = rng.random_range(0..known.len());
        known.get(at).map(|known| (at, *known))
    };
    let (a, x) = pick(rng)?;
    let (b, y) = pick(rng)?;
    let same = x.level == y.level;
    let plain = |rng: &mut ChaCha20Rng| {
        let count = if rng.random_bool(0.5) { 1 } else { palette.period };
        Diagonal::Real((0..count).map(|_| rng.random_range(-1.0..=1.0)).collect())
    };
    let product = |x: Known, y: Known| {
        let level = below(x.level, 1)?;
        Some(Known { level, size: x.size * y.size, error: 1.0 + x.size * y.error + y.size * x.error })
    };
    let sum = Known { level: x.level, size: x.size + y.size, error: x.error + y.error };
    Some(match rng.random_range(0..13) {
        0 if same => (Operation::Add(a, b), sum),
        1 if same => (Operation::Sub(a, b), sum),
        2 => (Operation::Neg(a), x),
        3 if same => (Operation::Mul(a, b), product(x, y)?),
        4 => {
            let constant = rng.random_range(-1.0..=1.0);
            (Operation::AddScalar(a, constant), Known { size: x.size + 1.0, error: x.error + 1.0, ..x })
        }
        5 => (Operation::AddPlain(a, plain(rng)), Known { size: x.size + 1.0, error: x.error + 1.0, ..x }),
        6 => (Operation::MulPlain(a, plain(rng)), product(x, Known { size: 1.0, error: 1.0, ..x })?),
        7 => {
            let step = *palette.steps.get(rng.random_range(0..palette.steps.len()))?;
            (Operation::Rotate(a, step), Known { error: x.error + 1.0, ..x })
        }
        8 => {
            let level = below(x.level, 1)?;
            (Operation::DropTo(a, level), Known { level, error: x.error + 1.0, ..x })
        }
        9 => {
            let level = below(x.level.min(y.level), 1)?;
            let (c, d) = (rng.random_range(-1.0..=1.0), rng.random_range(-1.0..=1.0));
            let known = Known { level, size: x.size + y.size + 0.5, error: 3.0 + x.error + y.error };
            (Operation::Combine(vec![(c, a), (d, b)], 0.5, level), known)
        }
        10 if same => {
            let (first, second) = (product(x, y)?, product(x, x)?);
            let (size, error) = (first.size + second.size, first.error + second.error);
            (Operation::MulSum(vec![(a, b), (a, a)]), Known { size, error, ..first })
        }
        11 => {
            let case = (*palette.maps.get(rng.random_range(0..palette.maps.len().max(1)))?).clone();
            let (size, error) = (case.growth * x.size, case.growth * x.error + case.weight * x.size.max(1.0));
            (Operation::Linear(a, case), Known { level: below(x.level, 1)?, size, error })
        }
        12 if x.size <= 1.0 => polynomial(rng, a, x)?,
        _ => return None,
    })
}

/// A polynomial whose values stay within [-1, 1] there; its slope is at most the square of its degree (Markov).
fn polynomial(rng: &mut ChaCha20Rng, a: usize, x: Known) -> Option<(Operation, Known)> {
    let degree: u32 = rng.random_range(1..=5);
    let basis = if rng.random_bool(0.5) { Basis::Chebyshev } else { Basis::Monomial };
    let bound = 1.0 / f64::from(degree + 1);
    let coefficients = (0..=degree).map(|_| rng.random_range(-bound..=bound)).collect();
    let polynomial = Polynomial::new(basis, coefficients).ok()?;
    let level = below(x.level, polynomial.depth())?;
    let error = f64::from(degree + 2).powi(2) * (1.0 + x.error);
    Some((Operation::Polynomial(a, polynomial), Known { level, size: 1.0, error }))
}
