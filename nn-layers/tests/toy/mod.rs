//! A second algebra: every value is held as a pair whose difference is the number, mixed by a public rotation of roles; products
//! and functions are written as plain loops. Nothing that [`Algebra`] provides is overridden.

use he_traits::algebra::{Algebra, Axis, Gather, Matrix, MatrixMut, check_product};
use he_traits::{Error, Function, Result};

/// A number split in two: value = first - second.
pub(crate) type Share = (f64, f64);

/// The algebra of split numbers.
#[derive(Debug, Clone)]
pub(crate) struct Toy;

fn value(x: Share) -> f64 {
    x.0 - x.1
}

fn split(x: f64) -> Share {
    (0.75 * x + 0.5, -0.25 * x + 0.5)
}

fn plus(a: Share, alpha: f64, b: Share) -> Share {
    (a.0 + alpha * b.0, a.1 + alpha * b.1)
}

/// (a - b)(c - d) = (ac + bd) - (ad + bc)
fn times(a: Share, b: Share) -> Share {
    (a.0 * b.0 + a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

fn same(a: usize, b: usize) -> Result<()> {
    if a == b { Ok(()) } else { Err(Error::shape("toy", a, b)) }
}

impl Toy {
    pub(crate) fn hide(&self, values: &[f64]) -> Vec<Share> {
        values.iter().map(|&x| split(x)).collect()
    }

    pub(crate) fn show(&self, values: &[Share]) -> Vec<f64> {
        values.iter().map(|&x| value(x)).collect()
    }
}

impl Algebra for Toy {
    type Tensor = Vec<Share>;

    fn name(&self) -> &'static str {
        "toy"
    }

    fn len(&self, x: &Vec<Share>) -> usize {
        x.len()
    }

    fn constants(&self, values: &[f64]) -> Vec<Share> {
        values.iter().map(|&x| (x, 0.0)).collect()
    }

    fn gemm(
        &self,
        a: Matrix<'_, Vec<Share>>,
        b: Matrix<'_, Vec<Share>>,
        keep: f64,
        c: MatrixMut<'_, Vec<Share>>,
    ) -> Result<()> {
        check_product(&a, &b, &c, [a.tensor.len(), b.tensor.len(), c.tensor.len()])?;
        let at = |m: &Matrix<'_, Vec<Share>>, i: usize, j: usize| {
            m.tensor[m.offset + if m.transposed { j * m.columns + i } else { i * m.columns + j }]
        };
        for i in 0..c.rows {
            for j in 0..c.columns {
                let place = c.offset + i * c.columns + j;
                let old = c.tensor[place];
                c.tensor[place] = (0..a.shape().1).fold((keep * old.0, keep * old.1), |sum, l| {
                    plus(sum, 1.0, times(at(&a, i, l), at(&b, l, j)))
                });
            }
        }
        Ok(())
    }

    fn map(&self, f: Function, x: &Vec<Share>) -> Result<Vec<Share>> {
        Ok(x.iter().map(|&x| split(f.at(value(x)))).collect())
    }

    fn mul(&self, a: &Vec<Share>, b: &Vec<Share>) -> Result<Vec<Share>> {
        same(a.len(), b.len())?;
        Ok(a.iter().zip(b).map(|(&a, &b)| times(a, b)).collect())
    }

    fn axpy(&self, alpha: f64, x: &Vec<Share>, y: &mut Vec<Share>) -> Result<()> {
        same(x.len(), y.len())?;
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = plus(*y, alpha, x));
        Ok(())
    }

    fn scale(&self, alpha: f64, x: &mut Vec<Share>) {
        x.iter_mut().for_each(|x| *x = (alpha * x.0, alpha * x.1));
    }

    fn sum(&self, x: &Vec<Share>, axis: Axis) -> Result<Vec<Share>> {
        same(axis.outer * axis.length * axis.inner, x.len())?;
        let mut y = vec![(0.0, 0.0); axis.outer * axis.inner];
        for (index, &x) in x.iter().enumerate() {
            let place = index / (axis.length * axis.inner) * axis.inner + index % axis.inner;
            y[place] = plus(y[place], 1.0, x);
        }
        Ok(y)
    }

    fn repeat(&self, x: &Vec<Share>, axis: Axis) -> Result<Vec<Share>> {
        same(axis.outer * axis.inner, x.len())?;
        let total = axis.outer * axis.length * axis.inner;
        Ok((0..total).map(|i| x[i / (axis.length * axis.inner) * axis.inner + i % axis.inner]).collect())
    }

    fn gather(&self, x: &Vec<Share>, gather: &Gather) -> Result<Vec<Share>> {
        same(gather.source_len(), x.len())?;
        let of_block = |block: usize| {
            gather.indices().iter().map(move |&index| match index {
                Gather::ZERO => (0.0, 0.0),
                index => x[block * gather.block_len() + index as usize],
            })
        };
        Ok((0..gather.blocks()).flat_map(of_block).collect())
    }

    fn scatter_add(&self, x: &Vec<Share>, gather: &Gather) -> Result<Vec<Share>> {
        same(gather.target_len(), x.len())?;
        let mut y = vec![(0.0, 0.0); gather.source_len()];
        for (place, &x) in x.iter().enumerate() {
            let (block, index) =
                (place / gather.indices().len(), gather.indices()[place % gather.indices().len()]);
            if index != Gather::ZERO {
                let place = block * gather.block_len() + index as usize;
                y[place] = plus(y[place], 1.0, x);
            }
        }
        Ok(y)
    }
}
