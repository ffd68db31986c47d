//! Programs with encrypted weights, held against the clear run of the same network.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use he_traits::{
    Clear, ClearParams, ClientScheme, Decryptor, Diagonal, Encryptor, Level, LinearStyle, Scheme,
};
use nn_layers::compile::{Options, compile_for};
use nn_layers::encrypted::{EncryptedProgram, pattern_weights};
use nn_layers::{
    Activation, AvgPool2d, BatchNorm, Conv2d, Error, Flatten, Linear, Network, Tensor, Weights, clear, train,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn network() -> Network {
    let mut n = Network::builder("tiny", &[1, 8, 8]);
    n.layer("conv1", Conv2d::new(1, 2, 3).padding(1));
    n.layer("norm1", BatchNorm::new(2));
    n.layer("act1", Activation::Square);
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("flatten", Flatten);
    n.layer("fc1", Linear::new(32, 8));
    n.layer("act2", Activation::Tanh);
    n.layer("fc2", Linear::new(8, 3));
    n.build().unwrap()
}

fn inputs(count: usize) -> Tensor {
    Tensor::new(&[count, 1, 8, 8], (0..count * 64).map(|i| (i as f64 * 0.37).sin()).collect()).unwrap()
}

/// Weights of the network; variances are not those of a fresh one.
fn weights(network: &Network) -> Weights {
    let weights = train::xavier(network, 5);
    let positive = |(name, tensor): (&str, &Tensor)| {
        let values = tensor.data().iter().enumerate();
        let values =
            values.map(|(i, value)| if tensor.shape().len() > 1 { *value } else { 0.5 + 0.1 * i as f64 });
        (name.to_owned(), Tensor::new(tensor.shape(), values.collect()).unwrap())
    };
    weights.iter().map(positive).collect()
}

/// Runs the network with weights that its owner encrypts, and gives how far the results are from the same program's clear run.
fn worst_error(params: ClearParams) -> f64 {
    let (network, inputs) = (network(), inputs(3));
    let weights = weights(&network);
    let profile = Clear::profile(&params).unwrap();
    let settled = compile_for(&network, &weights, &inputs, &Options::default(), &profile).unwrap();
    let program = EncryptedProgram::compile(settled.network(), &weights, &profile).unwrap();
    let (pattern, mut rng) = (&program.pattern, ChaCha20Rng::seed_from_u64(1));

    let needs = pattern.symbolic_encrypted(&profile, 1).unwrap().needs;
    assert!(needs.relinearisation.is_some());
    let keys = Clear::keygen(&params, &needs, &mut rng).unwrap();
    let encryptor = Clear::encryptor(&params, &keys.secret).unwrap();
    let mut model = Vec::new();
    let encrypt = &mut |vector: Diagonal, at: Level| {
        model.push(encryptor.encrypt(&vector, at, &mut rng)?);
        Ok(())
    };
    program.vectors(encrypt).unwrap();
    let described = pattern.encrypted_weights(&profile).unwrap();
    assert_eq!(described.ciphertexts, model.len());

    let evaluator = Clear::evaluator(&params, keys.evaluation).unwrap();
    let mut model = model.into_iter();
    let prepared =
        pattern.prepare_encrypted(&evaluator, &mut |_| Ok(model.next().unwrap()), &mut |_| {}).unwrap();
    assert_eq!(model.len(), 0, "every ciphertext has its place");
    let samples = (0..inputs.batch()).map(|i| {
        let blocks = pattern.pack(&inputs.rows(i, i + 1)).unwrap();
        let encrypted = blocks.iter().map(|block| encryptor.encrypt(block, pattern.input_level(), &mut rng));
        encrypted.collect::<Result<Vec<_>, _>>().unwrap()
    });
    let samples = samples.collect();
    let results = prepared.run(&evaluator, samples, &mut |_| {}).unwrap();
    let decryptor = Clear::decryptor(&params, &keys.secret).unwrap();
    let expected = clear::run(settled.network(), &weights, &inputs).unwrap();
    let values = results.iter().flat_map(|blocks| {
        let blocks: Vec<_> = blocks.iter().map(|block| decryptor.decrypt(block).unwrap()).collect();
        pattern.unpack(&blocks, 1).unwrap().into_data()
    });
    values.zip(expected.data()).map(|(value, expected)| (value - expected).abs()).fold(0.0, f64::max)
}

#[test]
fn a_sparse_product_with_hidden_weights_computes_the_network() {
    assert!(worst_error(ClearParams::new(64, Level::new(12)).unwrap()) < 1e-9);
}

#[test]
fn diagonals_with_hidden_weights_compute_the_network() {
    let params = ClearParams::new(256, Level::new(12)).unwrap().with_linear(LinearStyle::Diagonals);
    assert!(worst_error(params) < 1e-9);
}

#[test]
fn the_shape_does_not_tell_zeros() {
    let network = network();
    let profile = Clear::profile(&ClearParams::new(64, Level::new(12)).unwrap()).unwrap();
    let settled =
        compile_for(&network, &weights(&network), &inputs(3), &Options::default(), &profile).unwrap();
    let mut pruned = weights(&network);
    let fc = pruned.get("fc1.weight").unwrap().clone();
    let sparse = fc.data().iter().enumerate().map(|(i, value)| if i % 3 == 0 { 0.0 } else { *value });
    pruned.insert("fc1.weight", Tensor::new(fc.shape(), sparse.collect()).unwrap());
    let count = |weights: &Weights| {
        let mut count = 0;
        let program = EncryptedProgram::compile(settled.network(), weights, &profile).unwrap();
        program
            .vectors(&mut |_, _| {
                count += 1;
                Ok(())
            })
            .unwrap();
        count
    };
    assert_eq!(count(&pruned), count(&weights(&network)));
}

#[test]
fn weights_that_change_the_steps_are_refused() {
    let network = network();
    let profile = Clear::profile(&ClearParams::new(64, Level::new(12)).unwrap()).unwrap();
    let settled =
        compile_for(&network, &weights(&network), &inputs(3), &Options::default(), &profile).unwrap();
    // A program for other polynomials is none of the pattern's.
    let other = compile_for(&network, &weights(&network), &inputs(1), &Options::default(), &profile).unwrap();
    let mut mixed = EncryptedProgram::compile(settled.network(), &weights(&network), &profile).unwrap();
    mixed.values = EncryptedProgram::compile(other.network(), &weights(&network), &profile).unwrap().values;
    let refused = mixed.vectors(&mut |_, _| Ok(())).is_err() || settled.network() != other.network();
    assert!(refused);
    // Weights of another network do not compile at all.
    assert!(matches!(
        EncryptedProgram::compile(settled.network(), &Weights::new(), &profile),
        Err(Error::MissingTensor { .. })
    ));
}

#[test]
fn generic_weights_are_all_different() {
    let weights = pattern_weights(&network());
    let mut values: Vec<f64> = weights.iter().flat_map(|(_, tensor)| tensor.data().to_vec()).collect();
    let count = values.len();
    values.sort_by(f64::total_cmp);
    values.dedup();
    assert_eq!(values.len(), count);
    assert!(!values.contains(&0.0));
}
