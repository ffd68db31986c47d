//! A sparse matrix times many real vectors: what `linear` is for MORE, where every plane of every ciphertext is one real vector.
//!
//! The matrices of neural networks are sparse but far from random. [`SparseProduct`] finds what they have in common:
//!
//! - Rows that use the same columns form a *group*: all output channels at one pixel, or a whole dense layer. A group is a small
//!   dense matrix, and is multiplied as one.
//! - Groups that differ only by a shift of their columns share one *stencil*: a convolution keeps one copy of its weights for the
//!   whole interior of the picture.
//! - Columns that carry the same numbers in every row are added up first: a convolution behind a mean pooling costs no more when
//!   both were folded into one map.
//!
//! The vectors are gathered into panels of 32 lanes (see [`crate::kernel`]) and each panel is worked off by one thread.

mod apply;
mod build;
mod layer;
mod reduction;

pub(crate) use build::Rows;
pub(crate) use layer::{Finish, Form};
pub(crate) use reduction::{Reduction, Target};

/// A sparse matrix, analysed once, to be multiplied many times.
pub(crate) struct SparseProduct {
    rows: usize,
    columns: usize,
    /// Present when columns are added up before the multiplication.
    sums: Option<ColumnSums>,
    stencils: Vec<Stencil>,
    groups: Vec<Group>,
    chunks: Vec<Chunk>,
    weights: Vec<f64>,
    offsets: Vec<u32>,
    /// The same matrix by its columns, where each has one entry at most.
    reduction: Option<Reduction>,
}

/// Sets of columns that carry the same numbers.
struct ColumnSums {
    /// The set of every column; `u32::MAX` for a column without entries.
    set_of_column: Vec<u32>,
    /// Columns in every set.
    sizes: Vec<u32>,
    /// The columns of all sets, set after set, rising.
    members: Vec<u32>,
}

/// A dense matrix and the distances of its columns from the first of them.
struct Stencil {
    rows: u32,
    columns: u32,
    first_weight: usize,
    first_offset: usize,
}

/// One use of a stencil.
#[derive(Clone, Copy)]
struct Group {
    stencil: u32,
    /// The first column (or set of columns).
    base: u32,
}

/// Groups whose results fill a piece of scratch that stays in the second-level cache.
struct Chunk {
    groups: std::ops::Range<usize>,
    /// The rows of the matrix that the groups produce, rising.
    rows: Vec<u32>,
    /// Where the groups, one after the other, leave each of these rows.
    positions: Vec<u32>,
    /// The rows in the order in which the groups leave them.
    produced: Vec<u32>,
}

impl SparseProduct {
    /// Length of the results.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Length of the vectors.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes that the matrix takes in this form.
    pub(crate) fn bytes(&self) -> usize {
        let indices = self.offsets.len()
            + self.sums.as_ref().map_or(0, |sums| 2 * sums.set_of_column.len() + sums.sizes.len());
        let chunks: usize = self.chunks.iter().map(|chunk| 3 * chunk.rows.len()).sum();
        let reduction = self.reduction.as_ref().map_or(0, |reduction| size_of_val(reduction.targets()));
        reduction
            + 8 * self.weights.len()
            + 4 * (indices + chunks)
            + size_of_val(self.groups.as_slice())
            + size_of_val(self.stencils.as_slice())
    }

    /// The matrix by its columns, where it adds up to fewer rows and each column has one entry at most.
    pub(crate) fn reduction(&self) -> Option<&Reduction> {
        self.reduction.as_ref()
    }

    /// Multiplications that one real vector costs.
    pub(crate) fn multiplications(&self) -> usize {
        self.groups
            .iter()
            .filter_map(|group| self.stencils.get(group.stencil as usize))
            .map(|stencil| stencil.rows as usize * stencil.columns as usize)
            .sum()
    }
}
