//! Dropping levels, and linear combinations that land on a level.

use super::bench::{Bench, Input, below};
use super::violation::Outcome;
use crate::{ClientScheme, Evaluator, Level};

/// `drop_to` and `combine` between all levels to be tested.
pub(super) fn run<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    let levels = bench.levels();
    for from in &levels {
        bench.law("drop_to");
        let input = bench.random(*from)?;
        let steps = levels.iter().filter(|to| *to <= from);
        for to in steps {
            let dropped = bench.e().drop_to(&input.ciphertext, *to);
            let case = || format!("drop_to from level {from} to {to}");
            let dropped = bench.expect(case, dropped, &input.values, *to, 2.0)?;
            // Whatever was dropped must still meet a ciphertext that was encrypted there.
            let other = bench.random(*to)?;
            let sum = bench.e().add(&dropped, &other.ciphertext);
            let expected = super::bench::zip(&input.values, &other.values, |a, b| a + b);
            bench.expect(
                || format!("add after drop_to from level {from} to {to}"),
                sum,
                &expected,
                *to,
                4.0,
            )?;
        }
    }
    combinations(bench, &levels)
}

fn combinations<S: ClientScheme>(bench: &mut Bench<S>, levels: &[Level]) -> Outcome {
    bench.law("combine");
    let inputs = levels.iter().map(|at| bench.random(*at)).collect::<Outcome<Vec<_>>>()?;
    for (index, to) in levels.iter().enumerate() {
        let at_target = inputs.get(index).into_iter();
        let strictly_above: Vec<_> = inputs.iter().take(index).collect();
        let free = to.is_unbounded();
        let above: Vec<_> = if free { inputs.iter().collect() } else { strictly_above };
        check(bench, &at_target.clone().map(|x| (-3.0, x)).collect::<Vec<_>>(), 0.25, *to)?;
        check(bench, &at_target.clone().map(|x| (1.0, x)).collect::<Vec<_>>(), 0.0, *to)?;
        check(bench, &at_target.clone().map(|x| (0.0, x)).collect::<Vec<_>>(), -1.5, *to)?;
        if above.is_empty() {
            continue;
        }
        let fractions = [0.3, -0.7, 1.0, -2.0, 0.0, 0.125];
        let of = |coefficients: &[f64]| -> Vec<_> {
            coefficients.iter().copied().cycle().zip(above.iter().copied()).collect()
        };
        check(bench, &of(&fractions), 0.5, *to)?;
        check(bench, &of(&[-1.0, 2.0, 5.0]), 0.0, *to)?;
        check(bench, &of(&[0.0]), 0.75, *to)?;
        check(bench, &of(&[0.7, -0.1]), -0.125, *to)?;
        let mut mixed = of(&[0.45, 1.0]);
        mixed.extend(at_target.map(|x| (2.0, x)));
        check(bench, &mixed, 1.0, *to)?;
    }
    Ok(())
}

fn check<S: ClientScheme>(
    bench: &mut Bench<S>,
    terms: &[(f64, &Input<S::Ciphertext>)],
    constant: f64,
    to: Level,
) -> Outcome {
    let mut expected = vec![constant; bench.slots()];
    let mut weight = 2.0;
    for (coefficient, x) in terms {
        expected.iter_mut().zip(&x.values).for_each(|(sum, x)| *sum += coefficient * x);
        weight += 1.0 + coefficient.abs();
    }
    let encrypted: Vec<_> = terms.iter().map(|(coefficient, x)| (*coefficient, &x.ciphertext)).collect();
    let combined = bench.e().combine(&encrypted, constant, to);
    let coefficients: Vec<_> =
        terms.iter().map(|(c, x)| format!("{c} at level {}", bench.e().level(&x.ciphertext))).collect();
    let case = || format!("combine of coefficients {coefficients:?} and constant {constant} to level {to}");
    let combined = bench.expect(case, combined, &expected, to, weight)?;
    // A result at a wrong scale decrypts well and still cannot be added or multiplied.
    let Some(product_level) = below(to, 1) else { return Ok(()) };
    let squared: Vec<f64> = expected.iter().map(|v| v * v).collect();
    let square = bench.e().mul(&combined, &combined);
    bench.expect(
        || format!("square after {}", case()),
        square,
        &squared,
        product_level,
        4.0 * weight * weight,
    )?;
    Ok(())
}
