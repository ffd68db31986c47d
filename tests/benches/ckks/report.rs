//! The numbers of one set of parameters, and the table that shows them.

use backend_ckks::Ckks;
use backend_seal::Seal;
use he_traits::{Result, Scheme};
use serde::Serialize;

use crate::operation::{GAIN_OF_TWO_THREADS, Operation, ROTATION_AT_2_16};
use crate::sampling::{Timings, median, pools, ratio, sample};
use crate::sets::{Set, words};
use crate::sizes;
use crate::subject::{Bench, Subject};

/// One measured thing.
#[derive(Serialize)]
struct Row {
    what: String,
    unit: &'static str,
    /// Threads, where they matter.
    threads: Option<usize>,
    native: f64,
    seal: Option<f64>,
    /// How many times better than SEAL, or than one thread.
    ratio: Option<f64>,
    /// What must be reached, and whether it is.
    mark: Option<Mark>,
}

#[derive(Serialize)]
struct Mark {
    text: String,
    reached: bool,
}

/// All that is measured at one ring degree.
#[derive(Serialize)]
pub(crate) struct Report {
    log_degree: u32,
    levels: usize,
    scale_bits: u32,
    native: String,
    seal: Option<String>,
    rows: Vec<Row>,
}

const MIB: f64 = 1024.0 * 1024.0;

/// Runs everything at one ring degree, but only operations whose names hold `only`.
pub(crate) fn measure(set: &Set, seconds: f64, only: &str) -> Result<Report> {
    let mut rows = Vec::new();
    memory(set, &mut rows)?;
    let native = Bench::<Ckks>::new(&set.native)?;
    let seal = set.seal.as_ref().map(Bench::<Seal>::new).transpose()?;
    let mut subjects: Vec<&dyn Subject> = vec![&native];
    subjects.extend(seal.as_ref().map(|seal| seal as &dyn Subject));
    described(&subjects, &mut rows)?;
    let memory_and_precision = std::mem::take(&mut rows);
    let pools = pools()?;
    for operation in Operation::ALL.into_iter().filter(|operation| operation.name().contains(only)) {
        eprintln!("N = 2^{}: {}", set.log_degree, operation.name());
        let timings = sample(&pools, &subjects, operation, seconds)?;
        rows.extend(timings.iter().map(|timings| timed(set, operation, timings)));
        rows.extend(gain(operation, &timings));
    }
    rows.extend(memory_and_precision);
    Ok(Report {
        log_degree: set.log_degree,
        levels: set.levels,
        scale_bits: set.scale_bits,
        native: words::<Ckks>(&set.native),
        seal: set.seal.as_ref().map(words::<Seal>),
        rows,
    })
}

fn timed(set: &Set, operation: Operation, timings: &Timings) -> Row {
    let milliseconds = |samples: &[f64]| median(samples.iter().copied()).map(|seconds| seconds * 1e3);
    let (native, seal) = (timings.native.on(timings.threads), timings.seal.on(timings.threads));
    let ratio = ratio(seal, native);
    let (native, seal) = (milliseconds(native).unwrap_or(f64::NAN), milliseconds(seal));
    let against_seal = operation
        .mark(set.log_degree)
        .zip(ratio)
        .map(|(mark, ratio)| Mark { text: format!("{mark} times"), reached: ratio >= mark });
    let alone = (set.log_degree == 16 && operation == Operation::Rotate)
        .then(|| Mark { text: format!("under {ROTATION_AT_2_16} ms"), reached: native < ROTATION_AT_2_16 });
    Row {
        what: operation.name().into(),
        unit: "ms",
        threads: Some(timings.threads),
        native,
        seal,
        ratio,
        mark: against_seal.or(alone).filter(|_| timings.threads == 1),
    }
}

/// What all threads gain over one on `linear`.
fn gain(operation: Operation, timings: &[Timings]) -> Option<Row> {
    let ([one, all], Operation::Linear) = (timings, operation) else { return None };
    let native = ratio(&one.native.wall, &all.native.wall)?;
    Some(Row {
        what: format!("{}: {} threads against one", operation.name(), all.threads),
        unit: "times",
        threads: None,
        native,
        seal: ratio(&one.seal.wall, &all.seal.wall),
        ratio: None,
        mark: (all.threads == 2).then(|| Mark {
            text: format!("{GAIN_OF_TWO_THREADS} times"),
            reached: native >= GAIN_OF_TWO_THREADS,
        }),
    })
}

fn memory(set: &Set, rows: &mut Vec<Row>) -> Result<()> {
    let native = sizes::sizes::<Ckks>(&set.native)?;
    let seal = set.seal.as_ref().map(sizes::sizes::<Seal>).transpose()?;
    let mut row = |what: &str, native: f64, seal: Option<f64>| {
        rows.push(Row {
            what: what.into(),
            unit: "MiB",
            threads: None,
            native: native / MIB,
            seal: seal.map(|bytes| bytes / MIB),
            ratio: seal.map(|bytes| bytes / native),
            mark: None,
        });
    };
    for (index, (name, native)) in sizes::NAMES.into_iter().zip(native).enumerate() {
        row(name, native, seal.as_ref().and_then(|seal| seal.get(index).copied()));
    }
    if let Some(native) = sizes::peak(set, Ckks::NAME) {
        let seal = set.seal.as_ref().and_then(|_| sizes::peak(set, Seal::NAME));
        row("peak of a process that does all of this once", native, seal);
    }
    Ok(())
}

/// Precision, and what the map's schedule is.
fn described(subjects: &[&dyn Subject], rows: &mut Vec<Row>) -> Result<()> {
    let both = |numbers: Vec<f64>| (numbers.first().copied().unwrap_or(f64::NAN), numbers.get(1).copied());
    let mut row = |what: &str, unit, numbers| {
        let (native, seal) = both(numbers);
        rows.push(Row { what: what.into(), unit, threads: None, native, seal, ratio: None, mark: None });
    };
    let precision: Vec<[f64; 2]> = subjects.iter().map(|s| s.precision()).collect::<Result<_>>()?;
    row("precision of the worst slot, after a product", "bits", precision.iter().map(|[p, _]| *p).collect());
    row("precision of the worst slot, after `linear`", "bits", precision.iter().map(|[_, l]| *l).collect());
    let steps: Vec<[usize; 3]> = subjects.iter().map(|s| s.steps()).collect();
    for (index, what) in ["`linear`: baby steps", "`linear`: giant steps", "rotation keys"].iter().enumerate()
    {
        let count = |steps: &[usize; 3]| steps.get(index).copied().unwrap_or_default() as f64;
        row(what, "", steps.iter().map(count).collect());
    }
    Ok(())
}

impl Report {
    /// The report as a table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut lines = vec![
            format!("N = 2^{}, {} levels, scale 2^{}", self.log_degree, self.levels, self.scale_bits),
            format!("native: {}", self.native),
        ];
        lines.extend(self.seal.as_ref().map(|seal| format!("SEAL 4.0.0 without HEXL: {seal}")));
        lines.push(String::new());
        let mut cells = vec![
            ["what", "threads", "unit", "native", "SEAL", "SEAL / native", "mark", "reached"]
                .map(String::from),
        ];
        cells.extend(self.rows.iter().map(Row::cells));
        let widths: Vec<usize> = (0..8)
            .map(|column| cells.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0))
            .collect();
        let mut line = |row: &[String]| {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            lines.push(format!("| {} |", cells.join(" | ")));
        };
        for (index, row) in cells.iter().enumerate() {
            line(row);
            if index == 0 {
                line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>());
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// Three digits, more where the number has them.
fn number(value: f64) -> String {
    match value {
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ if value.abs() >= 100.0 => format!("{value:.0}"),
        _ if value.abs() >= 10.0 => format!("{value:.1}"),
        _ if value.abs() >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

impl Row {
    fn cells(&self) -> [String; 8] {
        let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
        [
            self.what.clone(),
            self.threads.map(|threads| threads.to_string()).unwrap_or_default(),
            self.unit.into(),
            number(self.native),
            optional(self.seal),
            optional(self.ratio),
            self.mark.as_ref().map(|mark| mark.text.clone()).unwrap_or_default(),
            self.mark.as_ref().map(|mark| if mark.reached { "yes" } else { "no" }.into()).unwrap_or_default(),
        ]
    }
}
