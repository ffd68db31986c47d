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
///
/// Flipped, the numbers themselves are multiplied as b times a. Transposed matrices are in the first order again: their planes are those of the others
/// with (0, 1) and (1, 0) exchanged.
pub(super) fn gemm(
    a: &Matrix<'_, MoreTensor>,
    b: &Matrix<'_, MoreTensor>,
    keep: f64,
    c: MatrixMut<'_, MoreTensor>,
    order: Order,
) {
    let stacked = Stack::new(a, order);
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
        (FULL, _) if order == Order::Flipped => {
            for row in 0..2 {
                target.add(Apart(stacked.planes(0, 2)), plane(row), keep, row);
                target.add(Apart(stacked.planes(2, 2)), plane(row + 2), 1.0, row);
            }
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

/// The order of two factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// a b
    AsWritten,
    /// b a
    Flipped,
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
    fn new(matrix: &Matrix<'a, MoreTensor>, order: Order) -> Self {
        let (rows, columns) = matrix.shape();
        let planes = matrix.tensor.plane_count();
        // The planes of a row together, where the factors are flipped.
        let by_rows = planes == FULL && order == Order::Flipped;
        let whole = matrix.offset == 0 && rows * columns == matrix.tensor.len() && !by_rows;
        let data = if whole && !matrix.transposed {
            std::borrow::Cow::Borrowed(matrix.tensor.data())
        } else {
            let mut data = Vec::with_capacity(planes * rows * columns);
            for index in 0..planes {
                let index = if by_rows { [0, 2, 1, 3][index] } else { index };
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
            let plane = first + part * a.distance();
            let target = &mut self.tensor.data_mut()[plane * len + self.offset..][..self.count];
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
    /// How far apart the planes lie that the parts' products are added to.
    fn distance(&self) -> usize {
        1
    }
}

/// Two planes whose products go to every second plane.
struct Apart<'a>(View<'a>);

impl AsStack for Apart<'_> {
    fn whole(&self) -> View<'_> {
        self.0
    }

    fn contiguous(&self) -> bool {
        false
    }

    fn part(&self, index: usize, parts: usize) -> View<'_> {
        self.0.part(index, parts)
    }

    fn distance(&self) -> usize {
        2
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries that belong to no key: these matrices do not commute.
    fn any(len: usize, seed: f64) -> MoreTensor {
        let mut tensor = MoreTensor::stale(FULL, len);
        let entries = tensor.data_mut().iter_mut().enumerate();
        entries.for_each(|(index, entry)| *entry = (index as f64 * 0.77 + seed).sin());
        tensor
    }

    /// Entry (r, c) of the number at `index`: planes lie column by column.
    fn entry(x: &MoreTensor, index: usize, r: usize, c: usize) -> f64 {
        x.data()[(2 * c + r) * x.len() + index]
    }

    #[test]
    fn both_orders_by_their_definition() {
        let (m, k, n) = (3, 4, 5);
        let (a, b, start) = (any(m * k, 0.1), any(k * n, 0.9), any(m * n, 0.4));
        let written = Matrix::new(&a, m, k);
        // The same matrix, lying the other way round.
        let mut turned = MoreTensor::stale(FULL, m * k);
        for plane in 0..FULL {
            for (i, j) in (0..m).flat_map(|i| (0..k).map(move |j| (i, j))) {
                turned.data_mut()[plane * m * k + j * m + i] = a.data()[plane * m * k + i * k + j];
            }
        }
        let turned = Matrix::new(&turned, k, m).transpose();
        for (left, order) in
            [written, turned].into_iter().flat_map(|a| [(a, Order::AsWritten), (a, Order::Flipped)])
        {
            let mut c = start.clone();
            gemm(&left, &Matrix::new(&b, k, n), 0.5, MatrixMut::new(&mut c, m, n), order);
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                for (r, col) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    let mut want = 0.5 * entry(&start, i * n + j, r, col);
                    for (s, t) in (0..k).flat_map(|s| [(s, 0), (s, 1)]) {
                        let (x, y) = (i * k + s, s * n + j);
                        want += match order {
                            Order::AsWritten => entry(&a, x, r, t) * entry(&b, y, t, col),
                            Order::Flipped => entry(&b, y, r, t) * entry(&a, x, t, col),
                        };
                    }
                    let got = entry(&c, i * n + j, r, col);
                    assert!((got - want).abs() < 1e-12, "{order:?} ({r}, {col}): {got} {want}");
                }
            }
        }
    }
}
