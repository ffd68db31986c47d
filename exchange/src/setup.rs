//! What owner and server compile, each for itself, to the same thing: parameters, packing, steps.

use std::io::{Read, Seek};

use he_traits::wire::{Decode, Encode, fingerprint};
use he_traits::{Profile, Scheme};
use nn_layers::compile::{Compiled, Options, compile, compile_for};
use nn_layers::encrypted::{compile_pattern, pattern_weights};
use nn_layers::program::{Program, SymbolicRun};
use nn_layers::{Network, Tensor, Weights};
use sha2::{Digest, Sha256};

use crate::container::Reader;
use crate::error::{Error, Result};
use crate::header::{Header, Kind, NetworkTag, WeightsAre, digest, hex, short};

/// A network compiled for a scheme at certain parameters.
pub struct Setup<S: Scheme> {
    /// Parameters.
    pub params: S::Params,
    /// Their description.
    pub profile: Profile,
    /// What is computed; where the weights are encrypted, the pattern of it.
    pub program: Program,
    /// How the server holds the weights.
    pub weights: WeightsAre,
    tag: NetworkTag,
    fingerprint: String,
    digest: String,
}

impl<S: Scheme> Setup<S> {
    /// Compiles for parameters that are just large enough; the first step of all.
    ///
    /// # Shapes
    /// `calibration` is `[N, ..]` with the network's input shape.
    ///
    /// # Errors
    /// As [`compile`].
    pub fn compile(
        network: &Network,
        weights: &Weights,
        calibration: &Tensor,
        options: &Options,
    ) -> Result<Self> {
        let compiled = compile::<S>(network, weights, calibration, options)?;
        Self::of(network, weights, compiled)
    }

    /// The setup of what was compiled already.
    ///
    /// # Errors
    /// [`Error::RoundTrips`], and those of the parameters' bytes.
    pub fn of(network: &Network, weights: &Weights, compiled: Compiled<S>) -> Result<Self> {
        without_round_trips(network, &compiled)?;
        let tag = NetworkTag::new(network, weights, compiled.program.network());
        // Compiled once more from what the files will carry, so that both sides have the same program to the last bit.
        Self::from_tag(network, Some(weights), tag, compiled.params, compiled.profile)
    }

    /// As [`Setup::of`], for weights that are to be encrypted: neither the setup nor a header made of it tells anything of them but the
    /// polynomials that were fitted for them.
    ///
    /// # Errors
    /// Those of the parameters' bytes.
    pub fn with_encrypted_weights(network: &Network, compiled: Compiled<S>) -> Result<Self> {
        without_round_trips(network, &compiled)?;
        let tag = NetworkTag::new(network, &pattern_weights(network), compiled.program.network());
        Self::from_tag(network, None, tag, compiled.params, compiled.profile)
    }

    /// What the program needs and costs for one sample: its keys above all.
    ///
    /// # Errors
    /// As [`Program::symbolic`].
    pub fn symbolic(&self) -> Result<SymbolicRun> {
        Ok(match self.weights {
            WeightsAre::Clear => self.program.symbolic(&self.profile)?,
            WeightsAre::Encrypted => self.program.symbolic_encrypted(&self.profile, 1)?,
        })
    }

    /// Compiles again what a file was made for whose first entry are the parameters: keys, or encrypted weights.
    ///
    /// # Errors
    /// As [`Setup::from_file`]; [`Error::Malformed`] for a file without entries.
    pub fn read<R: Read + Seek>(
        file: &mut Reader<R>,
        network: &Network,
        weights: Option<&Weights>,
    ) -> Result<Self> {
        let params = file.entry()?;
        Self::from_file(network, weights, file.header(), &params, file.name())
    }

    /// Compiles again what a file was made for, from its header and its parameters: no calibration data are needed, and no weights where they
    /// are encrypted.
    ///
    /// # Errors
    /// [`Error::Foreign`] when the file was made for another scheme, network or version, or for weights that are not clear where there are none
    /// here; [`Error::Scheme`] for parameters that are none.
    pub fn from_file(
        network: &Network,
        weights: Option<&Weights>,
        header: &Header,
        params: &[u8],
        file: &str,
    ) -> Result<Self> {
        let foreign = |what, made_for: &str, other: &str, needed: &str| Error::Foreign {
            file: file.to_owned(),
            what,
            made_for: made_for.to_owned(),
            other: other.to_owned(),
            needed: needed.to_owned(),
        };
        if header.scheme != S::NAME {
            return Err(foreign("scheme", &header.scheme, "this side", S::NAME));
        }
        let weights = match (header.weights, weights) {
            (WeightsAre::Encrypted, _) => None,
            (WeightsAre::Clear, Some(weights)) => Some(weights),
            (made_for @ WeightsAre::Clear, None) => {
                let (made_for, needed) = (made_for.to_string(), WeightsAre::Encrypted.to_string());
                return Err(foreign("weights", &made_for, "this side", &needed));
            }
        };
        let own = weights.map_or_else(|| digest(network, &pattern_weights(network)), |w| digest(network, w));
        if header.network.digest != own {
            let made_for =
                format!("{} with weights and graph {}", header.network.name, short(&header.network.digest));
            let needed = format!("{} with weights and graph {}", network.name(), short(&own));
            return Err(foreign("network", &made_for, "the one here", &needed));
        }
        if header.parameters != format!("{:016x}", fingerprint(params)) {
            return Err(Error::malformed(file, "its parameters are not those that its header names"));
        }
        let params = S::Params::from_bytes(params, &())?;
        let profile = S::profile(&params)?;
        let setup = Self::from_tag(network, weights, header.network.clone(), params, profile)?;
        if header.program != setup.digest {
            let made_for = format!("{} of henna {}", short(&header.program), header.henna);
            let needed = format!("{} of henna {}", short(&setup.digest), env!("CARGO_PKG_VERSION"));
            return Err(foreign("packing", &made_for, "this program", &needed));
        }
        Ok(setup)
    }

    fn from_tag(
        network: &Network,
        weights: Option<&Weights>,
        tag: NetworkTag,
        params: S::Params,
        profile: Profile,
    ) -> Result<Self> {
        let compiled = tag.apply(network)?;
        // Every activation is settled: no range of any input plays a role any more.
        let shape: Vec<usize> = std::iter::once(1).chain(network.input_shape().iter().copied()).collect();
        let options = Options { lower_degrees: false, ..Options::default() };
        let program = match weights {
            Some(weights) => compile_for(&compiled, weights, &Tensor::zeros(&shape), &options, &profile)?,
            None => compile_pattern(&compiled, &profile)?,
        };
        let are = if weights.is_some() { WeightsAre::Clear } else { WeightsAre::Encrypted };
        let fingerprint = format!("{:016x}", fingerprint(&params.to_bytes()?));
        let digest = program_digest(&program);
        Ok(Self { params, profile, program, weights: are, tag, fingerprint, digest })
    }

    /// The header of a file of `kind` for the key of number `keys`.
    #[must_use]
    pub fn header(&self, kind: Kind, keys: &str) -> Header {
        Header {
            kind,
            scheme: S::NAME.to_owned(),
            parameters: self.fingerprint.clone(),
            description: self.profile.parameters.clone(),
            keys: keys.to_owned(),
            network: self.tag.clone(),
            program: self.digest.clone(),
            henna: env!("CARGO_PKG_VERSION").to_owned(),
            weights: self.weights,
            model: None,
            samples: 0,
            ciphertexts: 0,
        }
    }
}

/// Refuses programs that need the owner on the way.
fn without_round_trips<S: Scheme>(network: &Network, compiled: &Compiled<S>) -> Result<()> {
    match compiled.program.rounds() {
        0 => Ok(()),
        rounds => Err(Error::RoundTrips { network: network.name().to_owned(), rounds }),
    }
}

/// SHA-256 of where the numbers lie and which steps follow each other at which levels.
fn program_digest(program: &Program) -> String {
    let mut hash = Sha256::new();
    let (input, output) = (program.input_layout(), program.output_layout());
    hash.update(format!("{:?} {:?} {:?} {}", program.input_level(), input, output, program.slots()));
    for step in program.summary() {
        hash.update(format!("{step:?}"));
    }
    hex(&hash.finalize())
}
