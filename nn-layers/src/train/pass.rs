//! Layers forwards and backwards over an algebra.
//!
//! Inside of training, values with channels lie channel by channel, `[C, N, H · W]`, so that a convolution is one product
//! for all images of a shard; vectors lie image by image, `[N, F]`.

mod activation;
mod add;
mod avg_pool2d;
mod conv2d;
mod dropout;
mod flatten;
mod linear;

use he_traits::Result;
use he_traits::algebra::{Algebra, Gather};

use crate::error::{Error, Result as NetworkResult};
use crate::graph::Node;
use crate::layers::{Activation, Layer};
use crate::tensor::numel;

/// What a layer's backward pass returns.
pub(super) struct Gradients<T> {
    /// One an input, `None` where it was not asked for.
    pub(super) inputs: Vec<Option<T>>,
    /// One a parameter.
    pub(super) parameters: Vec<T>,
}

/// Values around a layer, as its backward pass sees them.
pub(super) struct Seen<'a, T> {
    /// Values of the inputs.
    pub(super) inputs: &'a [&'a T],
    /// Value of the output.
    pub(super) output: &'a T,
    /// What the forward pass kept.
    pub(super) kept: Option<&'a T>,
    /// Parameters.
    pub(super) parameters: &'a [T],
    /// Whether the gradient of the inputs is wanted.
    pub(super) wants_inputs: bool,
}

/// Tells what a layer draws at random for some images from what it draws at any other time.
#[derive(Clone, Copy)]
pub(super) struct Draw {
    /// The training's seed.
    pub(super) seed: u64,
    /// Epochs done before.
    pub(super) epoch: usize,
    /// The first of the images, as a number of the data set.
    pub(super) sample: usize,
}

/// A layer prepared for a number of images.
pub(super) trait Pass<A: Algebra>: Send + Sync {
    /// The output, and what the backward pass wants to see again besides inputs and output.
    fn forward(
        &self,
        algebra: &A,
        inputs: &[&A::Tensor],
        parameters: &[A::Tensor],
    ) -> Result<(A::Tensor, Option<A::Tensor>)>;

    /// As [`Pass::forward`], of a layer that in training does something else.
    fn forward_in_training(
        &self,
        algebra: &A,
        inputs: &[&A::Tensor],
        parameters: &[A::Tensor],
        _draw: Draw,
    ) -> Result<(A::Tensor, Option<A::Tensor>)> {
        self.forward(algebra, inputs, parameters)
    }

    /// Gradients of inputs and parameters from that of the output.
    fn backward(
        &self,
        algebra: &A,
        seen: &Seen<'_, A::Tensor>,
        gradient: &A::Tensor,
    ) -> Result<Gradients<A::Tensor>>;
}

/// The pass of a node for `images` images; `None` for the network's input.
pub(super) fn pass_of<A: Algebra>(
    node: &Node,
    input_shapes: &[&[usize]],
    images: usize,
) -> NetworkResult<Option<Box<dyn Pass<A>>>> {
    let input = input_shapes.first().copied().unwrap_or(&[]);
    let refused = |reason: &str| Error::NotTrainable {
        node: node.name().to_owned(),
        layer: node.layer().kind(),
        reason: reason.to_owned(),
    };
    Ok(Some(match node.layer() {
        Layer::Input(_) => return Ok(None),
        Layer::Conv2d(layer) => Box::new(conv2d::Conv2dPass::new(layer, input, node.shape(), images)?),
        Layer::Linear(layer) => Box::new(linear::LinearPass { layer: *layer, images }),
        Layer::AvgPool2d(layer) => {
            Box::new(avg_pool2d::AvgPool2dPass::new(layer, input, node.shape(), images)?)
        }
        Layer::Flatten(_) => Box::new(flatten::FlattenPass::new(input, images)?),
        Layer::Add(_) => Box::new(add::AddPass),
        Layer::Dropout(layer) => Box::new(dropout::DropoutPass { rate: layer.rate, node: node.id().index() }),
        Layer::Activation(Activation::Polynomial(_)) => {
            return Err(refused("train with the function itself, then fit the polynomial to its ranges"));
        }
        Layer::Activation(activation) => match activation::ActivationPass::new(activation) {
            Some(pass) => Box::new(pass),
            None => return Err(refused("no derivative is known for it")),
        },
        _ => return Err(refused("no backward pass is written for it")),
    }))
}

/// The gather that turns the images `order` of a tensor of `samples` images (image by image) into the layout of training.
pub(super) fn batch(shape: &[usize], samples: usize, order: &[usize]) -> Result<Gather> {
    let image = numel(shape);
    let (channels, map) = channels_of(shape);
    let mut indices = Vec::with_capacity(order.len() * image);
    for channel in 0..channels {
        for sample in order {
            let first = sample * image + channel * map;
            indices.extend((first..first + map).map(index_of));
        }
    }
    Gather::new(1, samples * image, indices)
}

/// Channels, and values of one channel of one image; a vector counts as one channel.
pub(super) fn channels_of(shape: &[usize]) -> (usize, usize) {
    match shape {
        [_] | [] => (1, numel(shape)),
        [channels, map @ ..] => (*channels, numel(map)),
    }
}

/// An index as a gather takes it; one that is too large becomes one that the gather refuses or reads as zero, never another.
pub(super) fn index_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(Gather::ZERO)
}
