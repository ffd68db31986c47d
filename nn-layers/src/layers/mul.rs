//! Product of two values.

use super::{Operation, Refusal};
use crate::clear::Job;
use crate::lower::{Lowered, Operator, RepeatMap};
use crate::tensor::{Tensor, numel};

/// `a · b`, element by element; `b` may hold one number a channel, which then scales the channel's whole plane (the gate of a
/// squeeze-and-excitation block).
///
/// # Shapes
/// `a` of any shape; `b` of the same shape, or `[C]` or `[C, 1, 1]` where `a` is `[C, H, W]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mul;

/// How often each number of `b` is used in a row.
fn repeats(a: &[usize], b: &[usize]) -> Option<usize> {
    match (a, b) {
        _ if a == b => Some(1),
        ([channels, height, width], [gates] | [gates, 1, 1]) if channels == gates => Some(height * width),
        _ => None,
    }
}

impl Operation for Mul {
    fn kind(&self) -> &'static str {
        "Mul"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        match inputs {
            [a, b] if repeats(a, b).is_some() => Ok(a.to_vec()),
            _ => Err(Refusal::Inputs(
                "two inputs of the same shape, or [C, H, W] and one number a channel".to_owned(),
            )),
        }
    }

    fn in_place(&self) -> bool {
        true
    }

    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        let factors = job.input(1);
        let repeat = numel(job.output_shape) / numel(job.input_shape(1));
        for (values, factor) in out.chunks_exact_mut(repeat).zip(factors) {
            values.iter_mut().for_each(|value| *value *= factor);
        }
    }

    fn lower(&self, inputs: &[&[usize]], output: &[usize], _: &[&Tensor]) -> Lowered {
        let count = numel(output);
        let spread = |shape: &&[usize]| match numel(shape) {
            length if length == count => Operator::identity(count),
            length => Operator::matrix(RepeatMap::new(length, count / length.max(1))),
        };
        match inputs {
            [a, b] => Lowered::Product([spread(a), spread(b)]),
            _ => Lowered::Product([Operator::identity(count), Operator::identity(count)]),
        }
    }
}
