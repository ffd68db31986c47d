//! The lanes of ciphertexts, in an order that all ciphertexts of a key share: what comparisons need, and attackers.
//!
//! A ciphertext is the sum of its eigenvalues times the projections on its eigenvectors, C = l1 P1 + l2 P2 + ... The eigenvectors,
//! and so the projections, are those of the key: the upper left entry of Pi, always the same number for a lane, tells the
//! lanes apart wherever their eigenvalues differ.

use nalgebra::{DMatrix, DVector};

use crate::spectral;
use crate::{Ciphertext, attack};

/// The eigenvalues of every slot: one vector a lane, by falling upper left entry of the lane's projection.
pub(crate) fn lanes(x: &Ciphertext) -> Vec<Vec<f64>> {
    if let Some([a, b, c, d]) = x.four_planes() {
        let eigenvalues = a.iter().zip(b).zip(c.iter().zip(d)).map(|((a, b), (c, d))| {
            let (mean, half) = (0.5 * (a + d), 0.5 * (a - d));
            let gap = (half * half + b * c).max(0.0).sqrt();
            // The upper left entry of C is l1 p + l2 (1 - p): above the mean when the larger eigenvalue has the larger weight p.
            if half >= 0.0 { (mean + gap, mean - gap) } else { (mean - gap, mean + gap) }
        });
        let (first, second) = eigenvalues.unzip();
        return vec![first, second];
    }
    // The slot that tells the eigenvectors best serves for all.
    let Some(basis) = attack::Eigenvectors::from_ciphertexts(&[x]) else {
        return vec![Vec::new(); x.dimension()];
    };
    basis.lanes(x)
}

/// The columns of a basis by falling upper left entry of their projections.
pub(crate) fn ordered(vectors: &DMatrix<f64>) -> Option<Vec<DVector<f64>>> {
    let inverse = vectors.clone().try_inverse()?;
    let mut order: Vec<(f64, usize)> = (0..vectors.ncols())
        .map(|lane| (vectors.get((0, lane)).unwrap_or(&0.0) * inverse.get((lane, 0)).unwrap_or(&0.0), lane))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    Some(order.into_iter().map(|(_, lane)| vectors.column(lane).into_owned()).collect())
}

/// The eigenvectors of one matrix, as columns.
pub(crate) fn eigenvectors(matrix: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let size = matrix.nrows();
    let vectors: Option<Vec<DVector<f64>>> = spectral::eigenvalues(matrix)
        .into_iter()
        .map(|value| spectral::null_space(&(matrix - DMatrix::identity(size, size) * value), 1)?.pop())
        .collect();
    Some(DMatrix::from_columns(&vectors?))
}
