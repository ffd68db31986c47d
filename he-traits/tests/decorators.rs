//! Decorators: what they count, record and refuse, on programs worked out by hand.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use he_traits::decorators::{
    Call, Checked, Counted, Counter, Hook, Hooked, Operation, Pair, RoundTrip, Traced, Tracer,
};
use he_traits::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

const SLOTS: usize = 16;

fn params() -> ClearParams {
    let params = ClearParams::new(SLOTS, Level::new(4)).unwrap();
    params.with_complex(true).with_exact(true).with_linear(LinearStyle::Diagonals)
}

fn clear() -> ClearEvaluator {
    ClearEvaluator::new(params(), ClearKeys::all(&params())).unwrap()
}

fn input(values: &[f64]) -> ClearCiphertext {
    ClearCiphertext::new(&params(), &Diagonal::Real(values.to_vec()), Level::new(4)).unwrap()
}

/// A map whose diagonals are 0, 1 and 3, with a schedule for it.
fn map() -> (Arc<LinearMap>, Schedule) {
    let entries = (0..SLOTS).flat_map(|row| {
        [0, 1, 3].map(|offset| (row, (row + offset) % SLOTS, Complex64::from((row + offset) as f64 / 8.0)))
    });
    let map = LinearMap::new(SparseMatrix::from_entries(SLOTS, SLOTS, entries).unwrap());
    let schedule = Schedule::diagonals(&map, SLOTS, 2, false).unwrap();
    (Arc::new(map), schedule)
}

/// A program that uses each operation; from level 4 to level 0.
fn program<E: Evaluator>(e: &E, x: &E::Ciphertext, y: &E::Ciphertext) -> Result<Vec<E::Ciphertext>> {
    let top = e.level(x);
    let plain = Diagonal::Real(vec![0.5, -0.25]);
    let (factor, addend) = (e.encode_factor(&plain, top)?, e.encode_addend(&plain, top)?);
    let sum = e.add_scalar(&e.add_plain(&e.sub(&e.add(x, y)?, x)?, &addend)?, 0.5)?;
    let turned = e.rotate(&e.neg(&sum)?, Step(-1))?;
    let many = e.rotate_many(&turned, &[Step(0), Step(1), Step(2), Step(17)])?;
    let products = e.mul_sum(&[(x, y), (&turned, &turned)])?;
    let single = e.mul(x, x)?;
    let plain = e.mul_plain_sum(&[(x, &factor), (y, &factor)])?;
    let plain = e.add(&plain, &e.mul_plain(x, &factor)?)?;
    let below = e.level(&plain);
    let combined = e.combine(&[(0.5, &products), (3.0, &single), (1.0, x)], 0.25, Level::new(2))?;
    let dropped = e.drop_to(&plain, Level::new(2))?;
    let (map, schedule) = map();
    let prepared = e.prepare(&map, &schedule, below, Keep::Values)?;
    let mut results = e.linear(&[&plain, &single], &prepared)?;
    let polynomial = Polynomial::new(Basis::Monomial, vec![0.1, 0.2, 0.3, 0.4])?;
    results.push(e.polynomial(&combined, &polynomial)?);
    results.push(dropped);
    results.extend(many);
    Ok(results)
}

fn inputs() -> (ClearCiphertext, ClearCiphertext) {
    let x: Vec<f64> = (0..SLOTS).map(|i| i as f64 / 32.0 - 0.2).collect();
    let y: Vec<f64> = (0..SLOTS).map(|i| 0.3 - i as f64 / 50.0).collect();
    (input(&x), input(&y))
}

#[test]
fn counts_of_a_known_program() {
    let counted: Counted<_> = Hooked::new(clear(), Counter::default());
    let (x, y) = inputs();
    program(&counted, &x, &y).unwrap();
    let expected = Counts {
        // add, sub, add_plain, add_scalar; 1 in each of the two sums of products; add; 2 and the constant in combine.
        additions: 4 + 1 + 1 + 1 + 3,
        products: 3,
        // 3 by factors, 3 terms from above, 1 drop.
        plain_products: 3 + 3 + 1,
        // rotate, and the first of rotate_many, whose steps 17 and 1 are one.
        rotations: 2,
        hoisted_rotations: 1,
        // mul_sum, mul, mul_plain_sum, mul_plain, combine, drop_to.
        rescales: 6,
        encodes: 2,
        linear_maps: 2,
        polynomials: 1,
        ..Counts::default()
    };
    assert_eq!(counted.hook().counts(), expected);
    counted.exact().unwrap().apply(&x, Function::Relu).unwrap();
    counted.complex().unwrap().conjugate(&x).unwrap();
    let all = counted.hook().take();
    assert_eq!((all.exact_slots, all.conjugations), (SLOTS as u64, 1));
    assert_eq!(counted.hook().counts(), Counts::default());
}

/// Where nothing is hidden inside an operation, both ways of counting agree.
#[test]
fn counted_agrees_with_the_symbolic_record() {
    let counted = Hooked::new(Symbolic::new(Clear::profile(&params()).unwrap()), Counter::default());
    let e = &counted;
    let (x, y) = (e.inner().input(Level::new(4)).unwrap(), e.inner().input(Level::new(4)).unwrap());
    let product = e.mul_sum(&[(&x, &y), (&x, &x), (&y, &y)]).unwrap();
    let combined = e.combine(&[(0.5, &product), (1.0, &product), (-2.0, &x)], 1.0, Level::new(2)).unwrap();
    let low = e.drop_to(&product, Level::new(2)).unwrap();
    e.combine(&[(-5.0, &combined), (0.0, &low)], 0.0, Level::new(2)).unwrap();
    e.rotate_many(&low, &[Step(1), Step(-1), Step(0), Step(1)]).unwrap();
    let factor = e.encode_factor(&Diagonal::Constant(0.3), Level::new(2)).unwrap();
    e.mul_plain_sum(&[(&low, &factor), (&combined, &factor)]).unwrap();
    assert_eq!(counted.hook().counts(), counted.inner().record().counts);
}

#[test]
fn a_trace_lists_operations_in_order() {
    let traced: Traced<_> = Hooked::new(clear(), Tracer::default());
    let (x, y) = inputs();
    let product = traced.mul(&x, &y).unwrap();
    traced.rotate_many(&product, &[Step(1), Step(2)]).unwrap();
    let log = traced.hook().log();
    let seen: Vec<_> = log.iter().map(|trace| (trace.operation, trace.level, trace.count)).collect();
    let expected = [(Operation::Mul, Level::new(4), 1), (Operation::RotateMany, Level::new(3), 2)];
    assert_eq!(seen, expected);
    assert!(log.iter().all(|trace| trace.seconds >= 0.0));
    assert_eq!(traced.hook().totals()[&Operation::Mul].0, 1);
    // What failed is not in the log.
    assert!(traced.add(&x, &product).is_err());
    assert_eq!(traced.hook().log().len(), 2);
}

#[test]
fn a_hook_can_stop_a_program() {
    struct NoProducts;
    impl<C> Hook<C> for NoProducts {
        fn after(&self, call: &Call, _: &[&C], _: std::time::Duration) -> Result<()> {
            match call.operation {
                Operation::Mul => Err(Error::Unsupported { backend: "test".into(), what: "multiply".into() }),
                _ => Ok(()),
            }
        }
    }
    let (x, y) = inputs();
    let hooked = Hooked::new(clear(), NoProducts);
    assert!(hooked.add(&x, &y).is_ok());
    assert!(matches!(hooked.mul(&x, &y), Err(Error::Unsupported { .. })));
}

#[test]
fn two_clear_evaluators_in_lockstep_agree() {
    let pair = Pair::new(clear(), clear()).unwrap();
    let (x, y) = inputs();
    let (x, y) = (pair.join(x.clone(), x).unwrap(), pair.join(y.clone(), y).unwrap());
    for (a, b) in program(&pair, &x, &y).unwrap() {
        assert_eq!(a.slots(), b.slots());
        assert_eq!(a.level(), b.level());
    }
    let squared = pair.exact().unwrap().apply(&x, Function::Square).unwrap();
    assert_eq!(squared.0.slots(), squared.1.slots());
    assert!(pair.complex().is_some() && pair.refresh().is_none());
}

#[test]
fn a_pair_with_the_symbolic_evaluator_tells_inner_counts() {
    let symbolic = Symbolic::new(Clear::profile(&params()).unwrap());
    let pair = Pair::new(clear(), symbolic.clone()).unwrap();
    let (x, y) = inputs();
    let at = x.level();
    let x = pair.join(x, symbolic.input(at).unwrap()).unwrap();
    let y = pair.join(y, symbolic.input(at).unwrap()).unwrap();
    program(&pair, &x, &y).unwrap();
    let record = symbolic.record();
    // Diagonals 0, 1 and 3 for two values, on top of what can be seen from outside.
    assert!(record.counts.plain_products >= 7 + 6 && record.counts.linear_maps == 2);
    assert_eq!(record.needs.rotations.keys().copied().collect::<Vec<_>>(), [1, 2, 15]);
}

#[test]
fn evaluators_that_do_not_fit_are_no_pair() {
    let other = ClearParams::new(SLOTS, Level::new(3)).unwrap();
    let other = ClearEvaluator::new(other, ClearKeys::all(&other)).unwrap();
    assert!(matches!(Pair::new(clear(), other), Err(Error::Parameters { .. })));
    let pair = Pair::new(clear(), clear()).unwrap();
    let (x, _) = inputs();
    let low = clear().drop_to(&x, Level::new(1)).unwrap();
    assert!(matches!(pair.join(x, low), Err(Error::LevelMismatch { .. })));
}

type Owner = (<Clear as ClientScheme>::Encryptor, <Clear as ClientScheme>::Decryptor);

fn owner(rng: &mut ChaCha20Rng) -> Owner {
    let keys = Clear::keygen(&params(), &KeyNeeds::default(), rng).unwrap();
    (Clear::encryptor(&params(), &keys.secret).unwrap(), Clear::decryptor(&params(), &keys.secret).unwrap())
}

#[test]
fn checked_finds_full_precision_on_the_clear_reference() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (encryptor, decryptor) = owner(&mut rng);
    let checked = Checked::beside_clear(clear(), decryptor, Some(45.0)).unwrap();
    let values = Diagonal::Real((0..SLOTS).map(|i| i as f64 / 20.0 - 0.4).collect());
    let x = checked.encrypt(&encryptor, &values, Level::new(4), &mut rng).unwrap();
    let y = checked.encrypt(&encryptor, &Diagonal::Constant(0.25), Level::new(4), &mut rng).unwrap();
    program(&checked, &x, &y).unwrap();
    assert!(checked.hook().worst().unwrap().bits >= 50.0);
    assert_eq!(checked.hook().record().len(), 20);
}

#[test]
fn checked_finds_an_error_where_it_arises() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (encryptor, decryptor) = owner(&mut rng);
    let values = Diagonal::Constant(0.5);
    // The encrypted side starts 2^-12 off in one slot.
    let mut off = vec![0.5; SLOTS];
    off[5] += (-12.0_f64).exp2();
    for least in [None, Some(20.0)] {
        let checked = Checked::beside_clear(clear(), decryptor, least).unwrap();
        let clear = checked.encrypt(&encryptor, &values, Level::new(4), &mut rng).unwrap().1;
        let wrong = checked.inner().join(input(&off), clear).unwrap();
        let doubled = checked.add(&wrong, &wrong);
        let found = checked.hook().record()[0];
        assert_eq!((found.operation, found.slot), (Operation::Add, 5));
        assert!((found.bits - 11.0).abs() < 1e-9);
        assert_eq!(doubled.is_err(), least.is_some());
    }
}

#[test]
fn a_round_trip_refreshes_and_counts() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (_, decryptor) = owner(&mut rng);
    let again = |x: &[&ClearCiphertext], _: Parts, to: Level| {
        x.iter()
            .map(|x| ClearCiphertext::new(&params(), &Diagonal::Complex(decryptor.decrypt_complex(x)?), to))
            .collect::<Result<Vec<_>>>()
    };
    let e = RoundTrip::new(clear(), 8.0, again);
    assert_eq!(e.profile().refresh.as_ref().unwrap().highest_output, Level::new(4));
    let (x, y) = inputs();
    let low = e.drop_to(&x, Level::ZERO).unwrap();
    assert!(matches!(e.mul(&low, &low), Err(Error::LevelExhausted { .. })));
    let fresh = e.refresh().unwrap().refresh(&[&low, &y], Parts::Both, Level::new(3)).unwrap();
    assert!(fresh.iter().all(|fresh| fresh.level() == Level::new(3)));
    assert_eq!((fresh[0].slots(), fresh[1].slots()), (x.slots(), y.slots()));
    assert!(e.mul(&fresh[0], &fresh[1]).is_ok());
    let trips = e.trips();
    assert_eq!((trips.rounds, trips.ciphertexts), (1, 2));
    assert_eq!((trips.bytes_up, trips.bytes_down), (512.0, 512.0));
    let above = e.refresh().unwrap().refresh(&[&low], Parts::Real, Level::new(5));
    assert!(matches!(above, Err(Error::LevelRaise { .. })));
}

#[test]
fn a_callback_that_does_not_keep_its_word_is_refused() {
    let (x, _) = inputs();
    let e = RoundTrip::new(clear(), 8.0, |_: &[&ClearCiphertext], _: Parts, _: Level| Ok(Vec::new()));
    let refreshed = e.refresh().unwrap().refresh(&[&x], Parts::Real, Level::new(4));
    assert!(matches!(refreshed, Err(Error::Shape { .. })));
    let e = RoundTrip::new(clear(), 8.0, |x: &[&ClearCiphertext], _: Parts, _: Level| {
        Ok(x.iter().map(|x| (*x).clone()).collect())
    });
    let refreshed = e.refresh().unwrap().refresh(&[&x], Parts::Real, Level::new(2));
    assert!(matches!(refreshed, Err(Error::LevelMismatch { .. })));
}

#[test]
fn decorators_stack() {
    let (x, y) = inputs();
    let pair = Pair::new(clear(), clear()).unwrap();
    let stacked = Hooked::new(Hooked::new(pair, Counter::default()), Tracer::default());
    let (x, y) = ((x.clone(), x), (y.clone(), y));
    program(&stacked, &x, &y).unwrap();
    assert_eq!(stacked.inner().hook().counts().products, 3);
    assert!(stacked.hook().log().len() > 15);
}
