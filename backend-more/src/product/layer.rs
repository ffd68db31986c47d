//! A product that goes on to a whole layer: eight ciphertexts at once, bias and function applied while the results are at hand.
#![expect(
    clippy::indexing_slicing,
    reason = "shapes are checked on entry and indices come from the analysis of the same matrix"
)]

use std::cell::RefCell;

use super::{Group, Reduction, SparseProduct};
use crate::batch::{PLANES, WIDTH};
use crate::function::{OfNumbers, Planar};
use crate::kernel::eight;
use crate::kernel::{Line, tile};

/// Rows that are finished together: four planes of 64 rows are 16 KiB, and stay in the first-level cache.
const FINISHED: usize = 64;

/// What follows the product. The kind of function says in which form the ciphertexts are.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a, F> {
    /// One number a row, added to the message and to the random number beside it.
    pub(crate) bias: Option<&'a [f64]>,
    /// A function of every matrix.
    pub(crate) function: Option<F>,
    /// A map of the function's results, of as many columns as the product has rows. Without a function there is none.
    pub(crate) then: Option<&'a Reduction>,
}

/// A form of ciphertexts, named by its functions.
pub(crate) trait Form: Copy + Sync {
    /// Lines of a slot.
    const LINES: usize;

    /// The sum of each set of slots ([`eight::add_up`]).
    fn add_up(sizes: &[u32], members: &[u32], input: &[Line], sums: &mut [Line]);

    /// Adds the bias, applies the function, and writes the rows to where they belong, or adds them to where the map behind them puts them.
    fn finish(
        finish: Finish<'_, Self>,
        rows: &[u32],
        results: &[Line],
        scratch: [&mut Planes; 2],
        output: &mut [Line],
    );
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
pub(crate) struct Planes(Box<[[Line; FINISHED]; PLANES]>);

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
    /// - `input`: the form's lines a column, at least [`Self::columns`] times (see [`crate::batch::Batch`]).
    /// - `output`: as many a row of the last map, overwritten.
    pub(crate) fn layer<F: Form>(&self, input: &[Line], finish: Finish<'_, F>, output: &mut [Line]) {
        let rows = finish.then.map_or(self.rows, Reduction::rows);
        assert!(
            input.len() >= F::LINES * self.columns
                && output.len() == F::LINES * rows
                && finish.bias.is_none_or(|bias| bias.len() == self.rows)
                && finish
                    .then
                    .is_none_or(|then| then.targets().len() == self.rows && finish.function.is_some()),
            "a layer's operands do not have its shape"
        );
        if finish.then.is_some() {
            output.fill(Line::ZERO);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch { sums, results, operand, value } = scratch;
            let source = match &self.sums {
                None => input,
                Some(sets) => {
                    sums.resize(sets.sizes.len() * F::LINES, Line::ZERO);
                    F::add_up(&sets.sizes, &sets.members, input, sums);
                    sums
                }
            };
            for chunk in &self.chunks {
                let mut rows = chunk.produced.as_slice();
                let mut groups = &self.groups[chunk.groups.clone()];
                while !rows.is_empty() {
                    let (some, count) = self.some_groups(groups, rows.len());
                    results.resize(count * F::LINES, Line::ZERO);
                    self.multiply_groups(&groups[..some], source, F::LINES, results);
                    let (now, later) = rows.split_at(count);
                    for (rows, results) in now.chunks(FINISHED).zip(results.chunks(FINISHED * F::LINES)) {
                        F::finish(finish, rows, results, [operand, value], output);
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

    fn multiply_groups(&self, groups: &[Group], source: &[Line], lines: usize, results: &mut [Line]) {
        if groups.is_empty() {
            return results.fill(Line::ZERO);
        }
        let mut rest = results;
        for group in groups {
            let stencil = &self.stencils[group.stencil as usize];
            let (rows, columns) = (stencil.rows as usize, stencil.columns as usize);
            let (target, next) = rest.split_at_mut(rows * lines);
            tile::multiply(
                &self.weights[stencil.first_weight..][..rows * columns],
                &self.offsets[stencil.first_offset..][..columns],
                group.base,
                source,
                lines,
                target,
            );
            rest = next;
        }
    }
}

impl Form for Planar {
    const LINES: usize = PLANES;

    fn add_up(sizes: &[u32], members: &[u32], input: &[Line], sums: &mut [Line]) {
        eight::add_up(sizes, members, input.as_chunks().0, sums.as_chunks_mut().0);
    }

    fn finish(
        finish: Finish<'_, Self>,
        rows: &[u32],
        results: &[Line],
        [operand, value]: [&mut Planes; 2],
        output: &mut [Line],
    ) {
        let (slots, output) = (results.as_chunks().0, output.as_chunks_mut().0);
        let bias = finish.bias.unwrap_or(&[]);
        let Some(function) = finish.function else {
            return eight::place_sums(slots, rows, bias, output);
        };
        let [p, q, r, s] = &mut *operand.0;
        eight::separate(slots, rows, bias, p, q, r, s);
        let length = rows.len();
        let operand = operand.0.each_ref().map(|plane| numbers(&plane[..length]));
        function.run(operand, value.0.each_mut().map(|plane| numbers_mut(&mut plane[..length])));
        let [p, q, r, s] = &*value.0;
        match finish.then {
            None => eight::place(p, q, r, s, rows, output),
            Some(then) => eight::add_planes(p, q, r, s, rows, then.targets(), output),
        }
    }
}

impl Form for OfNumbers {
    const LINES: usize = 2;

    fn add_up(sizes: &[u32], members: &[u32], input: &[Line], sums: &mut [Line]) {
        eight::add_up_compact(sizes, members, input.as_chunks().0, sums.as_chunks_mut().0);
    }

    fn finish(
        finish: Finish<'_, Self>,
        rows: &[u32],
        results: &[Line],
        [lanes, _]: [&mut Planes; 2],
        output: &mut [Line],
    ) {
        let (slots, output) = (results.as_chunks().0, output.as_chunks_mut().0);
        let bias = finish.bias.unwrap_or(&[]);
        let Some(OfNumbers(function)) = finish.function else {
            return eight::place_compact_sums(slots, rows, bias, output);
        };
        let [upper, lower, ..] = &mut *lanes.0;
        let (upper, lower) = (&mut upper[..rows.len()], &mut lower[..rows.len()]);
        eight::lanes_of(slots, rows, bias, upper, lower);
        function(numbers_mut(upper));
        function(numbers_mut(lower));
        match finish.then {
            None => eight::place_lanes(upper, lower, rows, output),
            Some(then) => eight::add_lanes(upper, lower, rows, then.targets(), output),
        }
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
