//! The clear executor against plain loops, over odd sizes, strides, paddings, dilations, groups and graph shapes.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests over data made here")]

use std::collections::BTreeMap;

use nn_layers::{
    Activation, Add, AvgPool2d, Chebyshev, Conv2d, Flatten, Linear, Network, Tensor, Weights, clear,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let count = shape.iter().product();
    Tensor::new(shape, (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()).unwrap()
}

fn weights_of(network: &Network) -> Weights {
    network.parameters().zip(1..).map(|((name, shape), seed)| (name, random(&shape, seed))).collect()
}

fn assert_close(got: &Tensor, expected: &Tensor) {
    assert_eq!(got.shape(), expected.shape());
    for (index, (a, b)) in got.data().iter().zip(expected.data()).enumerate() {
        assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "value {index}: {a} against {b}");
    }
}

/// Convolution straight from PyTorch's formula, one multiplication at a time.
fn conv_by_loops(layer: &Conv2d, x: &Tensor, weight: &Tensor, bias: &[f64]) -> Tensor {
    let [batch, channels, height, width] = x.shape().try_into().unwrap();
    let size = |axis: usize, length: usize| {
        (length + 2 * layer.padding[axis] - layer.dilation[axis] * (layer.kernel[axis] - 1) - 1)
            / layer.stride[axis]
            + 1
    };
    let (out_height, out_width) = (size(0, height), size(1, width));
    let (ins, outs) = (channels / layer.groups, layer.out_channels / layer.groups);
    let mut y = Vec::new();
    for n in 0..batch {
        for o in 0..layer.out_channels {
            for oy in 0..out_height {
                for ox in 0..out_width {
                    let mut sum = bias.get(o).copied().unwrap_or(0.0);
                    for c in 0..ins {
                        for ky in 0..layer.kernel[0] {
                            for kx in 0..layer.kernel[1] {
                                let iy = (oy * layer.stride[0] + ky * layer.dilation[0]) as isize
                                    - layer.padding[0] as isize;
                                let ix = (ox * layer.stride[1] + kx * layer.dilation[1]) as isize
                                    - layer.padding[1] as isize;
                                if iy < 0 || ix < 0 || iy >= height as isize || ix >= width as isize {
                                    continue;
                                }
                                let channel = (o / outs) * ins + c;
                                let pixel =
                                    ((n * channels + channel) * height + iy as usize) * width + ix as usize;
                                let tap = ((o * ins + c) * layer.kernel[0] + ky) * layer.kernel[1] + kx;
                                sum += x.data()[pixel] * weight.data()[tap];
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
    }
    Tensor::new(&[batch, layer.out_channels, out_height, out_width], y).unwrap()
}

fn pool_by_loops(layer: &AvgPool2d, x: &Tensor) -> Tensor {
    let [_, channels, _, _]: [usize; 4] = x.shape().try_into().unwrap();
    let conv = Conv2d {
        kernel: layer.kernel,
        stride: layer.stride,
        padding: layer.padding,
        groups: channels,
        bias: false,
        ..Conv2d::new(channels, channels, 1)
    };
    let taps = layer.kernel[0] * layer.kernel[1];
    let shape = [channels, 1, layer.kernel[0], layer.kernel[1]];
    conv_by_loops(&conv, x, &Tensor::new(&shape, vec![1.0 / taps as f64; channels * taps]).unwrap(), &[])
}

#[test]
fn convolution_agrees_with_loops() {
    let base = Conv2d::new(2, 4, 3);
    let cases = [
        base,
        base.padding(1),
        base.padding(1).stride(2),
        base.padding(4).stride(3),
        base.padding(2).dilation(2),
        base.groups(2).padding(1),
        base.without_bias(),
        Conv2d::new(2, 4, 1),
        Conv2d::new(2, 4, 1).stride(2),
        Conv2d { kernel: [1, 5], stride: [2, 1], padding: [0, 3], dilation: [1, 2], ..Conv2d::new(2, 4, 3) },
        Conv2d { kernel: [7, 9], ..base },
    ];
    for layer in cases {
        let mut n = Network::builder("conv", &[2, 7, 9]);
        n.layer("conv1", layer);
        let network = n.build().unwrap();
        let weights = weights_of(&network);
        let x = random(&[3, 2, 7, 9], 99);
        let bias = weights.get("conv1.bias").map_or(&[][..], |bias| bias.data());
        let expected = conv_by_loops(&layer, &x, weights.get("conv1.weight").unwrap(), bias);
        assert_eq!(network.output_shape(), &expected.shape()[1..], "{layer:?}");
        assert_close(&clear::run(&network, &weights, &x).unwrap(), &expected);
    }
}

/// Lines that fill whole vectors, or vectors that overlap, take the kernel without a matrix of windows.
#[test]
fn convolution_of_wide_images_agrees_with_loops() {
    let base = Conv2d::new(4, 22, 3).padding(1);
    let layers = [
        base,
        base.dilation(2),
        base.groups(2),
        base.without_bias(),
        Conv2d { padding: [0, 1], stride: [2, 1], ..base },
        Conv2d { kernel: [2, 5], padding: [1, 2], ..base },
        Conv2d::new(4, 1, 1),
        Conv2d::new(4, 7, 1),
    ];
    for width in [14, 15, 16, 24, 28] {
        for layer in layers {
            let mut n = Network::builder("conv", &[4, 6, width]);
            n.layer("conv1", layer);
            let network = n.build().unwrap();
            let weights = weights_of(&network);
            let x = random(&[3, 4, 6, width], 98);
            let bias = weights.get("conv1.bias").map_or(&[][..], |bias| bias.data());
            let expected = conv_by_loops(&layer, &x, weights.get("conv1.weight").unwrap(), bias);
            assert_close(&clear::run(&network, &weights, &x).unwrap(), &expected);
            // One image alone is a matrix product on all threads.
            assert_close(&clear::run(&network, &weights, &x.rows(0, 1)).unwrap(), &expected.rows(0, 1));
        }
    }
}

#[test]
fn mean_pooling_agrees_with_loops() {
    let base = AvgPool2d::new(2);
    let cases = [
        base,
        base.stride(1),
        base.padding(1),
        AvgPool2d::new(3).padding(1),
        AvgPool2d { kernel: [1, 4], stride: [2, 3], padding: [0, 2] },
        AvgPool2d { kernel: [7, 9], stride: [1, 1], padding: [0, 0] },
    ];
    for layer in cases {
        let mut n = Network::builder("pool", &[2, 7, 9]);
        n.layer("pool1", layer);
        let x = random(&[3, 2, 7, 9], 5);
        let result = clear::run(&n.build().unwrap(), &Weights::new(), &x).unwrap();
        assert_close(&result, &pool_by_loops(&layer, &x));
    }
}

#[test]
fn a_linear_layer_agrees_with_loops() {
    for bias in [true, false] {
        let mut n = Network::builder("linear", &[5]);
        n.layer("fc1", Linear { bias, ..Linear::new(5, 3) });
        let network = n.build().unwrap();
        let weights = weights_of(&network);
        let x = random(&[7, 5], 6);
        let (weight, b) = (weights.get("fc1.weight").unwrap(), weights.get("fc1.bias"));
        let mut expected = Vec::new();
        for row in x.data().chunks(5) {
            for (o, taps) in weight.data().chunks(5).enumerate() {
                let product: f64 = row.iter().zip(taps).map(|(a, b)| a * b).sum();
                expected.push(product + b.map_or(0.0, |b| b.data()[o]));
            }
        }
        let result = clear::run(&network, &weights, &x).unwrap();
        assert_close(&result, &Tensor::new(&[7, 3], expected).unwrap());
    }
}

#[test]
fn activations_are_their_functions() {
    let cubic = Chebyshev { interval: [-2.0, 4.0], coefficients: vec![0.5, -1.0, 0.25, 2.0] };
    let by_definition = |x: f64| {
        let t = (x - 1.0) / 3.0;
        0.5 - t + 0.25 * (2.0 * t * t - 1.0) + 2.0 * (4.0 * t * t * t - 3.0 * t)
    };
    type Case = (Activation, Box<dyn Fn(f64) -> f64>);
    let cases: Vec<Case> = vec![
        (Activation::Sigmoid, Box::new(|x: f64| 1.0 / (1.0 + (-x).exp()))),
        (Activation::Tanh, Box::new(f64::tanh)),
        (Activation::Relu, Box::new(|x: f64| x.max(0.0))),
        (Activation::Square, Box::new(|x: f64| x * x)),
        (Activation::Polynomial(cubic), Box::new(by_definition)),
    ];
    let x = random(&[4, 3, 5], 8);
    for (activation, function) in cases {
        let mut n = Network::builder("act", &[3, 5]);
        n.layer("act1", activation);
        let expected = Tensor::new(&[4, 3, 5], x.data().iter().map(|&x| function(x)).collect()).unwrap();
        assert_close(&clear::run(&n.build().unwrap(), &Weights::new(), &x).unwrap(), &expected);
    }
}

/// x -> square (a), relu (b) of x; a + b; (a + b) + (a + b); plus x: values live across others, one read twice.
fn residual() -> Network {
    let mut n = Network::builder("residual", &[4]);
    let x = n.input();
    let a = n.layer_on("square", Activation::Square, &[x]);
    let b = n.layer_on("relu", Activation::Relu, &[x]);
    let unread = n.layer_on("unread", Activation::Tanh, &[a]);
    let sum = n.layer_on("sum", Add, &[a, b]);
    let twice = n.layer_on("twice", Add, &[sum, sum]);
    let result = n.layer_on("result", Add, &[twice, x]);
    let _ = unread;
    n.layer_on("afterwards", Activation::Square, &[result]);
    n.output(result);
    n.build().unwrap()
}

#[test]
fn a_graph_with_branches_keeps_every_value_that_is_still_read() {
    let x = random(&[70, 4], 3);
    let by_hand = |x: f64| 2.0 * (x * x + x.max(0.0)) + x;
    let expected = Tensor::new(&[70, 4], x.data().iter().map(|&x| by_hand(x)).collect()).unwrap();
    assert_close(&clear::run(&residual(), &Weights::new(), &x).unwrap(), &expected);
}

#[test]
fn observation_shows_every_node_and_every_image_in_order() {
    let x = random(&[70, 4], 3);
    let mut seen: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let result = clear::run_observed(&residual(), &Weights::new(), &x, |node, values| {
        assert_eq!(&values.shape()[1..], node.shape());
        seen.entry(node.name().to_owned()).or_default().extend(values.data());
    })
    .unwrap();
    assert_eq!(result, clear::run(&residual(), &Weights::new(), &x).unwrap());
    assert_eq!(seen.len(), 8);
    assert_eq!(seen["input"], x.data());
    assert_eq!(seen["result"], result.data());
    let squares: Vec<f64> = x.data().iter().map(|x| x * x).collect();
    assert_eq!(seen["square"], squares);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mut n = Network::builder("small", &[2, 9, 9]);
    n.layer("conv1", Conv2d::new(2, 5, 3).padding(1));
    n.layer("act1", Activation::Tanh);
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("flatten", Flatten);
    n.layer("fc1", Linear::new(80, 7));
    let network = n.build().unwrap();
    let weights = weights_of(&network);
    let x = random(&[131, 2, 9, 9], 1);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| clear::run(&network, &weights, &x).unwrap())
    };
    assert_eq!(on(1), on(3));
    // Image by image, as in the batch.
    let alone = clear::run(&network, &weights, &x.rows(130, 131)).unwrap();
    assert_close(&alone, &on(2).rows(130, 131));
}

#[test]
fn an_empty_batch_gives_an_empty_result() {
    let result = clear::run(&residual(), &Weights::new(), &Tensor::zeros(&[0, 4])).unwrap();
    assert_eq!(result.shape(), [0, 4]);
}

#[test]
fn inputs_are_checked() {
    let error = clear::run(&residual(), &Weights::new(), &Tensor::zeros(&[2, 5])).unwrap_err();
    assert_eq!(error.to_string(), "network residual: expected inputs of shape [batch, [4]], got [2, 5]");
    let nan = Tensor::new(&[1, 4], vec![0.0, 1.0, f64::NAN, 0.0]).unwrap();
    let error = clear::run(&residual(), &Weights::new(), &nan).unwrap_err();
    assert_eq!(error.to_string(), "input: value 2 is NaN, expected finite numbers");
}
