//! Imports every ONNX file of a folder and holds what our clear executor makes of it against the output that lies beside it.
//!
//! `cargo run --release -p nn-layers --example check_onnx -- FOLDER`, where `NAME.onnx` has `NAME.input.pb` and `NAME.output.pb` beside it
//! (`nn-layers/tests/onnx/random_networks.py` makes such a folder with PyTorch). Exit code 1 when one of them computes something else.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nn_layers::{clear, onnx};

/// The reference computes in single precision.
const TOLERANCE: f64 = 1e-4;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("which folder?");
        return ExitCode::from(2);
    };
    match check(Path::new(&folder)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{folder}: {error}");
            ExitCode::from(2)
        }
    }
}

/// Number of files that are wrong.
fn check(folder: &Path) -> Result<usize, Box<dyn std::error::Error>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "onnx"));
    files.sort();
    let (mut matched, mut refused, mut wrong) = (0, 0, 0);
    for file in &files {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        match compared(file)? {
            Outcome::Matches => matched += 1,
            Outcome::Refused(reason) => {
                refused += 1;
                println!("{name}: refused: {reason}");
            }
            Outcome::Differs(how) => {
                wrong += 1;
                println!("{name}: WRONG: {how}");
            }
        }
    }
    println!("{} networks: {matched} match, {refused} are refused by name, {wrong} are wrong", files.len());
    Ok(wrong)
}

enum Outcome {
    Matches,
    Refused(String),
    Differs(String),
}

fn compared(file: &Path) -> Result<Outcome, Box<dyn std::error::Error>> {
    let tensor = |kind: &str| -> Result<_, Box<dyn std::error::Error>> {
        Ok(onnx::tensor(&std::fs::read(file.with_extension(kind))?)?)
    };
    let (input, expected) = (tensor("input.pb")?, tensor("output.pb")?);
    let (network, weights) = match onnx::load(&std::fs::read(file)?) {
        Ok(loaded) => loaded,
        Err(error) => return Ok(Outcome::Refused(error.to_string())),
    };
    let got = clear::run(&network, &weights, &input)?;
    if got.shape() != expected.shape() {
        return Ok(Outcome::Differs(format!("shape {:?} instead of {:?}", got.shape(), expected.shape())));
    }
    let size = expected.data().iter().map(|value| value.abs()).fold(1.0, f64::max);
    let apart = got.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    if apart <= TOLERANCE * size {
        Ok(Outcome::Matches)
    } else {
        Ok(Outcome::Differs(format!("{apart:.2e} apart")))
    }
}
