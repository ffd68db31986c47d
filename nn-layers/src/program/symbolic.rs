//! What a program needs and costs, without any key or ciphertext.

use he_traits::{Counts, KeyNeeds, Profile, Symbolic};
use serde::{Deserialize, Serialize};

use super::{MemoryEstimate, Program, StepKind};
use crate::error::Result;
use crate::fold::ValueId;
use crate::keeping::Keeping;
use crate::run::Prepared;

/// What one step costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepCost {
    /// Names of the layers in it.
    pub name: String,
    /// Operations.
    pub counts: Counts,
    /// Seconds, from the costs in the profile.
    pub seconds: f64,
    /// Threads that find work in it at once, on one sample; `None` for any number.
    pub at_once: Option<usize>,
}

/// What a program needs and costs for one run, from a symbolic run of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SymbolicRun {
    /// Evaluation keys, each with the highest level of its use: what key generation takes.
    pub needs: KeyNeeds,
    /// Operations of a run.
    pub counts: Counts,
    /// Seconds of a run, from the costs in the profile.
    pub seconds: f64,
    /// Those of them that samples take whatever is done with them.
    #[serde(default)]
    pub value_seconds: f64,
    /// Seconds for encoding plaintexts beforehand.
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

impl SymbolicRun {
    /// Seconds for each sample on so many threads, where the profile's costs hold for all of them at work
    /// (`costs::measure`), and so many samples run together: steps with less to do at once take longer.
    pub fn seconds_on(&self, threads: usize, profile: &Profile, samples: usize) -> f64 {
        self.value_seconds
            + self.steps.iter().map(|step| step.seconds_on(threads, profile, samples)).sum::<f64>()
    }
}

impl StepCost {
    /// As [`SymbolicRun::seconds_on`], of this step.
    pub fn seconds_on(&self, threads: usize, profile: &Profile, samples: usize) -> f64 {
        let busy = match (profile.values_per_thread, self.at_once) {
            (Some(width), _) if samples > width => samples.div_ceil(width),
            (_, Some(at_once)) => at_once.saturating_mul(samples),
            (_, None) => threads,
        };
        self.seconds * threads as f64 / busy.clamp(1, threads.max(1)) as f64
    }
}

impl Program {
    /// Threads that find work at once in a step on one sample; `None` for any number.
    fn at_once(&self, index: usize, profile: &Profile) -> Option<usize> {
        let blocks = |value: ValueId| self.layout(value).blocks();
        match &self.steps.get(index)?.kind {
            _ if profile.threads_within => None,
            // Rotations and diagonals, or rows, are shared out; an owner works alone.
            StepKind::Linear { .. } | StepKind::Refresh { .. } => None,
            StepKind::Product { .. } => Some(blocks(ValueId(index + 1))),
            // Powers are made side by side, and so are the sums of their multiples: about as many as the root of the degree.
            StepKind::Polynomial { input, polynomial, .. } => {
                Some(blocks(*input) * ((polynomial.degree() + 1) as f64).sqrt() as usize)
            }
            StepKind::Exact { input, .. } | StepKind::SumColumns { input, .. } => Some(blocks(*input)),
        }
    }

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
        let value_seconds = samples as f64 * profile.costs.value.at(self.input_level);
        let mut run = SymbolicRun {
            needs: setup.needs,
            counts: Counts::default(),
            seconds: value_seconds,
            value_seconds,
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
                let at_once = self.at_once(progress.index, profile);
                run.steps.push(StepCost { name, counts: record.counts, seconds: record.seconds, at_once });
            }
        })?;
        run.key_bytes = profile.sizes.keys(&run.needs);
        Ok(run)
    }
}
