//! What anyone learns from MORE ciphertexts alone: everything, up to the order of the lanes.
//!
//! A ciphertext is C = S diag(m, r, ..) S^-1.
//!
//! 1. Its eigenvalues are m and the random numbers: [`eigenvalues`] reads them off one slot by itself.
//! 2. All ciphertexts of a key share their eigenvectors. [`Eigenvectors::from_ciphertexts`] finds them in a single slot, and then every
//!    slot of every ciphertext falls apart into the same lanes: what is left of the secret is *which* lane, one bit for 2 x 2.
//! 3. That bit falls to a single known number, to the range of the data, or to a look at them: [`Clue`].

use nalgebra::DMatrix;

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
    /// Most numbers of the message occur more than once, like the background of a picture; random numbers do not.
    Repeats,
}

fn matrix(x: &Ciphertext, slot: usize) -> DMatrix<f64> {
    DMatrix::from_row_slice(x.dimension(), x.dimension(), &x.matrix(slot))
}
