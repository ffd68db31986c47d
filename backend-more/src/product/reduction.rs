//! Matrices that only add up: a mean pooling gives every column to one row at most.
//!
//! Behind a layer such a matrix needs no pass of its own. Each result of the layer goes to the row that it belongs to while it is at hand, and
//! what would have been written out and read again, four times as much as what is left for a pooling of 2 x 2, never reaches memory.

use he_traits::Result;

use super::Rows;

/// Where a column goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    /// The row; [`Target::NOWHERE`] for a column without an entry.
    pub(crate) row: u32,
    /// The entry.
    pub(crate) weight: f64,
}

impl Target {
    /// No row.
    pub(crate) const NOWHERE: u32 = u32::MAX;
}

/// A matrix of fewer rows than columns, with one entry a column at most.
pub(crate) struct Reduction {
    rows: usize,
    targets: Vec<Target>,
}

impl Reduction {
    /// `None` for other matrices.
    ///
    /// # Errors
    /// Those of the matrix.
    pub(crate) fn of(matrix: &impl Rows) -> Result<Option<Self>> {
        let (rows, columns) = matrix.shape();
        if rows >= columns {
            return Ok(None);
        }
        let mut targets = vec![Target { row: Target::NOWHERE, weight: 0.0 }; columns];
        let mut entries = Vec::new();
        for row in 0..rows {
            matrix.row(row, &mut entries)?;
            for (column, weight) in &entries {
                match targets.get_mut(*column as usize) {
                    Some(target) if target.row == Target::NOWHERE => {
                        *target = Target { row: row as u32, weight: *weight };
                    }
                    _ => return Ok(None),
                }
            }
        }
        Ok(Some(Self { rows, targets }))
    }

    /// Rows of the matrix.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// One a column.
    pub(crate) fn targets(&self) -> &[Target] {
        &self.targets
    }
}
