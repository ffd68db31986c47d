//! Owner and server as two parties: they share files and nothing else. Each function stands for a program of its own.

use std::path::Path;

use henna::exchange::owner::{Owner, keygen};
use henna::exchange::server::Server;
use henna::exchange::{Kind, Reader, Result, Setup, Writer};
use henna::layers::{Options, Tensor};
use henna::traits::{ClientScheme, Keep, Scheme};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::{network, weights};

/// The owner, once: `secret` stays, `evaluation` goes to the server. Keys come from a generator that nobody can foresee: one seeded by
/// the operating system.
pub fn make_keys<S: ClientScheme>(
    calibration: &Tensor,
    secret: &Path,
    evaluation: &Path,
    seed: [u8; 32],
) -> Result<()> {
    let network = network()?;
    let setup = Setup::<S>::compile(&network, &weights(&network), calibration, &Options::default())?;
    keygen(&setup, secret, evaluation, &mut ChaCha20Rng::from_seed(seed), &mut |_| {})?;
    Ok(())
}

/// The owner, for each batch of images.
pub fn encrypt<S: ClientScheme>(
    images: &Tensor,
    secret: &Path,
    request: &Path,
    seed: [u8; 32],
) -> Result<()> {
    let owner = owner::<S>(secret)?;
    let mut request = Writer::create(request, &owner.request_header(images.batch()))?;
    owner.encrypt(images, &mut request, &mut ChaCha20Rng::from_seed(seed), &mut |_| {})?;
    request.finish()?;
    Ok(())
}

/// The server. It asks for the server's half of a scheme, which has no secret key to name.
pub fn evaluate<S: Scheme>(evaluation: &Path, request: &Path, results: &Path) -> Result<()> {
    let network = network()?;
    let keys = Reader::open(evaluation, Kind::EvaluationKeys)?;
    let server = Server::<S>::open(keys, &network, &weights(&network), |_, _| Ok(Keep::Encoded.into()), &mut |_| {})?;
    let mut request = Reader::open(request, Kind::Request)?;
    let header = server.results_header(request.header(), request.name())?;
    let mut results = Writer::create(results, &header)?;
    server.evaluate(&mut request, &mut results, &mut |_, _| {})?;
    results.finish()?;
    Ok(())
}

/// The owner again.
pub fn decrypt<S: ClientScheme>(secret: &Path, results: &Path) -> Result<Tensor> {
    owner::<S>(secret)?.decrypt(&mut Reader::open(results, Kind::Results)?, &mut |_| {})
}

fn owner<S: ClientScheme>(secret: &Path) -> Result<Owner<S>> {
    let network = network()?;
    Owner::open(Reader::open(secret, Kind::SecretKey)?, &network, &weights(&network))
}

#[cfg(test)]
mod tests {
    use henna::ckks::Ckks;
    use henna::layers::clear;
    use henna::more::More;

    use super::*;
    use crate::images;

    fn whole_way<S: ClientScheme>(tolerance: f64) {
        let folder = std::env::temp_dir().join(format!("henna-outside-{}-{}", S::NAME, std::process::id()));
        let [secret, evaluation, request, results] =
            ["secret", "evaluation", "request", "results"].map(|name| folder.join(name));
        let images = images(3).unwrap();
        make_keys::<S>(&images, &secret, &evaluation, [1; 32]).unwrap();
        encrypt::<S>(&images, &secret, &request, [2; 32]).unwrap();
        evaluate::<S>(&evaluation, &request, &results).unwrap();
        // What is not for the server is not read there.
        let refused = evaluate::<S>(&secret, &request, &results).unwrap_err();
        assert!(refused.to_string().contains("must not reach the server"), "{refused}");
        let values = decrypt::<S>(&secret, &results).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();

        let network = network().unwrap();
        let expected = clear::run(&network, &weights(&network), &images).unwrap();
        assert_eq!(values.shape(), expected.shape());
        for (value, expected) in values.data().iter().zip(expected.data()) {
            assert!((value - expected).abs() < tolerance, "{value} instead of {expected}");
        }
    }

    #[test]
    fn files_carry_more() {
        whole_way::<More>(1e-9);
    }

    #[test]
    fn files_carry_ckks() {
        // Most of the difference is that of the polynomial in the activation's place.
        whole_way::<Ckks>(2e-2);
    }
}
