//! The rows of the comparison: one quantity a row, one backend a column. Tables and pages both print these.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::record::{
    Activation, BackendRecord, Measured, MetricRecord, Plan, PrecisionRecord, Report, RoundTripRecord,
    Spread, Status,
};
use crate::{alignment, units};

/// Rows under one heading.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// What the title leaves open, where there is room for it.
    pub(crate) about: &'static str,
    pub(crate) rows: Vec<(Cow<'static, str>, Vec<String>)>,
}

/// All sections of a report, in reading order. Backends without a value get a dash.
pub(crate) fn sections(report: &Report) -> Vec<Section> {
    vec![
        outcome(report),
        task(report),
        agreement(report),
        precision(report),
        time(report),
        memory_and_bytes(report),
        round_trips(report),
        scheme(report),
        protection(report),
    ]
}

const NONE: &str = "-";

fn planned(report: &Report, cell: impl Fn(&Plan) -> String) -> Vec<String> {
    report.backends.iter().map(|b| b.plan.as_ref().map_or_else(|| NONE.to_owned(), &cell)).collect()
}

fn measured(report: &Report, cell: impl Fn(&Measured) -> String) -> Vec<String> {
    report.backends.iter().map(|b| b.measured.as_ref().map_or_else(|| NONE.to_owned(), &cell)).collect()
}

fn outcome(report: &Report) -> Section {
    let status = |backend: &BackendRecord| match backend.status {
        Status::Ok => "ran".to_owned(),
        Status::Planned => "planned".to_owned(),
        Status::Unable => format!("cannot run: {}", backend.reason.as_deref().unwrap_or("no reason given")),
        Status::Failed => format!("failed: {}", backend.reason.as_deref().unwrap_or("no reason given")),
    };
    let mut rows = vec![("outcome", report.backends.iter().map(status).collect())];
    if report.backends.iter().any(|backend| backend.measured.is_some()) {
        rows.push(("samples x runs", measured(report, |m| format!("{} x {}", m.samples, m.runs))));
        rows.push(("samples at once", measured(report, |m| m.batch.to_string())));
    }
    Section { title: "run", about: "", rows: keep_told(rows) }
}

/// A value of the task metric; a dash where the samples are too few for it.
pub(crate) fn with_unit(value: f64, metric: &MetricRecord) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let space = if metric.unit.is_empty() || metric.unit == "%" { "" } else { " " };
    format!("{value:.3}{space}{}", metric.unit)
}

fn task(report: &Report) -> Section {
    let metric = &report.head.metric;
    let rows = vec![
        ("original network", measured(report, |m| with_unit(m.metric.original, metric))),
        ("network as compiled, clear", measured(report, |m| with_unit(m.metric.clear, metric))),
        ("encrypted", measured(report, |m| with_unit(m.metric.encrypted, metric))),
    ];
    Section { title: "task metric", about: "over the same samples", rows: keep_told(rows) }
}

fn agreement(report: &Report) -> Section {
    let rows = vec![
        ("worst error, bits", measured(report, |m| units::bits(m.agreement.worst_bits))),
        ("mean error, bits", measured(report, |m| units::bits(m.agreement.mean_bits))),
        ("worst error / RMS of output", measured(report, |m| units::digits(m.agreement.worst_relative))),
        ("RMS error / RMS of output", measured(report, |m| units::digits(m.agreement.rms_relative))),
        (
            "approximation / RMS of output",
            measured(report, |m| units::digits(m.agreement.approximation_relative)),
        ),
        (
            "same class",
            measured(report, |m| {
                m.agreement
                    .same_class
                    .map_or_else(|| NONE.to_owned(), |share| format!("{:.2}%", 100.0 * share))
            }),
        ),
    ];
    Section {
        title: "agreement",
        about: "with the clear run of the network as compiled",
        rows: keep_told(rows),
    }
}

/// Typical and worst bits of a step; 0 in the clear alone has no bits at all.
pub(crate) fn precision_bits(precision: &PrecisionRecord) -> String {
    match (precision.typical_bits, precision.worst_bits) {
        (Some(typical), Some(worst)) => format!("{typical:.1} / {worst:.1}"),
        _ if precision.rms == 0.0 => "all 0".to_owned(),
        _ => units::bits(None),
    }
}

/// How exact the values are after each step, where that was asked for.
fn precision(report: &Report) -> Section {
    let missing = measured(report, |m| m.precision_missing.clone().unwrap_or_else(|| NONE.to_owned()));
    let steps = alignment::places(report).into_iter().map(|place| {
        let cell = |step: &crate::record::StepRecord| step.precision.as_ref().map(precision_bits);
        let cells = place.steps.iter().map(|step| step.and_then(cell).unwrap_or_else(|| NONE.to_owned()));
        (place.name.to_owned(), cells.collect())
    });
    Section {
        title: "precision by step",
        about: "bits, typical / worst: -log2 of the error (root mean square / largest) relative to the values' root mean square",
        rows: keep_told(std::iter::once(("cannot be told".to_owned(), missing)).chain(steps)),
    }
}

/// What an evaluation is expected to take, and of how many samples where they share ciphertexts.
pub(crate) fn evaluation(plan: &Plan) -> String {
    let seconds = units::seconds(plan.estimated_seconds);
    match plan.samples_per_ciphertext {
        0 | 1 => seconds,
        most => format!("{seconds} for up to {most} samples"),
    }
}

/// On what an estimated time is.
pub(crate) fn estimated_on(plan: &Plan) -> String {
    estimated_by(plan.estimated_threads, plan.costs_measured)
}

/// As [`estimated_on`], for costs that were measured on this machine or not.
pub(crate) fn estimated_by(threads: usize, measured: bool) -> String {
    let threads = units::count(threads as u64, "thread");
    let by = if measured { "costs measured here" } else { "costs of a reference machine" };
    format!("on {threads}, by {by}")
}

/// `mean ± deviation`.
pub(crate) fn spread(spread: &Spread) -> String {
    if spread.count < 2 {
        return units::seconds(spread.mean);
    }
    format!("{} ± {}", units::seconds(spread.mean), units::seconds(spread.deviation))
}

fn time(report: &Report) -> Section {
    let samples = report.head.samples.max(1);
    let full = |backend: &BackendRecord| match (&backend.plan, &backend.measured) {
        (Some(plan), Some(measured)) if plan.samples_per_ciphertext > 1 => {
            let each = units::seconds(measured.time.latency.mean / plan.samples_per_ciphertext as f64);
            format!("{each} ({} samples)", plan.samples_per_ciphertext)
        }
        _ => NONE.to_owned(),
    };
    let rows = vec![
        ("expected, a sample", planned(report, |p| units::seconds(p.seconds_of(samples) / samples as f64))),
        ("key generation", measured(report, |m| units::seconds(m.time.keygen))),
        (
            "encrypting the weights",
            measured(report, |m| m.time.encrypt_weights.map_or(NONE.to_owned(), units::seconds)),
        ),
        ("preparation", measured(report, |m| units::seconds(m.time.prepare))),
        ("expected, the first evaluation", {
            let first = |backend: &BackendRecord| match (&backend.plan, &backend.measured) {
                (Some(plan), Some(measured)) if measured.time.first.is_some() => {
                    units::seconds(plan.first_seconds_of(measured.batch))
                }
                _ => NONE.to_owned(),
            };
            report.backends.iter().map(first).collect()
        }),
        (
            "first evaluation, a warm-up",
            measured(report, |m| m.time.first.map_or(NONE.to_owned(), units::seconds)),
        ),
        ("encrypt", measured(report, |m| spread(&m.time.encrypt))),
        ("evaluate", measured(report, |m| spread(&m.time.evaluate))),
        ("decrypt", measured(report, |m| spread(&m.time.decrypt))),
        ("latency", measured(report, |m| spread(&m.time.latency))),
        ("amortised, a sample", measured(report, |m| units::seconds(m.time.amortised))),
        ("a sample, were ciphertexts full", report.backends.iter().map(full).collect()),
        ("evaluation / clear executor", measured(report, |m| units::digits(m.time.evaluate_over_clear))),
        ("throughput, samples/s", measured(report, |m| units::digits(m.time.samples_per_second))),
    ];
    Section {
        title: "time",
        about: "of one batch, mean and deviation over all evaluations",
        rows: keep_told(rows),
    }
}

/// The round trips that a plan has.
pub(crate) fn planned_round_trips(plan: &Plan) -> String {
    plan.round_trips.as_ref().map_or_else(
        || NONE.to_owned(),
        |trips| {
            format!(
                "{}: {}, {} to the owner and {} back",
                trips.rounds,
                units::count(trips.ciphertexts, "ciphertext"),
                units::bytes(trips.bytes_up),
                units::bytes(trips.bytes_down)
            )
        },
    )
}

/// What the round trips to the owner took.
fn round_trips(report: &Report) -> Section {
    let trips = |cell: fn(&RoundTripRecord) -> String| {
        measured(report, |m| m.round_trips.as_ref().map_or_else(|| NONE.to_owned(), cell))
    };
    let rows = vec![
        ("rounds", trips(|t| t.rounds.to_string())),
        ("ciphertexts", trips(|t| t.ciphertexts.to_string())),
        ("to the owner, a sample", trips(|t| units::bytes(t.bytes_up))),
        ("from the owner, a sample", trips(|t| units::bytes(t.bytes_down))),
        ("time at the owner, of evaluate", trips(|t| spread(&t.seconds))),
    ];
    Section {
        title: "round trips to the owner",
        about: "values decrypted and encrypted anew on the way, in one process: a network adds its own time",
        rows: keep_told(rows),
    }
}

fn optional_bytes(value: Option<u64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |bytes| units::bytes(bytes as f64))
}

/// The memory to expect, and what it is for.
pub(crate) fn estimated_memory(plan: &Plan) -> String {
    let memory = &plan.estimated_memory;
    let parts = [
        ("keys", memory.keys),
        ("encoded weights", memory.encoded),
        ("weights not encoded", memory.values),
        ("working", memory.working),
        ("written-out matrices", memory.program),
        ("the process itself", memory.process),
    ];
    let parts = parts.iter().filter(|(_, bytes)| *bytes > 0);
    let parts: Vec<String> =
        parts.map(|(name, bytes)| format!("{name} {}", units::bytes(*bytes as f64))).collect();
    let on_the_fly = match plan.maps_on_the_fly {
        0 => String::new(),
        maps => format!("; {maps} maps are encoded on the fly"),
    };
    format!("about {}: {}{on_the_fly}", units::bytes(memory.total as f64), parts.join(", "))
}

fn memory_and_bytes(report: &Report) -> Section {
    let rows = vec![
        ("expected memory", planned(report, |p| units::bytes(p.estimated_memory.total as f64))),
        ("peak memory", measured(report, |m| optional_bytes(m.memory.peak))),
        ("  planning", measured(report, |m| optional_bytes(m.memory.before_keygen))),
        ("  key generation", measured(report, |m| optional_bytes(m.memory.keygen))),
        ("  preparation", measured(report, |m| optional_bytes(m.memory.prepare))),
        ("  evaluation", measured(report, |m| optional_bytes(m.memory.evaluate))),
        ("fresh ciphertext", measured(report, |m| units::bytes(m.bytes.fresh_ciphertext as f64))),
        ("result ciphertext", measured(report, |m| units::bytes(m.bytes.result_ciphertext as f64))),
        ("evaluation keys", measured(report, |m| units::bytes(m.bytes.evaluation_keys as f64))),
        ("encrypted weights", measured(report, |m| optional_bytes(m.bytes.encrypted_weights))),
        ("upload, a sample", measured(report, |m| units::bytes(m.bytes.upload_per_sample))),
        ("download, a sample", measured(report, |m| units::bytes(m.bytes.download_per_sample))),
    ];
    Section {
        title: "memory and bytes",
        about: "peaks of the process; sizes as serialised",
        rows: keep_told(rows),
    }
}

fn scheme(report: &Report) -> Section {
    let keys = |p: &Plan| {
        let mut kinds = Vec::new();
        if p.keys.rotations > 0 {
            kinds.push(format!("{} rotations", p.keys.rotations));
        }
        if p.keys.relinearisation {
            kinds.push("relinearisation".to_owned());
        }
        if p.keys.conjugation {
            kinds.push("conjugation".to_owned());
        }
        if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
    };
    let packing =
        |b: &BackendRecord| b.packing.map_or_else(|| NONE.to_owned(), |packing| packing.to_string());
    let rows = vec![
        ("packing", report.backends.iter().map(packing).collect()),
        ("parameters", planned(report, |p| p.parameters.clone())),
        ("slots", planned(report, |p| units::grouped(p.slots as u64))),
        ("levels: used / there", planned(report, |p| format!("{} / {}", p.depth, units::level(p.top_level)))),
        ("round trips", planned(report, planned_round_trips)),
        (
            "ciphertexts in / out",
            planned(report, |p| format!("{} / {}", p.input_ciphertexts, p.output_ciphertexts)),
        ),
        ("activations", planned(report, |p| activations(&p.activations))),
        ("evaluation keys", planned(report, keys)),
        ("operations, one evaluation", planned(report, |p| operations(&p.operations))),
    ];
    Section {
        title: "scheme",
        about: "parameters and the compiled network, for one sample",
        rows: keep_told(rows),
    }
}

/// Counts of operations, the most frequent first.
pub(crate) fn operations(counts: &BTreeMap<String, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().filter(|(_, count)| **count > 0).collect();
    counts.sort_by(|a, b| b.1.cmp(a.1));
    let lines: Vec<String> =
        counts.iter().map(|(name, count)| format!("{} {name}", units::grouped(**count))).collect();
    if lines.is_empty() { NONE.to_owned() } else { lines.join("\n") }
}

/// One line an activation.
pub(crate) fn activations(all: &[Activation]) -> String {
    let line = |a: &Activation| {
        if a.exact {
            return format!("{}: {} exact", a.node, a.function);
        }
        let degree = a.degree.map_or_else(String::new, |degree| format!(" degree {degree}"));
        let interval =
            a.interval.map_or_else(String::new, |[low, high]| format!(" on [{low:.1}, {high:.1}]"));
        let error = a.error.map_or_else(String::new, |error| format!(" error {}", units::digits(error)));
        format!("{}: {}{degree}{interval}{error}", a.node, a.function)
    };
    if all.is_empty() { "none".to_owned() } else { all.iter().map(line).collect::<Vec<_>>().join("\n") }
}

fn protection(report: &Report) -> Section {
    let list = |lines: &[String]| if lines.is_empty() { "nothing".to_owned() } else { lines.join("; ") };
    let rows = vec![
        ("security", planned(report, |p| p.security.statement.clone())),
        (
            "bits",
            planned(report, |p| match (&p.security.source, p.security.margin_bits) {
                (Some(source), Some(margin)) => {
                    format!("{} ({source}; {margin:.0} bits of modulus to spare)", p.security.bits)
                }
                _ => p.security.bits.to_string(),
            }),
        ),
        ("the server sees the weights", planned(report, |p| p.visibility.server_sees_weights().to_owned())),
        ("sees the weights", planned(report, |p| p.visibility.weights.clone())),
        ("sees the data", planned(report, |p| p.visibility.data.clone())),
        ("sees the labels", planned(report, |p| p.visibility.labels.clone())),
        ("sees the results", planned(report, |p| p.visibility.results.clone())),
        ("the server learns", planned(report, |p| list(&p.security.server_learns))),
        ("the owner learns", planned(report, |p| list(&p.security.owner_learns))),
        ("sharing decryptions", planned(report, |p| p.security.sharing_decryptions.clone())),
        ("attacks known", report.backends.iter().map(attacks).collect()),
    ];
    Section { title: "protection", about: "who sees what in the clear", rows: keep_told(rows) }
}

/// The attacks that this program has on a backend, and how to run them.
fn attacks(backend: &BackendRecord) -> String {
    match backend.plan.as_ref().map(|plan| plan.security.attacks.as_slice()) {
        None => NONE.to_owned(),
        Some([]) => "none here".to_owned(),
        Some(attacks) => format!("{}: run `henna attack {}`", attacks.join(", "), backend.backend),
    }
}

/// Drops rows that no backend has a value for.
fn keep_told(
    rows: impl IntoIterator<Item = (impl Into<Cow<'static, str>>, Vec<String>)>,
) -> Vec<(Cow<'static, str>, Vec<String>)> {
    let told = rows.into_iter().filter(|(_, cells)| cells.iter().any(|cell| cell != NONE));
    told.map(|(name, cells)| (name.into(), cells)).collect()
}
