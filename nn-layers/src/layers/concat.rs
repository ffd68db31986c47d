//! Several values behind one another along the first dimension.
#![expect(
    clippy::indexing_slicing,
    reason = "dense copies: every range follows from shapes checked with the graph"
)]

use super::{Operation, Refusal};
use crate::clear::Job;
use crate::lower::{Lowered, Operator};
use crate::tensor::{Tensor, numel};

/// PyTorch's `cat` along the channels (the features of a vector): a U-Net's skip connections.
///
/// Nothing is copied under encryption: whatever map reads the result acts on each input by itself.
///
/// # Shapes
/// Inputs `[C_i, ..]` that agree beyond the first dimension, output `[sum of C_i, ..]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Concat;

impl Operation for Concat {
    fn kind(&self) -> &'static str {
        "Concat"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        let wanted =
            || Refusal::Inputs("one or more inputs that differ in the first dimension alone".to_owned());
        let [[_, rest @ ..], ..] = inputs else { return Err(wanted()) };
        let mut length = 0_usize;
        for input in inputs {
            match input {
                [first, others @ ..] if others == rest => length = length.saturating_add(*first),
                _ => return Err(wanted()),
            }
        }
        Ok(std::iter::once(length).chain(rest.iter().copied()).collect())
    }

    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        let total = numel(job.output_shape);
        let mut from = 0;
        for index in 0..job.input_count() {
            let length = numel(job.input_shape(index));
            for (image, values) in out.chunks_exact_mut(total).zip(job.input(index).chunks_exact(length)) {
                image[from..from + length].copy_from_slice(values);
            }
            from += length;
        }
    }

    fn lower(&self, inputs: &[&[usize]], output: &[usize], _: &[&Tensor]) -> Lowered {
        let total = numel(output);
        let mut from = 0;
        let maps = inputs.iter().map(|shape| {
            let length = numel(shape);
            let map = Operator::embedding(length, from, total);
            from += length;
            map
        });
        Lowered::Affine { maps: maps.collect(), bias: None }
    }
}
