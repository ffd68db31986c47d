//! Owner and server as two programs that share files: `henna keygen`, `encrypt`, `evaluate`, `decrypt`, and `inspect`.

mod decrypt;
mod encrypt;
mod evaluate;
mod inspect;
mod keygen;
mod query;

use std::path::{Path, PathBuf};

use exchange::{Header, Kind, Reader, WeightsAre};
use he_traits::Security;
use serde::Serialize;

pub(crate) use decrypt::{DecryptArgs, decrypt};
pub(crate) use encrypt::{EncryptArgs, encrypt};
pub(crate) use evaluate::{EvaluateArgs, evaluate};
pub(crate) use inspect::{InspectArgs, inspect};
pub(crate) use keygen::{KeygenArgs, keygen};
pub(crate) use query::{QueryArgs, query};

use crate::failure::Failure;
use crate::job::Subject;
use crate::{output, units};

/// Name of the owner's file in the owner's folder.
const SECRET: &str = "secret.henna";
/// Name of the server's file in the server's folder.
const EVALUATION: &str = "evaluation.henna";
/// Name of the file of encrypted weights in the server's folder.
const MODEL: &str = "model.henna";

/// Who sees the weights at the server, in a sentence.
fn who_sees(weights: WeightsAre, security: &Security) -> &'static str {
    match weights {
        WeightsAre::Clear => "the server holds the network's weights in the clear",
        WeightsAre::Encrypted if security.assumption.bits() > 0 => {
            "the server does not see the weights: they are encrypted; it sees layers, packing and the activations' polynomials"
        }
        WeightsAre::Encrypted => {
            "the weights are encrypted, but this scheme protects nothing: the server can see them"
        }
    }
}

/// A file that a command wrote.
#[derive(Serialize)]
struct Written {
    path: PathBuf,
    holds: String,
    bytes: u64,
}

/// What a command did, for `--json`.
#[derive(Serialize)]
struct Done {
    command: &'static str,
    model: String,
    scheme: String,
    parameters: String,
    /// How the server holds the weights: `clear` or `encrypted`.
    weights: WeightsAre,
    keys: String,
    samples: u64,
    /// Seconds before the first sample, where there is something to prepare.
    #[serde(skip_serializing_if = "Option::is_none")]
    prepare_seconds: Option<f64>,
    /// Of `seconds`, those in the network's steps: what the same evaluation takes in one process. The rest is for the files. For `query`
    /// those of the job at the server, whose files are in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    computing_seconds: Option<f64>,
    seconds: f64,
    files: Vec<Written>,
}

impl Done {
    fn of(command: &'static str, header: &Header, seconds: f64) -> Self {
        Self {
            command,
            model: header.network.name.clone(),
            scheme: header.scheme.clone(),
            parameters: header.parameters.clone(),
            weights: header.weights,
            keys: header.keys.clone(),
            samples: header.samples,
            prepare_seconds: None,
            computing_seconds: None,
            seconds,
            files: Vec::new(),
        }
    }

    fn file(mut self, path: &Path, holds: impl ToString, bytes: u64) -> Self {
        self.files.push(Written { path: path.to_path_buf(), holds: holds.to_string(), bytes });
        self
    }

    /// One JSON line on standard output, or a line a file on standard error.
    fn tell(&self, json: bool) -> Result<(), Failure> {
        if json {
            let line = serde_json::to_string(self).map_err(|error| Failure::failed(error.to_string()))?;
            return output::print(&(line + "\n"));
        }
        for file in &self.files {
            eprintln!("{}: {}, {}", file.path.display(), file.holds, units::bytes(file.bytes as f64));
        }
        let computing =
            self.computing_seconds.map(|seconds| format!(", {} of it computing", units::seconds(seconds)));
        eprintln!("{} took {}{}", self.command, units::seconds(self.seconds), computing.unwrap_or_default());
        Ok(())
    }
}

/// A file of `kind` with its model, which its header names.
fn open(path: &Path, kind: Kind, weights: Option<&PathBuf>) -> Result<(Reader, Subject), Failure> {
    let reader = Reader::open(path, kind)?;
    let subject = Subject::load(&reader.header().network.name, weights)?;
    Ok((reader, subject))
}

/// Uses all threads of the machine, or as many as were asked for.
fn use_threads(threads: Option<u16>) -> Result<(), Failure> {
    let Some(threads) = threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(threads))
        .build_global()
        .map_err(|error| Failure::failed(format!("cannot start {threads} threads: {error}")))
}
