//! `henna plan`: how a network would run, without running it.

use std::fmt::Write;

use exchange::WeightsAre;

use crate::args::{PackingArg, PlanArgs};
use crate::failure::Failure;
use crate::job::Subject;
use crate::planning::{How, Timing};
use crate::record::{Plan, cores, label};
use crate::{backends, output, planning, rows, table, units};

/// Plans the model on each backend asked for.
pub(crate) fn run(args: &PlanArgs) -> Result<(), Failure> {
    let chosen = backends::in_form(&args.model.backend, args.model.more_form)?;
    let subject = Subject::load_with(&args.model.model, args.model.weights.as_ref(), &args.model.inputs)?;
    let mut text = String::new();
    let mut unable = Vec::new();
    let weights = if args.model.encrypt_model { WeightsAre::Encrypted } else { WeightsAre::Clear };
    let asked = PackingArg::chosen(&args.model.packing);
    let columns = chosen.into_iter().flat_map(|backend| {
        backends::packings(backend, &asked).into_iter().map(move |packing| (backend, packing))
    });
    for (backend, packing) in columns {
        let how = How {
            memory: args.model.memory,
            weights,
            round_trips: args.model.round_trips,
            packing: packing.unwrap_or_default(),
            samples: None,
            timing: Timing::Measured(cores()),
        };
        let label = label(backend, WeightsAre::Clear, packing);
        match planning::plan(&subject, backend, how) {
            Ok(plan) if args.model.json => {
                let line = serde_json::json!({
                    "model": subject.name(), "weights": subject.weights_from, "backend": backend, "packing": packing, "plan": plan,
                });
                let _ = writeln!(text, "{line}");
            }
            Ok(plan) => text.push_str(&describe(&subject.weights_from, &label, &plan)),
            Err(reason) => {
                eprintln!("{label}: cannot run {}: {reason}", subject.name());
                unable.push(label);
            }
        }
    }
    output::print(&text)?;
    if unable.is_empty() { Ok(()) } else { Err(Failure::Backends(unable)) }
}

fn describe(weights: &str, backend: &str, plan: &Plan) -> String {
    let mut facts = table::plain(&[backend, ""]);
    let keys = format!(
        "{} rotations, relinearisation: {}, conjugation: {}; about {}",
        plan.keys.rotations,
        if plan.keys.relinearisation { "yes" } else { "no" },
        if plan.keys.conjugation { "yes" } else { "no" },
        units::bytes(plan.keys.estimated_bytes as f64)
    );
    let operations = rows::operations(&plan.operations).replace('\n', ", ");
    for (name, value) in [
        ("weights", weights.to_owned()),
        (
            "the server sees the weights",
            match plan.encrypted_weights {
                None => "yes".to_owned(),
                Some(count) => format!(
                    "{}: they are {}",
                    plan.visibility.server_sees_weights(),
                    units::count(count as u64, "ciphertext")
                ),
            },
        ),
        ("parameters", plan.parameters.clone()),
        ("security", plan.security.statement.clone()),
        ("levels: used / there", format!("{} / {}", plan.depth, units::level(plan.top_level))),
        ("round trips to the owner", rows::planned_round_trips(plan)),
        ("ciphertexts in / out", format!("{} / {}", plan.input_ciphertexts, plan.output_ciphertexts)),
        ("samples at once", plan.samples_at_once.to_string()),
        ("activations", rows::activations(&plan.activations)),
        ("evaluation keys", keys),
        ("operations", operations),
        ("one evaluation", format!("about {} {}", rows::evaluation(plan), rows::estimated_on(plan))),
        ("memory", rows::estimated_memory(plan)),
    ] {
        facts.add_row([name, &value]);
    }
    let mut steps = table::plain(&[
        "step",
        "operation",
        "level",
        "layout",
        "ciphertexts",
        "rotations",
        "operations",
        "about",
    ]);
    for step in &plan.steps {
        steps.add_row([
            step.name.clone(),
            step.operation.clone(),
            format!("{} > {}", units::level(step.level_in), units::level(step.level_out)),
            step.layout.clone(),
            step.ciphertexts.to_string(),
            step.rotations.to_string(),
            rows::operations(&step.operations),
            units::seconds(step.estimated_seconds),
        ]);
    }
    format!("{facts}\n\n{steps}\n\n")
}
