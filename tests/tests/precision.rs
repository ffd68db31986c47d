//! Precision after each step, held against errors that are known: of an owner who loses bits on purpose, of scales, of the schemes' own noise.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use backend_ckks::{Ckks, Parameters};
use backend_more::More;
use he_traits::decorators::{Checked, RoundTrip};
use he_traits::{
    Clear, ClearCiphertext, ClearParams, ClientScheme, Diagonal, Keep, Level, LinearStyle, Parts,
    Requirements, Scheme,
};
use models::seeded;
use nn_layers::{
    Activation, Conv2d, Flatten, Linear, Network, NetworkBuilder, Options, StepKind, StepPrecision, Tensor,
    Weights, compile_for, train,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// Adds a layer of that name.
type Layer = fn(&mut NetworkBuilder, &str);

/// A convolution, its square, and two fully connected layers with a square between; up to and including the layer of that name.
fn network_up_to(last: &str) -> Network {
    let mut n = Network::builder("small", &[2, 8, 8]);
    let layers: [(&str, Layer); 6] = [
        ("conv", |n, name| {
            n.layer(name, Conv2d::new(2, 4, 3).padding(1));
        }),
        ("act1", square),
        ("flatten", |n, name| {
            n.layer(name, Flatten);
        }),
        ("fc1", |n, name| {
            n.layer(name, Linear::new(256, 10));
        }),
        ("act2", square),
        ("fc2", |n, name| {
            n.layer(name, Linear::new(10, 5));
        }),
    ];
    for (name, add) in layers {
        add(&mut n, name);
        if name == last {
            break;
        }
    }
    n.build().unwrap()
}

fn square(n: &mut NetworkBuilder, name: &str) {
    n.layer(name, Activation::Square);
}

fn subject() -> (Network, Weights, Tensor) {
    let network = network_up_to("fc2");
    let inputs = seeded::images([2, 8, 8], 16, 3);
    let weights = train::scaled(&network, &inputs, 3).unwrap();
    (network, weights, inputs)
}

/// Names of the steps with their precision, under a scheme with these parameters.
fn under<S: ClientScheme>(params: &S::Params) -> Vec<(String, StepPrecision)> {
    let (network, weights, inputs) = subject();
    let profile = S::profile(params).unwrap();
    let program = compile_for(&network, &weights, &inputs, &Options::default(), &profile).unwrap();
    let needs = program.symbolic(&profile).unwrap().needs;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let keys = S::keygen(params, &needs, &mut rng).unwrap();
    let encryptor = S::encryptor(params, &keys.secret).unwrap();
    let decryptor = S::decryptor(params, &keys.secret).unwrap();
    let checked =
        Checked::beside_clear(S::evaluator(params, keys.evaluation).unwrap(), decryptor, None).unwrap();
    let prepared = program.prepare(&checked, Keep::Values, &mut |_| {}).unwrap();
    let blocks = program.pack(&inputs.rows(0, 1)).unwrap();
    let sample = blocks
        .iter()
        .map(|block| checked.encrypt(&encryptor, block, program.input_level(), &mut rng).unwrap())
        .collect();
    let found = prepared.precision(&checked, checked.hook(), vec![sample], &mut |_| {}).unwrap();
    // What the values of each step are in the clear, by the executor on the network cut off there.
    for (step, found) in program.steps().iter().zip(&found) {
        let values = run_to(step.name.rsplit('+').next().unwrap(), &weights, &inputs.rows(0, 1));
        assert_eq!(found.elements, values.len(), "{}", step.name);
        assert!((found.rms - rms(&values)).abs() < 1e-9 * found.rms, "{}", step.name);
    }
    program.steps().iter().map(|step| step.name.clone()).zip(found).collect()
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt()
}

fn typical(steps: &[(String, StepPrecision)]) -> Vec<f64> {
    steps.iter().map(|(_, step)| step.typical_bits().unwrap()).collect()
}

#[test]
fn schemes_have_the_bits_of_their_numbers() {
    let more = More::parameters(&requirements(256)).unwrap();
    let more = under::<More>(&more);
    assert!(typical(&more).iter().all(|bits| (45.0..53.0).contains(bits)), "{more:?}");

    let at_scale = |bits| under::<Ckks>(&Parameters::insecure_for_tests(512, 5, bits).unwrap());
    let (fine, coarse) = (at_scale(45), at_scale(35));
    assert_eq!(fine.len(), 5);
    for (index, (fine, coarse)) in typical(&fine).iter().zip(typical(&coarse)).enumerate() {
        // What the scale gives less noise of some bits, and ten bits of scale are ten bits of precision, at every step.
        assert!((28.0..45.0).contains(fine), "step {index}: {fine}");
        assert!((fine - coarse - 10.0).abs() < 3.0, "step {index}: {fine} and {coarse}");
    }
    for (name, step) in more.iter().chain(&fine) {
        assert!(step.worst_bits().unwrap() <= step.typical_bits().unwrap(), "{name}");
    }
}

#[cfg(feature = "seal")]
#[test]
fn seal_has_the_bits_of_its_scale() {
    let params = backend_seal::Seal::parameters(&requirements(256)).unwrap();
    let steps = under::<backend_seal::Seal>(&params);
    assert!(typical(&steps).iter().all(|bits| (10.0..40.0).contains(bits)), "{steps:?}");
}

fn requirements(slots: usize) -> Requirements {
    Requirements { depth: 5, slots, precision_bits: 20, bound: 32.0 }
}

#[test]
fn what_an_owner_loses_shows_from_there_on() {
    let (network, weights, inputs) = subject();
    let params = ClearParams::new(256, Level::new(3)).unwrap().with_linear(LinearStyle::Diagonals);
    let profile = Clear::profile(&params).unwrap();
    let options = Options { round_trips: true, ..Options::default() };
    let program = compile_for(&network, &weights, &inputs, &options, &profile).unwrap();
    let cut = program.steps().iter().position(|step| matches!(step.kind, StepKind::Refresh { .. })).unwrap();
    let needs = program.symbolic(&profile.clone().with_round_trips(1e3)).unwrap().needs;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let keys = Clear::keygen(&params, &needs, &mut rng).unwrap();
    let encryptor = Clear::encryptor(&params, &keys.secret).unwrap();
    let decryptor = Clear::decryptor(&params, &keys.secret).unwrap();
    let evaluator = Clear::evaluator(&params, keys.evaluation).unwrap();

    // The owner is 2^-10 off in every slot.
    let off = (-10.0_f64).exp2();
    let checked = Checked::beside_clear(evaluator, decryptor, None).unwrap();
    let again = |x: &[&(ClearCiphertext, ClearCiphertext)], _: Parts, to: Level| {
        let fresh = |x: &ClearCiphertext, by: f64| {
            let slots = x.slots().iter().map(|slot| slot.re + by).collect();
            ClearCiphertext::new(&params, &Diagonal::Real(slots), to)
        };
        x.iter().map(|(encrypted, clear)| Ok((fresh(encrypted, off)?, fresh(clear, 0.0)?))).collect()
    };
    let evaluator = RoundTrip::new(checked, 1e3, again);
    let prepared = program.prepare(&evaluator, Keep::Values, &mut |_| {}).unwrap();
    let sample = inputs.rows(0, 1);
    let blocks = program.pack(&sample).unwrap();
    let encrypted = blocks
        .iter()
        .map(|block| evaluator.inner().encrypt(&encryptor, block, program.input_level(), &mut rng).unwrap())
        .collect();
    let found =
        prepared.precision(&evaluator, evaluator.inner().hook(), vec![encrypted], &mut |_| {}).unwrap();
    assert!(found[..cut].iter().all(|step| step.largest_error == 0.0 && step.worst_bits().is_none()));
    let refreshed = &found[cut];
    assert!((refreshed.largest_error - off).abs() < 1e-12 && (refreshed.rms_error - off).abs() < 1e-12);
    assert!((refreshed.typical_bits().unwrap() - (10.0 + refreshed.rms.log2())).abs() < 1e-6);
    assert!(found[cut..].iter().all(|step| step.typical_bits().unwrap() < 20.0), "{found:?}");

    // The same error, in the clear: the network from the value that was refreshed.
    let before = &program.steps()[cut - 1].name;
    assert_eq!(before.rsplit('+').next().unwrap(), "act1");
    let value = run_to("act1", &weights, &sample);
    let after = |value: &[f64]| rest(&weights, value);
    let moved: Vec<f64> = value.iter().map(|x| x + off).collect();
    let errors: Vec<f64> = after(&moved).iter().zip(after(&value)).map(|(a, b)| a - b).collect();
    let last = found.last().unwrap();
    assert!((last.rms_error - rms(&errors)).abs() < 1e-9 * last.rms_error, "{last:?} {errors:?}");
}

/// The network's values after a layer.
fn run_to(last: &str, weights: &Weights, sample: &Tensor) -> Vec<f64> {
    let cut = network_up_to(last);
    nn_layers::clear::run(&cut, &of(&cut, weights), sample).unwrap().into_data()
}

/// The outputs that follow from the values after `act1`.
fn rest(weights: &Weights, value: &[f64]) -> Vec<f64> {
    let mut n = Network::builder("rest", &[256]);
    n.layer("fc1", Linear::new(256, 10));
    n.layer("act2", Activation::Square);
    n.layer("fc2", Linear::new(10, 5));
    let network = n.build().unwrap();
    let value = Tensor::new(&[1, 256], value.to_vec()).unwrap();
    nn_layers::clear::run(&network, &of(&network, weights), &value).unwrap().into_data()
}

/// The weights of a part of the network.
fn of(part: &Network, weights: &Weights) -> Weights {
    let own = |name: &str| part.parameters().any(|(own, _)| own == name);
    let own = weights.iter().filter(|(name, _)| own(name));
    own.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect()
}
