//! What a program needs and costs, without any key or ciphertext.

use he_traits::{Counts, KeyNeeds, Profile, Symbolic};
use serde::{Deserialize, Serialize};

use super::{MemoryEstimate, Program};
use crate::error::Result;
use crate::keeping::Keeping;
use crate::run::Prepared;

/// What one step costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepCost {
    /// Names of the layers in it.
    pub name: String,
    /// Operations.
    pub counts: Counts,
    /// Seconds on one thread, from the costs in the profile.
    pub seconds: f64,
}

/// What a program needs and costs for one run, from a symbolic run of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SymbolicRun {
    /// Evaluation keys, each with the highest level of its use: what key generation takes.
    pub needs: KeyNeeds,
    /// Operations of a run.
    pub counts: Counts,
    /// Seconds of a run on one thread, from the costs in the profile.
    pub seconds: f64,
    /// Seconds on one thread for encoding plaintexts beforehand.
    pub setup_seconds: f64,
    /// Bytes of encoded plaintexts, where they are kept.
    pub factor_bytes: f64,
    /// Bytes of the evaluation keys.
    pub key_bytes: f64,
    /// What a run holds at its peak.
    pub memory: MemoryEstimate,
    /// Step by step.
    pub steps: Vec<StepCost>,
}

impl Program {
    /// Runs the program symbolically on one sample.
    ///
    /// # Errors
    /// As [`Program::prepare`] and [`Prepared::run`](crate::Prepared::run); keys are never missing.
    pub fn symbolic(&self, profile: &Profile) -> Result<SymbolicRun> {
        self.symbolic_batch(profile, 1)
    }

    /// Runs the program symbolically on several samples at once: counts and seconds of all of them together.
    ///
    /// # Errors
    /// As [`Program::symbolic`].
    pub fn symbolic_batch(&self, profile: &Profile, samples: usize) -> Result<SymbolicRun> {
        self.symbolic_keeping(profile, samples, &Keeping::everything())
    }

    /// As [`Program::symbolic_batch`], with maps kept as `keeping` says: what is encoded on the fly takes time in place of memory.
    ///
    /// # Errors
    /// As [`Program::symbolic`].
    pub fn symbolic_keeping(
        &self,
        profile: &Profile,
        samples: usize,
        keeping: &Keeping,
    ) -> Result<SymbolicRun> {
        let mut run = self.symbolic_prepared(profile, samples, |symbolic| {
            self.prepare(symbolic, keeping.clone(), &mut |_| {})
        })?;
        run.memory = self.memory(profile, samples, run.key_bytes, keeping);
        Ok(run)
    }

    /// A symbolic run of what `prepare` makes of this program; without the memory.
    pub(crate) fn symbolic_prepared(
        &self,
        profile: &Profile,
        samples: usize,
        prepare: impl FnOnce(&Symbolic) -> Result<Prepared<Symbolic>>,
    ) -> Result<SymbolicRun> {
        let evaluator = Symbolic::new(profile.clone());
        let prepared = prepare(&evaluator)?;
        let setup = evaluator.take_record();
        let input = evaluator.periodic_input(self.input_level, self.input_layout().period())?;
        let inputs = vec![vec![input; self.input_layout().blocks()]; samples];
        let mut run = SymbolicRun {
            needs: setup.needs,
            counts: Counts::default(),
            seconds: 0.0,
            setup_seconds: setup.setup_seconds,
            factor_bytes: setup.factor_bytes,
            key_bytes: 0.0,
            memory: MemoryEstimate::default(),
            steps: Vec::with_capacity(self.steps.len()),
        };
        prepared.run(&evaluator, inputs, &mut |progress| {
            if progress.seconds.is_some() {
                let record = evaluator.take_record();
                run.needs.merge(&record.needs);
                run.counts += record.counts;
                run.seconds += record.seconds;
                let name = progress.step.name.clone();
                run.steps.push(StepCost { name, counts: record.counts, seconds: record.seconds });
            }
        })?;
        let levels = run.needs.rotations.values();
        let levels = levels.chain(&run.needs.relinearisation).chain(&run.needs.conjugation);
        run.key_bytes = levels.map(|level| profile.sizes.key.at(*level)).sum();
        Ok(run)
    }
}
