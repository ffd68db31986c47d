//! The tag type and the keyless description of the scheme.

use he_traits::wire::{Decode, Encode, Kind, Reader, Writer};
use he_traits::{
    Assumption, Cost, Costs, Level, LinearStyle, Profile, Requirements, Result, Scheme, Security, Sharing,
    Sizes,
};

use crate::batch::{PLANES, WIDTH};
use crate::{Ciphertext, FunctionMethod, MoreEvaluator, NAME, Parameters, RandomLane};

mod compact;

pub use compact::CompactMore;

/// The MORE scheme.
#[derive(Clone, Copy, Debug)]
pub enum More {}

/// What the server needs to compute: nothing but the parameters.
pub struct EvaluationKeys {
    fingerprint: u64,
}

impl EvaluationKeys {
    #[cfg(feature = "client")]
    pub(crate) fn new(parameters: &Parameters) -> Self {
        Self { fingerprint: parameters.fingerprint() }
    }
}

fn kind(fingerprint: u64) -> Kind {
    Kind { backend: NAME, object: "evalkeys", fingerprint }
}

impl Encode for EvaluationKeys {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(Writer::new(kind(self.fingerprint), 0).finish())
    }
}

impl Decode<Parameters> for EvaluationKeys {
    fn from_bytes(bytes: &[u8], parameters: &Parameters) -> Result<Self> {
        let fingerprint = parameters.fingerprint();
        Reader::new(bytes, kind(fingerprint))?.finish()?;
        Ok(Self { fingerprint })
    }
}

impl Scheme for More {
    const NAME: &'static str = NAME;
    type Params = Parameters;
    type Ciphertext = Ciphertext;
    type EvaluationKeys = EvaluationKeys;
    type Evaluator = MoreEvaluator;

    fn parameters(requirements: &Requirements) -> Result<Parameters> {
        Parameters::meeting(requirements)
    }

    fn profile(parameters: &Parameters) -> Result<Profile> {
        Ok(profile(parameters))
    }

    fn evaluator(parameters: &Parameters, keys: EvaluationKeys) -> Result<MoreEvaluator> {
        if keys.fingerprint != parameters.fingerprint() {
            return Err(he_traits::Error::parameters("the evaluation keys belong to other parameters"));
        }
        Ok(MoreEvaluator::new(parameters, profile(parameters)))
    }
}

fn profile(parameters: &Parameters) -> Profile {
    let (slots, n) = (parameters.slots(), parameters.dimension());
    let bytes = Cost::flat((8 * n * n * slots) as f64);
    let random = match parameters.random_lane() {
        RandomLane::DataRange => "drawn from the range of the data".to_owned(),
        RandomLane::Interval { low, high } => format!("drawn from [{low}, {high}]"),
    };
    let (backend, form) = match parameters.method() {
        FunctionMethod::Compact => (CompactMore::NAME, ", computed on as a I + b T"),
        _ => (NAME, ""),
    };
    Profile {
        backend: backend.to_owned(),
        parameters: format!(
            "{n} x {n} matrices of doubles{form}, condition number of the key at most {}, random numbers {random}",
            parameters.condition_bound()
        ),
        slots,
        top: Level::UNBOUNDED,
        precision_bits: parameters.precision_bits(),
        security: security(),
        costs: costs(slots, n, parameters.method()),
        linear: LinearStyle::Matrix,
        values_at_once: values_at_once(),
        repeats_once: true,
        factors_repeat_once: true,
        masks_kept_once: false,
        rotated_by_limb: false,
        threads_within: false,
        values_per_thread: (n * n == PLANES).then_some(WIDTH),
        exact: true,
        companions: parameters.random_lane() == RandomLane::DataRange,
        complex: false,
        refresh: None,
        sizes: Sizes {
            ciphertext: bytes,
            factor: Cost::flat((8 * slots) as f64),
            // No key but a name for the parameters: none is made for a level or a step.
            key: Cost::flat(0.0),
            keys_at_most: None,
            entry: 0.0,
            held_back: 0.0,
            sent: bytes,
            sent_fresh: bytes,
        },
    }
}

/// Values that a program likes to get at once: eight batches a core, so that threads seldom wait for each other. Each of them takes
/// one batch through all steps, and it stays in the core's cache.
fn values_at_once() -> usize {
    8 * WIDTH * std::thread::available_parallelism().map_or(1, usize::from).clamp(2, 64)
}

fn security() -> Security {
    Security {
        assumption: Assumption::None,
        statement: "none: ciphertext-only, milliseconds (the numbers are eigenvalues of the ciphertexts)"
            .to_owned(),
        server_learns: vec![
            "every number, up to which of the lanes is the message: one bit for 2 x 2".to_owned(),
            "that bit, from the range of the data, a known number, or a look at them".to_owned(),
            "the result of every comparison, and the eigenvalues whenever a nonlinear function is evaluated"
                .to_owned(),
        ],
        owner_learns: vec!["the network applied to random numbers".to_owned()],
        attacks: ["eigenvalues", "common eigenvectors", "known numbers", "the key from one known number"]
            .map(str::to_owned)
            .into(),
        sharing_decryptions: Sharing::Unsafe(
            "one known number singles out the lane of the message".to_owned(),
        ),
    }
}

/// Bytes that a core's second-level cache holds, on the machine of [`costs`].
const CACHE_BYTES: usize = 2 << 20;

/// Seconds on one core with AVX-512 (Sapphire Rapids, 2 x 2), as `benches/operations.rs` measures them while the values of a thread fit its
/// cache; beyond it passes over them and single operations take what memory takes, fresh pages included (LeNet of the latent networks, step by
/// step). Larger matrices by their number of multiplications.
fn costs(slots: usize, n: usize, method: FunctionMethod) -> Costs {
    let slots = slots as f64;
    // In the compact form linear maps and functions work on two numbers a slot; single operations go by the four entries.
    let (numbers, function) = match (method, n) {
        (FunctionMethod::Compact, 2) => (2.0, 3.3e-9),
        (_, 2) => (4.0, 5.5e-9),
        _ => ((n * n) as f64, 1e-6 * (n * n * n) as f64),
    };
    let planes = (n * n) as f64;
    let products = planes * n as f64;
    let flat = |nanoseconds: f64| Cost::flat(nanoseconds * 1e-9 * slots);
    let outside = WIDTH as f64 * planes * 8.0 * slots > CACHE_BYTES as f64;
    let (pass, product) = if outside { (2.0, 2.5) } else { (0.3, 0.3) };
    Costs {
        encode: flat(0.8),
        encode_kept: flat(0.8),
        encrypt: flat(3.0 * planes),
        decrypt: flat(0.35 * planes),
        add: flat(pass * planes),
        mul_plain: flat(pass * planes),
        mul: flat(product * products),
        rescale: Cost::default(),
        rotate: flat(0.25 * planes),
        rotate_hoisted: flat(0.25 * planes),
        entry: Cost::flat(0.04e-9 * numbers),
        pass: flat(pass * planes),
        exact_slot: Cost::flat(function),
        value: Cost::default(),
    }
}
