//! The reference executor: a network in the clear, in `f64`, over whole batches.
//!
//! A batch is cut into chunks of images whose values stay in the cache; every thread takes a chunk through all layers with
//! buffers of its own. The cut depends on the network and the batch alone, so results are the same for any number of threads.

pub(crate) mod direct;
mod executor;
pub mod matmul;

pub use executor::Executor;
pub use gemm::Parallelism;

use crate::error::Result;
use crate::graph::{Network, Node};
use crate::tensor::Tensor;
use crate::weights::Weights;

/// Runs `network` on a batch.
///
/// # Shapes
/// `inputs` is `[N, ..]` with the network's input shape; the result is `[N, ..]` with its output shape.
///
/// # Errors
/// Those of [`Weights::check`]; [`Error::InputShape`](crate::Error::InputShape) and
/// [`Error::NotFinite`](crate::Error::NotFinite) for the inputs.
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
