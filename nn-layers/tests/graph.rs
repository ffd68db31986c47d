//! Graph building: shapes, order, parameters, and the texts of the errors.
#![expect(clippy::unwrap_used, reason = "helpers of tests over data made here")]

mod networks;

use networks::cnn_mnist;
use nn_layers::{
    Activation, Add, AvgPool2d, Chebyshev, Conv2d, Flatten, Input, Linear, Network, NetworkBuilder, Tensor,
    Weights,
};

fn error_of(shape: &[usize], build: impl FnOnce(&mut NetworkBuilder)) -> String {
    let mut n = Network::builder("net", shape);
    build(&mut n);
    n.build().unwrap_err().to_string()
}

#[test]
fn shapes_and_parameters_of_a_real_network() {
    let network = cnn_mnist();
    assert_eq!(network.parameter_count(), 80_758);
    assert_eq!(network.output_shape(), [10]);
    assert_eq!(network.find("pool2").unwrap().shape(), [16, 7, 7]);
    let parameters: Vec<_> = network.parameters().collect();
    assert_eq!(parameters[0], ("conv1.weight".to_owned(), vec![8, 1, 3, 3]));
    assert_eq!(parameters[7], ("fc2.bias".to_owned(), vec![10]));
}

#[test]
fn nodes_come_after_what_they_read() {
    let mut n = Network::builder("branches", &[3, 4, 4]);
    let x = n.input();
    let left = n.layer_on("left", Conv2d::new(3, 3, 3).padding(1), &[x]);
    let right = n.layer_on("right", Conv2d::new(3, 3, 1), &[x]);
    let sum = n.layer_on("sum", Add, &[left, right]);
    let network = n.build().unwrap();
    for node in network.nodes() {
        assert!(node.inputs().iter().all(|input| *input < node.id()));
        assert_eq!(network.node(node.id()), Some(node));
    }
    assert_eq!(network.output(), sum);
    assert_eq!(network.readers(x).map(|node| node.name()).collect::<Vec<_>>(), ["left", "right"]);
}

#[test]
fn shape_errors_name_node_wanted_and_got() {
    let wrong_channels = error_of(&[1, 28, 28], |n| {
        n.layer("conv1", Conv2d::new(1, 8, 3));
        n.layer("conv2", Conv2d::new(16, 8, 3));
        n.layer("never looked at", Linear::new(1, 1));
    });
    assert_eq!(wrong_channels, "conv2 (Conv2d): expected [16, height, width], got [[8, 26, 26]]");
    let not_flat = error_of(&[1, 4, 4], |n| {
        n.layer("fc1", Linear::new(16, 2));
    });
    assert_eq!(not_flat, "fc1 (Linear): expected [16], got [[1, 4, 4]]");
    let unequal = error_of(&[4], |n| {
        let x = n.input();
        let y = n.layer("fc1", Linear::new(4, 3));
        n.layer_on("add", Add, &[x, y]);
    });
    assert_eq!(unequal, "add (Add): expected two inputs of the same shape, got [[4], [3]]");
    let too_large = error_of(&[1, 4, 4], |n| {
        n.layer("conv1", Conv2d::new(1, 1, 7).padding(1));
    });
    assert_eq!(
        too_large,
        "conv1 (Conv2d): a window of 7 does not fit into 6 (4 and 1 of padding at each end)"
    );
    let flat_pool = error_of(&[16], |n| {
        n.layer("pool1", AvgPool2d::new(2));
    });
    assert_eq!(flat_pool, "pool1 (AvgPool2d): expected [channels, height, width], got [[16]]");
}

#[test]
fn layers_with_impossible_figures_are_refused() {
    let cases: [(&str, nn_layers::Layer); 6] = [
        ("stride", Conv2d::new(2, 2, 1).stride(0).into()),
        ("groups", Conv2d::new(2, 3, 1).groups(2).into()),
        ("padding", AvgPool2d::new(2).padding(2).into()),
        ("too large", Conv2d::new(2, 2, 1).padding(usize::MAX).into()),
        ("empty output", Conv2d::new(2, 0, 1).into()),
        (
            "finite",
            Activation::Polynomial(Chebyshev { interval: [1.0, 1.0], coefficients: vec![1.0] }).into(),
        ),
    ];
    for (word, layer) in cases {
        let text = error_of(&[2, 4, 4], |n| {
            n.layer("bad", layer);
        });
        assert!(text.starts_with("bad (") && text.contains(word), "{text}");
    }
    assert!(error_of(&[2, 0], |_| {}).contains("empty output"));
}

#[test]
fn names_and_references_are_checked() {
    let taken = error_of(&[4], |n| {
        n.layer("a", Flatten);
        n.layer("a", Flatten);
    });
    assert_eq!(taken, "network net: node name \"a\" is used by an earlier node");
    assert!(
        error_of(&[4], |n| {
            n.layer("", Flatten);
        })
        .contains("empty")
    );
    let second = error_of(&[4], |n| {
        n.layer_on("more", Input::new(&[4]), &[]);
    });
    assert_eq!(second, "more (Input): a network has one input, made by its builder");
    let mut larger = Network::builder("larger", &[4]);
    larger.layer("a", Flatten);
    let foreign = larger.layer("b", Flatten);
    let unknown = error_of(&[4], |n| {
        n.layer_on("c", Flatten, &[foreign]);
    });
    assert_eq!(unknown, "network net: c refers to a node that is not in the network (1 nodes so far)");
    assert!(error_of(&[4], |n| n.output(foreign)).contains("the output refers to"));
}

#[test]
fn a_layer_can_be_replaced_by_one_of_the_same_shape() {
    let square = cnn_mnist().with_layer("act1", Activation::Square).unwrap();
    assert_eq!(square.find("act1").unwrap().layer().kind(), "Square");
    let error = cnn_mnist().with_layer("act1", AvgPool2d::new(2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "act1 (AvgPool2d): makes shape [8, 14, 14] where the network has [8, 28, 28]"
    );
    assert!(cnn_mnist().with_layer("act9", Activation::Square).unwrap_err().to_string().contains("act9"));
}

#[test]
fn weights_are_held_against_the_network() {
    let mut n = Network::builder("net", &[2]);
    n.layer("fc1", Linear::new(2, 3));
    let network = n.build().unwrap();
    let mut weights = Weights::new();
    weights.insert("fc1.weight", Tensor::zeros(&[3, 2]));
    assert_eq!(
        weights.check(&network).unwrap_err().to_string(),
        "weights of net: fc1.bias of shape [3] is missing"
    );
    weights.insert("fc1.bias", Tensor::zeros(&[2]));
    assert_eq!(
        weights.check(&network).unwrap_err().to_string(),
        "weights of net: fc1.bias has shape [2], expected [3]"
    );
    weights.insert("fc1.bias", Tensor::new(&[3], vec![0.0, f64::INFINITY, 0.0]).unwrap());
    assert_eq!(
        weights.check(&network).unwrap_err().to_string(),
        "fc1.bias: value 1 is inf, expected finite numbers"
    );
    weights.insert("fc1.bias", Tensor::zeros(&[3]));
    weights.check(&network).unwrap();
    weights.insert("fc2.bias", Tensor::zeros(&[3]));
    assert_eq!(
        weights.check(&network).unwrap_err().to_string(),
        "weights of net: fc2.bias of shape [3] is no parameter of this network"
    );
}
