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

/// A ciphertext of which only the level is known, and how many slots it has before it repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolicCiphertext {
    level: Level,
    period: usize,
}

impl SymbolicCiphertext {
    /// The same slots at another level.
    fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// What is computed from both: it repeats where both do.
    fn with(self, other: Self) -> Self {
        Self { period: common_period(self.period, other.period), ..self }
    }
}

/// The least common multiple.
fn common_period(a: usize, b: usize) -> usize {
    let (mut divisor, mut rest) = (a.max(1), b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    a / divisor * b
}

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

    /// An encrypted input at level `at`, no two of whose slots are known to be the same.
    ///
    /// # Errors
    /// [`Error::LevelRaise`] when `at` is above the top.
    pub fn input(&self, at: Level) -> Result<SymbolicCiphertext> {
        self.periodic_input(at, self.profile.slots)
    }

    /// An encrypted input at level `at` that repeats after so many slots: it costs as much less as the scheme's profile says
    /// ([`Profile::repeats_once`]).
    ///
    /// # Errors
    /// As [`Symbolic::input`].
    pub fn periodic_input(&self, at: Level, period: usize) -> Result<SymbolicCiphertext> {
        Ok(SymbolicCiphertext { level: self.at("encrypt", at)?, period })
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

    /// Notes `times` times an operation of this cost on `x`.
    fn spend(&self, times: u64, cost: Cost, x: SymbolicCiphertext, count: impl FnOnce(&mut Counts, u64)) {
        let seconds = self.profile.share(x.period) * cost.at(x.level);
        self.spend_seconds(times, seconds, count);
    }

    /// Notes `times` times an operation of so many seconds, whatever it is done on.
    fn spend_seconds(&self, times: u64, seconds: f64, count: impl FnOnce(&mut Counts, u64)) {
        let mut record = self.lock();
        count(&mut record.counts, times);
        record.seconds += times as f64 * seconds;
    }

    /// Notes `times` divisions by the prime of `x`'s level; schemes without levels have none.
    fn rescale(&self, times: u64, x: SymbolicCiphertext) {
        if !x.level.is_unbounded() {
            self.spend(times, self.profile.costs.rescale, x, |counts, times| counts.rescales += times);
        }
    }

    fn additions(&self, times: u64, x: SymbolicCiphertext) {
        self.spend(times, self.profile.costs.add, x, |counts, times| counts.additions += times);
    }

    fn plain_products(&self, times: u64, x: SymbolicCiphertext) {
        self.spend(times, self.profile.costs.mul_plain, x, |counts, times| counts.plain_products += times);
    }

    /// Notes products that are relinearised together: one whole product, and for each further one the four products of polynomials, twice
    /// as many as with a plaintext.
    fn sum_of_products(&self, times: u64, x: SymbolicCiphertext) {
        let costs = self.profile.costs;
        let further = (2.0 * costs.mul_plain.at(x.level)).min(costs.mul.at(x.level));
        self.spend(times.min(1), costs.mul, x, |counts, times| counts.products += times);
        let further = Cost::flat(further);
        self.spend(times.saturating_sub(1), further, x, |counts, times| counts.products += times);
        self.lock().needs.relinearise(x.level);
    }

    /// Notes one ciphertext rotated by `steps` (normalised, none 0, none twice), as one hoisted group. A scheme that takes
    /// maps as sparse products permutes slots without any decomposition, and has no group to share.
    fn rotations(&self, steps: u64, x: SymbolicCiphertext) {
        let costs = self.profile.costs;
        self.spend(steps.min(1), costs.rotate, x, |counts, times| counts.rotations += times);
        let further = steps.saturating_sub(1);
        self.spend(further, costs.rotate_hoisted, x, |counts, times| counts.hoisted_rotations += times);
    }
}

#[cfg(test)]
mod tests {
    use super::common_period;

    #[test]
    fn periods_meet_at_their_least_common_multiple() {
        assert_eq!(common_period(8, 4), 8);
        assert_eq!(common_period(6, 4), 12);
        assert_eq!(common_period(1, 5), 5);
    }
}
