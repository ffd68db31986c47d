//! Random networks, and a program run on the clear reference under the rules of a real scheme.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail loudly")]

use he_traits::{
    Clear, ClearCiphertext, ClearEvaluator, ClearKeys, ClearParams, Keep, Level, LinearStyle, Profile, Scheme,
};
use nn_layers::{
    Activation, Add, AvgPool2d, Chebyshev, Conv2d, Flatten, Linear, Network, Program, Tensor, Weights,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Numbers between -1 and 1.
pub(crate) fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let count = shape.iter().product();
    Tensor::new(shape, (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()).unwrap()
}

/// Weights small enough that values stay near 1.
pub(crate) fn weights_of(network: &Network, seed: u64) -> Weights {
    let scaled = |name: String, shape: Vec<usize>, seed: u64| {
        let inputs: usize = shape.iter().skip(1).product();
        let mut tensor = random(&shape, seed);
        let scale = 1.5 / (inputs.max(1) as f64).sqrt();
        tensor.data_mut().iter_mut().for_each(|value| *value *= scale);
        (name, tensor)
    };
    network.parameters().zip(seed * 1000..).map(|((name, shape), seed)| scaled(name, shape, seed)).collect()
}

/// A random network over images: convolutions, pooling, activations, sums, and fully connected layers at the end.
pub(crate) fn random_network(seed: u64) -> Network {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (mut channels, mut height, mut width) =
        (rng.random_range(1..4usize), rng.random_range(6..11usize), rng.random_range(6..11usize));
    let mut n = Network::builder("random", &[channels, height, width]);
    for index in 0..rng.random_range(1..4) {
        let before = (channels, height, width);
        match rng.random_range(0..4) {
            0 if height >= 4 && width >= 4 => {
                let (kernel, padding) = (rng.random_range(2..4), rng.random_range(0..2));
                let stride = rng.random_range(1..3);
                n.layer(&format!("pool{index}"), AvgPool2d::new(kernel).stride(stride).padding(padding));
                (height, width) = (
                    (height + 2 * padding - kernel) / stride + 1,
                    (width + 2 * padding - kernel) / stride + 1,
                );
            }
            _ => {
                let (kernel, padding) =
                    (rng.random_range(1..4usize).min(height).min(width), rng.random_range(0..2));
                let (stride, out) = (rng.random_range(1..4), rng.random_range(1..6));
                let layer = Conv2d::new(channels, out, kernel).stride(stride).padding(padding);
                let layer = if rng.random_range(0..3) == 0 { layer.without_bias() } else { layer };
                n.layer(&format!("conv{index}"), layer);
                channels = out;
                (height, width) = (
                    (height + 2 * padding - kernel) / stride + 1,
                    (width + 2 * padding - kernel) / stride + 1,
                );
            }
        }
        match rng.random_range(0..4) {
            0 => drop(n.layer(&format!("act{index}"), Activation::Sigmoid)),
            1 => drop(n.layer(&format!("act{index}"), Activation::Square)),
            2 => {
                let polynomial = Chebyshev { interval: [-3.0, 4.0], coefficients: vec![0.1, 0.4, -0.2, 0.3] };
                let act = n.layer(&format!("act{index}"), Activation::Polynomial(polynomial));
                let conv = n.layer(&format!("inner{index}"), Conv2d::new(channels, channels, 3).padding(1));
                n.layer_on(&format!("sum{index}"), Add, &[conv, act]);
            }
            _ => {}
        }
        if before == (channels, height, width) && rng.random_range(0..2) == 0 {
            let last = n.layer(&format!("same{index}"), Conv2d::new(channels, channels, 1));
            n.layer_on(&format!("twice{index}"), Add, &[last, last]);
        }
    }
    n.layer("flatten", Flatten);
    let hidden = rng.random_range(2..20);
    n.layer("fc1", Linear::new(channels * height * width, hidden));
    n.layer("last", Activation::Tanh);
    n.layer("fc2", Linear::new(hidden, 3));
    n.build().unwrap()
}

/// The clear reference under the rules of a lattice scheme: diagonals, a budget of levels, no complex slots.
pub(crate) fn strict(slots: usize, top: u32) -> (ClearParams, Profile) {
    let params = ClearParams::new(slots, Level::new(top)).unwrap().with_linear(LinearStyle::Diagonals);
    (params, Clear::profile(&params).unwrap())
}

/// The clear reference as MORE looks: no levels, exact functions, sparse products.
pub(crate) fn free(slots: usize) -> (ClearParams, Profile) {
    let params = ClearParams::new(slots, Level::UNBOUNDED).unwrap().with_exact(true);
    (params, Clear::profile(&params).unwrap())
}

/// An evaluator with exactly the keys that the program's symbolic run names.
pub(crate) fn evaluator(program: &Program, params: ClearParams, profile: &Profile) -> ClearEvaluator {
    let needs = program.symbolic(profile).unwrap().needs;
    ClearEvaluator::new(params, ClearKeys::new(&params, needs).unwrap()).unwrap()
}

/// Encrypts, runs and decrypts samples; the result is `[N, ..]`.
pub(crate) fn run(program: &Program, params: ClearParams, profile: &Profile, inputs: &Tensor) -> Tensor {
    let evaluator = evaluator(program, params, profile);
    let prepared = program.prepare(&evaluator, Keep::Encoded, &mut |_| {}).unwrap();
    let groups: Vec<_> = program.groups(inputs.batch()).collect();
    let samples = groups.iter().map(|group| {
        let blocks = program.pack(&inputs.rows(group.start, group.end)).unwrap();
        let encrypt = |block| ClearCiphertext::new(&params, block, program.input_level()).unwrap();
        blocks.iter().map(encrypt).collect()
    });
    let outputs = prepared.run(&evaluator, samples.collect(), &mut |_| {}).unwrap();
    let mut shape = vec![inputs.batch()];
    shape.extend(program.network().output_shape());
    let data = outputs.iter().zip(&groups).flat_map(|(blocks, group)| {
        let blocks: Vec<Vec<f64>> =
            blocks.iter().map(|block| block.slots().iter().map(|slot| slot.re).collect()).collect();
        program.unpack(&blocks, group.len()).unwrap().into_data()
    });
    Tensor::new(&shape, data.collect()).unwrap()
}

/// Fails where two tensors differ by more than `tolerance`, relative to the larger of 1 and the value.
pub(crate) fn assert_close(got: &Tensor, expected: &Tensor, tolerance: f64, what: &str) {
    assert_eq!(got.shape(), expected.shape(), "{what}");
    for (index, (a, b)) in got.data().iter().zip(expected.data()).enumerate() {
        if (a - b).abs() > tolerance * b.abs().max(1.0) || a.is_nan() {
            panic!("{what}: value {index} is {a}, expected {b}");
        }
    }
}
