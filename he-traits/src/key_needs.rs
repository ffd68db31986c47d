//! Which evaluation keys a program needs, and up to which level.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Level;

/// The evaluation keys that a program uses, each with the highest level at which it is used.
///
/// A symbolic run of the program yields it; key generation takes it. Keys are made for that level, not for the top.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNeeds {
    /// Rotations by normalised step (never 0).
    pub rotations: BTreeMap<usize, Level>,
    /// Relinearisation after products of ciphertexts.
    pub relinearisation: Option<Level>,
    /// Complex conjugation.
    pub conjugation: Option<Level>,
}

impl KeyNeeds {
    /// Notes a rotation by a normalised `step` of a ciphertext at `level`; step 0 needs no key.
    pub fn rotate(&mut self, step: usize, level: Level) {
        if step != 0 {
            let highest = self.rotations.entry(step).or_insert(level);
            *highest = level.max(*highest);
        }
    }

    /// Notes a product of ciphertexts at `level`.
    pub fn relinearise(&mut self, level: Level) {
        self.relinearisation = self.relinearisation.max(Some(level));
    }

    /// Notes a conjugation at `level`.
    pub fn conjugate(&mut self, level: Level) {
        self.conjugation = self.conjugation.max(Some(level));
    }

    /// Adds the needs of another program.
    pub fn merge(&mut self, other: &KeyNeeds) {
        for (step, level) in &other.rotations {
            self.rotate(*step, *level);
        }
        self.relinearisation = self.relinearisation.max(other.relinearisation);
        self.conjugation = self.conjugation.max(other.conjugation);
    }

    /// Number of keys in all.
    pub fn count(&self) -> usize {
        self.rotations.len()
            + usize::from(self.relinearisation.is_some())
            + usize::from(self.conjugation.is_some())
    }
}
