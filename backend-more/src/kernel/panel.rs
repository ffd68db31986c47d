//! Panels: many real vectors side by side, one *lane* each, so that one number of a matrix meets 8 to 32 lanes at once.
//!
//! A panel of `stride` lines a row holds `8 · stride` lanes; row `i` holds entry `i` of every lane.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernels: the shapes are stated at every function and hold by construction"
)]

use super::Line;

use super::transpose::{Portable, Transpose};

/// Fills one line a row with the entries of eight lanes: `panel[i · stride]` becomes entry `i` of each lane, for every `i` with
/// `i · stride < panel.len()`. Each lane is at least that long.
pub(crate) fn gather_lines(lanes: &[&[f64]; 8], panel: &mut [Line], stride: usize) {
    let rows = panel.len().div_ceil(stride);
    visit_rows(lanes, rows, Store { panel, stride });
}

/// Adds entry `i` of eight lanes to the line of its set: `panel[sets[i] · stride]`, for every `i < sets.len()` whose set is not
/// `u32::MAX`. Each lane is at least as long as `sets`.
pub(crate) fn gather_sums(lanes: &[&[f64]; 8], sets: &[u32], panel: &mut [Line], stride: usize) {
    visit_rows(lanes, sets.len(), Add { sets, panel, stride });
}

/// What happens to the line of a row.
trait Visit {
    fn line(&mut self, row: usize, line: Line);
}

struct Store<'a> {
    panel: &'a mut [Line],
    stride: usize,
}

impl Visit for Store<'_> {
    #[inline(always)]
    fn line(&mut self, row: usize, line: Line) {
        self.panel[row * self.stride] = line;
    }
}

struct Add<'a> {
    sets: &'a [u32],
    panel: &'a mut [Line],
    stride: usize,
}

impl Visit for Add<'_> {
    #[inline(always)]
    fn line(&mut self, row: usize, line: Line) {
        let set = self.sets[row];
        if set != u32::MAX {
            let sum = &mut self.panel[set as usize * self.stride].0;
            sum.iter_mut().zip(line.0).for_each(|(sum, value)| *sum += value);
        }
    }
}

fn visit_rows<V: Visit>(lanes: &[&[f64]; 8], rows: usize, visit: V) {
    #[cfg(target_arch = "x86_64")]
    if super::processor() == super::Processor::Avx512 {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,fma")]
        fn avx512<V: Visit>(lanes: &[&[f64]; 8], rows: usize, visit: V) {
            visit_rows_body::<super::transpose::Avx512, V>(lanes, rows, visit);
        }
        // SAFETY: `processor` found every feature that the function is compiled for.
        return unsafe { avx512(lanes, rows, visit) };
    }
    visit_rows_body::<Portable, V>(lanes, rows, visit);
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
fn visit_rows_body<T: Transpose, V: Visit>(lanes: &[&[f64]; 8], rows: usize, mut visit: V) {
    let lanes: [&[f64]; 8] = lanes.map(|lane| &lane[..rows]);
    let mut row = 0;
    while row + 8 <= rows {
        let block = T::transpose(lanes.map(|lane| eight(lane, row)));
        for (j, line) in block.into_iter().enumerate() {
            visit.line(row + j, line);
        }
        row += 8;
    }
    while row < rows {
        visit.line(row, Line(lanes.map(|lane| lane[row])));
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
