//! What was measured while a backend ran.

use std::collections::BTreeMap;

use nn_layers::StepPrecision;
use serde::{Deserialize, Deserializer, Serialize};

/// JSON has no NaN and no infinity: both are written as null, and null is read as NaN.
pub(super) fn finite_or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// All measurements of one backend.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) samples: usize,
    pub(crate) runs: usize,
    pub(crate) batch: usize,
    pub(crate) threads: usize,
    pub(crate) time: Times,
    pub(crate) memory: Memory,
    pub(crate) bytes: Bytes,
    /// What the round trips to the owner took, where there were any.
    #[serde(default)]
    pub(crate) round_trips: Option<RoundTripRecord>,
    pub(crate) metric: MetricValues,
    pub(crate) agreement: Agreement,
    pub(crate) scores: Vec<ScoreRecord>,
    pub(crate) steps: Vec<StepRecord>,
    /// Why the precision of the steps is missing where it was asked for.
    #[serde(default)]
    pub(crate) precision_missing: Option<String>,
    pub(crate) outputs: Vec<OutputSample>,
}

/// Seconds. Spreads are over all evaluations of all runs, each of one batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Times {
    pub(crate) compile: f64,
    pub(crate) keygen: f64,
    /// Encrypting the weights, where they are encrypted.
    #[serde(default)]
    pub(crate) encrypt_weights: Option<f64>,
    pub(crate) prepare: f64,
    pub(crate) setup: f64,
    /// The evaluation that warmed up, which stands in no other time: a process that has yet to get its memory from the system. Absent where evaluations
    /// take so long that the first one counts.
    #[serde(default)]
    pub(crate) first: Option<f64>,
    pub(crate) encrypt: Spread,
    pub(crate) evaluate: Spread,
    pub(crate) decrypt: Spread,
    pub(crate) latency: Spread,
    pub(crate) samples_per_second: f64,
    pub(crate) amortised: f64,
    pub(crate) evaluate_amortised: f64,
    /// The clear executor over all samples as one batch, in this process and on these threads.
    pub(crate) clear_executor: Spread,
    /// Evaluation of all samples in the fastest run over the fastest of those passes.
    pub(crate) evaluate_over_clear: f64,
}

/// A quantity measured several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Mean, sample deviation (0 for a single value) and range of `values`; all 0 when there are none.
    pub(crate) fn of(values: &[f64]) -> Self {
        let count = values.len();
        if count == 0 {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            count,
            mean,
            deviation: if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 },
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// Peak resident memory of the backend's process, in bytes; absent where the system does not tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) before_keygen: Option<u64>,
    pub(crate) keygen: Option<u64>,
    pub(crate) prepare: Option<u64>,
    pub(crate) evaluate: Option<u64>,
    pub(crate) peak: Option<u64>,
}

/// Sizes as serialised for the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Bytes {
    pub(crate) fresh_ciphertext: u64,
    pub(crate) result_ciphertext: u64,
    pub(crate) evaluation_keys: u64,
    /// All ciphertexts of the weights, where they are encrypted.
    #[serde(default)]
    pub(crate) encrypted_weights: Option<u64>,
    pub(crate) upload_per_sample: f64,
    pub(crate) download_per_sample: f64,
}

/// Round trips to the owner as they ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoundTripRecord {
    /// Messages to the owner and back in one evaluation.
    pub(crate) rounds: u64,
    /// Ciphertexts of one sample, or of all that share ciphertexts, that went, and as many that came back.
    pub(crate) ciphertexts: u64,
    /// Bytes of one sample as serialised, to the owner and back.
    pub(crate) bytes_up: f64,
    pub(crate) bytes_down: f64,
    /// Seconds of all rounds of one evaluation, part of the evaluation's: reading, decrypting, encrypting and writing at the owner.
    pub(crate) seconds: Spread,
}

/// The task metric, over the same samples.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MetricValues {
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) original: f64,
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) clear: f64,
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) encrypted: f64,
}

/// Decrypted outputs against the clear run of the same (polynomial) network. Bits are -log2 of the absolute error; absent when
/// there is no difference at all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Agreement {
    pub(crate) values: usize,
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) worst_error: f64,
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) mean_error: f64,
    pub(crate) worst_bits: Option<f64>,
    pub(crate) mean_bits: Option<f64>,
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) clear_rms: f64,
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) worst_relative: f64,
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) rms_relative: f64,
    pub(crate) same_class: Option<f64>,
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) approximation_relative: f64,
}

/// One score of the model, clear and encrypted, beside the paper's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ScoreRecord {
    pub(crate) of: String,
    pub(crate) metric: String,
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) original: f64,
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) encrypted: f64,
    pub(crate) paper: Option<f64>,
}

/// One step of the network as it ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StepRecord {
    pub(crate) name: String,
    pub(crate) operation: String,
    pub(crate) level_in: Option<u32>,
    pub(crate) level_out: Option<u32>,
    pub(crate) seconds: Spread,
    pub(crate) operations: BTreeMap<String, u64>,
    /// How exact the values are after it, where that was asked for.
    #[serde(default)]
    pub(crate) precision: Option<PrecisionRecord>,
}

/// How exact the values after a step are, over all elements of the first sample's tensor. Bits are -log2 of the error relative to `rms`;
/// absent when there is no error at all.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct PrecisionRecord {
    /// By the largest error.
    pub(crate) worst_bits: Option<f64>,
    /// By the root mean square of the errors.
    pub(crate) typical_bits: Option<f64>,
    /// Root mean square of the elements in the clear.
    #[serde(deserialize_with = "finite_or_nan")]
    pub(crate) rms: f64,
}

impl From<&StepPrecision> for PrecisionRecord {
    fn from(step: &StepPrecision) -> Self {
        Self { worst_bits: step.worst_bits(), typical_bits: step.typical_bits(), rms: step.rms }
    }
}

/// Outputs of one sample, of long ones the first; none where a number is not finite.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OutputSample {
    pub(crate) sample: usize,
    pub(crate) clear: Vec<Option<f64>>,
    pub(crate) encrypted: Vec<Option<f64>>,
    /// Outputs that are images, as such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pictures: Option<OutputPictures>,
}

/// Images that a network makes, PNG in base64: both on the same scale, and how far they lie apart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OutputPictures {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) clear: String,
    pub(crate) encrypted: String,
    /// The difference's size, from black for none to white for `largest`.
    pub(crate) difference: String,
    pub(crate) largest: f64,
}
