//! Linear operators between elements of tensors, and their composition.

use std::sync::Arc;

use he_traits::{Complex64, Generator, SparseMatrix};

/// A linear operator between elements: a generated matrix, or the identity, times a number.
#[derive(Debug, Clone)]
pub struct Operator {
    /// `None` is the identity.
    generator: Option<Arc<dyn Generator>>,
    rows: usize,
    scale: f64,
}

impl Operator {
    /// The identity on `count` elements: what only renames or reshapes.
    pub fn identity(count: usize) -> Operator {
        Operator { generator: None, rows: count, scale: 1.0 }
    }

    /// A generated matrix.
    pub fn matrix(generator: impl Generator + 'static) -> Operator {
        Operator { rows: generator.shape().0, generator: Some(Arc::new(generator)), scale: 1.0 }
    }

    /// Number of output elements.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of input elements.
    pub fn columns(&self) -> usize {
        self.generator.as_ref().map_or(self.rows, |generator| generator.shape().1)
    }

    /// Whether the operator leaves every element as it is.
    pub fn is_identity(&self) -> bool {
        self.generator.is_none() && self.scale == 1.0
    }

    /// Whether the operator is the identity times a number.
    pub fn is_scalar(&self) -> bool {
        self.generator.is_none()
    }

    /// The operator times `factor`.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Operator {
        Operator { scale: self.scale * factor, ..self.clone() }
    }

    /// The sum of two scalar operators (see [`Operator::is_scalar`]) on as many elements.
    pub(crate) fn plus_scalar(&self, other: &Operator) -> Operator {
        Operator { scale: self.scale + other.scale, ..self.clone() }
    }

    /// Calls `visit(column, entry)` for the non-zero entries of `row`.
    pub fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        match &self.generator {
            Some(generator) => generator.row(row, &mut |column, entry| visit(column, entry * self.scale)),
            None => visit(row, self.scale.into()),
        }
    }

    /// One entry.
    pub fn entry(&self, row: usize, column: usize) -> Complex64 {
        match &self.generator {
            Some(generator) => generator.entry(row, column) * self.scale,
            None if row == column => self.scale.into(),
            None => Complex64::ZERO,
        }
    }

    /// Number of non-zero entries.
    pub fn entries(&self) -> u64 {
        let mut count = 0;
        for row in 0..self.rows {
            self.row(row, &mut |_, _| count += 1);
        }
        count
    }

    /// The operator applied to a vector of elements.
    pub fn apply(&self, x: &[f64]) -> Vec<f64> {
        let value = |row| {
            let mut sum = 0.0;
            self.row(row, &mut |column, entry| sum += entry.re * x.get(column).copied().unwrap_or(0.0));
            sum
        };
        (0..self.rows).map(value).collect()
    }

    /// `self` after `first`; `None` when the product would hold more than `limit` entries.
    ///
    /// A scalar changes nothing but the scale. Otherwise the product is materialised as a sparse matrix: that is what
    /// `limit` bounds.
    pub fn after(&self, first: &Operator, limit: u64) -> Option<Operator> {
        if self.is_scalar() {
            return Some(first.scaled(self.scale));
        }
        if first.is_scalar() {
            return Some(self.scaled(first.scale));
        }
        let columns = first.columns();
        let mut sums = vec![Complex64::ZERO; columns];
        let mut touched = vec![false; columns];
        let mut order: Vec<usize> = Vec::new();
        let mut entries = Vec::new();
        for row in 0..self.rows {
            self.row(row, &mut |middle, outer| {
                first.row(middle, &mut |column, inner| {
                    let (Some(sum), Some(seen)) = (sums.get_mut(column), touched.get_mut(column)) else {
                        return;
                    };
                    *sum += outer * inner;
                    if !*seen {
                        *seen = true;
                        order.push(column);
                    }
                });
            });
            order.sort_unstable();
            for column in order.drain(..) {
                if let (Some(sum), Some(seen)) = (sums.get_mut(column), touched.get_mut(column)) {
                    entries.push((row, column, std::mem::take(sum)));
                    *seen = false;
                }
            }
            if entries.len() as u64 > limit {
                return None;
            }
        }
        SparseMatrix::from_entries(self.rows, columns, entries).ok().map(Operator::matrix)
    }
}
