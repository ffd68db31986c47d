//! CKKS files against the fewest bytes that hold what they must hold: for each residue as many bits as its prime has, nothing for
//! uniform halves, which seeds stand for.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use backend_ckks::{Ckks, Parameters};
use exchange::owner::{Owner, keygen};
use exchange::server::Server;
use exchange::{Kind, Reader, Setup, Writer};
use he_traits::{Keep, Level};
use nn_layers::{Activation, Linear, Network, Options, Tensor, Weights, train};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// Most that a file may have above the fewest bytes.
const SLACK: f64 = 1.05;

fn network() -> (Network, Weights) {
    let mut n = Network::builder("mine", &[24]);
    n.layer("fc1", Linear::new(24, 12));
    n.layer("act1", Activation::Square);
    n.layer("fc2", Linear::new(12, 5));
    let network = n.build().unwrap();
    let weights = train::xavier(&network, 3);
    (network, weights)
}

fn inputs(count: usize) -> Tensor {
    Tensor::new(&[count, 24], (0..count * 24).map(|i| (i as f64 * 0.7).sin()).collect()).unwrap()
}

fn bits(primes: &[u64]) -> u64 {
    primes.iter().map(|prime| u64::from(u64::BITS - prime.leading_zeros())).sum()
}

/// Bytes of one polynomial of a ciphertext at a level.
fn polynomial(params: &Parameters, level: Level) -> u64 {
    params.degree() as u64 * bits(params.literal().chain.get(..=level.index()).unwrap()) / 8
}

/// Bytes of one half of a switching key for a level: a polynomial a digit, over the level's primes and the special ones.
fn key(params: &Parameters, level: Level) -> u64 {
    let special = &params.literal().special;
    let digits = (level.index() + 1).div_ceil(special.len()) as u64;
    digits * (polynomial(params, level) + params.degree() as u64 * bits(special) / 8)
}

fn close(what: &str, path: &Path, fewest: u64) {
    let bytes = std::fs::metadata(path).unwrap().len();
    let ratio = bytes as f64 / fewest as f64;
    assert!((1.0..SLACK).contains(&ratio), "{what}: {bytes} bytes, {fewest} would do ({ratio:.3})");
}

#[test]
fn files_are_near_the_fewest_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [secret, evaluation, request, results] =
        ["secret", "evaluation", "request", "results"].map(|name| folder.path().join(name));
    let (network, weights) = network();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let setup = Setup::<Ckks>::compile(&network, &weights, &inputs(64), &Options::default()).unwrap();
    let sizes = keygen(&setup, &secret, &evaluation, &mut rng, &mut |_| {}).unwrap();
    let (params, program) = (&setup.params, &setup.program);

    let needs = program.symbolic(&setup.profile).unwrap().needs;
    let levels = || needs.rotations.values().chain(&needs.relinearisation).chain(&needs.conjugation);
    assert!(needs.rotations.len() > 3 && needs.relinearisation.is_some());
    close("evaluation keys", &evaluation, levels().map(|level| key(params, *level)).sum());
    // Keys for the level of their use are worth it: those that are used below the top are smaller.
    let all_at_top: u64 = levels().map(|_| key(params, setup.profile.top)).sum();
    assert!(sizes.evaluation < all_at_top, "{} bytes, {all_at_top} at the top", sizes.evaluation);
    // A coefficient of the secret is -1, 0 or 1 and takes a byte.
    assert!(sizes.secret < params.degree() as u64 + 3000, "{} bytes of a secret", sizes.secret);

    let owner =
        Owner::<Ckks>::open(Reader::open(&secret, Kind::SecretKey).unwrap(), &network, &weights).unwrap();
    let mut writer = Writer::create(&request, &owner.request_header(2)).unwrap();
    owner.encrypt(&inputs(2), &mut writer, &mut rng, &mut |_| {}).unwrap();
    writer.finish().unwrap();
    let fresh = polynomial(params, program.input_level());
    close("request", &request, 2 * program.input_layout().blocks() as u64 * fresh);

    let keys = Reader::open(&evaluation, Kind::EvaluationKeys).unwrap();
    let server =
        Server::<Ckks>::open(keys, &network, &weights, |_, _| Ok(Keep::Values.into()), &mut |_| {}).unwrap();
    let mut request = Reader::open(&request, Kind::Request).unwrap();
    let header = server.results_header(request.header(), "request").unwrap();
    let mut writer = Writer::create(&results, &header).unwrap();
    server.evaluate(&mut request, &mut writer, &mut |_, _| {}).unwrap();
    writer.finish().unwrap();
    // No seed stands for any half of a result.
    close(
        "results",
        &results,
        2 * program.output_layout().blocks() as u64 * 2 * polynomial(params, Level::new(0)),
    );

    let mut reader = Reader::open(&results, Kind::Results).unwrap();
    let values = owner.decrypt(&mut reader, &mut |_| {}).unwrap();
    let expected = nn_layers::clear::run(&network, &weights, &inputs(2)).unwrap();
    for (value, expected) in values.data().iter().zip(expected.data()) {
        assert!((value - expected).abs() < 1e-3, "{value} instead of {expected}");
    }
}
