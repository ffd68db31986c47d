//! Encryption, sums and products at every level.

use super::bench::{Bench, Input, below, zip};
use super::violation::Outcome;
use crate::{ClientScheme, Diagonal, Encryptor, Evaluator, Level};

/// Everything that works slot by slot, at every level to be tested.
pub(super) fn run<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    for at in bench.levels() {
        encryption(bench, at)?;
        bench.law("encrypt");
        let inputs = bench.inputs(at)?;
        sums(bench, &inputs, at)?;
        plain_sums(bench, &inputs, at)?;
        if let Some(to) = below(at, 1) {
            products(bench, &inputs, to)?;
            plain_products(bench, &inputs, at, to)?;
            product_sums(bench, &inputs, at, to)?;
        }
        operands_stay(bench, &inputs, at)?;
    }
    Ok(())
}

/// The plaintexts that each operation with a plaintext must bear; a short one repeats.
fn plaintexts<S: ClientScheme>(bench: &mut Bench<S>) -> Vec<(&'static str, Diagonal)> {
    let full = bench.unit();
    let period = bench.divisor(4);
    let short = bench.uniform(period, -1.0, 1.0);
    vec![
        ("a full plaintext", Diagonal::Real(full)),
        ("a periodic plaintext", Diagonal::Real(short)),
        ("the constant -0.75", Diagonal::Constant(-0.75)),
        ("the constant 1", Diagonal::Constant(1.0)),
        ("the constant 0", Diagonal::Constant(0.0)),
        ("a plaintext of zeros", Diagonal::Real(vec![0.0; period])),
    ]
}

/// One period in the clear.
fn period(values: &Diagonal) -> Vec<f64> {
    values.complex().iter().map(|v| v.re).collect()
}

fn encryption<S: ClientScheme>(bench: &mut Bench<S>, at: Level) -> Outcome {
    bench.law("encrypt");
    let bound = bench.options.bound;
    let large = bench.uniform(bench.slots(), -bound, bound);
    let mut vectors = plaintexts(bench);
    vectors.push(("a large full vector", Diagonal::Real(large)));
    let zeros = vec![0.0; bench.slots()];
    for (name, values) in vectors {
        let expected = zip(&zeros, &period(&values), |_, v| v);
        let encrypted = bench.owner.encryptor.encrypt(&values, at, &mut bench.rng);
        bench.expect(|| format!("encryption of {name}"), encrypted, &expected, at, 1.0)?;
    }
    Ok(())
}

/// Pairs of different operands, and one of an operand with itself.
fn pairs<C>(inputs: &[Input<C>]) -> impl Iterator<Item = (&Input<C>, &Input<C>)> {
    let next = inputs.iter().cycle().skip(1);
    inputs.iter().zip(next).chain(inputs.first().map(|a| (a, a)))
}

fn sums<S: ClientScheme>(bench: &mut Bench<S>, inputs: &[Input<S::Ciphertext>], at: Level) -> Outcome {
    for (a, b) in pairs(inputs) {
        let case = |op: &str| format!("{op} of {} and {}", a.name, b.name);
        bench.law("add");
        let sum = bench.e().add(&a.ciphertext, &b.ciphertext);
        bench.expect(|| case("add"), sum, &zip(&a.values, &b.values, |a, b| a + b), at, 2.0)?;
        bench.law("sub");
        let difference = bench.e().sub(&a.ciphertext, &b.ciphertext);
        bench.expect(|| case("sub"), difference, &zip(&a.values, &b.values, |a, b| a - b), at, 2.0)?;
        bench.law("neg");
        let negative = bench.e().neg(&a.ciphertext);
        let expected: Vec<f64> = a.values.iter().map(|a| -a).collect();
        bench.expect(|| format!("neg of {}", a.name), negative, &expected, at, 1.0)?;
    }
    Ok(())
}

/// Ordinary values with each plaintext, and each operand with a full plaintext.
fn with_plaintexts<'a, C>(
    inputs: &'a [Input<C>],
    plaintexts: &'a [(&'static str, Diagonal)],
) -> impl Iterator<Item = (&'a Input<C>, &'a (&'static str, Diagonal))> {
    let first = inputs.iter().take(1).cycle().zip(plaintexts);
    first.chain(inputs.iter().skip(1).zip(plaintexts.iter().take(1).cycle()))
}

fn plain_sums<S: ClientScheme>(bench: &mut Bench<S>, inputs: &[Input<S::Ciphertext>], at: Level) -> Outcome {
    let plaintexts = plaintexts(bench);
    for (a, (name, plain)) in with_plaintexts(inputs, &plaintexts) {
        bench.law("add_plain");
        let e = bench.e();
        let sum = e.encode_addend(plain, at).and_then(|plain| e.add_plain(&a.ciphertext, &plain));
        let expected = zip(&a.values, &period(plain), |a, b| a + b);
        bench.expect(|| format!("add_plain of {} and {name}", a.name), sum, &expected, at, 2.0)?;
    }
    bench.law("add_scalar");
    for (a, constant) in inputs.iter().zip([0.0, -0.75, 1.5, -bench.options.bound]) {
        let sum = bench.e().add_scalar(&a.ciphertext, constant);
        let expected: Vec<f64> = a.values.iter().map(|a| a + constant).collect();
        bench.expect(|| format!("add_scalar of {} and {constant}", a.name), sum, &expected, at, 2.0)?;
    }
    Ok(())
}

fn products<S: ClientScheme>(bench: &mut Bench<S>, inputs: &[Input<S::Ciphertext>], to: Level) -> Outcome {
    bench.law("mul");
    for (a, b) in pairs(inputs) {
        let product = bench.e().mul(&a.ciphertext, &b.ciphertext);
        let expected = zip(&a.values, &b.values, |a, b| a * b);
        let weight = 1.0 + a.size() + b.size();
        bench.expect(|| format!("mul of {} and {}", a.name, b.name), product, &expected, to, weight)?;
    }
    Ok(())
}

fn plain_products<S: ClientScheme>(
    bench: &mut Bench<S>,
    inputs: &[Input<S::Ciphertext>],
    at: Level,
    to: Level,
) -> Outcome {
    bench.law("mul_plain");
    let plaintexts = plaintexts(bench);
    for (a, (name, plain)) in with_plaintexts(inputs, &plaintexts) {
        let e = bench.e();
        let product = e.encode_factor(plain, at).and_then(|plain| e.mul_plain(&a.ciphertext, &plain));
        let expected = zip(&a.values, &period(plain), |a, b| a * b);
        let weight = 2.0 + a.size();
        bench.expect(|| format!("mul_plain of {} and {name}", a.name), product, &expected, to, weight)?;
    }
    Ok(())
}

fn product_sums<S: ClientScheme>(
    bench: &mut Bench<S>,
    inputs: &[Input<S::Ciphertext>],
    at: Level,
    to: Level,
) -> Outcome {
    bench.law("mul_sum");
    for count in [1, 2, 4] {
        let terms: Vec<_> = pairs(inputs).take(count).collect();
        let encrypted: Vec<_> = terms.iter().map(|(a, b)| (&a.ciphertext, &b.ciphertext)).collect();
        let mut expected = vec![0.0; bench.slots()];
        let mut weight = 1.0;
        for (a, b) in &terms {
            expected = zip(&expected, &zip(&a.values, &b.values, |a, b| a * b), |s, p| s + p);
            weight += 1.0 + a.size() + b.size();
        }
        let sum = bench.e().mul_sum(&encrypted);
        bench.expect(|| format!("mul_sum of {count} pairs"), sum, &expected, to, weight)?;
    }
    bench.law("mul_plain_sum");
    let plaintexts = plaintexts(bench);
    for count in [1, 3, 5] {
        let terms: Vec<_> = inputs.iter().cycle().zip(&plaintexts).take(count).collect();
        let factors: crate::Result<Vec<_>> =
            terms.iter().map(|(_, (_, plain))| bench.e().encode_factor(plain, at)).collect();
        let factors = bench.pass(|| "encoding of factors".to_owned(), at, factors)?;
        let mut expected = vec![0.0; bench.slots()];
        let mut weight = 1.0;
        for (a, (_, plain)) in &terms {
            expected = zip(&expected, &zip(&a.values, &period(plain), |a, b| a * b), |s, p| s + p);
            weight += 2.0 + a.size();
        }
        let pairs: Vec<_> = terms.iter().map(|(a, _)| &a.ciphertext).zip(&factors).collect();
        let sum = bench.e().mul_plain_sum(&pairs);
        bench.expect(|| format!("mul_plain_sum of {count} pairs"), sum, &expected, to, weight)?;
    }
    Ok(())
}

/// After all that, the operands still are what they were.
fn operands_stay<S: ClientScheme>(
    bench: &mut Bench<S>,
    inputs: &[Input<S::Ciphertext>],
    at: Level,
) -> Outcome {
    bench.law("operands stay");
    for a in inputs {
        let case = || format!("{} after having been an operand", a.name);
        bench.expect(case, Ok(a.ciphertext.clone()), &a.values, at, 1.0)?;
    }
    Ok(())
}
