//! VGG: four convolutions of 3 x 3 with pooling after each, one fully connected layer.

use nn_layers::{AvgPool2d, Conv2d, Flatten, Linear, Network, Result};

use super::{CLASSES, OnePolynomial, Variant};

/// The network: 63,875 parameters on images of 4 x 32 x 32, 72,345 with squeeze-and-excitation, which stands behind the fourth
/// activation. One polynomial serves all activations; nothing has a bias.
///
/// # Errors
/// The shape checks', for images below 16 x 16.
pub fn network(variant: &Variant) -> Result<Network> {
    let [channels, height, width] = variant.input;
    let mut n = Network::builder(variant.name("vgg"), &variant.input);
    let mut polynomial = OnePolynomial::default();
    let stages = [(channels, 32, 1), (32, 64, 8), (64, 128, 8), (128, 256, 8)];
    for (number, (ins, outs, groups)) in (1..).zip(stages) {
        let conv = Conv2d::new(ins, outs, 3).padding(1).groups(groups).without_bias();
        n.layer(&format!("conv{number}"), conv);
        let mut x = polynomial.layer(&mut n, &format!("act{number}"));
        if number == stages.len() {
            x = variant.excite(&mut n, "se", x, outs);
        }
        n.layer_on(&format!("pool{number}"), AvgPool2d::new(2), &[x]);
    }
    n.layer("flatten", Flatten);
    n.layer("fc", Linear::new(256 * (height / 16) * (width / 16), CLASSES).without_bias());
    n.build()
}
