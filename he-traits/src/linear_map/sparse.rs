//! The explicit sparse matrix: the generator for maps small enough to be listed.

use num_complex::Complex64;

use super::Generator;
use crate::{Error, Result};

/// A matrix in compressed rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseMatrix {
    columns: usize,
    starts: Vec<usize>,
    entries: Vec<(usize, Complex64)>,
}

impl SparseMatrix {
    /// A matrix of `rows` rows from entries `(row, column, value)` in any order; entries at one place add up.
    ///
    /// # Errors
    /// [`Error::Shape`] when an entry lies outside, [`Error::Value`] when one is not finite.
    pub fn from_entries(
        rows: usize,
        columns: usize,
        entries: impl IntoIterator<Item = (usize, usize, Complex64)>,
    ) -> Result<Self> {
        let mut sorted: Vec<(usize, usize, Complex64)> = entries.into_iter().collect();
        for (position, (row, column, value)) in sorted.iter().enumerate() {
            if *row >= rows || *column >= columns {
                return Err(Error::shape(
                    "sparse matrix",
                    format!("{rows} x {columns}"),
                    format!("({row}, {column})"),
                ));
            }
            if !value.is_finite() {
                return Err(Error::Value {
                    op: "sparse matrix",
                    position,
                    value: value.re,
                    reason: "it is not finite",
                });
            }
        }
        sorted.sort_by_key(|(row, column, _)| (*row, *column));
        sorted.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 += next.2;
            }
            same
        });
        let mut starts = Vec::with_capacity(rows + 1);
        let mut kept = Vec::with_capacity(sorted.len());
        let mut sorted = sorted.into_iter().peekable();
        for row in 0..rows {
            starts.push(kept.len());
            while let Some((_, column, value)) = sorted.next_if(|(at, _, _)| *at == row) {
                if value != Complex64::ZERO {
                    kept.push((column, value));
                }
            }
        }
        starts.push(kept.len());
        Ok(Self { columns, starts, entries: kept })
    }

    /// A dense real matrix, row by row; exact zeros are not kept.
    ///
    /// # Errors
    /// As [`SparseMatrix::from_entries`]; [`Error::Shape`] when `values` is not a whole number of rows.
    pub fn from_dense(columns: usize, values: &[f64]) -> Result<Self> {
        if columns == 0 || !values.len().is_multiple_of(columns) {
            return Err(Error::shape("dense matrix", format!("whole rows of {columns}"), values.len()));
        }
        let entries = values.iter().enumerate().filter(|(_, v)| **v != 0.0);
        Self::from_entries(
            values.len() / columns,
            columns,
            entries.map(|(i, v)| (i / columns, i % columns, Complex64::from(*v))),
        )
    }
}

impl Generator for SparseMatrix {
    fn shape(&self) -> (usize, usize) {
        (self.starts.len().saturating_sub(1), self.columns)
    }

    fn bytes(&self) -> usize {
        size_of_val(self.entries.as_slice())
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        let bounds = self.starts.get(row).zip(self.starts.get(row + 1));
        let entries = bounds.and_then(|(start, end)| self.entries.get(*start..*end));
        entries.into_iter().flatten().for_each(|(column, value)| visit(*column, *value));
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        let bounds = self.starts.get(row).zip(self.starts.get(row + 1));
        let entries = bounds.and_then(|(start, end)| self.entries.get(*start..*end)).unwrap_or_default();
        let found = entries.binary_search_by_key(&column, |(at, _)| *at);
        found.ok().and_then(|at| entries.get(at)).map_or(Complex64::ZERO, |(_, value)| *value)
    }
}
