//! The child's side of a comparison: one backend, measured in a process of its own.

mod agreement;
pub(crate) mod memory;
mod outputs;
mod owner;
mod precision;
pub(crate) mod run;

use std::io::{BufRead, Read, Write};

use he_traits::ClientScheme;
use serde::de::DeserializeOwned;

use crate::backends::{self, Task};
use crate::failure::Failure;
use crate::job::{Job, Subject};
use crate::planning::{How, Timing, plan_for};
use crate::protocol::{self, Stage};
use crate::record::{BackendRecord, SCHEMA, Status};

/// Reads a job from standard input, runs it, and writes its record to standard output. Standard input stays open as long
/// as the parent lives: its end is this process's end as well.
pub(crate) fn child() -> Result<(), Failure> {
    let job: Job = asked()?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(job.threads)
        .build_global()
        .map_err(|error| Failure::failed(format!("cannot start {} threads: {error}", job.threads)))?;
    let record = record(&job)?;
    let text = serde_json::to_string(&record).map_err(|error| Failure::failed(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| Failure::failed(error.to_string()))
}

/// What the parent asks for, a line of standard input. From here on the end of standard input is the end of this process.
pub(crate) fn asked<T: DeserializeOwned>() -> Result<T, Failure> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| Failure::failed(error.to_string()))?;
    let asked = serde_json::from_str(&line).map_err(|error| Failure::failed(format!("no job: {error}")))?;
    std::thread::spawn(|| {
        let mut rest = [0; 64];
        while matches!(std::io::stdin().lock().read(&mut rest), Ok(count) if count > 0) {}
        std::process::exit(130);
    });
    Ok(asked)
}

fn record(job: &Job) -> Result<BackendRecord, Failure> {
    struct Measure<'a>(&'a Job, &'a Subject);
    impl Task for Measure<'_> {
        type Output = Result<BackendRecord, Failure>;
        fn run<S: ClientScheme>(self) -> Self::Output {
            measure::<S>(self.0, self.1)
        }
    }
    let subject = Subject::load_with(&job.model, job.weights.as_ref(), &job.inputs)?;
    backends::with(&job.backend, Measure(job, &subject))
        .unwrap_or_else(|reason| Ok(job.without(Status::Unable, reason)))
}

/// Everything that can go wrong becomes the record's reason: whatever a scheme refuses at planning, it cannot run.
fn measure<S: ClientScheme>(job: &Job, subject: &Subject) -> Result<BackendRecord, Failure> {
    protocol::tell(Stage::Plan, 0, 1, "");
    let how = How {
        memory: job.memory,
        weights: job.weights_are,
        round_trips: job.round_trips,
        packing: job.packing.unwrap_or_default(),
        samples: Some(job.samples),
        timing: Timing::Measured(job.threads),
    };
    let planned = match plan_for::<S>(subject, how) {
        Ok(planned) => planned,
        Err(failure @ (Failure::Network(_) | Failure::Scheme(_))) => {
            return Ok(job.without(Status::Unable, failure));
        }
        Err(failure) => return Err(failure),
    };
    let plan = Some(planned.plan.clone());
    let (status, reason, measured) = match run::run(job, subject, &planned) {
        Ok(measured) => (Status::Ok, None, Some(measured)),
        Err(failure) => (Status::Failed, Some(failure.to_string()), None),
    };
    Ok(BackendRecord {
        schema: SCHEMA,
        comparison: job.comparison.clone(),
        backend: job.backend.clone(),
        weights: job.weights_are,
        packing: job.packing,
        status,
        reason,
        plan,
        measured,
    })
}
