//! Owners with keys, requests and what is expected of them.

use std::path::{Path, PathBuf};

use backend_ckks::Ckks;
use exchange::owner::{Owner, keygen};
use exchange::{Kind, Reader, Setup, Writer};
use henna_service::tokens::Tokens;
use nn_layers::{Options, Tensor};
use rand_chacha::ChaCha20Rng;

/// Requests an owner, sent again and again: encrypting is not what is measured.
const REQUESTS: usize = 4;
/// Inputs that ranges of activations are calibrated on.
const CALIBRATION: usize = 512;
/// What CKKS and its polynomials may differ from the compiled network in the clear.
const TOLERANCE: f64 = 2e-3;

pub(crate) struct Party {
    pub(crate) token: String,
    pub(crate) evaluation: PathBuf,
    requests: Vec<(PathBuf, Tensor)>,
    owner: Owner<Ckks>,
}

impl Party {
    pub(crate) fn new(folder: &Path, model: &str, samples: usize, store: &Path) -> Self {
        let model = models::find(model).unwrap();
        let (network, stored) = ((model.network)().unwrap(), model.weights().unwrap());
        let calibration = (model.calibration_inputs)(CALIBRATION, &stored).unwrap();
        let setup =
            Setup::<Ckks>::compile(&network, &stored.weights, &calibration, &Options::default()).unwrap();
        let (secret, evaluation) = (folder.join("secret"), folder.join("evaluation"));
        let mut rng: ChaCha20Rng = rand::make_rng();
        keygen(&setup, &secret, &evaluation, &mut rng, &mut |_| {}).unwrap();
        let secret = Reader::open(&secret, Kind::SecretKey).unwrap();
        let owner = Owner::<Ckks>::open(secret, &network, &stored.weights).unwrap();
        let inputs = (model.test_samples)(REQUESTS * samples, &stored).unwrap().inputs;
        let request = |number: usize| {
            let path = folder.join(format!("request-{number}"));
            let part = inputs.rows(number * samples, (number + 1) * samples);
            let mut request = Writer::create(&path, &owner.request_header(samples)).unwrap();
            owner.encrypt(&part, &mut request, &mut rand::make_rng::<ChaCha20Rng>(), &mut |_| {}).unwrap();
            request.finish().unwrap();
            (path, setup.program.clear(&part).unwrap())
        };
        let requests = (0..REQUESTS).map(request).collect();
        let token =
            Tokens::of(store).add(&format!("owner-{}", folder.file_name().unwrap().display())).unwrap();
        Self { token, evaluation, requests, owner }
    }

    pub(crate) fn request(&self, number: usize) -> &Path {
        &self.requests[number % REQUESTS].0
    }

    /// Whether these are the results of that request.
    pub(crate) fn check(&self, number: usize, results: &[u8]) -> Result<(), String> {
        let reader = Reader::new("results", std::io::Cursor::new(results), Kind::Results);
        let mut reader = reader.map_err(|error| error.to_string())?;
        let values = self.owner.decrypt(&mut reader, &mut |_| {}).map_err(|error| error.to_string())?;
        let expected = &self.requests[number % REQUESTS].1;
        let far = values.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        if values.shape() == expected.shape() && far < TOLERANCE {
            Ok(())
        } else {
            Err(format!("a result is off by {far}"))
        }
    }
}
