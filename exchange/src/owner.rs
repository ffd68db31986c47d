//! The data owner's side: keys, encryption, decryption.

use std::io::{Read, Seek};
use std::path::Path;

use he_traits::wire::{Decode, Encode};
use he_traits::{ClientScheme, Decryptor, Encryptor, KeyNeeds};
use nn_layers::{EncryptedProgram, Network, Tensor, Weights};
use rand::CryptoRng;

use crate::container::{Reader, Writer};
use crate::error::{Error, Result};
use crate::header::{Header, Kind, WeightsAre, random_id};
use crate::setup::Setup;

/// Bytes of the two files of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFiles {
    /// The owner's.
    pub secret: u64,
    /// The server's.
    pub evaluation: u64,
}

/// Makes keys for a compiled network: `secret` for the owner, `evaluation` for the server, with the keys that the network needs and no
/// others. `started` is told each file's temporary neighbour as soon as there is one.
///
/// The secret is on the disk before the evaluation keys are: keys without their secret would be of no use to anyone.
///
/// # Errors
/// [`Error::Exists`] when there is a file in the secret's place; [`Error::Scheme`], [`Error::Io`].
pub fn keygen<S: ClientScheme>(
    setup: &Setup<S>,
    secret: &Path,
    evaluation: &Path,
    rng: &mut dyn CryptoRng,
    started: &mut dyn FnMut(&Path),
) -> Result<KeyFiles> {
    let id = random_id();
    let mut owner = Writer::create(secret, &setup.header(Kind::SecretKey, &id))?;
    started(owner.part());
    let mut server = Writer::create(evaluation, &setup.header(Kind::EvaluationKeys, &id))?;
    started(server.part());
    let needs: KeyNeeds = setup.symbolic()?.needs;
    let params = setup.params.to_bytes()?;
    let keys = S::keygen(&setup.params, &needs, rng)?;
    owner.push(&params)?;
    owner.push(&S::secret_to_bytes(&setup.params, &keys.secret)?)?;
    server.push(&params)?;
    server.push(&keys.evaluation.to_bytes()?)?;
    Ok(KeyFiles { secret: owner.finish()?, evaluation: server.finish()? })
}

/// An owner with the secret key.
pub struct Owner<S: ClientScheme> {
    setup: Setup<S>,
    keys: Header,
    keys_name: String,
    encryptor: S::Encryptor,
    decryptor: S::Decryptor,
}

impl<S: ClientScheme> Owner<S> {
    /// Reads a secret key's file. Where the weights are encrypted, those here play no role.
    ///
    /// # Errors
    /// [`Error::Foreign`] when it was made for another scheme, network or version; [`Error::Malformed`], [`Error::Scheme`].
    pub fn open<R: Read + Seek>(mut keys: Reader<R>, network: &Network, weights: &Weights) -> Result<Self> {
        let setup = Setup::<S>::read(&mut keys, network, Some(weights))?;
        let secret = S::secret_from_bytes(&setup.params, &keys.entry()?)?;
        keys.finish()?;
        let encryptor = S::encryptor(&setup.params, &secret)?;
        let decryptor = S::decryptor(&setup.params, &secret)?;
        let (header, name) = (keys.header().clone(), keys.name().to_owned());
        Ok(Self { setup, keys: header, keys_name: name, encryptor, decryptor })
    }

    /// What is computed, and at which parameters.
    pub fn setup(&self) -> &Setup<S> {
        &self.setup
    }

    /// The header of a request of `samples` samples.
    #[must_use]
    pub fn request_header(&self, samples: usize) -> Header {
        Header {
            samples: samples as u64,
            ciphertexts: self.setup.program.input_layout().blocks() as u64,
            ..self.setup.header(Kind::Request, &self.keys.keys)
        }
    }

    /// Encrypts all samples into a file that was begun with [`Owner::request_header`]. `progress` hears of every sample.
    ///
    /// # Shapes
    /// `inputs` is `[N, ..]` with the network's input shape.
    ///
    /// # Errors
    /// [`Error::Network`] for samples that do not fit the network; [`Error::Scheme`], [`Error::Io`].
    pub fn encrypt(
        &self,
        inputs: &Tensor,
        request: &mut Writer,
        rng: &mut dyn CryptoRng,
        progress: &mut dyn FnMut(usize),
    ) -> Result<()> {
        for sample in 0..inputs.batch() {
            for block in self.setup.program.pack(&inputs.rows(sample, sample + 1))? {
                let encrypted = self.encryptor.encrypt(&block, self.setup.program.input_level(), rng)?;
                request.push(&encrypted.to_bytes()?)?;
            }
            progress(sample + 1);
        }
        Ok(())
    }

    /// The header of a file of encrypted weights.
    ///
    /// # Errors
    /// As [`nn_layers::Program::encrypted_weights`]; [`Error::Foreign`] when the key was made for clear weights.
    pub fn model_header(&self) -> Result<Header> {
        if self.setup.weights == WeightsAre::Clear {
            return Err(Error::Foreign {
                file: self.keys_name.clone(),
                what: "weights",
                made_for: WeightsAre::Clear.to_string(),
                other: "a model file".to_owned(),
                needed: WeightsAre::Encrypted.to_string(),
            });
        }
        let weights = self.setup.program.encrypted_weights(&self.setup.profile)?;
        Ok(Header {
            model: Some(random_id()),
            ciphertexts: weights.ciphertexts as u64,
            ..self.setup.header(Kind::Model, &self.keys.keys)
        })
    }

    /// Encrypts `weights` of `network` into a file that was begun with [`Owner::model_header`]. `progress` hears of every ciphertext.
    ///
    /// # Errors
    /// [`Error::Network`] for weights that do not fit the network, or that lead to other steps than the layers alone
    /// ([`nn_layers::Error::Pattern`]); [`Error::Scheme`], [`Error::Io`].
    pub fn encrypt_model(
        &self,
        weights: &Weights,
        model: &mut Writer,
        rng: &mut dyn CryptoRng,
        progress: &mut dyn FnMut(u64),
    ) -> Result<()> {
        // The pattern's network has the fitted polynomials in it already.
        let network = self.setup.program.network();
        let program = EncryptedProgram::compile(network, weights, &self.setup.profile)?;
        model.push(&self.setup.params.to_bytes()?)?;
        let (mut failed, mut done) = (None, 0);
        let outcome = program.vectors(&mut |vector, at| {
            let bytes = self.encryptor.encrypt(&vector, at, rng)?.to_bytes()?;
            model.push(&bytes).map_err(|error| {
                failed = Some(error);
                he_traits::Error::malformed("model", "its file could not be written")
            })?;
            done += 1;
            progress(done);
            Ok(())
        });
        // What became of the file says more than that a step failed.
        failed.map_or(outcome.map_err(Error::from), Err)
    }

    /// Decrypts all results. `progress` hears of every sample.
    ///
    /// # Shapes
    /// The result is `[N, ..]` with the network's output shape.
    ///
    /// # Errors
    /// [`Error::Foreign`] when the results were made for other keys; [`Error::Malformed`] when there are not as many as their header says.
    pub fn decrypt<R: Read + Seek>(
        &self,
        results: &mut Reader<R>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Tensor> {
        let header = results.header().clone();
        header.belongs(results.name(), &self.keys, &self.keys_name)?;
        let program = &self.setup.program;
        let blocks = program.output_layout().blocks();
        if header.samples.checked_mul(blocks as u64) != Some(results.entries()) {
            let reason = format!(
                "it holds {} ciphertexts for {} samples, of which each has {blocks}",
                results.entries(),
                header.samples
            );
            return Err(Error::malformed(results.name(), reason));
        }
        let mut values = Vec::new();
        for sample in 0..header.samples {
            let mut decrypted = Vec::with_capacity(blocks);
            for _ in 0..blocks {
                let ciphertext = S::Ciphertext::from_bytes(&results.entry()?, &self.setup.params)?;
                decrypted.push(self.decryptor.decrypt(&ciphertext)?);
            }
            values.extend(program.unpack(&decrypted, 1)?.into_data());
            progress(sample + 1);
        }
        results.finish()?;
        let shape = program.network().output_shape();
        let shape: Vec<usize> =
            std::iter::once(header.samples as usize).chain(shape.iter().copied()).collect();
        Ok(Tensor::new(&shape, values)?)
    }
}
