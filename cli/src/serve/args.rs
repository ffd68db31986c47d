//! The command line of `henna serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::units::parse_bytes;

const EXAMPLES: &str = "\
Three commands, on one machine:
  henna serve token add ann > ann.token
  henna serve
  henna query --server http://127.0.0.1:8080 --token-file ann.token --samples 4

The page is at the same address. docs/service.md describes the API, the limits, and who sees what.";

/// Models that are served where none is named.
const MODELS: [&str; 2] = ["fcnn-wbc", "cnn-mnist"];

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    #[command(subcommand)]
    pub(super) command: Option<ServeCommand>,
    /// The folder of keys, jobs, results and tokens
    #[arg(long, value_name = "FOLDER", default_value = "store")]
    pub(super) store: PathBuf,
    /// Address and port; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(super) listen: SocketAddr,
    /// Models to serve with weights in the clear, separated by commas, see `henna list`; fcnn-wbc,cnn-mnist when neither this nor
    /// --encrypted-model is there
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(super) model: Vec<String>,
    /// Encrypted weights to serve (model.henna, from `henna keygen --encrypt-model`), for requests under the key of their owner
    #[arg(long, value_delimiter = ',', value_name = "FILES")]
    pub(super) encrypted_model: Vec<PathBuf>,
    /// Schemes to serve, separated by commas; all that this program has when absent
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(super) backend: Vec<String>,
    /// Show the comparison reports (`henna compare --html`) in this folder on the page
    #[arg(long, value_name = "FOLDER")]
    pub(super) reports: Option<PathBuf>,
    /// What goes to standard error: warnings, a line an answer, or the same as JSON
    #[arg(long, value_enum, default_value_t = Log::Text)]
    pub(super) log: Log,

    /// Certificate chain (PEM)
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub(super) tls_key: Option<PathBuf>,
    /// Serve without TLS to other machines: only behind a proxy that adds it
    #[arg(long, help_heading = "TLS")]
    pub(super) insecure_http: bool,

    /// Bytes of one file of evaluation keys
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, default_value = "4GB", help_heading = "Limits")]
    pub(super) max_key: u64,
    /// Bytes of one request
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, default_value = "1GB", help_heading = "Limits")]
    pub(super) max_request: u64,
    /// Keys that an owner may have here
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "Limits")]
    pub(super) keys: usize,
    /// Jobs that an owner may have here, finished ones included
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Limits")]
    pub(super) jobs: usize,
    /// Jobs that may wait, of all owners
    #[arg(long, value_name = "N", default_value_t = 32, help_heading = "Limits")]
    pub(super) queue: usize,
    /// Jobs that run at once; each gets its share of threads and memory
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one, help_heading = "Limits")]
    pub(super) concurrent: usize,
    /// Connections that are open at once; further ones wait until one closes
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = many, help_heading = "Limits")]
    pub(super) connections: usize,
    /// Uploads that run at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one, help_heading = "Limits")]
    pub(super) uploads: usize,
    /// How long a job may run, such as 90s, 10m or 2h
    #[arg(long, value_name = "TIME", default_value = "1h", help_heading = "Limits")]
    pub(super) job_time: humantime::Duration,
    /// How often a job is begun before it is reported as failed: each crash of the server costs one
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub(super) attempts: u32,
    /// How long finished jobs and their results are kept
    #[arg(long, value_name = "TIME", default_value = "7d", help_heading = "Limits")]
    pub(super) keep: humantime::Duration,
    /// How long running jobs may go on after SIGTERM; what is not done by then is run again after the next start
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Limits")]
    pub(super) grace: humantime::Duration,
    /// Memory for expanded keys and encoded weights, such as 12GB; most of what is free when absent
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, help_heading = "Limits")]
    pub(super) memory: Option<u64>,
    /// Threads that compute; all of the machine when absent
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Limits")]
    pub(super) threads: Option<u16>,
}

impl ServeArgs {
    /// Models to serve with weights in the clear.
    pub(super) fn models(&self) -> Vec<String> {
        if self.model.is_empty() && self.encrypted_model.is_empty() {
            return MODELS.map(str::to_owned).to_vec();
        }
        self.model.clone()
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    up_to(1024, text)
}

fn many(text: &str) -> Result<usize, String> {
    up_to(1_000_000, text)
}

fn up_to(most: usize, text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{text:?} is no number from 1 to {most}"))
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Log {
    /// Warnings
    Quiet,
    /// A line an answer and a job
    Text,
    /// The same, a JSON object a line
    Json,
}

#[derive(Subcommand)]
pub(super) enum ServeCommand {
    /// Make, list and take back the tokens by which owners come in
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token for an owner and print it: it is shown this once
    Add {
        /// Name of the owner
        owner: String,
        #[command(flatten)]
        at: StoreArgs,
    },
    /// List the tokens: number, owner, when they were made
    List {
        #[command(flatten)]
        at: StoreArgs,
    },
    /// Take back a token, or all tokens of an owner; a running service notices at once
    Revoke {
        /// Number of the token, or name of the owner
        what: String,
        #[command(flatten)]
        at: StoreArgs,
    },
}

#[derive(Args)]
pub(super) struct StoreArgs {
    /// The service's folder
    #[arg(long, value_name = "FOLDER", default_value = "store")]
    pub(super) store: PathBuf,
}
