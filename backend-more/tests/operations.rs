//! Every operation against the same operation on the numbers themselves.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::cmp::Ordering;
use std::sync::Arc;

use backend_more::{
    Ciphertext, FunctionMethod, More, MoreDecryptor, MoreEncryptor, MoreEvaluator, Parameters, SecretKey,
};
use he_traits::{
    ClientScheme, Complex64, Decryptor, Diagonal, Encryptor, Error, Evaluator, Exact, Function, Keep,
    KeyNeeds, Level, LinearMap, Schedule, Scheme, SparseMatrix, Step,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

struct Session {
    rng: ChaCha20Rng,
    secret: SecretKey,
    encryptor: MoreEncryptor,
    decryptor: MoreDecryptor,
    server: MoreEvaluator,
}

impl Session {
    fn new(parameters: &Parameters, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let keys = More::keygen(parameters, &KeyNeeds::default(), &mut rng).unwrap();
        Self {
            encryptor: More::encryptor(parameters, &keys.secret).unwrap(),
            decryptor: More::decryptor(parameters, &keys.secret).unwrap(),
            server: More::evaluator(parameters, keys.evaluation).unwrap(),
            secret: keys.secret,
            rng,
        }
    }

    fn encrypt(&mut self, values: &[f64]) -> Ciphertext {
        self.encryptor.encrypt(&Diagonal::Real(values.to_vec()), Level::UNBOUNDED, &mut self.rng).unwrap()
    }

    #[track_caller]
    fn check(&self, x: &Ciphertext, want: impl Fn(usize) -> f64, tolerance: f64) {
        for (slot, got) in self.decryptor.decrypt(x).unwrap().iter().enumerate() {
            let want = want(slot);
            assert!((got - want).abs() <= tolerance * (1.0 + want.abs()), "slot {slot}: {got}, not {want}");
        }
    }
}

const SLOTS: usize = 60;

/// A vector whose length divides the slots.
fn vector(low: f64, high: f64) -> impl Strategy<Value = Vec<f64>> {
    prop::sample::select(vec![1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60])
        .prop_flat_map(move |length| prop::collection::vec(low..high, length))
}

fn dimension() -> impl Strategy<Value = usize> {
    2..=3usize
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sums_and_products_at_every_pair_of_periods(
        n in dimension(), seed: u64, a in vector(-3.0, 3.0), b in vector(-3.0, 3.0), step in -200i64..200, c in -2.0..2.0
    ) {
        let mut s = Session::new(&Parameters::new(SLOTS).unwrap().with_dimension(n).unwrap(), seed);
        let (x, y) = (s.encrypt(&a), s.encrypt(&b));
        let at = |v: &[f64], i: usize| v[i % v.len()];
        let e = &s.server;
        s.check(&e.add(&x, &y).unwrap(), |i| at(&a, i) + at(&b, i), 1e-13);
        s.check(&e.sub(&x, &y).unwrap(), |i| at(&a, i) - at(&b, i), 1e-13);
        s.check(&e.mul(&x, &y).unwrap(), |i| at(&a, i) * at(&b, i), 1e-12);
        s.check(&e.neg(&x).unwrap(), |i| -at(&a, i), 1e-13);
        let (plus, times) = (Diagonal::Real(b.clone()), Diagonal::Real(b.clone()));
        let addend = e.encode_addend(&plus, Level::UNBOUNDED).unwrap();
        let factor = e.encode_factor(&times, Level::UNBOUNDED).unwrap();
        s.check(&e.add_plain(&x, &addend).unwrap(), |i| at(&a, i) + at(&b, i), 1e-13);
        s.check(&e.mul_plain(&x, &factor).unwrap(), |i| at(&a, i) * at(&b, i), 1e-12);
        s.check(&e.add_scalar(&x, c).unwrap(), |i| at(&a, i) + c, 1e-13);
        s.check(
            &e.combine(&[(c, &x), (0.5, &y)], -1.5, Level::UNBOUNDED).unwrap(),
            |i| c * at(&a, i) + 0.5 * at(&b, i) - 1.5,
            1e-12,
        );
        s.check(
            &e.rotate(&x, Step(step)).unwrap(),
            |i| at(&a, (i as i64 + step).rem_euclid(SLOTS as i64) as usize),
            1e-13,
        );
    }

    #[test]
    fn quotients_and_functions_both_ways(
        n in dimension(), seed: u64, a in vector(-4.0, 4.0), b in vector(0.3, 5.0), eigen: bool
    ) {
        let method = if eigen { FunctionMethod::Eigendecomposition } else { FunctionMethod::MatrixFunction };
        let parameters = Parameters::new(SLOTS).unwrap().with_dimension(n).unwrap().with_method(method);
        let mut s = Session::new(&parameters, seed);
        let (x, y) = (s.encrypt(&a), s.encrypt(&b));
        let at = |v: &[f64], i: usize| v[i % v.len()];
        let exact = s.server.exact().unwrap();
        s.check(&exact.div(&x, &y).unwrap(), |i| at(&a, i) / at(&b, i), 1e-11);
        for function in
            [Function::Sigmoid, Function::Tanh, Function::Relu, Function::Silu, Function::Exp, Function::Square]
        {
            // Lanes share their rounding errors: e^4 next to e^-4.
            let tolerance = if function == Function::Exp { 1e-9 } else { 3e-10 };
            s.check(&exact.apply(&x, function).unwrap(), |i| function.at(at(&a, i)), tolerance);
        }
        for function in [Function::Ln, Function::Sqrt, Function::Reciprocal] {
            s.check(&exact.apply(&y, function).unwrap(), |i| function.at(at(&b, i)), 3e-10);
        }
    }

    #[test]
    fn linear_maps_on_several_values(
        n in dimension(), seed: u64, values in 1..12usize, density in 0.05..1.0,
        rows in prop::sample::select(vec![1usize, 4, 15, 60, 120]),
        columns in prop::sample::select(vec![1usize, 6, 20, 60, 180]),
    ) {
        let mut s = Session::new(&Parameters::new(SLOTS).unwrap().with_dimension(n).unwrap(), seed);
        let map = LinearMap::new(random_matrix(rows, columns, density, seed));
        check_linear(&mut s, &map, values);
    }

    #[test]
    fn linear_maps_on_copies(
        seed: u64, values in 1..4usize, copies in prop::sample::select(vec![2usize, 5, 30, 60]),
        rows in 1..9usize, columns in 1..9usize,
    ) {
        let mut s = Session::new(&Parameters::new(SLOTS).unwrap(), seed);
        let map = LinearMap::new(random_matrix(rows, columns, 0.7, seed)).with_copies(copies);
        check_linear(&mut s, &map, values);
    }

    #[test]
    fn the_condition_number_keeps_its_bound(n in 2..=6usize, seed: u64, bound in 1.0..1000.0f64) {
        let parameters = Parameters::new(1).unwrap().with_dimension(n).unwrap().with_condition_bound(bound).unwrap();
        let s = Session::new(&parameters, seed);
        prop_assert!(s.secret.condition_number() <= bound * (1.0 + 1e-9));
    }

    #[test]
    fn comparisons_follow_the_lane_of_the_message(n in dimension(), seed: u64, a in vector(-1.0, 1.0), t in -1.0..1.0) {
        let mut s = Session::new(&Parameters::new(SLOTS).unwrap().with_dimension(n).unwrap(), seed);
        let x = s.encrypt(&a);
        let lanes = s.server.compare(&x, t).unwrap();
        prop_assert_eq!(lanes.len(), n);
        for (answer, value) in lanes[s.secret.message_lane()].iter().zip(&a) {
            if (value - t).abs() > 1e-9 {
                prop_assert_eq!(*answer, value.total_cmp(&t));
            }
        }
    }
}

fn random_matrix(rows: usize, columns: usize, density: f64, seed: u64) -> SparseMatrix {
    let mut state = seed | 1;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let dense: Vec<f64> =
        (0..rows * columns).map(|_| if next() < density { next() * 2.0 - 1.0 } else { 0.0 }).collect();
    SparseMatrix::from_dense(columns, &dense).unwrap()
}

fn check_linear(s: &mut Session, map: &LinearMap, values: usize) {
    let geometry = map.geometry(SLOTS).unwrap();
    let period = if geometry.copies == 1 { geometry.in_period } else { SLOTS };
    let inputs: Vec<Vec<f64>> = (0..values * geometry.in_blocks)
        .map(|v| (0..period).map(|i| ((v * 31 + i * 7) as f64 * 0.37).sin()).collect())
        .collect();
    let encrypted: Vec<Ciphertext> = inputs.iter().map(|v| s.encrypt(v)).collect();
    let prepared =
        s.server.prepare(&Arc::new(map.clone()), &Schedule::Matrix, Level::UNBOUNDED, Keep::Encoded).unwrap();
    let results = s.server.linear(&encrypted.iter().collect::<Vec<_>>(), &prepared).unwrap();
    assert_eq!(results.len(), values * geometry.out_blocks);
    for (value, results) in inputs.chunks(geometry.in_blocks).zip(results.chunks(geometry.out_blocks)) {
        let full: Vec<Vec<Complex64>> =
            value.iter().map(|v| (0..SLOTS).map(|i| Complex64::from(v[i % v.len()])).collect()).collect();
        for (want, got) in map.apply(SLOTS, &full).unwrap().iter().zip(results) {
            s.check(got, |slot| want[slot].re, 1e-11);
        }
    }
}

#[test]
fn a_map_on_short_and_long_periods() {
    let mut s = Session::new(&Parameters::new(SLOTS).unwrap(), 5);
    let map = Arc::new(LinearMap::new(random_matrix(4, 12, 1.0, 3)));
    let prepared = s.server.prepare(&map, &Schedule::Matrix, Level::UNBOUNDED, Keep::Values).unwrap();
    for period in [1, 3, 5, 12, 60] {
        let values: Vec<f64> = (0..period).map(|i| i as f64 - 2.0).collect();
        let x = s.encrypt(&values);
        let result = s.server.linear(&[&x], &prepared).unwrap();
        let full: Vec<Complex64> = (0..SLOTS).map(|i| Complex64::from(values[i % period])).collect();
        let want = map.apply(SLOTS, &[full]).unwrap();
        s.check(&result[0], |slot| want[0][slot].re, 1e-12);
    }
}

#[test]
fn eigenvalues_that_meet_lose_nothing() {
    // The random number equals the message, or nearly: functions stay accurate and finite.
    for (seed, width) in [(1, 1e-3), (2, 1e-6), (3, 1e-9), (4, 1e-12), (5, 1e-15)] {
        for n in [2, 3] {
            let parameters = Parameters::new(SLOTS)
                .unwrap()
                .with_dimension(n)
                .unwrap()
                .with_random_lane(backend_more::RandomLane::Interval { low: 0.75, high: 0.75 + width })
                .unwrap();
            for method in [FunctionMethod::MatrixFunction, FunctionMethod::Eigendecomposition] {
                let mut s = Session::new(&parameters.clone().with_method(method), seed);
                let x = s.encrypt(&[0.75; 1]);
                let exact = s.server.exact().unwrap();
                for function in [
                    Function::Sigmoid,
                    Function::Tanh,
                    Function::Silu,
                    Function::Exp,
                    Function::Ln,
                    Function::Sqrt,
                    Function::Relu,
                    Function::Reciprocal,
                ] {
                    let got = exact.apply(&x, function).unwrap();
                    // The general eigendecomposition takes eigenvalues closer than 1e-10 as one.
                    let tolerance = if method == FunctionMethod::MatrixFunction { 1e-12 } else { 1e-9 };
                    s.check(&got, |_| function.at(0.75), tolerance);
                }
            }
        }
    }
}

#[test]
fn large_vectors_are_shared_among_threads() {
    let slots = 40_000;
    let mut s = Session::new(&Parameters::new(slots).unwrap(), 9);
    let values: Vec<f64> = (0..slots).map(|i| (i as f64 * 0.01).sin() * 8.0).collect();
    let x = s.encrypt(&values);
    let result = s.server.exact().unwrap().apply(&x, Function::Sigmoid).unwrap();
    s.check(&result, |i| Function::Sigmoid.at(values[i]), 1e-13);
}

#[test]
fn leaving_the_domain_is_an_error() {
    let mut s = Session::new(&Parameters::new(4).unwrap(), 3);
    let (zero, negative) = (s.encrypt(&[1.0, 0.0, 2.0, 3.0]), s.encrypt(&[1.0, 2.0, -2.0, 3.0]));
    let exact = s.server.exact().unwrap();
    let refused = |result: he_traits::Result<Ciphertext>| matches!(result, Err(Error::Value { .. }));
    assert!(refused(exact.apply(&negative, Function::Ln)));
    assert!(refused(exact.apply(&negative, Function::Sqrt)));
    let none = s.server.sub(&zero, &zero).unwrap();
    assert!(refused(exact.apply(&none, Function::Reciprocal)));
    assert!(refused(exact.div(&zero, &none)));
}

#[test]
fn bad_operands_are_refused() {
    let parameters = Parameters::new(12).unwrap();
    let (mut s, mut other) = (Session::new(&parameters, 1), Session::new(&Parameters::new(24).unwrap(), 1));
    let (x, foreign) = (s.encrypt(&[1.0, 2.0]), other.encrypt(&[1.0, 2.0]));
    assert!(matches!(s.server.add(&x, &foreign), Err(Error::Shape { .. })));
    assert!(matches!(s.decryptor.decrypt(&foreign), Err(Error::Shape { .. })));
    let e = &s.server;
    assert!(matches!(
        e.encode_factor(&Diagonal::Real(vec![1.0; 5]), Level::UNBOUNDED),
        Err(Error::Shape { .. })
    ));
    assert!(matches!(
        e.encode_addend(&Diagonal::Constant(f64::NAN), Level::UNBOUNDED),
        Err(Error::Value { .. })
    ));
    assert!(matches!(
        e.encode_addend(&Diagonal::Constant(1.0), Level::new(3)),
        Err(Error::LevelMismatch { .. })
    ));
    let imaginary = Diagonal::Complex(vec![Complex64::new(0.0, 1.0)]);
    assert!(matches!(e.encode_factor(&imaginary, Level::UNBOUNDED), Err(Error::Unsupported { .. })));
    assert!(matches!(e.compare(&x, f64::INFINITY), Err(Error::Value { .. })));
    let map = SparseMatrix::from_entries(2, 2, [(0, 1, Complex64::new(0.0, 1.0))]).unwrap();
    let prepared =
        e.prepare(&Arc::new(LinearMap::new(map)), &Schedule::Matrix, Level::UNBOUNDED, Keep::Encoded);
    assert!(matches!(prepared, Err(Error::Unsupported { .. })));
    let infinite = s.encryptor.encrypt(&Diagonal::Constant(f64::INFINITY), Level::UNBOUNDED, &mut s.rng);
    assert!(matches!(infinite, Err(Error::Value { .. })));
    assert!(matches!(Parameters::new(0), Err(Error::Parameters { .. })));
    assert!(matches!(parameters.clone().with_dimension(1), Err(Error::Parameters { .. })));
    assert!(matches!(parameters.with_condition_bound(0.5), Err(Error::Parameters { .. })));
    assert_eq!(e.compare(&x, 1.5).unwrap()[s.secret.message_lane()], [Ordering::Less, Ordering::Greater]);
}

#[test]
fn a_network_agrees_with_the_clear_to_rounding() {
    let mut s = Session::new(&Parameters::new(SLOTS).unwrap(), 17);
    let mut clear: Vec<f64> = (0..SLOTS).map(|i| (i as f64 * 0.9).cos()).collect();
    let mut encrypted = s.encrypt(&clear);
    for layer in 0..8 {
        let map = Arc::new(LinearMap::new(random_matrix(SLOTS, SLOTS, 0.8, layer)));
        let bias: Vec<f64> = (0..SLOTS).map(|i| (i as f64 + layer as f64).sin()).collect();
        let prepared = s.server.prepare(&map, &Schedule::Matrix, Level::UNBOUNDED, Keep::Encoded).unwrap();
        let addend = s.server.encode_addend(&Diagonal::Real(bias.clone()), Level::UNBOUNDED).unwrap();
        let sum = s.server.linear(&[&encrypted], &prepared).unwrap().remove(0);
        let sum = s.server.add_plain(&sum, &addend).unwrap();
        encrypted = s.server.exact().unwrap().apply(&sum, Function::Sigmoid).unwrap();
        let input: Vec<Complex64> = clear.iter().map(|v| Complex64::from(*v)).collect();
        let product = map.apply(SLOTS, &[input]).unwrap().remove(0);
        clear = product.iter().zip(&bias).map(|(v, b)| Function::Sigmoid.at(v.re + b)).collect();
    }
    s.check(&encrypted, |i| clear[i], 1e-12);
}
