//! What only some schemes can do, where they say they can.

use super::bench::Bench;
use super::violation::{Outcome, Refusal};
use crate::capability::{Complex, Exact, Refresh};
use crate::{ClientScheme, Complex64, Diagonal, Evaluator, Function, Level, Parts};

/// `exact`, `complex` and `refresh`.
pub(super) fn run<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    exact(bench)?;
    complex(bench)?;
    refresh(bench)
}

/// The functions, each with a part of its domain.
const FUNCTIONS: [(Function, f64, f64); 9] = [
    (Function::Sigmoid, -6.0, 6.0),
    (Function::Tanh, -3.0, 3.0),
    (Function::Relu, -4.0, 4.0),
    (Function::Silu, -6.0, 6.0),
    (Function::Exp, -3.0, 2.0),
    (Function::Ln, 0.2, 6.0),
    (Function::Sqrt, 0.2, 9.0),
    (Function::Reciprocal, 0.3, 4.0),
    (Function::Square, -4.0, 4.0),
];

/// How much more than a product an exact function may enlarge an error: its slope on the domains above, and its inner steps.
const EXACT_WEIGHT: f64 = 64.0;

fn exact<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("exact");
    if bench.e().exact().is_none() {
        return Ok(());
    }
    for at in bench.levels() {
        for (function, low, high) in FUNCTIONS {
            let values = bench.uniform(bench.slots(), low, high);
            let x = bench.input("domain", values, at)?;
            let Some(got) = bench.e().exact().map(|exact| exact.apply(&x.ciphertext, function)) else {
                continue;
            };
            let expected: Vec<f64> = x.values.iter().map(|x| function.at(*x)).collect();
            let case = || format!("exact {} on [{low}, {high}]", function.name());
            bench.expect(case, got, &expected, at, EXACT_WEIGHT)?;
        }
        let divisors = bench.uniform(bench.slots(), 0.3, 4.0);
        let (a, b) = (bench.random(at)?, bench.input("divisors", divisors, at)?);
        let Some(got) = bench.e().exact().map(|exact| exact.div(&a.ciphertext, &b.ciphertext)) else {
            continue;
        };
        let expected = super::bench::zip(&a.values, &b.values, |a, b| a / b);
        bench.expect(|| "exact div".to_owned(), got, &expected, at, EXACT_WEIGHT)?;
    }
    Ok(())
}

fn complex_values<S: ClientScheme>(bench: &mut Bench<S>) -> Vec<Complex64> {
    let (re, im) = (bench.unit(), bench.unit());
    re.into_iter().zip(im).map(|(re, im)| Complex64::new(re, im)).collect()
}

fn complex<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("complex");
    if bench.e().complex().is_none() {
        return Ok(());
    }
    for at in bench.levels() {
        let (x, y) = (complex_values(bench), complex_values(bench));
        let plain = Diagonal::Complex(y.clone());
        let encrypted = bench.encrypt(&Diagonal::Complex(x.clone()), at)?;
        let each = |f: &dyn Fn(Complex64, Complex64) -> Complex64| -> Vec<Complex64> {
            x.iter().zip(&y).map(|(x, y)| f(*x, *y)).collect()
        };
        bench.expect_complex(|| "complex encrypt".to_owned(), Ok(encrypted.clone()), &x, at, 1.0)?;
        let real: Vec<f64> = x.iter().map(|x| x.re).collect();
        bench.expect(|| "decrypt of complex slots".to_owned(), Ok(encrypted.clone()), &real, at, 1.0)?;
        let Some(conjugate) = bench.e().complex().map(|c| c.conjugate(&encrypted)) else { continue };
        bench.expect_complex(|| "conjugate".to_owned(), conjugate, &each(&|x, _| x.conj()), at, 2.0)?;
        let Some(turned) = bench.e().complex().map(|c| c.mul_i(&encrypted)) else { continue };
        let turned =
            bench.expect_complex(|| "mul_i".to_owned(), turned, &each(&|x, _| Complex64::I * x), at, 2.0)?;
        let Some(again) = bench.e().complex().map(|c| c.mul_i(&turned)) else { continue };
        bench.expect_complex(|| "mul_i twice".to_owned(), again, &each(&|x, _| -x), at, 2.0)?;
        let e = bench.e();
        let sum = e.encode_addend(&plain, at).and_then(|plain| e.add_plain(&encrypted, &plain));
        bench.expect_complex(|| "add_plain of complex".to_owned(), sum, &each(&|x, y| x + y), at, 2.0)?;
        let Some(to) = super::bench::below(at, 1) else { continue };
        let e = bench.e();
        let product = e.encode_factor(&plain, at).and_then(|plain| e.mul_plain(&encrypted, &plain));
        bench.expect_complex(|| "mul_plain of complex".to_owned(), product, &each(&|x, y| x * y), to, 4.0)?;
        let square = bench.e().mul(&encrypted, &encrypted);
        bench.expect_complex(|| "mul of complex".to_owned(), square, &each(&|x, _| x * x), to, 4.0)?;
    }
    Ok(())
}

/// How much more than a product a refresh may enlarge an error.
const REFRESH_WEIGHT: f64 = 256.0;

fn refresh<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("refresh");
    let Some(described) = bench.profile.refresh.clone() else { return Ok(()) };
    let (from, to) = (described.lowest_input, described.highest_output);
    let bound = described.bound.min(1.0);
    let values = [bench.uniform(bench.slots(), -bound, bound), bench.uniform(bench.slots(), -bound, bound)];
    let [a, b] = values;
    let (a, b) = (bench.input("a", a, from)?, bench.input("b", b, from)?);
    let operands = [&a.ciphertext, &b.ciphertext];
    for parts in [Parts::Real, Parts::Both] {
        let case = || format!("refresh of two ciphertexts, {parts:?}");
        let Some(fresh) = bench.e().refresh().map(|refresh| refresh.refresh(&operands, parts, to)) else {
            return Ok(());
        };
        let fresh = bench.pass(case, from, fresh)?;
        bench.number(case, "ciphertexts", operands.len(), fresh.len())?;
        for (input, fresh) in [&a, &b].into_iter().zip(fresh) {
            bench.expect(case, Ok(fresh), &input.values, to, REFRESH_WEIGHT)?;
        }
    }
    let Some(above) = to.get().map(|level| Level::new(level + 1)) else { return Ok(()) };
    match bench.e().refresh().map(|refresh| refresh.refresh(&operands, Parts::Real, above)) {
        None => Ok(()),
        Some(result) => bench.refuse("refresh above the highest output", from, result, Refusal::LevelRaise),
    }
}
