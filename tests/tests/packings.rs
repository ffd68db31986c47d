//! The packings on native CKKS, and the batched one on SEAL too: the same network, weights and samples, and the same outputs.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use backend_ckks::{Ckks, Parameters};
use backend_seal::Seal;
use he_traits::{
    Clear, ClearCiphertext, ClearEvaluator, ClearKeys, ClearParams, ClientScheme, Keep, Level, LinearStyle,
    Scheme,
};
use models::{Model, seeded};
use nn_layers::{
    Activation, AvgPool2d, Compiled, Concat, Conv2d, ConvTranspose2d, Degree, Error, Flatten, Linear,
    Network, Options, Packing, StepKind, Tensor, Weights, compile, compile_for, train,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// A network as those that read digits: two convolutions, each with its pooling, and two fully connected layers.
fn digits() -> Network {
    let mut n = Network::builder("digits", &[1, 16, 16]);
    n.layer("conv1", Conv2d::new(1, 4, 3).padding(1));
    n.layer("act1", Activation::Square);
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("conv2", Conv2d::new(4, 6, 3).padding(1));
    n.layer("act2", Activation::Sigmoid);
    n.layer("pool2", AvgPool2d::new(2));
    n.layer("flatten", Flatten);
    n.layer("fc1", Linear::new(96, 20));
    n.layer("act3", Activation::Square);
    n.layer("fc2", Linear::new(20, 10));
    n.build().unwrap()
}

/// A U-Net of two levels.
fn unet() -> Network {
    let mut n = Network::builder("unet", &[1, 16, 16]);
    n.layer("down", Conv2d::new(1, 3, 3).padding(1));
    let skip = n.layer("down.act", Activation::Square);
    n.layer("pool", AvgPool2d::new(2));
    n.layer("bottom", Conv2d::new(3, 6, 3).padding(1));
    n.layer("bottom.act", Activation::Square);
    let up = n.layer("up", ConvTranspose2d::new(6, 3, 2).stride(2));
    n.layer_on("concat", Concat, &[skip, up]);
    n.layer("conv", Conv2d::new(6, 3, 3).padding(1));
    n.layer("act", Activation::Square);
    n.layer("out", Conv2d::new(3, 1, 1));
    n.build().unwrap()
}

/// The decrypted outputs, the largest error against the clear run, and the RMS of that run.
fn outputs(network: &Network, packing: Packing, depth: usize, seed: u64) -> (Tensor, f64, f64) {
    let inputs = seeded::images([1, 16, 16], 16, seed);
    let weights: Weights = train::scaled(network, &inputs, seed).unwrap();
    // 512 slots: two rows of 256 pixels.
    let params = Parameters::insecure_for_tests(1024, depth, 40).unwrap();
    let profile = Ckks::profile(&params).unwrap();
    let options = Options { packing, degree: Degree::Fixed(3), ..Options::default() };
    let program = compile_for(network, &weights, &inputs, &options, &profile).unwrap();
    let sums = program.steps().iter().filter(|step| matches!(step.kind, StepKind::SumColumns { .. })).count();
    let fully_connected = network.nodes().iter().filter(|node| node.layer().kind() == "Linear").count();
    // Every other one of the fully connected layers sums over columns.
    assert_eq!(sums, if packing == Packing::VolleyRevolver { fully_connected.div_ceil(2) } else { 0 });
    let needs = program.symbolic(&profile).unwrap().needs;
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let keys = Ckks::keygen(&params, &needs, &mut rng).unwrap();
    let encryptor = Ckks::encryptor(&params, &keys.secret).unwrap();
    let decryptor = Ckks::decryptor(&params, &keys.secret).unwrap();
    let evaluator = Ckks::evaluator(&params, keys.evaluation).unwrap();
    let prepared = program.prepare(&evaluator, Keep::Encoded, &mut |_| {}).unwrap();
    let batch = inputs.rows(0, 2);
    let encrypted = program.encrypt(&encryptor, &batch, &mut rng).unwrap();
    let results = prepared.run(&evaluator, encrypted, &mut |_| {}).unwrap();
    let outputs = program.decrypt(&decryptor, &results, batch.batch()).unwrap();
    let clear = program.clear(&batch).unwrap();
    let rms = (clear.data().iter().map(|x| x * x).sum::<f64>() / clear.data().len() as f64).sqrt();
    let error = largest_difference(&outputs, &clear);
    (outputs, error, rms)
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn all_packings_give_the_outputs_of_the_clear_network() {
    for (network, depth, seed) in [(digits(), 14, 1), (unet(), 10, 2)] {
        let all = Packing::ALL.map(|packing| outputs(&network, packing, depth, seed));
        for (packing, (_, error, rms)) in Packing::ALL.iter().zip(&all) {
            assert!(error < &(1e-4 * rms), "{} {packing}: {error} of {rms}", network.name());
        }
        let [(multiplexed, _, rms), others @ ..] = &all;
        for (other, ..) in others {
            assert!(largest_difference(multiplexed, other) < 2e-4 * rms, "{}", network.name());
        }
    }
}

/// A model of the registry in the clear, under the rules of a scheme by diagonals, in both packings of single samples against its clear run.
fn check_model(model: &Model, slots: usize, levels: u32) {
    let network = (model.network)().unwrap();
    let weights = model.weights().unwrap().weights;
    let shape: [usize; 3] = network.input_shape().try_into().unwrap();
    let inputs = seeded::images(shape, 2, 7);
    let params = ClearParams::new(slots, Level::new(levels)).unwrap().with_linear(LinearStyle::Diagonals);
    let profile = Clear::profile(&params).unwrap();
    for packing in [Packing::Multiplexed, Packing::VolleyRevolver] {
        let options = Options { packing, degree: Degree::Fixed(7), ..Options::default() };
        let program = compile_for(&network, &weights, &inputs, &options, &profile).unwrap();
        let needs = program.symbolic(&profile).unwrap().needs;
        let evaluator = ClearEvaluator::new(params, ClearKeys::new(&params, needs).unwrap()).unwrap();
        let prepared = program.prepare(&evaluator, Keep::Values, &mut |_| {}).unwrap();
        let sample = inputs.rows(0, 1);
        let encrypt = |block| ClearCiphertext::new(&params, block, program.input_level()).unwrap();
        let encrypted = program.pack(&sample).unwrap().iter().map(encrypt).collect();
        let results = prepared.run(&evaluator, vec![encrypted], &mut |_| {}).unwrap();
        let blocks: Vec<Vec<f64>> = results
            .iter()
            .flatten()
            .map(|block| block.slots().iter().map(|slot| slot.re).collect())
            .collect();
        let outputs = program.unpack(&blocks, 1).unwrap();
        let clear = program.clear(&sample).unwrap();
        let rms = (clear.data().iter().map(|x| x * x).sum::<f64>() / clear.data().len() as f64).sqrt();
        assert!(largest_difference(&outputs, &clear) < 1e-9 * rms, "{} {packing}", model.name);
    }
}

#[test]
fn the_mnist_network_and_a_whole_tile_of_the_unet_agree() {
    check_model(&models::cnn_mnist::MODEL, 1 << 14, 16);
    check_model(&models::unet::MODEL, 1 << 14, 21);
}

/// Samples in the slots under secure parameters of a scheme, compiled for it from end to end.
fn check_batched<S: ClientScheme>() {
    let mut n = Network::builder("small", &[6]);
    n.layer("fc1", Linear::new(6, 5));
    n.layer("act", Activation::Square);
    n.layer("fc2", Linear::new(5, 3));
    let network = n.build().unwrap();
    let inputs = seeded::images([1, 2, 3], 40, 3).reshape(&[40, 6]).unwrap();
    let weights: Weights = train::scaled(&network, &inputs, 3).unwrap();
    let options = Options { packing: Packing::Batched, ..Options::default() };
    let Compiled { params, profile, program } = compile::<S>(&network, &weights, &inputs, &options).unwrap();
    assert_eq!(program.samples_per_ciphertext(), profile.slots);
    let needs = program.symbolic(&profile).unwrap().needs;
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let keys = S::keygen(&params, &needs, &mut rng).unwrap();
    let encryptor = S::encryptor(&params, &keys.secret).unwrap();
    let decryptor = S::decryptor(&params, &keys.secret).unwrap();
    let evaluator = S::evaluator(&params, keys.evaluation).unwrap();
    for keep in [Keep::Encoded, Keep::Values] {
        let prepared = program.prepare(&evaluator, keep, &mut |_| {}).unwrap();
        let encrypted = program.encrypt(&encryptor, &inputs, &mut rng).unwrap();
        assert_eq!(encrypted.iter().map(Vec::len).collect::<Vec<_>>(), [6]);
        let results = prepared.run(&evaluator, encrypted, &mut |_| {}).unwrap();
        let outputs = program.decrypt(&decryptor, &results, 40).unwrap();
        let clear = program.clear(&inputs).unwrap();
        let error = largest_difference(&outputs, &clear);
        assert!(error < 1e-4, "{}, {keep:?}: {error}", S::NAME);
        assert!(matches!(
            program.decrypt(&decryptor, &results, profile.slots + 1),
            Err(Error::Groups { .. })
        ));
    }
}

#[test]
fn samples_in_the_slots_get_their_own_results_under_both_ckks() {
    check_batched::<Ckks>();
    check_batched::<Seal>();
}
