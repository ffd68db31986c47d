//! What anyone learns from MORE ciphertexts alone: everything, up to the order of the lanes.
//!
//! A ciphertext is C = S diag(m, r, ..) S^-1.
//!
//! 1. Its eigenvalues are m and the random numbers: [`eigenvalues`] reads them off one slot by itself.
//! 2. All ciphertexts of a key share their eigenvectors. [`Eigenvectors::from_ciphertexts`] finds them in a single slot, and then every
//!    slot of every ciphertext falls apart into the same lanes: what is left of the secret is *which* lane, one bit for 2 x 2.
//! 3. That bit falls to a single known number, to the range of the data, or to a look at them: [`Clue`].
//! 4. Without any eigenvalue: the message is a linear function of the entries, and all ciphertexts of a key lie in a space of n
//!    dimensions. n known numbers give that function on all of it: [`Decryption::from_known`].
//! 5. One known number gives the key's own vectors: C v = m v and w C = m w hold for the column v of S and the row w of S^-1 that belong to the message, in
//!    every ciphertext of the key, and are linear in them: [`Decryption::from_key_search`]. The MORE paper (Vizitiu et al. 2020) speaks of a search for the key by known pairs;
//!    solving the equations of that search takes no searching.

use nalgebra::{DMatrix, DVector, SVD};

use crate::{Ciphertext, compare, spectral};

/// The eigenvalues of every slot, rising: the message and the random numbers, in an order that differs from slot to slot.
pub fn eigenvalues(x: &Ciphertext) -> Vec<Vec<f64>> {
    (0..x.period()).map(|slot| spectral::eigenvalues(&matrix(x, slot))).collect()
}

/// The common eigenvectors of all ciphertexts of one key: as good as the key, but for the order of the lanes.
pub struct Eigenvectors {
    vectors: DMatrix<f64>,
    inverse: DMatrix<f64>,
}

impl Eigenvectors {
    /// Finds the eigenvectors in the slot whose eigenvalues lie farthest apart. `None` when in no slot they differ.
    pub fn from_ciphertexts(ciphertexts: &[&Ciphertext]) -> Option<Self> {
        let slots = ciphertexts.iter().flat_map(|x| (0..x.period()).map(|slot| matrix(x, slot)));
        let mut best: Option<(f64, DMatrix<f64>)> = None;
        for candidate in slots {
            let values = spectral::eigenvalues(&candidate);
            let gaps = values.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?));
            let gap = gaps.fold(f64::INFINITY, f64::min);
            if gap > best.as_ref().map_or(0.0, |(gap, _)| *gap) {
                best = Some((gap, candidate));
            }
        }
        let columns = compare::ordered(&compare::eigenvectors(&best?.1)?)?;
        let vectors = DMatrix::from_columns(&columns);
        let inverse = vectors.clone().try_inverse()?;
        Some(Self { vectors, inverse })
    }

    /// One vector a lane: the message in one of them, random numbers in the others.
    pub fn lanes(&self, x: &Ciphertext) -> Vec<Vec<f64>> {
        let mut lanes = vec![Vec::with_capacity(x.period()); x.dimension()];
        for slot in 0..x.period() {
            let diagonal = (&self.inverse * matrix(x, slot) * &self.vectors).diagonal();
            lanes.iter_mut().zip(diagonal.iter()).for_each(|(lane, value)| lane.push(*value));
        }
        lanes
    }

    /// Which lane holds the message, by what the attacker knows; `None` when the clue does not single one out.
    pub fn message_lane(&self, x: &Ciphertext, clue: Clue) -> Option<usize> {
        let lanes = self.lanes(x);
        let fits = |lane: &Vec<f64>| match clue {
            Clue::Known { slot, value } => {
                lane.get(slot).is_some_and(|got| (got - value).abs() <= 1e-6 * (1.0 + value.abs()))
            }
            Clue::Range { low, high } => lane.iter().all(|value| (low..=high).contains(value)),
            Clue::Repeats => {
                let mut sorted = lane.clone();
                sorted.sort_by(f64::total_cmp);
                let near = |pair: &[f64]| matches!(pair, [a, b] if b - a <= 1e-9 * (1.0 + a.abs()));
                2 * sorted.windows(2).filter(|pair| near(pair)).count() > lane.len()
            }
            Clue::SinglePrecision => {
                // The nearest number of single precision is some 1e-8 away from a random one.
                let rounded = |value: &&f64| {
                    (f64::from(**value as f32) - **value).abs() <= 1e-10 * (1e-3 + value.abs())
                };
                10 * lane.iter().filter(rounded).count() > 9 * lane.len()
            }
        };
        let mut found = lanes.iter().enumerate().filter(|(_, lane)| fits(lane)).map(|(index, _)| index);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }
}

/// What tells the message from the random numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clue {
    /// One number of the message.
    Known {
        /// Where it stands.
        slot: usize,
        /// The number.
        value: f64,
    },
    /// An interval that holds the whole message, and not all random numbers (their sign, for instance).
    Range {
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
    },
    /// The numbers of the message are of single precision, like the weights of most networks; random numbers are not.
    SinglePrecision,
    /// Most numbers of the message occur more than once, like the background of a picture; random numbers do not.
    Repeats,
}

/// A linear function of the entries of a ciphertext that gives its message.
pub struct Decryption(DVector<f64>);

impl Decryption {
    /// The function that known numbers determine, each given with its slot and ciphertext: at least n of them for n x n matrices, not all
    /// equal. The shortest of all functions that fit; `None` when there is none.
    pub fn from_known(known: &[(&Ciphertext, usize, f64)]) -> Option<Self> {
        let entries = known.first()?.0.dimension().pow(2);
        let rows = known.iter().flat_map(|(x, slot, _)| x.matrix(*slot));
        let system = DMatrix::from_row_iterator(known.len(), entries, rows.collect::<Vec<_>>());
        let values = DVector::from_iterator(known.len(), known.iter().map(|(_, _, value)| *value));
        // Singular values beyond the n dimensions of the key's algebra are rounding errors.
        let svd = SVD::new(system, true, true);
        let threshold = 1e-11 * svd.singular_values.max();
        svd.solve(&values, threshold).ok().map(Self)
    }

    /// The function that the key's vectors give, which are searched with known numbers: v with (C - m I) v = 0 and w with w (C - m I) = 0 for each of them. One is enough
    /// for matrices of any size, unless a random number beside it is equal to it: then `None`, as for numbers that are not there.
    pub fn from_key_search(known: &[(&Ciphertext, usize, f64)]) -> Option<Self> {
        let n = known.first()?.0.dimension();
        let mut columns = DMatrix::zeros(known.len() * n, n);
        let mut rows = DMatrix::zeros(known.len() * n, n);
        for (index, (x, slot, value)) in known.iter().enumerate() {
            let shifted = matrix(x, *slot) - DMatrix::identity(n, n) * *value;
            columns.rows_mut(index * n, n).copy_from(&shifted);
            rows.rows_mut(index * n, n).copy_from(&shifted.transpose());
        }
        let (v, w) = (null_vector(columns)?, null_vector(rows)?);
        let product = w.dot(&v);
        let weights = (&w * v.transpose()).transpose() / product;
        // Row by row, as planes are.
        (product.abs() > 1e-9).then(|| Self(DVector::from_column_slice(weights.as_slice())))
    }

    /// The message in every slot.
    pub fn message(&self, x: &Ciphertext) -> Vec<f64> {
        let mut message = vec![0.0; x.period()];
        for (plane, weight) in x.planes().zip(self.0.iter()) {
            message.iter_mut().zip(plane).for_each(|(sum, entry)| *sum += weight * entry);
        }
        message
    }
}

/// The direction that a matrix takes to zero, where there is one alone.
fn null_vector(matrix: DMatrix<f64>) -> Option<DVector<f64>> {
    let svd = SVD::new(matrix, false, true);
    let rows = svd.v_t?;
    let last = svd.singular_values.len().checked_sub(1)?;
    let (zero, next) = (svd.singular_values.get(last)?, svd.singular_values.get(last.checked_sub(1)?)?);
    let largest = svd.singular_values.max();
    (*zero < 1e-10 * largest && *next > 1e-8 * largest).then(|| rows.row(last).transpose())
}

fn matrix(x: &Ciphertext, slot: usize) -> DMatrix<f64> {
    DMatrix::from_row_slice(x.dimension(), x.dimension(), &x.matrix(slot))
}
