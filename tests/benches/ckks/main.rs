//! Native CKKS against SEAL (through `backend-seal`, compiled without HEXL) in one run: time, precision, memory and sizes of every
//! operation, on one thread and on all.
//!
//! `cargo bench -p henna-tests --bench ckks` prints one table a ring; `-- --degree 14` chooses a ring of degree 2^14 (13 to 16, may
//! be repeated), `--only rotate` some operations; `--json FILE` writes the numbers, `--seconds 3` is the time for one operation.
//!
//! Both schemes have the same ring degree, levels and scale, both are within the 128-bit tables, and each has its own special
//! primes and digits. Samples of the two are taken in turn, one thread and all, so that other work on the machine meets both. One
//! thread is measured in CPU time, several in wall time; times are medians, a ratio is the median of the ratios of the rounds.
#![expect(clippy::panic, reason = "a benchmark has nobody to hand an error to")]

mod operation;
mod report;
mod sampling;
mod sets;
mod sizes;
mod subject;

use std::path::PathBuf;

use clap::Parser;
use he_traits::Result;

/// Native CKKS against SEAL.
#[derive(Parser)]
struct Arguments {
    /// log2 of the ring degree, 13 to 16; may be repeated. All four unless given.
    #[arg(long = "degree")]
    degrees: Vec<u32>,
    /// Seconds of sampling for one operation.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only operations whose names hold this.
    #[arg(long, default_value = "")]
    only: String,
    /// Writes the numbers there, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Runs every operation of one backend once and prints the peak of memory: what the benchmark asks of its children.
    #[arg(long, hide = true)]
    peak_of: Option<String>,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    if let Err(error) = run(&Arguments::parse()) {
        panic!("{error}");
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let degrees = if arguments.degrees.is_empty() { vec![13, 14, 15, 16] } else { arguments.degrees.clone() };
    let mut reports = Vec::new();
    for log_degree in degrees {
        let set = sets::set(log_degree)?;
        if let Some(backend) = &arguments.peak_of {
            sizes::child(&set, backend)?;
            continue;
        }
        let report = report::measure(&set, arguments.seconds, &arguments.only)?;
        println!("{}", report.table());
        reports.push(report);
    }
    if let Some(path) = &arguments.json {
        let written = serde_json::to_vec_pretty(&reports).map(|json| std::fs::write(path, json));
        if !matches!(written, Ok(Ok(()))) {
            panic!("{} cannot be written", path.display());
        }
    }
    Ok(())
}
