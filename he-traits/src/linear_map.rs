//! Linear maps between blocks of encrypted slots: generated entry by entry, never listed as a whole.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use num_complex::Complex64;
use rayon::prelude::*;

use crate::{Diagonal, Error, Result};

mod diagonals;
mod sparse;

pub use sparse::SparseMatrix;

/// The entries of a matrix, computed on request.
pub trait Generator: fmt::Debug + Send + Sync {
    /// Rows and columns.
    fn shape(&self) -> (usize, usize);

    /// Calls `visit(column, entry)` for the non-zero entries of `row`, each column once, in any order.
    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64));

    /// Bytes that the matrix takes in memory; 0 for one that is computed from its layer.
    fn bytes(&self) -> usize {
        0
    }

    /// One entry. Override where it can be computed without walking along the row.
    fn entry(&self, row: usize, column: usize) -> Complex64 {
        let mut found = Complex64::ZERO;
        self.row(row, &mut |at, value| {
            if at == column {
                found = value;
            }
        });
        found
    }
}

/// A generated matrix times the identity of `copies`.
///
/// # What a map means
/// A map of `R` rows and `P` columns takes a value that is held by one or several ciphertexts (*blocks*) and gives another.
/// Both sides are **periodic**: an input of `P <= slots` columns lies in one block and repeats with period `P`, one of
/// `P = b * slots` columns lies in `b` blocks; likewise `R` for the output. With `M` the matrix, slot `i` of the output's
/// first block is `sum_j M[i mod R][j] x[j]`.
///
/// With `copies = c > 1` the slots hold `c` different values side by side, each `width = slots / c` slots wide, and the
/// same matrix acts on each of them (the matrix times the identity of `c`): `copies = slots` is the batched layout, one
/// ciphertext an element. There nothing repeats: rows and columns are padded with zeros up to a multiple of `width`.
#[derive(Clone, Debug)]
pub struct LinearMap {
    generator: Arc<dyn Generator>,
    copies: usize,
    /// The steps that [`LinearMap::steps`] begins with, and the slots that they are for: walking through all entries once is enough.
    found: OnceLock<(usize, Vec<BTreeSet<usize>>)>,
}

/// How a map lies over ciphertexts of a given number of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Slots of a ciphertext.
    pub slots: usize,
    /// Ciphertexts of one output value.
    pub out_blocks: usize,
    /// Ciphertexts of one input value.
    pub in_blocks: usize,
    /// Rows that one output block holds before it repeats (or before the next copy, when there are several).
    pub out_period: usize,
    /// Columns that one input block holds before it repeats (or before the next copy, when there are several).
    pub in_period: usize,
    /// Different values side by side in the slots.
    pub copies: usize,
}

impl Geometry {
    /// Whether rotate-and-adds can replace diagonals: the output repeats more often than the input, by a power of two.
    pub fn can_fold(&self) -> bool {
        self.copies == 1
            && self.out_period < self.in_period
            && self.in_period.is_multiple_of(self.out_period)
            && (self.in_period / self.out_period).is_power_of_two()
    }

    /// The rotate-and-adds of a folded map, in the order in which they run.
    pub fn fold_steps(&self) -> Vec<usize> {
        let mut steps = Vec::new();
        let mut step = self.out_period;
        while self.can_fold() && step < self.in_period {
            steps.push(step);
            step *= 2;
        }
        steps
    }

    /// Slots of a diagonal before it repeats.
    pub fn diagonal_period(&self) -> usize {
        match self.copies {
            1 => self.in_period.max(self.out_period),
            // Each ciphertext holds one element of every copy, and a diagonal is one number.
            copies if copies == self.slots => 1,
            _ => self.slots,
        }
    }

    /// The smaller and the larger period.
    fn periods(&self) -> Result<(usize, usize)> {
        let (small, large) = (self.out_period.min(self.in_period), self.out_period.max(self.in_period));
        if large.is_multiple_of(small) {
            return Ok((small, large));
        }
        Err(Error::shape("diagonals", "periods of which one divides the other", format!("{self:?}")))
    }

    /// The least rotation of the input that brings column `c` of a block to row `r` of a block.
    fn least_step(&self, r: usize, c: usize) -> usize {
        let (small, large) = (self.out_period.min(self.in_period), self.out_period.max(self.in_period));
        if self.copies > 1 { (c + self.slots - r) % self.slots } else { (c + large - r) % small }
    }

    /// How many rotations bring a column to a row, each an output's period after the last: with `fold` one, without it one for each
    /// repetition of the output within the input's period.
    fn turns(&self, fold: bool) -> usize {
        let repeats = self.copies == 1 && self.out_period < self.in_period && !(fold && self.can_fold());
        if repeats { self.in_period / self.out_period } else { 1 }
    }

    /// Whether a schedule with these rotate-and-adds folds.
    ///
    /// # Errors
    /// [`Error::Schedule`] when it folds otherwise than [`Geometry::fold_steps`].
    pub(crate) fn checked_fold(&self, fold: &[usize]) -> Result<bool> {
        if fold.is_empty() || fold == self.fold_steps() {
            return Ok(!fold.is_empty());
        }
        let reason = format!("it folds by {fold:?}, the map by {:?}", self.fold_steps());
        Err(Error::Schedule { reason })
    }
}

impl LinearMap {
    /// The map of `generator` on one value a ciphertext (`copies = 1`).
    pub fn new(generator: impl Generator + 'static) -> Self {
        Self { generator: Arc::new(generator), copies: 1, found: OnceLock::new() }
    }

    /// The same matrix on `copies` values side by side.
    #[must_use]
    pub fn with_copies(self, copies: usize) -> Self {
        Self { copies: copies.max(1), found: OnceLock::new(), ..self }
    }

    /// The matrix.
    pub fn generator(&self) -> &dyn Generator {
        self.generator.as_ref()
    }

    /// Rows and columns of the matrix.
    pub fn shape(&self) -> (usize, usize) {
        self.generator.shape()
    }

    /// Different values side by side in the slots.
    pub fn copies(&self) -> usize {
        self.copies
    }

    /// Whether each input goes into one output at most, as in a mean over windows side by side: by the number of entries.
    pub fn is_reduction(&self) -> bool {
        self.entries() <= self.shape().1 as u64
    }

    /// Number of non-zero entries: what a sparse product costs.
    pub fn entries(&self) -> u64 {
        let mut count = 0;
        for row in 0..self.shape().0 {
            self.generator.row(row, &mut |_, _| count += 1);
        }
        count
    }

    /// How the map lies over ciphertexts of `slots` slots.
    ///
    /// # Errors
    /// [`Error::Shape`] when rows or columns neither divide the slots nor are a multiple of them, or copies do not.
    pub fn geometry(&self, slots: usize) -> Result<Geometry> {
        let (rows, columns) = self.shape();
        if rows == 0 || columns == 0 || slots == 0 || !slots.is_multiple_of(self.copies) {
            return Err(Error::shape(
                "linear map",
                format!("a matrix and copies that fit {slots} slots"),
                format!("{rows} x {columns}, {} copies", self.copies),
            ));
        }
        let width = slots / self.copies;
        let side = |count: usize| match self.copies {
            1 if count <= slots && slots.is_multiple_of(count) => Ok((1, count)),
            1 if count.is_multiple_of(slots) => Ok((count / slots, slots)),
            1 => Err(Error::shape(
                "linear map",
                format!("rows and columns that divide {slots} slots or are a multiple of them"),
                format!("{rows} x {columns}"),
            )),
            _ => Ok((count.div_ceil(width), width)),
        };
        let (out_blocks, out_period) = side(rows)?;
        let (in_blocks, in_period) = side(columns)?;
        Ok(Geometry { slots, out_blocks, in_blocks, out_period, in_period, copies: self.copies })
    }

    /// The rotations whose diagonal is not all zero, for each pair of an output block (slow index) and an input block.
    ///
    /// With `fold` (only where [`Geometry::can_fold`]) the steps stay below the output's period and the map is finished by
    /// [`Geometry::fold_steps`]; without it each rotation of the input has its diagonal.
    ///
    /// # Errors
    /// As [`LinearMap::geometry`]; and [`Error::Shape`] when neither period divides the other (only products by
    /// [`crate::LinearStyle::Matrix`] can serve such a map).
    pub fn steps(&self, slots: usize, fold: bool) -> Result<Vec<BTreeSet<usize>>> {
        let g = self.geometry(slots)?;
        g.periods()?;
        let (of_slots, found) = self.found.get_or_init(|| (slots, self.least_steps(&g)));
        let mut steps = if *of_slots == slots { found.clone() } else { self.least_steps(&g) };
        let turns = g.turns(fold);
        if turns > 1 {
            for set in &mut steps {
                *set = set
                    .iter()
                    .flat_map(|step| (0..turns).map(move |turn| step + turn * g.out_period))
                    .collect();
            }
        }
        Ok(steps)
    }

    /// The steps below the smaller period, for each pair of blocks.
    fn least_steps(&self, g: &Geometry) -> Vec<BTreeSet<usize>> {
        let limit = match g.copies {
            1 => g.out_period.min(g.in_period),
            copies if copies == g.slots => 1,
            _ => g.slots,
        };
        let rows = self.shape().0;
        let of_output = |block: usize| {
            let mut marks: Vec<Vec<bool>> = vec![Vec::new(); g.in_blocks];
            let first = block * g.out_period;
            for row in first..rows.min(first + g.out_period) {
                self.generator.row(row, &mut |column, entry| {
                    let (in_block, c) = (column / g.in_period, column % g.in_period);
                    if let Some(marks) = marks.get_mut(in_block)
                        && entry != Complex64::ZERO
                    {
                        if marks.is_empty() {
                            marks.resize(limit, false);
                        }
                        let step = g.least_step(row - first, c);
                        marks.get_mut(step).into_iter().for_each(|mark| *mark = true);
                    }
                });
            }
            marks
        };
        let marked = |marks: Vec<bool>| {
            marks.iter().enumerate().filter(|(_, mark)| **mark).map(|(step, _)| step).collect()
        };
        let outputs = (0..g.out_blocks).into_par_iter();
        outputs
            .map(|block| of_output(block).into_iter().map(marked).collect::<Vec<_>>())
            .flatten_iter()
            .collect()
    }

    /// The diagonal that multiplies the input block rotated by `step`: value `i` is
    /// `M[i mod out_period][(i + step) mod in_period]` of the pair of blocks, 0 where the two lie in different copies.
    ///
    /// It repeats with the larger period; equal entries throughout give [`Diagonal::Constant`].
    ///
    /// # Errors
    /// As [`LinearMap::geometry`].
    pub fn diagonal(&self, slots: usize, out_block: usize, in_block: usize, step: usize) -> Result<Diagonal> {
        let g = self.geometry(slots)?;
        let (rows, columns) = self.shape();
        let at = |i: usize| -> Complex64 {
            let (row, column) = if g.copies == 1 {
                (
                    out_block * g.out_period + i % g.out_period,
                    in_block * g.in_period + (i + step) % g.in_period,
                )
            } else {
                let target = (i + step) % slots;
                if target >= g.in_period {
                    return Complex64::ZERO;
                }
                (out_block * g.out_period + i, in_block * g.in_period + target)
            };
            if row < rows && column < columns { self.generator.entry(row, column) } else { Complex64::ZERO }
        };
        let values: Vec<Complex64> = (0..g.out_period.max(g.in_period)).map(at).collect();
        Ok(compact(values))
    }

    /// The map applied to one value in the clear: `input` holds its blocks, each of `slots` numbers. The oracle of every
    /// backend's `linear`.
    ///
    /// # Errors
    /// As [`LinearMap::geometry`], and [`Error::Shape`] when the blocks are not as many and as long as the map wants.
    pub fn apply(&self, slots: usize, input: &[Vec<Complex64>]) -> Result<Vec<Vec<Complex64>>> {
        let g = self.geometry(slots)?;
        if input.len() != g.in_blocks || input.iter().any(|block| block.len() != slots) {
            let got = input.iter().map(Vec::len).collect::<Vec<_>>();
            return Err(Error::shape(
                "linear map",
                format!("{} blocks of {slots}", g.in_blocks),
                format!("{got:?}"),
            ));
        }
        let mut output = vec![vec![Complex64::ZERO; slots]; g.out_blocks];
        let width = slots / g.copies;
        for row in 0..self.shape().0 {
            let (block, r) = (row / g.out_period, row % g.out_period);
            for copy in 0..g.copies {
                let mut sum = Complex64::ZERO;
                self.generator.row(row, &mut |column, entry| {
                    let slot = copy * width + column % g.in_period;
                    let value = input.get(column / g.in_period).and_then(|b| b.get(slot));
                    sum += entry * value.copied().unwrap_or_default();
                });
                let Some(block) = output.get_mut(block) else { continue };
                let stride = if g.copies == 1 { g.out_period } else { slots };
                block.iter_mut().skip(copy * width + r).step_by(stride).for_each(|slot| *slot = sum);
            }
        }
        Ok(output)
    }
}

/// The cheapest diagonal that holds these values.
fn compact(values: Vec<Complex64>) -> Diagonal {
    if values.iter().any(|v| v.im != 0.0) {
        return Diagonal::Complex(values);
    }
    match values.first() {
        Some(first) if values.iter().all(|v| v.re == first.re) => Diagonal::Constant(first.re),
        _ => Diagonal::Real(values.into_iter().map(|v| v.re).collect()),
    }
}
