//! Matrix products by the `gemm` crate, behind bounds that are checked once a product.

use gemm::Parallelism;

/// A matrix that lies in a slice: element (i, j) at `i · row_stride + j · column_stride`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f64],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `rows` x `columns`, row by row.
    ///
    /// # Panics
    /// When `data` is too short: a matrix that is not there must never reach the kernel.
    pub fn row_major(data: &'a [f64], rows: usize, columns: usize) -> Matrix<'a> {
        assert!(
            rows.checked_mul(columns).is_some_and(|count| count <= data.len()),
            "matrix larger than its data"
        );
        Matrix { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Rows and columns exchanged, nothing moved.
    pub fn transposed(self) -> Matrix<'a> {
        Matrix {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A matrix to write to, row by row in a slice.
pub struct MatrixMut<'a> {
    data: &'a mut [f64],
    rows: usize,
    columns: usize,
}

impl<'a> MatrixMut<'a> {
    /// `rows` x `columns`, row by row.
    ///
    /// # Panics
    /// When `data` is too short.
    pub fn row_major(data: &'a mut [f64], rows: usize, columns: usize) -> MatrixMut<'a> {
        assert!(
            rows.checked_mul(columns).is_some_and(|count| count <= data.len()),
            "matrix larger than its data"
        );
        MatrixMut { data, rows, columns }
    }
}

/// `c = a b + c`.
///
/// # Panics
/// When the shapes do not fit each other.
pub fn multiply_add(a: Matrix<'_>, b: Matrix<'_>, c: MatrixMut<'_>, parallelism: Parallelism) {
    multiply(a, b, 1.0, c, parallelism);
}

/// `c = a b + keep · c`; with `keep` 0, what `c` held is not read.
///
/// # Panics
/// When the shapes do not fit each other.
pub fn multiply(a: Matrix<'_>, b: Matrix<'_>, keep: f64, c: MatrixMut<'_>, parallelism: Parallelism) {
    assert!(
        a.columns == b.rows && a.rows == c.rows && b.columns == c.columns,
        "shapes of a product do not fit"
    );
    // SAFETY: every matrix was checked to lie inside its slice, the shapes fit, and `c` is borrowed exclusively, so that it
    // overlaps neither `a` nor `b`.
    unsafe {
        gemm::gemm(
            c.rows,
            c.columns,
            a.columns,
            c.data.as_mut_ptr(),
            1,
            c.columns as isize,
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
            parallelism,
        );
    }
}
