//! Products of real matrices by the `gemm` crate, behind bounds that are checked once a product.

use gemm::Parallelism;

/// A matrix in a slice: element (i, j) at `i · row_stride + j · column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) data: &'a [f64],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl View<'_> {
    /// Whether every element lies in the slice.
    fn fits(&self) -> bool {
        if self.rows == 0 || self.columns == 0 {
            return true;
        }
        let down = (self.rows - 1).checked_mul(self.row_stride);
        let across = (self.columns - 1).checked_mul(self.column_stride);
        down.zip(across)
            .and_then(|(down, across)| down.checked_add(across))
            .is_some_and(|last| last < self.data.len())
    }
}

/// `c = a b + keep · c` on the calling thread; `c` lies row by row. With `keep` 0, what `c` held is not read.
///
/// # Panics
/// When the shapes do not fit each other or their slices.
pub(crate) fn multiply(a: View<'_>, b: View<'_>, keep: f64, c: &mut [f64]) {
    assert!(
        a.columns == b.rows
            && a.fits()
            && b.fits()
            && a.rows.checked_mul(b.columns).is_some_and(|count| count <= c.len()),
        "matrices of a product do not fit"
    );
    // SAFETY: every matrix lies inside its slice, the shapes fit, and `c` is borrowed exclusively, so that it overlaps neither operand.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            c.as_mut_ptr(),
            1,
            b.columns as isize,
            keep != 0.0,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            keep,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
