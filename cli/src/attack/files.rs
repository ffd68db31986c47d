//! The folder that a server holds, and what the attacker leaves.
//!
//! `parameters`, `samples/*` (one ciphertext a sample), `model/*` (one ciphertext a block of weights), and `known.json`: numbers that
//! became known otherwise, with the sample and the slot where they stand.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// A number that the attacker knows.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) sample: usize,
    pub(super) slot: usize,
    pub(super) value: f64,
}

pub(super) const PARAMETERS: &str = "parameters";
pub(super) const SAMPLES: &str = "samples";
pub(super) const MODEL: &str = "model";
pub(super) const KNOWN: &str = "known.json";
pub(super) const BY_KNOWN_NUMBERS: &str = "by-known-numbers";
pub(super) const BY_KEY_SEARCH: &str = "by-key-search";

fn failed(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("{}: {error}", path.display()))
}

/// Writes a file, and the folders above it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    }
    std::fs::write(path, bytes).map_err(|error| failed(path, error))
}

/// A file's bytes.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| failed(path, error))
}

/// The files of a folder, by name.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| failed(folder, error))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()
        .map_err(|e| failed(folder, e))?;
    paths.sort();
    Ok(paths)
}

/// Numbers as little-endian doubles.
pub(super) fn write_numbers(path: &Path, numbers: &[f64]) -> Result<(), Failure> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    write(path, &bytes)
}

/// Those numbers again; none when there is no such file.
pub(super) fn read_numbers(path: &Path) -> Result<Vec<f64>, Failure> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    Ok(read(path)?.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}
