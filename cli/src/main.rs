//! henna: compare homomorphic-encryption schemes on real networks, side by side.

mod alignment;
mod args;
mod attack;
mod backends;
mod compare;
mod data;
mod failure;
mod files;
mod html;
mod interrupt;
mod job;
mod list;
mod machine;
mod measure;
mod numbers;
mod output;
mod picture;
mod plan;
mod planning;
mod progress;
mod protocol;
mod record;
mod report;
mod reproduce;
mod rows;
mod serve;
mod suggest;
mod table;
mod train;
mod units;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let what = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
        eprintln!("henna: internal error: {what}{place}; this is a bug, please report it");
        std::process::exit(1);
    }));
    let outcome = match &Cli::parse().command {
        Command::Compare(args) => compare::run(args),
        Command::Report(args) => report::run(args),
        Command::List => list::run(),
        Command::Plan(args) => plan::run(args),
        Command::Train(args) => train::run(args),
        Command::Attack(args) => attack::run(args),
        Command::AttackFiles { server, recovered } => attack::attacker(server, recovered),
        Command::Keygen(args) => files::keygen(args),
        Command::Encrypt(args) => files::encrypt(args),
        Command::Evaluate(args) => files::evaluate(args),
        Command::Decrypt(args) => files::decrypt(args),
        Command::Inspect(args) => files::inspect(args),
        Command::Serve(args) => serve::run(args),
        Command::Query(args) => files::query(args),
        Command::Reproduce(args) => reproduce::run(args),
        Command::Data(args) => data::run(&args.command),
        Command::Measure => measure::child(),
        Command::MeasureCosts => machine::answer(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("henna: {failure}");
            failure.exit_code()
        }
    }
}
