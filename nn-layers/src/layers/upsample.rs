//! Nearest-neighbour upsampling.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernel: every range follows from shapes checked with the graph"
)]

use super::{Operation, Refusal, image_shape, one_input};
use crate::clear::Job;
use crate::lower::{Lowered, Operator, UpsampleMap};
use crate::tensor::Tensor;

/// PyTorch's `Upsample(mode="nearest")` with whole factors: each value becomes a rectangle of copies.
///
/// # Shapes
/// Input `[C, H, W]`, output `[C, factor H, factor W]`. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upsample {
    /// Copies along height and width.
    pub factor: [usize; 2],
}

impl Upsample {
    /// The same factor both ways.
    pub fn new(factor: usize) -> Upsample {
        Upsample { factor: [factor; 2] }
    }
}

impl Operation for Upsample {
    fn kind(&self) -> &'static str {
        "Upsample"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        let wanted = "[channels, height, width]";
        let [vertical, horizontal] = self.factor;
        match one_input(inputs, wanted)? {
            _ if vertical == 0 || horizontal == 0 => {
                Err(Refusal::Figures("factors must be at least 1".to_owned()))
            }
            [channels, height, width] => {
                Ok(vec![*channels, height.saturating_mul(vertical), width.saturating_mul(horizontal)])
            }
            _ => Err(Refusal::Inputs(wanted.to_owned())),
        }
    }

    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        let width = job.input_shape(0)[2];
        let [vertical, horizontal] = self.factor;
        let out_width = width * horizontal;
        let lines = out.chunks_exact_mut(vertical * out_width);
        for (source, copies) in job.input(0).chunks_exact(width).zip(lines) {
            let (first, others) = copies.split_at_mut(out_width);
            for (value, rectangle) in source.iter().zip(first.chunks_exact_mut(horizontal)) {
                rectangle.fill(*value);
            }
            others.chunks_exact_mut(out_width).for_each(|line| line.copy_from_slice(first));
        }
    }

    fn lower(&self, inputs: &[&[usize]], _: &[usize], _: &[&Tensor]) -> Lowered {
        let input = image_shape(inputs.first().unwrap_or(&&[][..]));
        Lowered::affine(Operator::matrix(UpsampleMap::new(input, self.factor)), None)
    }
}
