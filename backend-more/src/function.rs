//! Nonlinear functions and quotients of ciphertexts, both ways of the MORE paper (Vizitiu et al. 2020).
//!
//! A function of a matrix acts on its eigenvalues, so f(S diag(m, r) S^-1) = S diag(f(m), f(r)) S^-1: no approximation and no
//! level is lost. It also means that the server computes the eigenvalues, and one of them is the message: to evaluate a function
//! that is not a polynomial **is** to decrypt.

use he_traits::{Error, Function, Result, vector_math};
use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::kernel::two::{self, Planes, PlanesMut};
use crate::spectral::{self, RealFunction};
use crate::{Ciphertext, FunctionMethod, algebra};

/// Slots that one step of a kernel works off: its scratch stays in the first-level cache.
const BLOCK: usize = 512;

/// Slots above which one ciphertext is shared among threads.
const WORTH_SHARING: usize = 1 << 14;

/// `function` of every slot.
pub(crate) fn apply(x: &Ciphertext, function: Function, method: FunctionMethod) -> Result<Ciphertext> {
    let result = match (function, method) {
        (Function::Square, _) => algebra::mul(x, x),
        (Function::Reciprocal, _) => invert(x),
        (_, FunctionMethod::MatrixFunction | FunctionMethod::Compact) => matrix_function(x, function)?,
        (_, FunctionMethod::Eigendecomposition) => eigendecomposition(x, function)?,
    };
    if never_leaves(function) { Ok(result) } else { finite(function.name(), x, result) }
}

/// Whether every number is in the function's domain, and its value at most as large as the number or 1.
fn never_leaves(function: Function) -> bool {
    matches!(function, Function::Sigmoid | Function::Tanh | Function::Relu | Function::Silu)
}

/// Whether a function is one of those that batches apply: results need no check, and the method is not [`FunctionMethod::Eigendecomposition`].
pub(crate) fn runs_in_batches(function: Function, method: FunctionMethod) -> bool {
    never_leaves(function) && method != FunctionMethod::Eigendecomposition
}

/// A function of numbers, all of them in one call.
#[derive(Clone, Copy)]
pub(crate) struct OfNumbers(pub(crate) fn(&mut [f64]));

/// A function that [runs in batches](runs_in_batches), of the lanes of compact ciphertexts.
pub(crate) fn of_lanes(function: Function) -> Option<OfNumbers> {
    let of_numbers: fn(&mut [f64]) = match function {
        Function::Sigmoid => vector_math::sigmoid,
        Function::Tanh => vector_math::tanh,
        Function::Silu => vector_math::silu,
        Function::Relu => |values| each(values, |x| x.max(0.0)),
        _ => return None,
    };
    Some(OfNumbers(of_numbers))
}

/// a / b, slot by slot.
pub(crate) fn div(a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
    finite("div", b, algebra::mul(a, &invert(b)))
}

/// Passes `result` on unless an entry is not finite: then an eigenvalue of `x`, message or random, lies outside the domain.
fn finite(op: &'static str, x: &Ciphertext, result: Ciphertext) -> Result<Ciphertext> {
    // A product with zero is NaN for all that is not finite; a sum of zeros otherwise.
    if result.planes().all(|plane| plane.iter().map(|entry| entry * 0.0).sum::<f64>() == 0.0) {
        return Ok(result);
    }
    let slot = result
        .planes()
        .filter_map(|plane| plane.iter().position(|entry| !entry.is_finite()))
        .min()
        .unwrap_or(0);
    let lanes = spectral::eigenvalues(&slot_matrix(x, slot));
    let value = lanes.first().copied().unwrap_or(f64::NAN);
    Err(Error::Value {
        op,
        position: slot,
        value,
        reason: "the message or the random number beside it leaves the domain",
    })
}

/// The inverse of every matrix.
fn invert(x: &Ciphertext) -> Ciphertext {
    let mut inverse = x.stale(x.period());
    if let (Some(operand), Some(result)) = (x.four_planes(), inverse.four_planes_mut()) {
        two::invert(operand, result);
        return inverse;
    }
    slot_by_slot(x, |matrix| Some(matrix.clone().try_inverse().unwrap_or_else(|| matrix.map(|_| f64::NAN))))
        .unwrap_or(inverse)
}

fn matrix_function(x: &Ciphertext, function: Function) -> Result<Ciphertext> {
    let mut result = x.stale(x.period());
    if let (Some(operand), Some(target)) = (x.four_planes(), result.four_planes_mut()) {
        let kernel = planar(function)?;
        share(operand, target, |operand, target| kernel.run(operand, target));
        return Ok(result);
    }
    let real = real(function)?;
    slot_by_slot(x, |matrix| Some(spectral::matrix_function(matrix, real)))
        .ok_or_else(|| no_eigenvectors(function))
}

fn eigendecomposition(x: &Ciphertext, function: Function) -> Result<Ciphertext> {
    let real = real(function)?;
    slot_by_slot(x, |matrix| spectral::eigendecomposition_function(matrix, real))
        .ok_or_else(|| no_eigenvectors(function))
}

fn no_eigenvectors(function: Function) -> Error {
    let reason = "a matrix without a basis of eigenvectors is no ciphertext";
    Error::Value { op: function.name(), position: 0, value: f64::NAN, reason }
}

/// Runs a kernel over pieces of the planes, on all threads where there is enough to do.
fn share(operand: Planes<'_>, target: PlanesMut<'_>, kernel: impl Fn(Planes<'_>, PlanesMut<'_>) + Sync) {
    let [a, b, c, d] = operand;
    let [p, q, r, s] = target;
    let piece = if a.len() >= WORTH_SHARING { WORTH_SHARING / 4 } else { a.len().max(1) };
    if a.len() <= piece {
        return kernel([a, b, c, d], [p, q, r, s]);
    }
    let operands =
        a.par_chunks(piece).zip(b.par_chunks(piece)).zip(c.par_chunks(piece).zip(d.par_chunks(piece)));
    let targets = p
        .par_chunks_mut(piece)
        .zip(q.par_chunks_mut(piece))
        .zip(r.par_chunks_mut(piece).zip(s.par_chunks_mut(piece)));
    operands.zip(targets).for_each(|(((a, b), (c, d)), ((p, q), (r, s)))| kernel([a, b, c, d], [p, q, r, s]));
}

pub(crate) type Recombine = fn(Planes<'_>, two::Values<'_>, PlanesMut<'_>);

/// A function of 2 x 2 matrices in planes.
#[derive(Clone, Copy)]
pub(crate) enum Planar {
    /// In one pass.
    Whole(fn(Planes<'_>, PlanesMut<'_>)),
    /// Eigenvalues, f on both lanes, recombination.
    Passes {
        /// f of every number.
        values: fn(&mut [f64]),
        /// What follows from it.
        recombine: Recombine,
    },
}

impl Planar {
    /// The function of every matrix; all planes have the same length.
    pub(crate) fn run(self, operand: Planes<'_>, target: PlanesMut<'_>) {
        match self {
            Self::Whole(kernel) => kernel(operand, target),
            Self::Passes { values, recombine } => Self::passes(values, recombine, operand, target),
        }
    }

    fn passes(of_values: fn(&mut [f64]), recombine: Recombine, operand: Planes<'_>, target: PlanesMut<'_>) {
        let mut scratch = [0.0; 2 * BLOCK];
        let mut half_gaps = [0.0; BLOCK];
        let [mut p, mut q, mut r, mut s] = target;
        let mut operand = operand;
        loop {
            let length = operand.first().map_or(0, |plane| plane.len().min(BLOCK));
            let scratch = scratch.get_mut(..2 * length).zip(half_gaps.get_mut(..length));
            let Some((values, half_gaps)) = scratch.filter(|_| length > 0) else { return };
            let parts = operand.map(|plane| plane.split_at(length));
            let (block, next) = (parts.map(|part| part.0), parts.map(|part| part.1));
            let (larger, smaller) = values.split_at_mut(length);
            two::eigenvalues(block, larger, smaller, half_gaps);
            of_values(values);
            let (upper, lower) = values.split_at(length);
            let ((p0, p1), (q0, q1)) = (p.split_at_mut(length), q.split_at_mut(length));
            let ((r0, r1), (s0, s1)) = (r.split_at_mut(length), s.split_at_mut(length));
            recombine(block, two::Values { upper, lower, half_gaps }, [p0, q0, r0, s0]);
            (p, q, r, s) = (p1, q1, r1, s1);
            operand = next;
        }
    }
}

/// The kernel of a function of 2 x 2 matrices in planes.
///
/// # Errors
/// [`Error::Unsupported`] for a function that has none; squares and reciprocals are products and inverses.
pub(crate) fn planar(function: Function) -> Result<Planar> {
    let (values, recombine): (fn(&mut [f64]), Recombine) = match function {
        Function::Sigmoid => return Ok(Planar::Whole(two::sigmoid)),
        Function::Tanh => (vector_math::tanh, two::recombine_tanh),
        Function::Silu => (vector_math::silu, two::recombine_silu),
        Function::Exp => (vector_math::exp, two::recombine_exp),
        Function::Relu => (|values| each(values, |x| x.max(0.0)), two::recombine_relu),
        Function::Ln => (|values| each(values, f64::ln), two::recombine_ln),
        Function::Sqrt => (roots, two::recombine_sqrt),
        other => return Err(unsupported(other)),
    };
    Ok(Planar::Passes { values, recombine })
}

fn each(values: &mut [f64], function: impl Fn(f64) -> f64) {
    values.iter_mut().for_each(|value| *value = function(*value));
}

/// Square roots of the larger eigenvalues (first half) and the smaller ones. What rounding left of an eigenvalue of zero is
/// taken as zero, on the scale of the other one.
fn roots(values: &mut [f64]) {
    let half = values.len() / 2;
    let (larger, smaller) = values.split_at_mut(half);
    for (a, b) in larger.iter_mut().zip(smaller) {
        let noise = 8.0 * f64::EPSILON * (a.abs() + b.abs());
        let root = |x: f64| if x.abs() <= noise { 0.0 } else { x.sqrt() };
        (*a, *b) = (root(*a), root(*b));
    }
}

type OfReal = fn(f64) -> f64;

/// Value and derivative, for the general forms.
fn real(function: Function) -> Result<RealFunction> {
    fn sigmoid(x: f64) -> f64 {
        Function::Sigmoid.at(x)
    }
    let (value, derivative): (OfReal, OfReal) = match function {
        Function::Sigmoid => (sigmoid, |x| sigmoid(x) * sigmoid(-x)),
        Function::Tanh => (f64::tanh, |x| 1.0 - x.tanh().powi(2)),
        Function::Relu => (|x| x.max(0.0), |x| if x > 0.0 { 1.0 } else { 0.0 }),
        Function::Silu => (|x| x * sigmoid(x), |x| sigmoid(x) * (1.0 + x * sigmoid(-x))),
        Function::Exp => (f64::exp, f64::exp),
        Function::Ln => (f64::ln, f64::recip),
        Function::Sqrt => {
            (|x| if x.abs() < 1e-14 { 0.0 } else { x.sqrt() }, |x| if x > 0.0 { 0.5 / x.sqrt() } else { 0.0 })
        }
        Function::Reciprocal => (f64::recip, |x| -x.powi(-2)),
        Function::Square => (|x| x * x, |x| 2.0 * x),
        other => return Err(unsupported(other)),
    };
    Ok(RealFunction { value, derivative })
}

fn unsupported(function: Function) -> Error {
    Error::Unsupported { backend: crate::NAME.to_owned(), what: format!("evaluate {}", function.name()) }
}

fn slot_matrix(x: &Ciphertext, slot: usize) -> DMatrix<f64> {
    DMatrix::from_row_slice(x.dimension(), x.dimension(), &x.matrix(slot))
}

/// Maps the matrices one by one, on all threads; `None` when the function gives none.
fn slot_by_slot(
    x: &Ciphertext,
    function: impl Fn(&DMatrix<f64>) -> Option<DMatrix<f64>> + Sync,
) -> Option<Ciphertext> {
    let results: Option<Vec<DMatrix<f64>>> =
        (0..x.period()).into_par_iter().map(|slot| function(&slot_matrix(x, slot))).collect();
    let results = results?;
    let n = x.dimension();
    let mut result = x.stale(x.period());
    let positions = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
    for (plane, position) in result.planes_mut().zip(positions) {
        for (entry, matrix) in plane.iter_mut().zip(&results) {
            *entry = matrix.get(position).copied().unwrap_or(f64::NAN);
        }
    }
    Some(result)
}
