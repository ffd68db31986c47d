//! The residual networks of Latent-HE (Kim et al.) on latent images of chest X-rays: their structure, without squeeze-and-excitation.

use nn_layers::{
    Add, AvgPool2d, BatchNorm, Conv2d, Flatten, LearnedPolynomial, Linear, Network, NetworkBuilder, NodeId,
    Result,
};

/// Classes of the chest X-rays.
const CLASSES: usize = 14;

/// ResNet-20, 32, 44 or 56 (3, 5, 7 or 9 blocks a stage) on latent images of `[4, 32, 32]`. A learned polynomial follows the stem and the
/// first convolution of each block, and none the addition: convolutions of neighbouring blocks can compose.
///
/// # Errors
/// The shape checks'; none for these figures.
pub fn network(blocks: usize) -> Result<Network> {
    let mut n = Network::builder(format!("resnet-{}", 6 * blocks + 2), &[4, 32, 32]);
    let mut x = normalised(&mut n, "stem", Conv2d::new(4, 16, 3).padding(1), None);
    x = n.layer_on("stem.act", LearnedPolynomial::shared(), &[x]);
    let mut channels = 16;
    for (stage, width) in [16, 32, 64].into_iter().enumerate() {
        for index in 0..blocks {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            x = block(&mut n, &format!("stage{}.{index}", stage + 1), x, [channels, width], stride);
            channels = width;
        }
    }
    n.layer_on("pool", AvgPool2d::new(8), &[x]);
    n.layer("flatten", Flatten);
    n.layer("fc", Linear::new(64, CLASSES));
    n.build()
}

fn block(n: &mut NetworkBuilder, name: &str, x: NodeId, [ins, outs]: [usize; 2], stride: usize) -> NodeId {
    let first = Conv2d::new(ins, outs, 3).padding(1).stride(stride);
    normalised(n, &format!("{name}.conv1"), first, Some(x));
    n.layer(&format!("{name}.act"), LearnedPolynomial::shared());
    let body = normalised(n, &format!("{name}.conv2"), Conv2d::new(outs, outs, 3).padding(1), None);
    let skip = match stride {
        1 => x,
        _ => normalised(n, &format!("{name}.shortcut"), Conv2d::new(ins, outs, 1).stride(stride), Some(x)),
    };
    n.layer_on(&format!("{name}.add"), Add, &[body, skip])
}

/// A convolution without bias and its normalisation, behind `input` or the last node.
fn normalised(n: &mut NetworkBuilder, name: &str, conv: Conv2d, input: Option<NodeId>) -> NodeId {
    let conv = conv.without_bias();
    match input {
        Some(input) => n.layer_on(name, conv, &[input]),
        None => n.layer(name, conv),
    };
    n.layer(&format!("{name}.norm"), BatchNorm::new(conv.out_channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts_are_the_papers() {
        for (blocks, name, count) in [
            (3, "resnet-20", 272_908),
            (5, "resnet-32", 467_358),
            (7, "resnet-44", 661_808),
            (9, "resnet-56", 856_258),
        ] {
            let network = network(blocks).unwrap();
            assert_eq!(network.name(), name);
            assert_eq!(network.parameter_count(), count, "{name}");
            assert_eq!(network.output_shape(), [14]);
        }
    }
}
