//! Two-dimensional convolution.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernel: every range follows from shapes checked with the graph"
)]

use super::window::Window;
use super::{Operation, Parameter, Refusal, image_shape, one_input};
use crate::clear::direct::Direct;
use crate::clear::matmul::{Matrix, MatrixMut, multiply_add};
use crate::clear::{Job, Parallelism};
use crate::lower::{Lowered, Operator, WindowMap};
use crate::tensor::Tensor;
use crate::tensor::numel;

/// PyTorch's `Conv2d` (a cross-correlation, as there): zero padding, stride, dilation, groups.
///
/// # Shapes
/// Input `[in_channels, H, W]`, output `[out_channels, H', W']` with
/// `H' = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`; `weight` `[out_channels, in_channels / groups, kernel
/// height, kernel width]`, `bias` `[out_channels]`. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub stride: [usize; 2],
    /// Zeros at each border.
    pub padding: [usize; 2],
    /// Step between the taps of the kernel.
    pub dilation: [usize; 2],
    /// Number of independent groups of channels.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Conv2d {
    /// A square kernel, stride 1, no padding, with bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize) -> Conv2d {
        Conv2d {
            in_channels,
            out_channels,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
            bias: true,
        }
    }

    /// The same layer with that stride both ways.
    pub fn stride(self, stride: usize) -> Conv2d {
        Conv2d { stride: [stride; 2], ..self }
    }

    /// The same layer with that many zeros at every border.
    pub fn padding(self, padding: usize) -> Conv2d {
        Conv2d { padding: [padding; 2], ..self }
    }

    /// The same layer with that dilation both ways.
    pub fn dilation(self, dilation: usize) -> Conv2d {
        Conv2d { dilation: [dilation; 2], ..self }
    }

    /// The same layer with that many groups of channels.
    pub fn groups(self, groups: usize) -> Conv2d {
        Conv2d { groups, ..self }
    }

    /// The same layer without a bias.
    pub fn without_bias(self) -> Conv2d {
        Conv2d { bias: false, ..self }
    }

    /// The windows along height and width.
    pub(crate) fn windows(&self) -> [Window; 2] {
        [0, 1].map(|axis| Window {
            kernel: self.kernel[axis],
            stride: self.stride[axis],
            padding: self.padding[axis],
            dilation: self.dilation[axis],
        })
    }

    /// Whether the image itself is its matrix of windows.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }
}

impl Operation for Conv2d {
    fn kind(&self) -> &'static str {
        "Conv2d"
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
        let [vertical, horizontal] = self.windows();
        match one_input(inputs, &wanted)? {
            [channels, height, width] if *channels == self.in_channels => {
                Ok(vec![self.out_channels, vertical.outputs(*height)?, horizontal.outputs(*width)?])
            }
            _ => Err(Refusal::Inputs(wanted)),
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        let [height, width] = self.kernel;
        let shape = vec![self.out_channels, self.in_channels / self.groups.max(1), height, width];
        let mut parameters = vec![Parameter { name: "weight", shape }];
        if self.bias {
            parameters.push(Parameter { name: "bias", shape: vec![self.out_channels] });
        }
        parameters
    }

    /// One matrix product an image and group, weights times the matrix of windows, or the kernel that spares that matrix.
    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        let (input_shape, output_shape) = (job.input_shape(0), job.output_shape);
        let (image, map) = (input_shape[1] * input_shape[2], output_shape[1] * output_shape[2]);
        let (ins, outs) = (self.in_channels / self.groups, self.out_channels / self.groups);
        let taps = ins * self.kernel[0] * self.kernel[1];
        let weight = job.parameter(0).unwrap_or(&[]);
        let bias = job.parameter(1);
        if let Parallelism::None = job.parallelism
            && let Some(direct) = Direct::new(
                self.windows(),
                [ins, input_shape[1], input_shape[2]],
                [outs, output_shape[1], output_shape[2]],
            )
        {
            return self.clear_directly(&direct, job, out);
        }
        let images = job.input(0).chunks_exact(self.in_channels * image);
        for (input, output) in images.zip(out.chunks_exact_mut(self.out_channels * map)) {
            match bias {
                Some(bias) => output.chunks_exact_mut(map).zip(bias).for_each(|(map, &b)| map.fill(b)),
                None => output.fill(0.0),
            }
            for group in 0..self.groups {
                let input = &input[group * ins * image..][..ins * image];
                let columns = if self.is_pointwise() {
                    input
                } else {
                    job.scratch.resize(taps * map, 0.0);
                    windows_as_columns(self.windows(), input, input_shape, output_shape, job.scratch);
                    &job.scratch[..]
                };
                multiply_add(
                    Matrix::row_major(&weight[group * outs * taps..][..outs * taps], outs, taps),
                    Matrix::row_major(columns, taps, map),
                    MatrixMut::row_major(&mut output[group * outs * map..][..outs * map], outs, map),
                    job.parallelism,
                );
            }
        }
    }

    fn lower(&self, inputs: &[&[usize]], output: &[usize], parameters: &[&Tensor]) -> Lowered {
        let values = |index: usize| parameters.get(index).map(|tensor| tensor.data());
        let (input, output) = (image_shape(inputs.first().unwrap_or(&&[][..])), image_shape(output));
        let weights = values(0).unwrap_or(&[]);
        let map = WindowMap::convolution(input, output, self.windows(), self.groups, weights);
        let each = |bias: &[f64]| bias.iter().flat_map(|b| vec![*b; output[1] * output[2]]).collect();
        Lowered::affine(Operator::window(map), values(1).map(each))
    }
}

impl Conv2d {
    /// Every image and group by the kernel that needs no matrix of windows.
    fn clear_directly(&self, direct: &Direct, job: &mut Job<'_>, out: &mut [f64]) {
        let (weight, bias) = (job.parameter(0).unwrap_or(&[]), job.parameter(1));
        let outs = self.out_channels / self.groups;
        let image = numel(job.input_shape(0)) / self.groups;
        let map = numel(job.output_shape) / self.groups;
        let inputs = job.input(0);
        let (padded_len, packed_len) = (direct.padded_len(), direct.packed_len());
        job.scratch.clear();
        job.scratch.resize(padded_len + packed_len * self.groups, 0.0);
        let (padded, packed) = job.scratch.split_at_mut(padded_len);
        for (weight, packed) in weight.chunks_exact(packed_len).zip(packed.chunks_exact_mut(packed_len)) {
            direct.pack(weight, packed);
        }
        for (index, (input, output)) in inputs.chunks_exact(image).zip(out.chunks_exact_mut(map)).enumerate()
        {
            let group = index % self.groups;
            let packed = &packed[group * packed_len..][..packed_len];
            direct.run(input, padded, packed, bias.map(|bias| &bias[group * outs..][..outs]), output);
        }
    }
}

/// Writes the windows of an image as the columns of a matrix (im2col): row (channel, tap), column (output place).
fn windows_as_columns(
    [vertical, horizontal]: [Window; 2],
    input: &[f64],
    input_shape: &[usize],
    output_shape: &[usize],
    columns: &mut [f64],
) {
    let (height, width) = (input_shape[1], input_shape[2]);
    let (out_height, out_width) = (output_shape[1], output_shape[2]);
    let mut rows = columns.chunks_exact_mut(out_height * out_width);
    for channel in input.chunks_exact(height * width) {
        for tap_y in 0..vertical.kernel {
            let (top, bottom, first_y) = vertical.inside(tap_y, height, out_height);
            for tap_x in 0..horizontal.kernel {
                let Some(row) = rows.next() else { return };
                let (left, right, first_x) = horizontal.inside(tap_x, width, out_width);
                row[..top * out_width].fill(0.0);
                row[bottom * out_width..].fill(0.0);
                for (step, line) in
                    row[top * out_width..bottom * out_width].chunks_exact_mut(out_width).enumerate()
                {
                    let source = &channel[(first_y + step * vertical.stride) * width..][..width];
                    line[..left].fill(0.0);
                    line[right..].fill(0.0);
                    copy_strided(&source[first_x.min(width)..], horizontal.stride, &mut line[left..right]);
                }
            }
        }
    }
}

/// `to[i] = from[i · stride]`.
fn copy_strided(from: &[f64], stride: usize, to: &mut [f64]) {
    if stride == 1 {
        to.copy_from_slice(&from[..to.len()]);
    } else {
        to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, from)| *to = *from);
    }
}
