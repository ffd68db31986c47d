//! A service under load: clients at once, for minutes, each result held against the clear one.
//!
//! ```text
//! cargo run --release -p henna-service --features client --example load -- --minutes 10
//! ```
//! The service is a process of its own on a free port of this machine; its memory is what its `/metrics` say. Ends with code 1 when a
//! request fails, a result is wrong, or the service's memory grows.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure ends the measurement")]

mod clients;
mod parties;
mod report;
mod service;

use std::time::Duration;

use clap::Parser;

use parties::Party;
use report::Report;
use service::Child;

/// Puts a service under load.
#[derive(Parser)]
struct Args {
    /// How long
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Clients at once
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Owners among whom the clients are shared out, each with keys of its own
    #[arg(long, default_value_t = 2)]
    owners: usize,
    /// Samples a request
    #[arg(long, default_value_t = 1)]
    samples: usize,
    /// The model
    #[arg(long, default_value = "fcnn-wbc")]
    model: String,
    /// Threads that compute; all of the machine when absent
    #[arg(long)]
    threads: Option<usize>,
    /// In the service's process: its store
    #[arg(long, hide = true)]
    serve: Option<std::path::PathBuf>,
}

fn main() {
    let args = Args::parse();
    if let Some(store) = &args.serve {
        service::run(store, &args.model, args.threads);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    eprintln!("{} owners make keys and requests", args.owners);
    let parties: Vec<Party> = (0..args.owners.max(1))
        .map(|number| Party::new(&folder.path().join(number.to_string()), &args.model, args.samples, &store))
        .collect();
    let child = Child::start(&store, &args);
    for party in &parties {
        child.client(&party.token).send_keys(&party.evaluation, &mut |_| {}).unwrap();
        // The first run reads the keys: it is no part of what is measured.
        clients::once(&child, party, 0).unwrap();
    }
    let time = Duration::from_secs_f64(args.minutes * 60.0);
    eprintln!("{} clients for {} minutes", args.clients, args.minutes);
    let (runs, memory) = clients::all(&child, &parties, args.clients, time);
    drop(child);
    let report = Report::new(&args, &runs, &memory);
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
    std::process::exit(i32::from(!report.passed()));
}
