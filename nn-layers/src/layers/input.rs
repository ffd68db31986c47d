//! The network's input.

use super::{Operation, Refusal};
use crate::clear::Job;
use crate::lower::Lowered;
use crate::tensor::Tensor;

/// The first node of a network: it holds the batch of inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Shape of one input, without the batch.
    pub shape: Vec<usize>,
}

impl Input {
    /// Inputs of that shape, without the batch.
    pub fn new(shape: &[usize]) -> Input {
        Input { shape: shape.to_vec() }
    }
}

impl Operation for Input {
    fn kind(&self) -> &'static str {
        "Input"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        match inputs {
            [] => Ok(self.shape.clone()),
            _ => Err(Refusal::Inputs("no input: it is the network's own".to_owned())),
        }
    }

    /// The executor has put the inputs into `out` already.
    fn clear(&self, _job: &mut Job<'_>, _out: &mut [f64]) {}

    fn in_place(&self) -> bool {
        true
    }

    fn lower(&self, _: &[&[usize]], _: &[usize], _: &[&Tensor]) -> Lowered {
        Lowered::Input
    }
}
