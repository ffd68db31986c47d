//! A product that goes on to a whole layer: eight ciphertexts at once, bias and function applied while the results are at hand.
#![expect(
    clippy::indexing_slicing,
    reason = "shapes are checked on entry and indices come from the analysis of the same matrix"
)]

use std::cell::RefCell;

use super::{Group, SparseProduct};
use crate::batch::{PLANES, WIDTH};
use crate::function::Planar;
use crate::kernel::eight::{self, Slot};
use crate::kernel::{Line, tile};

/// Rows that are finished together: four planes of 64 rows are 16 KiB, and stay in the first-level cache.
const FINISHED: usize = 64;

/// What follows the product.
#[derive(Clone, Copy, Default)]
pub(crate) struct Finish<'a> {
    /// One number a row, added to the message and to the random number beside it.
    pub(crate) bias: Option<&'a [f64]>,
    /// A function of every matrix.
    pub(crate) function: Option<Planar>,
}

/// Memory of one thread, kept from call to call.
#[derive(Default)]
struct Scratch {
    sums: Vec<Line>,
    results: Vec<Line>,
    operand: Planes,
    value: Planes,
}

/// [`FINISHED`] rows, plane by plane.
struct Planes(Box<[[Line; FINISHED]; PLANES]>);

impl Default for Planes {
    fn default() -> Self {
        Self(Box::new([[Line::ZERO; FINISHED]; PLANES]))
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl SparseProduct {
    /// The layer of a batch on the calling thread.
    ///
    /// - `input`: four lines a column, at least [`Self::columns`] of them (see [`crate::batch::Batch`]).
    /// - `output`: four lines a row, [`Self::rows`] of them, overwritten.
    pub(crate) fn layer(&self, input: &[Line], finish: Finish<'_>, output: &mut [Line]) {
        assert!(
            input.len() >= PLANES * self.columns
                && output.len() == PLANES * self.rows
                && finish.bias.is_none_or(|bias| bias.len() == self.rows),
            "a layer's operands do not have its shape"
        );
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch { sums, results, operand, value } = scratch;
            let source = match &self.sums {
                None => input,
                Some(sets) => {
                    sums.resize(sets.sizes.len() * PLANES, Line::ZERO);
                    let slots = sums.as_chunks_mut().0;
                    eight::add_up(&sets.sizes, &sets.members, input.as_chunks().0, slots);
                    sums
                }
            };
            for chunk in &self.chunks {
                let mut rows = chunk.produced.as_slice();
                let mut groups = &self.groups[chunk.groups.clone()];
                while !rows.is_empty() {
                    let (some, count) = self.some_groups(groups, rows.len());
                    results.resize(count * PLANES, Line::ZERO);
                    self.multiply_groups(&groups[..some], source, results);
                    let (now, later) = rows.split_at(count);
                    let slots = results.as_chunks().0;
                    for (rows, slots) in now.chunks(FINISHED).zip(slots.chunks(FINISHED)) {
                        finish.run(rows, slots, [operand, value], output.as_chunks_mut().0);
                    }
                    groups = &groups[some..];
                    rows = later;
                }
            }
        });
    }

    /// The first groups that together fill one piece, at least one of them, and their rows. Rows without any group are one piece.
    fn some_groups(&self, groups: &[Group], rows: usize) -> (usize, usize) {
        if groups.is_empty() {
            return (0, rows);
        }
        let mut count = 0;
        for (index, group) in groups.iter().enumerate() {
            let more = self.stencils[group.stencil as usize].rows as usize;
            if index > 0 && count + more > FINISHED {
                return (index, count);
            }
            count += more;
        }
        (groups.len(), count)
    }

    fn multiply_groups(&self, groups: &[Group], source: &[Line], results: &mut [Line]) {
        if groups.is_empty() {
            return results.fill(Line::ZERO);
        }
        let mut rest = results;
        for group in groups {
            let stencil = &self.stencils[group.stencil as usize];
            let (rows, columns) = (stencil.rows as usize, stencil.columns as usize);
            let (target, next) = rest.split_at_mut(rows * PLANES);
            tile::multiply(
                &self.weights[stencil.first_weight..][..rows * columns],
                &self.offsets[stencil.first_offset..][..columns],
                group.base,
                source,
                PLANES,
                target,
            );
            rest = next;
        }
    }
}

impl Finish<'_> {
    /// Adds the bias, applies the function, and writes the rows to where they belong.
    fn run(self, rows: &[u32], results: &[Slot], [operand, value]: [&mut Planes; 2], output: &mut [Slot]) {
        let bias = self.bias.unwrap_or(&[]);
        let Some(function) = self.function else {
            return eight::place_sums(results, rows, bias, output);
        };
        let [p, q, r, s] = &mut *operand.0;
        eight::separate(results, rows, bias, p, q, r, s);
        let length = rows.len();
        let operand = operand.0.each_ref().map(|plane| numbers(&plane[..length]));
        function.run(operand, value.0.each_mut().map(|plane| numbers_mut(&mut plane[..length])));
        let [p, q, r, s] = &*value.0;
        eight::place(p, q, r, s, rows, output);
    }
}

/// The numbers of some lines, one after the other.
fn numbers(lines: &[Line]) -> &[f64] {
    // SAFETY: a `Line` is eight `f64` without padding (its size is its alignment), so that `8 n` of them lie in `n` lines.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), WIDTH * lines.len()) }
}

fn numbers_mut(lines: &mut [Line]) -> &mut [f64] {
    // SAFETY: as above, and the lines are borrowed exclusively.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), WIDTH * lines.len()) }
}
