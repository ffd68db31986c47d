//! Compiles a model for a backend and describes the result, without any key of its own.

use std::collections::BTreeMap;
use std::time::Instant;

use exchange::WeightsAre;
use he_traits::{ClientScheme, Counts, KeyNeeds, Level, Profile};
use nn_layers::approx::{ActivationRecord, Replacement};
use nn_layers::compile::{Compiled, Options, compile};
use nn_layers::costs;
use nn_layers::encrypted::EncryptedWeights;
use nn_layers::program::SymbolicRun;
use nn_layers::{EncryptedProgram, Keeping, Network, Packing, Program};

use crate::backends::{self, Task};
use crate::failure::Failure;
use crate::job::Subject;
use crate::machine;
use crate::measure::memory::{self, Resident};
use crate::record::{
    Activation, EstimatedMemory, Keys, Plan, PlanStep, PlannedRoundTrips, SecurityRecord, Visibility,
};
use crate::units;

/// A compiled model with its description.
pub(crate) struct Planned<S: ClientScheme> {
    pub(crate) compiled: Compiled<S>,
    pub(crate) symbolic: SymbolicRun,
    /// Which maps are kept encoded.
    pub(crate) keeping: Keeping,
    pub(crate) plan: Plan,
    pub(crate) seconds: f64,
    /// Pattern and values where the weights are encrypted; `compiled` holds the program of the values then.
    pub(crate) encrypted: Option<EncryptedProgram>,
}

/// Share of the free memory that a run may take where nobody set a budget: the rest is for what the estimate misses.
const SHARE: f64 = 0.6;

/// The symbolic run of a program within `memory` bytes, or most of what is free, and the maps that are kept encoded for it.
pub(crate) fn within(
    program: &Program,
    profile: &Profile,
    memory: Option<u64>,
) -> nn_layers::Result<(SymbolicRun, Keeping)> {
    let run = program.symbolic(profile)?;
    let free = || memory::available().map(|bytes| SHARE * bytes as f64);
    let budget = memory.map(|bytes| bytes as f64).or_else(free);
    let held = held(run.memory.program);
    let keeping =
        budget.map_or_else(Keeping::everything, |budget| program.keep_within(profile, &run, budget - held));
    match keeping.on_the_fly() {
        0 => Ok((run, keeping)),
        _ => Ok((program.symbolic_keeping(profile, 1, &keeping)?, keeping)),
    }
}

/// Bytes that this process holds besides the program's own matrices: weights, samples, what the system's allocator keeps.
fn held(program: f64) -> f64 {
    Resident::of_this_process().map_or(0.0, |resident| (resident.now as f64 - program).max(0.0))
}

/// On what the times of a plan rest.
#[derive(Clone, Copy, Default)]
pub(crate) enum Timing {
    /// One thread of a reference machine.
    #[default]
    Reference,
    /// So many threads of this machine, where it has been measured what operations cost on them; the reference machine elsewhere.
    Known(usize),
    /// So many threads of this machine. What operations cost on them is measured where it has not been.
    Measured(usize),
}

/// How a network is to run.
#[derive(Clone, Copy, Default)]
pub(crate) struct How {
    /// Bytes that the run may take.
    pub(crate) memory: Option<u64>,
    /// How the server holds the weights.
    pub(crate) weights: WeightsAre,
    /// Whether values may go to the owner on the way.
    pub(crate) round_trips: bool,
    /// How values lie in ciphertexts.
    pub(crate) packing: Packing,
    /// Samples that are run, where it is known: no more of them run at once.
    pub(crate) samples: Option<usize>,
    /// What its times are those of.
    pub(crate) timing: Timing,
}

/// Compiles for one scheme.
pub(crate) fn plan_for<S: ClientScheme>(subject: &Subject, how: How) -> Result<Planned<S>, Failure> {
    let How { memory, weights, round_trips, packing, samples, timing } = how;
    let calibration = subject.calibration()?;
    let start = Instant::now();
    let own = &subject.weights.weights;
    let options = Options { round_trips, packing, ..Options::default() };
    let mut compiled = compile::<S>(&subject.network, own, &calibration, &options)?;
    if weights == WeightsAre::Clear {
        let (symbolic, keeping) = within(&compiled.program, &compiled.profile, memory)?;
        let seconds = start.elapsed().as_secs_f64();
        let mut plan = describe(&compiled, &symbolic, &keeping, None, samples);
        if let Some((threads, here)) = here::<S>(&compiled, samples, timing) {
            let run = compiled.program.symbolic_keeping(&here, 1, &keeping)?;
            time(&mut plan, &run, threads, &here, samples);
        }
        return Ok(Planned { compiled, symbolic, keeping, plan, seconds, encrypted: None });
    }
    let mut encrypted = EncryptedProgram::compile(compiled.program.network(), own, &compiled.profile)?;
    // What became of each activation was recorded when it was replaced.
    encrypted.values.copy_activations(&compiled.program);
    compiled.program = encrypted.values.clone();
    let symbolic = encrypted.pattern.symbolic_encrypted(&compiled.profile, 1)?;
    let weights = encrypted.pattern.encrypted_weights(&compiled.profile)?;
    let seconds = start.elapsed().as_secs_f64();
    let mut plan = describe(&compiled, &symbolic, &Keeping::everything(), Some(weights), samples);
    fits(&subject.network, S::NAME, weights, plan.estimated_memory.total as f64, memory)?;
    if let Some((threads, here)) = here::<S>(&compiled, samples, timing) {
        let run = encrypted.pattern.symbolic_encrypted(&here, 1)?;
        time(&mut plan, &run, threads, &here, samples);
    }
    Ok(Planned {
        compiled,
        symbolic,
        keeping: Keeping::everything(),
        plan,
        seconds,
        encrypted: Some(encrypted),
    })
}

/// Threads and the profile with what operations cost on this machine, where that is asked for and can be told.
fn here<S: ClientScheme>(
    compiled: &Compiled<S>,
    samples: Option<usize>,
    timing: Timing,
) -> Option<(usize, Profile)> {
    let Compiled { params, profile, .. } = compiled;
    let (threads, costs) = match timing {
        Timing::Reference => return None,
        Timing::Known(threads) => (threads, machine::known(profile, together(profile, samples), threads)?),
        Timing::Measured(threads) => {
            (threads, machine::costs::<S>(params, profile, together(profile, samples), threads)?)
        }
    };
    Some((threads, costs::with_costs(profile, costs)))
}

/// Puts the times of `run`, by costs of this machine, into a plan.
fn time(plan: &mut Plan, run: &SymbolicRun, threads: usize, here: &Profile, samples: Option<usize>) {
    let together = together(here, samples);
    plan.estimated_threads = threads;
    plan.costs_measured = true;
    plan.estimated_seconds = run.seconds_on(threads, here, together);
    plan.estimated_fresh_seconds = memory::seconds_for(plan.estimated_memory.working as f64);
    for (step, cost) in plan.steps.iter_mut().zip(&run.steps) {
        step.estimated_seconds = cost.seconds_on(threads, here, together);
    }
}

/// Samples, or groups of those that share ciphertexts, that run at once.
fn together(profile: &Profile, samples: Option<usize>) -> usize {
    profile.values_at_once.clamp(1, samples.unwrap_or(usize::MAX).max(1))
}

/// Share of the free memory that encrypted weights may take with all else: they cannot be encoded on the fly.
const ENCRYPTED_SHARE: f64 = 0.9;

/// Refuses encrypted weights that do not fit into memory.
pub(crate) fn fits(
    network: &Network,
    backend: &str,
    weights: EncryptedWeights,
    total: f64,
    memory: Option<u64>,
) -> Result<(), Failure> {
    let free = || memory::available().map(|bytes| ENCRYPTED_SHARE * bytes as f64);
    match memory.map(|bytes| bytes as f64).or_else(free) {
        Some(budget) if total > budget => Err(Failure::failed(format!(
            "the encrypted weights of {} are {} of {backend}, {} of memory, and the run takes {} with all else, where {} may be taken; \
             more memory, weights in the clear or another backend would do",
            network.name(),
            units::count(weights.ciphertexts as u64, "ciphertext"),
            units::bytes(weights.bytes),
            units::bytes(total),
            units::bytes(budget),
        ))),
        _ => Ok(()),
    }
}

/// Estimates of memory are at most so many times too high.
const TOO_HIGH: f64 = 2.0;

/// Refuses a run that cannot fit into the memory that is free, however wrong the estimate: it would be ended by the system, or end other programs.
pub(crate) fn fits_here(plan: &Plan, network: &str) -> Result<(), Failure> {
    fits_into(plan.estimated_memory.total as f64, memory::available(), network)
}

fn fits_into(total: f64, free: Option<u64>, network: &str) -> Result<(), Failure> {
    match free {
        Some(free) if total > TOO_HIGH * free as f64 => Err(Failure::failed(format!(
            "a run of {network} is expected to take {} of memory, and {} are free; a machine with more of it, another packing or --round-trips \
             (smaller ciphertexts) would do",
            units::bytes(total),
            units::bytes(free as f64),
        ))),
        _ => Ok(()),
    }
}

/// The plan of a model on the backend of that name. The outer error says that this program lacks the backend, or that
/// the backend cannot run the model.
pub(crate) fn plan(subject: &Subject, backend: &str, how: How) -> Result<Plan, Failure> {
    struct Describe<'a>(&'a Subject, How);
    impl Task for Describe<'_> {
        type Output = Result<Plan, Failure>;
        fn run<S: ClientScheme>(self) -> Self::Output {
            plan_for::<S>(self.0, self.1).map(|planned| planned.plan)
        }
    }
    backends::with(backend, Describe(subject, how)).map_err(Failure::Failed)?
}

/// Counts by name, without those that are 0.
pub(crate) fn counts(counts: &Counts) -> BTreeMap<String, u64> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(counts) else { return BTreeMap::new() };
    let named =
        fields.into_iter().filter_map(|(name, count)| Some((name.replace('_', " "), count.as_u64()?)));
    named.filter(|(_, count)| *count > 0).collect()
}

fn describe<S: ClientScheme>(
    compiled: &Compiled<S>,
    symbolic: &SymbolicRun,
    keeping: &Keeping,
    encrypted: Option<EncryptedWeights>,
    samples: Option<usize>,
) -> Plan {
    let Compiled { profile, program, .. } = compiled;
    let together = together(profile, samples);
    let (input, output) = (program.input_layout(), program.output_layout());
    let steps = program.summary().into_iter().zip(&symbolic.steps).map(|(step, cost)| PlanStep {
        name: step.name,
        operation: step.operation,
        level_in: step.before,
        level_out: step.after,
        layout: step.layout,
        ciphertexts: step.blocks,
        rotations: step.rotations,
        operations: counts(&cost.counts),
        estimated_seconds: cost.seconds,
    });
    Plan {
        parameters: profile.parameters.clone(),
        slots: profile.slots,
        top_level: profile.top.get(),
        depth: program.depth(),
        precision_bits: profile.precision_bits,
        samples_at_once: profile.values_at_once.max(program.samples_per_ciphertext()),
        samples_per_ciphertext: program.samples_per_ciphertext(),
        input_ciphertexts: input.blocks(),
        output_ciphertexts: output.blocks(),
        security: SecurityRecord::from(&profile.security),
        visibility: Visibility::of_inference(
            &profile.security,
            if encrypted.is_some() { WeightsAre::Encrypted } else { WeightsAre::Clear },
        ),
        encrypted_weights: encrypted.map(|weights| weights.ciphertexts),
        activations: program.activations().iter().map(activation).collect(),
        keys: keys(&symbolic.needs, profile),
        operations: counts(&symbolic.counts),
        estimated_seconds: symbolic.seconds,
        estimated_fresh_seconds: 0.0,
        estimated_threads: 1,
        costs_measured: false,
        round_trips: (program.rounds() > 0).then(|| {
            let trips = program.round_trips(profile);
            PlannedRoundTrips {
                rounds: trips.rounds,
                ciphertexts: trips.ciphertexts,
                bytes_up: trips.bytes_up,
                bytes_down: trips.bytes_down,
            }
        }),
        maps_on_the_fly: keeping.on_the_fly(),
        estimated_memory: estimated_memory(compiled, symbolic, keeping, together),
        steps: steps.collect(),
    }
}

/// What the run is to hold at its peak with so many samples at once, in a process that has planned it and holds what this one does.
fn estimated_memory<S: ClientScheme>(
    Compiled { profile, program, .. }: &Compiled<S>,
    symbolic: &SymbolicRun,
    keeping: &Keeping,
    together: usize,
) -> EstimatedMemory {
    let one = &symbolic.memory;
    let [more, first] =
        [together, 1].map(|samples| program.memory(profile, samples, symbolic.key_bytes, keeping).working);
    let working = one.working + more - first;
    let resident = Resident::of_this_process();
    let process = held(one.program);
    let run = one.total() - one.working + working + process;
    // Calibration may have taken more than the run will.
    let total = resident.map_or(run, |resident| run.max(resident.peak as f64));
    EstimatedMemory {
        keys: one.keys as u64,
        encoded: one.encoded as u64,
        values: one.values as u64,
        working: working as u64,
        program: one.program as u64,
        process: process as u64,
        total: total as u64,
    }
}

fn activation(record: &ActivationRecord) -> Activation {
    let (degree, interval, error) = match &record.replacement {
        Replacement::Exact => (None, None, None),
        Replacement::Own { degree } => (Some(*degree), None, None),
        Replacement::Polynomial { degree, interval, error } => (Some(*degree), Some(*interval), Some(*error)),
    };
    Activation {
        node: record.node.clone(),
        function: record.function.clone(),
        exact: matches!(record.replacement, Replacement::Exact),
        degree,
        interval,
        error,
        calibration_outside: record.outside,
        calibration_values: record.looked_at,
    }
}

/// The keys that are made; those without a byte are none.
fn keys(needs: &KeyNeeds, profile: &Profile) -> Keys {
    let is_made = |level: &&Level| profile.sizes.key.at(**level) > 0.0;
    Keys {
        rotations: needs.rotations.values().filter(is_made).count(),
        relinearisation: needs.relinearisation.iter().any(|level| is_made(&level)),
        conjugation: needs.conjugation.iter().any(|level| is_made(&level)),
        estimated_bytes: profile.sizes.keys(needs) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_twice_too_large_is_refused_and_what_may_fit_is_tried() {
        assert!(fits_into(20e9, Some(10_000_000_000), "net").is_ok());
        assert!(fits_into(200e9, None, "net").is_ok());
        assert_eq!(
            fits_into(200e9, Some(10_000_000_000), "net").unwrap_err().to_string(),
            "a run of net is expected to take 200 GB of memory, and 10.0 GB are free; a machine with more of it, another packing or \
             --round-trips (smaller ciphertexts) would do"
        );
    }
}
