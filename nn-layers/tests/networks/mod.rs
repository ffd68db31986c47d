//! The MORE paper's network that tests and benchmarks share.
#![expect(clippy::expect_used, reason = "the shapes are written down here")]

use nn_layers::{Activation, AvgPool2d, Conv2d, Flatten, Linear, Network};

/// CNN-MNIST (Vizitiu et al. 2020, table 5).
pub(crate) fn cnn_mnist() -> Network {
    let mut n = Network::builder("cnn-mnist", &[1, 28, 28]);
    n.layer("conv1", Conv2d::new(1, 8, 3).padding(1));
    n.layer("act1", Activation::Sigmoid);
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("conv2", Conv2d::new(8, 16, 3).padding(1));
    n.layer("act2", Activation::Sigmoid);
    n.layer("pool2", AvgPool2d::new(2));
    n.layer("flatten", Flatten);
    n.layer("fc1", Linear::new(784, 100));
    n.layer("act3", Activation::Sigmoid);
    n.layer("fc2", Linear::new(100, 10));
    n.build().expect("the shapes fit")
}
