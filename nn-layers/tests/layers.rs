//! Each layer against its definition, written out as plain loops over single elements, and its encrypted form against its clear one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail loudly"
)]

#[expect(dead_code, reason = "each test binary uses some of it")]
mod common;
mod exactly;

use common::{assert_close, random, weights_of};
use exactly::exactly;
use nn_layers::fold::{Composition, Folded};
use nn_layers::{
    Activation, AdaptiveAvgPool2d, BatchNorm, Concat, Conv2d, ConvTranspose2d, Dropout, Layer,
    LearnedPolynomial, Linear, Mul, Network, NetworkBuilder, Reshape, SqueezeExcitation, Tensor, Upsample,
    Weights, clear,
};
use proptest::prelude::*;

const IMAGES: usize = 3;

/// One element of an image tensor `[N, C, H, W]`, zero outside.
fn at(x: &Tensor, n: usize, c: usize, y: isize, x_at: isize) -> f64 {
    let &[_, channels, height, width] = x.shape() else { panic!("{:?}", x.shape()) };
    if y < 0 || x_at < 0 || y >= height as isize || x_at >= width as isize {
        return 0.0;
    }
    x.data()[((n * channels + c) * height + y as usize) * width + x_at as usize]
}

/// A tensor from a function of its index.
fn filled(shape: [usize; 4], mut f: impl FnMut(usize, usize, usize, usize) -> f64) -> Tensor {
    let mut data = Vec::new();
    for n in 0..shape[0] {
        for c in 0..shape[1] {
            for y in 0..shape[2] {
                for x in 0..shape[3] {
                    data.push(f(n, c, y, x));
                }
            }
        }
    }
    Tensor::new(&shape, data).unwrap()
}

/// A network of one layer over its input, with weights, a batch, and the clear result.
fn single(shape: &[usize], layer: impl Into<Layer>, seed: u64) -> (Weights, Tensor, Tensor) {
    let mut n = Network::builder("single", shape);
    n.layer("layer", layer);
    checked(n, seed)
}

/// The clear result, after every way of folding was found to give the same.
fn checked(n: NetworkBuilder, seed: u64) -> (Weights, Tensor, Tensor) {
    let network = n.build().unwrap();
    let weights = weights_of(&network, seed);
    let batch: Vec<usize> = std::iter::once(IMAGES).chain(network.input_shape().iter().copied()).collect();
    let inputs = random(&batch, seed + 1);
    let outputs = clear::run(&network, &weights, &inputs).unwrap();
    let functions = exactly(&network);
    for composition in [Composition::Never, Composition::SaveLevels, Composition::SaveEntries] {
        let folded = Folded::new(&network, &weights, &functions, composition).unwrap();
        for image in 0..IMAGES {
            let got = folded.clear(inputs.rows(image, image + 1).data());
            let got = Tensor::new(outputs.rows(image, image + 1).shape(), got).unwrap();
            assert_close(&got, &outputs.rows(image, image + 1), 1e-11, &format!("{composition:?}"));
        }
    }
    (weights, inputs, outputs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn convolution(
        (groups, ins, outs) in (1..4usize, 1..3usize, 1..3usize), kernel in 1..4usize, stride in 1..4usize,
        padding in 0..3usize, dilation in 1..3usize, (height, width) in (7..10usize, 7..10usize), seed in 0..1000u64,
    ) {
        let layer = Conv2d::new(groups * ins, groups * outs, kernel)
            .stride(stride).padding(padding).dilation(dilation).groups(groups);
        let (w, x, got) = single(&[groups * ins, height, width], layer, seed);
        let (weight, bias) = (w.get("layer.weight").unwrap(), w.get("layer.bias").unwrap());
        let length = |side: usize| (side + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
        let expected = filled([IMAGES, groups * outs, length(height), length(width)], |n, o, y, x_at| {
            let mut sum = bias.data()[o];
            for c in 0..ins {
                for (ky, kx) in (0..kernel).flat_map(|ky| (0..kernel).map(move |kx| (ky, kx))) {
                    let place = |out: usize, tap: usize| (out * stride + tap * dilation) as isize - padding as isize;
                    sum += at(weight, o, c, ky as isize, kx as isize)
                        * at(&x, n, o / outs * ins + c, place(y, ky), place(x_at, kx));
                }
            }
            sum
        });
        assert_close(&got, &expected, 1e-12, "Conv2d");
    }

    #[test]
    fn transposed_convolution(
        (groups, ins, outs) in (1..4usize, 1..3usize, 1..3usize), kernel in 1..4usize, stride in 1..4usize,
        padding in 0..2usize, dilation in 1..3usize, extra in 0..3usize,
        (height, width) in (3..6usize, 3..6usize), seed in 0..1000u64,
    ) {
        let extra = extra.min(stride.max(dilation) - 1);
        let layer = ConvTranspose2d::new(groups * ins, groups * outs, kernel)
            .stride(stride).padding(padding).dilation(dilation).groups(groups).output_padding(extra);
        let length = |side: usize| ((side - 1) * stride + dilation * (kernel - 1) + extra + 1).checked_sub(2 * padding);
        let (Some(out_height), Some(out_width)) = (length(height), length(width)) else { return Ok(()) };
        let (w, x, got) = single(&[groups * ins, height, width], layer, seed);
        let (weight, bias) = (w.get("layer.weight").unwrap(), w.get("layer.bias").unwrap());
        // PyTorch's definition: every input value adds its weights to the places that its taps reach.
        let mut expected = filled([IMAGES, groups * outs, out_height, out_width], |_, o, _, _| bias.data()[o]);
        for n in 0..IMAGES {
            for c in 0..groups * ins {
                for o in c / ins * outs..(c / ins + 1) * outs {
                    for (y, x_at) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                        for (ky, kx) in (0..kernel).flat_map(|ky| (0..kernel).map(move |kx| (ky, kx))) {
                            let to = |place: usize, tap: usize| (place * stride + tap * dilation).checked_sub(padding);
                            let (Some(ty), Some(tx)) = (to(y, ky), to(x_at, kx)) else { continue };
                            if ty < out_height && tx < out_width {
                                expected.data_mut()[((n * groups * outs + o) * out_height + ty) * out_width + tx] +=
                                    at(&x, n, c, y as isize, x_at as isize)
                                        * at(weight, c, o % outs, ky as isize, kx as isize);
                            }
                        }
                    }
                }
            }
        }
        assert_close(&got, &expected, 1e-12, "ConvTranspose2d");
    }

    #[test]
    fn adaptive_pooling(channels in 1..3usize, height in 1..9usize, width in 1..9usize, size in 1..6usize, seed in 0..1000u64) {
        let (_, x, got) = single(&[channels, height, width], AdaptiveAvgPool2d::new(size), seed);
        let expected = filled([IMAGES, channels, size, size], |n, c, i, j| {
            let side = |index: usize, length: usize| {
                let exact = length as f64 / size as f64;
                (index as f64 * exact + 1e-9).floor() as usize..((index + 1) as f64 * exact - 1e-9).ceil() as usize
            };
            let places: Vec<(usize, usize)> =
                side(i, height).flat_map(|y| side(j, width).map(move |x| (y, x))).collect();
            let sum: f64 = places.iter().map(|(y, x_at)| at(&x, n, c, *y as isize, *x_at as isize)).sum();
            sum / places.len() as f64
        });
        assert_close(&got, &expected, 1e-12, "AdaptiveAvgPool2d");
    }

    #[test]
    fn upsampling(channels in 1..3usize, height in 1..5usize, width in 1..5usize, v in 1..4usize, h in 1..4usize, seed in 0..1000u64) {
        let (_, x, got) = single(&[channels, height, width], Upsample { factor: [v, h] }, seed);
        let expected = filled([IMAGES, channels, height * v, width * h], |n, c, y, x_at| {
            at(&x, n, c, (y / v) as isize, (x_at / h) as isize)
        });
        assert_eq!(got, expected);
    }

    #[test]
    fn batch_normalisation(channels in 1..5usize, side in 1..4usize, affine: bool, flat: bool, seed in 0..1000u64) {
        let layer = BatchNorm::new(channels).eps(0.5);
        let layer = if affine { layer } else { layer.without_affine() };
        let shape = if flat { vec![channels] } else { vec![channels, side, side] };
        // The random variances are above -0.5 · 1.5: squares keep them positive.
        let mut n = Network::builder("norm", &shape);
        n.layer("layer", layer);
        let network = n.build().unwrap();
        let mut w = weights_of(&network, seed);
        let variance = random(&[channels], seed + 7);
        let squares = variance.data().iter().map(|x| x * x + 0.01).collect();
        w.insert("layer.running_var", Tensor::new(&[channels], squares).unwrap());
        let x = random(&[vec![IMAGES], shape.clone()].concat(), seed);
        let got = clear::run(&network, &w, &x).unwrap();
        let plane = if flat { 1 } else { side * side };
        let figure = |name: &str, c: usize, other: f64| w.get(name).map_or(other, |t| t.data()[c]);
        let expected = x.data().iter().enumerate().map(|(i, x)| {
            let c = i / plane % channels;
            let normal = (x - figure("layer.running_mean", c, f64::NAN))
                / (figure("layer.running_var", c, f64::NAN) + 0.5).sqrt();
            normal * figure("layer.weight", c, 1.0) + figure("layer.bias", c, 0.0)
        });
        let expected = Tensor::new(x.shape(), expected.collect()).unwrap();
        assert_close(&got, &expected, 1e-12, "BatchNorm");
        let folded = Folded::new(&network, &w, &exactly(&network), Composition::SaveLevels).unwrap();
        let first = Tensor::new(expected.rows(0, 1).shape(), folded.clear(x.rows(0, 1).data())).unwrap();
        assert_close(&first, &expected.rows(0, 1), 1e-12, "BatchNorm, folded");
    }

    #[test]
    fn learned_polynomials(channels in 1..4usize, shared: bool, seed in 0..1000u64) {
        let layer =
            if shared { LearnedPolynomial::shared() } else { LearnedPolynomial::per_channel(channels) };
        let (w, x, got) = single(&[channels, 2, 3], layer, seed);
        let weight = w.get("layer.weight").unwrap().data();
        let expected = filled([IMAGES, channels, 2, 3], |n, c, y, x_at| {
            let first = if shared { 0 } else { 3 * c };
            let x = at(&x, n, c, y as isize, x_at as isize);
            weight[first] + weight[first + 1] * x + weight[first + 2] * x * x
        });
        assert_close(&got, &expected, 1e-12, "LearnedPolynomial");
    }
}

#[test]
fn products_concatenations_and_shapes() {
    let mut n = Network::builder("gate", &[3, 2, 4]);
    let x = n.input();
    let left = n.layer_on("left", Conv2d::new(3, 2, 3).padding(1), &[x]);
    let gate = n.layer_on("gate", AdaptiveAvgPool2d::global(), &[left]);
    let gated = n.layer_on("gated", Mul, &[left, gate]);
    let squared = n.layer_on("squared", Mul, &[gated, gated]);
    n.layer_on("joined", Concat, &[x, gated, squared]);
    let network = n.build().unwrap();
    let w = weights_of(&network, 5);
    let inputs = random(&[IMAGES, 3, 2, 4], 6);
    let mut values = std::collections::BTreeMap::new();
    // Few images: each value is shown once.
    let out = clear::run_observed(&network, &w, &inputs.rows(0, 1), |node, value| {
        values.insert(node.name().to_owned(), value.clone());
    })
    .unwrap();
    let (left, gate) = (&values["left"], &values["gate"]);
    assert_eq!(out.shape(), [1, 7, 2, 4]);
    for (i, value) in out.data().iter().enumerate() {
        let gated = |i: usize| left.data()[i] * gate.data()[i / 8];
        let expected = match i / 8 {
            0..3 => inputs.data()[i],
            3..5 => gated(i - 24),
            _ => gated(i - 40).powi(2),
        };
        assert!((value - expected).abs() < 1e-14, "{i}: {value} for {expected}");
    }
    let mut n = Network::builder("gate", &[3, 2, 4]);
    let x = n.input();
    let left = n.layer_on("left", Conv2d::new(3, 2, 3).padding(1), &[x]);
    let gate = n.layer_on("gate", AdaptiveAvgPool2d::global(), &[left]);
    let gated = n.layer_on("gated", Mul, &[left, gate]);
    let joined = n.layer_on("joined", Concat, &[x, gated, gated]);
    n.layer_on("reshaped", Reshape::new(&[2, 28]), &[joined]);
    n.layer("dropped", Dropout::new(0.25));
    n.layer("norm", BatchNorm::new(2).eps(2.0).without_affine());
    n.layer("flat", Reshape::new(&[56]));
    n.layer("fc", Linear::new(56, 4));
    checked(n, 9);
}

#[test]
fn activations_have_pytorchs_values() {
    // torch.nn.functional.{silu, gelu} in double precision at these arguments.
    let arguments = [-3.0, -1.0, -0.1, 0.0, 0.5, 2.0];
    let silu = arguments.map(|x: f64| x * (1.0 / (1.0 + (-x).exp())));
    // x Φ(x), with Φ from tables of the normal distribution.
    let phi = [
        0.001_349_898_031_630_095,
        0.158_655_253_931_457_05,
        0.460_172_162_722_971,
        0.5,
        0.691_462_461_274_013_1,
        0.977_249_868_051_820_8,
    ];
    let x = Tensor::new(&[1, 6], arguments.to_vec()).unwrap();
    for (activation, expected) in
        [(Activation::Silu, silu), (Activation::Gelu, std::array::from_fn(|i| arguments[i] * phi[i]))]
    {
        let mut n = Network::builder("act", &[6]);
        n.layer("act", activation);
        let got = clear::run(&n.build().unwrap(), &Weights::new(), &x).unwrap();
        assert_close(&got, &Tensor::new(&[1, 6], expected.to_vec()).unwrap(), 1e-14, "activation");
    }
}

#[test]
fn squeeze_and_excitation_is_a_composite() {
    let mut n = Network::builder("se", &[8, 4, 4]);
    let x = n.layer("conv", Conv2d::new(8, 16, 1));
    let block =
        SqueezeExcitation::new(16, 4).activation(LearnedPolynomial::shared()).gate(Activation::Square);
    block.add_to(&mut n, "se", x);
    let network = n.build().unwrap();
    assert_eq!(network.output_shape(), [16, 4, 4]);
    assert_eq!(network.find("se.fc1").unwrap().shape(), [4]);
    let mut n = Network::builder("se", &[8, 4, 4]);
    let x = n.layer("conv", Conv2d::new(8, 16, 1));
    block.add_to(&mut n, "se", x);
    checked(n, 3);
}

#[test]
fn refusals_name_the_node_and_what_would_fit() {
    let refused = |shape: &[usize], layer: Layer| {
        let mut n = Network::builder("net", shape);
        n.layer("bad", layer);
        n.build().unwrap_err().to_string()
    };
    for (shape, layer, text) in [
        (
            vec![4],
            Layer::from(Upsample::new(2)),
            "bad (Upsample): expected [channels, height, width], got [[4]]",
        ),
        (
            vec![2, 3, 3],
            ConvTranspose2d::new(2, 2, 2).output_padding(1).into(),
            "bad (ConvTranspose2d): output padding 1 must be below the larger of stride 1 and dilation 1",
        ),
        (
            vec![2, 1, 1],
            ConvTranspose2d::new(2, 2, 1).padding(1).into(),
            "bad (ConvTranspose2d): padding 1 leaves nothing of the output of 1 places",
        ),
        (
            vec![3],
            BatchNorm::new(4).into(),
            "bad (BatchNorm): expected [4], [4, length] or [4, height, width], got [[3]]",
        ),
        (
            vec![3, 4],
            Reshape::new(&[5, 2]).into(),
            "bad (Reshape): expected as many values as shape [5, 2] has, got [[3, 4]]",
        ),
        (vec![3], Dropout::new(1.0).into(), "bad (Dropout): a rate of 1 is not in [0, 1)"),
        (
            vec![3],
            Mul.into(),
            "bad (Mul): expected two inputs of the same shape, or [C, H, W] and one number a channel, got [[3]]",
        ),
        (
            vec![3],
            LearnedPolynomial::per_channel(2).into(),
            "bad (LearnedPolynomial): expected [2, ..], got [[3]]",
        ),
        (
            vec![3],
            AdaptiveAvgPool2d::global().into(),
            "bad (AdaptiveAvgPool2d): expected [channels, height, width], got [[3]]",
        ),
    ] {
        assert_eq!(refused(&shape, layer), text);
    }
    let mut n = Network::builder("net", &[2, 3, 3]);
    let x = n.input();
    let small = n.layer_on("small", AdaptiveAvgPool2d::new(2), &[x]);
    n.layer_on("joined", Concat, &[x, small]);
    let text = n.build().unwrap_err().to_string();
    assert!(text.starts_with("joined (Concat): expected one or more inputs that differ"), "{text}");
}
