//! HefNet: four convolutions of 3 x 3 without padding, each normalised, one fully connected layer.

use nn_layers::{AvgPool2d, Conv2d, Flatten, Linear, Network, Result};

use super::{CLASSES, OnePolynomial, Variant, normalised};

/// The network: 138,577 parameters on images of 4 x 32 x 32, 147,047 with squeeze-and-excitation, which stands before the fourth
/// activation. One polynomial serves all activations.
///
/// # Errors
/// The shape checks', for images below 26 x 26.
pub fn network(variant: &Variant) -> Result<Network> {
    let [channels, height, width] = variant.input;
    let mut n = Network::builder(variant.name("hefnet"), &variant.input);
    let mut polynomial = OnePolynomial::default();
    let mut x = n.input();
    let stages = [(channels, 64, 1, false), (64, 128, 8, true), (128, 256, 8, true), (256, 256, 8, true)];
    for (number, (ins, outs, groups, pools)) in (1..).zip(stages) {
        let conv = normalised(&mut n, &format!("conv{number}"), Conv2d::new(ins, outs, 3).groups(groups), x);
        if number == stages.len() {
            variant.excite(&mut n, "se", conv, outs);
        }
        x = polynomial.layer(&mut n, &format!("act{number}"));
        if pools {
            x = n.layer(&format!("pool{number}"), AvgPool2d::new(2));
        }
    }
    n.layer("flatten", Flatten);
    n.layer("fc", Linear::new(256 * side(height) * side(width), CLASSES));
    n.build()
}

/// Lines or columns that are left of so many.
fn side(of: usize) -> usize {
    let after = |side: usize, convolutions: usize| side.saturating_sub(2 * convolutions) / 2;
    after(after(after(of, 2), 1), 1)
}
