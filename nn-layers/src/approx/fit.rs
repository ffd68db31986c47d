//! Polynomials fitted to functions, and their errors.
#![expect(clippy::indexing_slicing, reason = "small dense matrices whose indices run below their own sizes")]

use std::f64::consts::PI;

use super::Range;
use crate::layers::Chebyshev;

/// Points of the grid on which errors are measured.
const GRID: usize = 4001;
/// Points spread over the whole interval in a weighted fit.
const COVER_POINTS: usize = 256;
/// Their share of the weight: enough that the polynomial stays near the function where calibration shows few arguments.
const COVER_SHARE: f64 = 0.002;

/// The polynomial of degree `degree` that agrees with `f` at the Chebyshev points of `interval`.
///
/// For the functions here it is within a small factor of the best polynomial of its degree (Trefethen, Approximation Theory
/// and Approximation Practice, theorem 16.1: below `2 + (2/pi) log(degree + 1)`).
pub fn fit(f: impl Fn(f64) -> f64, interval: [f64; 2], degree: usize) -> Chebyshev {
    let count = degree + 1;
    let samples: Vec<f64> =
        (0..count).map(|point| f(from_unit(interval, chebyshev_point(point, count)))).collect();
    let coefficient = |k: usize| {
        let cosine = |point: usize| (k as f64 * PI * (point as f64 + 0.5) / count as f64).cos();
        let sum: f64 = samples.iter().enumerate().map(|(point, value)| value * cosine(point)).sum();
        sum * if k == 0 { 1.0 } else { 2.0 } / count as f64
    };
    Chebyshev { interval, coefficients: (0..count).map(coefficient).collect() }
}

/// The polynomial of degree `degree` with the least mean squared error where arguments really lie: `density` holds their
/// counts in bins of equal width over `range`. A small share of the weight covers the whole interval.
pub fn fit_weighted(
    f: impl Fn(f64) -> f64,
    interval: [f64; 2],
    degree: usize,
    range: Range,
    density: &[u64],
) -> Chebyshev {
    let total = density.iter().sum::<u64>().max(1) as f64;
    let width = (range.high - range.low) / density.len().max(1) as f64;
    let seen = density.iter().enumerate().filter(|(_, count)| **count > 0).map(|(bin, count)| {
        (to_unit(interval, range.low + (bin as f64 + 0.5) * width), *count as f64 / total)
    });
    let cover = (0..COVER_POINTS)
        .map(|point| (chebyshev_point(point, COVER_POINTS), COVER_SHARE / COVER_POINTS as f64));
    let count = degree + 1;
    let mut gram = vec![vec![0.0; count]; count];
    let mut right = vec![0.0; count];
    let mut basis = vec![0.0; count];
    for (t, weight) in seen.chain(cover) {
        chebyshev_values(t, &mut basis);
        let value = f(from_unit(interval, t));
        for row in 0..count {
            right[row] += weight * basis[row] * value;
            for column in 0..=row {
                gram[row][column] += weight * basis[row] * basis[column];
            }
        }
    }
    Chebyshev { interval, coefficients: solve(gram, right) }
}

/// Largest absolute error of `polynomial` against `f` on a fine grid over its interval.
pub fn largest_error(f: impl Fn(f64) -> f64, polynomial: &Chebyshev) -> f64 {
    let [low, high] = polynomial.interval;
    (0..GRID)
        .map(|i| low + (high - low) * i as f64 / (GRID - 1) as f64)
        .map(|x| (f(x) - polynomial.value(x)).abs())
        .fold(0.0, f64::max)
}

fn chebyshev_point(point: usize, count: usize) -> f64 {
    (PI * (point as f64 + 0.5) / count as f64).cos()
}

fn from_unit([low, high]: [f64; 2], t: f64) -> f64 {
    (low + high) / 2.0 + (high - low) / 2.0 * t
}

fn to_unit([low, high]: [f64; 2], x: f64) -> f64 {
    (2.0 * x - low - high) / (high - low)
}

/// `T_0(t), T_1(t), ..`
fn chebyshev_values(t: f64, values: &mut [f64]) {
    for k in 0..values.len() {
        values[k] = match k {
            0 => 1.0,
            1 => t,
            _ => 2.0 * t * values[k - 1] - values[k - 2],
        };
    }
}

/// Solves a symmetric positive definite system, of which the lower triangle is given, by Cholesky's method. The cover points
/// keep the normal equations well conditioned: on them alone the Chebyshev polynomials are orthogonal.
fn solve(mut matrix: Vec<Vec<f64>>, mut x: Vec<f64>) -> Vec<f64> {
    let n = x.len();
    for row in 0..n {
        for column in 0..=row {
            let inner: f64 = (0..column).map(|k| matrix[row][k] * matrix[column][k]).sum();
            let rest = matrix[row][column] - inner;
            matrix[row][column] = if row == column { rest.sqrt() } else { rest / matrix[column][column] };
        }
        let inner: f64 = (0..row).map(|k| matrix[row][k] * x[k]).sum();
        x[row] = (x[row] - inner) / matrix[row][row];
    }
    for row in (0..n).rev() {
        let inner: f64 = (row + 1..n).map(|k| matrix[k][row] * x[k]).sum();
        x[row] = (x[row] - inner) / matrix[row][row];
    }
    x
}
