//! Linear maps whose entries are encrypted one by one: the MORE paper's first scenario, an encrypted model on encrypted data.
//!
//! A weight is a 2 x 2 matrix as a number of the data is, so that each entry costs a product of two matrices (eight multiplications) in the
//! place of a matrix times a number (four).
#![expect(
    clippy::indexing_slicing,
    reason = "shapes are checked on entry; rows, columns and slots are those of the pattern"
)]

use std::sync::Arc;

use he_traits::{EncryptedMatrix, EntryPattern, Error, Geometry, Result};
use rayon::prelude::*;

use crate::Ciphertext;
use crate::batch::{Batch, PLANES, WIDTH};
use crate::buffer::Buffer;
use crate::kernel::{Line, hidden};

/// Applies `matrix` to the values whose blocks stand in `x` back to back.
///
/// # Errors
/// [`Error::Shape`] when `x` is not a whole number of values, or a ciphertext of weights holds too few of them.
pub(crate) fn apply(x: &[&Ciphertext], matrix: &EncryptedMatrix<Ciphertext>) -> Result<Vec<Ciphertext>> {
    let (pattern, weights) = (matrix.pattern(), matrix.weights());
    let g = pattern.geometry();
    if x.is_empty() || !x.len().is_multiple_of(g.in_blocks) {
        return Err(Error::shape("linear", format!("a multiple of {} blocks", g.in_blocks), x.len()));
    }
    check_weights(pattern, weights)?;
    let planes: Option<Vec<[&[f64]; 4]>> = weights.iter().map(Ciphertext::four_planes).collect();
    match planes {
        Some(planes) if (g.in_blocks, g.out_blocks) == (1, 1) => {
            let batches: Vec<Vec<Ciphertext>> =
                x.par_chunks(WIDTH).map(|x| by_batches(x, pattern, &planes)).collect();
            Ok(batches.into_iter().flatten().collect())
        }
        _ => {
            let values: Vec<Vec<Ciphertext>> =
                x.par_chunks(g.in_blocks).map(|value| one_value(value, pattern, weights)).collect();
            Ok(values.into_iter().flatten().collect())
        }
    }
}

/// That every entry's weight is there: a foreign file may hold vectors that are too short.
fn check_weights(pattern: &EntryPattern, weights: &[Ciphertext]) -> Result<()> {
    let mut needed = vec![0_usize; weights.len()];
    for entry in (0..pattern.shape().0).flat_map(|row| pattern.row(row)) {
        match needed.get_mut(entry.vector as usize) {
            Some(needed) => *needed = (*needed).max(entry.slot as usize + 1),
            None => return Err(Error::shape("linear", "all vectors of weights", weights.len())),
        }
    }
    match weights.iter().zip(&needed).find(|(weights, needed)| weights.period() < **needed) {
        None => Ok(()),
        Some((weights, needed)) => Err(Error::shape("linear", format!("{needed} weights"), weights.period())),
    }
}

/// Up to eight values of one block each; the results lie side by side again.
fn by_batches(x: &[&Ciphertext], pattern: &EntryPattern, weights: &[[&[f64]; 4]]) -> Vec<Ciphertext> {
    let (rows, columns) = pattern.shape();
    let gathered;
    let input = match Ciphertext::common_batch(x)
        .filter(|batch| batch.period() >= columns && batch.basis().is_none())
    {
        Some(batch) => batch,
        None => {
            let long: Vec<_> = x.iter().map(|x| crate::linear::long_enough(x, columns)).collect();
            gathered = Arc::new(Batch::gather(&long.iter().map(|x| &**x).collect::<Vec<_>>(), columns));
            &gathered
        }
    };
    let input = input.lines().as_chunks().0;
    let mut lines: Buffer<Line> = Buffer::stale(rows * PLANES);
    let output = lines.as_chunks_mut().0;
    let one_row = |(row, output): (usize, &mut [Line; PLANES])| {
        hidden::row(pattern.row(row), weights, input, output);
    };
    // Few values leave threads idle: the rows are shared out then.
    if x.len() < WIDTH && rows > 64 {
        output.par_iter_mut().with_min_len(16).enumerate().for_each(one_row);
    } else {
        output.iter_mut().enumerate().for_each(one_row);
    }
    let batch = Arc::new(Batch::new(lines, None));
    x.iter().enumerate().map(|(lane, x)| x.lane(Arc::clone(&batch), lane)).collect()
}

/// One value of any dimension and any number of blocks, matrix by matrix.
fn one_value(value: &[&Ciphertext], pattern: &EntryPattern, weights: &[Ciphertext]) -> Vec<Ciphertext> {
    let Some(first) = value.first() else { return Vec::new() };
    let &Geometry { slots, out_blocks, in_period, out_period, .. } = pattern.geometry();
    let n = first.dimension();
    let weights: Vec<Vec<&[f64]>> = weights.iter().map(|weights| weights.planes().collect()).collect();
    let blocks: Vec<Ciphertext> = value.iter().map(|block| block.repeated(slots)).collect();
    let blocks: Vec<Vec<&[f64]>> = blocks.iter().map(|block| block.planes().collect()).collect();
    let mut results: Vec<Ciphertext> = (0..out_blocks).map(|_| first.zeros(out_period)).collect();
    for (out_block, result) in results.iter_mut().enumerate() {
        let mut planes: Vec<&mut [f64]> = result.planes_mut().collect();
        for (row, place) in (out_block * out_period..).zip(0..out_period) {
            for entry in pattern.row(row) {
                let (weight, slot) = (&weights[entry.vector as usize], entry.slot as usize);
                let column = entry.column as usize;
                let (x, at) = (&blocks[column / in_period], column % in_period);
                for (i, k) in (0..n).flat_map(|i| (0..n).map(move |k| (i, k))) {
                    let products = (0..n).map(|j| weight[n * i + j][slot] * x[n * j + k][at]);
                    planes[n * i + k][place] += products.sum::<f64>();
                }
            }
        }
    }
    results
}
