//! All dimensions of an image as one.

use super::{Operation, Refusal, one_input};
use crate::clear::Job;
use crate::lower::{Lowered, Operator};
use crate::tensor::{Tensor, numel};

/// PyTorch's `Flatten`: `[C, H, W]` becomes `[C · H · W]`, the values stay where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flatten;

impl Operation for Flatten {
    fn kind(&self) -> &'static str {
        "Flatten"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        Ok(vec![numel(one_input(inputs, "of any shape")?)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn clear(&self, _job: &mut Job<'_>, _out: &mut [f64]) {}

    fn lower(&self, _: &[&[usize]], output: &[usize], _: &[&Tensor]) -> Lowered {
        Lowered::affine(Operator::identity(numel(output)), None)
    }
}
