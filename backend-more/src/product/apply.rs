//! The multiplication.
#![expect(
    clippy::indexing_slicing,
    reason = "shapes are checked on entry and indices come from the analysis of the same matrix"
)]

use std::cell::RefCell;

use rayon::prelude::*;

use super::{Chunk, SparseProduct};
use crate::kernel::{Line, panel, tile};

/// Lanes of a full panel.
const LANES: usize = 32;

/// Multiplications below which a single panel is not worth sharing among threads.
const WORTH_SHARING: usize = 1 << 18;

/// Memory of one thread, kept from call to call.
#[derive(Default)]
struct Scratch {
    panel: Vec<Line>,
    results: Vec<Line>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl SparseProduct {
    /// Multiplies the matrix with every vector of `inputs` (at least [`Self::columns`] long) into the vector of `outputs` of the same
    /// index ([`Self::rows`] long), on the threads of the pool.
    pub(crate) fn apply(&self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        assert!(inputs.len() == outputs.len() && inputs.iter().all(|input| input.len() >= self.columns));
        let threads = rayon::current_num_threads();
        if inputs.len() <= 8 && threads > 1 && self.multiplications() * 8 >= WORTH_SHARING {
            return self.shared_panel(inputs, outputs);
        }
        // Panels narrower than the widest where there would be fewer of them than threads.
        let lanes = LANES.min(8 * inputs.len().div_ceil(8 * threads).max(1));
        outputs.par_chunks_mut(lanes).zip(inputs.par_chunks(lanes)).for_each(|(outputs, inputs)| {
            SCRATCH.with_borrow_mut(|scratch| self.panel(inputs, outputs, scratch));
        });
    }

    /// One panel on one thread, chunk by chunk.
    fn panel(&self, inputs: &[&[f64]], outputs: &mut [&mut [f64]], scratch: &mut Scratch) {
        let stride = inputs.len().div_ceil(8);
        let Scratch { panel, results } = scratch;
        let source = self.gather(inputs, stride, panel);
        for chunk in &self.chunks {
            self.multiply_chunk(chunk, source, stride, results);
            scatter(chunk, results, stride, outputs);
        }
    }

    /// One panel on all threads: the chunks are multiplied side by side, each into memory of its own.
    fn shared_panel(&self, inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
        let stride = inputs.len().div_ceil(8);
        let mut panel = Vec::new();
        let source = self.gather(inputs, stride, &mut panel);
        let results: Vec<Vec<Line>> = self
            .chunks
            .par_iter()
            .map(|chunk| {
                let mut results = Vec::new();
                self.multiply_chunk(chunk, source, stride, &mut results);
                results
            })
            .collect();
        for (chunk, results) in self.chunks.iter().zip(&results) {
            scatter(chunk, results, stride, outputs);
        }
    }

    /// The inputs as a panel, equal columns added up.
    fn gather<'a>(&self, inputs: &[&[f64]], stride: usize, panel: &'a mut Vec<Line>) -> &'a [Line] {
        match &self.sums {
            None => panel.resize(self.columns * stride, Line::ZERO),
            Some(sums) => {
                panel.clear();
                panel.resize(sums.sizes.len() * stride, Line::ZERO);
            }
        }
        if panel.is_empty() {
            return panel;
        }
        for (line, inputs) in inputs.chunks(8).enumerate() {
            // Lanes without a vector compute along with the last one; nobody reads them.
            let lanes = std::array::from_fn(|lane| inputs[lane.min(inputs.len() - 1)]);
            match &self.sums {
                None => panel::gather_lines(&lanes, &mut panel[line..], stride),
                Some(sums) => panel::gather_sums(&lanes, &sums.set_of_column, &mut panel[line..], stride),
            }
        }
        panel
    }

    fn multiply_chunk(&self, chunk: &Chunk, source: &[Line], stride: usize, results: &mut Vec<Line>) {
        if chunk.groups.is_empty() {
            results.clear();
            results.resize(stride, Line::ZERO);
            return;
        }
        results.resize(chunk.rows.len() * stride, Line::ZERO);
        let mut rest = results.as_mut_slice();
        for group in &self.groups[chunk.groups.clone()] {
            let stencil = &self.stencils[group.stencil as usize];
            let (rows, columns) = (stencil.rows as usize, stencil.columns as usize);
            let (target, next) = rest.split_at_mut(rows * stride);
            tile::multiply(
                &self.weights[stencil.first_weight..][..rows * columns],
                &self.offsets[stencil.first_offset..][..columns],
                group.base,
                source,
                stride,
                target,
            );
            rest = next;
        }
    }
}

fn scatter(chunk: &Chunk, results: &[Line], stride: usize, outputs: &mut [&mut [f64]]) {
    if chunk.rows.is_empty() {
        return;
    }
    for (line, outputs) in outputs.chunks_mut(8).enumerate() {
        panel::scatter_lines(&results[line..], stride, &chunk.rows, &chunk.positions, outputs);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rows, SparseProduct};

    /// A matrix written out.
    struct Dense(Vec<Vec<f64>>, usize);

    impl Rows for Dense {
        fn shape(&self) -> (usize, usize) {
            (self.0.len(), self.1)
        }
        fn row(&self, row: usize, entries: &mut Vec<(u32, f64)>) -> he_traits::Result<()> {
            entries.clear();
            entries.extend(
                self.0[row].iter().enumerate().filter(|(_, v)| **v != 0.0).map(|(c, v)| (c as u32, *v)),
            );
            Ok(())
        }
    }

    fn numbers(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64) / (1u64 << 53) as f64 * 2.0 - 1.0
        }
    }

    fn check(matrix: &Dense, lanes: usize) -> SparseProduct {
        let product = SparseProduct::new(matrix).unwrap();
        let (rows, columns) = matrix.shape();
        let mut next = numbers(lanes as u64);
        let inputs: Vec<Vec<f64>> = (0..lanes).map(|_| (0..columns).map(|_| next()).collect()).collect();
        let mut outputs = vec![vec![f64::NAN; rows]; lanes];
        let input_views: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
        let mut output_views: Vec<&mut [f64]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        product.apply(&input_views, &mut output_views);
        for (input, output) in inputs.iter().zip(&outputs) {
            for (row, got) in matrix.0.iter().zip(output) {
                let want: f64 = row.iter().zip(input).map(|(a, b)| a * b).sum();
                assert!((got - want).abs() <= 1e-13 * (1.0 + columns as f64), "{got} {want}");
            }
        }
        product
    }

    #[test]
    fn dense_sparse_and_empty_matrices_of_every_size() {
        let mut next = numbers(1);
        for rows in [1, 2, 3, 4, 5, 9, 17] {
            for columns in [1, 7, 8, 20, 130] {
                for keep in [-0.9, 0.0, 1.0] {
                    let matrix: Vec<Vec<f64>> = (0..rows)
                        .map(|_| (0..columns).map(|_| if next() < keep { next() } else { 0.0 }).collect())
                        .collect();
                    for lanes in [1, 4, 8, 12, 31, 32, 33, 70] {
                        check(&Dense(matrix.clone(), columns), lanes);
                    }
                }
            }
        }
    }

    #[test]
    fn a_convolution_keeps_one_copy_of_its_interior_weights() {
        // Two channels out, one in, 3 x 3, picture of 12 x 12, padding 1.
        let mut next = numbers(2);
        let weights: Vec<f64> = (0..18).map(|_| next()).collect();
        let mut matrix = vec![vec![0.0; 144]; 288];
        for (row, entries) in matrix.iter_mut().enumerate() {
            let (channel, y, x) = (row / 144, row / 12 % 12, row % 12);
            for (k, (dy, dx)) in (0..3).flat_map(|dy| (0..3).map(move |dx| (dy, dx))).enumerate() {
                let (y, x) = ((y + dy).wrapping_sub(1), (x + dx).wrapping_sub(1));
                if y < 12 && x < 12 {
                    entries[y * 12 + x] = weights[channel * 9 + k];
                }
            }
        }
        let product = check(&Dense(matrix, 144), 40);
        // The interior, four edges and four corners.
        assert_eq!(product.stencils.len(), 9);
        assert_eq!(product.groups.len(), 144);
    }

    #[test]
    fn equal_columns_are_added_first() {
        let mut next = numbers(3);
        let small: Vec<Vec<f64>> = (0..6).map(|_| (0..5).map(|_| next()).collect()).collect();
        let matrix: Vec<Vec<f64>> =
            small.iter().map(|row| (0..20).map(|column| row[(column / 2) % 5]).collect()).collect();
        let product = check(&Dense(matrix, 20), 5);
        assert_eq!(product.multiplications(), 30);
    }

    #[test]
    fn a_matrix_of_zeros_gives_zeros() {
        check(&Dense(vec![vec![0.0; 9]; 20], 9), 9);
    }

    #[test]
    fn one_large_panel_is_shared_among_threads() {
        let mut next = numbers(4);
        let matrix: Vec<Vec<f64>> = (0..1500).map(|_| (0..200).map(|_| next()).collect()).collect();
        check(&Dense(matrix, 200), 4);
    }
}
