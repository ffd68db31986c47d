//! Panels: many real vectors side by side, one *lane* each, so that one number of a matrix meets 8 to 32 lanes at once.
//!
//! A panel of `stride` lines a row holds `8 · stride` lanes; row `i` holds entry `i` of every lane.
#![expect(clippy::indexing_slicing, reason = "dense kernels: the shapes are stated at every function and hold by construction")]

use super::{Line, multiversioned};

use super::transpose::{Portable, Transpose};

/// Fills one line a row with the entries of eight lanes: `panel[i · stride]` becomes entry `i` of each lane, for every `i` with
/// `i · stride < panel.len()`. Each lane is at least that long.
pub(crate) fn gather_lines(lanes: &[&[f64]; 8], panel: &mut [Line], stride: usize) {
    #[cfg(target_arch = "x86_64")]
    if super::processor() == super::Processor::Avx512 {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,fma")]
        fn avx512(lanes: &[&[f64]; 8], panel: &mut [Line], stride: usize) {
            gather_lines_body::<super::transpose::Avx512>(lanes, panel, stride);
        }
        // SAFETY: `processor` found every feature that the function is compiled for.
        return unsafe { avx512(lanes, panel, stride) };
    }
    gather_lines_body::<Portable>(lanes, panel, stride);
}

/// The way back, for at most eight lanes: entry `rows[j]` of each lane becomes its number in `panel[positions[j] · stride]`.
/// `rows` rises strictly; runs of eight consecutive rows are written as whole vectors.
pub(crate) fn scatter_lines(
    panel: &[Line],
    stride: usize,
    rows: &[u32],
    positions: &[u32],
    lanes: &mut [&mut [f64]],
) {
    #[cfg(target_arch = "x86_64")]
    if super::processor() == super::Processor::Avx512 {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,fma")]
        fn avx512(panel: &[Line], stride: usize, rows: &[u32], positions: &[u32], lanes: &mut [&mut [f64]]) {
            scatter_lines_body::<super::transpose::Avx512>(panel, stride, rows, positions, lanes);
        }
        // SAFETY: `processor` found every feature that the function is compiled for.
        return unsafe { avx512(panel, stride, rows, positions, lanes) };
    }
    scatter_lines_body::<Portable>(panel, stride, rows, positions, lanes);
}

#[inline(always)]
fn gather_lines_body<T: Transpose>(lanes: &[&[f64]; 8], panel: &mut [Line], stride: usize) {
    let rows = panel.len().div_ceil(stride);
    let lanes: [&[f64]; 8] = lanes.map(|lane| &lane[..rows]);
    let mut row = 0;
    while row + 8 <= rows {
        let block = T::transpose(lanes.map(|lane| eight(lane, row)));
        for (j, line) in block.into_iter().enumerate() {
            panel[(row + j) * stride] = line;
        }
        row += 8;
    }
    while row < rows {
        panel[row * stride] = Line(lanes.map(|lane| lane[row]));
        row += 1;
    }
}

/// Eight numbers of a slice.
#[inline(always)]
fn eight(numbers: &[f64], from: usize) -> &[f64; 8] {
    const NONE: &[f64; 8] = &[0.0; 8];
    numbers[from..from + 8].first_chunk().unwrap_or(NONE)
}

#[inline(always)]
fn scatter_lines_body<T: Transpose>(
    panel: &[Line],
    stride: usize,
    rows: &[u32],
    positions: &[u32],
    lanes: &mut [&mut [f64]],
) {
    let mut done = 0;
    while done + 8 <= rows.len() {
        let first = rows[done] as usize;
        if rows[done + 7] as usize != first + 7 {
            scatter_row(panel, stride, first, positions[done], lanes);
            done += 1;
            continue;
        }
        let block = T::transpose(std::array::from_fn(|j| &panel[positions[done + j] as usize * stride].0));
        for (lane, line) in lanes.iter_mut().zip(&block) {
            lane[first..first + 8].copy_from_slice(&line.0);
        }
        done += 8;
    }
    for (row, position) in rows[done..].iter().zip(&positions[done..]) {
        scatter_row(panel, stride, *row as usize, *position, lanes);
    }
}

#[inline(always)]
fn scatter_row(panel: &[Line], stride: usize, row: usize, position: u32, lanes: &mut [&mut [f64]]) {
    let line = panel[position as usize * stride].0;
    for (lane, value) in lanes.iter_mut().zip(line) {
        lane[row] = value;
    }
}

#[inline(always)]
fn sum_rows_body<const FMA: bool>(panel: &[Line], stride: usize, starts: &[u32], members: &[u32], sums: &mut [Line]) {
    for (class, sum) in sums.chunks_exact_mut(stride).enumerate() {
        let members = &members[starts[class] as usize..starts[class + 1] as usize];
        sum.fill(Line::ZERO);
        for member in members {
            let row = &panel[*member as usize * stride..][..stride];
            for (total, line) in sum.iter_mut().zip(row) {
                for (total, value) in total.0.iter_mut().zip(line.0) {
                    *total += value;
                }
            }
        }
    }
}

multiversioned! {
    /// Row `c` of `sums` becomes the sum of the rows `members[starts[c] .. starts[c + 1]]` of `panel`.
    pub(crate) fn sum_rows(
        panel: &[Line],
        stride: usize,
        starts: &[u32],
        members: &[u32],
        sums: &mut [Line],
    ) = sum_rows_body
}
