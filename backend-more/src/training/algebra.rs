//! The operations of training over tensors of ciphertexts.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernels: lengths are checked before, Gather checks its indices"
)]

use std::borrow::Cow;

use he_traits::algebra::{Algebra, Axis, Gather, Matrix, MatrixMut, check_product};
use he_traits::{Error, Function, Result, vector_math};

use super::product::{self, Order};
use super::tensor::{COMPACT, Compaction, FULL, MoreTensor, PUBLIC};
use crate::kernel::two;
use crate::{NAME, function};

/// Arithmetic of [`MoreTensor`]s, as `nn_layers::train` wants it; it has no key.
///
/// Full and compact ciphertexts do not mix; public numbers go with both.
#[derive(Clone, Copy, Default)]
pub struct MoreAlgebra {
    settling: Option<Compaction>,
}

impl MoreAlgebra {
    /// Arithmetic in which every step of a training leaves parameters and velocities in the algebra of all a I + b T ([`Compaction::settle`]). Full ciphertexts
    /// need it: what rounding leaves of them outside grows by a constant factor a step.
    pub fn settling(compaction: Compaction) -> Self {
        Self { settling: Some(compaction) }
    }
}

fn check_len(op: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::shape(op, format!("{expected} values"), got)) }
}

/// Planes of what comes of two operands.
fn common(a: &MoreTensor, b: &MoreTensor) -> Result<usize> {
    match (a.plane_count(), b.plane_count()) {
        (PUBLIC, planes) | (planes, PUBLIC) => Ok(planes),
        (a, b) if a == b => Ok(a),
        _ => Err(Error::shape("training", format!("ciphertexts of one form, as {a:?}"), format!("{b:?}"))),
    }
}

fn lifted(x: &MoreTensor, planes: usize) -> Result<Cow<'_, MoreTensor>> {
    if x.plane_count() == planes { Ok(Cow::Borrowed(x)) } else { x.lifted(planes).map(Cow::Owned) }
}

/// Every plane of `x` through `one`, into a tensor of `len` values.
fn by_plane(x: &MoreTensor, len: usize, one: impl Fn(&[f64], &mut [f64])) -> MoreTensor {
    let mut y = MoreTensor::stale(x.plane_count(), len);
    for (target, plane) in y.planes_mut().zip(x.planes()) {
        one(plane, target);
    }
    y
}

/// A function of real numbers.
fn real(f: Function, values: &mut [f64]) {
    match f {
        Function::Sigmoid => vector_math::sigmoid(values),
        Function::Tanh => vector_math::tanh(values),
        Function::Silu => vector_math::silu(values),
        Function::Exp => vector_math::exp(values),
        other => values.iter_mut().for_each(|x| *x = other.at(*x)),
    }
}

/// The two lanes of compact ciphertexts, or back from them twice over: (a, b) to (a + b, a - b).
fn turn(x: &mut MoreTensor, factor: f64) {
    let len = x.len();
    let (a, b) = x.data_mut().split_at_mut(len);
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (factor * (*a + *b), factor * (*a - *b));
    }
}

fn multiplied(
    a: Matrix<'_, MoreTensor>,
    b: Matrix<'_, MoreTensor>,
    keep: f64,
    c: MatrixMut<'_, MoreTensor>,
    order: Order,
) -> Result<()> {
    check_product(&a, &b, &c, [a.tensor.len(), b.tensor.len(), c.tensor.len()])?;
    let planes = common(a.tensor, b.tensor)?;
    if c.tensor.plane_count() < planes {
        *c.tensor = c.tensor.lifted(planes)?;
    }
    if c.tensor.plane_count() == planes {
        product::gemm(&a, &b, keep, c, order);
        return Ok(());
    }
    // The target is a ciphertext already, the operands are public.
    let lifted = lifted(a.tensor, c.tensor.plane_count())?;
    product::gemm(&Matrix { tensor: &*lifted, ..a }, &b, keep, c, order);
    Ok(())
}

impl Algebra for MoreAlgebra {
    type Tensor = MoreTensor;

    fn name(&self) -> &'static str {
        NAME
    }

    fn len(&self, x: &MoreTensor) -> usize {
        x.len()
    }

    fn constants(&self, values: &[f64]) -> MoreTensor {
        MoreTensor::public(values)
    }

    fn gemm(
        &self,
        a: Matrix<'_, MoreTensor>,
        b: Matrix<'_, MoreTensor>,
        keep: f64,
        c: MatrixMut<'_, MoreTensor>,
    ) -> Result<()> {
        multiplied(a, b, keep, c, Order::AsWritten)
    }

    fn gemm_flipped(
        &self,
        a: Matrix<'_, MoreTensor>,
        b: Matrix<'_, MoreTensor>,
        keep: f64,
        c: MatrixMut<'_, MoreTensor>,
    ) -> Result<()> {
        multiplied(a, b, keep, c, Order::Flipped)
    }

    fn map(&self, f: Function, x: &MoreTensor) -> Result<MoreTensor> {
        match x.plane_count() {
            FULL => {
                let mut y = MoreTensor::stale(FULL, x.len());
                if let (Some(operand), Some(target)) = (x.entries(), y.entries_mut()) {
                    match f {
                        Function::Square => two::multiply(operand, operand, target),
                        Function::Reciprocal => two::invert(operand, target),
                        f => function::planar(f)?.run(operand, target),
                    }
                }
                Ok(y)
            }
            COMPACT => {
                let mut y = x.clone();
                turn(&mut y, 1.0);
                real(f, y.data_mut());
                turn(&mut y, 0.5);
                Ok(y)
            }
            _ => {
                let mut y = x.clone();
                real(f, y.data_mut());
                Ok(y)
            }
        }
    }

    fn mul(&self, a: &MoreTensor, b: &MoreTensor) -> Result<MoreTensor> {
        check_len("mul", a.len(), b.len())?;
        let (public, other) = if b.plane_count() == PUBLIC { (b, a) } else { (a, b) };
        if public.plane_count() == PUBLIC {
            return Ok(by_plane(other, other.len(), |plane, y| {
                let pairs = plane.iter().zip(public.data());
                y.iter_mut().zip(pairs).for_each(|(y, (x, factor))| *y = x * factor);
            }));
        }
        let mut y = MoreTensor::stale(common(a, b)?, a.len());
        if let (Some(a), Some(b), Some(target)) = (a.entries(), b.entries(), y.entries_mut()) {
            two::multiply(a, b, target);
            return Ok(y);
        }
        let ((a0, a1), (b0, b1)) = (a.data().split_at(a.len()), b.data().split_at(b.len()));
        let (y0, y1) = y.data_mut().split_at_mut(a0.len());
        for (((y0, y1), (a0, a1)), (b0, b1)) in
            y0.iter_mut().zip(y1).zip(a0.iter().zip(a1)).zip(b0.iter().zip(b1))
        {
            (*y0, *y1) = (a0 * b0 + a1 * b1, a0 * b1 + a1 * b0);
        }
        Ok(y)
    }

    fn axpy(&self, alpha: f64, x: &MoreTensor, y: &mut MoreTensor) -> Result<()> {
        check_len("axpy", y.len(), x.len())?;
        let planes = common(x, y)?;
        if y.plane_count() < planes {
            *y = y.lifted(planes)?;
        }
        // A public number is added on the diagonal alone.
        let diagonal: &[usize] = match (x.plane_count(), planes) {
            (PUBLIC, FULL) => &[0, 3],
            (PUBLIC, _) => &[0],
            (COMPACT, _) => &[0, 1],
            _ => &[0, 1, 2, 3],
        };
        let len = x.len();
        for (position, plane) in diagonal.iter().enumerate() {
            let source = if x.plane_count() == PUBLIC { 0 } else { position };
            let source = &x.data()[source * len..][..len];
            let target = &mut y.data_mut()[plane * len..][..len];
            target.iter_mut().zip(source).for_each(|(y, x)| *y += alpha * x);
        }
        Ok(())
    }

    fn scale(&self, alpha: f64, x: &mut MoreTensor) {
        x.data_mut().iter_mut().for_each(|x| *x *= alpha);
    }

    fn settle(&self, x: &mut MoreTensor) {
        if let Some(compaction) = &self.settling {
            compaction.settle(x);
        }
    }

    fn sum(&self, x: &MoreTensor, axis: Axis) -> Result<MoreTensor> {
        let Axis { outer, length, inner } = axis;
        check_len("sum", outer * length * inner, x.len())?;
        Ok(by_plane(x, outer * inner, |x, y| {
            if inner == 1 {
                let rows = (0..outer).map(|o| &x[o * length..][..length]);
                y.iter_mut().zip(rows).for_each(|(y, row)| *y = sum_of(row));
                return;
            }
            y.fill(0.0);
            for outer in 0..outer {
                let sums = &mut y[outer * inner..][..inner];
                for line in 0..length {
                    let values = &x[(outer * length + line) * inner..][..inner];
                    sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
                }
            }
        }))
    }

    fn repeat(&self, x: &MoreTensor, axis: Axis) -> Result<MoreTensor> {
        let Axis { outer, length, inner } = axis;
        check_len("repeat", outer * inner, x.len())?;
        Ok(by_plane(x, outer * length * inner, |x, y| {
            for (index, line) in y.chunks_exact_mut(inner.max(1)).enumerate() {
                let from = index / length.max(1) * inner;
                match inner {
                    1 => line.fill(x[from]),
                    _ => line.copy_from_slice(&x[from..][..inner]),
                }
            }
        }))
    }

    fn gather(&self, x: &MoreTensor, gather: &Gather) -> Result<MoreTensor> {
        check_len("gather", gather.source_len(), x.len())?;
        Ok(by_plane(x, gather.target_len(), |x, y| {
            let blocks = x.chunks_exact(gather.block_len().max(1));
            for (target, source) in y.chunks_exact_mut(gather.indices().len().max(1)).zip(blocks) {
                for (y, &index) in target.iter_mut().zip(gather.indices()) {
                    // Gather::ZERO lies outside of every block: the bounds check is the zero padding.
                    *y = source.get(index as usize).copied().unwrap_or(0.0);
                }
            }
        }))
    }

    fn scatter_add(&self, x: &MoreTensor, gather: &Gather) -> Result<MoreTensor> {
        check_len("scatter_add", gather.target_len(), x.len())?;
        Ok(by_plane(x, gather.source_len(), |x, y| {
            y.fill(0.0);
            let blocks = x.chunks_exact(gather.indices().len().max(1));
            for (target, values) in y.chunks_exact_mut(gather.block_len().max(1)).zip(blocks) {
                for (&index, value) in gather.indices().iter().zip(values) {
                    if let Some(sum) = target.get_mut(index as usize) {
                        *sum += value;
                    }
                }
            }
        }))
    }
}

/// Sum in eight lanes, which the compiler turns into vectors; the order does not depend on the machine.
fn sum_of(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += x);
    }
    lanes.iter().sum::<f64>() + rest.iter().sum::<f64>()
}
