//! What the store knows about keys and jobs. Nothing here is secret.

use exchange::{Header, WeightsAre};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Evaluation keys of an owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Whose they are.
    pub owner: String,
    /// Their number, from the file's header.
    pub number: String,
    /// Name of their file in the store.
    pub file: String,
    /// SHA-256 with which the file ends, hexadecimal.
    pub checksum: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// The file's header.
    pub header: Header,
    /// When they came, in milliseconds since 1970.
    pub created: u64,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits.
    Queued,
    /// It runs.
    Running,
    /// Its result can be fetched.
    Finished,
    /// It did not work; the job says why.
    Failed,
}

impl State {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Failed)
    }

    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }
}

/// A request of an owner, and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobRecord {
    /// Its number, drawn by the service.
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// Number of the keys.
    pub key: String,
    /// Name of the model.
    pub model: String,
    /// Name of the scheme.
    pub scheme: String,
    /// The parameters in words.
    pub parameters: String,
    /// How the server has the weights.
    #[serde(default)]
    pub weights: WeightsAre,
    /// Encrypted samples.
    pub samples: u64,
    /// Bytes of the request.
    pub request_bytes: u64,
    /// Bytes of the results, when there are.
    pub result_bytes: Option<u64>,
    /// How far it is.
    pub state: State,
    /// How often it was begun; a start that a shutdown cut short does not count.
    pub attempts: u32,
    /// When it was accepted, in milliseconds since 1970.
    pub created: u64,
    /// When it was begun last.
    pub started: Option<u64>,
    /// When it ended.
    pub finished: Option<u64>,
    /// Seconds from acceptance to the end, as the queue predicted when the job came.
    pub predicted_seconds: Option<f64>,
    /// Seconds that reading keys and encoding weights took, where it was not done before.
    pub load_seconds: Option<f64>,
    /// Seconds of the evaluation.
    pub seconds: Option<f64>,
    /// Why it failed.
    pub error: Option<String>,
}
