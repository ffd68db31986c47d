//! The models that are served, in the clear, and how each would run.

use std::sync::{Arc, Mutex, PoisonError};

use exchange::{Header, NetworkTag};
use nn_layers::{Network, Weights};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Error, Result};

/// A model with its weights.
pub struct Served {
    /// What it does, in a sentence.
    pub about: String,
    /// Where the weights come from.
    pub weights_from: String,
    /// The network.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    digest: String,
}

impl Served {
    /// A model to serve.
    #[must_use]
    pub fn new(about: String, weights_from: String, network: Network, weights: Weights) -> Self {
        let digest = NetworkTag::new(&network, &weights, &network).digest;
        Self { about, weights_from, network, weights, digest }
    }

    /// Name of the network.
    pub fn name(&self) -> &str {
        self.network.name()
    }

    /// SHA-256 of graph and weights, as files carry it.
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
    /// A catalogue of `models` under `schemes`.
    #[must_use]
    pub fn new(models: Vec<Served>, schemes: &[&'static str]) -> Self {
        let waiting: Vec<Plan> =
            schemes.iter().map(|scheme| Plan::absent(scheme, "it is being computed")).collect();
        let plans = vec![waiting; models.len()];
        Self { models: models.into_iter().map(Arc::new).collect(), plans: Mutex::new(plans) }
    }

    /// All models with their plans.
    pub fn all(&self) -> Vec<(Arc<Served>, Vec<Plan>)> {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        self.models.iter().cloned().zip(plans.iter().cloned()).collect()
    }

    /// Puts a plan in its place.
    pub fn planned(&self, model: &str, plan: Plan) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let of_model = self.models.iter().zip(plans.iter_mut()).filter(|(served, _)| served.name() == model);
        for place in of_model.flat_map(|(_, plans)| plans).filter(|place| place.scheme == plan.scheme) {
            *place = plan.clone();
        }
    }

    /// The model that a file was made for.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is none of that name, or it has other weights.
    pub fn of(&self, header: &Header) -> Result<Arc<Served>> {
        let wanted = &header.network;
        let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        let Some(served) = self.models.iter().find(|served| served.name() == wanted.name) else {
            let names: Vec<&str> = self.models.iter().map(|served| served.name()).collect();
            return Err(Error::Refused(format!(
                "the file was made for the network {}, this server has {}",
                wanted.name,
                names.join(", ")
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
}
