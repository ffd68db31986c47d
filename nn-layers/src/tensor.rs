//! Dense tensors of `f64`.

use crate::error::{Error, Result};

/// A dense tensor of `f64`, contiguous, the last dimension running fastest (PyTorch's default order).
///
/// # Shapes
/// Batches are `[N, ..]`: images `[N, C, H, W]`, vectors `[N, F]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f64>,
}

impl Tensor {
    /// A tensor of `shape` over `data`.
    ///
    /// # Errors
    /// [`Error::TensorData`] when `data` does not have as many values as `shape`.
    pub fn new(shape: &[usize], data: Vec<f64>) -> Result<Tensor> {
        let expected = checked_numel(shape).unwrap_or(usize::MAX);
        if expected != data.len() {
            return Err(Error::TensorData { shape: shape.to_vec(), expected, got: data.len() });
        }
        Ok(Tensor { shape: shape.to_vec(), data })
    }

    /// A tensor of zeros.
    pub fn zeros(shape: &[usize]) -> Tensor {
        Tensor { shape: shape.to_vec(), data: vec![0.0; numel(shape)] }
    }

    /// Length of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, the last dimension running fastest.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The values, to change in place.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// The values alone.
    pub fn into_data(self) -> Vec<f64> {
        self.data
    }

    /// Length of the first dimension: images of a batch (0 for a tensor without dimensions).
    pub fn batch(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// The same values under another shape.
    ///
    /// # Errors
    /// [`Error::TensorData`] when the number of values differs.
    pub fn reshape(self, shape: &[usize]) -> Result<Tensor> {
        Tensor::new(shape, self.data)
    }

    /// Entries `from..to` of the first dimension, as a tensor of its own; the range is cut to what there is.
    pub fn rows(&self, from: usize, to: usize) -> Tensor {
        let to = to.min(self.batch());
        let from = from.min(to);
        let row = numel(self.shape.get(1..).unwrap_or(&[]));
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = to - from;
        }
        let data = self.data.get(from * row..to * row).unwrap_or(&[]).to_vec();
        Tensor { shape, data }
    }

    /// Index and value of the first NaN or infinity.
    pub fn first_not_finite(&self) -> Option<(usize, f64)> {
        self.data.iter().copied().enumerate().find(|(_, value)| !value.is_finite())
    }

    pub(crate) fn from_parts(shape: Vec<usize>, data: Vec<f64>) -> Tensor {
        debug_assert_eq!(numel(&shape), data.len());
        Tensor { shape, data }
    }
}

/// Number of values of a shape; 1 for the empty shape.
pub fn numel(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Number of values of a shape, or `None` where it overflows.
pub(crate) fn checked_numel(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &length| product.checked_mul(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_must_fill_the_shape() {
        let error = Tensor::new(&[2, 3], vec![0.0; 5]).unwrap_err();
        assert_eq!(error.to_string(), "a tensor of shape [2, 3] holds 6 values, got 5");
        assert!(Tensor::new(&[usize::MAX, 2], vec![]).is_err());
    }

    #[test]
    fn rows_are_cut_to_what_there_is() {
        let tensor = Tensor::new(&[3, 2], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(tensor.rows(1, 9), Tensor::new(&[2, 2], vec![2.0, 3.0, 4.0, 5.0]).unwrap());
        assert_eq!(tensor.rows(5, 9).shape(), [0, 2]);
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_found() {
        let tensor = Tensor::new(&[3], vec![1.0, f64::NEG_INFINITY, f64::NAN]).unwrap();
        assert_eq!(tensor.first_not_finite(), Some((1, f64::NEG_INFINITY)));
    }
}
