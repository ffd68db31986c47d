//! What is known of a backend before any key is made: parameters, protection, levels, keys, expected cost.

use std::collections::BTreeMap;

use exchange::WeightsAre;
use he_traits::{Assumption, Security, Sharing};
use serde::{Deserialize, Serialize};

/// A network compiled for a backend.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) parameters: String,
    pub(crate) slots: usize,
    pub(crate) top_level: Option<u32>,
    pub(crate) depth: u32,
    pub(crate) precision_bits: f64,
    pub(crate) samples_at_once: usize,
    /// Samples that share ciphertexts.
    #[serde(default = "one")]
    pub(crate) samples_per_ciphertext: usize,
    pub(crate) input_ciphertexts: usize,
    pub(crate) output_ciphertexts: usize,
    pub(crate) security: SecurityRecord,
    pub(crate) visibility: Visibility,
    /// Ciphertexts of the network's weights, where they are encrypted.
    #[serde(default)]
    pub(crate) encrypted_weights: Option<usize>,
    pub(crate) activations: Vec<Activation>,
    pub(crate) keys: Keys,
    pub(crate) operations: BTreeMap<String, u64>,
    /// Of one sample, or of all that share ciphertexts.
    pub(crate) estimated_seconds: f64,
    /// What the first evaluation of a process takes besides, for the memory that it is the first to work in.
    #[serde(default)]
    pub(crate) estimated_fresh_seconds: f64,
    /// Threads of that time.
    #[serde(default = "one")]
    pub(crate) estimated_threads: usize,
    /// Whether it rests on costs measured on this machine, and not on those of a reference machine.
    #[serde(default)]
    pub(crate) costs_measured: bool,
    /// Where values go to the owner on the way.
    #[serde(default)]
    pub(crate) round_trips: Option<PlannedRoundTrips>,
    pub(crate) maps_on_the_fly: usize,
    pub(crate) estimated_memory: EstimatedMemory,
    pub(crate) steps: Vec<PlanStep>,
}

fn one() -> usize {
    1
}

impl Plan {
    /// Seconds that a first evaluation of so many samples is expected to take.
    pub(crate) fn first_seconds_of(&self, samples: usize) -> f64 {
        self.seconds_of(samples) + self.estimated_fresh_seconds
    }

    /// Seconds that so many samples are expected to take.
    pub(crate) fn seconds_of(&self, samples: usize) -> f64 {
        self.estimated_seconds * samples.div_ceil(self.samples_per_ciphertext.max(1)) as f64
    }
}

/// Round trips of one sample, with bytes by the sizes in the profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlannedRoundTrips {
    pub(crate) rounds: u64,
    pub(crate) ciphertexts: u64,
    pub(crate) bytes_up: f64,
    pub(crate) bytes_down: f64,
}

/// Bytes that a run is expected to hold at its peak, by kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EstimatedMemory {
    pub(crate) keys: u64,
    pub(crate) encoded: u64,
    pub(crate) values: u64,
    pub(crate) working: u64,
    pub(crate) program: u64,
    /// What the process holds besides, once it has planned.
    #[serde(default)]
    pub(crate) process: u64,
    pub(crate) total: u64,
}

/// One step of the compiled network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlanStep {
    pub(crate) name: String,
    pub(crate) operation: String,
    pub(crate) level_in: Option<u32>,
    pub(crate) level_out: Option<u32>,
    pub(crate) layout: String,
    pub(crate) ciphertexts: usize,
    pub(crate) rotations: usize,
    pub(crate) operations: BTreeMap<String, u64>,
    pub(crate) estimated_seconds: f64,
}

/// How an activation is computed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Activation {
    pub(crate) node: String,
    pub(crate) function: String,
    pub(crate) exact: bool,
    pub(crate) degree: Option<usize>,
    pub(crate) interval: Option<[f64; 2]>,
    pub(crate) error: Option<f64>,
    pub(crate) calibration_outside: u64,
    pub(crate) calibration_values: u64,
}

/// The evaluation keys that the network needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Keys {
    pub(crate) rotations: usize,
    pub(crate) relinearisation: bool,
    pub(crate) conjugation: bool,
    pub(crate) estimated_bytes: u64,
}

/// What a scheme protects, as its profile states it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SecurityRecord {
    pub(crate) statement: String,
    pub(crate) assumption: String,
    pub(crate) bits: u32,
    pub(crate) source: Option<String>,
    pub(crate) margin_bits: Option<f64>,
    pub(crate) server_learns: Vec<String>,
    pub(crate) owner_learns: Vec<String>,
    pub(crate) attacks: Vec<String>,
    pub(crate) sharing_decryptions: String,
}

impl From<&Security> for SecurityRecord {
    fn from(security: &Security) -> Self {
        let (assumption, source, margin_bits) = match &security.assumption {
            Assumption::None => ("none".to_owned(), None, None),
            Assumption::Rlwe { source, margin_bits, .. } => {
                ("RLWE".to_owned(), Some(source.clone()), Some(*margin_bits))
            }
            Assumption::InsecureForTests { reason } => (format!("insecure, for tests: {reason}"), None, None),
        };
        Self {
            statement: security.statement.clone(),
            assumption,
            bits: security.assumption.bits(),
            source,
            margin_bits,
            server_learns: security.server_learns.clone(),
            owner_learns: security.owner_learns.clone(),
            attacks: security.attacks.clone(),
            sharing_decryptions: match &security.sharing_decryptions {
                Sharing::Safe => "safe".to_owned(),
                Sharing::Unsafe(reason) => format!("unsafe: {reason}"),
            },
        }
    }
}

/// Who sees what in the clear.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Visibility {
    pub(crate) weights: String,
    pub(crate) data: String,
    pub(crate) labels: String,
    pub(crate) results: String,
}

impl Visibility {
    /// Whether the server sees the weights, in a word.
    pub(crate) fn server_sees_weights(&self) -> &'static str {
        if self.weights.contains("server") { "yes" } else { "no" }
    }

    /// For inference: what the ciphertexts protect is the owner's alone, and where no assumption stands behind them the server is taken to
    /// see through them.
    pub(crate) fn of_inference(security: &Security, weights: WeightsAre) -> Self {
        let encrypted = if security.assumption.bits() > 0 { "owner" } else { "owner, server" }.to_owned();
        Self {
            weights: match weights {
                WeightsAre::Clear => "server".to_owned(),
                WeightsAre::Encrypted => encrypted.clone(),
            },
            data: encrypted.clone(),
            labels: "owner".to_owned(),
            results: encrypted,
        }
    }
}
