//! What a run of a program holds at its peak.

use he_traits::{Keep, Level, Profile};
use serde::{Deserialize, Serialize};

use super::{Program, Step, StepKind, Term};
use crate::fold::ValueId;
use crate::keeping::{Keeping, MapCost};

/// Bytes that a run holds at its peak, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryEstimate {
    /// Evaluation keys.
    pub keys: f64,
    /// Diagonals that are kept encoded.
    pub encoded: f64,
    /// Diagonals that are encoded on the fly, as they are kept meanwhile.
    pub values: f64,
    /// Encrypted values, and what the largest step computes with.
    pub working: f64,
    /// The program: matrices that composition wrote out.
    pub program: f64,
}

impl MemoryEstimate {
    /// All together.
    pub fn total(&self) -> f64 {
        self.keys + self.encoded + self.values + self.working + self.program
    }
}

impl Program {
    /// What a run over so many samples holds, with evaluation keys of so many bytes and maps kept as `keeping` says.
    pub fn memory(
        &self,
        profile: &Profile,
        samples: usize,
        key_bytes: f64,
        keeping: &Keeping,
    ) -> MemoryEstimate {
        let mut memory = MemoryEstimate {
            keys: key_bytes,
            working: self.working(profile, samples),
            program: self.written_out() as f64,
            ..MemoryEstimate::default()
        };
        for MapCost { map, bytes, .. } in self.map_costs(profile) {
            let level = self.steps.get(map.step).and_then(|step| step.before.get());
            match keeping.of(map) {
                Keep::Encoded => memory.encoded += bytes,
                // One limb's worth each.
                Keep::Values => memory.values += bytes / level.map_or(1.0, |level| f64::from(level) + 1.0),
            }
        }
        memory
    }

    /// The most that values and the step at work take: live ciphertexts, and for a step by rotations the decomposed operands, each as
    /// large as half a key.
    fn working(&self, profile: &Profile, samples: usize) -> f64 {
        let bytes = |value: ValueId, level: Level| {
            (samples * self.layout(value).blocks()) as f64 * profile.sizes.ciphertext.at(level)
        };
        let mut last_read = vec![0; self.steps.len() + 1];
        for (index, step) in self.steps.iter().enumerate() {
            for value in step.inputs() {
                last_read.iter_mut().skip(value.index()).take(1).for_each(|last| *last = index);
            }
        }
        let level_of = |value: usize| {
            let refreshed = |step: &&Step| matches!(&step.kind, StepKind::Refresh { values } if values.contains(&ValueId(value)));
            let step = value.checked_sub(1).and_then(|step| self.steps.get(step));
            let made = step.map_or(self.input_level, |step| step.after);
            // What is refreshed counts with its highest level.
            self.steps.iter().filter(refreshed).map(|step| step.after).fold(made, Level::max)
        };
        let decomposed = |step: &Step, term: &Term| match term {
            Term::Mapped { value, .. } => {
                self.layout(*value).blocks() as f64 * 0.5 * profile.sizes.key.at(step.before)
            }
            Term::Value(_) => 0.0,
        };
        let at_step = |(index, step): (usize, &Step)| {
            let live = last_read.iter().enumerate().take(index + 1).filter(|(_, last)| **last >= index);
            let live: f64 = live.map(|(value, _)| bytes(ValueId(value), level_of(value))).sum();
            let scratch = step.terms().iter().map(|term| decomposed(step, term)).fold(0.0, f64::max);
            let made = match step.kind {
                StepKind::Refresh { .. } => {
                    (samples * self.refreshed(step)) as f64 * profile.sizes.ciphertext.at(step.after)
                }
                _ => bytes(ValueId(index + 1), step.before),
            };
            live + made + scratch
        };
        self.steps.iter().enumerate().map(at_step).fold(0.0, f64::max)
    }

    /// Bytes of matrices that composition wrote out.
    fn written_out(&self) -> usize {
        let bytes = |term: &Term| match term {
            Term::Mapped { map, .. } => map.generator().bytes(),
            Term::Value(_) => 0,
        };
        self.steps.iter().flat_map(Step::terms).map(bytes).sum()
    }
}
