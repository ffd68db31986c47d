//! The laws that every backend must keep, as functions that say which law broke, on what, and by how much.
//!
//! A backend joins with a test of a few lines:
//!
//! ```
//! use he_traits::conformance::{Suite, Violation};
//! use he_traits::{Clear, ClearParams, Level};
//!
//! fn main() -> Result<(), Violation> {
//!     let params = ClearParams::new(64, Level::new(5)).unwrap();
//!     let report = Suite::<Clear>::new(params).seed(1).run()?;
//!     println!("{report}");
//!     Ok(())
//! }
//! ```
//!
//! Right values are computed here from plain numbers, except for random programs, which run against [`crate::Clear`].
//! Errors are measured against the profile's own `precision_bits`, less [`Options::slack_bits`].

mod arithmetic;
mod bench;
mod capability;
mod levels;
mod linear;
mod maps;
mod polynomial;
mod profile;
mod program;
mod refusals;
mod rotation;
mod violation;
mod wire;

use std::collections::BTreeMap;
use std::fmt;

pub use violation::{Breach, Outcome, Refusal, Violation};

use crate::{ClientScheme, Error, KeyNeeds, Level, Profile};
use bench::Bench;

/// How thoroughly the laws are checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Seed of all randomness of the suite: the same seed gives the same operands and programs.
    pub seed: u64,
    /// Bits by which results may be worse than the profile's `precision_bits`.
    pub slack_bits: f64,
    /// Largest absolute value that operands take (the scheme must carry it at every level).
    pub bound: f64,
    /// Most levels at which a law is checked; the top, 1 and 0 are always among them.
    pub levels: usize,
    /// Degrees of the polynomials.
    pub degrees: Vec<usize>,
    /// Number of random programs.
    pub programs: usize,
    /// Operations of a random program.
    pub program_length: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            slack_bits: 4.0,
            bound: 16.0,
            levels: 4,
            degrees: vec![1, 2, 3, 4, 7, 8, 15],
            programs: 4,
            program_length: 40,
        }
    }
}

/// What was checked of one law.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LawRecord {
    /// Number of checks.
    pub checks: usize,
    /// Worst error of a slot, relative to the larger of 1 and the largest slot of that result.
    pub worst_error: f64,
}

/// The laws that held.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What was tested.
    pub backend: String,
    /// The parameters in words.
    pub parameters: String,
    /// Each law by its name.
    pub laws: BTreeMap<&'static str, LawRecord>,
}

impl Report {
    /// Number of checks in all.
    pub fn checks(&self) -> usize {
        self.laws.values().map(|law| law.checks).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({}): {} checks", self.backend, self.parameters, self.checks())?;
        for (name, law) in &self.laws {
            write!(f, "  {name:<26}{:>5} checks", law.checks)?;
            match law.worst_error > 0.0 {
                true => writeln!(f, ", {:>5.1} bits at worst", -law.worst_error.log2())?,
                false => writeln!(f)?,
            }
        }
        Ok(())
    }
}

/// All laws, for one scheme at one set of parameters.
pub struct Suite<S: ClientScheme> {
    params: S::Params,
    foreign: Option<S::Params>,
    options: Options,
}

impl<S: ClientScheme> Suite<S> {
    /// The suite with [`Options::default`].
    pub fn new(params: S::Params) -> Self {
        Self { params, foreign: None, options: Options::default() }
    }

    /// With these options.
    #[must_use]
    pub fn options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// With this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// With results worse than the profile's precision by so many bits.
    #[must_use]
    pub fn slack_bits(mut self, bits: f64) -> Self {
        self.options.slack_bits = bits;
        self
    }

    /// With other parameters of the same scheme, whose bytes and keys must not be taken for these.
    #[must_use]
    pub fn foreign(self, params: S::Params) -> Self {
        Self { foreign: Some(params), ..self }
    }

    /// Checks all laws.
    ///
    /// # Errors
    /// The first law that is broken, with operands, level, and what was expected and got.
    pub fn run(self) -> Outcome<Report> {
        let mut bench = Bench::<S>::new(self.params, self.options)?;
        profile::run(&mut bench)?;
        arithmetic::run(&mut bench)?;
        rotation::run(&mut bench)?;
        levels::run(&mut bench)?;
        refusals::run(&mut bench)?;
        linear::run(&mut bench)?;
        polynomial::run(&mut bench)?;
        capability::run(&mut bench)?;
        linear::layers(&mut bench)?;
        linear::encrypted(&mut bench)?;
        wire::run(&mut bench, self.foreign.as_ref())?;
        program::run(&mut bench)?;
        let (backend, parameters) = (bench.profile.backend.clone(), bench.profile.parameters.clone());
        Ok(Report { backend, parameters, laws: bench.into_records() })
    }
}

/// All keys that the suite uses, apart from random programs, which bring their own.
fn needs(profile: &Profile) -> Result<KeyNeeds, Error> {
    let mut needs = KeyNeeds::default();
    let top = profile.top;
    for step in rotation::steps(profile.slots) {
        needs.rotate(step.normalised(profile.slots), top);
    }
    if top != Level::ZERO {
        needs.relinearise(top);
    }
    if profile.complex {
        needs.conjugate(top);
    }
    for case in maps::cases(profile)? {
        for step in case.schedule.rotations() {
            needs.rotate(step, top);
        }
    }
    Ok(needs)
}
