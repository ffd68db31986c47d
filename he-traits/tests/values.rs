//! Vectors of slots: what fits, what is refused, and how they turn.

use he_traits::{Complex64, Diagonal, Error};
use proptest::prelude::*;

#[test]
fn periods_must_divide_the_slots() {
    for length in [1, 2, 4, 8] {
        Diagonal::Real(vec![1.0; length]).check("test", 8).unwrap();
    }
    for length in [0, 3, 16] {
        assert!(matches!(
            Diagonal::Real(vec![1.0; length]).check("test", 8),
            Err(Error::Shape { op: "test", .. })
        ));
        assert!(Diagonal::Complex(vec![Complex64::I; length]).check("test", 8).is_err());
    }
    Diagonal::Constant(1.0).check("test", 7).unwrap();
}

#[test]
fn a_number_that_is_not_finite_is_named_by_position() {
    let nan = Complex64::new(0.0, f64::NAN);
    let infinite = Complex64::new(f64::INFINITY, 0.0);
    for (values, at) in [
        (Diagonal::Constant(f64::INFINITY), 0),
        (Diagonal::Real(vec![0.0, 1.0, f64::NAN, 3.0]), 2),
        (Diagonal::Complex(vec![Complex64::ONE, nan]), 1),
        (Diagonal::Complex(vec![infinite, Complex64::ONE]), 0),
    ] {
        let error = values.check("test", 4).unwrap_err();
        assert!(matches!(error, Error::Value { position, .. } if position == at), "{error}");
    }
}

#[test]
fn only_numbers_with_an_imaginary_part_are_complex() {
    let real = Diagonal::Complex(vec![Complex64::from(2.0), Complex64::ZERO]);
    assert_eq!(real.real("test").unwrap().as_ref(), [2.0, 0.0]);
    let error = Diagonal::Complex(vec![Complex64::I]).real("toy").unwrap_err();
    assert!(matches!(&error, Error::Unsupported { backend, .. } if backend == "toy"), "{error}");
    assert_eq!(Diagonal::Real(vec![1.0]).complex().as_ref(), [Complex64::ONE]);
    assert_eq!(Diagonal::Constant(3.0).complex().as_ref(), [Complex64::from(3.0)]);
}

#[test]
fn zero_is_zero_in_each_form() {
    for zero in
        [Diagonal::Constant(-0.0), Diagonal::Real(vec![0.0, -0.0]), Diagonal::Complex(vec![Complex64::ZERO])]
    {
        assert!(zero.is_zero());
    }
    for other in
        [Diagonal::from(1e-300), Diagonal::from(vec![0.0, 1.0]), Diagonal::Complex(vec![Complex64::I])]
    {
        assert!(!other.is_zero());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn turning_moves_slot_i_plus_step_to_slot_i(values in prop::collection::vec(-1.0..1.0_f64, 1..20), step in 0..100_usize) {
        let Diagonal::Real(turned) = Diagonal::Real(values.clone()).rotated(step) else { panic!("the form changed") };
        for (i, value) in turned.iter().enumerate() {
            prop_assert_eq!(Some(value), values.get((i + step) % values.len()));
        }
    }
}
