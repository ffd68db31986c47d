//! Sum of two values, as in a residual connection.

use super::{Operation, Refusal};
use crate::clear::Job;
use crate::lower::{Lowered, Operator};
use crate::tensor::{Tensor, numel};

/// `a + b`, element by element; both of the same shape (no broadcasting).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Add;

impl Operation for Add {
    fn kind(&self) -> &'static str {
        "Add"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        match inputs {
            [a, b] if a == b => Ok(a.to_vec()),
            _ => Err(Refusal::Inputs("two inputs of the same shape".to_owned())),
        }
    }

    fn in_place(&self) -> bool {
        true
    }

    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        for (sum, b) in out.iter_mut().zip(job.input(1)) {
            *sum += b;
        }
    }

    fn lower(&self, _: &[&[usize]], output: &[usize], _: &[&Tensor]) -> Lowered {
        let identity = Operator::identity(numel(output));
        Lowered::Affine { maps: vec![identity.clone(), identity], bias: None }
    }
}
