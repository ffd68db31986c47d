//! Products of matrices of ciphertexts, as products of planes.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernels: shapes and offsets are checked by the caller against every tensor"
)]

use he_traits::algebra::{Matrix, MatrixMut};

use super::tensor::{COMPACT, FULL, MoreTensor, PUBLIC};
use crate::kernel::dense::{View, multiply};

/// `c = a b + keep · c`; operands are checked, `c` has as many planes as the operand with more of them.
///
/// With the planes of a column one below the other, the products of both with one plane of the other operand are one product of twice
/// the height: four for the full form, of 8 m k n multiplications in all, two for the compact one.
pub(super) fn gemm(
    a: &Matrix<'_, MoreTensor>,
    b: &Matrix<'_, MoreTensor>,
    keep: f64,
    c: MatrixMut<'_, MoreTensor>,
) {
    let stacked = Stack::new(a);
    let mut target = Target { tensor: c.tensor, offset: c.offset, count: c.rows * c.columns };
    let plane = |index: usize| plane_of(b, index);
    match (a.tensor.plane_count(), b.tensor.plane_count()) {
        (PUBLIC, planes) => {
            for index in 0..planes {
                target.add(stacked.planes(0, 1), plane(index), keep, index);
            }
        }
        (planes, PUBLIC) => target.add(stacked.planes(0, planes), plane(0), keep, 0),
        (COMPACT, _) => {
            target.add(stacked.planes(0, 2), plane(0), keep, 0);
            // T times (a, b) is (b, a).
            target.add(stacked.swapped(), plane(1), 1.0, 0);
        }
        (FULL, _) => {
            for column in 0..2 {
                target.add(stacked.planes(0, 2), plane(2 * column), keep, 2 * column);
                target.add(stacked.planes(2, 2), plane(2 * column + 1), 1.0, 2 * column);
            }
        }
        _ => {}
    }
}

fn plane_of<'a>(matrix: &Matrix<'a, MoreTensor>, index: usize) -> View<'a> {
    let data = &matrix.tensor.data()[index * matrix.tensor.len() + matrix.offset..];
    let (row_stride, column_stride) =
        if matrix.transposed { (1, matrix.columns) } else { (matrix.columns, 1) };
    let (rows, columns) = matrix.shape();
    View { data, rows, columns, row_stride, column_stride }
}

/// The planes of a left operand one below the other.
struct Stack<'a> {
    rows: usize,
    columns: usize,
    planes: usize,
    data: std::borrow::Cow<'a, [f64]>,
}

impl<'a> Stack<'a> {
    fn new(matrix: &Matrix<'a, MoreTensor>) -> Self {
        let (rows, columns) = matrix.shape();
        let planes = matrix.tensor.plane_count();
        let whole = matrix.offset == 0 && rows * columns == matrix.tensor.len();
        let data = if whole && !matrix.transposed {
            std::borrow::Cow::Borrowed(matrix.tensor.data())
        } else {
            let mut data = Vec::with_capacity(planes * rows * columns);
            for index in 0..planes {
                let view = plane_of(matrix, index);
                for row in 0..rows {
                    let from = &view.data[row * view.row_stride..];
                    match view.column_stride {
                        1 => data.extend_from_slice(&from[..columns]),
                        stride => data.extend(from.iter().step_by(stride).take(columns)),
                    }
                }
            }
            std::borrow::Cow::Owned(data)
        };
        Self { rows, columns, planes, data }
    }

    /// `count` planes from `first` on as one matrix.
    fn planes(&self, first: usize, count: usize) -> View<'_> {
        let size = self.rows * self.columns;
        View {
            data: &self.data[first * size..][..count * size],
            rows: count * self.rows,
            columns: self.columns,
            row_stride: self.columns,
            column_stride: 1,
        }
    }
}

/// The product's result.
struct Target<'a> {
    tensor: &'a mut MoreTensor,
    offset: usize,
    /// Values of a plane of the result.
    count: usize,
}

impl Target<'_> {
    /// Adds the product of planes one below the other with one plane to the planes from `first` on.
    fn add(&mut self, a: impl AsStack, b: View<'_>, keep: f64, first: usize) {
        let len = self.tensor.len();
        let parts = (a.whole().rows * b.columns).checked_div(self.count).unwrap_or(0);
        if self.offset == 0 && self.count == len && a.contiguous() {
            multiply(a.whole(), b, keep, &mut self.tensor.data_mut()[first * len..]);
            return;
        }
        for part in 0..parts {
            let target = &mut self.tensor.data_mut()[(first + part) * len + self.offset..][..self.count];
            multiply(a.part(part, parts), b, keep, target);
        }
    }
}

/// Planes one below the other, as one matrix or one by one.
trait AsStack {
    /// All of them.
    fn whole(&self) -> View<'_>;
    /// Whether `whole` is in order.
    fn contiguous(&self) -> bool;
    /// One of several equal parts.
    fn part(&self, index: usize, parts: usize) -> View<'_>;
}

impl AsStack for View<'_> {
    fn whole(&self) -> View<'_> {
        *self
    }

    fn contiguous(&self) -> bool {
        true
    }

    fn part(&self, index: usize, parts: usize) -> View<'_> {
        let rows = self.rows / parts;
        View { data: &self.data[index * rows * self.row_stride..], rows, ..*self }
    }
}

/// Two planes in the other order.
struct Swapped<'a>(View<'a>);

impl Stack<'_> {
    fn swapped(&self) -> Swapped<'_> {
        Swapped(self.planes(0, self.planes.min(2)))
    }
}

impl AsStack for Swapped<'_> {
    fn whole(&self) -> View<'_> {
        self.0
    }

    fn contiguous(&self) -> bool {
        false
    }

    fn part(&self, index: usize, parts: usize) -> View<'_> {
        self.0.part(parts - 1 - index, parts)
    }
}
