//! The way of files with weights that the server does not see, and the size of such a model.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use backend_ckks::{Ckks, Parameters};
use backend_more::More;
use exchange::owner::{Owner, keygen};
use exchange::server::Server;
use exchange::{Error, Kind, Reader, Setup, Writer};
use he_traits::{Clear, ClientScheme, Keep, Level, Scheme};
use nn_layers::{Activation, Linear, Network, Options, Tensor, Weights, train};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn network() -> (Network, Weights) {
    let mut n = Network::builder("mine", &[24]);
    n.layer("fc1", Linear::new(24, 16));
    n.layer("act1", Activation::Tanh);
    n.layer("fc2", Linear::new(16, 5));
    let network = n.build().unwrap();
    let weights = train::xavier(&network, 3);
    (network, weights)
}

fn inputs(count: usize) -> Tensor {
    Tensor::new(&[count, 24], (0..count * 24).map(|i| (i as f64 * 0.7).sin()).collect()).unwrap()
}

struct Files {
    secret: PathBuf,
    evaluation: PathBuf,
    model: PathBuf,
    request: PathBuf,
    results: PathBuf,
}

/// Keys, encrypted weights and a request, each in its file.
fn owner_files<S: ClientScheme>(folder: &Path, count: usize) -> Files {
    let (network, weights) = network();
    let [secret, evaluation, model, request, results] =
        ["secret", "evaluation", "model", "request", "results"].map(|name| folder.join(name));
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let compiled = nn_layers::compile::<S>(&network, &weights, &inputs(64), &Options::default()).unwrap();
    let setup = Setup::<S>::with_encrypted_weights(&network, compiled).unwrap();
    keygen(&setup, &secret, &evaluation, &mut rng, &mut |_| {}).unwrap();
    let owner = owner::<S>(&secret);
    let mut writer = Writer::create(&model, &owner.model_header().unwrap()).unwrap();
    owner.encrypt_model(&weights, &mut writer, &mut rng, &mut |_| {}).unwrap();
    writer.finish().unwrap();
    let mut writer = Writer::create(&request, &owner.request_header(count)).unwrap();
    owner.encrypt(&inputs(count), &mut writer, &mut rng, &mut |_| {}).unwrap();
    writer.finish().unwrap();
    Files { secret, evaluation, model, request, results }
}

fn owner<S: ClientScheme>(secret: &Path) -> Owner<S> {
    let (network, weights) = network();
    Owner::<S>::open(Reader::open(secret, Kind::SecretKey).unwrap(), &network, &weights).unwrap()
}

/// The server: it has the layers and no weights.
fn server<S: Scheme>(evaluation: &Path, model: &Path) -> exchange::Result<Server<S>> {
    let (network, _) = network();
    let keys = Reader::open(evaluation, Kind::EvaluationKeys)?;
    Server::open_encrypted(keys, Reader::open(model, Kind::Model)?, &network, |_| Ok(()), &mut |_| {})
}

fn held_against_clear<S: ClientScheme>(tolerance: f64) {
    let folder = tempfile::tempdir().unwrap();
    let files = owner_files::<S>(folder.path(), 11);
    let server = server::<S>(&files.evaluation, &files.model).unwrap();
    let mut request = Reader::open(&files.request, Kind::Request).unwrap();
    let header = server.results_header(request.header(), request.name()).unwrap();
    let model = Reader::open(&files.model, Kind::Model).unwrap();
    assert_eq!(header.model, model.header().model);
    let mut writer = Writer::create(&files.results, &header).unwrap();
    server.evaluate(&mut request, &mut writer, &mut |_, _| {}).unwrap();
    writer.finish().unwrap();

    let owner = owner::<S>(&files.secret);
    let values =
        owner.decrypt(&mut Reader::open(&files.results, Kind::Results).unwrap(), &mut |_| {}).unwrap();
    let (_, weights) = network();
    let expected = nn_layers::clear::run(owner.setup().program.network(), &weights, &inputs(11)).unwrap();
    for (value, expected) in values.data().iter().zip(expected.data()) {
        assert!((value - expected).abs() < tolerance, "{}: {value} instead of {expected}", S::NAME);
    }
}

#[test]
fn the_result_is_that_of_the_network_with_its_own_weights() {
    held_against_clear::<More>(1e-9);
    held_against_clear::<Clear>(1e-9);
}

#[test]
fn ckks_multiplies_by_weights_that_it_does_not_see() {
    held_against_clear::<Ckks>(1e-3);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| folder.path().join(name));
    let (files, other) = (owner_files::<More>(&here, 1), owner_files::<More>(&there, 1));
    // A model under another key.
    let refused = server::<More>(&files.evaluation, &other.model).err().unwrap();
    assert!(matches!(&refused, Error::Foreign { what: "keys", .. }), "{refused}");
    // Keys for encrypted weights, where the server has them in the clear.
    let (network, weights) = network();
    let keys = Reader::open(&files.evaluation, Kind::EvaluationKeys).unwrap();
    let refused =
        Server::<More>::open(keys, &network, &weights, |_, _| Ok(Keep::Encoded.into()), &mut |_| {})
            .err()
            .unwrap();
    assert!(refused.to_string().contains("was made for weights encrypted"), "{refused}");
    // A model without its last ciphertext.
    let mut model = Reader::open(&files.model, Kind::Model).unwrap();
    let short = folder.path().join("short");
    let mut writer = Writer::create(&short, model.header()).unwrap();
    for _ in 1..model.entries() {
        writer.push(&model.entry().unwrap()).unwrap();
    }
    writer.finish().unwrap();
    let refused = server::<More>(&files.evaluation, &short).err().unwrap();
    assert!(matches!(&refused, Error::Malformed { .. }), "{refused}");
    // Another file in its place.
    assert!(matches!(Reader::open(&files.request, Kind::Model), Err(Error::Kind { .. })));
    assert!(matches!(Reader::open(&files.secret, Kind::Model), Err(Error::SecretAtServer { .. })));
    // Weights that another network has.
    let owner = owner::<More>(&files.secret);
    let mut writer = Writer::create(&short, &owner.model_header().unwrap()).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    assert!(owner.encrypt_model(&Weights::new(), &mut writer, &mut rng, &mut |_| {}).is_err());
}

/// Bytes of one polynomial of a ciphertext at a level, each residue in as many bits as its prime has.
fn polynomial(params: &Parameters, level: Level) -> f64 {
    let primes = params.literal().chain.get(..=level.index()).unwrap();
    let bits: u32 = primes.iter().map(|prime| u64::BITS - prime.leading_zeros()).sum();
    params.degree() as f64 * f64::from(bits) / 8.0
}

#[test]
fn encrypted_weights_are_near_the_fewest_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let files = owner_files::<Ckks>(folder.path(), 1);
    let owner = owner::<Ckks>(&files.secret);
    let program = &owner.setup().program;
    // A fresh ciphertext is one polynomial and a seed; count them level by level.
    let counted = |level: Level| {
        let here = level.get().unwrap();
        program
            .steps()
            .iter()
            .map(|step| {
                let of_maps = if step.before.get() == Some(here) { step.terms() } else { &[] };
                let maps: usize = of_maps
                    .iter()
                    .map(|term| match term {
                        nn_layers::program::Term::Mapped { diagonals, .. } => *diagonals,
                        nn_layers::program::Term::Value(_) => 0,
                    })
                    .sum();
                let bias = match &step.kind {
                    nn_layers::StepKind::Linear { bias: Some(blocks), .. }
                        if step.after.get() == Some(here) =>
                    {
                        blocks.len()
                    }
                    _ => 0,
                };
                maps + bias
            })
            .sum::<usize>()
    };
    let top = owner.setup().profile.top.get().unwrap();
    let levels = (0..=top).map(Level::new);
    let fewest: f64 =
        levels.map(|level| counted(level) as f64 * polynomial(&owner.setup().params, level)).sum();
    let bytes = std::fs::metadata(&files.model).unwrap().len() as f64;
    assert!((1.0..1.05).contains(&(bytes / fewest)), "{bytes} bytes, {fewest} would do");

    // Under MORE a weight is four doubles; the pattern stores shared ones once.
    let files = owner_files::<More>(&folder.path().join("more"), 1);
    let (network, _) = network();
    let fewest = 32.0 * network.parameter_count() as f64;
    let bytes = std::fs::metadata(&files.model).unwrap().len() as f64;
    let overhead = bytes - fewest;
    assert!(overhead < 0.05 * fewest + 4096.0, "{bytes} bytes, {fewest} would do");
}
