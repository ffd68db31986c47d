//! Minimax polynomials by Remez' exchange algorithm, in extended precision.
//!
//! The polynomial of a degree whose largest error is least has an error that reaches its largest size, with alternating signs, at one
//! place more than it has coefficients (Chebyshev; see Trefethen, Approximation Theory and Approximation Practice, chapter 10). The
//! algorithm solves for the polynomial and the error at such places, moves the places to where the error really peaks, and repeats.
#![expect(clippy::indexing_slicing, reason = "small dense matrices whose indices run below their own sizes")]

use dashu_float::{FBig, round::mode::HalfEven};

use crate::error::{Error, Result};
use crate::layers::Chebyshev;

/// Bits of the arithmetic: errors of 1e-30 still have 20 digits of their own.
const BITS: usize = 192;
/// Samples between neighbouring peaks of the error.
const SAMPLES: usize = 16;
/// Parabolas that close in on a peak.
const REFINEMENTS: usize = 4;
/// Exchanges at most; convergence is quadratic once the places are near.
const EXCHANGES: usize = 60;
/// The largest error may exceed the levelled one by this share.
const LEVELLED: f64 = 1e-7;

/// A number of the extended precision.
pub type Real = FBig<HalfEven, 2>;

/// A number in the extended precision; what is not finite becomes zero.
pub fn real(x: f64) -> Real {
    Real::try_from(x).unwrap_or(Real::ZERO).with_precision(BITS).value()
}

/// A polynomial and its largest error on the interval it was made for.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimax {
    /// The polynomial.
    pub polynomial: Chebyshev,
    /// Largest absolute error, as the exchange found it.
    pub error: f64,
}

/// Which Chebyshev polynomials may appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// All up to the degree.
    Any,
    /// Odd ones only, over an interval that is symmetric around zero; errors are levelled on the part that is given.
    Odd,
}

/// The polynomial of degree `degree` at most whose largest error against `f` on `fitted` is least, in the Chebyshev basis over
/// `interval` (which holds `fitted`).
///
/// # Errors
/// [`Error::Approximation`] for an empty interval, and when the exchange does not come to rest.
pub fn minimax(
    f: impl Fn(&Real) -> Real,
    fitted: [f64; 2],
    interval: [f64; 2],
    degree: usize,
    parity: Parity,
) -> Result<Minimax> {
    let refused = |reason: &str| Error::Approximation { degree, interval: fitted, reason: reason.to_owned() };
    let [low, high] = fitted;
    if !(low < high && interval[0] <= low && high <= interval[1] && (high - low).is_finite()) {
        return Err(refused("the interval is empty or not inside the basis' own"));
    }
    if parity == Parity::Odd && !(low > 0.0 && interval[0] == -interval[1]) {
        return Err(refused("odd polynomials are fitted right of zero, over a symmetric interval"));
    }
    let problem = Problem { f, interval: interval.map(real), degree, parity };
    let count = problem.count() + 1;
    let mut places: Vec<Real> = (0..count).map(|i| real(extremum(fitted, i, count))).collect();
    for _ in 0..EXCHANGES {
        let solution = problem.solve(&places).ok_or_else(|| refused("the places of the error coincide"))?;
        let (coefficients, levelled) = solution.split_at(count - 1);
        let levelled = levelled.first().map_or(0.0, |e| e.to_f64().value().abs());
        let peaks = problem.peaks(coefficients, &places, fitted);
        let largest = peaks.iter().map(|peak| peak.error.abs()).fold(0.0, f64::max);
        if largest <= levelled * (1.0 + LEVELLED) || largest < f64::MIN_POSITIVE {
            let polynomial = Chebyshev { interval, coefficients: problem.all(coefficients) };
            return Ok(Minimax { polynomial, error: largest });
        }
        places = exchanged(peaks, count).ok_or_else(|| refused("the error changes sign too rarely"))?;
    }
    Err(refused("the exchange did not come to rest"))
}

/// Chebyshev extremum `index` of `count` on an interval, in rising order.
fn extremum([low, high]: [f64; 2], index: usize, count: usize) -> f64 {
    let t = -(std::f64::consts::PI * index as f64 / (count - 1).max(1) as f64).cos();
    (0.5 * (low + high) + 0.5 * (high - low) * t).clamp(low, high)
}

/// A place where the error is large.
struct Peak {
    place: Real,
    error: f64,
}

struct Problem<F> {
    f: F,
    interval: [Real; 2],
    degree: usize,
    parity: Parity,
}

impl<F: Fn(&Real) -> Real> Problem<F> {
    /// Number of coefficients.
    fn count(&self) -> usize {
        match self.parity {
            Parity::Any => self.degree + 1,
            Parity::Odd => self.degree.div_ceil(2),
        }
    }

    /// Values of the basis at `x`.
    fn basis(&self, x: &Real) -> Vec<Real> {
        let [low, high] = &self.interval;
        let t = (real(2.0) * x - low - high) / (high - low);
        let mut values = vec![real(1.0), t.clone()];
        for k in 2..=self.degree {
            let next = real(2.0) * &t * &values[k - 1] - &values[k - 2];
            values.push(next);
        }
        values.truncate(self.degree + 1);
        match self.parity {
            Parity::Any => values,
            Parity::Odd => values.into_iter().skip(1).step_by(2).collect(),
        }
    }

    /// Coefficients and the levelled error for which `f - p` alternates at `places`; `None` for a singular system.
    fn solve(&self, places: &[Real]) -> Option<Vec<Real>> {
        let rows = places.iter().enumerate().map(|(index, place)| {
            let mut row = self.basis(place);
            row.push(real(if index % 2 == 0 { 1.0 } else { -1.0 }));
            row.push((self.f)(place).with_precision(BITS).value());
            row
        });
        eliminated(rows.collect())
    }

    fn error(&self, coefficients: &[Real], x: &Real) -> f64 {
        let sum = self.basis(x).iter().zip(coefficients).fold(real(0.0), |sum, (b, c)| sum + b * c);
        ((self.f)(x) - sum).to_f64().value()
    }

    /// Largest error of each stretch over which the error keeps its sign, from left to right.
    fn peaks(&self, coefficients: &[Real], places: &[Real], fitted: [f64; 2]) -> Vec<Peak> {
        let mut knots = vec![real(fitted[0])];
        knots.extend(places.iter().cloned());
        knots.push(real(fitted[1]));
        let between = |pair: &[Real]| -> Vec<Real> {
            let width = (&pair[1] - &pair[0]) / real(SAMPLES as f64);
            (0..SAMPLES).map(|i| &pair[0] + &width * real(i as f64)).collect()
        };
        let mut grid: Vec<Real> =
            knots.windows(2).filter(|pair| pair[0] < pair[1]).flat_map(between).collect();
        grid.push(real(fitted[1]));
        let errors: Vec<f64> = grid.iter().map(|x| self.error(coefficients, x)).collect();
        let mut peaks: Vec<Peak> = Vec::new();
        for index in 0..grid.len() {
            let peak = self.refined(coefficients, &grid, &errors, index);
            match peaks.last_mut() {
                Some(last) if (last.error < 0.0) == (peak.error < 0.0) => {
                    if peak.error.abs() > last.error.abs() {
                        *last = peak;
                    }
                }
                _ => peaks.push(peak),
            }
        }
        peaks
    }

    /// A sample, moved to the top of parabolas through it and ever nearer neighbours where it is a peak.
    fn refined(&self, coefficients: &[Real], grid: &[Real], errors: &[f64], index: usize) -> Peak {
        let sample = Peak { place: grid[index].clone(), error: errors[index] };
        if index == 0 || index + 1 >= grid.len() {
            return sample;
        }
        if errors[index].abs() < errors[index - 1].abs() || errors[index].abs() < errors[index + 1].abs() {
            return sample;
        }
        let before = (&grid[index] - &grid[index - 1]).to_f64().value();
        let after = (&grid[index + 1] - &grid[index]).to_f64().value();
        let mut peak = sample;
        let mut reach = before.min(after);
        let [mut left, mut right] = [errors[index - 1], errors[index + 1]];
        let mut sides = [before, after];
        for _ in 0..REFINEMENTS {
            let (rise, fall) = ((peak.error - left) / sides[0], (right - peak.error) / sides[1]);
            let curvature = (fall - rise) / (sides[0] + sides[1]);
            let step = -(rise + curvature * sides[0]) / (2.0 * curvature);
            if step.is_finite() && step > -sides[0] && step < sides[1] {
                let place = &peak.place + real(step);
                let error = self.error(coefficients, &place);
                if error.abs() > peak.error.abs() {
                    peak = Peak { place, error };
                }
            }
            reach /= 8.0;
            left = self.error(coefficients, &(&peak.place - real(reach)));
            right = self.error(coefficients, &(&peak.place + real(reach)));
            sides = [reach; 2];
        }
        peak
    }

    /// Coefficients of every Chebyshev polynomial, zeros where the parity forbids one.
    fn all(&self, coefficients: &[Real]) -> Vec<f64> {
        let mut values = coefficients.iter().map(|c| c.to_f64().value());
        (0..=self.degree)
            .map(|k| match self.parity {
                Parity::Odd if k % 2 == 0 => 0.0,
                _ => values.next().unwrap_or(0.0),
            })
            .collect()
    }
}

/// As many neighbouring peaks as asked for, with the largest among them; `None` when there are fewer.
fn exchanged(mut peaks: Vec<Peak>, count: usize) -> Option<Vec<Real>> {
    while peaks.len() > count {
        let (first, last) = (peaks.first()?.error.abs(), peaks.last()?.error.abs());
        if first < last {
            peaks.remove(0);
        } else {
            peaks.pop();
        }
    }
    (peaks.len() == count).then(|| peaks.into_iter().map(|peak| peak.place).collect())
}

/// Solves a system whose rows end in the right side, by elimination with pivots.
fn eliminated(mut rows: Vec<Vec<Real>>) -> Option<Vec<Real>> {
    let n = rows.len();
    let size = |x: &Real| if *x < Real::ZERO { -x.clone() } else { x.clone() };
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| size(&rows[*a][column]).cmp(&size(&rows[*b][column])))?;
        rows.swap(column, pivot);
        if rows[column][column] == Real::ZERO {
            return None;
        }
        for row in column + 1..n {
            let (above, below) = rows.split_at_mut(row);
            let (pivot, target) = (&above[column], &mut below[0]);
            let factor = &target[column] / &pivot[column];
            for (entry, above) in target.iter_mut().zip(pivot).skip(column) {
                *entry -= &factor * above;
            }
        }
    }
    let mut x = vec![real(0.0); n];
    for row in (0..n).rev() {
        let known = (row + 1..n).fold(real(0.0), |sum, k| sum + &rows[row][k] * &x[k]);
        x[row] = (&rows[row][n] - known) / &rows[row][row];
    }
    Some(x)
}
