//! Compiles a model for a backend and describes the result, without any key.

use std::collections::BTreeMap;
use std::time::Instant;

use he_traits::{ClientScheme, Counts, KeyNeeds, Profile};
use nn_layers::approx::{ActivationRecord, Replacement};
use nn_layers::compile::{Compiled, Options, compile};
use nn_layers::program::SymbolicRun;

use crate::backends::{self, Task};
use crate::failure::Failure;
use crate::job::Subject;
use crate::record::{Activation, Keys, Plan, PlanStep, SecurityRecord, Visibility};

/// A compiled model with its description.
pub(crate) struct Planned<S: ClientScheme> {
    pub(crate) compiled: Compiled<S>,
    pub(crate) symbolic: SymbolicRun,
    pub(crate) plan: Plan,
    pub(crate) seconds: f64,
}

/// Compiles for one scheme.
pub(crate) fn plan_for<S: ClientScheme>(subject: &Subject) -> Result<Planned<S>, Failure> {
    let calibration = subject.calibration()?;
    let start = Instant::now();
    let compiled =
        compile::<S>(&subject.network, &subject.weights.weights, &calibration, &Options::default())?;
    let symbolic = compiled.program.symbolic(&compiled.profile)?;
    let seconds = start.elapsed().as_secs_f64();
    let plan = describe(&compiled, &symbolic);
    Ok(Planned { compiled, symbolic, plan, seconds })
}

/// The plan of a model on the backend of that name. The outer error says that this program lacks the backend, or that
/// the backend cannot run the model.
pub(crate) fn plan(subject: &Subject, backend: &str) -> Result<Plan, Failure> {
    struct Describe<'a>(&'a Subject);
    impl Task for Describe<'_> {
        type Output = Result<Plan, Failure>;
        fn run<S: ClientScheme>(self) -> Self::Output {
            plan_for::<S>(self.0).map(|planned| planned.plan)
        }
    }
    backends::with(backend, Describe(subject)).map_err(Failure::Failed)?
}

/// Counts by name, without those that are 0.
pub(crate) fn counts(counts: &Counts) -> BTreeMap<String, u64> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(counts) else { return BTreeMap::new() };
    let named =
        fields.into_iter().filter_map(|(name, count)| Some((name.replace('_', " "), count.as_u64()?)));
    named.filter(|(_, count)| *count > 0).collect()
}

fn describe<S: ClientScheme>(compiled: &Compiled<S>, symbolic: &SymbolicRun) -> Plan {
    let Compiled { profile, program, .. } = compiled;
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
        samples_at_once: profile.values_at_once,
        input_ciphertexts: input.blocks(),
        output_ciphertexts: output.blocks(),
        security: SecurityRecord::from(&profile.security),
        visibility: Visibility::of_inference(&profile.security),
        activations: program.activations().iter().map(activation).collect(),
        keys: keys(&symbolic.needs, profile),
        operations: counts(&symbolic.counts),
        estimated_seconds: symbolic.seconds,
        steps: steps.collect(),
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

fn keys(needs: &KeyNeeds, profile: &Profile) -> Keys {
    let levels = needs.rotations.values().chain(&needs.relinearisation).chain(&needs.conjugation);
    Keys {
        rotations: needs.rotations.len(),
        relinearisation: needs.relinearisation.is_some(),
        conjugation: needs.conjugation.is_some(),
        estimated_bytes: levels.map(|level| profile.sizes.key.at(*level)).sum::<f64>() as u64,
    }
}
