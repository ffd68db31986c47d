//! Two-dimensional transposed convolution.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernel: every range follows from shapes checked with the graph"
)]

use super::window::Window;
use super::{Operation, Parameter, Refusal, image_shape, one_input};
use crate::clear::Job;
use crate::clear::matmul::{Matrix, MatrixMut, multiply};
use crate::lower::{Lowered, Operator, TransposedWindowMap};
use crate::tensor::{Tensor, numel};

/// PyTorch's `ConvTranspose2d`: the transpose of the convolution with the same figures.
///
/// # Shapes
/// Input `[in_channels, H, W]`, output `[out_channels, H', W']` with
/// `H' = (H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1`; `weight` `[in_channels, out_channels / groups,
/// kernel height, kernel width]`, `bias` `[out_channels]`. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTranspose2d {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Distance in the output between neighbours of the input.
    pub stride: [usize; 2],
    /// Lines that are cut off at each border of the output.
    pub padding: [usize; 2],
    /// Lines that are added at the bottom and at the right, below stride or dilation.
    pub output_padding: [usize; 2],
    /// Step between the taps of the kernel.
    pub dilation: [usize; 2],
    /// Number of independent groups of channels.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl ConvTranspose2d {
    /// A square kernel, stride 1, nothing cut off, with bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize) -> ConvTranspose2d {
        ConvTranspose2d {
            in_channels,
            out_channels,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [0; 2],
            output_padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
            bias: true,
        }
    }

    /// The same layer with that stride both ways.
    pub fn stride(self, stride: usize) -> ConvTranspose2d {
        ConvTranspose2d { stride: [stride; 2], ..self }
    }

    /// The same layer with that many lines cut off at every border.
    pub fn padding(self, padding: usize) -> ConvTranspose2d {
        ConvTranspose2d { padding: [padding; 2], ..self }
    }

    /// The same layer with that many lines added at the bottom and at the right.
    pub fn output_padding(self, output_padding: usize) -> ConvTranspose2d {
        ConvTranspose2d { output_padding: [output_padding; 2], ..self }
    }

    /// The same layer with that dilation both ways.
    pub fn dilation(self, dilation: usize) -> ConvTranspose2d {
        ConvTranspose2d { dilation: [dilation; 2], ..self }
    }

    /// The same layer with that many groups of channels.
    pub fn groups(self, groups: usize) -> ConvTranspose2d {
        ConvTranspose2d { groups, ..self }
    }

    /// The same layer without a bias.
    pub fn without_bias(self) -> ConvTranspose2d {
        ConvTranspose2d { bias: false, ..self }
    }

    /// The windows of the convolution whose transpose this is.
    fn windows(&self) -> [Window; 2] {
        [0, 1].map(|axis| Window {
            kernel: self.kernel[axis],
            stride: self.stride[axis],
            padding: self.padding[axis],
            dilation: self.dilation[axis],
        })
    }

    fn output_length(&self, axis: usize, length: usize) -> Result<usize, Refusal> {
        let Window { kernel, stride, padding, dilation } = self.windows()[axis];
        let added = self.output_padding[axis];
        if kernel == 0 || stride == 0 || dilation == 0 {
            return Err(Refusal::Figures("kernel, stride and dilation must be at least 1".to_owned()));
        }
        if added >= stride.max(dilation) {
            return Err(Refusal::Figures(format!(
                "output padding {added} must be below the larger of stride {stride} and dilation {dilation}"
            )));
        }
        let full = (length.saturating_sub(1).checked_mul(stride))
            .zip(dilation.checked_mul(kernel - 1))
            .and_then(|(steps, span)| steps.checked_add(span)?.checked_add(added)?.checked_add(1));
        full.zip(padding.checked_mul(2))
            .and_then(|(full, cut)| full.checked_sub(cut))
            .filter(|length| *length > 0)
            .ok_or_else(|| {
                Refusal::Figures(format!("padding {padding} leaves nothing of the output of {length} places"))
            })
    }
}

impl Operation for ConvTranspose2d {
    fn kind(&self) -> &'static str {
        "ConvTranspose2d"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        let groups = self.groups;
        if groups == 0
            || !self.in_channels.is_multiple_of(groups)
            || !self.out_channels.is_multiple_of(groups)
        {
            return Err(Refusal::Figures(format!(
                "{groups} groups do not divide {} input and {} output channels",
                self.in_channels, self.out_channels
            )));
        }
        let wanted = format!("[{}, height, width]", self.in_channels);
        match one_input(inputs, &wanted)? {
            [channels, height, width] if *channels == self.in_channels => {
                Ok(vec![self.out_channels, self.output_length(0, *height)?, self.output_length(1, *width)?])
            }
            _ => Err(Refusal::Inputs(wanted)),
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        let [height, width] = self.kernel;
        let shape = vec![self.in_channels, self.out_channels / self.groups.max(1), height, width];
        let mut parameters = vec![Parameter { name: "weight", shape }];
        if self.bias {
            parameters.push(Parameter { name: "bias", shape: vec![self.out_channels] });
        }
        parameters
    }

    /// One matrix product an image and group gives what each place of the input adds to each tap; then the taps are summed up.
    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        let (input_shape, output_shape) = (job.input_shape(0), job.output_shape);
        let (ins, outs) = (self.in_channels / self.groups, self.out_channels / self.groups);
        let (image, map) = (input_shape[1] * input_shape[2], output_shape[1] * output_shape[2]);
        let taps = outs * self.kernel[0] * self.kernel[1];
        let weight = job.parameter(0).unwrap_or(&[]);
        let bias = job.parameter(1);
        let inputs = job.input(0);
        let parallelism = job.parallelism;
        job.scratch.clear();
        job.scratch.resize(taps * image, 0.0);
        let groups = inputs.chunks_exact(ins * image).zip(out.chunks_exact_mut(outs * map));
        for (index, (input, output)) in groups.enumerate() {
            let group = index % self.groups;
            multiply(
                Matrix::row_major(&weight[group * ins * taps..], ins, taps).transposed(),
                Matrix::row_major(input, ins, image),
                0.0,
                MatrixMut::row_major(job.scratch, taps, image),
                parallelism,
            );
            let columns = job.scratch.chunks_exact(image * self.kernel[0] * self.kernel[1]);
            for (channel, (map, columns)) in output.chunks_exact_mut(map).zip(columns).enumerate() {
                map.fill(bias.map_or(0.0, |bias| bias[group * outs + channel]));
                self.add_taps(columns, input_shape, output_shape, map);
            }
        }
    }

    fn lower(&self, inputs: &[&[usize]], output: &[usize], parameters: &[&Tensor]) -> Lowered {
        let values = |index: usize| parameters.get(index).map(|tensor| tensor.data());
        let input = image_shape(inputs.first().unwrap_or(&&[][..]));
        let output = image_shape(output);
        let weights = values(0).unwrap_or(&[]);
        let map = TransposedWindowMap::new(input, output, self.windows(), self.groups, weights);
        let plane = output[1] * output[2];
        let bias = values(1).map(|bias| (0..numel(&output)).map(|element| bias[element / plane]).collect());
        Lowered::affine(Operator::transposed(map), bias)
    }
}

impl ConvTranspose2d {
    /// Adds the rows (tap y, tap x) of `columns`, one number a place of the input, where the taps lie in the output.
    fn add_taps(&self, columns: &[f64], input_shape: &[usize], output_shape: &[usize], map: &mut [f64]) {
        let (height, width) = (input_shape[1], input_shape[2]);
        let (out_height, out_width) = (output_shape[1], output_shape[2]);
        let [vertical, horizontal] = self.windows();
        let mut rows = columns.chunks_exact(height * width);
        for tap_y in 0..vertical.kernel {
            // The convolution whose transpose this is reads the output and writes the input.
            let (top, bottom, first_y) = vertical.inside(tap_y, out_height, height);
            for tap_x in 0..horizontal.kernel {
                let Some(row) = rows.next() else { return };
                let (left, right, first_x) = horizontal.inside(tap_x, out_width, width);
                for (step, line) in row.chunks_exact(width).take(bottom).skip(top).enumerate() {
                    let target = &mut map[(first_y + step * vertical.stride) * out_width..][..out_width];
                    let places = target[first_x.min(out_width)..].iter_mut().step_by(horizontal.stride);
                    places.zip(&line[left..right]).for_each(|(sum, value)| *sum += value);
                }
            }
        }
    }
}
