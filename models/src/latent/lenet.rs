//! LeNet: three convolutions of 5 x 5 without padding, two fully connected layers.

use nn_layers::{AdaptiveAvgPool2d, AvgPool2d, Conv2d, Flatten, LearnedPolynomial, Linear, Network, Result};

use super::{CLASSES, Variant};

/// The network: 230,202 parameters on images of 4 x 32 x 32, 232,392 with squeeze-and-excitation, which stands before the third
/// activation. Each activation has a polynomial of its own.
///
/// # Errors
/// The shape checks', for images below 32 x 32.
pub fn network(variant: &Variant) -> Result<Network> {
    let [channels, ..] = variant.input;
    let mut n = Network::builder(variant.name("lenet"), &variant.input);
    n.layer("conv1", Conv2d::new(channels, 32, 5));
    n.layer("act1", LearnedPolynomial::shared());
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("conv2", Conv2d::new(32, 64, 5).groups(4));
    n.layer("act2", LearnedPolynomial::shared());
    n.layer("pool2", AvgPool2d::new(2));
    let conv3 = n.layer("conv3", Conv2d::new(64, 128, 5));
    let excited = variant.excite(&mut n, "se", conv3, 128);
    n.layer_on("act3", LearnedPolynomial::shared(), &[excited]);
    n.layer("pool3", AdaptiveAvgPool2d::global());
    n.layer("flatten", Flatten);
    n.layer("fc1", Linear::new(128, 64));
    n.layer("act4", LearnedPolynomial::shared());
    n.layer("fc2", Linear::new(64, CLASSES));
    n.build()
}
