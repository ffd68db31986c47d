//! What the contract asks to be refused, and with which error.

use super::bench::{Bench, Input, Owner, rotated, zip};
use super::maps;
use super::violation::{Outcome, Refusal};
use crate::{ClientScheme, Complex, Complex64, Diagonal, Encryptor, Evaluator, Keep, KeyNeeds, Level, Step};

/// Levels, shapes, numbers that are not finite, keys that are not there.
pub(super) fn run<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    if let Some(top) = bench.profile.top.get() {
        exhausted(bench)?;
        if top > 0 {
            mismatched(bench, Level::new(top), Level::new(top - 1))?;
            raised(bench, Level::new(top), Level::new(top - 1))?;
        }
    }
    shapes(bench)?;
    not_finite(bench)?;
    missing_keys(bench)
}

fn exhausted<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("level exhausted");
    let at = Level::ZERO;
    let input = bench.random(at)?;
    let x = &input.ciphertext;
    let result = bench.e().mul(x, x);
    bench.refuse("mul at level 0", at, result, Refusal::LevelExhausted)?;
    let result = bench.e().mul_sum(&[(x, x), (x, x)]);
    bench.refuse("mul_sum at level 0", at, result, Refusal::LevelExhausted)?;
    let result = bench.e().encode_factor(&Diagonal::Constant(0.5), at).map(drop);
    bench.refuse("encode_factor at level 0", at, result, Refusal::LevelExhausted)?;
    let result = bench.e().combine(&[(0.5, x)], 0.0, at);
    bench.refuse("combine with coefficient 0.5 at the target level", at, result, Refusal::LevelExhausted)
}

fn mismatched<S: ClientScheme>(bench: &mut Bench<S>, high: Level, low: Level) -> Outcome {
    bench.law("level mismatch");
    let (a, b) = (bench.random(high)?, bench.random(low)?);
    let (a, b) = (&a.ciphertext, &b.ciphertext);
    let e = bench.e();
    let half = Diagonal::Constant(0.5);
    let factor = || e.encode_factor(&half, high);
    let results = vec![
        ("add", e.add(a, b)),
        ("sub", e.sub(b, a)),
        ("mul", e.mul(a, b)),
        ("mul_sum", e.mul_sum(&[(a, a), (a, b)])),
        ("mul_sum", e.mul_sum(&[(a, a), (b, b)])),
        ("add_plain", e.encode_addend(&half, high).and_then(|plain| e.add_plain(b, &plain))),
        ("mul_plain", factor().and_then(|plain| e.mul_plain(b, &plain))),
        ("mul_plain_sum", factor().and_then(|plain| e.mul_plain_sum(&[(a, &plain), (b, &plain)]))),
    ];
    for (name, result) in results {
        bench.refuse(&format!("{name} of levels {high} and {low}"), high, result, Refusal::LevelMismatch)?;
    }
    Ok(())
}

fn raised<S: ClientScheme>(bench: &mut Bench<S>, high: Level, low: Level) -> Outcome {
    bench.law("level raise");
    let (a, b) = (bench.random(high)?, bench.random(low)?);
    let result = bench.e().drop_to(&b.ciphertext, high);
    bench.refuse("drop_to a higher level", low, result, Refusal::LevelRaise)?;
    let result = bench.e().combine(&[(1.0, &a.ciphertext), (1.0, &b.ciphertext)], 0.0, high);
    bench.refuse("combine to a level above a term", low, result, Refusal::LevelRaise)?;
    let above = Level::new(high.get().unwrap_or(0) + 1);
    let result = bench.owner.encryptor.encrypt(&Diagonal::Constant(1.0), above, &mut bench.rng);
    bench.refuse("encrypt above the top", above, result, Refusal::LevelRaise)
}

fn shapes<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("shape");
    let (at, slots) = (bench.profile.top, bench.slots());
    let mut lengths = vec![0, slots + 1, 2 * slots];
    lengths.extend((2..slots).find(|n| !slots.is_multiple_of(*n)));
    for length in lengths {
        let values = Diagonal::Real(vec![0.5; length]);
        let result = bench.owner.encryptor.encrypt(&values, at, &mut bench.rng);
        bench.refuse(&format!("encrypt of {length} values in {slots} slots"), at, result, Refusal::Shape)?;
        encode(bench, &values, &format!("{length} values in {slots} slots"), Refusal::Shape)?;
    }
    let result = bench.e().mul_sum(&[]);
    bench.refuse("mul_sum of nothing", at, result, Refusal::Shape)?;
    let result = bench.e().mul_plain_sum(&[]);
    bench.refuse("mul_plain_sum of nothing", at, result, Refusal::Shape)?;
    let result = bench.e().combine(&[], 1.0, at);
    bench.refuse("combine of nothing", at, result, Refusal::Shape)
}

/// That both encodings are refused.
fn encode<S: ClientScheme>(bench: &mut Bench<S>, values: &Diagonal, what: &str, refusal: Refusal) -> Outcome {
    let at = bench.profile.top;
    let result = bench.e().encode_addend(values, at).map(drop);
    bench.refuse(&format!("encode_addend of {what}"), at, result, refusal)?;
    if at == Level::ZERO {
        return Ok(());
    }
    let result = bench.e().encode_factor(values, at).map(drop);
    bench.refuse(&format!("encode_factor of {what}"), at, result, refusal)
}

fn not_finite<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("finite");
    let at = bench.profile.top;
    let input = bench.random(at)?;
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut full = bench.unit();
        if let Some(last) = full.last_mut() {
            *last = bad;
        }
        for values in [Diagonal::Constant(bad), Diagonal::Real(full)] {
            let result = bench.owner.encryptor.encrypt(&values, at, &mut bench.rng);
            bench.refuse(&format!("encrypt of {bad}"), at, result, Refusal::Value)?;
            encode(bench, &values, &format!("{bad}"), Refusal::Value)?;
        }
        let result = bench.e().add_scalar(&input.ciphertext, bad);
        bench.refuse(&format!("add_scalar of {bad}"), at, result, Refusal::Value)?;
        let to = super::bench::below(at, 1).unwrap_or(at);
        let result = bench.e().combine(&[(1.0, &input.ciphertext)], bad, to);
        bench.refuse(&format!("combine with the constant {bad}"), at, result, Refusal::Value)?;
        if to != at || at.is_unbounded() {
            let result = bench.e().combine(&[(bad, &input.ciphertext)], 0.0, to);
            bench.refuse(&format!("combine with the coefficient {bad}"), at, result, Refusal::Value)?;
        }
    }
    if !bench.profile.complex {
        let values = Diagonal::Complex(vec![Complex64::I]);
        let result = bench.owner.encryptor.encrypt(&values, at, &mut bench.rng);
        bench.law("real slots");
        bench.refuse("encrypt of a complex number into real slots", at, result, Refusal::Unsupported)?;
        encode(bench, &values, "a complex number for real slots", Refusal::Unsupported)?;
    }
    Ok(())
}

/// Without keys, a scheme that has keys says which one is missing, and one that has none computes right all the same.
fn missing_keys<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("missing keys");
    let at = bench.profile.top;
    let owner = Owner::<S>::new(&bench.params, &KeyNeeds::default(), &mut bench.rng);
    let owner = bench.pass(|| "keys for no needs at all".to_owned(), at, owner)?;
    let input = bench.random(at)?;
    let ciphertext = owner.encryptor.encrypt(&Diagonal::Real(input.values.clone()), at, &mut bench.rng);
    let ciphertext = bench.pass(|| "encryption".to_owned(), at, ciphertext)?;
    let own = std::mem::replace(&mut bench.owner, owner);
    let outcome = without_keys(bench, &Input { ciphertext, ..input });
    bench.owner = own;
    outcome
}

fn without_keys<S: ClientScheme>(bench: &mut Bench<S>, input: &Input<S::Ciphertext>) -> Outcome {
    let at = bench.profile.top;
    let x = &input.ciphertext;
    let keyless = bench.profile.sizes.key.at(at) == 0.0;
    let to = super::bench::below(at, 1);
    if bench.slots() > 1 {
        let turned = bench.e().rotate(x, Step(1));
        let many = bench.e().rotate_many(x, &[Step(0), Step(1)]).map(drop);
        if keyless {
            bench.expect(
                || "rotate without keys".to_owned(),
                turned,
                &rotated(&input.values, Step(1)),
                at,
                2.0,
            )?;
        } else {
            bench.refuse("rotate without keys", at, turned, Refusal::MissingRotation)?;
            bench.refuse("rotate_many without keys", at, many, Refusal::MissingRotation)?;
        }
    }
    let rest = bench.e().rotate(x, Step(0));
    bench.expect(|| "rotate by 0 without keys".to_owned(), rest, &input.values, at, 2.0)?;
    let Some(to) = to else { return Ok(()) };
    let square = bench.e().mul(x, x);
    if keyless {
        let expected = zip(&input.values, &input.values, |a, b| a * b);
        bench.expect(|| "mul without keys".to_owned(), square, &expected, to, 4.0)?;
        return Ok(());
    }
    bench.refuse("mul without keys", at, square, Refusal::MissingRelinearisation)?;
    let cases = maps::cases(&bench.profile);
    let cases = bench.pass(|| "schedules of the suite's maps".to_owned(), at, cases)?;
    if let Some(case) = cases.iter().find(|case| !case.schedule.rotations().is_empty()) {
        let prepared = bench.e().prepare(&case.map, &case.schedule, at, Keep::Values).map(drop);
        bench.refuse("prepare without keys", at, prepared, Refusal::MissingRotation)?;
    }
    let conjugated = bench.e().complex().map(|complex| complex.conjugate(x));
    match conjugated {
        None => Ok(()),
        Some(result) => bench.refuse("conjugate without keys", at, result, Refusal::MissingConjugation),
    }
}
