//! Squeeze-and-excitation: channels weighed by what the whole image shows.

use super::{Activation, AdaptiveAvgPool2d, Flatten, Layer, Linear, Mul};
use crate::graph::{NetworkBuilder, NodeId};

/// The block of Hu, Shen and Sun (2018): `x · gate(fc2(act(fc1(mean of each channel))))`, the two fully connected layers with
/// `channels / reduction` values between them. A composite: it adds nodes named `name.pool`, `name.flatten`, `name.fc1`, `name.act`,
/// `name.fc2`, `name.gate` and `name.scale`.
#[derive(Debug, Clone, PartialEq)]
pub struct SqueezeExcitation {
    /// Channels of the image.
    pub channels: usize,
    /// How many times fewer values lie between the two layers.
    pub reduction: usize,
    /// Between the layers; ReLU in the paper, a learned polynomial under encryption.
    pub activation: Layer,
    /// What makes factors of the second layer's values; a sigmoid in the paper.
    pub gate: Layer,
}

impl SqueezeExcitation {
    /// With ReLU and sigmoid, as in the paper.
    pub fn new(channels: usize, reduction: usize) -> SqueezeExcitation {
        let (activation, gate) = (Activation::Relu.into(), Activation::Sigmoid.into());
        SqueezeExcitation { channels, reduction, activation, gate }
    }

    /// The same block with that activation between the layers.
    pub fn activation(self, activation: impl Into<Layer>) -> SqueezeExcitation {
        SqueezeExcitation { activation: activation.into(), ..self }
    }

    /// The same block with that gate.
    pub fn gate(self, gate: impl Into<Layer>) -> SqueezeExcitation {
        SqueezeExcitation { gate: gate.into(), ..self }
    }

    /// Adds the block's nodes behind `input`; the last of them is the block's result.
    pub fn add_to(&self, builder: &mut NetworkBuilder, name: &str, input: NodeId) -> NodeId {
        let between = (self.channels / self.reduction.max(1)).max(1);
        let at = |part: &str| format!("{name}.{part}");
        builder.layer_on(&at("pool"), AdaptiveAvgPool2d::global(), &[input]);
        builder.layer(&at("flatten"), Flatten);
        builder.layer(&at("fc1"), Linear::new(self.channels, between));
        builder.layer(&at("act"), self.activation.clone());
        builder.layer(&at("fc2"), Linear::new(between, self.channels));
        let gate = builder.layer(&at("gate"), self.gate.clone());
        builder.layer_on(&at("scale"), Mul, &[input, gate])
    }
}
