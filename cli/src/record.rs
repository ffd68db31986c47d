//! Records: what every run writes, and all that tables, pictures and pages are made from.
//!
//! A file of records is JSON Lines: one [`Comparison`] (what was run, on which machine), then one [`BackendRecord`] a backend.
//! `docs/records.md` describes each field; a test holds that page against the records that the program writes.

mod host;
mod plan;
mod result;
mod store;

pub(crate) use host::{Host, cores};
pub(crate) use plan::{
    Activation, EstimatedMemory, Keys, Plan, PlanStep, PlannedRoundTrips, SecurityRecord, Visibility,
};
pub(crate) use result::{
    Agreement, Bytes, Measured, Memory, MetricValues, OutputPictures, OutputSample, PrecisionRecord,
    RoundTripRecord, ScoreRecord, Spread, StepRecord, Times,
};
pub(crate) use store::{default_path, read, to_lines};

use exchange::WeightsAre;
use nn_layers::Packing;
use serde::{Deserialize, Serialize};

/// Version of the schema: raised whenever a field changes its meaning, its unit or its name, or goes away.
pub(crate) const SCHEMA: u32 = 1;

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
pub(crate) enum Record {
    /// The head of a comparison.
    Comparison(Box<Comparison>),
    /// One backend of it.
    Backend(Box<BackendRecord>),
}

/// What was compared, where and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) schema: u32,
    pub(crate) id: String,
    pub(crate) henna: Build,
    pub(crate) date: String,
    pub(crate) host: Host,
    pub(crate) command: String,
    pub(crate) model: ModelRecord,
    pub(crate) samples: usize,
    pub(crate) threads: usize,
    pub(crate) backends: Vec<String>,
    pub(crate) metric: MetricRecord,
    pub(crate) clear_seconds: f64,
    pub(crate) pictures: Vec<Picture>,
}

/// The program that wrote the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Build {
    pub(crate) version: String,
    pub(crate) commit: Option<String>,
    pub(crate) optimised: bool,
}

impl Build {
    /// This program.
    pub(crate) fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("HENNA_COMMIT").map(str::to_owned),
            optimised: !cfg!(debug_assertions),
        }
    }
}

/// The network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ModelRecord {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) paper: String,
    pub(crate) parameters: usize,
    pub(crate) input_shape: Vec<usize>,
    pub(crate) output_shape: Vec<usize>,
    pub(crate) weights: String,
    pub(crate) weights_sha256: String,
}

/// What the outputs are judged by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MetricRecord {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) higher_is_better: bool,
    #[serde(deserialize_with = "result::finite_or_nan")]
    pub(crate) original: f64,
}

/// An input that is an image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Picture {
    pub(crate) sample: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) png: String,
    pub(crate) class: Option<usize>,
    /// What the output should be, where that is an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) truth: Option<String>,
}

/// How a backend fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It ran.
    Ok,
    /// It was planned and not run.
    Planned,
    /// It cannot run this network, or is not there.
    Unable,
    /// It broke off with an error, or its process died.
    Failed,
}

/// One backend on one network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BackendRecord {
    pub(crate) schema: u32,
    pub(crate) comparison: String,
    pub(crate) backend: String,
    /// How the server holds the weights.
    #[serde(default)]
    pub(crate) weights: WeightsAre,
    /// How values lie in ciphertexts; absent for backends that pay nothing for moving them.
    #[serde(default)]
    pub(crate) packing: Option<Packing>,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    pub(crate) plan: Option<Plan>,
    pub(crate) measured: Option<Measured>,
}

impl BackendRecord {
    /// A backend without anything measured, and why.
    pub(crate) fn without(
        comparison: &str,
        backend: &str,
        weights: WeightsAre,
        packing: Option<Packing>,
        status: Status,
        reason: impl ToString,
    ) -> Self {
        Self {
            schema: SCHEMA,
            comparison: comparison.to_owned(),
            backend: backend.to_owned(),
            weights,
            packing,
            status,
            reason: Some(reason.to_string()),
            plan: None,
            measured: None,
        }
    }

    /// What stands above its column.
    pub(crate) fn label(&self) -> String {
        label(&self.backend, self.weights, self.packing)
    }
}

/// A backend, how it holds the weights where they are not in the clear, and the packing where it is not multiplexed.
pub(crate) fn label(backend: &str, weights: WeightsAre, packing: Option<Packing>) -> String {
    let weights = match weights {
        WeightsAre::Clear => "",
        WeightsAre::Encrypted => ", weights encrypted",
    };
    match packing {
        None | Some(Packing::Multiplexed) => format!("{backend}{weights}"),
        Some(packing) => format!("{backend}{weights}, {packing}"),
    }
}

/// A comparison with its backends, in the order in which they were asked for.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) head: Comparison,
    pub(crate) backends: Vec<BackendRecord>,
}

impl Report {
    /// The same as lines.
    pub(crate) fn into_records(self) -> Vec<Record> {
        let head = Record::Comparison(Box::new(self.head));
        let backends = self.backends.into_iter().map(|backend| Record::Backend(Box::new(backend)));
        std::iter::once(head).chain(backends).collect()
    }
}
