//! Running the program.
#![expect(clippy::expect_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

/// The program with a cache of its own and without the caller's data folder.
pub(crate) fn henna(cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_henna"));
    command.env("HENNA_CACHE", cache).env_remove("HENNA_DATA").env_remove("HENNA_DATA_URL");
    command
}

/// Runs to the end.
pub(crate) fn run(cache: &Path, arguments: &[&str]) -> Output {
    henna(cache).args(arguments).output().expect("the program starts")
}

/// Standard output as text.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Standard error as text.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}
