//! The register-blocked micro-kernel: a small dense matrix, [`ROWS`] rows at a time, times chosen rows of a panel.
//!
//! With AVX-512 and a panel of 32 lanes, 4 x 4 registers accumulate while every number of the matrix is read once for 32
//! multiply-adds, so that the two multiply-add units and not the memory set the pace.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernels: the shapes are stated at every function and hold by construction"
)]

use super::{Line, mul_add};

/// Rows of the matrix that are multiplied together.
pub(crate) const ROWS: usize = 4;

/// Columns after which the accumulators go back to memory, so that the rows of the panel in use stay in the first-level cache:
/// 96 columns of 32 lanes are 24 KiB.
const COLUMN_BLOCK: usize = 96;

/// Multiplies a dense matrix with the rows `base + offsets[j]` of a panel.
///
/// - `weights`: blocks of [`ROWS`] rows of the matrix (the last block may be smaller); inside a block column by column. Of length
///   `rows · offsets.len()`.
/// - `panel`: `stride` lines a row, `stride` from 1 to 4.
/// - `result`: `rows · stride` lines, overwritten.
pub(crate) fn multiply(
    weights: &[f64],
    offsets: &[u32],
    base: u32,
    panel: &[Line],
    stride: usize,
    result: &mut [Line],
) {
    let product = Product { weights, offsets, panel: &panel[base as usize * stride..], stride };
    #[cfg(target_arch = "x86_64")]
    match super::processor() {
        // SAFETY: `processor` found every feature that the function is compiled for.
        super::Processor::Avx512 => return unsafe { avx512(&product, result) },
        // SAFETY: as above.
        super::Processor::Avx2 => return unsafe { avx2(&product, result) },
        super::Processor::Baseline => {}
    }
    multiply_body::<Portable, 1>(&product, result);
}

struct Product<'a> {
    weights: &'a [f64],
    offsets: &'a [u32],
    panel: &'a [Line],
    stride: usize,
}

/// The part of a matrix that one step works off: some rows of it, [`COLUMN_BLOCK`] columns.
#[derive(Clone, Copy)]
struct Block<'a> {
    /// Column by column.
    weights: &'a [f64],
    offsets: &'a [u32],
    panel: &'a [Line],
    stride: usize,
    /// The line of the row with which the step starts.
    line: usize,
    /// Whether the result so far is added, or overwritten.
    accumulate: bool,
}

/// The arithmetic of one step, `R` rows and `WIDE` lines of every row of the panel at a time.
trait Arithmetic {
    /// One step.
    fn step<const R: usize, const WIDE: usize>(block: Block<'_>, target: &mut [Line]);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,fma")]
fn avx512(product: &Product<'_>, result: &mut [Line]) {
    match product.stride {
        1 => multiply_body::<Avx512, 1>(product, result),
        2 => multiply_body::<Avx512, 2>(product, result),
        3 => multiply_body::<Avx512, 3>(product, result),
        _ => multiply_body::<Avx512, 4>(product, result),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(product: &Product<'_>, result: &mut [Line]) {
    multiply_body::<Avx2, 1>(product, result);
}

#[inline(always)]
fn multiply_body<A: Arithmetic, const WIDE: usize>(product: &Product<'_>, result: &mut [Line]) {
    let columns = product.offsets.len();
    let mut from = 0;
    loop {
        let to = columns.min(from + COLUMN_BLOCK);
        let mut start = 0;
        for target in result.chunks_mut(ROWS * product.stride) {
            let rows = target.len() / product.stride;
            let block = Block {
                weights: &product.weights[start + from * rows..start + to * rows],
                offsets: &product.offsets[from..to],
                panel: product.panel,
                stride: product.stride,
                line: 0,
                accumulate: from > 0,
            };
            for line in (0..product.stride).step_by(WIDE) {
                let block = Block { line, ..block };
                match rows {
                    1 => A::step::<1, WIDE>(block, target),
                    2 => A::step::<2, WIDE>(block, target),
                    3 => A::step::<3, WIDE>(block, target),
                    _ => A::step::<ROWS, WIDE>(block, target),
                }
            }
            start += rows * columns;
        }
        from = to;
        if from >= columns {
            return;
        }
    }
}

/// Plain Rust, for every processor.
struct Portable;

impl Arithmetic for Portable {
    #[inline(always)]
    fn step<const R: usize, const WIDE: usize>(block: Block<'_>, target: &mut [Line]) {
        const FMA: bool = cfg!(target_arch = "aarch64");
        for line in block.line..block.line + WIDE {
            let mut sums = [Line::ZERO; R];
            if block.accumulate {
                for (row, sum) in sums.iter_mut().enumerate() {
                    *sum = target[row * block.stride + line];
                }
            }
            for (weights, offset) in block.weights.chunks_exact(R).zip(block.offsets) {
                let entries = block.panel[*offset as usize * block.stride + line].0;
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum =
                        Line(std::array::from_fn(|lane| mul_add::<FMA>(*weight, entries[lane], sum.0[lane])));
                }
            }
            for (row, sum) in sums.iter().enumerate() {
                target[row * block.stride + line] = *sum;
            }
        }
    }
}

/// Defines the arithmetic with the vector instructions of one processor generation; a line is `$registers` registers.
#[cfg(target_arch = "x86_64")]
macro_rules! vector_arithmetic {
    ($name:ident, $registers:literal, $zero:ident, $load:ident, $store:ident, $splat:ident, $fma:ident) => {
        struct $name;

        impl Arithmetic for $name {
            #[inline(always)]
            fn step<const R: usize, const WIDE: usize>(block: Block<'_>, target: &mut [Line]) {
                use std::arch::x86_64::{$fma, $load, $splat, $store, $zero};
                const WIDTH: usize = 8 / $registers;
                let Block { weights, offsets, panel, stride, line, accumulate } = block;
                // SAFETY: only reached from a function compiled with these instructions and called after they were detected.
                // Every load and store covers one of the eight aligned numbers of a `Line` that was indexed with its bounds checked.
                unsafe {
                    let mut sums = [[[$zero(); $registers]; WIDE]; R];
                    if accumulate {
                        for row in 0..R {
                            for wide in 0..WIDE {
                                let source = &target[row * stride + line + wide].0;
                                for register in 0..$registers {
                                    sums[row][wide][register] = $load(source[register * WIDTH..].as_ptr());
                                }
                            }
                        }
                    }
                    for (weights, offset) in weights.chunks_exact(R).zip(offsets) {
                        let entries: &[Line] = &panel[*offset as usize * stride + line..][..WIDE];
                        let mut values = [[$zero(); $registers]; WIDE];
                        for wide in 0..WIDE {
                            for register in 0..$registers {
                                values[wide][register] = $load(entries[wide].0[register * WIDTH..].as_ptr());
                            }
                        }
                        for row in 0..R {
                            let weight = $splat(weights[row]);
                            for wide in 0..WIDE {
                                for register in 0..$registers {
                                    sums[row][wide][register] =
                                        $fma(weight, values[wide][register], sums[row][wide][register]);
                                }
                            }
                        }
                    }
                    for row in 0..R {
                        for wide in 0..WIDE {
                            let target = &mut target[row * stride + line + wide].0;
                            for register in 0..$registers {
                                $store(target[register * WIDTH..].as_mut_ptr(), sums[row][wide][register]);
                            }
                        }
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
vector_arithmetic!(
    Avx512,
    1,
    _mm512_setzero_pd,
    _mm512_load_pd,
    _mm512_store_pd,
    _mm512_set1_pd,
    _mm512_fmadd_pd
);
#[cfg(target_arch = "x86_64")]
vector_arithmetic!(
    Avx2,
    2,
    _mm256_setzero_pd,
    _mm256_load_pd,
    _mm256_store_pd,
    _mm256_set1_pd,
    _mm256_fmadd_pd
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Every version against the sums written out, whichever of them this processor would choose.
    #[test]
    fn every_version_multiplies() {
        for (rows, columns, stride) in [(1, 1, 1), (3, 9, 2), (4, 97, 3), (6, 200, 4), (17, 30, 4)] {
            let number = |i: usize| ((i * 29 + 7) as f64).sin();
            let matrix: Vec<f64> = (0..rows * columns).map(number).collect();
            let offsets: Vec<u32> = (0..columns as u32).map(|column| column * 2).collect();
            let panel: Vec<Line> = (0..(2 * columns + 3) * stride)
                .map(|i| Line(std::array::from_fn(|lane| number(1000 + 8 * i + lane))))
                .collect();
            let mut weights = Vec::new();
            for block in matrix.chunks(ROWS * columns) {
                for column in 0..columns {
                    weights.extend(block.iter().skip(column).step_by(columns));
                }
            }
            let base = 3;
            let product =
                Product { weights: &weights, offsets: &offsets, panel: &panel[base * stride..], stride };
            let mut results = vec![vec![Line::ZERO; rows * stride]; 1];
            multiply_body::<Portable, 1>(&product, &mut results[0]);
            let mut chosen = vec![Line::ZERO; rows * stride];
            multiply(&weights, &offsets, base as u32, &panel, stride, &mut chosen);
            results.push(chosen);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                let mut result = vec![Line::ZERO; rows * stride];
                // SAFETY: both features were just detected.
                unsafe { avx2(&product, &mut result) };
                results.push(result);
            }
            for (row, line) in (0..rows).flat_map(|row| (0..stride).map(move |line| (row, line))) {
                for lane in 0..8 {
                    let entry = |column: usize| panel[(base + 2 * column) * stride + line].0[lane];
                    let want: f64 =
                        (0..columns).map(|column| matrix[row * columns + column] * entry(column)).sum();
                    for result in &results {
                        assert!((result[row * stride + line].0[lane] - want).abs() < 1e-12);
                    }
                }
            }
        }
    }
}
