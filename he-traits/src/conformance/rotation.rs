//! Rotations.

use super::bench::{Bench, rotated};
use super::violation::Outcome;
use crate::{ClientScheme, Evaluator, Step};

/// The rotation steps that the suite uses: small, negative, beyond the slots, half way round and none.
pub(super) fn steps(slots: usize) -> Vec<Step> {
    let s = i64::try_from(slots).unwrap_or(i64::MAX);
    [0, 1, -1, 3, s / 2, s, -s, s + 2, 1 - 2 * s, s / 3].into_iter().map(Step).collect()
}

/// `rotate` and `rotate_many` at every level to be tested.
pub(super) fn run<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    let steps = steps(bench.slots());
    for at in bench.levels() {
        bench.law("rotate");
        let input = bench.random(at)?;
        for step in &steps {
            let got = bench.e().rotate(&input.ciphertext, *step);
            let expected = rotated(&input.values, *step);
            bench.expect(|| format!("rotate by {step}"), got, &expected, at, 2.0)?;
        }
        bench.law("rotate_many");
        for steps in [&steps[..], &[Step(1), Step(1)], &[]] {
            let case = || format!("rotate_many by {steps:?}");
            let got = bench.e().rotate_many(&input.ciphertext, steps);
            let got = bench.pass(case, at, got)?;
            bench.number(case, "ciphertexts", steps.len(), got.len())?;
            for (step, got) in steps.iter().zip(got) {
                let expected = rotated(&input.values, *step);
                bench.expect(|| format!("{}, step {step}", case()), Ok(got), &expected, at, 2.0)?;
            }
        }
        bench.law("operands stay");
        let case = || "operand of rotations".to_owned();
        bench.expect(case, Ok(input.ciphertext.clone()), &input.values, at, 1.0)?;
    }
    Ok(())
}
