//! Eight ciphertexts side by side: the form in which whole layers run.
//!
//! A vector instruction of 512 bits takes one number of eight ciphertexts at once. So laid out, a layer reads and writes its
//! operands as they are: no transposing, and a function of 2 x 2 matrices finds the four entries in four vectors.
#![expect(
    clippy::indexing_slicing,
    reason = "shapes are checked where a batch is made: four lines a slot, at most eight ciphertexts"
)]

use std::sync::{Arc, OnceLock};

use crate::Ciphertext;
use crate::buffer::Buffer;
use crate::compact::Basis;
use crate::kernel::{Line, eight, panel};

/// Ciphertexts of a batch.
pub(crate) const WIDTH: usize = 8;

/// Planes of a ciphertext of 2 x 2 matrices, and so lines of a slot.
pub(crate) const PLANES: usize = 4;

/// Slots that are laid side by side together: 16 KiB, which stay in the first-level cache while their planes come one by one.
const PIECE: usize = 64;

/// Slots of a ciphertext among which T is looked for first: the best of so many is about as good as the best of all.
const CANDIDATES: usize = 1024;

/// Up to eight ciphertexts of 2 x 2 matrices: line `4 i + p` holds slot `i` of plane `p` of all of them; in the compact form lines `2 i` and `2 i + 1` hold a and b.
pub(crate) struct Batch {
    lines: Buffer<Line>,
    /// T of the compact form.
    basis: Option<Basis>,
    /// The planes one by one, made when somebody first asks for those of one ciphertext.
    planes: OnceLock<Vec<Vec<Arc<Buffer>>>>,
}

impl Batch {
    /// A batch whose lines were computed: two a slot where there is a basis.
    pub(crate) fn new(lines: Buffer<Line>, basis: Option<Basis>) -> Self {
        Self { lines, basis, planes: OnceLock::new() }
    }

    /// Lays ciphertexts of 2 x 2 matrices side by side: at least one, at most eight, each at least `period` slots long. Lanes without a
    /// ciphertext repeat the last one.
    pub(crate) fn gather(ciphertexts: &[&Ciphertext], period: usize) -> Self {
        let planes = planes_of(ciphertexts);
        let mut lines = Buffer::stale(period * PLANES);
        for (piece, slots) in lines.as_chunks_mut().0.chunks_mut(PIECE).enumerate() {
            gather_slots(&planes, piece * PIECE, slots);
        }
        Self::new(lines, None)
    }

    /// [`Batch::gather`] in the compact form; in the full one where all numbers are equal to the random ones beside them, which gives no T.
    pub(crate) fn gather_compact(ciphertexts: &[&Ciphertext], period: usize) -> Self {
        let planes = planes_of(ciphertexts);
        let Some(basis) = basis_of(&planes, period) else { return Self::gather(ciphertexts, period) };
        let mut lines = Buffer::stale(2 * period);
        let mut slots = [[Line::ZERO; PLANES]; PIECE];
        for (piece, compact) in lines.as_chunks_mut().0.chunks_mut(PIECE).enumerate() {
            let slots = &mut slots[..compact.len()];
            gather_slots(&planes, piece * PIECE, slots);
            eight::compact(basis, slots, compact);
        }
        Self::new(lines, Some(basis))
    }

    /// T, where the batch is compact.
    pub(crate) fn basis(&self) -> Option<Basis> {
        self.basis
    }

    /// The lines.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Slots of each ciphertext.
    pub(crate) fn period(&self) -> usize {
        self.lines.len() / if self.basis.is_some() { 2 } else { PLANES }
    }

    /// The planes of the ciphertext in one lane.
    pub(crate) fn planes(&self, lane: usize) -> &[Arc<Buffer>] {
        &self.planes.get_or_init(|| self.apart())[lane]
    }

    fn apart(&self) -> Vec<Vec<Arc<Buffer>>> {
        let period = self.period();
        let mut expanded;
        let lines: &[Line] = match self.basis {
            None => &self.lines,
            Some(basis) => {
                expanded = Buffer::stale(PLANES * period);
                eight::expand(basis, self.lines.as_chunks().0, expanded.as_chunks_mut().0);
                &expanded
            }
        };
        let rows: Vec<u32> = (0..period as u32).collect();
        let mut planes: Vec<Vec<Buffer>> =
            (0..WIDTH).map(|_| (0..PLANES).map(|_| Buffer::stale(period)).collect()).collect();
        for plane in 0..PLANES {
            let mut lanes: Vec<&mut [f64]> = planes.iter_mut().map(|lane| &mut *lane[plane]).collect();
            panel::scatter_lines(&lines[plane.min(lines.len())..], PLANES, &rows, &rows, &mut lanes);
        }
        planes.into_iter().map(|lane| lane.into_iter().map(Arc::new).collect()).collect()
    }
}

fn planes_of<'a>(ciphertexts: &[&'a Ciphertext]) -> Vec<[&'a [f64]; PLANES]> {
    ciphertexts.iter().filter_map(|ciphertext| ciphertext.four_planes()).collect()
}

/// The slots from `first` on.
fn gather_slots(planes: &[[&[f64]; PLANES]], first: usize, slots: &mut [eight::Slot]) {
    let length = slots.len();
    let lines = slots.as_flattened_mut();
    for plane in 0..PLANES {
        let lanes =
            std::array::from_fn(|lane| &planes[lane.min(planes.len() - 1)][plane][first..first + length]);
        panel::gather_lines(&lanes, &mut lines[plane..], PLANES);
    }
}

/// T from the first ciphertext.
fn basis_of(planes: &[[&[f64]; PLANES]], period: usize) -> Option<Basis> {
    let first = planes.first()?;
    let matrix = |slot: usize| first.map(|plane| plane[slot]);
    let some = (0..period).step_by(period.div_ceil(CANDIDATES).max(1)).map(matrix);
    Basis::of(some).or_else(|| Basis::of((0..period).map(matrix)))
}
