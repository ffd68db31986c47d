//! Networks of the user's own: ONNX files with samples from files.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{files, run, stderr, stdout};

/// A file that PyTorch exported.
fn exported(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../nn-layers/tests/onnx");
    folder.join(name).display().to_string()
}

/// Samples of `elements` numbers as a table.
fn samples(folder: &Path, count: usize, elements: usize) -> String {
    let row = |sample: usize| {
        let numbers: Vec<String> =
            (0..elements).map(|i| ((sample * elements + i) as f64 * 0.37).sin().to_string()).collect();
        numbers.join(",")
    };
    let path = folder.join("samples.csv");
    std::fs::write(&path, (0..count).map(row).collect::<Vec<_>>().join("\n")).unwrap();
    path.display().to_string()
}

#[test]
fn an_exported_network_is_compared_on_samples_from_a_file() {
    let cache = tempfile::tempdir().unwrap();
    let inputs = samples(cache.path(), 5, 48);
    let arguments =
        ["compare", &exported("small.onnx"), "--inputs", &inputs, "--backend", "clear,more", "--json"];
    let output = run(cache.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let records: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 3);
    assert_eq!(records[0]["model"]["name"], "small.onnx");
    assert_eq!(records[0]["samples"], 5);
    let more = &records[2];
    assert_eq!(more["status"], "ok", "{}", more["reason"]);
    assert!(more["measured"]["agreement"]["worst_relative"].as_f64().unwrap() < 1e-9, "{}", more["measured"]);
}

#[test]
fn what_is_missing_or_unsupported_is_said_in_a_sentence() {
    let cache = tempfile::tempdir().unwrap();
    let inputs = samples(cache.path(), 2, 48);
    let small = exported("small.onnx");
    let refused = exported("refused.onnx");
    for (arguments, code, words) in [
        (vec!["compare", small.as_str()], 2, "brings no samples"),
        (vec!["compare", &small, "--inputs", &inputs, "--samples", "3"], 2, "--inputs has 2"),
        (vec!["compare", &small, "--inputs", &inputs, "--weights", "w.safetensors"], 2, "its own weights"),
        (vec!["compare", "fcnn-wbc", "--inputs", &inputs], 2, "samples of its own"),
        (vec!["plan", "no/such/file.onnx", "--inputs", &inputs], 1, "no/such/file.onnx"),
        (vec!["plan", &refused, "--inputs", &inputs], 1, "refused.onnx"),
    ] {
        let output = run(cache.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stderr(&output).trim().lines().count(), 1, "{}", stderr(&output));
    }
    assert!(files(&cache.path().join("records")).is_empty());
}
