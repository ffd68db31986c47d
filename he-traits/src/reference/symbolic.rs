//! The symbolic reference: runs a program without values, and tells what it needs and costs.
//!
//! A ciphertext is only its level. Afterwards [`Symbolic::record`] holds the keys that the program needs, each with the
//! highest level of its use, the number of operations, and the time to expect from the costs in the profile. It spends
//! levels and refuses what a real evaluator of that profile would refuse, except for missing keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod evaluator;
mod map;

use serde::{Deserialize, Serialize};

pub use map::SymbolicMap;

use crate::{Cost, Counts, Error, KeyNeeds, Level, Profile, Result};

/// A ciphertext of which only the level is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolicCiphertext(Level);

/// A plaintext of which only the level is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolicFactor(Level);

/// A plaintext of which only the level is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolicAddend(Level);

/// What a program needs and costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SymbolicRecord {
    /// Evaluation keys.
    pub needs: KeyNeeds,
    /// Operations.
    pub counts: Counts,
    /// Seconds on one thread for running the program.
    pub seconds: f64,
    /// Seconds on one thread for encoding plaintexts beforehand.
    pub setup_seconds: f64,
    /// Bytes of the prepared plaintexts.
    pub factor_bytes: f64,
}

/// Computes nothing, and records what it was asked for. A clone shares the record.
#[derive(Clone, Debug)]
pub struct Symbolic {
    profile: Profile,
    record: Arc<Mutex<SymbolicRecord>>,
}

impl Symbolic {
    /// An evaluator in place of a scheme with this profile.
    pub fn new(profile: Profile) -> Self {
        Self { profile, record: Arc::default() }
    }

    /// An encrypted input at level `at`.
    ///
    /// # Errors
    /// [`Error::LevelRaise`] when `at` is above the top.
    pub fn input(&self, at: Level) -> Result<SymbolicCiphertext> {
        self.at("encrypt", at).map(SymbolicCiphertext)
    }

    /// What was recorded until now.
    pub fn record(&self) -> SymbolicRecord {
        self.lock().clone()
    }

    /// What was recorded until now; the next record starts empty.
    pub fn take_record(&self) -> SymbolicRecord {
        std::mem::take(&mut *self.lock())
    }

    /// The record stays usable when a thread panicked while it held the lock: each update is a handful of additions.
    fn lock(&self) -> MutexGuard<'_, SymbolicRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `at` as a level of the profile: without a budget there is only one.
    fn at(&self, op: &'static str, at: Level) -> Result<Level> {
        let top = self.profile.top;
        if top.is_unbounded() {
            Ok(Level::UNBOUNDED)
        } else if at > top {
            Err(Error::LevelRaise { op, from: top, to: at })
        } else {
            Ok(at)
        }
    }

    /// Notes `times` times an operation of this cost.
    fn spend(&self, times: u64, cost: Cost, at: Level, count: impl FnOnce(&mut Counts, u64)) {
        let mut record = self.lock();
        count(&mut record.counts, times);
        record.seconds += times as f64 * cost.at(at);
    }

    /// Notes `times` divisions by the prime of level `at`; schemes without levels have none.
    fn rescale(&self, times: u64, at: Level) {
        if !at.is_unbounded() {
            self.spend(times, self.profile.costs.rescale, at, |counts, times| counts.rescales += times);
        }
    }

    fn additions(&self, times: u64, at: Level) {
        self.spend(times, self.profile.costs.add, at, |counts, times| counts.additions += times);
    }

    fn plain_products(&self, times: u64, at: Level) {
        self.spend(times, self.profile.costs.mul_plain, at, |counts, times| counts.plain_products += times);
    }

    /// Notes products that are relinearised together: one whole product, and for each further one the four products of polynomials, twice
    /// as many as with a plaintext.
    fn sum_of_products(&self, times: u64, at: Level) {
        let costs = self.profile.costs;
        let further = (2.0 * costs.mul_plain.at(at)).min(costs.mul.at(at));
        self.spend(times.min(1), costs.mul, at, |counts, times| counts.products += times);
        let further = Cost::flat(further);
        self.spend(times.saturating_sub(1), further, at, |counts, times| counts.products += times);
        self.lock().needs.relinearise(at);
    }

    /// Notes one ciphertext rotated by `steps` (normalised, none 0, none twice), as one hoisted group. A scheme that takes
    /// maps as sparse products permutes slots without any decomposition, and has no group to share.
    fn rotations(&self, steps: u64, at: Level) {
        let costs = self.profile.costs;
        self.spend(steps.min(1), costs.rotate, at, |counts, times| counts.rotations += times);
        let further = steps.saturating_sub(1);
        self.spend(further, costs.rotate_hoisted, at, |counts, times| counts.hoisted_rotations += times);
    }
}
