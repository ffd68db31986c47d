//! Elementwise arithmetic of 2 x 2 matrices whose four entries lie in four planes: entry (i, j) in plane 2 i + j.
//!
//! All planes of a call have the same length. Every kernel takes its planes as single arguments: only then does the compiler know
//! that results do not overlap operands, and turns the loop into vector code without asking at run time.
#![expect(
    clippy::indexing_slicing,
    clippy::too_many_arguments,
    reason = "dense kernels: the shapes are stated at every function and hold by construction"
)]

use he_traits::vector_math::exp_within;

use super::{mul_add, multiversioned};

/// The four planes of operands.
pub(crate) type Planes<'a> = [&'a [f64]; 4];

/// The four planes of a result.
pub(crate) type PlanesMut<'a> = [&'a mut [f64]; 4];

/// Cuts slices to one length, so that the compiler sees it and drops the bounds checks of the loop.
macro_rules! same_length {
    ($length:ident: $($slice:ident),*) => {
        $(let $slice = &$slice[..$length];)*
    };
    (mut $length:ident: $($slice:ident),*) => {
        $(let $slice = &mut $slice[..$length];)*
    };
}

#[inline(always)]
fn multiply_body<const FMA: bool>(
    a: &[f64],
    b: &[f64],
    c: &[f64],
    d: &[f64],
    e: &[f64],
    f: &[f64],
    g: &[f64],
    h: &[f64],
    r0: &mut [f64],
    r1: &mut [f64],
    r2: &mut [f64],
    r3: &mut [f64],
) {
    let length = r0.len();
    same_length!(length: a, b, c, d, e, f, g, h);
    same_length!(mut length: r0, r1, r2, r3);
    for i in 0..length {
        r0[i] = mul_add::<FMA>(a[i], e[i], b[i] * g[i]);
        r1[i] = mul_add::<FMA>(a[i], f[i], b[i] * h[i]);
        r2[i] = mul_add::<FMA>(c[i], e[i], d[i] * g[i]);
        r3[i] = mul_add::<FMA>(c[i], f[i], d[i] * h[i]);
    }
}

#[inline(always)]
fn invert_body<const FMA: bool>(
    a: &[f64],
    b: &[f64],
    c: &[f64],
    d: &[f64],
    r0: &mut [f64],
    r1: &mut [f64],
    r2: &mut [f64],
    r3: &mut [f64],
) {
    let length = r0.len();
    same_length!(length: a, b, c, d);
    same_length!(mut length: r0, r1, r2, r3);
    for i in 0..length {
        let scale = 1.0 / mul_add::<FMA>(a[i], d[i], -(b[i] * c[i]));
        r0[i] = d[i] * scale;
        r1[i] = -b[i] * scale;
        r2[i] = -c[i] * scale;
        r3[i] = a[i] * scale;
    }
}

#[inline(always)]
fn eigenvalues_body<const FMA: bool>(
    a: &[f64],
    b: &[f64],
    c: &[f64],
    d: &[f64],
    larger: &mut [f64],
    smaller: &mut [f64],
    half_gaps: &mut [f64],
) {
    let length = larger.len();
    same_length!(length: a, b, c, d);
    same_length!(mut length: larger, smaller, half_gaps);
    for i in 0..length {
        let mean = 0.5 * (a[i] + d[i]);
        let half = 0.5 * (a[i] - d[i]);
        // ((l1 - l2) / 2)^2, which rounding may bring below zero.
        let square = mul_add::<FMA>(half, half, b[i] * c[i]);
        let half_gap = (if square < 0.0 { 0.0 } else { square }).sqrt();
        larger[i] = mean + half_gap;
        smaller[i] = mean - half_gap;
        half_gaps[i] = half_gap;
    }
}

/// Where half the distance of the eigenvalues is this small, relative to 1 + their size, the derivative takes the place of the
/// divided difference. It is then off by the order of gap^2 f''', and the matrix that it multiplies is itself of the size of the
/// gap: no error worth mention on either side of the threshold.
const NEAR: f64 = 1e-6;

/// What the recombination gets from the eigenvalues.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    /// f at the larger eigenvalue.
    pub(crate) upper: &'a [f64],
    /// f at the smaller eigenvalue.
    pub(crate) lower: &'a [f64],
    /// Half the distance of the eigenvalues.
    pub(crate) half_gaps: &'a [f64],
}

/// `derivative` gives f'(x) from x and a good approximation of f(x).
#[inline(always)]
fn recombine_body<const FMA: bool>(
    a: &[f64],
    b: &[f64],
    c: &[f64],
    d: &[f64],
    upper: &[f64],
    lower: &[f64],
    half_gaps: &[f64],
    r0: &mut [f64],
    r1: &mut [f64],
    r2: &mut [f64],
    r3: &mut [f64],
    derivative: impl Fn(f64, f64) -> f64,
) {
    let length = r0.len();
    same_length!(length: a, b, c, d, upper, lower, half_gaps);
    same_length!(mut length: r0, r1, r2, r3);
    for i in 0..length {
        let (f1, f2) = (upper[i], lower[i]);
        let mean = 0.5 * (a[i] + d[i]);
        let gap = half_gaps[i];
        let value = 0.5 * (f1 + f2);
        let near = gap <= NEAR * (1.0 + mean.abs());
        // No branch: the quotient is formed either way, over 1 where it is not wanted.
        let by_difference = 0.5 * (f1 - f2) / if near { 1.0 } else { gap };
        let by_derivative = derivative(mean, value);
        let slope = if near { by_derivative } else { by_difference };
        let turned = 0.5 * (a[i] - d[i]) * slope;
        r0[i] = value + turned;
        r1[i] = b[i] * slope;
        r2[i] = c[i] * slope;
        r3[i] = value - turned;
    }
}

/// Above this, the other eigenvalue's sigmoid times this one's is lost in rounding; it keeps the product of both denominators finite.
const LARGEST_EXPONENT: f64 = 340.0;

/// sigmoid(C) in one pass, with one square root and one division a matrix: with E1 = e^-l1, E2 = e^-l2 and
/// D = (1 + E1)(1 + E2), the values at the eigenvalues are (1 + E2) / D and (1 + E1) / D, and their divided difference is
/// (E2 - E1) / ((l1 - l2) D).
#[inline(always)]
fn sigmoid_body<const FMA: bool>(
    a: &[f64],
    b: &[f64],
    c: &[f64],
    d: &[f64],
    r0: &mut [f64],
    r1: &mut [f64],
    r2: &mut [f64],
    r3: &mut [f64],
) {
    let length = r0.len();
    same_length!(length: a, b, c, d);
    same_length!(mut length: r0, r1, r2, r3);
    for i in 0..length {
        let mean = 0.5 * (a[i] + d[i]);
        let half = 0.5 * (a[i] - d[i]);
        let square = mul_add::<FMA>(half, half, b[i] * c[i]);
        let gap = (if square < 0.0 { 0.0 } else { square }).sqrt();
        let exponential = |x: f64| exp_within::<FMA>(if x > LARGEST_EXPONENT { LARGEST_EXPONENT } else { x });
        let (e1, e2) = (exponential(-mean - gap), exponential(gap - mean));
        let (one, two) = (1.0 + e1, 1.0 + e2);
        let near = gap <= NEAR * (1.0 + mean.abs());
        let divisor = if near { 1.0 } else { gap };
        // 1 / (D gap): both quotients come from it.
        let inverse = 1.0 / (one * two * divisor);
        let value = 0.5 * (one + two) * (inverse * divisor);
        let by_difference = 0.5 * (e2 - e1) * inverse;
        let slope = if near { value * (1.0 - value) } else { by_difference };
        let turned = half * slope;
        r0[i] = value + turned;
        r1[i] = b[i] * slope;
        r2[i] = c[i] * slope;
        r3[i] = value - turned;
    }
}

multiversioned! {
    fn sigmoid_of_planes(
        a: &[f64], b: &[f64], c: &[f64], d: &[f64],
        r0: &mut [f64], r1: &mut [f64], r2: &mut [f64], r3: &mut [f64],
    ) = sigmoid_body
}

/// The logistic function of every matrix.
pub(crate) fn sigmoid([a, b, c, d]: Planes<'_>, [r0, r1, r2, r3]: PlanesMut<'_>) {
    sigmoid_of_planes(a, b, c, d, r0, r1, r2, r3);
}

multiversioned! {
    fn multiply_planes(
        a: &[f64], b: &[f64], c: &[f64], d: &[f64],
        e: &[f64], f: &[f64], g: &[f64], h: &[f64],
        r0: &mut [f64], r1: &mut [f64], r2: &mut [f64], r3: &mut [f64],
    ) = multiply_body
}

multiversioned! {
    fn invert_planes(
        a: &[f64], b: &[f64], c: &[f64], d: &[f64],
        r0: &mut [f64], r1: &mut [f64], r2: &mut [f64], r3: &mut [f64],
    ) = invert_body
}

multiversioned! {
    fn eigenvalues_of_planes(
        a: &[f64], b: &[f64], c: &[f64], d: &[f64],
        larger: &mut [f64], smaller: &mut [f64], half_gaps: &mut [f64],
    ) = eigenvalues_body
}

/// The product of every matrix of `left` with the matrix of `right` in the same slot.
pub(crate) fn multiply(left: Planes<'_>, right: Planes<'_>, result: PlanesMut<'_>) {
    let ([a, b, c, d], [e, f, g, h], [r0, r1, r2, r3]) = (left, right, result);
    multiply_planes(a, b, c, d, e, f, g, h, r0, r1, r2, r3);
}

/// The inverse of every matrix, by its adjugate; not finite where a matrix is singular.
pub(crate) fn invert([a, b, c, d]: Planes<'_>, [r0, r1, r2, r3]: PlanesMut<'_>) {
    invert_planes(a, b, c, d, r0, r1, r2, r3);
}

/// The two eigenvalues of every matrix and half their distance, from its trace and determinant.
pub(crate) fn eigenvalues(
    [a, b, c, d]: Planes<'_>,
    larger: &mut [f64],
    smaller: &mut [f64],
    half_gaps: &mut [f64],
) {
    eigenvalues_of_planes(a, b, c, d, larger, smaller, half_gaps);
}

/// Defines the recombination f(C) = f(mean) I + f[l1, l2] (C - mean I) for one function, given its derivative.
macro_rules! recombination {
    ($(#[$meta:meta])* $name:ident, $derivative:expr) => {
        $(#[$meta])*
        pub(crate) fn $name(operand: Planes<'_>, values: Values<'_>, result: PlanesMut<'_>) {
            #[inline(always)]
            fn body<const FMA: bool>(
                a: &[f64], b: &[f64], c: &[f64], d: &[f64],
                upper: &[f64], lower: &[f64], half_gaps: &[f64],
                r0: &mut [f64], r1: &mut [f64], r2: &mut [f64], r3: &mut [f64],
            ) {
                recombine_body::<FMA>(a, b, c, d, upper, lower, half_gaps, r0, r1, r2, r3, $derivative);
            }
            multiversioned! {
                fn planes(
                    a: &[f64], b: &[f64], c: &[f64], d: &[f64],
                    upper: &[f64], lower: &[f64], half_gaps: &[f64],
                    r0: &mut [f64], r1: &mut [f64], r2: &mut [f64], r3: &mut [f64],
                ) = body
            }
            let ([a, b, c, d], [r0, r1, r2, r3]) = (operand, result);
            let Values { upper, lower, half_gaps } = values;
            planes(a, b, c, d, upper, lower, half_gaps, r0, r1, r2, r3);
        }
    };
}

recombination! {
    /// f(C) from f at the larger and at the smaller eigenvalue, for the hyperbolic tangent.
    recombine_tanh, |_, value: f64| 1.0 - value * value
}
recombination! {
    /// The same for the exponential function.
    recombine_exp, |_, value| value
}
recombination! {
    /// The same for the logarithm.
    recombine_ln, |mean: f64, _| 1.0 / mean
}
recombination! {
    /// The same for the square root; at zero, where it has no slope, the matrix is zero as well.
    recombine_sqrt, |_, value: f64| 0.5 / if value > 0.0 { value } else { 1.0 }
}
recombination! {
    /// The same for x · sigmoid(x): its derivative is s + x s (1 - s) with s = value / x; at zero, 1/2.
    recombine_silu, |mean: f64, value: f64| {
        let s = if mean == 0.0 { 0.5 } else { value / mean };
        s + value * (1.0 - s)
    }
}
recombination! {
    /// The same for max(x, 0): at the kink any slope between 0 and 1 serves.
    recombine_relu, |mean: f64, _| if mean > 0.0 { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Matrices S diag(m, r) S^-1 with S = [[2, 1], [1, 3]].
    fn planes(first: &[f64], second: &[f64]) -> [Vec<f64>; 4] {
        let pairs = || first.iter().zip(second);
        [
            pairs().map(|(m, r)| (6.0 * m - r) / 5.0).collect(),
            pairs().map(|(m, r)| 2.0 * (r - m) / 5.0).collect(),
            pairs().map(|(m, r)| 3.0 * (m - r) / 5.0).collect(),
            pairs().map(|(m, r)| (6.0 * r - m) / 5.0).collect(),
        ]
    }

    fn view(planes: &[Vec<f64>; 4]) -> Planes<'_> {
        planes.each_ref().map(Vec::as_slice)
    }

    #[track_caller]
    fn assert_close(got: &[Vec<f64>; 4], want: &[Vec<f64>; 4], tolerance: f64) {
        for (got, want) in got.iter().zip(want) {
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() <= tolerance * (1.0 + want.abs()), "{got} {want}");
            }
        }
    }

    fn lanes(length: usize) -> (Vec<f64>, Vec<f64>) {
        let first: Vec<f64> = (0..length).map(|i| (i as f64 * 0.7).sin() * 3.0 + 3.5).collect();
        // Distances of the lanes from 0 over tiny to large.
        let gaps = [0.0, 1e-16, 1e-13, 1e-9, 1e-7, 0.9e-6, 1.1e-6, 1e-5, 1e-4, 1e-2, 1.0, 5.0];
        let second = first.iter().enumerate().map(|(i, m)| m + gaps[i % gaps.len()]).collect();
        (first, second)
    }

    #[test]
    fn products_and_inverses_act_on_both_lanes() {
        for length in [1, 7, 8, 9, 40] {
            let (m, r) = lanes(length);
            let (a, b) = (planes(&m, &r), planes(&r, &m));
            let mut got = [(); 4].map(|()| vec![0.0; length]);
            multiply(view(&a), view(&b), got.each_mut().map(Vec::as_mut_slice));
            let both: Vec<f64> = m.iter().zip(&r).map(|(m, r)| m * r).collect();
            assert_close(&got, &planes(&both, &both), 1e-13);
            invert(view(&a), got.each_mut().map(Vec::as_mut_slice));
            let inverse = |lane: &[f64]| lane.iter().map(|v| 1.0 / v).collect::<Vec<f64>>();
            assert_close(&got, &planes(&inverse(&m), &inverse(&r)), 1e-12);
        }
    }

    type OfReal = fn(f64) -> f64;
    type Recombine = fn(Planes<'_>, Values<'_>, PlanesMut<'_>);

    #[test]
    fn functions_act_on_both_lanes_however_near() {
        let functions: [(&str, OfReal, Recombine); 5] = [
            ("tanh", f64::tanh, recombine_tanh),
            ("exp", f64::exp, recombine_exp),
            ("ln", f64::ln, recombine_ln),
            ("sqrt", f64::sqrt, recombine_sqrt),
            ("relu", |x| x.max(0.0), recombine_relu),
        ];
        for (name, function, recombine) in functions {
            let (m, r) = lanes(53);
            let operand = planes(&m, &r);
            let [mut larger, mut smaller, mut half_gaps] = [(); 3].map(|()| vec![0.0; 53]);
            eigenvalues(view(&operand), &mut larger, &mut smaller, &mut half_gaps);
            for values in [&mut larger, &mut smaller] {
                values.iter_mut().for_each(|x| *x = function(*x));
            }
            let mut got = [(); 4].map(|()| vec![0.0; 53]);
            let values = Values { upper: &larger, lower: &smaller, half_gaps: &half_gaps };
            recombine(view(&operand), values, got.each_mut().map(Vec::as_mut_slice));
            let apply = |lane: &[f64]| lane.iter().map(|v| function(*v)).collect::<Vec<f64>>();
            let want = planes(&apply(&m), &apply(&r));
            // Relative to the larger of both lanes: they share the four entries, and the rounding errors.
            let scale = |slot: usize| 1.0 + function(m[slot]).abs().max(function(r[slot]).abs());
            for (slot, (got, want)) in got.iter().zip(&want).flat_map(|(g, w)| g.iter().zip(w).enumerate()) {
                assert!((got - want).abs() <= 1e-13 * scale(slot), "{name}: {got} {want}");
            }
        }
    }

    #[test]
    fn sigmoids_act_on_both_lanes_however_near_and_however_large() {
        let function = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (mut m, mut r) = lanes(53);
        // Lanes that saturate: both, one of them, either side.
        for (x, y) in
            [(800.0, 3.0), (-800.0, 2.0), (-900.0, -1000.0), (900.0, -900.0), (0.0, -0.0), (-5.0, 1e4)]
        {
            m.push(x);
            r.push(y);
        }
        let operand = planes(&m, &r);
        let mut got = [(); 4].map(|()| vec![0.0; m.len()]);
        sigmoid(view(&operand), got.each_mut().map(Vec::as_mut_slice));
        let apply = |lane: &[f64]| lane.iter().map(|v| function(*v)).collect::<Vec<f64>>();
        let want = planes(&apply(&m), &apply(&r));
        assert_close(&got, &want, 1e-13);
    }
}
