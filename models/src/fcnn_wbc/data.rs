//! The data set of FCNN-WBC: simulated, split, cached, and a part of it embedded.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::cache;
use crate::circulation::{Draw, Settings, accepted, calibrate::observed, model::REVISION};
use crate::error::ModelError;
use crate::registry::{Progress, Step};

/// Number of inputs.
pub const INPUTS: usize = 9;
/// Number of outputs.
pub const OUTPUTS: usize = 12;

/// The measurements that go in, with units, in order.
pub const INPUT_NAMES: [&str; INPUTS] = [
    "heart rate (1/min)",
    "aortic systolic pressure (mmHg)",
    "aortic diastolic pressure (mmHg)",
    "left end-systolic volume (ml)",
    "left ejection time (s)",
    "pulmonary systolic pressure (mmHg)",
    "pulmonary diastolic pressure (mmHg)",
    "right end-systolic volume (ml)",
    "right ejection time (s)",
];

/// The parameters that come out, in order.
pub const OUTPUT_NAMES: [&str; OUTPUTS] = [
    "systemic V0",
    "systemic time of maximum elastance",
    "systemic R",
    "systemic C",
    "systemic Rp/Rd",
    "systemic Emax",
    "pulmonary V0",
    "pulmonary time of maximum elastance",
    "pulmonary R",
    "pulmonary C",
    "pulmonary Rp/Rd",
    "pulmonary Emax",
];

/// The seed of the data that the committed weights were trained on.
pub const SEED: u64 = 2020;

/// Simulated subjects: what was measured on each, and its parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WbcSamples {
    /// Measurements, in the order of [`INPUT_NAMES`].
    pub inputs: Vec<[f64; INPUTS]>,
    /// Parameters, in the order of [`OUTPUT_NAMES`], in ml, s, mmHg s/ml, ml/mmHg, 1, mmHg/ml.
    pub outputs: Vec<[f64; OUTPUTS]>,
}

impl WbcSamples {
    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// The samples of a range, cut to what there is.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let length = range.len();
        Self {
            inputs: self.inputs.iter().skip(range.start).take(length).copied().collect(),
            outputs: self.outputs.iter().skip(range.start).take(length).copied().collect(),
        }
    }
}

/// What determines a data set, entirely: not the machine's threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataConfig {
    /// How subjects are drawn.
    pub draw: Draw,
    /// Seed; subject i uses ChaCha stream i.
    pub seed: u64,
    /// Accepted samples for training, validation and test, in this order of subjects.
    pub counts: [usize; 3],
    /// How the circulation is integrated.
    pub settings: Settings,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { draw: Draw::Coupled, seed: SEED, counts: [7000, 1000, 2000], settings: Settings::default() }
    }
}

/// The three parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataSet {
    /// What the network learns from, and the only part that standardisation sees.
    pub training: WbcSamples,
    /// What hyperparameters are chosen by.
    pub validation: WbcSamples,
    /// What is reported.
    pub test: WbcSamples,
}

/// Simulates subject number `index`.
///
/// # Errors
/// As [`accepted`].
pub fn sample(config: &DataConfig, index: usize) -> Result<([f64; INPUTS], [f64; OUTPUTS]), ModelError> {
    let (parameters, measured) = accepted(config.draw, config.seed, index as u64, &config.settings)?;
    let mut outputs = [0.0; OUTPUTS];
    let sides = parameters.systemic.to_array().into_iter().chain(parameters.pulmonary.to_array());
    outputs.iter_mut().zip(sides).for_each(|(output, value)| *output = value);
    Ok((observed(&measured), outputs))
}

/// Simulates the data set, all threads at work; the result does not depend on their number.
///
/// # Errors
/// A subject for which no draw is accepted.
pub fn simulate(config: &DataConfig, progress: Progress<'_>) -> Result<DataSet, ModelError> {
    let total = config.counts.iter().sum();
    let done = AtomicUsize::new(0);
    let one = |index| {
        let sample = sample(config, index);
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(100) || done == total {
            progress(Step { stage: "simulate", done, total, loss: None });
        }
        sample
    };
    let rows: Vec<_> = (0..total).into_par_iter().map(one).collect::<Result<_, _>>()?;
    let (inputs, outputs) = rows.into_iter().unzip();
    Ok(split(&WbcSamples { inputs, outputs }, config))
}

fn split(samples: &WbcSamples, config: &DataConfig) -> DataSet {
    let [training, validation, test] = config.counts;
    DataSet {
        training: samples.slice(0..training),
        validation: samples.slice(training..training + validation),
        test: samples.slice(training + validation..training + validation + test),
    }
}

/// The data set from the cache directory, simulated and put there where it is not, or where the file is damaged.
///
/// # Errors
/// As [`simulate`]; no cache directory, or one that cannot be written.
pub fn load_or_simulate(config: &DataConfig, progress: Progress<'_>) -> Result<DataSet, ModelError> {
    load_or_simulate_in(&cache::directory()?, config, progress)
}

/// As [`load_or_simulate`], in a cache directory of the caller's.
///
/// # Errors
/// As [`load_or_simulate`].
pub fn load_or_simulate_in(
    directory: &Path,
    config: &DataConfig,
    progress: Progress<'_>,
) -> Result<DataSet, ModelError> {
    let path = cache_path(directory, config);
    let cached = std::fs::read(&path).ok().and_then(|bytes| decode(&bytes, &fingerprint(config)).ok());
    if let Some(samples) = cached
        && samples.len() == config.counts.iter().sum::<usize>()
    {
        return Ok(split(&samples, config));
    }
    let data = simulate(config, progress)?;
    let mut all = WbcSamples::default();
    for part in [&data.training, &data.validation, &data.test] {
        all.inputs.extend(&part.inputs);
        all.outputs.extend(&part.outputs);
    }
    cache::write_atomically(&path, &encode(&all, &fingerprint(config)))?;
    Ok(data)
}

/// The file in the cache directory that holds this data set.
#[must_use]
pub fn cache_path(directory: &Path, config: &DataConfig) -> PathBuf {
    let name: String = fingerprint(config).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    directory.join("fcnn-wbc").join(format!("{name}.bin"))
}

/// Names a data set: its configuration and the revision of the equations.
fn fingerprint(config: &DataConfig) -> [u8; 32] {
    Sha256::digest(format!("circulation {REVISION}: {config:?}")).into()
}

/// First bytes of a file of samples.
const MAGIC: &[u8; 8] = b"hennaWBC";
/// Bytes before the samples: magic, fingerprint, number of samples.
const HEADER: usize = 8 + 32 + 8;
/// Bytes of one sample.
const SAMPLE: usize = (INPUTS + OUTPUTS) * 8;

/// Header, samples as little-endian f64 (inputs, then outputs), and the SHA-256 of all that.
fn encode(samples: &WbcSamples, fingerprint: &[u8; 32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + samples.len() * SAMPLE + 32);
    bytes.extend(MAGIC);
    bytes.extend(fingerprint);
    bytes.extend((samples.len() as u64).to_le_bytes());
    for (inputs, outputs) in samples.inputs.iter().zip(&samples.outputs) {
        bytes.extend(inputs.iter().chain(outputs).flat_map(|value| value.to_le_bytes()));
    }
    bytes.extend(Sha256::digest(&bytes));
    bytes
}

fn decode(bytes: &[u8], fingerprint: &[u8; 32]) -> Result<WbcSamples, ModelError> {
    let bad =
        |reason: String| ModelError::BadData { data: "the file of FCNN-WBC samples".to_owned(), reason };
    let short = || bad(format!("{} bytes are too few", bytes.len()));
    let (content, checksum) = bytes.split_last_chunk::<32>().ok_or_else(short)?;
    if *checksum != <[u8; 32]>::from(Sha256::digest(content)) {
        return Err(bad("its checksum is wrong".to_owned()));
    }
    let (magic, content) = content.split_first_chunk::<8>().ok_or_else(short)?;
    let (origin, content) = content.split_first_chunk::<32>().ok_or_else(short)?;
    let (count, content) = content.split_first_chunk::<8>().ok_or_else(short)?;
    if magic != MAGIC || origin != fingerprint {
        return Err(bad("it was made by another configuration or revision".to_owned()));
    }
    let (rows, rest) = content.as_chunks::<SAMPLE>();
    if !rest.is_empty() || rows.len() as u64 != u64::from_le_bytes(*count) {
        return Err(bad(format!(
            "{} samples were announced, {} came",
            u64::from_le_bytes(*count),
            rows.len()
        )));
    }
    let mut samples = WbcSamples::default();
    for row in rows {
        let (mut inputs, mut outputs) = ([0.0; INPUTS], [0.0; OUTPUTS]);
        let (values, _) = row.as_chunks::<8>();
        let slots = inputs.iter_mut().chain(outputs.iter_mut());
        slots.zip(values).for_each(|(slot, bytes)| *slot = f64::from_le_bytes(*bytes));
        samples.inputs.push(inputs);
        samples.outputs.push(outputs);
    }
    Ok(samples)
}

/// Number of test samples in the crate, the first of the test part.
pub const EMBEDDED_TEST: usize = 256;
/// Number of training samples in the crate, the first of the training part.
pub const EMBEDDED_TRAINING: usize = 256;
/// The samples in the crate, made by the example `fcnn_wbc_samples`.
static EMBEDDED: &[u8] = include_bytes!("../../data/fcnn-wbc-samples.bin");

/// What the crate carries of a data set, as the bytes of its file: [`EMBEDDED_TEST`] and [`EMBEDDED_TRAINING`] samples.
#[must_use]
pub fn embedding(data: &DataSet, config: &DataConfig) -> Vec<u8> {
    let mut samples = data.test.slice(0..EMBEDDED_TEST);
    let training = data.training.slice(0..EMBEDDED_TRAINING);
    samples.inputs.extend(training.inputs);
    samples.outputs.extend(training.outputs);
    encode(&samples, &fingerprint(config))
}

fn embedded() -> Result<WbcSamples, ModelError> {
    decode(EMBEDDED, &fingerprint(&DataConfig::default()))
}

/// The test samples in the crate, of [`DataConfig::default`].
///
/// # Errors
/// None, unless the crate was changed by hand: the file's checksum and origin are checked.
pub fn embedded_test() -> Result<WbcSamples, ModelError> {
    Ok(embedded()?.slice(0..EMBEDDED_TEST))
}

/// The training samples in the crate, of [`DataConfig::default`]: enough to calibrate activation ranges.
///
/// # Errors
/// As [`embedded_test`].
pub fn embedded_training() -> Result<WbcSamples, ModelError> {
    Ok(embedded()?.slice(EMBEDDED_TEST..EMBEDDED_TEST + EMBEDDED_TRAINING))
}
