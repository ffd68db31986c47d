//! A user's crate: a network of its own, run in the clear, on MORE and on CKKS through henna's facade, in one process
//! and as two parties that share files ([`files`]).

pub mod files;
pub mod rounded;

use henna::layers::compile::{Options, compile};
use henna::layers::{Activation, AvgPool2d, Conv2d, Error, Flatten, Linear, Network, Tensor, Weights, train};
use henna::traits::{ClientScheme, Decryptor, Encryptor, Evaluator, Keep, Scheme};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// A small network for 6 x 6 images: nothing in it knows of encryption.
pub fn network() -> Result<Network, Error> {
    let mut n = Network::builder("mine", &[1, 6, 6]);
    n.layer("conv1", Conv2d::new(1, 2, 3).padding(1));
    n.layer("act1", Activation::Tanh);
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("flatten", Flatten);
    n.layer("fc1", Linear::new(18, 3));
    n.build()
}

/// Weights as the library initialises them, from a seed.
pub fn weights(network: &Network) -> Weights {
    train::xavier(network, 7)
}

/// `count` images with a pattern of their own.
pub fn images(count: usize) -> Result<Tensor, Error> {
    let pixels = (0..count * 36).map(|i| ((i * 37 % 101) as f64 / 50.0) - 1.0).collect();
    Tensor::new(&[count, 1, 6, 6], pixels)
}

/// Runs the network on encrypted images under the scheme `S`: the owner's half encrypts and decrypts, the server's half
/// computes with evaluation keys alone.
pub fn run_encrypted<S: ClientScheme>(images: &Tensor) -> Result<Vec<Tensor>, Error> {
    let network = network()?;
    let compiled = compile::<S>(&network, &weights(&network), images, &Options::default())?;
    let program = &compiled.program;
    let mut rng = ChaCha20Rng::seed_from_u64(1);

    let needs = program.symbolic(&compiled.profile)?.needs;
    let keys = S::keygen(&compiled.params, &needs, &mut rng)?;
    let encryptor = S::encryptor(&compiled.params, &keys.secret)?;
    let decryptor = S::decryptor(&compiled.params, &keys.secret)?;

    let evaluator = S::evaluator(&compiled.params, keys.evaluation)?;
    let prepared = program.prepare(&evaluator, Keep::Encoded, &mut |_| {})?;
    let mut samples = Vec::new();
    for image in 0..images.batch() {
        let blocks = program.pack(&images.rows(image, image + 1))?;
        let at = program.input_level();
        let encrypted: Result<Vec<_>, _> =
            blocks.iter().map(|block| encryptor.encrypt(block, at, &mut rng)).collect();
        samples.push(encrypted?);
    }
    let results = prepared.run(&evaluator, samples, &mut |_| {})?;

    let decrypt = |blocks: &Vec<<S as Scheme>::Ciphertext>| {
        let blocks: Result<Vec<_>, _> = blocks.iter().map(|block| decryptor.decrypt(block)).collect();
        program.unpack(&blocks?, 1)
    };
    debug_assert_eq!(evaluator.profile().backend, S::NAME);
    results.iter().map(decrypt).collect()
}

#[cfg(test)]
mod tests {
    use henna::ckks::Ckks;
    use henna::layers::clear;
    use henna::more::More;
    use henna::traits::Clear;

    use super::*;

    fn held_against_the_clear_run<S: ClientScheme>(tolerance: f64) {
        let (network, images) = (network().unwrap(), images(4).unwrap());
        let expected = clear::run(&network, &weights(&network), &images).unwrap();
        let results = run_encrypted::<S>(&images).unwrap();
        assert_eq!(results.len(), 4);
        for (result, expected) in results.iter().flat_map(|r| r.data()).zip(expected.data()) {
            assert!((result - expected).abs() < tolerance, "{result} instead of {expected}");
        }
    }

    #[test]
    fn more_computes_the_network_exactly() {
        held_against_the_clear_run::<More>(1e-9);
    }

    #[test]
    fn ckks_computes_the_network_within_its_precision() {
        held_against_the_clear_run::<Ckks>(2e-2);
    }

    #[test]
    fn the_reference_with_levels_computes_its_polynomial() {
        // Activations are polynomials there, whose error the compiler keeps below 1/1000.
        held_against_the_clear_run::<Clear>(2e-2);
    }
}
