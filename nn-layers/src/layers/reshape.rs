//! The same values under another shape.

use super::{Operation, Refusal, one_input};
use crate::clear::Job;
use crate::lower::{Lowered, Operator};
use crate::tensor::{Tensor, checked_numel, numel};

/// PyTorch's `reshape` of each image: the values stay where they are in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reshape {
    /// The new shape, without the batch.
    pub shape: Vec<usize>,
}

impl Reshape {
    /// Images of that shape, without the batch.
    pub fn new(shape: &[usize]) -> Reshape {
        Reshape { shape: shape.to_vec() }
    }
}

impl Operation for Reshape {
    fn kind(&self) -> &'static str {
        "Reshape"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        let wanted = format!("as many values as shape {:?} has", self.shape);
        let input = one_input(inputs, &wanted)?;
        if checked_numel(&self.shape) != Some(numel(input)) {
            return Err(Refusal::Inputs(wanted));
        }
        Ok(self.shape.clone())
    }

    fn in_place(&self) -> bool {
        true
    }

    fn clear(&self, _job: &mut Job<'_>, _out: &mut [f64]) {}

    fn lower(&self, _: &[&[usize]], output: &[usize], _: &[&Tensor]) -> Lowered {
        Lowered::affine(Operator::identity(numel(output)), None)
    }
}
