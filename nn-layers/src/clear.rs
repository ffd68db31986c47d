//! The reference executor: a network in the clear, in `f64`, over whole batches.
//!
//! A batch is cut into chunks of images whose values stay in the cache; every thread takes a chunk through all layers with
//! buffers of its own. The cut depends on the network and the batch alone, so results are the same for any number of threads.

pub(crate) mod direct;
mod executor;
pub mod matmul;

pub use executor::Executor;
pub use gemm::Parallelism;

use crate::error::{Error, Result};
use crate::graph::{Network, Node};
use crate::layers::Layer;
use crate::tensor::Tensor;
use crate::weights::Weights;

/// Runs `network` on a batch.
///
/// # Shapes
/// `inputs` is `[N, ..]` with the network's input shape; the result is `[N, ..]` with its output shape.
///
/// # Errors
/// Those of [`Weights::check`]; [`Error::InputShape`] and
/// [`Error::NotFinite`] for the inputs.
pub fn run(network: &Network, weights: &Weights, inputs: &Tensor) -> Result<Tensor> {
    Executor::new(network, weights)?.run(inputs)
}

/// Runs `network` on a batch and shows the value of every node to `observe`, as calibration of activation ranges needs it.
///
/// Memory stays bounded: `observe` sees each node once a chunk of images (`[n, ..]` with n at most N), chunks in order.
///
/// # Errors
/// As [`run`].
pub fn run_observed(
    network: &Network,
    weights: &Weights,
    inputs: &Tensor,
    observe: impl FnMut(&Node, &Tensor),
) -> Result<Tensor> {
    Executor::new(network, weights)?.run_observed(inputs, observe)
}

/// One layer on a batch, with the tensors of its parameters in their order: what a network is made of by itself, as when weights are
/// scaled layer after layer.
///
/// # Shapes
/// `inputs` and the result are `[N, ..]`.
///
/// # Errors
/// [`Error::NodeShape`] or [`Error::BadLayer`] when the layer does not take the inputs;
/// [`Error::TensorShape`] for a parameter of another shape.
pub fn layer(layer: &Layer, inputs: &[&Tensor], parameters: &[&Tensor]) -> Result<Tensor> {
    let batch = inputs.first().map_or(0, |input| input.batch());
    let mut images: Vec<(&[usize], &[f64])> =
        inputs.iter().map(|input| (input.shape().get(1..).unwrap_or(&[]), input.data())).collect();
    let shapes: Vec<&[usize]> = images.iter().map(|(shape, _)| *shape).collect();
    let output_shape = crate::graph::shape_of(layer.kind(), layer, &shapes)?;
    let expected = layer.parameters();
    for (index, parameter) in expected.iter().enumerate() {
        let got = parameters.get(index).map_or(&[][..], |tensor| tensor.shape());
        if got != parameter.shape {
            return Err(Error::TensorShape {
                network: layer.kind().to_owned(),
                tensor: parameter.name.to_owned(),
                expected: parameter.shape.clone(),
                got: got.to_vec(),
            });
        }
    }
    let shape: Vec<usize> = std::iter::once(batch).chain(output_shape.iter().copied()).collect();
    let mut output = match inputs {
        [first, ..] if layer.in_place() => (*first).clone().reshape(&shape)?,
        _ => Tensor::zeros(&shape),
    };
    if let Some((_, data)) = images.first_mut().filter(|_| layer.in_place()) {
        *data = &[];
    }
    let mut job = Job {
        images: batch,
        output_shape: &output_shape,
        parallelism: Parallelism::Rayon(0),
        scratch: &mut Vec::new(),
        inputs: &images,
        parameters,
    };
    layer.clear(&mut job, output.data_mut());
    Ok(output)
}

/// What a layer's clear computation reads: some images of its inputs, its parameters, and room to work in.
pub struct Job<'a> {
    /// Number of images.
    pub images: usize,
    /// Shape of the output, without the batch.
    pub output_shape: &'a [usize],
    /// Threads that matrix products may take.
    pub parallelism: Parallelism,
    /// Room to work in, kept from image to image; holds anything.
    pub scratch: &'a mut Vec<f64>,
    pub(crate) inputs: &'a [(&'a [usize], &'a [f64])],
    pub(crate) parameters: &'a [&'a Tensor],
}

impl<'a> Job<'a> {
    /// Values of an input, image after image; empty where it is already in the output (see
    /// [`Operation::in_place`](crate::layers::Operation::in_place)).
    pub fn input(&self, index: usize) -> &'a [f64] {
        self.inputs.get(index).map_or(&[], |(_, data)| data)
    }

    /// Number of inputs.
    pub fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// Shape of an input, without the batch.
    pub fn input_shape(&self, index: usize) -> &'a [usize] {
        self.inputs.get(index).map_or(&[], |(shape, _)| shape)
    }

    /// Values of a parameter, in the order of [`Operation::parameters`](crate::layers::Operation::parameters).
    pub fn parameter(&self, index: usize) -> Option<&'a [f64]> {
        self.parameters.get(index).map(|tensor| tensor.data())
    }
}
