//! The networks of Latent-HE (Kim et al.): chest X-rays, as latent images of an autoencoder, to fourteen findings.
//!
//! The structures follow the authors' public definitions. Activations are learned polynomials of degree 2 (*polyact*); each network comes
//! with or without squeeze-and-excitation, whose sigmoid is a learned cubic.

mod entries;
pub mod hefnet;
pub mod lenet;
pub mod resnet;
mod trained;
pub mod vgg;

pub use entries::{
    HEFNET, HEFNET_SE, LENET_SE, RESNET_20_SE, RESNET_32, RESNET_32_SE, RESNET_44, RESNET_44_SE, RESNET_56,
    RESNET_56_SE, VGG, VGG_SE,
};
pub use trained::{LENET, RESNET_20};

use nn_layers::{
    BatchNorm, Conv2d, LearnedCubic, LearnedPolynomial, NetworkBuilder, NodeId, SqueezeExcitation,
};

/// Findings of the chest X-rays.
pub const CLASSES: usize = 14;

/// Channels, height and width of the latent images for which the paper prints parameter counts: a reduction by 8.
pub const LATENT: [usize; 3] = [4, 32, 32];

/// Latent images of 256 x 256 pixels after a reduction by 2, 4, 8 and 16.
pub const LATENTS: [[usize; 3]; 4] = [[2, 128, 128], [3, 64, 64], LATENT, [8, 16, 16]];

/// What a network is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Channels, height and width of the input.
    pub input: [usize; 3],
    /// Squeeze-and-excitation, with that gate.
    pub excitation: Option<Gate>,
}

impl Variant {
    /// On images of 4 x 32 x 32, without squeeze-and-excitation.
    pub const PLAIN: Variant = Variant { input: LATENT, excitation: None };
    /// On images of 4 x 32 x 32, with squeeze-and-excitation as in the public definitions.
    pub const EXCITED: Variant = Variant { input: LATENT, excitation: Some(Gate::Odd) };

    /// The network's name, with `-se` where it has squeeze-and-excitation.
    fn name(&self, base: &str) -> String {
        if self.excitation.is_some() { format!("{base}-se") } else { base.to_owned() }
    }

    /// Adds squeeze-and-excitation behind `input`, where the variant has it: reduction by 16, a learned polynomial between the layers.
    fn excite(&self, n: &mut NetworkBuilder, name: &str, input: NodeId, channels: usize) -> NodeId {
        let Some(gate) = self.excitation else { return input };
        SqueezeExcitation::new(channels, 16)
            .activation(LearnedPolynomial::shared())
            .gate(gate.layer())
            .add_to(n, name, input)
    }
}

/// The cubic in a sigmoid's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Without a term of degree 2: the public definitions, and the parameter counts of the paper.
    Odd,
    /// With it: the paper's equation 5.
    Full,
}

impl Gate {
    fn layer(self) -> LearnedCubic {
        match self {
            Gate::Odd => LearnedCubic::odd(),
            Gate::Full => LearnedCubic::full(),
        }
    }
}

/// A convolution and its normalisation behind `input`.
fn normalised(n: &mut NetworkBuilder, name: &str, conv: Conv2d, input: NodeId) -> NodeId {
    n.layer_on(name, conv, &[input]);
    n.layer(&format!("{name}.norm"), BatchNorm::new(conv.out_channels))
}

/// Activations that all share one polynomial.
#[derive(Default)]
struct OnePolynomial(Option<NodeId>);

impl OnePolynomial {
    /// One more activation, behind the last node.
    fn layer(&mut self, n: &mut NetworkBuilder, name: &str) -> NodeId {
        match self.0 {
            Some(first) => n.tied(name, LearnedPolynomial::shared(), first),
            None => *self.0.insert(n.layer(name, LearnedPolynomial::shared())),
        }
    }
}

#[cfg(test)]
mod tests;
