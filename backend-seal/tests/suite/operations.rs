//! Operations on ciphertexts, decrypted and held against the same in the clear.

use crate::common::{Party, needs, uniform, uniform_complex};
use backend_seal::{Ciphertext, Params, Seal};
use he_traits::{
    ClientScheme, Complex, Complex64, Diagonal, Encryptor as _, Error, Evaluator as _, Level, Result, Step,
};

fn toy(depth: usize, steps: impl IntoIterator<Item = usize>) -> Result<Party> {
    let params = Params::insecure_for_tests(2048, depth, 40)?;
    let needs = needs(&params, steps);
    Party::new(params, &needs)
}

#[test]
fn products_keep_precision_down_to_level_zero() -> Result<()> {
    let p = toy(6, [])?;
    let x = uniform(p.slots(), 1);
    let y: Vec<f64> = uniform(p.slots(), 2).iter().map(|v| v.signum() * (0.5 + 0.5 * v.abs())).collect();
    let mut product = p.encrypt(&x, 6)?;
    let mut plain_product = product.clone();
    for level in (0..6_u32).rev() {
        let factor = p.encrypt(&y, level + 1)?;
        product = p.server.mul(&product, &factor)?;
        let encoded = p.server.encode_factor(&Diagonal::Real(y.clone()), Level::new(level + 1))?;
        plain_product = p.server.mul_plain(&plain_product, &encoded)?;
        assert_eq!((product.level(), plain_product.level()), (Level::new(level), Level::new(level)));
        let power = (6 - level).cast_signed();
        for ciphertext in [&product, &plain_product] {
            let error = p.error(ciphertext, |i| x[i] * y[i].powi(power))?;
            assert!(error < 1e-7, "level {level}: {error:e}");
        }
    }
    assert!(matches!(p.server.mul(&product, &product), Err(Error::LevelExhausted { needs: 1, .. })));
    let at_zero = p.server.encode_factor(&Diagonal::Constant(1.0), Level::ZERO);
    assert!(matches!(at_zero, Err(Error::LevelExhausted { .. })));
    Ok(())
}

#[test]
fn sums_and_constants_at_every_level() -> Result<()> {
    let p = toy(3, [])?;
    let (x, y) = (uniform(p.slots(), 3), uniform(64, 4));
    for level in 0..=3 {
        let (a, b) = (p.encrypt(&x, level)?, p.encrypt(&y, level)?);
        assert!(p.error(&p.server.add(&a, &b)?, |i| x[i] + y[i % 64])? < 1e-8);
        assert!(p.error(&p.server.sub(&a, &b)?, |i| x[i] - y[i % 64])? < 1e-8);
        assert!(p.error(&p.server.neg(&a)?, |i| -x[i])? < 1e-8);
        assert!(p.error(&p.server.add_scalar(&a, -3.25)?, |i| x[i] - 3.25)? < 1e-8);
        let addend = p.server.encode_addend(&Diagonal::Real(y.clone()), Level::new(level))?;
        assert!(p.error(&p.server.add_plain(&a, &addend)?, |i| x[i] + y[i % 64])? < 1e-8);
    }
    let (high, low) = (p.encrypt(&x, 2)?, p.encrypt(&x, 1)?);
    assert!(matches!(p.server.add(&high, &low), Err(Error::LevelMismatch { op: "add", .. })));
    let factor = p.server.encode_factor(&Diagonal::Constant(2.0), Level::new(1))?;
    assert!(matches!(p.server.mul_plain(&high, &factor), Err(Error::LevelMismatch { .. })));
    Ok(())
}

#[test]
fn zeros_are_ordinary_operands() -> Result<()> {
    let p = toy(2, [3])?;
    let x = uniform(p.slots(), 5);
    let a = p.encrypt(&x, 2)?;
    let nothing = p.server.sub(&a, &a)?;
    assert!(p.error(&nothing, |_| 0.0)? < 1e-8);
    for zero in [Diagonal::Constant(0.0), Diagonal::Real(vec![0.0; 8])] {
        let factor = p.server.encode_factor(&zero, Level::new(2))?;
        let product = p.server.mul_plain(&a, &factor)?;
        assert!(p.error(&product, |_| 0.0)? < 1e-8);
        // It goes on as any other ciphertext does.
        let sum = p.server.add(&product, &p.encrypt(&x, 1)?)?;
        assert!(p.error(&p.server.rotate(&sum, Step(3))?, |i| x[(i + 3) % x.len()])? < 1e-8);
    }
    let squared = p.server.mul(&nothing, &a)?;
    assert!(p.error(&squared, |_| 0.0)? < 1e-8);
    let combined = p.server.combine(&[(0.0, &a), (0.0, &nothing)], 1.5, Level::new(1))?;
    assert!(p.error(&combined, |_| 1.5)? < 1e-8);
    Ok(())
}

#[test]
fn rotations_go_left_and_wrap() -> Result<()> {
    let slots = 1024;
    let p = toy(1, [1, 5, 512, slots - 3])?;
    let x = uniform(slots, 6);
    let a = p.encrypt(&x, 1)?;
    for step in [0, 1, 5, 512, -3, 1024, -1023, 5 + 3 * 1024] {
        let rotated = p.server.rotate(&a, Step(step))?;
        let left = Step(step).normalised(slots);
        assert!(p.error(&rotated, |i| x[(i + left) % slots])? < 1e-8, "step {step}");
    }
    let many = p.server.rotate_many(&a, &[Step(1), Step(-3), Step(0)])?;
    for (rotated, left) in many.iter().zip([1, slots - 3, 0]) {
        assert!(p.error(rotated, |i| x[(i + left) % slots])? < 1e-8);
    }
    let missing = p.server.rotate(&a, Step(2)).unwrap_err();
    assert!(matches!(missing, Error::MissingRotation { step: Step(2), .. }), "{missing}");
    Ok(())
}

#[test]
fn rotations_beyond_the_cap_are_composed() -> Result<()> {
    let params = Params::insecure_for_tests(2048, 1, 40)?;
    let steps: Vec<usize> = (1..60).map(|i| i * 17).collect();
    let params = params.clone().with_key_memory(26 * params.switching_key_bytes());
    let needs = needs(&params, steps.iter().copied());
    let keys = Seal::keygen(&params, &needs, &mut rand::rng())?;
    assert!(keys.evaluation.count() <= 26 && keys.evaluation.composed_rotations() > 30);
    let p = Party::new(params, &needs)?;
    let x = uniform(p.slots(), 7);
    let a = p.encrypt(&x, 1)?;
    for step in steps {
        let rotated = p.server.rotate(&a, Step::from(step))?;
        assert!(p.error(&rotated, |i| x[(i + step) % x.len()])? < 1e-7, "step {step}");
    }
    // What the program did not ask for is missing, even where a sum of keys would lead there.
    assert!(matches!(p.server.rotate(&a, Step(3)), Err(Error::MissingRotation { .. })));
    let tight = p.params.clone().with_key_memory(8 * p.params.switching_key_bytes());
    let refused = Seal::keygen(&tight, &needs, &mut rand::rng()).err().unwrap();
    assert!(refused.to_string().contains("cap"), "{refused}");
    Ok(())
}

#[test]
fn complex_slots_conjugate_and_turn_without_a_level() -> Result<()> {
    let p = toy(2, [7])?;
    let x = uniform_complex(p.slots(), 8);
    for level in 0..=2 {
        let a = p.encrypt_complex(&x, level)?;
        let complex = p.server.complex().unwrap();
        let conjugate = complex.conjugate(&a)?;
        assert!(p.complex_error(&conjugate, |i| x[i].conj())? < 1e-8);
        let turned = complex.mul_i(&a)?;
        assert_eq!(turned.level(), a.level());
        assert!(p.complex_error(&turned, |i| Complex64::I * x[i])? < 1e-8);
        let four = complex.mul_i(&complex.mul_i(&complex.mul_i(&turned)?)?)?;
        // Shifts of coefficients: not a bit of noise is added.
        assert_eq!(p.decrypted(&four)?, p.decrypted(&a)?);
    }
    let a = p.encrypt_complex(&x, 2)?;
    let square = p.server.mul(&a, &a)?;
    assert!(p.complex_error(&square, |i| x[i] * x[i])? < 1e-7);
    let factor = p.server.encode_factor(&Diagonal::Complex(x.clone()), Level::new(2))?;
    assert!(p.complex_error(&p.server.mul_plain(&a, &factor)?, |i| x[i] * x[i])? < 1e-7);
    assert!(p.complex_error(&p.server.rotate(&a, Step(7))?, |i| x[(i + 7) % x.len()])? < 1e-8);
    let without = Party::new(p.params.clone(), &he_traits::KeyNeeds::default())?;
    let b = without.encrypt_complex(&x, 1)?;
    let refused = without.server.complex().unwrap().conjugate(&b);
    assert!(matches!(refused, Err(Error::MissingConjugation { .. })));
    assert!(matches!(without.server.mul(&b, &b), Err(Error::MissingRelinearisation { .. })));
    Ok(())
}

impl Party {
    fn decrypted(&self, x: &Ciphertext) -> Result<Vec<Complex64>> {
        he_traits::Decryptor::decrypt_complex(&self.decryptor, x)
    }
}

#[test]
fn combinations_land_on_the_target_from_any_level() -> Result<()> {
    let p = toy(5, [])?;
    let data: Vec<Vec<f64>> = (0..6).map(|level| uniform(p.slots(), 20 + level)).collect();
    let x: Vec<Ciphertext> =
        (0..6_u32).map(|level| p.encrypt(&data[level as usize], level)).collect::<Result<_>>()?;
    for to in 0..=4_usize {
        let dropped = p.server.drop_to(&x[5], Level::new(to as u32))?;
        assert_eq!(dropped.level(), Level::new(to as u32));
        assert!(p.error(&dropped, |i| data[5][i])? < 1e-7);
        let coefficients = [1.0, -0.37, 2.0, 1e-3, 31.0, -5.5];
        let terms: Vec<(f64, &Ciphertext)> =
            (to..6).map(|level| (if level == to { -7.0 } else { coefficients[level] }, &x[level])).collect();
        let sum = p.server.combine(&terms, 0.125, Level::new(to as u32))?;
        let expected = |i: usize| {
            0.125 - 7.0 * data[to][i] + (to + 1..6).map(|l| coefficients[l] * data[l][i]).sum::<f64>()
        };
        let error = p.error(&sum, expected)?;
        assert!(error < 1e-6, "to {to}: {error:e}");
    }
    let to = Level::new(3);
    assert!(matches!(p.server.combine(&[(1.0, &x[2])], 0.0, to), Err(Error::LevelRaise { .. })));
    assert!(matches!(p.server.combine(&[(0.5, &x[3])], 0.0, to), Err(Error::LevelExhausted { .. })));
    assert!(matches!(p.server.combine(&[], 0.0, to), Err(Error::Shape { .. })));
    assert!(matches!(p.server.combine(&[(f64::NAN, &x[5])], 0.0, to), Err(Error::Value { .. })));
    assert!(matches!(p.server.drop_to(&x[2], to), Err(Error::LevelRaise { .. })));
    Ok(())
}

#[test]
fn sums_of_products_rescale_once() -> Result<()> {
    let p = toy(1, [])?;
    let data: Vec<Vec<f64>> = (0..6).map(|seed| uniform(p.slots(), 30 + seed)).collect();
    let x: Vec<Ciphertext> = data.iter().map(|v| p.encrypt(v, 1)).collect::<Result<_>>()?;
    let pairs = [(&x[0], &x[1]), (&x[2], &x[2]), (&x[4], &x[5])];
    let sum = p.server.mul_sum(&pairs)?;
    let expected = |i: usize| data[0][i] * data[1][i] + data[2][i] * data[2][i] + data[4][i] * data[5][i];
    assert!(p.error(&sum, expected)? < 1e-7);
    let factors: Vec<_> = data
        .iter()
        .map(|v| p.server.encode_factor(&Diagonal::Real(v.clone()), Level::new(1)))
        .collect::<Result<_>>()?;
    let sum = p.server.mul_plain_sum(&[(&x[0], &factors[1]), (&x[2], &factors[2]), (&x[4], &factors[5])])?;
    assert!(p.error(&sum, expected)? < 1e-7);
    assert!(matches!(p.server.mul_sum(&[]), Err(Error::Shape { .. })));
    Ok(())
}

#[test]
fn values_that_do_not_fit_are_refused_with_their_place() -> Result<()> {
    let p = toy(1, [])?;
    let mut values = vec![0.5; p.slots()];
    values[3] = f64::INFINITY;
    assert!(matches!(p.encrypt(&values, 1), Err(Error::Value { position: 3, .. })));
    values[3] = 1e9;
    // At level 0 the prime holds values up to 2^8; a level higher this one fits.
    assert!(matches!(p.encrypt(&values, 0), Err(Error::Value { position: 3, value: 1e9, .. })));
    p.encrypt(&values, 1)?;
    assert!(matches!(p.encrypt(&[1.0, 2.0, 3.0], 1), Err(Error::Shape { .. })));
    assert!(matches!(p.encrypt(&[1.0], 2), Err(Error::LevelRaise { .. })));
    let unbounded = p.encryptor.encrypt(&Diagonal::Constant(1.0), Level::UNBOUNDED, &mut rand::rng());
    assert!(matches!(unbounded, Err(Error::LevelRaise { .. })));
    Ok(())
}

#[test]
fn a_secure_ring_reaches_its_stated_precision() -> Result<()> {
    let params = Params::new(16384, 3, 40)?;
    let expected_bits = params.precision_bits();
    let p = Party::new(params.clone(), &needs(&params, [100]))?;
    let x = uniform(p.slots(), 40);
    let secret = p.encrypt(&x, 3)?;
    let key = Seal::public_key(&p.params, &p.secret, &mut rand::rng())?.unwrap();
    let public = Seal::public_encryptor(&p.params, &key)?;
    let public = public.encrypt(&Diagonal::Real(x.clone()), Level::new(3), &mut rand::rng())?;
    for (name, a) in [("secret key", secret), ("public key", public)] {
        let mut fourth = p.server.mul(&a, &a)?;
        fourth = p.server.mul(&fourth, &fourth)?;
        let rotated = p.server.rotate(&fourth, Step(100))?;
        let factor = p.server.encode_factor(&Diagonal::Real(x.clone()), Level::new(1))?;
        let last = p.server.mul_plain(&rotated, &factor)?;
        let bits = -p.error(&last, |i| x[(i + 100) % x.len()].powi(4) * x[i])?.log2();
        println!("{name}: {bits:.1} bits, {expected_bits} stated");
        // Each of the four steps doubles the error of its operands at most; the statement is for one of them.
        assert!(bits > expected_bits - 2.0, "{name}: {bits} bits");
    }
    Ok(())
}
