//! Fully connected layer.

use super::{Operation, Parameter, Refusal, one_input};
use crate::clear::Job;
use crate::clear::matmul::{Matrix, MatrixMut, multiply_add};
use crate::lower::{DenseMap, Lowered, Operator};
use crate::tensor::Tensor;

/// PyTorch's `Linear`: `y = W x + b`.
///
/// # Shapes
/// Input `[in_features]`, output `[out_features]`; `weight` `[out_features, in_features]`, `bias` `[out_features]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linear {
    /// Length of the input.
    pub in_features: usize,
    /// Length of the output.
    pub out_features: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Linear {
    /// A layer with bias.
    pub fn new(in_features: usize, out_features: usize) -> Linear {
        Linear { in_features, out_features, bias: true }
    }

    /// The same layer without a bias.
    pub fn without_bias(self) -> Linear {
        Linear { bias: false, ..self }
    }
}

impl Operation for Linear {
    fn kind(&self) -> &'static str {
        "Linear"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        let wanted = format!("[{}]", self.in_features);
        match one_input(inputs, &wanted)? {
            [length] if *length == self.in_features => Ok(vec![self.out_features]),
            _ => Err(Refusal::Inputs(wanted)),
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters =
            vec![Parameter { name: "weight", shape: vec![self.out_features, self.in_features] }];
        if self.bias {
            parameters.push(Parameter { name: "bias", shape: vec![self.out_features] });
        }
        parameters
    }

    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        match job.parameter(1) {
            Some(bias) => out.chunks_exact_mut(self.out_features).for_each(|row| row.copy_from_slice(bias)),
            None => out.fill(0.0),
        }
        let inputs = Matrix::row_major(job.input(0), job.images, self.in_features);
        let weight = Matrix::row_major(job.parameter(0).unwrap_or(&[]), self.out_features, self.in_features);
        let outputs = MatrixMut::row_major(out, job.images, self.out_features);
        multiply_add(inputs, weight.transposed(), outputs, job.parallelism);
    }

    fn lower(&self, _: &[&[usize]], _: &[usize], parameters: &[&Tensor]) -> Lowered {
        let values = |index: usize| parameters.get(index).map(|tensor| tensor.data());
        let map = DenseMap::new(self.in_features, values(0).unwrap_or(&[]));
        Lowered::affine(Operator::matrix(map), values(1).map(<[f64]>::to_vec))
    }
}
