//! The U-Net of CryptoUNets (Chiang) on electron-microscopy images: its structure, for tiles or whole images.

use nn_layers::{
    Activation, AvgPool2d, Concat, Conv2d, ConvTranspose2d, Network, NetworkBuilder, NodeId, Result,
};

/// The network on images of `[1, height, width]`, both multiples of 4: two levels of mean pooling, squares for activations, logits of the
/// same size. 11,516 parameters, 23 multiplications one after the other before folding.
///
/// # Errors
/// The shape check's, for sides that are no multiples of 4.
pub fn network(height: usize, width: usize) -> Result<Network> {
    let mut n = Network::builder("unet", &[1, height, width]);
    let outer = double(&mut n, "down1", [1, 5]);
    n.layer("pool1", AvgPool2d::new(2));
    let inner = double(&mut n, "down2", [5, 10]);
    n.layer("pool2", AvgPool2d::new(2));
    double(&mut n, "bottom", [10, 20]);
    for (name, skip, channels) in [("up2", inner, 10), ("up1", outer, 5)] {
        let up = n.layer(&format!("{name}.up"), ConvTranspose2d::new(2 * channels, channels, 2).stride(2));
        n.layer_on(&format!("{name}.concat"), Concat, &[skip, up]);
        double(&mut n, name, [2 * channels, channels]);
    }
    n.layer("out", Conv2d::new(5, 1, 1));
    n.build()
}

/// Two convolutions, each with its square.
fn double(n: &mut NetworkBuilder, name: &str, [ins, outs]: [usize; 2]) -> NodeId {
    n.layer(&format!("{name}.conv1"), Conv2d::new(ins, outs, 3).padding(1));
    n.layer(&format!("{name}.act1"), Activation::Square);
    n.layer(&format!("{name}.conv2"), Conv2d::new(outs, outs, 3).padding(1));
    n.layer(&format!("{name}.act2"), Activation::Square)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_is_the_papers() {
        let network = network(128, 128).unwrap();
        assert_eq!(network.parameter_count(), 11_516);
        assert_eq!(network.output_shape(), [1, 128, 128]);
        assert!(super::network(126, 128).is_err());
    }
}
