//! What operations cost on this machine: measured once for each set of parameters, in a process of its own, and kept in the cache.

use std::io::Write;
use std::path::PathBuf;

use he_traits::wire::{Decode, Encode};
use he_traits::{ClientScheme, Costs, LinearStyle, Profile};
use nn_layers::costs;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::backends::{self, Task};
use crate::compare::child::{self, Answer};
use crate::failure::Failure;
use crate::record::{Build, Host};
use crate::{interrupt, measure};

/// What costs hold for: a machine, a build of henna, and a scheme at its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Conditions {
    cpu: String,
    threads: usize,
    henna: Build,
    backend: String,
    parameters: String,
    /// Ciphertexts that operations were run on at once, where that counts.
    values_at_once: usize,
}

/// A file of the cache.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    conditions: Conditions,
    costs: Costs,
}

/// What the parent asks of its child.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    backend: String,
    params: Vec<u8>,
    /// Samples that run at once.
    samples: usize,
    threads: usize,
}

/// What the operations of a scheme cost here in runs of so many samples at once, on so many threads: from the cache, or measured now. `None` where they cannot be measured; why stands on
/// standard error.
pub(crate) fn costs<S: ClientScheme>(
    params: &S::Params,
    profile: &Profile,
    samples: usize,
    threads: usize,
) -> Option<Costs> {
    let conditions = Conditions::of(profile, samples, threads);
    if let Some(costs) = conditions.kept() {
        return Some(costs);
    }
    // Schemes of sparse products are measured in no time.
    if profile.linear == LinearStyle::Diagonals {
        eprintln!("{}: measuring what its operations cost here, once for {}", S::NAME, profile.parameters);
    }
    let measured = params
        .to_bytes()
        .map_err(Failure::from)
        .and_then(|params| ask(&Question { backend: S::NAME.to_owned(), params, samples, threads }));
    match measured {
        Ok(costs) => {
            let measured = Measured { conditions, costs };
            // Without a cache the next plan measures again.
            if let (Some(file), Ok(bytes)) =
                (measured.conditions.file(), serde_json::to_vec_pretty(&measured))
            {
                let _ = interrupt::held_off(|| models::cache::write_atomically(&file, &bytes));
            }
            Some(costs)
        }
        Err(reason) => {
            eprintln!(
                "{}: its costs cannot be measured ({reason}); times are those of a reference machine",
                S::NAME
            );
            None
        }
    }
}

/// As [`costs`], where that was measured before.
pub(crate) fn known(profile: &Profile, samples: usize, threads: usize) -> Option<Costs> {
    Conditions::of(profile, samples, threads).kept()
}

impl Conditions {
    fn of(profile: &Profile, samples: usize, threads: usize) -> Self {
        Self {
            cpu: Host::this().cpu,
            threads,
            henna: Build::this(),
            backend: profile.backend.clone(),
            parameters: format!("{}, {} slots", profile.parameters, profile.slots),
            values_at_once: costs::values_measured(profile, samples, threads),
        }
    }

    fn file(&self) -> Option<PathBuf> {
        let text = serde_json::to_vec(self).ok()?;
        let name: String = Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let folder = models::cache::directory().ok()?.join("costs");
        Some(folder.join(format!("{}-{name}.json", self.backend)))
    }

    /// What was measured under these very conditions.
    fn kept(&self) -> Option<Costs> {
        let measured: Measured = serde_json::from_slice(&std::fs::read(self.file()?).ok()?).ok()?;
        (measured.conditions == *self).then_some(measured.costs)
    }
}

/// Has a child measure: what it allocates is no part of this process, whose memory is watched.
fn ask(question: &Question) -> Result<Costs, Failure> {
    let Answer { status, text, message } = child::ask("measure-costs", &question.backend, question, None)?;
    if !status.success() {
        return Err(Failure::failed(message));
    }
    serde_json::from_str(&text).map_err(|error| Failure::failed(error.to_string()))
}

/// The child's side: a question on standard input, costs on standard output.
pub(crate) fn answer() -> Result<(), Failure> {
    struct Measure(Question);
    impl Task for Measure {
        type Output = Result<Costs, Failure>;
        fn run<S: ClientScheme>(self) -> Self::Output {
            let params = S::Params::from_bytes(&self.0.params, &())?;
            let mut rng: ChaCha20Rng = rand::make_rng();
            Ok(costs::measure::<S>(&params, self.0.samples, &mut rng)?)
        }
    }
    let question: Question = measure::asked()?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(question.threads)
        .build_global()
        .map_err(|error| Failure::failed(format!("cannot start {} threads: {error}", question.threads)))?;
    let backend = question.backend.clone();
    let costs = backends::with(&backend, Measure(question)).map_err(Failure::Failed)??;
    let text = serde_json::to_string(&costs).map_err(|error| Failure::failed(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| Failure::failed(error.to_string()))
}
