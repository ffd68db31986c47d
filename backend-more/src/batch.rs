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
use crate::kernel::{Line, panel};

/// Ciphertexts of a batch.
pub(crate) const WIDTH: usize = 8;

/// Planes of a ciphertext of 2 x 2 matrices, and so lines of a slot.
pub(crate) const PLANES: usize = 4;

/// Up to eight ciphertexts of 2 x 2 matrices: line `4 i + p` holds slot `i` of plane `p` of all of them.
pub(crate) struct Batch {
    lines: Buffer<Line>,
    /// The planes one by one, made when somebody first asks for those of one ciphertext.
    planes: OnceLock<Vec<Vec<Arc<Buffer>>>>,
}

impl Batch {
    /// A batch whose lines were computed.
    pub(crate) fn new(lines: Buffer<Line>) -> Self {
        Self { lines, planes: OnceLock::new() }
    }

    /// Lays ciphertexts of 2 x 2 matrices side by side: at least one, at most eight, each at least `period` slots long. Lanes without a
    /// ciphertext repeat the last one.
    pub(crate) fn gather(ciphertexts: &[&Ciphertext], period: usize) -> Self {
        let mut lines = Buffer::stale(period * PLANES);
        if period > 0 {
            let planes: Vec<[&[f64]; PLANES]> =
                ciphertexts.iter().filter_map(|ciphertext| ciphertext.four_planes()).collect();
            for plane in 0..PLANES {
                let lanes = std::array::from_fn(|lane| &planes[lane.min(planes.len() - 1)][plane][..period]);
                panel::gather_lines(&lanes, &mut lines[plane..], PLANES);
            }
        }
        Self::new(lines)
    }

    /// The lines.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Slots of each ciphertext.
    pub(crate) fn period(&self) -> usize {
        self.lines.len() / PLANES
    }

    /// The planes of the ciphertext in one lane.
    pub(crate) fn planes(&self, lane: usize) -> &[Arc<Buffer>] {
        &self.planes.get_or_init(|| self.apart())[lane]
    }

    fn apart(&self) -> Vec<Vec<Arc<Buffer>>> {
        let period = self.period();
        let rows: Vec<u32> = (0..period as u32).collect();
        let mut planes: Vec<Vec<Buffer>> =
            (0..WIDTH).map(|_| (0..PLANES).map(|_| Buffer::stale(period)).collect()).collect();
        for plane in 0..PLANES {
            let mut lanes: Vec<&mut [f64]> = planes.iter_mut().map(|lane| &mut *lane[plane]).collect();
            panel::scatter_lines(
                &self.lines[plane.min(self.lines.len())..],
                PLANES,
                &rows,
                &rows,
                &mut lanes,
            );
        }
        planes.into_iter().map(|lane| lane.into_iter().map(Arc::new).collect()).collect()
    }
}
