//! Dropout, which is nothing once a network is trained.

use super::{Operation, Refusal, one_input};
use crate::clear::Job;
use crate::lower::{Lowered, Operator};
use crate::tensor::{Tensor, numel};

/// PyTorch's `Dropout` in evaluation: every value stays as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Share of values that training leaves out, below 1.
    pub rate: f64,
}

impl Dropout {
    /// Training leaves out that share of the values.
    pub fn new(rate: f64) -> Dropout {
        Dropout { rate }
    }
}

impl Operation for Dropout {
    fn kind(&self) -> &'static str {
        "Dropout"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        if !(0.0..1.0).contains(&self.rate) {
            return Err(Refusal::Figures(format!("a rate of {} is not in [0, 1)", self.rate)));
        }
        Ok(one_input(inputs, "of any shape")?.to_vec())
    }

    fn in_place(&self) -> bool {
        true
    }

    fn clear(&self, _job: &mut Job<'_>, _out: &mut [f64]) {}

    fn lower(&self, _: &[&[usize]], output: &[usize], _: &[&Tensor]) -> Lowered {
        Lowered::affine(Operator::identity(numel(output)), None)
    }
}
