//! Elementwise arithmetic of 2 x 2 matrices whose four entries lie in four planes: entry (i, j) in plane 2 i + j.
//!
//! All planes of a call have the same length. The loops go eight slots at a time, on values and not on references, so that the
//! compiler need not prove that the twelve slices of a product do not overlap.
#![expect(clippy::indexing_slicing, reason = "dense kernels: the shapes are stated at every function and hold by construction")]

use super::{mul_add, multiversioned};

/// The four planes of operands.
pub(crate) type Planes<'a> = [&'a [f64]; 4];

/// The four planes of a result.
pub(crate) type PlanesMut<'a> = [&'a mut [f64]; 4];

type Eight = [f64; 8];

#[inline(always)]
fn load(plane: &[f64], at: usize) -> Eight {
    match plane[at..].first_chunk() {
        Some(eight) => *eight,
        None => {
            let mut padded = [0.0; 8];
            padded[..plane.len() - at].copy_from_slice(&plane[at..]);
            padded
        }
    }
}

#[inline(always)]
fn store(plane: &mut [f64], at: usize, values: Eight) {
    match plane[at..].first_chunk_mut() {
        Some(eight) => *eight = values,
        None => {
            let left = plane.len() - at;
            plane[at..].copy_from_slice(&values[..left]);
        }
    }
}

#[inline(always)]
fn zip<const M: usize>(inputs: [Eight; M], combine: impl Fn([f64; M]) -> f64) -> Eight {
    std::array::from_fn(|lane| combine(inputs.map(|input| input[lane])))
}

#[inline(always)]
fn multiply_body<const FMA: bool>(left: Planes<'_>, right: Planes<'_>, result: PlanesMut<'_>) {
    let length = left[0].len();
    let [r0, r1, r2, r3] = result;
    for at in (0..length).step_by(8) {
        let [a, b, c, d] = left.map(|plane| load(plane, at));
        let [e, f, g, h] = right.map(|plane| load(plane, at));
        let dot = |[p, q, r, s]: [f64; 4]| mul_add::<FMA>(p, q, r * s);
        store(r0, at, zip([a, e, b, g], dot));
        store(r1, at, zip([a, f, b, h], dot));
        store(r2, at, zip([c, e, d, g], dot));
        store(r3, at, zip([c, f, d, h], dot));
    }
}

#[inline(always)]
fn invert_body<const FMA: bool>(operand: Planes<'_>, result: PlanesMut<'_>) {
    let length = operand[0].len();
    let [r0, r1, r2, r3] = result;
    for at in (0..length).step_by(8) {
        let [a, b, c, d] = operand.map(|plane| load(plane, at));
        let scale = zip([a, d, b, c], |[a, d, b, c]| 1.0 / mul_add::<FMA>(a, d, -(b * c)));
        store(r0, at, zip([d, scale], |[x, s]| x * s));
        store(r1, at, zip([b, scale], |[x, s]| -x * s));
        store(r2, at, zip([c, scale], |[x, s]| -x * s));
        store(r3, at, zip([a, scale], |[x, s]| x * s));
    }
}

#[inline(always)]
fn eigenvalues_body<const FMA: bool>(operand: Planes<'_>, larger: &mut [f64], smaller: &mut [f64]) {
    let length = operand[0].len();
    for at in (0..length).step_by(8) {
        let [a, b, c, d] = operand.map(|plane| load(plane, at));
        let mean = zip([a, d], |[a, d]| 0.5 * (a + d));
        let half_gap = half_gap::<FMA>(a, b, c, d);
        store(larger, at, zip([mean, half_gap], |[m, s]| m + s));
        store(smaller, at, zip([mean, half_gap], |[m, s]| m - s));
    }
}

/// Half the distance of the eigenvalues: the root of ((a - d) / 2)^2 + b c, which rounding may bring below zero.
#[inline(always)]
fn half_gap<const FMA: bool>(a: Eight, b: Eight, c: Eight, d: Eight) -> Eight {
    zip([a, b, c, d], |[a, b, c, d]| {
        let half = 0.5 * (a - d);
        let square = mul_add::<FMA>(half, half, b * c);
        (if square < 0.0 { 0.0 } else { square }).sqrt()
    })
}

/// Where the eigenvalues are this close, relative to their size, the derivative takes the place of the divided difference. It is
/// then off by gap^2 f''' / 24, and the matrix that it multiplies is itself of the size of the gap: no error worth mention on
/// either side of the threshold.
const NEAR: f64 = 1e-6;

/// `values`: f at the larger eigenvalue, then f at the smaller one; `derivative` gives f'(x) from x and a good approximation
/// of f(x).
#[inline(always)]
fn recombine_body<const FMA: bool>(
    operand: Planes<'_>,
    upper: &[f64],
    lower: &[f64],
    derivative: impl Fn(f64, f64) -> f64,
    result: PlanesMut<'_>,
) {
    let length = operand[0].len();
    let [r0, r1, r2, r3] = result;
    for at in (0..length).step_by(8) {
        let [a, b, c, d] = operand.map(|plane| load(plane, at));
        let [f1, f2] = [load(upper, at), load(lower, at)];
        let half_gap = half_gap::<FMA>(a, b, c, d);
        let value = zip([f1, f2], |[f1, f2]| 0.5 * (f1 + f2));
        let slope = std::array::from_fn(|lane| {
            let mean = 0.5 * (a[lane] + d[lane]);
            let s = half_gap[lane];
            let near = s <= NEAR * (1.0 + mean.abs());
            let by_derivative = derivative(mean, value[lane]);
            // No branch: the quotient is formed either way, over 1 where it is not wanted.
            let by_difference = 0.5 * (f1[lane] - f2[lane]) / if near { 1.0 } else { s };
            if near { by_derivative } else { by_difference }
        });
        let turned = zip([a, d, slope], |[a, d, g]| 0.5 * (a - d) * g);
        store(r0, at, zip([value, turned], |[v, t]| v + t));
        store(r1, at, zip([b, slope], |[b, g]| b * g));
        store(r2, at, zip([c, slope], |[c, g]| c * g));
        store(r3, at, zip([value, turned], |[v, t]| v - t));
    }
}

multiversioned! {
    /// The product of every matrix of `left` with the matrix of `right` in the same slot.
    pub(crate) fn multiply(left: Planes<'_>, right: Planes<'_>, result: PlanesMut<'_>) = multiply_body
}

multiversioned! {
    /// The inverse of every matrix, by its adjugate; not finite where a matrix is singular.
    pub(crate) fn invert(operand: Planes<'_>, result: PlanesMut<'_>) = invert_body
}

multiversioned! {
    /// The two eigenvalues of every matrix, from its trace and determinant.
    pub(crate) fn eigenvalues(operand: Planes<'_>, larger: &mut [f64], smaller: &mut [f64]) = eigenvalues_body
}

/// Defines the recombination f(C) = f(mean) I + f[l1, l2] (C - mean I) for one function, given its derivative.
macro_rules! recombination {
    ($(#[$meta:meta])* $name:ident, $body:ident, $derivative:expr) => {
        #[inline(always)]
        fn $body<const FMA: bool>(
            operand: Planes<'_>,
            upper: &[f64],
            lower: &[f64],
            result: PlanesMut<'_>,
        ) {
            recombine_body::<FMA>(operand, upper, lower, $derivative, result);
        }
        multiversioned! {
            $(#[$meta])*
            pub(crate) fn $name(
                operand: Planes<'_>,
                upper: &[f64],
                lower: &[f64],
                result: PlanesMut<'_>,
            ) = $body
        }
    };
}

recombination! {
    /// f(C) from f at the larger and at the smaller eigenvalue, for f = sigmoid.
    recombine_sigmoid, recombine_sigmoid_body, |_, value: f64| value * (1.0 - value)
}
recombination! {
    /// The same for the hyperbolic tangent.
    recombine_tanh, recombine_tanh_body, |_, value: f64| 1.0 - value * value
}
recombination! {
    /// The same for the exponential function.
    recombine_exp, recombine_exp_body, |_, value| value
}
recombination! {
    /// The same for the logarithm.
    recombine_ln, recombine_ln_body, |mean: f64, _| 1.0 / mean
}
recombination! {
    /// The same for the square root.
    recombine_sqrt, recombine_sqrt_body, |_, value: f64| 0.5 / value
}
recombination! {
    /// The same for x · sigmoid(x): its derivative is s + x s (1 - s) with s = value / x; at zero, 1/2.
    recombine_silu, recombine_silu_body, |mean: f64, value: f64| {
        let s = if mean == 0.0 { 0.5 } else { value / mean };
        s + value * (1.0 - s)
    }
}
recombination! {
    /// The same for max(x, 0): at the kink any slope between 0 and 1 serves.
    recombine_relu, recombine_relu_body, |mean: f64, _| if mean > 0.0 { 1.0 } else { 0.0 }
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

    type Recombine = fn(Planes<'_>, &[f64], &[f64], PlanesMut<'_>);

    #[test]
    fn functions_act_on_both_lanes_however_near() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let functions: [(&str, fn(f64) -> f64, Recombine); 6] = [
            ("sigmoid", sigmoid, recombine_sigmoid),
            ("tanh", f64::tanh, recombine_tanh),
            ("exp", f64::exp, recombine_exp),
            ("ln", f64::ln, recombine_ln),
            ("sqrt", f64::sqrt, recombine_sqrt),
            ("relu", |x| x.max(0.0), recombine_relu),
        ];
        for (name, function, recombine) in functions {
            let (m, r) = lanes(53);
            let operand = planes(&m, &r);
            let (mut larger, mut smaller) = (vec![0.0; 53], vec![0.0; 53]);
            eigenvalues(view(&operand), &mut larger, &mut smaller);
            for values in [&mut larger, &mut smaller] {
                values.iter_mut().for_each(|x| *x = function(*x));
            }
            let mut got = [(); 4].map(|()| vec![0.0; 53]);
            recombine(view(&operand), &larger, &smaller, got.each_mut().map(Vec::as_mut_slice));
            let apply = |lane: &[f64]| lane.iter().map(|v| function(*v)).collect::<Vec<f64>>();
            let want = planes(&apply(&m), &apply(&r));
            // Relative to the larger of both lanes: they share the four entries, and the rounding errors.
            let scale = |slot: usize| 1.0 + function(m[slot]).abs().max(function(r[slot]).abs());
            for (slot, (got, want)) in got.iter().zip(&want).flat_map(|(g, w)| g.iter().zip(w).enumerate()) {
                assert!((got - want).abs() <= 1e-13 * scale(slot), "{name}: {got} {want}");
            }
        }
    }
}
