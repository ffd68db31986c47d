//! What a child tells its parent on standard error: progress, a JSON object a line. Any other line is the library's own.

use std::io::Write;

use serde::{Deserialize, Serialize};

/// Parts of a child's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// Compiling the network.
    Plan,
    /// Generating keys.
    Keygen,
    /// Encoding weights.
    Prepare,
    /// Running the samples.
    Evaluate,
    /// Running one beside a clear run.
    Precision,
}

impl Stage {
    /// For a progress bar.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Plan => "planning",
            Self::Keygen => "generating keys",
            Self::Prepare => "preparing",
            Self::Evaluate => "evaluating",
            Self::Precision => "comparing step by step",
        }
    }
}

/// How far a child has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) stage: Stage,
    pub(crate) done: usize,
    pub(crate) total: usize,
    pub(crate) detail: String,
}

/// Tells the parent; a child whose parent is gone stops.
pub(crate) fn tell(stage: Stage, done: usize, total: usize, detail: &str) {
    let progress = Progress { stage, done, total, detail: detail.to_owned() };
    let Ok(mut line) = serde_json::to_string(&progress) else { return };
    line.push('\n');
    if std::io::stderr().lock().write_all(line.as_bytes()).is_err() {
        std::process::exit(130);
    }
}

/// A line of standard error as progress, `None` for anything else.
pub(crate) fn parse(line: &str) -> Option<Progress> {
    serde_json::from_str(line).ok()
}
