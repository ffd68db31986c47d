//! A comparison that has been checked: everything it names is there.

use std::path::PathBuf;

use exchange::WeightsAre;
use nn_layers::Packing;

use crate::args::{CompareArgs, PackingArg};
use crate::backends;
use crate::failure::Failure;
use crate::job::{Job, Subject};
use crate::record::{Plan, cores, label};

/// Samples when none are asked for: these at least, for an error relative to the RMS of the outputs to mean something ...
const LEAST: usize = 16;
/// ... and these at most ...
const MOST: usize = 256;
/// ... as many as the slowest backend is expected to run in this time.
const SECONDS: f64 = 120.0;
/// Runs when none are asked for, as long as one of them is expected to take no longer than [`RUN_SECONDS`].
const RUNS: usize = 3;
const RUN_SECONDS: f64 = 20.0;

/// What to compare, and where to put the result.
pub(crate) struct Request {
    pub(crate) subject: Subject,
    /// What was named: a model, or a file.
    model: String,
    pub(crate) weights: Option<PathBuf>,
    inputs: Vec<PathBuf>,
    pub(crate) columns: Vec<Column>,
    pub(crate) threads: usize,
    pub(crate) memory: Option<u64>,
    pub(crate) round_trips: bool,
    precision: bool,
    pub(crate) json: bool,
    pub(crate) html: Option<PathBuf>,
    pub(crate) records: Option<PathBuf>,
    pub(crate) samples: Option<usize>,
    runs: Option<usize>,
}

/// One column of the comparison.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) backend: &'static str,
    pub(crate) weights: WeightsAre,
    /// How values lie in ciphertexts, where that makes a difference.
    pub(crate) packing: Option<Packing>,
}

impl Column {
    pub(crate) fn label(self) -> String {
        label(self.backend, self.weights, self.packing)
    }
}

/// How much is run.
pub(crate) struct Sizes {
    pub(crate) samples: usize,
    /// One number a backend.
    pub(crate) runs: Vec<usize>,
}

impl Request {
    /// Checks what was typed.
    pub(crate) fn check(args: &CompareArgs) -> Result<Self, Failure> {
        let forms: &[WeightsAre] = match args.model.encrypt_model {
            true => &[WeightsAre::Clear, WeightsAre::Encrypted],
            false => &[WeightsAre::Clear],
        };
        let asked = PackingArg::chosen(&args.model.packing);
        let mut columns = Vec::new();
        for backend in backends::in_form(&args.model.backend, args.model.more_form)? {
            for weights in forms.iter().copied() {
                let packings = backends::packings(backend, &asked).into_iter();
                columns.extend(packings.map(|packing| Column { backend, weights, packing }));
            }
        }
        let subject = Subject::load_with(&args.model.model, args.model.weights.as_ref(), &args.model.inputs)?;
        let samples = args.samples.map(|samples| samples as usize);
        // Missing data and a number of samples that is not there are found now, and not after the keys.
        match samples {
            Some(samples) => drop(subject.samples(samples)?),
            None => drop(subject.samples_there(LEAST)?),
        }
        Ok(Self {
            subject,
            model: args.model.model.clone(),
            weights: args.model.weights.clone(),
            inputs: args.model.inputs.clone(),
            columns,
            threads: args.threads.map_or_else(cores, usize::from),
            memory: args.model.memory,
            round_trips: args.model.round_trips,
            precision: args.precision,
            json: args.model.json,
            html: args.html.clone(),
            records: args.records.clone(),
            samples,
            runs: args.runs.map(usize::from),
        })
    }

    /// Samples and runs, from what was asked for or from what the plans expect.
    ///
    /// # Errors
    /// Those of loading samples.
    pub(crate) fn sizes(&self, plans: &[Result<Plan, Failure>]) -> Result<Sizes, Failure> {
        let of = |plan: &Result<Plan, Failure>, samples: usize| {
            plan.as_ref().map_or(0.0, |plan| plan.seconds_of(samples))
        };
        let slowest = |samples: usize| plans.iter().map(|plan| of(plan, samples)).fold(0.0, f64::max);
        // Where samples share the ciphertexts of every column, more of them take no longer.
        let shared = plans.iter().flatten().map(|plan| plan.samples_per_ciphertext).min().unwrap_or(1);
        let samples = match self.samples {
            Some(samples) => samples,
            None => self.subject.samples_there(affordable(slowest, MOST.max(shared)))?,
        };
        let runs = |plan: &Result<Plan, Failure>| {
            let default = if of(plan, samples) > RUN_SECONDS { 1 } else { RUNS };
            self.runs.unwrap_or(default)
        };
        Ok(Sizes { samples, runs: plans.iter().map(runs).collect() })
    }

    /// One backend's part.
    pub(crate) fn job(&self, comparison: &str, column: Column, samples: usize, runs: usize) -> Job {
        Job {
            comparison: comparison.to_owned(),
            model: self.model.clone(),
            weights: self.weights.clone(),
            inputs: self.inputs.clone(),
            backend: column.backend.to_owned(),
            weights_are: column.weights,
            packing: column.packing,
            round_trips: self.round_trips,
            precision: self.precision,
            samples,
            threads: self.threads,
            memory: self.memory,
            runs,
        }
    }
}

/// The largest power of two of samples that takes no more than [`SECONDS`], at least [`LEAST`] and at most `most`.
fn affordable(seconds: impl Fn(usize) -> f64, most: usize) -> usize {
    let mut samples = most;
    while samples > LEAST && seconds(samples) > SECONDS {
        samples /= 2;
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_backends_get_fewer_samples() {
        assert_eq!(
            [0.0, 0.5, 1.0, 1000.0].map(|each| affordable(|samples| each * samples as f64, MOST)),
            [256, 128, 64, 16]
        );
    }
}
