//! Two-dimensional mean pooling.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernel: every range follows from shapes checked with the graph"
)]

use super::window::Window;
use super::{Operation, Refusal, image_shape, one_input};
use crate::clear::Job;
use crate::lower::{Lowered, Operator, WindowMap};
use crate::tensor::Tensor;

/// PyTorch's `AvgPool2d`: the mean of each window; zeros of the padding count (`count_include_pad`, PyTorch's default).
///
/// # Shapes
/// Input `[C, H, W]`, output `[C, H', W']` with `H' = floor((H + 2 padding - kernel) / stride) + 1`. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool2d {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub stride: [usize; 2],
    /// Zeros at each border, at most half the window.
    pub padding: [usize; 2],
}

impl AvgPool2d {
    /// Square windows side by side.
    pub fn new(kernel: usize) -> AvgPool2d {
        AvgPool2d { kernel: [kernel; 2], stride: [kernel; 2], padding: [0; 2] }
    }

    /// The same layer with that stride both ways.
    pub fn stride(self, stride: usize) -> AvgPool2d {
        AvgPool2d { stride: [stride; 2], ..self }
    }

    /// The same layer with that many zeros at every border.
    pub fn padding(self, padding: usize) -> AvgPool2d {
        AvgPool2d { padding: [padding; 2], ..self }
    }

    /// The windows along height and width.
    pub(crate) fn windows(&self) -> [Window; 2] {
        [0, 1].map(|axis| Window {
            kernel: self.kernel[axis],
            stride: self.stride[axis],
            padding: self.padding[axis],
            dilation: 1,
        })
    }
}

impl Operation for AvgPool2d {
    fn kind(&self) -> &'static str {
        "AvgPool2d"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        if self.padding.iter().zip(&self.kernel).any(|(padding, kernel)| *padding > kernel / 2) {
            return Err(Refusal::Figures(format!(
                "padding {:?} is more than half the window {:?}",
                self.padding, self.kernel
            )));
        }
        let wanted = "[channels, height, width]";
        let [vertical, horizontal] = self.windows();
        match one_input(inputs, wanted)? {
            [channels, height, width] => {
                Ok(vec![*channels, vertical.outputs(*height)?, horizontal.outputs(*width)?])
            }
            _ => Err(Refusal::Inputs(wanted.to_owned())),
        }
    }

    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        let (input_shape, output_shape) = (job.input_shape(0), job.output_shape);
        let (height, width) = (input_shape[1], input_shape[2]);
        let (out_height, out_width) = (output_shape[1], output_shape[2]);
        let [vertical, horizontal] = self.windows();
        let share = 1.0 / (self.kernel[0] * self.kernel[1]) as f64;
        let maps = out.chunks_exact_mut(out_height * out_width);
        for (channel, map) in job.input(0).chunks_exact(height * width).zip(maps) {
            map.fill(0.0);
            for tap_y in 0..vertical.kernel {
                let (top, bottom, first_y) = vertical.inside(tap_y, height, out_height);
                for (step, line) in map.chunks_exact_mut(out_width).take(bottom).skip(top).enumerate() {
                    let source = &channel[(first_y + step * vertical.stride) * width..][..width];
                    add_taps(horizontal, source, line);
                }
            }
            map.iter_mut().for_each(|sum| *sum *= share);
        }
    }

    fn lower(&self, inputs: &[&[usize]], output: &[usize], _: &[&Tensor]) -> Lowered {
        let input = image_shape(inputs.first().unwrap_or(&&[][..]));
        let share = 1.0 / (self.kernel[0] * self.kernel[1]) as f64;
        let map = WindowMap::pooling(input, image_shape(output), self.windows(), share);
        Lowered::affine(Operator::window(map), None)
    }
}

/// Adds to every output of a line the values that its window covers in one line of the image.
fn add_taps(window: Window, source: &[f64], line: &mut [f64]) {
    if window.kernel == 2 && window.stride == 2 && window.padding == 0 {
        line.iter_mut().zip(source.chunks_exact(2)).for_each(|(sum, pair)| *sum += pair[0] + pair[1]);
        return;
    }
    let outputs = line.len();
    for tap in 0..window.kernel {
        let (left, right, first) = window.inside(tap, source.len(), outputs);
        let covered = source[first.min(source.len())..].iter().step_by(window.stride);
        line[left..right].iter_mut().zip(covered).for_each(|(sum, value)| *sum += value);
    }
}
