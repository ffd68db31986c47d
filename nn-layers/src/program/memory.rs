//! What a run of a program holds at its peak.

use he_traits::{BabyGiant, Keep, Level, LinearMap, LinearStyle, Profile, Schedule};
use serde::{Deserialize, Serialize};

use super::{Program, Step, StepKind, Term};
use crate::fold::ValueId;
use crate::keeping::{Keeping, MapCost, MapId};

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

/// Bytes of values and scratch, with what was freed of them and is held back: of other sizes than what is asked for next, up to twice as much.
fn with_freed(working: f64, profile: &Profile) -> f64 {
    working + (2.0 * working).min(profile.sizes.held_back)
}

/// Bytes of rotated operands or sums that a map holds at once: backends work through more of them in portions.
const MOST_SUMS: f64 = 2e9;

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
            encoded: self.entries(profile),
            working: with_freed(self.working(profile, samples), profile),
            program: self.written_out() as f64,
            ..MemoryEstimate::default()
        };
        for MapCost { map, bytes, .. } in self.map_costs(profile) {
            let level = self.steps.get(map.step).map_or(self.input_level, |step| step.before);
            match keeping.of(map) {
                Keep::Encoded => memory.encoded += bytes,
                // Masks are few, beside the diagonals that are made of them.
                Keep::Values if profile.masks_kept_once && self.masks_alone(map) => {}
                // A polynomial of one limb each, half of the smallest ciphertext.
                Keep::Values => {
                    let polynomial = 0.5 * profile.sizes.ciphertext.at(Level::ZERO);
                    memory.values += bytes * polynomial / profile.sizes.factor.at(level).max(1.0);
                }
            }
        }
        memory
    }

    /// Bytes of the entries of all maps, where a scheme keeps them one by one.
    fn entries(&self, profile: &Profile) -> f64 {
        if profile.linear == LinearStyle::Diagonals || profile.sizes.entry == 0.0 {
            return 0.0;
        }
        let entries = |term: &Term| match term {
            Term::Mapped { map, .. } => map.entries() as f64,
            Term::Value(_) => 0.0,
        };
        profile.sizes.entry * self.steps.iter().flat_map(|step| step.terms()).map(entries).sum::<f64>()
    }

    /// Whether each diagonal of a map is a number times a mask: between images of which every ciphertext holds one channel, or one part of one.
    fn masks_alone(&self, map: MapId) -> bool {
        let term = self.steps.get(map.step).and_then(|step| step.terms().get(map.term));
        let one_plane = |value: ValueId| {
            let layout = self.layout(value);
            layout.shared() == 1 && layout.plane() >= layout.slots()
        };
        term.is_some_and(|term| one_plane(term.value()) && one_plane(ValueId(map.step + 1)))
    }

    /// Diagonals of a map that are the same number everywhere, and take no memory: where images fill their ciphertexts, of one channel or one part of
    /// one each, those of taps that reach no other slot.
    pub(crate) fn constants(&self, id: MapId, map: &LinearMap, schedule: &Schedule) -> usize {
        let filled = |value: ValueId| {
            let layout = self.layout(value);
            layout.gap() == 1 && layout.elements() == layout.places()
        };
        let term = self.steps.get(id.step).and_then(|step| step.terms().get(id.term));
        let filled = term.is_some_and(|term| filled(term.value()) && filled(ValueId(id.step + 1)));
        let Schedule::Diagonals(schedule) = schedule else { return 0 };
        if !filled || !self.masks_alone(id) {
            return 0;
        }
        let steps = map.steps(self.slots, !schedule.fold.is_empty());
        steps.map_or(0, |steps| steps.iter().filter(|steps| steps.contains(&0)).count())
    }

    /// The most that values and the step at work take: live ciphertexts; for a step by rotations the decomposed operands, each as
    /// large as half a key, and what is rotated or summed until the giant steps; for a polynomial the powers of its argument. Where every thread takes some samples through all steps, the others wait as inputs or are done.
    fn working(&self, profile: &Profile, samples: usize) -> f64 {
        match profile.values_per_thread {
            // A value lies side by side with the others of its thread for maps, by itself for what is done on it alone, and both ways in between.
            Some(width) if samples <= width => 3.0 * self.working_together(profile, samples),
            Some(width) => {
                let together = samples.min(width * rayon::current_num_threads());
                let bytes = |value: ValueId, level: Level| self.bytes(profile, value, level);
                let ends = bytes(ValueId::INPUT, self.input_level)
                    + bytes(self.output, self.steps.last().map_or(self.input_level, |step| step.after));
                samples as f64 * ends + 3.0 * self.working_together(profile, together)
            }
            None => self.working_together(profile, samples),
        }
    }

    /// Bytes of a value of one sample.
    fn bytes(&self, profile: &Profile, value: ValueId, level: Level) -> f64 {
        let layout = self.layout(value);
        layout.blocks() as f64 * profile.sizes.ciphertext.at(level) * profile.share(layout.period())
    }

    /// As [`Program::working`], of samples that go through the steps side by side.
    fn working_together(&self, profile: &Profile, samples: usize) -> f64 {
        let never_whole: Vec<bool> =
            (0..=self.steps.len()).map(|value| self.is_never_whole(ValueId(value), profile)).collect();
        let bytes = |value: ValueId, level: Level| match never_whole.get(value.index()) {
            Some(true) => 0.0,
            _ => samples as f64 * self.bytes(profile, value, level),
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
        let held = |step: &Step, term: &Term| match term {
            Term::Mapped { value, map, schedule, .. } => {
                let half_key = 0.5 * profile.sizes.key.at(step.before);
                let Schedule::Diagonals(schedule) = schedule else {
                    return self.layout(*value).blocks() as f64 * half_key;
                };
                let decomposed = self.turned_blocks(map, schedule) as f64 * half_key;
                let out_blocks = map.geometry(self.slots).map_or(1, |geometry| geometry.out_blocks);
                let rotated = match profile.rotated_by_limb {
                    true => 0,
                    false => schedule.baby.len() * self.layout(*value).blocks(),
                };
                let sums = schedule.giant.len() * out_blocks;
                let each = 2.0 * profile.sizes.factor.at(step.before);
                decomposed + (each * rotated.max(sums) as f64).min(MOST_SUMS)
            }
            Term::Value(_) => 0.0,
        };
        let powers = |step: &Step| match &step.kind {
            StepKind::Polynomial { input, polynomial } => {
                let terms = (polynomial.degree() + 1) as f64;
                let side_by_side = self.layout(*input).blocks().min(rayon::current_num_threads());
                let powers = 2.0 * terms.sqrt() + terms.log2();
                side_by_side as f64
                    * (powers * profile.sizes.ciphertext.at(step.before)
                        + 0.5 * profile.sizes.key.at(step.before))
            }
            _ => 0.0,
        };
        let at_step = |(index, step): (usize, &Step)| {
            let live = last_read.iter().enumerate().take(index + 1).filter(|(_, last)| **last >= index);
            let live: f64 = live.map(|(value, _)| bytes(ValueId(value), level_of(value))).sum();
            let scratch = step.terms().iter().map(|term| held(step, term)).fold(powers(step), f64::max);
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

    /// Input blocks of a map that are rotated by some baby step: the others are not cut into digits.
    fn turned_blocks(&self, map: &LinearMap, schedule: &BabyGiant) -> usize {
        let geometry = map.geometry(self.slots);
        let steps = map.steps(self.slots, !schedule.fold.is_empty());
        let (Ok(geometry), Ok(steps)) = (geometry, steps) else { return 0 };
        let is_turned = |block: usize| {
            let mut steps = steps.iter().skip(block).step_by(geometry.in_blocks).flatten();
            steps.any(|step| schedule.split(*step, self.slots).is_some_and(|(_, baby)| baby != 0))
        };
        (0..geometry.in_blocks).filter(|block| is_turned(*block)).count()
    }

    /// Whether a value exists in parts only: what an exact function leaves of a layer, where all that reads it is a map of few entries that the scheme takes
    /// in the same pass ([`layer_then`](he_traits::Evaluator::layer_then)).
    fn is_never_whole(&self, value: ValueId, profile: &Profile) -> bool {
        let linear = |index: usize| match &self.steps.get(index)?.kind {
            StepKind::Linear { terms, function, .. } => Some((terms.as_slice(), function)),
            _ => None,
        };
        let made = value.index().checked_sub(1).and_then(linear);
        let reads = |step: &&Step| step.inputs().contains(&value);
        match (made, linear(value.index())) {
            (
                Some(([Term::Mapped { .. }], Some(_))),
                Some(([Term::Mapped { value: read, map, .. }], None)),
            ) => {
                *read == value
                    && profile.values_per_thread.is_some()
                    && map.is_reduction()
                    && self.steps.iter().filter(reads).count() == 1
            }
            _ => false,
        }
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
