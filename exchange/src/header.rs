//! What each file says about itself, and whether two belong together.

use std::fmt;

use nn_layers::layers::{Activation, Chebyshev, Layer};
use nn_layers::{Network, Weights};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Parameters and the secret key.
    SecretKey,
    /// Parameters and evaluation keys.
    EvaluationKeys,
    /// Encrypted samples.
    Request,
    /// Encrypted results.
    Results,
    /// Encrypted weights of a network.
    Model,
}

/// How the server holds a network's weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightsAre {
    /// In the clear.
    #[default]
    Clear,
    /// Encrypted, in a file of kind [`Kind::Model`].
    Encrypted,
}

impl fmt::Display for WeightsAre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear => "in the clear",
            Self::Encrypted => "encrypted",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecretKey => "a secret key",
            Self::EvaluationKeys => "evaluation keys",
            Self::Request => "encrypted samples",
            Self::Results => "encrypted results",
            Self::Model => "encrypted weights",
        })
    }
}

/// The head of each file. It holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// What the file holds.
    pub kind: Kind,
    /// Name of the scheme.
    pub scheme: String,
    /// Fingerprint of the parameters' bytes, hexadecimal.
    pub parameters: String,
    /// The parameters in words, for people.
    pub description: String,
    /// Number of the key, drawn at random when it was made: hexadecimal, 128 bits. It tells keys apart and says nothing about them.
    pub keys: String,
    /// The network.
    pub network: NetworkTag,
    /// Digest of the packing and the steps: two versions of this program that place numbers differently must not be mixed.
    pub program: String,
    /// Version of the program that wrote the file.
    pub henna: String,
    /// How the server holds the weights that all this is for.
    #[serde(default)]
    pub weights: WeightsAre,
    /// Number of the encrypted weights, drawn at random when they were encrypted, in themselves and in results: 128 bits, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Samples in a request or in results, 0 in keys.
    pub samples: u64,
    /// Ciphertexts a sample, all of them in encrypted weights, 0 in keys.
    pub ciphertexts: u64,
}

impl Header {
    /// Checks that this file, called `file`, holds `expected`.
    ///
    /// # Errors
    /// [`Error::Kind`].
    pub fn expect(&self, file: &str, expected: Kind) -> Result<()> {
        if self.kind == expected {
            return Ok(());
        }
        Err(Error::Kind { file: file.to_owned(), expected, got: self.kind })
    }

    /// Whether its texts can be shown as they are: a foreign file must not write control sequences to a terminal.
    pub(crate) fn is_printable(&self) -> bool {
        let NetworkTag { name, digest, polynomials } = &self.network;
        [
            &self.scheme,
            &self.parameters,
            &self.description,
            &self.keys,
            name,
            digest,
            &self.program,
            &self.henna,
        ]
        .into_iter()
        .chain(&self.model)
        .chain(polynomials.iter().map(|fitted| &fitted.node))
        .all(|text| !text.chars().any(char::is_control))
    }

    /// Checks that this file, called `file`, belongs to another.
    ///
    /// # Errors
    /// [`Error::Foreign`] with the first of network, scheme, parameters, form of the weights, keys and packing in which they differ.
    pub fn belongs(&self, file: &str, other: &Header, other_file: &str) -> Result<()> {
        let network =
            |tag: &NetworkTag| format!("{} with weights and graph {}", tag.name, short(&tag.digest));
        let polynomials = |header: &Header| format!("of {} with other polynomials", header.network.name);
        let parameters = |header: &Header| format!("{} ({})", header.description, short(&header.parameters));
        let version = |header: &Header| format!("{} of henna {}", short(&header.program), header.henna);
        let foreign = |what, made_for, needed| {
            let (file, other) = (file.to_owned(), other_file.to_owned());
            Err(Error::Foreign { file, what, made_for, other, needed })
        };
        if (&self.network.name, &self.network.digest) != (&other.network.name, &other.network.digest) {
            return foreign("network", network(&self.network), network(&other.network));
        }
        if self.scheme != other.scheme {
            return foreign("scheme", self.scheme.clone(), other.scheme.clone());
        }
        if self.parameters != other.parameters {
            return foreign("parameters", parameters(self), parameters(other));
        }
        if self.weights != other.weights {
            return foreign("weights", self.weights.to_string(), other.weights.to_string());
        }
        if self.keys != other.keys {
            return foreign("keys", short(&self.keys).to_owned(), short(&other.keys).to_owned());
        }
        if self.network.polynomials != other.network.polynomials {
            return foreign("activations", polynomials(self), polynomials(other));
        }
        if self.program != other.program {
            return foreign("packing", version(self), version(other));
        }
        Ok(())
    }
}

/// As much of a digest as a sentence needs.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// A number for a new key: 128 random bits, hexadecimal.
#[must_use]
pub fn random_id() -> String {
    hex(&rand::random::<[u8; 16]>())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A polynomial in the place of an activation, bit by bit: the server compiles the very same one, without calibration data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedPolynomial {
    /// Name of the activation's node.
    pub node: String,
    /// Bits of the two ends of its interval.
    pub interval: [u64; 2],
    /// Bits of the coefficients of the Chebyshev polynomials `T_0`, `T_1`, ..
    pub coefficients: Vec<u64>,
}

/// Which network, with which weights, and what stands in for its activations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkTag {
    /// Name.
    pub name: String,
    /// SHA-256 of graph and weights, hexadecimal; of the graph alone where the weights are encrypted.
    pub digest: String,
    /// Polynomials in place of activations; none where the scheme computes them.
    pub polynomials: Vec<FittedPolynomial>,
}

impl NetworkTag {
    /// The tag of `network` with `weights`, compiled as `compiled`.
    #[must_use]
    pub fn new(network: &Network, weights: &Weights, compiled: &Network) -> Self {
        let fitted = network.nodes().iter().zip(compiled.nodes()).filter(|(before, after)| before != after);
        let polynomials = fitted.filter_map(|(_, node)| match node.layer() {
            Layer::Activation(Activation::Polynomial(Chebyshev { interval, coefficients })) => {
                Some(FittedPolynomial {
                    node: node.name().to_owned(),
                    interval: interval.map(f64::to_bits),
                    coefficients: coefficients.iter().map(|value| value.to_bits()).collect(),
                })
            }
            _ => None,
        });
        Self {
            name: network.name().to_owned(),
            digest: digest(network, weights),
            polynomials: polynomials.collect(),
        }
    }

    /// `network` with the polynomials of this tag.
    ///
    /// # Errors
    /// Those of [`Network::with_layer`]: a node that is not there, a polynomial that is none.
    pub fn apply(&self, network: &Network) -> Result<Network> {
        let mut network = network.clone();
        for fitted in &self.polynomials {
            let polynomial = Chebyshev {
                interval: fitted.interval.map(f64::from_bits),
                coefficients: fitted.coefficients.iter().map(|bits| f64::from_bits(*bits)).collect(),
            };
            network = network.with_layer(&fitted.node, Activation::Polynomial(polynomial))?;
        }
        Ok(network)
    }
}

/// SHA-256 of everything that makes a network compute what it computes: each node with its layer's figures, its inputs and its shape, and
/// every weight.
pub(crate) fn digest(network: &Network, weights: &Weights) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(network.name().as_bytes());
    for node in network.nodes() {
        let inputs: Vec<usize> = node.inputs().iter().map(|id| id.index()).collect();
        part(format!("{} {:?} {inputs:?} {:?}", node.name(), node.layer(), node.shape()).as_bytes());
    }
    part(&(network.output().index() as u64).to_le_bytes());
    for (name, tensor) in weights.iter() {
        part(format!("{name} {:?}", tensor.shape()).as_bytes());
        part(&tensor.data().iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
    }
    hex(&hash.finalize())
}
