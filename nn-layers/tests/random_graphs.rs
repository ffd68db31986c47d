//! Random graphs of every layer: each way of folding keeps the clear result, and so do the programs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail loudly")]

#[expect(dead_code, reason = "each test binary uses some of it")]
mod common;
mod exactly;

use common::{assert_close, free, random, run, strict, weights_of};
use exactly::exactly;
use nn_layers::fold::{Composition, Folded, FoldedKind};
use nn_layers::{
    Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, Chebyshev, Concat, Conv2d, ConvTranspose2d,
    Dropout, Error, Flatten, LearnedPolynomial, Linear, Mul, Network, NetworkBuilder, NodeId, Options,
    Packing, Reshape, SqueezeExcitation, Tensor, Upsample, Weights, compile_for,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Images that layers may go on from, with their shapes.
struct Grown {
    builder: NetworkBuilder,
    values: Vec<(NodeId, [usize; 3])>,
    rng: ChaCha20Rng,
    /// Products and squares so far: each doubles the degree of the values.
    nonlinear: usize,
}

impl Grown {
    fn new(seed: u64) -> Grown {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let shape = [rng.random_range(1..4), rng.random_range(3..7), rng.random_range(3..7)];
        let builder = Network::builder("grown", &shape);
        let values = vec![(builder.input(), shape)];
        Grown { builder, values, rng, nonlinear: 0 }
    }

    fn pick(&mut self) -> (NodeId, [usize; 3]) {
        let index = self.rng.random_range(0..self.values.len());
        // The latest value twice as often, so that graphs grow deep as well as wide.
        if self.rng.random() { self.values[index] } else { *self.values.last().unwrap() }
    }

    /// Adds one layer of a random kind, behind one or two values.
    fn grow(&mut self, index: usize) {
        let (x, [c, h, w]) = self.pick();
        let name = format!("n{index}");
        let kind = self.rng.random_range(0..13);
        let same: Vec<NodeId> =
            self.values.iter().filter(|(_, s)| *s == [c, h, w]).map(|(id, _)| *id).collect();
        let planes: Vec<(NodeId, usize)> =
            self.values.iter().filter(|(_, s)| s[1..] == [h, w]).map(|(id, s)| (*id, s[0])).collect();
        let other = same[self.rng.random_range(0..same.len())];
        let n = &mut self.builder;
        let made = match kind {
            0 | 1 => {
                let out = self.rng.random_range(1..4);
                let stride = self.rng.random_range(1..3);
                (
                    n.layer_on(&name, Conv2d::new(c, out, 3).padding(1).stride(stride), &[x]),
                    [out, (h - 1) / stride + 1, (w - 1) / stride + 1],
                )
            }
            2 if h * w <= 40 => {
                (n.layer_on(&name, ConvTranspose2d::new(c, 2, 2).stride(2), &[x]), [2, 2 * h, 2 * w])
            }
            3 => (n.layer_on(&name, BatchNorm::new(c).eps(3.0), &[x]), [c, h, w]),
            4 if h > 1 && w > 1 => (n.layer_on(&name, AvgPool2d::new(2), &[x]), [c, h / 2, w / 2]),
            5 if h * w <= 16 => (n.layer_on(&name, Upsample::new(2), &[x]), [c, 2 * h, 2 * w]),
            6 => (n.layer_on(&name, Add, &[x, other]), [c, h, w]),
            7 => {
                let (second, channels) = planes[self.rng.random_range(0..planes.len())];
                (n.layer_on(&name, Concat, &[x, second]), [c + channels, h, w])
            }
            8 if self.nonlinear < 3 => {
                self.nonlinear += 1;
                (n.layer_on(&name, Mul, &[x, other]), [c, h, w])
            }
            9 if self.nonlinear < 3 => {
                self.nonlinear += 1;
                (n.layer_on(&name, LearnedPolynomial::per_channel(c), &[x]), [c, h, w])
            }
            10 if self.nonlinear < 3 => {
                self.nonlinear += 1;
                let cubic = Chebyshev { interval: [-3.0, 4.0], coefficients: vec![0.1, 0.4, -0.2, 0.3] };
                let parabola = Chebyshev { interval: [-2.0, 3.0], coefficients: vec![0.1, 0.4, -0.2] };
                let polynomial = if self.rng.random() { cubic } else { parabola };
                (n.layer_on(&name, Activation::Polynomial(polynomial), &[x]), [c, h, w])
            }
            11 if self.nonlinear < 2 => {
                self.nonlinear += 2;
                let block =
                    SqueezeExcitation::new(c, 2).activation(Dropout::new(0.1)).gate(Activation::Square);
                (block.add_to(n, &name, x), [c, h, w])
            }
            _ => (n.layer_on(&name, Reshape::new(&[c, w, h]), &[x]), [c, w, h]),
        };
        self.values.push(made);
    }

    fn finish(mut self) -> Network {
        let (x, shape) = *self.values.last().unwrap();
        match self.rng.random_range(0..3) {
            0 => {
                self.builder.layer_on("pool", AdaptiveAvgPool2d::new(1), &[x]);
                self.builder.layer("flatten", Flatten);
                self.builder.layer("fc", Linear::new(shape[0], 3));
            }
            1 => {
                self.builder.layer_on("flatten", Flatten, &[x]);
                self.builder.layer("fc", Linear::new(shape.iter().product(), 4));
            }
            _ => {}
        }
        self.builder.build().unwrap()
    }
}

fn random_graph(seed: u64) -> Network {
    let mut grown = Grown::new(seed);
    for index in 0..grown.rng.random_range(2..9) {
        grown.grow(index);
    }
    grown.finish()
}

fn batch(network: &Network, images: usize, seed: u64) -> Tensor {
    random(&[vec![images], network.input_shape().to_vec()].concat(), seed)
}

fn inputs_and_weights(network: &Network, seed: u64) -> (Tensor, Weights) {
    (batch(network, 2, seed), weights_of(network, seed))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn folding_keeps_the_clear_result(seed: u64) {
        let network = random_graph(seed);
        let (inputs, weights) = inputs_and_weights(&network, seed % 10_000);
        let expected = nn_layers::clear::run(&network, &weights, &inputs).unwrap();
        let all = [
            Composition::Never,
            Composition::SaveLevels,
            Composition::KeepNarrow,
            Composition::KeepRows,
            Composition::SaveEntries,
        ];
        for composition in all {
            let folded = Folded::new(&network, &weights, &exactly(&network), composition).unwrap();
            for image in 0..2 {
                let expected = expected.rows(image, image + 1);
                let got = folded.clear(inputs.rows(image, image + 1).data());
                let got = Tensor::new(expected.shape(), got).unwrap();
                assert_close(&got, &expected, 1e-9, &format!("{composition:?} of {network:?}"));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn programs_compute_what_the_network_computes(seed: u64) {
        let network = random_graph(seed);
        let (inputs, weights) = inputs_and_weights(&network, seed % 10_000);
        // Few slots, so that values fill several ciphertexts, and many; a budget of levels, and none.
        let (few, many) = (strict(64, 30), strict(1024, 30));
        let cases = [
            (few.clone(), Packing::Multiplexed),
            (many.clone(), Packing::Multiplexed),
            (free(60), Packing::Multiplexed),
            (few.clone(), Packing::VolleyRevolver),
            (many, Packing::VolleyRevolver),
            (few, Packing::Batched),
        ];
        for ((params, profile), packing) in cases {
            let options = Options { packing, ..Options::default() };
            let program = match compile_for(&network, &weights, &inputs, &options, &profile) {
                // A fully connected layer on more numbers than there are slots.
                Err(Error::Packing { .. }) if profile.slots == 64 => continue,
                program => program.unwrap(),
            };
            let got = run(&program, params, &profile, &inputs);
            let expected = nn_layers::clear::run(&network, &weights, &inputs).unwrap();
            assert_close(&got, &expected, 1e-8, &format!("{packing}, {} slots, {network:?}", profile.slots));
        }
    }
}

/// Number of steps, and of squares and products among them.
fn steps(n: NetworkBuilder, composition: Composition) -> (usize, usize) {
    let network = n.build().unwrap();
    let weights = weights_of(&network, 1);
    let folded = Folded::new(&network, &weights, &exactly(&network), composition).unwrap();
    let affine = folded.steps.iter().filter(|step| matches!(step.kind, FoldedKind::Affine { .. })).count();
    (folded.steps.len(), folded.steps.len() - affine)
}

#[test]
fn linear_layers_between_functions_are_one_step() {
    // Transposed convolution, concatenation with a skip, normalisation and convolution: one map from each of the two squares.
    let mut n = Network::builder("decoder", &[4, 4, 4]);
    let deep = n.layer("square1", LearnedPolynomial::shared());
    n.layer_on("up", ConvTranspose2d::new(4, 2, 2).stride(2), &[deep]);
    let up = n.layer("norm1", BatchNorm::new(2).eps(3.0));
    let x = n.input();
    n.layer_on("skip", Upsample::new(2), &[x]);
    let skip = n.layer("square2", Activation::Square);
    n.layer_on("concat", Concat, &[skip, up]);
    n.layer("norm2", BatchNorm::new(6).eps(3.0));
    n.layer("conv", Conv2d::new(6, 3, 3).padding(1));
    n.layer("norm3", BatchNorm::new(3).eps(3.0));
    n.layer("square3", LearnedPolynomial::per_channel(3));
    n.layer("pool", AvgPool2d::new(2));
    n.layer("flatten", Flatten);
    n.layer("fc", Linear::new(48, 5));
    // Affine: before square1, upsampling, before square3, and the rest; three squares.
    assert_eq!(steps(n, Composition::SaveLevels), (7, 3));
}

#[test]
fn a_block_without_activation_after_its_sum_composes_with_the_next() {
    let mut n = Network::builder("blocks", &[2, 6, 6]);
    for block in 0..2 {
        let x = n.layer(&format!("stem{block}"), Conv2d::new(2, 2, 3).padding(1));
        n.layer(&format!("conv1.{block}"), Conv2d::new(2, 2, 3).padding(1));
        n.layer(&format!("act.{block}"), Activation::Square);
        let left = n.layer(&format!("conv2.{block}"), Conv2d::new(2, 2, 3).padding(1));
        let right = n.layer_on(&format!("shortcut.{block}"), Conv2d::new(2, 2, 1), &[x]);
        n.layer_on(&format!("add.{block}"), Add, &[left, right]);
    }
    let (all, squares) = steps(n, Composition::SaveLevels);
    assert_eq!(squares, 2);
    // The value behind each stem (it has two readers), its first convolution, and at the end the sum.
    assert_eq!(all - squares, 5);
}
