//! The products of a matrix with a row vector, number by number, before anything is summed.

use he_traits::{Complex64, Generator};

use super::Operator;

/// From `x` to the products `w[i][k] x[k]`, a matrix of the shape of `w`, row by row.
///
/// Where `x` repeats in every row of the slots, this is a single product by a plaintext for each ciphertext that `w` fills (Chiang 2022, *Volley
/// Revolver*, algorithm for the product of matrices).
#[derive(Debug, Clone)]
pub struct ProductsMap {
    weights: Operator,
}

impl ProductsMap {
    /// The products with the entries of `weights`.
    pub fn new(weights: Operator) -> ProductsMap {
        ProductsMap { weights }
    }
}

impl Generator for ProductsMap {
    fn shape(&self) -> (usize, usize) {
        (self.weights.rows() * self.weights.columns(), self.weights.columns())
    }

    fn bytes(&self) -> usize {
        self.weights.bytes()
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        let columns = self.weights.columns();
        let entry = self.weights.entry(row / columns, row % columns);
        if entry != Complex64::ZERO {
            visit(row % columns, entry);
        }
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        let columns = self.weights.columns();
        if row % columns == column { self.weights.entry(row / columns, column) } else { Complex64::ZERO }
    }
}
