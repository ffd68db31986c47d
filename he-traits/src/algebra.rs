//! What training needs of numbers, clear or encrypted: forward pass, backward pass and the step of the optimiser.
//!
//! A tensor of an algebra is a flat run of values; who uses it knows its shape. Nothing here compares or branches on a
//! value, so a scheme without comparisons can implement all of it. Every operation runs on the calling thread (the trainer
//! spreads work over threads itself) and reduces in a fixed order, so that the same training gives the same bits.

use crate::{Error, Function, Result};

/// Arithmetic over flat tensors of numbers, clear or encrypted.
pub trait Algebra: Sync {
    /// A flat run of numbers.
    type Tensor: Clone + Send + Sync;

    /// Name for error messages, as in `clear` or `more`.
    fn name(&self) -> &'static str;

    /// Number of values.
    fn len(&self, x: &Self::Tensor) -> usize;

    /// Public numbers as a tensor: no secret is needed, and none is kept by it.
    fn constants(&self, values: &[f64]) -> Self::Tensor;

    /// Public zeros.
    fn zeros(&self, len: usize) -> Self::Tensor {
        self.constants(&vec![0.0; len])
    }

    /// `c = a b + keep · c`.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes do not fit each other or their tensors.
    fn gemm(
        &self,
        a: Matrix<'_, Self::Tensor>,
        b: Matrix<'_, Self::Tensor>,
        keep: f64,
        c: MatrixMut<'_, Self::Tensor>,
    ) -> Result<()>;

    /// As [`Algebra::gemm`], every product of two numbers taken in the other order: b times a.
    ///
    /// The numbers commute, but what rounding leaves of them need not: ciphertexts that are matrices share their eigenvectors up to a rounding error. A gradient must
    /// take its factors in the order in which the forward pass took its own, or such errors grow from step to step.
    ///
    /// # Errors
    /// As [`Algebra::gemm`].
    fn gemm_flipped(
        &self,
        a: Matrix<'_, Self::Tensor>,
        b: Matrix<'_, Self::Tensor>,
        keep: f64,
        c: MatrixMut<'_, Self::Tensor>,
    ) -> Result<()> {
        self.gemm(a, b, keep, c)
    }

    /// `f` of every value.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a function that the scheme cannot compute.
    fn map(&self, f: Function, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// `a ∘ b`, element by element.
    ///
    /// # Errors
    /// [`Error::Shape`] when the lengths differ.
    fn mul(&self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;

    /// `y += alpha · x`, alpha public.
    ///
    /// # Errors
    /// [`Error::Shape`] when the lengths differ.
    fn axpy(&self, alpha: f64, x: &Self::Tensor, y: &mut Self::Tensor) -> Result<()>;

    /// `x *= alpha`, alpha public.
    fn scale(&self, alpha: f64, x: &mut Self::Tensor);

    /// Takes rounding errors away that following steps would let grow: the trainer calls it on what every step leaves, parameters and velocities. Most
    /// numbers have none.
    fn settle(&self, _x: &mut Self::Tensor) {}

    /// Sum along an axis: `[outer, length, inner]` to `[outer, inner]`.
    ///
    /// # Errors
    /// [`Error::Shape`] when `x` does not have as many values as the axis says.
    fn sum(&self, x: &Self::Tensor, axis: Axis) -> Result<Self::Tensor>;

    /// Repeats along an axis: `[outer, inner]` to `[outer, length, inner]`; the transpose of [`Algebra::sum`].
    ///
    /// # Errors
    /// [`Error::Shape`] when `x` does not have `outer · inner` values.
    fn repeat(&self, x: &Self::Tensor, axis: Axis) -> Result<Self::Tensor>;

    /// Values by index: within each block, `y[i] = x[index[i]]`, or 0 for [`Gather::ZERO`].
    ///
    /// # Errors
    /// [`Error::Shape`] when `x` does not have [`Gather::source_len`] values.
    fn gather(&self, x: &Self::Tensor, gather: &Gather) -> Result<Self::Tensor>;

    /// The transpose of [`Algebra::gather`]: within each block, `y[index[i]] += x[i]`, from `y = 0`.
    ///
    /// # Errors
    /// [`Error::Shape`] when `x` does not have [`Gather::target_len`] values.
    fn scatter_add(&self, x: &Self::Tensor, gather: &Gather) -> Result<Self::Tensor>;

    /// `gradient ∘ f'(x)` where `y = f(x)`: one step of back-propagation through a map.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a function without a derivative in these operations; those of the operations used.
    fn map_backward(
        &self,
        f: Function,
        x: &Self::Tensor,
        y: &Self::Tensor,
        gradient: &Self::Tensor,
    ) -> Result<Self::Tensor> {
        let mut result;
        match f {
            // y (1 - y) g
            Function::Sigmoid => {
                result = self.mul(y, gradient)?;
                let square = self.mul(y, &result)?;
                self.axpy(-1.0, &square, &mut result)?;
            }
            // (1 - y²) g
            Function::Tanh => {
                result = gradient.clone();
                let square = self.mul(y, &self.mul(y, gradient)?)?;
                self.axpy(-1.0, &square, &mut result)?;
            }
            Function::Exp => result = self.mul(y, gradient)?,
            Function::Square => {
                result = self.mul(x, gradient)?;
                self.scale(2.0, &mut result);
            }
            // -y² g
            Function::Reciprocal => {
                result = self.mul(y, &self.mul(y, gradient)?)?;
                self.scale(-1.0, &mut result);
            }
            other => {
                return Err(Error::Unsupported {
                    backend: self.name().to_owned(),
                    what: format!("differentiate {}", other.name()),
                });
            }
        }
        Ok(result)
    }

    /// Logarithm of the softmax of every row: `z - ln Σ e^z`. As it stands here, nothing is compared, and values must stay below
    /// 700 (`e^z` overflows); an algebra that can see values shifts each row by its maximum.
    ///
    /// # Errors
    /// Those of the operations used.
    fn log_softmax(&self, z: &Self::Tensor, rows: usize, columns: usize) -> Result<Self::Tensor> {
        let row = Axis { outer: rows, length: columns, inner: 1 };
        let log_sum = self.map(Function::Ln, &self.sum(&self.map(Function::Exp, z)?, row)?)?;
        let mut result = z.clone();
        self.axpy(-1.0, &self.repeat(&log_sum, row)?, &mut result)?;
        Ok(result)
    }
}

/// A tensor seen as `[outer, length, inner]`, for sums along its middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Values before the axis.
    pub outer: usize,
    /// Length of the axis.
    pub length: usize,
    /// Values after the axis, which run fastest.
    pub inner: usize,
}

/// A matrix that lies row by row in a tensor.
#[derive(Debug)]
pub struct Matrix<'a, T> {
    /// The tensor.
    pub tensor: &'a T,
    /// Index of the first value.
    pub offset: usize,
    /// Rows as they lie in the tensor.
    pub rows: usize,
    /// Columns as they lie in the tensor.
    pub columns: usize,
    /// Whether the product takes the transpose.
    pub transposed: bool,
}

impl<T> Clone for Matrix<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Matrix<'_, T> {}

impl<'a, T> Matrix<'a, T> {
    /// A whole tensor, or the beginning of one, as a matrix.
    pub fn new(tensor: &'a T, rows: usize, columns: usize) -> Self {
        Self { tensor, offset: 0, rows, columns, transposed: false }
    }

    /// The same matrix from another place of the tensor.
    pub fn at(self, offset: usize) -> Self {
        Self { offset, ..self }
    }

    /// The transpose; nothing moves.
    pub fn transpose(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    /// Rows and columns as the product sees them.
    pub fn shape(&self) -> (usize, usize) {
        if self.transposed { (self.columns, self.rows) } else { (self.rows, self.columns) }
    }
}

/// A matrix to write to, row by row in a tensor.
#[derive(Debug)]
pub struct MatrixMut<'a, T> {
    /// The tensor.
    pub tensor: &'a mut T,
    /// Index of the first value.
    pub offset: usize,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
}

impl<'a, T> MatrixMut<'a, T> {
    /// A whole tensor, or the beginning of one, as a matrix.
    pub fn new(tensor: &'a mut T, rows: usize, columns: usize) -> Self {
        Self { tensor, offset: 0, rows, columns }
    }

    /// The same matrix from another place of the tensor.
    pub fn at(self, offset: usize) -> Self {
        Self { offset, ..self }
    }
}

/// Checks that a product's shapes fit each other and their tensors of `len` values each (a, b, c).
///
/// # Errors
/// [`Error::Shape`] with both sides.
pub fn check_product<T>(
    a: &Matrix<'_, T>,
    b: &Matrix<'_, T>,
    c: &MatrixMut<'_, T>,
    len: [usize; 3],
) -> Result<()> {
    let ((m, k), (k_of_b, n)) = (a.shape(), b.shape());
    if k != k_of_b || (m, n) != (c.rows, c.columns) {
        let got = format!("{m} x {k} times {k_of_b} x {n} into {} x {}", c.rows, c.columns);
        return Err(Error::shape("gemm", "shapes that fit", got));
    }
    let sides = [(a.offset, a.rows, a.columns), (b.offset, b.rows, b.columns), (c.offset, c.rows, c.columns)];
    for ((offset, rows, columns), len) in sides.into_iter().zip(len) {
        let end = rows.checked_mul(columns).and_then(|count| count.checked_add(offset));
        if end.is_none_or(|end| end > len) {
            let got = format!("{rows} x {columns} from {offset}");
            return Err(Error::shape("gemm", format!("a matrix within {len} values"), got));
        }
    }
    Ok(())
}

/// Which values an [`Algebra::gather`] takes, the same within every block of the source: im2col, pooling windows, batches
/// and changes of layout are all of this form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gather {
    blocks: usize,
    source: usize,
    indices: Vec<u32>,
}

impl Gather {
    /// In the place of an index: the value is 0.
    pub const ZERO: u32 = u32::MAX;

    /// `blocks` blocks of `source` values each, of which `indices` picks.
    ///
    /// # Errors
    /// [`Error::Shape`] when an index lies outside of a block and is not [`Gather::ZERO`], or when a block is too large for
    /// such indices.
    pub fn new(blocks: usize, source: usize, indices: Vec<u32>) -> Result<Self> {
        if source > Self::ZERO as usize {
            return Err(Error::shape("gather", format!("blocks of at most {} values", Self::ZERO), source));
        }
        match indices.iter().find(|&&index| index != Self::ZERO && index as usize >= source) {
            Some(index) => Err(Error::shape("gather", format!("indices below {source}"), index)),
            None => Ok(Self { blocks, source, indices }),
        }
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Values of a block of the source.
    pub fn block_len(&self) -> usize {
        self.source
    }

    /// Index within a source block for each value of a target block; [`Gather::ZERO`] or below [`Gather::block_len`].
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Values of the whole source.
    pub fn source_len(&self) -> usize {
        self.blocks * self.source
    }

    /// Values of the whole target.
    pub fn target_len(&self) -> usize {
        self.blocks * self.indices.len()
    }
}
