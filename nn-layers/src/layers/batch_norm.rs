//! Batch normalisation of a trained network.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernel: every range follows from shapes checked with the graph"
)]

use super::{Operation, Parameter, Refusal, one_input};
use crate::clear::Job;
use crate::lower::{Lowered, Operator};
use crate::tensor::{Tensor, numel};

/// PyTorch's `BatchNorm1d` and `BatchNorm2d` in evaluation: `y = (x - running_mean) / sqrt(running_var + eps) · weight + bias`, one
/// set of figures a channel. Folding puts it into the layer before or behind: it costs nothing.
///
/// # Shapes
/// Input and output `[features]`, `[features, L]` or `[features, H, W]`; every parameter `[features]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    /// Channels.
    pub features: usize,
    /// Added to the variance; PyTorch's default is 1e-5.
    pub eps: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
}

impl BatchNorm {
    /// With PyTorch's defaults: eps 1e-5, weight and bias.
    pub fn new(features: usize) -> BatchNorm {
        BatchNorm { features, eps: 1e-5, affine: true }
    }

    /// The same layer with that number added to the variance.
    pub fn eps(self, eps: f64) -> BatchNorm {
        BatchNorm { eps, ..self }
    }

    /// The same layer without weight and bias.
    pub fn without_affine(self) -> BatchNorm {
        BatchNorm { affine: false, ..self }
    }

    /// Factor and addend of a channel; `parameter` gives the values in the order of [`Operation::parameters`].
    fn channel<'a>(&self, channel: usize, parameter: impl Fn(usize) -> Option<&'a [f64]>) -> (f64, f64) {
        let first = if self.affine { 2 } else { 0 };
        let at = |index: usize, default: f64| {
            parameter(index).and_then(|values| values.get(channel)).copied().unwrap_or(default)
        };
        let factor = if self.affine { at(0, 1.0) } else { 1.0 } / (at(first + 1, 1.0) + self.eps).sqrt();
        let bias = if self.affine { at(1, 0.0) } else { 0.0 };
        (factor, bias - at(first, 0.0) * factor)
    }
}

impl Operation for BatchNorm {
    fn kind(&self) -> &'static str {
        "BatchNorm"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        if !(self.eps >= 0.0 && self.eps.is_finite()) {
            return Err(Refusal::Figures(format!(
                "eps must be a finite number of at least 0, got {}",
                self.eps
            )));
        }
        let wanted = format!("[{0}], [{0}, length] or [{0}, height, width]", self.features);
        match one_input(inputs, &wanted)? {
            shape @ [features, ..] if *features == self.features && shape.len() <= 3 => Ok(shape.to_vec()),
            _ => Err(Refusal::Inputs(wanted)),
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        let names: &[&'static str] = match self.affine {
            true => &["weight", "bias", "running_mean", "running_var"],
            false => &["running_mean", "running_var"],
        };
        names.iter().map(|name| Parameter { name, shape: vec![self.features] }).collect()
    }

    fn in_place(&self) -> bool {
        true
    }

    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        let plane = numel(job.output_shape) / self.features;
        for image in out.chunks_exact_mut(plane * self.features) {
            for (channel, values) in image.chunks_exact_mut(plane).enumerate() {
                let (factor, addend) = self.channel(channel, |index| job.parameter(index));
                values.iter_mut().for_each(|value| *value = *value * factor + addend);
            }
        }
    }

    fn lower(&self, _: &[&[usize]], output: &[usize], parameters: &[&Tensor]) -> Lowered {
        let plane = numel(output) / self.features.max(1);
        let of = |channel| self.channel(channel, |index| parameters.get(index).map(|tensor| tensor.data()));
        let (factors, addends): (Vec<f64>, Vec<f64>) = (0..self.features).map(of).unzip();
        let bias = (0..numel(output)).map(|element| addends[element / plane]).collect();
        Lowered::affine(Operator::diagonal(&factors, plane), Some(bias))
    }
}
