//! Training in the clear: the algebra of plain `f64`.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernels: lengths are checked before, Gather checks its indices"
)]

use gemm::Parallelism;
use he_traits::algebra::{Algebra, Axis, Gather, Matrix, MatrixMut, check_product};
use he_traits::{Error, Function, Result, vector_math};

use crate::clear::matmul;

/// Plain `f64`, products by the `gemm` crate, functions by vector instructions.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClearAlgebra;

fn check_len(op: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::shape(op, format!("{expected} values"), got)) }
}

fn view<'a>(matrix: &Matrix<'a, Vec<f64>>) -> matmul::Matrix<'a> {
    let view = matmul::Matrix::row_major(&matrix.tensor[matrix.offset..], matrix.rows, matrix.columns);
    if matrix.transposed { view.transposed() } else { view }
}

impl Algebra for ClearAlgebra {
    type Tensor = Vec<f64>;

    fn name(&self) -> &'static str {
        "clear"
    }

    fn len(&self, x: &Vec<f64>) -> usize {
        x.len()
    }

    fn constants(&self, values: &[f64]) -> Vec<f64> {
        values.to_vec()
    }

    fn zeros(&self, len: usize) -> Vec<f64> {
        vec![0.0; len]
    }

    fn gemm(
        &self,
        a: Matrix<'_, Vec<f64>>,
        b: Matrix<'_, Vec<f64>>,
        keep: f64,
        c: MatrixMut<'_, Vec<f64>>,
    ) -> Result<()> {
        check_product(&a, &b, &c, [a.tensor.len(), b.tensor.len(), c.tensor.len()])?;
        let target = matmul::MatrixMut::row_major(&mut c.tensor[c.offset..], c.rows, c.columns);
        matmul::multiply(view(&a), view(&b), keep, target, Parallelism::None);
        Ok(())
    }

    fn map(&self, f: Function, x: &Vec<f64>) -> Result<Vec<f64>> {
        let mut y = x.clone();
        match f {
            Function::Sigmoid => vector_math::sigmoid(&mut y),
            Function::Tanh => vector_math::tanh(&mut y),
            Function::Silu => vector_math::silu(&mut y),
            Function::Exp => vector_math::exp(&mut y),
            other => y.iter_mut().for_each(|y| *y = other.at(*y)),
        }
        Ok(y)
    }

    fn mul(&self, a: &Vec<f64>, b: &Vec<f64>) -> Result<Vec<f64>> {
        check_len("mul", a.len(), b.len())?;
        Ok(a.iter().zip(b).map(|(a, b)| a * b).collect())
    }

    fn axpy(&self, alpha: f64, x: &Vec<f64>, y: &mut Vec<f64>) -> Result<()> {
        check_len("axpy", y.len(), x.len())?;
        y.iter_mut().zip(x).for_each(|(y, x)| *y += alpha * x);
        Ok(())
    }

    fn scale(&self, alpha: f64, x: &mut Vec<f64>) {
        x.iter_mut().for_each(|x| *x *= alpha);
    }

    fn sum(&self, x: &Vec<f64>, axis: Axis) -> Result<Vec<f64>> {
        check_len("sum", axis.outer * axis.length * axis.inner, x.len())?;
        if axis.inner == 1 {
            return Ok((0..axis.outer).map(|o| sum_of(&x[o * axis.length..][..axis.length])).collect());
        }
        let mut y = vec![0.0; axis.outer * axis.inner];
        for outer in 0..axis.outer {
            let sums = &mut y[outer * axis.inner..][..axis.inner];
            for line in 0..axis.length {
                let values = &x[(outer * axis.length + line) * axis.inner..][..axis.inner];
                sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
            }
        }
        Ok(y)
    }

    fn repeat(&self, x: &Vec<f64>, axis: Axis) -> Result<Vec<f64>> {
        check_len("repeat", axis.outer * axis.inner, x.len())?;
        let mut y = Vec::with_capacity(axis.outer * axis.length * axis.inner);
        for outer in 0..axis.outer {
            let values = &x[outer * axis.inner..][..axis.inner];
            match values {
                [value] => y.resize(y.len() + axis.length, *value),
                _ => (0..axis.length).for_each(|_| y.extend_from_slice(values)),
            }
        }
        Ok(y)
    }

    fn gather(&self, x: &Vec<f64>, gather: &Gather) -> Result<Vec<f64>> {
        check_len("gather", gather.source_len(), x.len())?;
        let mut y = Vec::with_capacity(gather.target_len());
        for block in 0..gather.blocks() {
            let source = &x[block * gather.block_len()..][..gather.block_len()];
            // Gather::ZERO lies outside of every block: the bounds check is the zero padding.
            let value = |&index: &u32| source.get(index as usize).copied().unwrap_or(0.0);
            y.extend(gather.indices().iter().map(value));
        }
        Ok(y)
    }

    fn scatter_add(&self, x: &Vec<f64>, gather: &Gather) -> Result<Vec<f64>> {
        check_len("scatter_add", gather.target_len(), x.len())?;
        let mut y = vec![0.0; gather.source_len()];
        for block in 0..gather.blocks() {
            let target = &mut y[block * gather.block_len()..][..gather.block_len()];
            let values = &x[block * gather.indices().len()..][..gather.indices().len()];
            for (&index, value) in gather.indices().iter().zip(values) {
                if let Some(sum) = target.get_mut(index as usize) {
                    *sum += value;
                }
            }
        }
        Ok(y)
    }

    fn map_backward(&self, f: Function, x: &Vec<f64>, y: &Vec<f64>, gradient: &Vec<f64>) -> Result<Vec<f64>> {
        check_len("map_backward", y.len(), x.len())?;
        check_len("map_backward", y.len(), gradient.len())?;
        let both = y.iter().zip(gradient);
        Ok(match f {
            Function::Sigmoid => both.map(|(y, g)| g * y * (1.0 - y)).collect(),
            Function::Tanh => both.map(|(y, g)| g * (1.0 - y * y)).collect(),
            Function::Relu => both.map(|(y, g)| if *y > 0.0 { *g } else { 0.0 }).collect(),
            Function::Exp => both.map(|(y, g)| g * y).collect(),
            Function::Square => x.iter().zip(gradient).map(|(x, g)| 2.0 * x * g).collect(),
            Function::Reciprocal => both.map(|(y, g)| -g * y * y).collect(),
            other => {
                return Err(Error::Unsupported {
                    backend: "clear".to_owned(),
                    what: format!("differentiate {}", other.name()),
                });
            }
        })
    }

    /// Shifted by each row's maximum: no overflow whatever the logits.
    fn log_softmax(&self, z: &Vec<f64>, rows: usize, columns: usize) -> Result<Vec<f64>> {
        check_len("log_softmax", rows * columns, z.len())?;
        let mut result = z.clone();
        for row in result.chunks_exact_mut(columns.max(1)) {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|z| (z - largest).exp()).sum();
            let shift = largest + sum.ln();
            row.iter_mut().for_each(|z| *z -= shift);
        }
        Ok(result)
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
