//! Polynomials: the right values, at exactly the right level.

use super::bench::{Bench, below};
use super::violation::{Outcome, Refusal};
use crate::{Basis, ClientScheme, Evaluator, Level, Polynomial};

/// Polynomials of all degrees in the options, in both bases, from the highest and the lowest level that can hold them.
pub(super) fn run<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    for basis in [Basis::Monomial, Basis::Chebyshev] {
        for degree in bench.options.degrees.clone() {
            let coefficients = coefficients(bench, degree);
            check(bench, basis, coefficients.clone())?;
            // Odd functions are what sign and sigmoid need: every other coefficient is zero.
            let odd = coefficients.iter().enumerate().map(|(i, c)| if i % 2 == 1 { *c } else { 0.0 });
            check(bench, basis, odd.collect())?;
        }
        check(bench, basis, vec![0.5])?;
        check(bench, basis, vec![0.0, 1.0])?;
        check(bench, basis, vec![0.25, 3.0])?;
    }
    Ok(())
}

/// Random coefficients whose absolute values add up to 2.
fn coefficients<S: ClientScheme>(bench: &mut Bench<S>, degree: usize) -> Vec<f64> {
    let drawn = bench.uniform(degree + 1, -1.0, 1.0);
    let sum: f64 = drawn.iter().map(|c| c.abs()).sum();
    drawn.into_iter().map(|c| 2.0 * c / sum.max(0.1)).collect()
}

fn check<S: ClientScheme>(bench: &mut Bench<S>, basis: Basis, coefficients: Vec<f64>) -> Outcome {
    bench.law("polynomial");
    let degree = coefficients.len() - 1;
    let polynomial = Polynomial::new(basis, coefficients);
    let case = || format!("polynomial of degree {degree}, {basis:?}");
    let polynomial = bench.pass(case, bench.profile.top, polynomial)?;
    let depth = polynomial.depth();
    let top = bench.profile.top;
    let mut levels = vec![top];
    if top.get().is_some_and(|top| depth < top) {
        levels.push(Level::new(depth));
    }
    for at in levels {
        let input = bench.random(at)?;
        let got = bench.e().polynomial(&input.ciphertext, &polynomial);
        let case = || format!("polynomial of {:?} in the basis {basis:?}", polynomial.coefficients());
        match below(at, depth) {
            None => bench.refuse(&case(), at, got, Refusal::LevelExhausted)?,
            Some(to) => {
                let expected: Vec<f64> = input.values.iter().map(|x| polynomial.at(*x)).collect();
                let weight = (polynomial.degree() as f64 + 2.0).powi(2);
                bench.expect(case, got, &expected, to, weight)?;
            }
        }
    }
    Ok(())
}
