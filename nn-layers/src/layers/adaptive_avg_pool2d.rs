//! Mean pooling to a given size.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernel: every range follows from shapes checked with the graph"
)]

use super::{Operation, Refusal, image_shape, one_input};
use crate::clear::Job;
use crate::lower::{Lowered, Operator, RegionMap};
use crate::tensor::Tensor;

/// PyTorch's `AdaptiveAvgPool2d`: output place `i` of `n` over a side of length `L` is the mean of the places from
/// `floor(i L / n)` up to `ceil((i + 1) L / n)`.
///
/// # Shapes
/// Input `[C, H, W]`, output `[C, H', W']` with the sizes given. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptiveAvgPool2d {
    /// Height and width of the output.
    pub output: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// A square output.
    pub fn new(size: usize) -> AdaptiveAvgPool2d {
        AdaptiveAvgPool2d { output: [size; 2] }
    }

    /// The mean of each channel, as `[C, 1, 1]`.
    pub fn global() -> AdaptiveAvgPool2d {
        AdaptiveAvgPool2d::new(1)
    }
}

/// The places `from..to` of a side of length `length` that output `index` of `outputs` covers.
pub(crate) fn region(index: usize, outputs: usize, length: usize) -> (usize, usize) {
    (index * length / outputs, ((index + 1) * length).div_ceil(outputs))
}

impl Operation for AdaptiveAvgPool2d {
    fn kind(&self) -> &'static str {
        "AdaptiveAvgPool2d"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        let wanted = "[channels, height, width]";
        let [out_height, out_width] = self.output;
        match one_input(inputs, wanted)? {
            [_, height, width] if height.max(width).checked_mul(out_height.max(out_width)).is_none() => {
                Err(Refusal::Figures(format!("an output of {:?} is too large to count", self.output)))
            }
            [channels, ..] if inputs.first().is_some_and(|shape| shape.len() == 3) => {
                Ok(vec![*channels, out_height, out_width])
            }
            _ => Err(Refusal::Inputs(wanted.to_owned())),
        }
    }

    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        let (height, width) = (job.input_shape(0)[1], job.input_shape(0)[2]);
        let [out_height, out_width] = self.output;
        let maps = out.chunks_exact_mut(out_height * out_width);
        for (channel, map) in job.input(0).chunks_exact(height * width).zip(maps) {
            for (place, value) in map.iter_mut().enumerate() {
                let (top, bottom) = region(place / out_width, out_height, height);
                let (left, right) = region(place % out_width, out_width, width);
                let lines = channel[top * width..bottom * width].chunks_exact(width);
                let sum: f64 = lines.flat_map(|line| &line[left..right]).sum();
                *value = sum / ((bottom - top) * (right - left)) as f64;
            }
        }
    }

    fn lower(&self, inputs: &[&[usize]], _: &[usize], _: &[&Tensor]) -> Lowered {
        let input = image_shape(inputs.first().unwrap_or(&&[][..]));
        Lowered::affine(Operator::matrix(RegionMap::new(input, self.output)), None)
    }
}
