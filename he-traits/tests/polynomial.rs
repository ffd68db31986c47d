//! Polynomials on the clear reference: depth, accuracy and number of products.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed expectation is a failed test")]

use he_traits::{
    Basis, ClearCiphertext, ClearEvaluator, ClearKeys, ClearParams, Diagonal, Error, Evaluator, KeyNeeds,
    Level, Polynomial, Scheme, Symbolic, polynomial,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const SLOTS: usize = 16;

fn setting(top: Level) -> (ClearParams, ClearEvaluator) {
    let params = ClearParams::new(SLOTS, top).unwrap();
    (params, ClearEvaluator::new(params, ClearKeys::all(&params)).unwrap())
}

fn points() -> Vec<f64> {
    (0..SLOTS).map(|i| -1.0 + 2.0 * i as f64 / (SLOTS - 1) as f64).collect()
}

fn random(basis: Basis, degree: usize, rng: &mut ChaCha8Rng) -> Polynomial {
    let mut coefficients: Vec<f64> = (0..=degree).map(|_| rng.random_range(-1.0..1.0)).collect();
    coefficients[degree] += coefficients[degree].signum();
    Polynomial::new(basis, coefficients).unwrap()
}

/// Evaluates on [`points`] with the input at level `at`, and compares with the clear value.
fn check(polynomial: &Polynomial, top: Level, at: Level, after: Level) {
    let (params, evaluator) = setting(top);
    let x = ClearCiphertext::new(&params, &Diagonal::Real(points()), at).unwrap();
    let y = evaluator.polynomial(&x, polynomial).unwrap();
    assert_eq!(y.level(), after, "{polynomial:?}");
    for (x, y) in points().iter().zip(y.slots()) {
        let error = (y.re - polynomial.at(*x)).abs().max(y.im.abs());
        assert!(error < 1e-9, "degree {} at {x}: error {error}", polynomial.degree());
    }
}

/// The products that a symbolic run of the same evaluation sees.
fn counted(polynomial: &Polynomial) -> u64 {
    let params = ClearParams::new(SLOTS, Level::new(polynomial.depth())).unwrap();
    let symbolic = Symbolic::new(he_traits::Clear::profile(&params).unwrap());
    let x = symbolic.input(Level::new(polynomial.depth())).unwrap();
    let y = symbolic.polynomial(&x, polynomial).unwrap();
    assert_eq!(symbolic.level(&y), Level::ZERO);
    symbolic.record().counts.products
}

#[test]
fn every_degree_lands_at_level_zero_with_nothing_to_spare() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for basis in [Basis::Monomial, Basis::Chebyshev] {
        for degree in 0..=64 {
            let polynomial = random(basis, degree, &mut rng);
            let depth = (degree + 1).next_power_of_two().ilog2();
            assert_eq!(polynomial.depth(), depth);
            check(&polynomial, Level::new(depth), Level::new(depth), Level::ZERO);
        }
    }
}

#[test]
fn levels_to_spare_stay_and_unbounded_stays_unbounded() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for basis in [Basis::Monomial, Basis::Chebyshev] {
        for degree in [0, 1, 2, 3, 4, 7, 8, 15, 16, 27, 119, 128] {
            let polynomial = random(basis, degree, &mut rng);
            let depth = polynomial.depth();
            check(&polynomial, Level::new(20), Level::new(depth + 3), Level::new(3));
            check(&polynomial, Level::UNBOUNDED, Level::UNBOUNDED, Level::UNBOUNDED);
        }
    }
}

#[test]
fn products_stay_within_the_stated_bound() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    println!("degree  products  bound  sqrt(2 d) + log2 d");
    for basis in [Basis::Monomial, Basis::Chebyshev] {
        for degree in 2..=256_usize {
            let polynomial = random(basis, degree, &mut rng);
            let products = polynomial::products(&polynomial);
            assert_eq!(counted(&polynomial), products as u64);
            let n = (degree + 1) as f64;
            let bound = 2.13 * n.sqrt() + n.log2();
            assert!(products as f64 <= bound, "degree {degree}: {products} products, bound {bound}");
            if basis == Basis::Chebyshev && (degree + 1).is_power_of_two() {
                let optimum = (2.0 * degree as f64).sqrt() + (degree as f64).log2();
                println!("{degree:6}  {products:8}  {bound:5.1}  {optimum:5.1}");
            }
        }
    }
}

#[test]
fn parity_and_vanishing_coefficients_save_products() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for basis in [Basis::Monomial, Basis::Chebyshev] {
        for degree in [27_usize, 31, 63, 127] {
            let full = random(basis, degree, &mut rng);
            let odd: Vec<f64> = full
                .coefficients()
                .iter()
                .enumerate()
                .map(|(k, c)| if k % 2 == 1 { *c } else { 0.0 })
                .collect();
            let odd = Polynomial::new(basis, odd).unwrap();
            let even: Vec<f64> = full.coefficients()[..degree]
                .iter()
                .enumerate()
                .map(|(k, c)| if k % 2 == 0 { *c } else { 0.0 })
                .collect();
            let even = Polynomial::new(basis, even).unwrap();
            let counts = [&full, &odd, &even].map(polynomial::products);
            assert!(counts[1] < counts[0] && counts[2] < counts[0], "degree {degree}: {counts:?}");
            for sparse in [odd, even] {
                let depth = Level::new(sparse.depth());
                check(&sparse, depth, depth, Level::ZERO);
            }
        }
        let mut lone = vec![0.0; 33];
        lone[32] = 0.5;
        let lone = Polynomial::new(basis, lone).unwrap();
        assert_eq!(polynomial::products(&lone), 5);
        check(&lone, Level::new(6), Level::new(6), Level::ZERO);
    }
}

#[test]
fn squaring_takes_one_product_and_a_line_none() {
    for (coefficients, products) in [
        (vec![3.0], 0),
        (vec![0.0], 0),
        (vec![1.0, -2.0], 0),
        (vec![0.5, 0.25, 0.125], 1),
        (vec![0.0, 0.0, 0.0, 1.0], 2),
    ] {
        let polynomial = Polynomial::new(Basis::Monomial, coefficients).unwrap();
        assert_eq!(polynomial::products(&polynomial), products);
        let depth = Level::new(polynomial.depth());
        check(&polynomial, depth, depth, Level::ZERO);
    }
}

#[test]
fn too_few_levels_and_missing_keys_are_errors() {
    let polynomial = Polynomial::new(Basis::Chebyshev, vec![0.1, 0.2, 0.3, 0.4, 0.5]).unwrap();
    let (params, evaluator) = setting(Level::new(5));
    let x = ClearCiphertext::new(&params, &Diagonal::Constant(0.1), Level::new(2)).unwrap();
    let error = evaluator.polynomial(&x, &polynomial).unwrap_err();
    assert!(
        matches!(error, Error::LevelExhausted { needs: 3, level, .. } if level == Level::new(2)),
        "{error}"
    );
    let keyless = ClearEvaluator::new(params, ClearKeys::new(&params, KeyNeeds::default()).unwrap()).unwrap();
    let x = ClearCiphertext::new(&params, &Diagonal::Constant(0.1), Level::new(3)).unwrap();
    let error = keyless.polynomial(&x, &polynomial).unwrap_err();
    assert!(matches!(error, Error::MissingRelinearisation { .. }), "{error}");
}

#[test]
fn refuses_what_is_no_polynomial() {
    assert!(matches!(Polynomial::new(Basis::Monomial, vec![]), Err(Error::Shape { .. })));
    assert!(matches!(
        Polynomial::new(Basis::Monomial, vec![1.0, f64::NAN]),
        Err(Error::Value { position: 1, .. })
    ));
    assert_eq!(Polynomial::new(Basis::Monomial, vec![1.0, 0.0, 0.0]).unwrap().degree(), 0);
}
