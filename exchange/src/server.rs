//! The server's side: evaluation keys and encrypted samples in, encrypted results out. No secret is read here, and none can be named.

use std::io::{Read, Seek};

use he_traits::wire::{Decode, Encode};
use he_traits::{Profile, Scheme};
use nn_layers::run::{Prepared, Progress};
use nn_layers::{Keeping, Network, Program, Weights};

use crate::container::{Reader, Writer};
use crate::error::{Error, Result};
use crate::header::{Header, Kind, WeightsAre};
use crate::setup::Setup;

/// A server that is ready for requests under one owner's keys.
pub struct Server<S: Scheme> {
    setup: Setup<S>,
    keys: Header,
    keys_name: String,
    evaluator: S::Evaluator,
    prepared: Prepared<S::Evaluator>,
    /// Number of the encrypted weights.
    model: Option<String>,
}

impl<S: Scheme> Server<S> {
    /// Reads evaluation keys and encodes the weights for them. `progress` hears of every step.
    ///
    /// `keep` decides which maps are kept encoded, as with [`Program::keep_within`] under a budget of memory.
    ///
    /// # Errors
    /// [`Error::Foreign`] when the keys were made for another scheme, network or version; [`Error::Malformed`], [`Error::Scheme`].
    pub fn open<R: Read + Seek>(
        mut keys: Reader<R>,
        network: &Network,
        weights: &Weights,
        keep: impl FnOnce(&Program, &Profile) -> nn_layers::Result<Keeping>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self> {
        let (setup, evaluator) = Self::read_keys(&mut keys, network, Some(weights))?;
        if setup.weights == WeightsAre::Encrypted {
            return Err(foreign(keys.name(), WeightsAre::Encrypted, "this server", WeightsAre::Clear));
        }
        let keeping = keep(&setup.program, &setup.profile)?;
        let prepared = setup.program.prepare(&evaluator, keeping, progress)?;
        let (header, name) = (keys.header().clone(), keys.name().to_owned());
        Ok(Self { setup, keys: header, keys_name: name, evaluator, prepared, model: None })
    }

    /// Reads evaluation keys and the encrypted weights of `network`: no weights are known here. `progress` hears of every step.
    ///
    /// `fits` is told the bytes that a run is expected to hold before the weights are read, and may refuse.
    ///
    /// # Errors
    /// [`Error::Foreign`] when the keys or the model were made for something else; [`Error::Malformed`], [`Error::Scheme`].
    pub fn open_encrypted<K: Read + Seek, M: Read + Seek>(
        mut keys: Reader<K>,
        mut model: Reader<M>,
        network: &Network,
        fits: impl FnOnce(&Setup<S>) -> Result<()>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self> {
        model.header().belongs(model.name(), keys.header(), keys.name())?;
        let (setup, evaluator) = Self::read_keys(&mut keys, network, None)?;
        fits(&setup)?;
        let params = model.entry()?;
        if setup.params.to_bytes()? != *params {
            let reason = format!("its parameters are not those of {}", keys.name());
            return Err(Error::malformed(model.name(), reason));
        }
        let expected = setup.program.encrypted_weights(&setup.profile)?.ciphertexts;
        if model.entries() != expected as u64 {
            let reason = format!("it holds {} ciphertexts, the network needs {expected}", model.entries());
            return Err(Error::malformed(model.name(), reason));
        }
        let mut failed = None;
        let next = &mut |_| {
            let entry = model.entry().map_err(|error| {
                failed = Some(error);
                he_traits::Error::malformed("model", "its file could not be read")
            })?;
            S::Ciphertext::from_bytes(&entry, &setup.params)
        };
        let prepared = setup.program.prepare_encrypted(&evaluator, next, progress);
        if let Some(error) = failed {
            return Err(error);
        }
        model.finish()?;
        let (header, name) = (keys.header().clone(), keys.name().to_owned());
        let model = model.header().model.clone();
        Ok(Self { setup, keys: header, keys_name: name, evaluator, prepared: prepared?, model })
    }

    fn read_keys<R: Read + Seek>(
        keys: &mut Reader<R>,
        network: &Network,
        weights: Option<&Weights>,
    ) -> Result<(Setup<S>, S::Evaluator)> {
        let setup = Setup::<S>::read(keys, network, weights)?;
        let bytes = keys.entry()?;
        keys.finish()?;
        let evaluation = S::EvaluationKeys::from_bytes(&bytes, &setup.params)?;
        drop(bytes);
        let evaluator = S::evaluator(&setup.params, evaluation)?;
        Ok((setup, evaluator))
    }

    /// What is computed, and at which parameters.
    pub fn setup(&self) -> &Setup<S> {
        &self.setup
    }

    /// The header of the results of a request.
    ///
    /// # Errors
    /// [`Error::Foreign`] when the request was made for other keys.
    pub fn results_header(&self, request: &Header, name: &str) -> Result<Header> {
        request.belongs(name, &self.keys, &self.keys_name)?;
        Ok(Header {
            samples: request.samples,
            model: self.model.clone(),
            ciphertexts: self.setup.program.output_layout().blocks() as u64,
            ..self.setup.header(Kind::Results, &self.keys.keys)
        })
    }

    /// Samples that are best evaluated at once.
    pub fn batch(&self) -> usize {
        self.setup.profile.values_at_once.max(1)
    }

    /// Evaluates all samples of a request, as many at once as the scheme gains from. `progress` hears of every step with the number of
    /// samples that are done.
    ///
    /// # Errors
    /// [`Error::Foreign`] when the request was made for other keys; [`Error::Malformed`] when it does not hold what its header says.
    pub fn evaluate<R: Read + Seek>(
        &self,
        request: &mut Reader<R>,
        results: &mut Writer,
        progress: &mut dyn FnMut(u64, Progress<'_>),
    ) -> Result<()> {
        let name = request.name().to_owned();
        let header = request.header().clone();
        header.belongs(&name, &self.keys, &self.keys_name)?;
        let blocks = self.setup.program.input_layout().blocks();
        if header.ciphertexts != blocks as u64
            || header.samples.checked_mul(blocks as u64) != Some(request.entries())
        {
            return Err(Error::malformed(
                &name,
                format!(
                    "it holds {} ciphertexts for {} samples, of which each needs {blocks}",
                    request.entries(),
                    header.samples
                ),
            ));
        }
        let mut done = 0;
        while done < header.samples {
            let count = (self.batch() as u64).min(header.samples - done);
            let mut samples = Vec::new();
            for _ in 0..count {
                let mut sample = Vec::with_capacity(blocks);
                for _ in 0..blocks {
                    sample.push(S::Ciphertext::from_bytes(&request.entry()?, &self.setup.params)?);
                }
                samples.push(sample);
            }
            let outputs = self.prepared.run(&self.evaluator, samples, &mut |step| progress(done, step))?;
            for ciphertext in outputs.iter().flatten() {
                results.push(&ciphertext.to_bytes()?)?;
            }
            done += count;
        }
        request.finish()
    }
}

fn foreign(file: &str, made_for: WeightsAre, other: &str, needed: WeightsAre) -> Error {
    Error::Foreign {
        file: file.to_owned(),
        what: "weights",
        made_for: made_for.to_string(),
        other: other.to_owned(),
        needed: needed.to_string(),
    }
}
