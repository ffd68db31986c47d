//! Functions of one small matrix with real eigenvalues, both ways of the MORE paper (Vizitiu et al. 2020), for any dimension.
//!
//! These are the general forms, a slot at a time; 2 x 2 matrices, the default, have kernels of their own for whole planes.

use nalgebra::{DMatrix, DVector, SVD, Schur};

/// A function of a real number with its derivative: all that a function of a matrix needs.
#[derive(Clone, Copy)]
pub(crate) struct RealFunction {
    /// f(x).
    pub(crate) value: fn(f64) -> f64,
    /// f'(x); at a kink any slope between those on both sides.
    pub(crate) derivative: fn(f64) -> f64,
}

/// Relative distance below which eigenvalues count as one double eigenvalue in the matrix function. The polynomial then matches
/// value and slope there, and what is lost is the square of the distance.
const DOUBLE: f64 = 1e-7;

/// Relative distance below which the eigendecomposition looks for a common space of eigenvectors.
const COMMON: f64 = 1e-10;

/// Iterations after which nalgebra's algorithms give up; they need a handful, and would never end on a NaN.
const ITERATIONS: usize = 10_000;

/// The eigenvalues, rising. Rounding may turn two equal ones into a complex pair: the real parts are taken. NaN for a matrix that
/// is not finite.
pub(crate) fn eigenvalues(matrix: &DMatrix<f64>) -> Vec<f64> {
    let size = matrix.nrows();
    let mean = matrix.trace() / size as f64;
    // The mean goes off first: what the eigenvalues differ by is then found to its own precision, however small it is.
    let deviation = matrix - DMatrix::identity(size, size) * mean;
    let norm = deviation.norm();
    if norm <= f64::EPSILON * mean.abs() {
        return vec![mean; size];
    }
    let Some(schur) = Schur::try_new(deviation / norm, f64::EPSILON, ITERATIONS) else {
        return vec![f64::NAN; size];
    };
    let mut values: Vec<f64> =
        schur.complex_eigenvalues().iter().map(|value| mean + norm * value.re).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// f(C) without eigenvectors: the polynomial that interpolates f at the eigenvalues, in Newton's form, f(C) = f\[l1\] I +
/// f\[l1, l2\] (C - l1 I) + f\[l1, l2, l3\] (C - l1 I)(C - l2 I) + ...
pub(crate) fn matrix_function(matrix: &DMatrix<f64>, function: RealFunction) -> DMatrix<f64> {
    let mut nodes = Vec::new();
    for cluster in clusters(&eigenvalues(matrix), DOUBLE) {
        let centre = mean(&cluster);
        nodes.push(centre);
        if cluster.len() > 1 {
            nodes.push(centre);
        }
    }
    let size = matrix.nrows();
    let identity = DMatrix::<f64>::identity(size, size);
    let mut result = DMatrix::zeros(size, size);
    let mut product = identity.clone();
    for (node, coefficient) in nodes.iter().zip(divided_differences(&nodes, function)) {
        result += &product * coefficient;
        product *= matrix - &identity * *node;
    }
    result
}

/// f\[x1\], f\[x1, x2\], ...: equal nodes stand next to each other, at most two of them, and call for the derivative.
fn divided_differences(nodes: &[f64], function: RealFunction) -> Vec<f64> {
    let mut column: Vec<f64> = nodes.iter().map(|x| (function.value)(*x)).collect();
    let mut leading = Vec::with_capacity(nodes.len());
    leading.extend(column.first());
    for order in 1..nodes.len() {
        column = column
            .windows(2)
            .zip(nodes.iter().zip(nodes.iter().skip(order)))
            .map(|(pair, (from, to))| match pair {
                [low, high] if to != from => (high - low) / (to - from),
                _ => (function.derivative)(*from),
            })
            .collect();
        leading.extend(column.first());
    }
    leading
}

/// f(C) by eigendecomposition: V diag(f(l)) V^-1. `None` when the eigenvectors do not span the space, which a ciphertext never
/// shows.
pub(crate) fn eigendecomposition_function(
    matrix: &DMatrix<f64>,
    function: RealFunction,
) -> Option<DMatrix<f64>> {
    let size = matrix.nrows();
    let mut vectors: Vec<DVector<f64>> = Vec::with_capacity(size);
    let mut values = Vec::with_capacity(size);
    for cluster in clusters(&eigenvalues(matrix), COMMON) {
        let centre = mean(&cluster);
        vectors.extend(null_space(&(matrix - DMatrix::identity(size, size) * centre), cluster.len())?);
        values.extend(cluster.iter().map(|_| (function.value)(centre)));
    }
    let vectors = DMatrix::from_columns(&vectors);
    let inverse = vectors.clone().try_inverse()?;
    Some(vectors * DMatrix::from_diagonal(&DVector::from_vec(values)) * inverse)
}

/// The `count` right singular vectors of the smallest singular values.
pub(crate) fn null_space(matrix: &DMatrix<f64>, count: usize) -> Option<Vec<DVector<f64>>> {
    let decomposition = SVD::try_new(matrix.clone(), false, true, f64::EPSILON, ITERATIONS)?;
    let rows = decomposition.v_t?;
    let mut order: Vec<usize> = (0..rows.nrows()).collect();
    let size_of = |row: usize| decomposition.singular_values.get(row).copied().unwrap_or(f64::NAN);
    order.sort_by(|a, b| size_of(*a).total_cmp(&size_of(*b)));
    Some(order.iter().take(count).map(|row| rows.row(*row).transpose()).collect())
}

/// Rising values in groups whose neighbours differ by at most `tolerance`, relative to 1 + their size.
fn clusters(values: &[f64], tolerance: f64) -> Vec<Vec<f64>> {
    values.chunk_by(|a, b| b - a <= tolerance * (1.0 + a.abs())).map(<[f64]>::to_vec).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGMOID: RealFunction = RealFunction {
        value: |x| 1.0 / (1.0 + (-x).exp()),
        derivative: |x| {
            let s = 1.0 / (1.0 + (-x).exp());
            s * (1.0 - s)
        },
    };

    fn sample(lanes: &[f64]) -> (DMatrix<f64>, DMatrix<f64>, DMatrix<f64>) {
        let size = lanes.len();
        let basis = DMatrix::from_fn(size, size, |i, j| {
            ((i * 7 + j * 3 + 1) as f64).sin() + if i == j { 2.0 } else { 0.0 }
        });
        let inverse = basis.clone().try_inverse().unwrap();
        let with = |lanes: Vec<f64>| &basis * DMatrix::from_diagonal(&DVector::from_vec(lanes)) * &inverse;
        (with(lanes.to_vec()), with(lanes.iter().map(|x| (SIGMOID.value)(*x)).collect()), basis)
    }

    #[test]
    fn both_ways_agree_with_the_function_on_every_lane() {
        let lanes: [&[f64]; 8] = [
            &[0.3, -0.7],
            &[0.3, 0.3],
            &[1.0, 2.0, 3.0],
            &[1.0, 1.0 + 1e-9, -4.0],
            &[1.0, 1.0 + 1e-5, 1.0 - 1e-5],
            &[2.0, 2.0, 2.0],
            &[0.1, 0.2, -0.1, 5.0],
            &[0.5, 0.5 + 1e-12, 8.0, -8.0, 0.0],
        ];
        for lanes in lanes {
            let (matrix, want, _) = sample(lanes);
            let error = (matrix_function(&matrix, SIGMOID) - &want).norm();
            assert!(error < 1e-9, "matrix function of {lanes:?}: {error}");
            let error = (eigendecomposition_function(&matrix, SIGMOID).unwrap() - &want).norm();
            assert!(error < 1e-8, "eigendecomposition of {lanes:?}: {error}");
        }
    }

    #[test]
    fn eigenvalues_are_those_of_nalgebra() {
        let (matrix, _, _) = sample(&[3.0, -1.0, 0.5]);
        let got = eigenvalues(&matrix);
        let want = matrix.eigenvalues().unwrap();
        let mut want: Vec<f64> = want.iter().copied().collect();
        want.sort_by(f64::total_cmp);
        assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
