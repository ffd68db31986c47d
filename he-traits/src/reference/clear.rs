//! The clear reference: plaintext arithmetic in `f64` under the rules of a real scheme.
//!
//! It is the oracle that encrypted runs are held against, so it is stricter than arithmetic needs: levels are spent and run
//! out, keys must be there at the level of use, complex numbers and exact functions exist only where the parameters say so,
//! and a linear map refuses an input that does not repeat as the map assumes. It overrides what [`crate::Evaluator`]
//! provides, and so checks the provided methods independently.

mod evaluator;
mod keys;
mod linear;
mod nonlinear;
#[cfg(feature = "client")]
mod owner;
mod wire;

use serde::{Deserialize, Serialize};

pub use evaluator::{ClearAddend, ClearCiphertext, ClearEvaluator, ClearFactor};
pub use keys::ClearKeys;
pub use linear::ClearMap;
#[cfg(feature = "client")]
pub use owner::{ClearDecryptor, ClearEncryptor, ClearSecretKey};

use crate::{
    Assumption, Cost, Costs, Error, Level, LinearStyle, Profile, Requirements, Result, Scheme, Security,
    Sharing, Sizes,
};

/// The family of plaintexts that pass for ciphertexts.
#[derive(Clone, Copy, Debug)]
pub enum Clear {}

/// Most slots of a clear ciphertext: a bound on what a file can make a reader allocate.
pub const MAX_SLOTS: usize = 1 << 24;

/// What a clear ciphertext looks like, and which rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearParams {
    slots: usize,
    top: Level,
    complex: bool,
    exact: bool,
    linear: LinearStyle,
}

impl ClearParams {
    /// Real slots, any number of them, and `top` levels; [`Level::UNBOUNDED`] for no budget. No exact functions; linear maps
    /// from the matrix.
    ///
    /// # Errors
    /// [`Error::Parameters`] when there are no slots, or more than [`MAX_SLOTS`].
    pub fn new(slots: usize, top: Level) -> Result<Self> {
        if slots == 0 || slots > MAX_SLOTS {
            return Err(Error::parameters(format!("{slots} slots: between 1 and {MAX_SLOTS} are possible")));
        }
        Ok(Self { slots, top, complex: false, exact: false, linear: LinearStyle::Matrix })
    }

    /// With or without the capability `complex`.
    #[must_use]
    pub const fn with_complex(self, complex: bool) -> Self {
        Self { complex, ..self }
    }

    /// With or without the capability `exact`.
    #[must_use]
    pub const fn with_exact(self, exact: bool) -> Self {
        Self { exact, ..self }
    }

    /// With the style of linear maps that the profile asks compilers for: by diagonals, a program needs the rotation keys of
    /// a lattice scheme. The result is computed from the matrix either way.
    #[must_use]
    pub const fn with_linear(self, linear: LinearStyle) -> Self {
        Self { linear, ..self }
    }

    /// Numbers in a ciphertext.
    pub const fn slots(&self) -> usize {
        self.slots
    }

    /// Level of a fresh ciphertext.
    pub const fn top(&self) -> Level {
        self.top
    }

    /// `at` as a level of these parameters: without a budget there is only one.
    fn level(&self, op: &'static str, at: Level) -> Result<Level> {
        if self.top.is_unbounded() {
            return Ok(Level::UNBOUNDED);
        }
        if at > self.top { Err(Error::LevelRaise { op, from: self.top, to: at }) } else { Ok(at) }
    }

    fn description(&self) -> Profile {
        let slots = self.slots as f64;
        let numbers = if self.complex { "complex" } else { "real" };
        Profile {
            backend: Clear::NAME.to_owned(),
            parameters: format!("{} {numbers} slots in f64, levels: {}", self.slots, self.top),
            slots: self.slots,
            top: self.top,
            precision_bits: 50.0,
            security: security(),
            costs: costs(slots),
            linear: self.linear,
            values_at_once: if self.linear == LinearStyle::Matrix { 16 } else { 1 },
            repeats_once: false,
            factors_repeat_once: false,
            masks_kept_once: false,
            rotated_by_limb: false,
            values_per_thread: None,
            threads_within: false,
            exact: self.exact,
            companions: false,
            complex: self.complex,
            refresh: None,
            sizes: Sizes {
                ciphertext: Cost::flat(16.0 * slots),
                factor: Cost::flat(16.0 * slots),
                key: Cost::flat(12.0),
                keys_at_most: None,
                // A real number and its column.
                entry: 12.0,
                held_back: 0.0,
                sent: Cost::flat(16.0 * slots),
                sent_fresh: Cost::flat(16.0 * slots),
            },
        }
    }
}

fn security() -> Security {
    Security {
        assumption: Assumption::None,
        statement: "no protection: plaintext".to_owned(),
        server_learns: vec!["everything: inputs, intermediate values and results".to_owned()],
        owner_learns: vec!["whatever lies in the slots of the result".to_owned()],
        attacks: Vec::new(),
        sharing_decryptions: Sharing::Safe,
    }
}

/// Orders of magnitude for a planner (a nanosecond a slot and pass over memory), not measurements.
fn costs(slots: f64) -> Costs {
    let pass = Cost::flat(1e-9 * slots);
    Costs {
        encode: pass,
        encode_kept: pass,
        encrypt: pass,
        decrypt: pass,
        add: pass,
        mul_plain: pass,
        mul: pass,
        rescale: Cost::flat(0.0),
        rotate: pass,
        rotate_hoisted: pass,
        entry: Cost::flat(1e-9),
        pass,
        exact_slot: Cost::flat(1e-8),
        value: Cost::default(),
    }
}

impl Scheme for Clear {
    const NAME: &'static str = "clear";
    type Params = ClearParams;
    type Ciphertext = ClearCiphertext;
    type EvaluationKeys = ClearKeys;
    type Evaluator = ClearEvaluator;

    /// As many levels as the depth, and the next power of two of slots; see [`ClearParams::new`] for other choices.
    fn parameters(requirements: &Requirements) -> Result<ClearParams> {
        let slots = requirements.slots.max(1).checked_next_power_of_two().filter(|slots| *slots <= MAX_SLOTS);
        let slots = slots.ok_or_else(|| {
            Error::parameters(format!("{} slots wanted, at most {MAX_SLOTS} possible", requirements.slots))
        })?;
        if requirements.precision_bits > 50 {
            let wanted = requirements.precision_bits;
            return Err(Error::parameters(format!(
                "{wanted} bits wanted, f64 gives 50 after a few operations"
            )));
        }
        ClearParams::new(slots, Level::new(requirements.depth))
    }

    fn profile(params: &ClearParams) -> Result<Profile> {
        Ok(params.description())
    }

    fn evaluator(params: &ClearParams, keys: ClearKeys) -> Result<ClearEvaluator> {
        ClearEvaluator::new(*params, keys)
    }
}
