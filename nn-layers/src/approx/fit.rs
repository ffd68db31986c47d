//! Chebyshev interpolation, and its error.

use std::f64::consts::PI;

use super::Degree;
use crate::layers::Chebyshev;

/// Points of the grid on which errors are measured.
const GRID: usize = 4001;

/// The polynomial of degree `degree` that agrees with `f` at the Chebyshev points of `interval`.
///
/// For the functions here it is within a small factor of the best polynomial of its degree (Trefethen, Approximation Theory
/// and Approximation Practice, theorem 16.1: below `2 + (2/pi) log(degree + 1)`).
pub fn fit(f: impl Fn(f64) -> f64, interval: [f64; 2], degree: usize) -> Chebyshev {
    let count = degree + 1;
    let [low, high] = interval;
    let (middle, half) = ((low + high) / 2.0, (high - low) / 2.0);
    let angle = |point: usize| PI * (point as f64 + 0.5) / count as f64;
    let samples: Vec<f64> = (0..count).map(|point| f(middle + half * angle(point).cos())).collect();
    let coefficient = |k: usize| {
        let sum: f64 =
            samples.iter().enumerate().map(|(point, value)| value * (k as f64 * angle(point)).cos()).sum();
        sum * if k == 0 { 1.0 } else { 2.0 } / count as f64
    };
    Chebyshev { interval, coefficients: (0..count).map(coefficient).collect() }
}

/// Largest absolute error of `polynomial` against `f` on a fine grid over its interval.
pub fn largest_error(f: impl Fn(f64) -> f64, polynomial: &Chebyshev) -> f64 {
    let [low, high] = polynomial.interval;
    (0..GRID)
        .map(|i| low + (high - low) * i as f64 / (GRID - 1) as f64)
        .map(|x| (f(x) - polynomial.value(x)).abs())
        .fold(0.0, f64::max)
}

/// The polynomial that `degree` asks for, and its error.
pub(super) fn by_degree(f: impl Fn(f64) -> f64, interval: [f64; 2], degree: Degree) -> (Chebyshev, f64) {
    let of_degree = |degree: usize| {
        let polynomial = fit(&f, interval, degree);
        let error = largest_error(&f, &polynomial);
        (polynomial, error)
    };
    match degree {
        Degree::Fixed(degree) => of_degree(degree),
        Degree::Error { error, most } => {
            let mut degree = 3.min(most);
            loop {
                let found = of_degree(degree);
                if found.1 <= error || degree >= most {
                    return found;
                }
                degree = (2 * degree + 1).min(most);
            }
        }
    }
}
