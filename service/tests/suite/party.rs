//! A data owner under MORE, with a small network.

use std::path::{Path, PathBuf};

use backend_more::More;
use exchange::owner::{Owner, keygen};
use exchange::{Kind, Reader, Setup, Writer};
use henna_service::Served;
use nn_layers::{Activation, Linear, Network, Options, Tensor, Weights, clear, train};
use rand_chacha::ChaCha20Rng;
use tempfile::TempDir;

pub(crate) fn network(hidden: usize) -> (Network, Weights) {
    let mut n = Network::builder("mine", &[5]);
    n.layer("fc1", Linear::new(5, hidden));
    n.layer("act1", Activation::Tanh);
    n.layer("fc2", Linear::new(hidden, 3));
    let network = n.build().unwrap();
    let weights = train::xavier(&network, 3);
    (network, weights)
}

pub(crate) fn inputs(count: usize) -> Tensor {
    Tensor::new(&[count, 5], (0..count * 5).map(|i| (i as f64 * 0.7).sin()).collect()).unwrap()
}

pub(crate) fn served(hidden: usize) -> Served {
    let (network, weights) = network(hidden);
    Served::new("a network for tests".to_owned(), "seeded".to_owned(), network, weights)
}

pub(crate) struct Party {
    pub(crate) folder: TempDir,
    pub(crate) secret: PathBuf,
    pub(crate) evaluation: PathBuf,
    /// The encrypted weights, where they are.
    pub(crate) model: PathBuf,
    /// Number of the keys.
    pub(crate) number: String,
    network: Network,
    weights: Weights,
    owner: Owner<More>,
}

impl Party {
    pub(crate) fn new() -> Self {
        Self::of(8)
    }

    pub(crate) fn of(hidden: usize) -> Self {
        let (network, weights) = network(hidden);
        let setup = Setup::<More>::compile(&network, &weights, &inputs(8), &Options::default()).unwrap();
        Self::with(&setup, network, weights)
    }

    /// With weights that the server does not have.
    pub(crate) fn encrypted(hidden: usize) -> Self {
        let (network, weights) = network(hidden);
        let compiled =
            nn_layers::compile::<More>(&network, &weights, &inputs(8), &Options::default()).unwrap();
        let setup = Setup::<More>::with_encrypted_weights(&network, compiled).unwrap();
        let party = Self::with(&setup, network, weights);
        let mut model = Writer::create(&party.model, &party.owner.model_header().unwrap()).unwrap();
        let mut rng: ChaCha20Rng = rand::make_rng();
        party.owner.encrypt_model(&party.weights, &mut model, &mut rng, &mut |_| {}).unwrap();
        model.finish().unwrap();
        party
    }

    fn with(setup: &Setup<More>, network: Network, weights: Weights) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [secret, evaluation, model] =
            ["owner/secret", "evaluation", "model"].map(|name| folder.path().join(name));
        let mut rng: ChaCha20Rng = rand::make_rng();
        keygen(setup, &secret, &evaluation, &mut rng, &mut |_| {}).unwrap();
        let keys = Reader::open(&secret, Kind::SecretKey).unwrap();
        let number = keys.header().keys.clone();
        let owner = Owner::open(keys, &network, &weights).unwrap();
        Self { folder, secret, evaluation, model, number, network, weights, owner }
    }

    pub(crate) fn request(&self, samples: usize) -> PathBuf {
        let path = self.folder.path().join(format!("request-{samples}"));
        let mut request = Writer::create(&path, &self.owner.request_header(samples)).unwrap();
        let mut rng: ChaCha20Rng = rand::make_rng();
        self.owner.encrypt(&inputs(samples), &mut request, &mut rng, &mut |_| {}).unwrap();
        request.finish().unwrap();
        path
    }

    /// Holds results against the network itself.
    pub(crate) fn check(&self, results: &[u8], samples: usize) {
        let mut reader = Reader::new("results", std::io::Cursor::new(results), Kind::Results).unwrap();
        let values = self.owner.decrypt(&mut reader, &mut |_| {}).unwrap();
        let expected = clear::run(&self.network, &self.weights, &inputs(samples)).unwrap();
        assert_eq!(values.shape(), expected.shape());
        for (value, expected) in values.data().iter().zip(expected.data()) {
            assert!((value - expected).abs() < 1e-9, "{value} instead of {expected}");
        }
    }
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
