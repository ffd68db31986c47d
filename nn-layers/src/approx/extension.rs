//! Polynomials on wide intervals by domain extension.

use super::fit;
use crate::layers::Chebyshev;

/// Ratio by which one step narrows the interval: up to there `x - 4 x^3 / 27` rises.
const RATIO: f64 = 1.5;

/// A function that saturates, on a wide interval: cubics take the wide interval onto a narrow one, each by half again, and leave the
/// middle nearly as it is; a polynomial on the narrow interval does the rest (Cheon, Kim, Park: Efficient Homomorphic Evaluation on
/// Large Intervals, 2022). The cubics rise, so that the last polynomial can be fitted to the function *behind* them and makes up for what they
/// bend.
#[derive(Debug, Clone, PartialEq)]
pub struct Extended {
    /// Half the wide interval.
    pub wide: f64,
    /// Half the interval that each cubic gives, in the order of evaluation: it takes `x` to `x - 4 x^3 / (27 r^2)`.
    pub narrowed: Vec<f64>,
    /// What is computed of the result.
    pub polynomial: Chebyshev,
}

impl Extended {
    /// The value at `x` in the wide interval.
    pub fn value(&self, x: f64) -> f64 {
        self.polynomial.value(self.narrowed.iter().fold(x, |x, radius| cubic(x, *radius)))
    }

    /// Multiplications one after the other: two a cubic, and those of the polynomial.
    pub fn depth(&self) -> u32 {
        let last = (self.polynomial.degree() + 1).next_power_of_two().ilog2();
        2 * u32::try_from(self.narrowed.len()).unwrap_or(u32::MAX) + last
    }
}

/// Rises on `[-1.5 r, 1.5 r]` and takes it onto `[-r, r]`.
fn cubic(x: f64, radius: f64) -> f64 {
    x - 4.0 * x * x * x / (27.0 * radius * radius)
}

/// The number that the cubic takes to `y`.
fn inverse(y: f64, radius: f64) -> f64 {
    let (mut low, mut high) = (-RATIO * radius, RATIO * radius);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if cubic(middle, radius) < y {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// `f` on `[-wide, wide]` by `steps` cubics and a polynomial of degree `degree`; `f` must be nearly constant at both ends.
pub fn extend(f: impl Fn(f64) -> f64, wide: f64, steps: usize, degree: usize) -> Extended {
    let mut radius = wide;
    let narrowed: Vec<f64> = (0..steps)
        .map(|_| {
            radius /= RATIO;
            radius
        })
        .collect();
    let behind = |y: f64| f(narrowed.iter().rev().fold(y, |y, radius| inverse(y, *radius)));
    let polynomial = fit(behind, [-radius, radius], degree);
    Extended { wide, narrowed, polynomial }
}
