//! What MORE does not carry: networks that make far more of the random numbers beside values than of the values themselves.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use backend_more::More;
use he_traits::{ClientScheme, Keep, Profile, Requirements, Scheme};
use nn_layers::{Activation, Conv2d, Error, Network, Options, Tensor, Weights, compile, compile_for};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// Mixed differences of neighbours times `gain`, plus 0.9, squared four times: nothing of planes, and much of noise.
fn differences(gain: f64) -> (Network, Weights) {
    let mut network = Network::builder("differences", &[1, 8, 8]);
    network.layer("difference", Conv2d::new(1, 1, 2));
    for square in ["a", "b", "c", "d"] {
        network.layer(square, Activation::Square);
    }
    let mut weights = Weights::new();
    let kernel = vec![gain, -gain, -gain, gain];
    weights.insert("difference.weight", Tensor::new(&[1, 1, 2, 2], kernel).unwrap());
    weights.insert("difference.bias", Tensor::new(&[1], vec![0.9]).unwrap());
    (network.build().unwrap(), weights)
}

/// Planes between -1 and 1, a little bent, each turned a little further than the one before.
fn planes(count: usize) -> Tensor {
    let number = |at: usize| {
        let turn = 0.3 * (at / 64) as f64;
        let (y, x) = ((at % 64 / 8) as f64 / 3.5 - 1.0, (at % 8) as f64 / 3.5 - 1.0);
        0.5 * (turn.cos() * x + turn.sin() * y) + 1e-4 * x * y
    };
    Tensor::new(&[count, 1, 8, 8], (0..count * 64).map(number).collect()).unwrap()
}

/// The largest error of an encrypted run, relative to the root mean square of the outputs.
fn error(network: &Network, weights: &Weights, inputs: &Tensor) -> f64 {
    let requirements = Requirements { depth: 5, slots: 64, precision_bits: 20, bound: 2.0 };
    let params = More::parameters(&requirements).unwrap();
    let profile = Profile { companions: false, ..More::profile(&params).unwrap() };
    let program = compile_for(network, weights, inputs, &Options::default(), &profile).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let keys = More::keygen(&params, &program.symbolic(&profile).unwrap().needs, &mut rng).unwrap();
    let encryptor = More::encryptor(&params, &keys.secret).unwrap();
    let decryptor = More::decryptor(&params, &keys.secret).unwrap();
    let evaluator = More::evaluator(&params, keys.evaluation).unwrap();
    let prepared = program.prepare(&evaluator, Keep::Encoded, &mut |_| {}).unwrap();
    let encrypted = program.encrypt(&encryptor, inputs, &mut rng).unwrap();
    let results = prepared.run(&evaluator, encrypted, &mut |_| {}).unwrap();
    let outputs = program.decrypt(&decryptor, &results, inputs.batch()).unwrap();
    let clear = program.clear(inputs).unwrap();
    let square = |x: &f64| x * x;
    let typical = (clear.data().iter().map(square).sum::<f64>() / clear.data().len() as f64).sqrt();
    let apart = outputs.data().iter().zip(clear.data()).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f64::max) / typical
}

#[test]
fn what_is_refused_would_drown_and_what_is_taken_does_not() {
    let inputs = planes(16);
    let mut refused = 0;
    for gain in [1.0, 2.0, 10.0, 30.0, 100.0] {
        let (network, weights) = differences(gain);
        let error = error(&network, &weights, &inputs);
        match compile::<More>(&network, &weights, &inputs, &Options::default()) {
            Ok(_) => assert!(error < 1e-3, "gain {gain} is taken, and is off by {error:e}"),
            Err(Error::Drowned { growth, .. }) => {
                refused += 1;
                assert!(
                    growth > 1e12 && error > 1e-6,
                    "gain {gain} is refused, and is off by {error:e} only"
                );
            }
            Err(other) => panic!("{other}"),
        }
        println!("gain {gain}: {error:e}");
    }
    assert!((1..5).contains(&refused), "{refused} of 5 refused");
}
