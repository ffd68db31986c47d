//! Matrices whose rows or columns are scaled, cut or moved, without copies.

use he_traits::{Complex64, Generator};

use super::Operator;

/// What stands in front of an operator's rows or columns: a window into them, with a factor for each.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) inner: Operator,
    pub(super) side: Side,
}

/// Where the structure lies; both hold a [`placed`](Operator::placed_row) operator.
#[derive(Debug, Clone)]
pub(super) enum Side {
    /// The structure follows the matrix.
    After(Operator),
    /// The structure comes before it.
    Before(Operator),
}

impl Generator for View {
    fn shape(&self) -> (usize, usize) {
        match &self.side {
            Side::After(placed) => (placed.rows(), self.inner.columns()),
            Side::Before(placed) => (self.inner.rows(), placed.columns()),
        }
    }

    fn bytes(&self) -> usize {
        self.inner.bytes()
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        match &self.side {
            Side::After(placed) => {
                if let Some((inner, factor)) = placed.placed_row(row) {
                    self.inner.row(inner, &mut |column, entry| visit(column, entry * factor));
                }
            }
            Side::Before(placed) => self.inner.row(row, &mut |middle, entry| {
                if let Some((column, factor)) = placed.placed_row(middle) {
                    visit(column, entry * factor);
                }
            }),
        }
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        match &self.side {
            Side::After(placed) => placed
                .placed_row(row)
                .map_or(Complex64::ZERO, |(inner, factor)| self.inner.entry(inner, column) * factor),
            Side::Before(placed) => placed
                .placed_column(column)
                .map_or(Complex64::ZERO, |(middle, factor)| self.inner.entry(row, middle) * factor),
        }
    }
}
