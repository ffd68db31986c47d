//! The clear reference obeys the rules of a scheme; the provided methods agree with it; the symbolic one counts.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod common;

use common::{Minimal, evaluators};
use he_traits::{
    Assumption, Clear, ClearCiphertext, ClearEvaluator, ClearKeys, ClearParams, Complex, Complex64, Diagonal,
    Error, Evaluator, Exact, Function, KeyNeeds, Level, Profile, Requirements, Scheme, Step, Symbolic,
};

const TOP: Level = Level::new(4);

fn params() -> ClearParams {
    ClearParams::new(8, TOP).unwrap()
}

fn all() -> (ClearEvaluator, Minimal) {
    evaluators(params(), ClearKeys::all(&params()).needs().clone())
}

fn at(level: u32, scale: f64) -> ClearCiphertext {
    let values = (0..8).map(|i| scale * (f64::from(i) - 3.5)).collect();
    ClearCiphertext::new(&params(), &Diagonal::Real(values), Level::new(level)).unwrap()
}

fn same(a: Result<ClearCiphertext, Error>, b: Result<ClearCiphertext, Error>) {
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.level(), b.level());
    assert!(
        a.slots().iter().zip(b.slots()).all(|(a, b)| (a - b).norm() < 1e-12),
        "{:?} {:?}",
        a.slots(),
        b.slots()
    );
}

/// Both refuse, with the same variant.
fn refuse(a: Result<ClearCiphertext, Error>, b: Result<ClearCiphertext, Error>) -> Error {
    let (a, b) = (a.unwrap_err(), b.unwrap_err());
    assert_eq!(std::mem::discriminant(&a), std::mem::discriminant(&b), "{a} / {b}");
    a
}

#[test]
fn provided_methods_agree_with_the_reference() {
    let (clear, minimal) = all();
    let (x, y, low) = (at(3, 1.0), at(3, -0.3), at(1, 2.0));
    same(clear.sub(&x, &y), minimal.sub(&x, &y));
    same(clear.add_scalar(&x, 0.25), minimal.add_scalar(&x, 0.25));
    for to in 0..=3 {
        same(clear.drop_to(&x, Level::new(to)), minimal.drop_to(&x, Level::new(to)));
    }
    let combine = |terms: &[(f64, &ClearCiphertext)], constant, to| {
        same(
            clear.combine(terms, constant, Level::new(to)),
            minimal.combine(terms, constant, Level::new(to)),
        );
    };
    combine(&[(0.5, &x), (-1.5, &low)], 0.1, 0);
    combine(&[(0.5, &x), (3.0, &low), (-7.0, &low), (1.0, &low)], -2.0, 1);
    combine(&[(1.0, &x)], 0.0, 3);
    combine(&[(0.0, &x)], 1.5, 3);
    combine(&[(0.0, &x)], 0.0, 0);
    same(clear.mul_sum(&[(&x, &y), (&y, &y)]), minimal.mul_sum(&[(&x, &y), (&y, &y)]));
    let factors: Vec<_> = [Diagonal::Constant(2.0), Diagonal::Real(vec![1.0, -1.0])]
        .iter()
        .map(|values| clear.encode_factor(values, Level::new(3)).unwrap())
        .collect();
    let pairs = [(&x, &factors[0]), (&y, &factors[1])];
    same(clear.mul_plain_sum(&pairs), minimal.mul_plain_sum(&pairs));
    let steps = [Step(1), Step(-1), Step(0), Step(11)];
    for (a, b) in
        clear.rotate_many(&x, &steps).unwrap().into_iter().zip(minimal.rotate_many(&x, &steps).unwrap())
    {
        same(Ok(a), Ok(b));
    }
}

#[test]
fn provided_methods_refuse_what_the_reference_refuses() {
    let (clear, minimal) = all();
    let (x, low, zero) = (at(3, 1.0), at(1, 1.0), at(0, 1.0));
    let error = refuse(clear.sub(&x, &low), minimal.sub(&x, &low));
    assert!(matches!(error, Error::LevelMismatch { .. }));
    let error = refuse(clear.drop_to(&low, Level::new(2)), minimal.drop_to(&low, Level::new(2)));
    assert!(matches!(error, Error::LevelRaise { .. }));
    let combine = |terms: &[(f64, &ClearCiphertext)], to| {
        refuse(clear.combine(terms, 0.0, Level::new(to)), minimal.combine(terms, 0.0, Level::new(to)))
    };
    assert!(matches!(combine(&[(1.0, &low)], 2), Error::LevelRaise { .. }));
    assert!(matches!(combine(&[(0.5, &x)], 3), Error::LevelExhausted { .. }));
    assert!(matches!(combine(&[(f64::NAN, &x)], 2), Error::Value { .. }));
    assert!(matches!(combine(&[], 2), Error::Shape { .. }));
    let error = refuse(clear.mul_sum(&[(&zero, &zero)]), minimal.mul_sum(&[(&zero, &zero)]));
    assert!(matches!(error, Error::LevelExhausted { .. }));
    assert!(matches!(refuse(clear.mul_sum(&[]), minimal.mul_sum(&[])), Error::Shape { .. }));
    assert!(matches!(refuse(clear.mul_plain_sum(&[]), minimal.mul_plain_sum(&[])), Error::Shape { .. }));
    let error = refuse(clear.add_scalar(&x, f64::INFINITY), minimal.add_scalar(&x, f64::INFINITY));
    assert!(matches!(error, Error::Value { .. }));
}

#[test]
fn levels_are_spent_and_run_out() {
    let (clear, _) = all();
    let one = at(1, 1.0);
    let zero = clear.mul(&one, &one).unwrap();
    assert_eq!(zero.level(), Level::ZERO);
    assert!(matches!(clear.mul(&zero, &zero), Err(Error::LevelExhausted { needs: 1, .. })));
    assert!(matches!(
        clear.encode_factor(&Diagonal::Constant(1.0), Level::ZERO),
        Err(Error::LevelExhausted { .. })
    ));
    assert!(matches!(
        clear.encode_factor(&Diagonal::Constant(1.0), Level::new(5)),
        Err(Error::LevelRaise { .. })
    ));
    assert!(matches!(
        ClearCiphertext::new(&params(), &Diagonal::Constant(1.0), Level::new(5)),
        Err(Error::LevelRaise { .. })
    ));
    let factor = clear.encode_factor(&Diagonal::Constant(1.0), TOP).unwrap();
    assert!(matches!(clear.mul_plain(&one, &factor), Err(Error::LevelMismatch { .. })));
}

#[test]
fn without_a_budget_every_level_is_the_same() {
    let params = ClearParams::new(8, Level::UNBOUNDED).unwrap();
    let clear = ClearEvaluator::new(params, ClearKeys::all(&params)).unwrap();
    let mut x = ClearCiphertext::new(&params, &Diagonal::Constant(0.5), Level::new(3)).unwrap();
    for _ in 0..10 {
        x = clear.mul(&x, &x).unwrap();
    }
    assert!(x.level().is_unbounded());
    let x = clear.drop_to(&x, Level::ZERO).unwrap();
    assert!(clear.combine(&[(0.5, &x)], 1.0, Level::ZERO).unwrap().level().is_unbounded());
}

#[test]
fn keys_are_needed_at_the_level_of_use() {
    let mut needs = KeyNeeds::default();
    needs.rotate(3, Level::new(2));
    needs.relinearise(Level::new(2));
    let (clear, _) = evaluators(params(), needs);
    let (low, high) = (at(2, 1.0), at(3, 1.0));
    assert_eq!(clear.rotate(&low, Step(-5)).unwrap().slots()[0], low.slots()[3]);
    clear.rotate(&high, Step(8)).unwrap();
    assert!(matches!(clear.rotate(&high, Step(3)), Err(Error::MissingRotation { step: Step(3), .. })));
    assert!(matches!(clear.rotate(&low, Step(1)), Err(Error::MissingRotation { step: Step(1), .. })));
    clear.mul(&low, &low).unwrap();
    assert!(matches!(clear.mul(&high, &high), Err(Error::MissingRelinearisation { .. })));
    let mut beyond = KeyNeeds::default();
    beyond.rotate(8, Level::new(2));
    assert!(matches!(ClearKeys::new(&params(), beyond), Err(Error::Parameters { .. })));
    let mut beyond = KeyNeeds::default();
    beyond.relinearise(Level::new(5));
    assert!(matches!(ClearKeys::new(&params(), beyond), Err(Error::Parameters { .. })));
    let others = ClearKeys::all(&params().with_exact(true));
    assert!(matches!(ClearEvaluator::new(params(), others), Err(Error::Parameters { .. })));
}

#[test]
fn capabilities_are_there_when_the_parameters_say_so() {
    let (clear, minimal) = all();
    assert!(clear.exact().is_none() && clear.complex().is_none() && clear.refresh().is_none());
    assert!(minimal.exact().is_none());
    let imaginary = Diagonal::Complex(vec![Complex64::I]);
    assert!(matches!(clear.encode_factor(&imaginary, TOP), Err(Error::Unsupported { .. })));

    let params = params().with_exact(true).with_complex(true);
    let clear = ClearEvaluator::new(params, ClearKeys::all(&params)).unwrap();
    let x = ClearCiphertext::new(&params, &Diagonal::Constant(0.5), TOP).unwrap();
    let exact = clear.exact().unwrap();
    let tanh = exact.apply(&x, Function::Tanh).unwrap();
    assert_eq!((tanh.slots()[0].re, tanh.level()), (0.5_f64.tanh(), TOP));
    assert_eq!(exact.div(&tanh, &x).unwrap().slots()[7].re, 0.5_f64.tanh() / 0.5);
    let zero = clear.sub(&x, &x).unwrap();
    assert!(matches!(exact.apply(&zero, Function::Ln), Err(Error::Value { op: "ln", .. })));
    assert!(matches!(exact.div(&x, &zero), Err(Error::Value { op: "div", .. })));
    let complex = clear.complex().unwrap();
    let i_half = complex.mul_i(&x).unwrap();
    assert_eq!(i_half.slots()[0], Complex64::new(0.0, 0.5));
    assert_eq!(complex.conjugate(&i_half).unwrap().slots()[0], Complex64::new(0.0, -0.5));
    assert!(matches!(exact.apply(&i_half, Function::Tanh), Err(Error::Value { .. })));
    let keyless = ClearEvaluator::new(params, ClearKeys::new(&params, KeyNeeds::default()).unwrap()).unwrap();
    assert!(matches!(keyless.complex().unwrap().conjugate(&x), Err(Error::MissingConjugation { .. })));
}

#[test]
fn the_profile_says_that_nothing_is_protected() {
    let requirements = Requirements { depth: 3, slots: 100, precision_bits: 30, bound: 10.0 };
    let params = Clear::parameters(&requirements).unwrap();
    assert_eq!((params.slots(), params.top()), (128, Level::new(3)));
    let profile = Clear::profile(&params).unwrap();
    assert_eq!(profile.security.assumption, Assumption::None);
    assert_eq!(profile.security.statement, "no protection: plaintext");
    assert!(Clear::parameters(&Requirements { slots: usize::MAX, ..requirements }).is_err());
    assert!(ClearParams::new(0, TOP).is_err());
}

#[test]
fn a_symbolic_run_yields_keys_counts_and_seconds() {
    let mut profile = Clear::profile(&params().with_complex(true).with_exact(true)).unwrap();
    profile.costs.mul = he_traits::Cost { base: 1.0, per_limb: 1.0, per_limb_squared: 0.0 };
    profile.costs.add = he_traits::Cost::flat(0.25);
    let symbolic = Symbolic::new(profile);
    let x = symbolic.input(Level::new(3)).unwrap();
    let y = symbolic.mul(&x, &x).unwrap();
    let y = symbolic.rotate(&y, Step(-1)).unwrap();
    symbolic.rotate_many(&y, &[Step(0), Step(2), Step(7), Step(4)]).unwrap();
    symbolic.add(&y, &y).unwrap();
    symbolic.complex().unwrap().conjugate(&y).unwrap();
    symbolic.exact().unwrap().apply(&y, Function::Relu).unwrap();
    let record = symbolic.take_record();
    assert_eq!(
        record.needs.rotations.into_iter().collect::<Vec<_>>(),
        [2, 4, 7].map(|step| (step, Level::new(2)))
    );
    assert_eq!(record.needs.relinearisation, Some(Level::new(3)));
    assert_eq!(record.needs.conjugation, Some(Level::new(2)));
    let counts = record.counts;
    assert_eq!((counts.products, counts.rescales, counts.additions), (1, 1, 1));
    assert_eq!((counts.rotations, counts.hoisted_rotations), (2, 2));
    assert_eq!((counts.conjugations, counts.exact_slots), (1, 8));
    assert!(record.seconds > 5.25 && record.seconds < 5.26, "{}", record.seconds);
    assert_eq!(symbolic.record(), Default::default());
}

#[test]
fn a_symbolic_run_refuses_what_the_reference_refuses() {
    let symbolic = Symbolic::new(Clear::profile(&params()).unwrap());
    let (x, low) = (symbolic.input(TOP).unwrap(), symbolic.input(Level::ZERO).unwrap());
    assert!(matches!(symbolic.input(Level::new(5)), Err(Error::LevelRaise { .. })));
    assert!(matches!(symbolic.add(&x, &low), Err(Error::LevelMismatch { .. })));
    assert!(matches!(symbolic.mul(&low, &low), Err(Error::LevelExhausted { .. })));
    assert!(matches!(symbolic.drop_to(&low, TOP), Err(Error::LevelRaise { .. })));
    assert!(matches!(symbolic.combine(&[(0.5, &x)], 0.0, TOP), Err(Error::LevelExhausted { .. })));
    assert!(matches!(symbolic.combine(&[], 0.0, TOP), Err(Error::Shape { .. })));
    assert!(matches!(
        symbolic.encode_factor(&Diagonal::Constant(1.0), Level::ZERO),
        Err(Error::LevelExhausted { .. })
    ));
    assert!(matches!(symbolic.encode_addend(&Diagonal::Real(vec![1.0; 3]), TOP), Err(Error::Shape { .. })));
    assert!(symbolic.exact().is_none() && symbolic.complex().is_none() && symbolic.refresh().is_none());
}

#[cfg(feature = "client")]
#[test]
fn the_owners_half_encrypts_and_decrypts() {
    use he_traits::{ClientScheme, Decryptor, Encryptor};
    use rand_chacha::rand_core::SeedableRng;

    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let params = params();
    let mut needs = KeyNeeds::default();
    needs.relinearise(TOP);
    let keys = Clear::keygen(&params, &needs, &mut rng).unwrap();
    assert_eq!(keys.evaluation.needs(), &needs);
    assert!(Clear::public_key(&params, &keys.secret, &mut rng).unwrap().is_none());
    let bytes = Clear::secret_to_bytes(&params, &keys.secret).unwrap();
    let secret = Clear::secret_from_bytes(&params, &bytes).unwrap();
    assert!(matches!(Clear::secret_from_bytes(&params, &bytes[1..]), Err(Error::Malformed { .. })));
    let encryptor = Clear::encryptor(&params, &keys.secret).unwrap();
    let x = encryptor.encrypt(&Diagonal::Real(vec![1.5, -2.0]), TOP, &mut rng).unwrap();
    let evaluator = Clear::evaluator(&params, keys.evaluation).unwrap();
    let square = evaluator.mul(&x, &x).unwrap();
    let decryptor = Clear::decryptor(&params, &secret).unwrap();
    assert_eq!(decryptor.decrypt(&square).unwrap(), [2.25, 4.0].repeat(4));
    assert_eq!(decryptor.decrypt_complex(&square).unwrap()[1], Complex64::from(4.0));
    let others = Clear::decryptor(&ClearParams::new(4, TOP).unwrap(), &secret).unwrap();
    assert!(matches!(others.decrypt(&square), Err(Error::Parameters { .. })));
}

#[test]
fn what_repeats_costs_by_its_period_where_the_scheme_says_so() {
    let params = ClearParams::new(64, Level::UNBOUNDED).unwrap().with_exact(true);
    let mut profile = Clear::profile(&params).unwrap();
    let cost = |profile: &Profile| {
        let symbolic = Symbolic::new(profile.clone());
        let x = symbolic.periodic_input(Level::UNBOUNDED, 8).unwrap();
        let y = symbolic.periodic_input(Level::UNBOUNDED, 16).unwrap();
        let sum = symbolic.add(&x, &y).unwrap();
        symbolic.exact().unwrap().apply(&sum, Function::Relu).unwrap();
        let record = symbolic.record();
        (record.counts.exact_slots, record.seconds)
    };
    let (add, slot) = (profile.costs.add.base, profile.costs.exact_slot.base);
    assert_eq!(cost(&profile), (64, add + 64.0 * slot));
    profile.repeats_once = true;
    let (slots, seconds) = cost(&profile);
    assert_eq!(slots, 16);
    assert!((seconds - (add / 4.0 + 16.0 * slot)).abs() < 1e-12);
}
