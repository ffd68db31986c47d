//! The generator of a fully connected layer.

use std::fmt;
use std::sync::Arc;

use he_traits::{Complex64, Generator};

/// A dense matrix, row by row.
#[derive(Clone)]
pub struct DenseMap {
    columns: usize,
    values: Arc<[f64]>,
}

impl DenseMap {
    /// The matrix of `columns` columns whose rows lie one after the other in `values`.
    pub fn new(columns: usize, values: &[f64]) -> DenseMap {
        DenseMap { columns: columns.max(1), values: values.into() }
    }
}

impl fmt::Debug for DenseMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = self.shape();
        write!(f, "DenseMap({rows} x {columns})")
    }
}

impl Generator for DenseMap {
    fn shape(&self) -> (usize, usize) {
        (self.values.len() / self.columns, self.columns)
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        let values = self.values.chunks_exact(self.columns).nth(row).unwrap_or(&[]);
        for (column, value) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            visit(column, Complex64::from(*value));
        }
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        if column >= self.columns {
            return Complex64::ZERO;
        }
        self.values.get(row * self.columns + column).copied().unwrap_or(0.0).into()
    }
}
