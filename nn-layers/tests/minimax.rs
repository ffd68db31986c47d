//! Minimax polynomials, the composite sign and domain extension: error curves on fine grids.

use nn_layers::approx::remez::{Parity, Real, minimax, real};
use nn_layers::approx::{composite_relu, composite_sign, extend, fit, largest_error};

const GRID: usize = 200_000;

fn grid([low, high]: [f64; 2]) -> impl Iterator<Item = f64> {
    (0..=GRID).map(move |i| low + (high - low) * i as f64 / GRID as f64)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn sigmoid_extended(x: &Real) -> Real {
    real(1.0) / (real(1.0) + (-x.clone()).exp())
}

/// Places where the error reaches its largest size, with alternating signs.
fn alternations(errors: &[f64]) -> usize {
    let largest = errors.iter().fold(0.0, |m: f64, e| m.max(e.abs()));
    let mut signs: Vec<bool> =
        errors.iter().filter(|e| e.abs() > 0.999 * largest).map(|e| *e > 0.0).collect();
    signs.dedup();
    signs.len()
}

#[test]
fn the_error_equioscillates_and_is_below_that_of_interpolation() {
    for (interval, degree) in [([-8.0, 8.0], 15), ([-2.0, 5.0], 7), ([-8.0, 8.0], 31)] {
        let found = minimax(sigmoid_extended, interval, interval, degree, Parity::Any).unwrap();
        let errors: Vec<f64> = grid(interval).map(|x| sigmoid(x) - found.polynomial.value(x)).collect();
        let largest = errors.iter().fold(0.0, |m: f64, e| m.max(e.abs()));
        assert!(
            (largest - found.error).abs() < 1e-6 * found.error + 1e-14,
            "{largest} against {}",
            found.error
        );
        // Chebyshev's theorem: one alternation more than coefficients proves that no polynomial does better.
        assert!(alternations(&errors) >= degree + 2, "{} alternations", alternations(&errors));
        let interpolated = largest_error(sigmoid, &fit(sigmoid, interval, degree));
        assert!(largest < interpolated, "{largest} against {interpolated}");
    }
}

#[test]
fn known_minimax_errors_are_found() {
    // x^n against degree n - 1 on [-1, 1]: the error is 2^(1 - n) (Chebyshev).
    for n in [4_usize, 9, 14] {
        let power = |x: &Real| (0..n).fold(real(1.0), |product, _| product * x);
        let found = minimax(power, [-1.0, 1.0], [-1.0, 1.0], n - 1, Parity::Any).unwrap();
        let expected = (1.0 - n as f64).exp2();
        assert!((found.error / expected - 1.0).abs() < 1e-6, "{} for {expected}", found.error);
    }
    // |x| below degree 2 on [-1, 1] is x^2 + 1/8.
    let absolute = |x: &Real| if *x < Real::ZERO { -x.clone() } else { x.clone() };
    let found = minimax(absolute, [-1.0, 1.0], [-1.0, 1.0], 2, Parity::Any);
    // The extrema at -1, 0 and 1 and inside are five for three coefficients.
    assert!((found.unwrap().error - 0.125).abs() < 1e-8);
}

#[test]
fn the_composite_sign_of_degrees_15_15_27() {
    let sign = composite_relu(&[15, 15, 27]).unwrap();
    assert_eq!(sign.depth(), 13);
    let mut largest = 0.0_f64;
    let mut relu = 0.0_f64;
    // Half of the grid near zero, where the sign is hardest: places in geometric progression.
    let near = (0..=GRID).map(|i| sign.from.powf(1.0 - i as f64 / GRID as f64));
    for x in near.chain(grid([sign.from, 1.0])) {
        largest = largest.max((sign.value(x) - 1.0).abs()).max((sign.value(-x) + 1.0).abs());
    }
    for x in grid([-1.0, 1.0]) {
        relu = relu.max((sign.relu(x) - x.max(0.0)).abs());
    }
    println!(
        "sign: {:.3} bits from 2^{:.3} on; ReLU: {:.3} bits on [-1, 1]",
        -largest.log2(),
        sign.from.log2(),
        -relu.log2()
    );
    assert!((largest - sign.error).abs() < 1e-6 * sign.error + 1e-12, "{largest} against {}", sign.error);
    assert!(relu <= 2.0_f64.powi(-13), "{relu:e}");
}

#[test]
fn a_sign_nearer_to_zero_is_worse_elsewhere() {
    let near = composite_sign(2.0_f64.powi(-10), &[7, 7]).unwrap();
    let far = composite_sign(2.0_f64.powi(-4), &[7, 7]).unwrap();
    assert!(far.error < near.error && far.error < 0.05, "{} {}", far.error, near.error);
    let (best, depth) = (composite_relu(&[7, 7]).unwrap(), 6);
    assert_eq!(best.depth(), depth);
    assert!(best.relu_error() < near.relu_error() && best.relu_error() < far.relu_error());
}

#[test]
fn sigmoid_on_a_wide_interval_by_domain_extension() {
    let extended = extend(sigmoid, 64.0, 5, 31);
    let largest = grid([-64.0, 64.0]).map(|x| (sigmoid(x) - extended.value(x)).abs()).fold(0.0, f64::max);
    let direct = largest_error(sigmoid, &fit(sigmoid, [-64.0, 64.0], 31));
    println!("extended {largest:e}, depth {}; one polynomial of degree 31 {direct:e}", extended.depth());
    assert!(largest < 1e-3 && largest < direct / 50.0, "{largest:e} against {direct:e}");
    assert_eq!(extended.depth(), 15);
}

#[test]
fn refusals_say_why() {
    let one = |_: &Real| real(1.0);
    let error = minimax(one, [1.0, 1.0], [0.0, 2.0], 3, Parity::Any).unwrap_err().to_string();
    assert!(error.starts_with("minimax polynomial of degree 3 on [1.0, 1.0]"), "{error}");
    assert!(minimax(one, [-0.5, 1.0], [-1.0, 1.0], 3, Parity::Odd).is_err());
}
