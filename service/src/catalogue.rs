//! The models that are served, with weights in the clear or encrypted, and how each would run.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use exchange::{Header, Kind, NetworkTag, Reader, WeightsAre};
use nn_layers::{Network, Weights};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Error, Result};
use crate::schemes::Schemes;

/// A network's weights, as this server has them.
pub enum Held {
    /// In the clear.
    Clear(Weights),
    /// In a file, encrypted under one owner's key.
    Encrypted(Box<EncryptedWeights>),
}

/// A file of encrypted weights.
pub struct EncryptedWeights {
    path: PathBuf,
    header: Header,
    bytes: u64,
}

impl EncryptedWeights {
    /// What the file said about itself when it was checked.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Opens and checks the file. Errors do not tell owners where it lies.
    ///
    /// # Errors
    /// As [`Reader::new`].
    pub fn open(&self) -> exchange::Result<Reader> {
        let name = "the encrypted model here";
        let gone = |source| exchange::Error::Io { path: PathBuf::from(name), source };
        Reader::new(name, std::fs::File::open(&self.path).map_err(gone)?, Kind::Model)
    }
}

/// A model with its weights.
pub struct Served {
    /// What it does, in a sentence.
    pub about: String,
    /// Where the weights come from.
    pub weights_from: String,
    /// The network.
    pub network: Network,
    /// Its weights.
    pub weights: Held,
    digest: String,
}

impl Served {
    /// A model to serve, with weights in the clear.
    #[must_use]
    pub fn new(about: String, weights_from: String, network: Network, weights: Weights) -> Self {
        let digest = NetworkTag::new(&network, &weights, &network).digest;
        Self { about, weights_from, network, weights: Held::Clear(weights), digest }
    }

    /// A model to serve of which this server has the encrypted weights alone, for requests under the key with which they were encrypted.
    ///
    /// # Errors
    /// As [`Reader::open`] for the file at `path`.
    pub fn encrypted(about: String, network: Network, path: &Path) -> exchange::Result<Self> {
        let header = Reader::open(path, Kind::Model)?.header().clone();
        let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let digest = header.network.digest.clone();
        let weights_from = "encrypted by their owner".to_owned();
        let weights = EncryptedWeights { path: path.to_path_buf(), header, bytes };
        let weights = Held::Encrypted(Box::new(weights));
        Ok(Self { about, weights_from, network, weights, digest })
    }

    /// The file of its weights, where they are encrypted.
    pub fn file(&self) -> Option<&EncryptedWeights> {
        match &self.weights {
            Held::Clear(_) => None,
            Held::Encrypted(weights) => Some(weights),
        }
    }

    /// Name of the network.
    pub fn name(&self) -> &str {
        self.network.name()
    }

    /// SHA-256 of graph and weights, as files carry it; of the graph alone where the weights are encrypted.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// How a model runs under a scheme, at the parameters that the compiler chooses: those of an owner's keys may be others.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Name of the scheme.
    #[schema(example = "ckks")]
    pub scheme: String,
    /// The parameters in words; absent while they are computed, or where they cannot be.
    #[serde(default)]
    pub parameters: Option<String>,
    /// What the scheme protects, in a sentence.
    #[serde(default)]
    pub security: Option<String>,
    /// Bits of security; 0 where nothing is protected.
    #[serde(default)]
    pub security_bits: Option<u32>,
    /// What the server learns.
    #[serde(default)]
    pub server_learns: Vec<String>,
    /// Bytes of an owner's keys in the server's memory.
    #[serde(default)]
    pub key_bytes: Option<u64>,
    /// Seconds a sample on one thread, by the cost model.
    #[serde(default)]
    pub sample_seconds: Option<f64>,
    /// Why there is no plan (yet).
    #[serde(default)]
    pub reason: Option<String>,
}

impl Plan {
    /// A plan that is not there, and why.
    #[must_use]
    pub fn absent(scheme: &str, reason: impl Into<String>) -> Self {
        Self {
            scheme: scheme.to_owned(),
            parameters: None,
            security: None,
            security_bits: None,
            server_learns: Vec::new(),
            key_bytes: None,
            sample_seconds: None,
            reason: Some(reason.into()),
        }
    }
}

/// All models, and their plans as far as they are computed.
pub struct Catalogue {
    models: Vec<Arc<Served>>,
    plans: Mutex<Vec<Vec<Plan>>>,
}

impl Catalogue {
    /// A catalogue of `models` under `schemes`. Encrypted weights run under one scheme, at parameters that are known.
    ///
    /// # Errors
    /// [`Error::Setup`] for encrypted weights of another scheme, network or version.
    pub fn new(models: Vec<Served>, schemes: &Schemes) -> Result<Self> {
        let waiting: Vec<Plan> =
            schemes.names().iter().map(|scheme| Plan::absent(scheme, "it is being computed")).collect();
        let plans = models.iter().map(|served| match served.file() {
            None => Ok(waiting.clone()),
            Some(_) => schemes.plan(served).map(|plan| vec![plan]),
        });
        let plans = plans.collect::<Result<Vec<_>>>()?;
        Ok(Self { models: models.into_iter().map(Arc::new).collect(), plans: Mutex::new(plans) })
    }

    /// All models with their plans.
    pub fn all(&self) -> Vec<(Arc<Served>, Vec<Plan>)> {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        self.models.iter().cloned().zip(plans.iter().cloned()).collect()
    }

    /// Puts a plan of a model with clear weights in its place.
    pub fn planned(&self, model: &str, plan: Plan) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |served: &Served| served.name() == model && served.file().is_none();
        let of_model = self.models.iter().zip(plans.iter_mut()).filter(|(served, _)| is_meant(served));
        for place in of_model.flat_map(|(_, plans)| plans).filter(|place| place.scheme == plan.scheme) {
            *place = plan.clone();
        }
    }

    /// How the model that a file was made for runs under the file's scheme, where that is known.
    pub fn plan(&self, header: &Header) -> Option<Plan> {
        let model = self.of(header).ok()?;
        let found = self.all().into_iter().find(|(served, _)| Arc::ptr_eq(served, &model))?;
        found.1.into_iter().find(|plan| plan.scheme == header.scheme)
    }

    /// The model that a file was made for.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is none of that name, it has other weights, or its weights are clear for one side and encrypted for the
    /// other.
    pub fn of(&self, header: &Header) -> Result<Arc<Served>> {
        let wanted = &header.network;
        let named: Vec<&Arc<Served>> =
            self.models.iter().filter(|served| served.name() == wanted.name).collect();
        if named.is_empty() {
            let names: Vec<&str> = self.models.iter().map(|served| served.name()).collect();
            return Err(Error::Refused(format!(
                "the file was made for the network {}, this server has {}",
                wanted.name,
                names.join(", ")
            )));
        }
        match header.weights {
            WeightsAre::Clear => in_the_clear(header, &named),
            WeightsAre::Encrypted => encrypted(header, &named),
        }
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn in_the_clear(header: &Header, named: &[&Arc<Served>]) -> Result<Arc<Served>> {
    let wanted = &header.network;
    let Some(served) = named.iter().find(|served| served.file().is_none()) else {
        return Err(Error::Refused(format!(
            "the file was made for weights of {} in the clear, and this server has them encrypted",
            wanted.name
        )));
    };
    if served.digest != wanted.digest {
        return Err(Error::Refused(format!(
            "the file was made for {} with weights and graph {}, but this server has those of {}",
            wanted.name,
            short(&wanted.digest),
            short(&served.digest)
        )));
    }
    Ok(Arc::clone(served))
}

/// Weights under the same key. Nothing is said of those under the keys of others.
fn encrypted(header: &Header, named: &[&Arc<Served>]) -> Result<Arc<Served>> {
    let of = |served: &Arc<Served>| served.file().is_some_and(|file| file.header.keys == header.keys);
    let Some(served) = named.iter().find(|served| of(served)) else {
        return Err(Error::Refused(format!(
            "the file was made for weights of {} encrypted under the keys {}, and this server has none under these keys: its operator needs \
             the model file that was made with them",
            header.network.name,
            short(&header.keys)
        )));
    };
    if let Some(file) = served.file() {
        let belongs = header.belongs("the file", &file.header, "the encrypted model here");
        belongs.map_err(|error| Error::Refused(error.to_string()))?;
    }
    Ok(Arc::clone(served))
}
