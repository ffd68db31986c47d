//! Networks deeper than a small chain of native CKKS, with values that the owner decrypts and encrypts anew on the way.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::sync::Mutex;

use backend_ckks::{Ckks, Parameters};
use he_traits::decorators::RoundTrip;
use he_traits::{ClientScheme, Decryptor, Diagonal, Encryptor, Keep, Level, Parts, Scheme};
use models::seeded;
use nn_layers::{
    Add, Conv2d, Flatten, LearnedCubic, LearnedPolynomial, Linear, Network, Options, SqueezeExcitation,
    Weights, compile_for, train,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// Residual blocks with squeeze-and-excitation on images of 2 x 8 x 8.
fn network(blocks: usize) -> Network {
    let mut n = Network::builder("residual", &[2, 8, 8]);
    let mut x = n.layer("stem", Conv2d::new(2, 4, 3).padding(1));
    for block in 0..blocks {
        n.layer_on(&format!("{block}.conv1"), Conv2d::new(4, 4, 3).padding(1), &[x]);
        n.layer(&format!("{block}.act"), LearnedPolynomial::shared());
        let body = n.layer(&format!("{block}.conv2"), Conv2d::new(4, 4, 3).padding(1));
        let body = SqueezeExcitation::new(4, 2)
            .activation(LearnedPolynomial::shared())
            .gate(LearnedCubic::odd())
            .add_to(&mut n, &format!("{block}.se"), body);
        x = n.layer_on(&format!("{block}.add"), Add, &[body, x]);
    }
    n.layer_on("flatten", Flatten, &[x]);
    n.layer("fc", Linear::new(256, 5));
    n.build().unwrap()
}

#[test]
fn a_network_deeper_than_the_chain_agrees_with_the_clear_result() {
    for (blocks, depth, seed) in [(1, 4, 1), (2, 5, 2), (3, 8, 3)] {
        let network = network(blocks);
        let inputs = seeded::images([2, 8, 8], 16, seed);
        let weights: Weights = train::scaled(&network, &inputs, seed).unwrap();
        // A ring of 256 slots: four channels of 8 x 8 fill one ciphertext.
        let params = Parameters::insecure_for_tests(512, depth, 40).unwrap();
        let profile = Ckks::profile(&params).unwrap();
        let options = Options { round_trips: true, ..Options::default() };
        let program = compile_for(&network, &weights, &inputs, &options, &profile).unwrap();
        assert!(program.depth() > depth as u32 && program.rounds() > 0, "{}", program.depth());
        let profile = profile.with_round_trips(32.0);
        let needs = program.symbolic(&profile).unwrap().needs;
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let keys = Ckks::keygen(&params, &needs, &mut rng).unwrap();
        let encryptor = Ckks::encryptor(&params, &keys.secret).unwrap();
        let decryptor = Ckks::decryptor(&params, &keys.secret).unwrap();
        let randomness = Mutex::new(ChaCha20Rng::seed_from_u64(seed + 1));
        let owner = |x: &[&backend_ckks::Ciphertext], _: Parts, to: Level| {
            let mut rng = randomness.lock().unwrap();
            x.iter()
                .map(|x| encryptor.encrypt(&Diagonal::Real(decryptor.decrypt(x)?), to, &mut *rng))
                .collect()
        };
        let evaluator = RoundTrip::new(Ckks::evaluator(&params, keys.evaluation).unwrap(), 32.0, owner);
        let prepared = program.prepare(&evaluator, Keep::Encoded, &mut |_| {}).unwrap();
        let batch = inputs.rows(0, 2);
        let encrypted = program.encrypt(&encryptor, &batch, &mut rng).unwrap();
        let results = prepared.run(&evaluator, encrypted, &mut |_| {}).unwrap();
        let outputs = program.decrypt(&decryptor, &results, batch.batch()).unwrap();
        let clear = program.clear(&batch).unwrap();
        let rms = (clear.data().iter().map(|x| x * x).sum::<f64>() / clear.data().len() as f64).sqrt();
        let worst = outputs.data().iter().zip(clear.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-4 * rms, "{blocks} blocks: {worst} of {rms}");
        // Both samples travel together: as many rounds as one of them, twice the ciphertexts and bytes.
        let (trips, planned) = (evaluator.trips(), program.round_trips(&profile));
        assert_eq!((trips.rounds, trips.ciphertexts), (planned.rounds, 2 * planned.ciphertexts));
        // Planned bytes come from a fit of sizes over the levels, summed up in another order.
        for (counted, planned) in [(trips.bytes_up, planned.bytes_up), (trips.bytes_down, planned.bytes_down)]
        {
            assert!((counted - 2.0 * planned).abs() < 1e-9 * counted, "{counted} bytes for twice {planned}");
        }
    }
}
