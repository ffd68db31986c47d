//! The secret key: a well-conditioned basis.

use he_traits::{Error, Result};
use nalgebra::{DMatrix, DVector, SVD};
use rand::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use super::random;
use crate::{Parameters, compare};

/// The basis S of C = S diag(m, r, ..) S^-1, and its inverse. Wiped when dropped; never printed, never cloned.
pub struct SecretKey {
    dimension: usize,
    fingerprint: u64,
    /// Row by row.
    basis: Zeroizing<Vec<f64>>,
    /// Row by row.
    inverse: Zeroizing<Vec<f64>>,
}

/// Draws after which a key is taken as it is; a few suffice.
const DRAWS: usize = 1000;

impl SecretKey {
    /// S = Q D R with random orthogonal Q and R, and D positive with entries between 1 / bound and 1: its condition number is at most
    /// the bound of the parameters.
    ///
    /// Keys that would leave a lane almost readable in one entry of the matrices, or two lanes hard to tell apart for
    /// [`crate::MoreEvaluator::compare`], are drawn again.
    pub(crate) fn random(parameters: &Parameters, rng: &mut dyn CryptoRng) -> Result<Self> {
        let n = parameters.dimension();
        let mut last = Self::draw(parameters, rng);
        for _ in 0..DRAWS {
            if last.as_ref().is_ok_and(|key| key.spread() >= 0.2 / (n * n) as f64) {
                return last;
            }
            last = Self::draw(parameters, rng);
        }
        last
    }

    fn draw(parameters: &Parameters, rng: &mut dyn CryptoRng) -> Result<Self> {
        let n = parameters.dimension();
        // A hair below the bound, so that rounding cannot lift the condition number over it.
        let bound = 1.0 + (parameters.condition_bound() - 1.0) * (1.0 - 1e-9);
        let mut scales = DVector::from_fn(n, |_, _| bound.powf(-random::unit(rng)));
        let mut basis =
            random::orthogonal(n, rng) * DMatrix::from_diagonal(&scales) * random::orthogonal(n, rng);
        let key = Self::from_basis(parameters, basis.clone());
        basis.as_mut_slice().zeroize();
        scales.as_mut_slice().zeroize();
        key
    }

    /// The key with this basis.
    ///
    /// # Errors
    /// [`Error::Parameters`] when it is singular or its condition number exceeds the bound.
    pub(crate) fn from_basis(parameters: &Parameters, mut basis: DMatrix<f64>) -> Result<Self> {
        let condition = condition_number(&basis);
        let inverse =
            basis.clone().try_inverse().filter(|_| condition <= parameters.condition_bound() * (1.0 + 1e-9));
        let Some(mut inverse) = inverse else {
            let bound = parameters.condition_bound();
            return Err(Error::parameters(format!(
                "a key of condition number {condition}, at most {bound} is wanted"
            )));
        };
        let rows = |matrix: &DMatrix<f64>| Zeroizing::new(matrix.transpose().as_slice().to_vec());
        let key = Self {
            dimension: parameters.dimension(),
            fingerprint: parameters.fingerprint(),
            basis: rows(&basis),
            inverse: rows(&inverse),
        };
        basis.as_mut_slice().zeroize();
        inverse.as_mut_slice().zeroize();
        Ok(key)
    }

    /// Which of the lanes of [`crate::MoreEvaluator::compare`] holds the messages.
    pub fn message_lane(&self) -> usize {
        let basis = DMatrix::from_row_slice(self.dimension, self.dimension, &self.basis);
        let lanes = compare::ordered(&basis).unwrap_or_default();
        lanes.iter().position(|lane| *lane == basis.column(0)).unwrap_or(0)
    }

    /// The condition number of the key, at most the bound of the parameters.
    pub fn condition_number(&self) -> f64 {
        condition_number(&DMatrix::from_row_slice(self.dimension, self.dimension, &self.basis))
    }

    pub(super) fn basis(&self) -> &[f64] {
        &self.basis
    }

    pub(super) fn check(&self, parameters: &Parameters) -> Result<()> {
        if self.fingerprint == parameters.fingerprint() {
            return Ok(());
        }
        Err(Error::parameters("the secret key belongs to other parameters"))
    }

    /// For every lane l the projection S e_l e_l^T S^-1, row by row: what one unit in that lane adds to a matrix.
    pub(super) fn projections(&self) -> Zeroizing<Vec<f64>> {
        let n = self.dimension;
        let mut projections = Zeroizing::new(Vec::with_capacity(n * n * n));
        for lane in 0..n {
            for row in self.basis.chunks_exact(n) {
                let weight = row.get(lane).copied().unwrap_or(0.0);
                projections.extend(self.inverse.iter().skip(lane * n).take(n).map(|entry| weight * entry));
            }
        }
        projections
    }

    /// The numbers whose products with the entries of C, row by row, add up to the message: entry (1, 1) of S^-1 C S.
    pub(super) fn message_weights(&self) -> Zeroizing<Vec<f64>> {
        let n = self.dimension;
        let mut weights = Zeroizing::new(Vec::with_capacity(n * n));
        for left in self.inverse.iter().take(n) {
            weights.extend(self.basis.iter().step_by(n).map(|right| left * right));
        }
        weights
    }

    /// The smallest distance between two upper left entries of projections, or of one from 0: see [`crate::compare`].
    fn spread(&self) -> f64 {
        let n = self.dimension;
        let first_row = self.basis.iter().take(n);
        let mut entries: Vec<f64> = first_row
            .zip(self.inverse.iter().step_by(n))
            .map(|(left, right)| left * right)
            .chain([0.0])
            .collect();
        entries.sort_by(f64::total_cmp);
        entries.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?)).fold(f64::INFINITY, f64::min)
    }
}

/// The ratio of the largest to the smallest singular value.
fn condition_number(matrix: &DMatrix<f64>) -> f64 {
    let Some(decomposition) = SVD::try_new(matrix.clone(), false, false, f64::EPSILON, 10_000) else {
        return f64::INFINITY;
    };
    let values = decomposition.singular_values;
    let (smallest, largest) = values
        .iter()
        .fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| (low.min(*value), high.max(*value)));
    if smallest > 0.0 { largest / smallest } else { f64::INFINITY }
}
