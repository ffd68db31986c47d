//! Residual networks: a stem, three stages of 16, 32 and 64 channels, one fully connected layer.

use nn_layers::{
    AdaptiveAvgPool2d, Add, Conv2d, Flatten, LearnedPolynomial, Linear, Network, NetworkBuilder, NodeId,
    Result,
};

use super::{CLASSES, Variant, normalised};

/// ResNet-20, 32, 44 or 56 (3, 5, 7 or 9 blocks a stage). A learned polynomial follows the stem and the first convolution of each block,
/// and none the addition: convolutions of neighbouring blocks can compose. Squeeze-and-excitation stands behind the second normalisation
/// of each block, before the addition.
///
/// On images of 4 x 32 x 32: 272,908, 467,358, 661,808 or 856,258 parameters; 275,335, 471,403, 667,471 or 863,539 with
/// squeeze-and-excitation.
///
/// # Errors
/// The shape checks'; none for images of 4 x 4 and more.
pub fn network(blocks: usize, variant: &Variant) -> Result<Network> {
    let [inputs, ..] = variant.input;
    let mut n = Network::builder(variant.name(&format!("resnet-{}", 6 * blocks + 2)), &variant.input);
    let image = n.input();
    normalised(&mut n, "stem", Conv2d::new(inputs, 16, 3).padding(1).without_bias(), image);
    let mut x = n.layer("stem.act", LearnedPolynomial::shared());
    let mut channels = 16;
    for (stage, width) in (1..).zip([16, 32, 64]) {
        for index in 0..blocks {
            let stride = if stage > 1 && index == 0 { 2 } else { 1 };
            let name = format!("stage{stage}.{index}");
            x = block(&mut n, variant, &name, x, [channels, width, stride]);
            channels = width;
        }
    }
    n.layer_on("pool", AdaptiveAvgPool2d::global(), &[x]);
    n.layer("flatten", Flatten);
    n.layer("fc", Linear::new(64, CLASSES));
    n.build()
}

fn block(
    n: &mut NetworkBuilder,
    variant: &Variant,
    name: &str,
    x: NodeId,
    [ins, outs, stride]: [usize; 3],
) -> NodeId {
    let first = Conv2d::new(ins, outs, 3).padding(1).stride(stride).without_bias();
    normalised(n, &format!("{name}.conv1"), first, x);
    let active = n.layer(&format!("{name}.act"), LearnedPolynomial::shared());
    let second = Conv2d::new(outs, outs, 3).padding(1).without_bias();
    let body = normalised(n, &format!("{name}.conv2"), second, active);
    let body = variant.excite(n, &format!("{name}.se"), body, outs);
    let skip = match stride {
        1 => x,
        _ => {
            let shortcut = Conv2d::new(ins, outs, 1).stride(stride).without_bias();
            normalised(n, &format!("{name}.shortcut"), shortcut, x)
        }
    };
    n.layer_on(&format!("{name}.add"), Add, &[body, skip])
}
