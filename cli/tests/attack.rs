//! The attack on MORE, between two processes.

mod common;

use common::{files, run, stderr, stdout};

#[test]
fn samples_and_weights_come_back_from_the_servers_files() {
    let cache = tempfile::tempdir().unwrap();
    let out = cache.path().join("out");
    let folder = out.to_str().unwrap();
    let arguments = [
        "attack",
        "more",
        "--model",
        "fcnn-wbc",
        "--samples",
        "5",
        "--dimension",
        "2,3",
        "--json",
        "--out",
        folder,
    ];
    let output = run(cache.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let records: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 2);
    for (record, dimension) in records.iter().zip([2, 3]) {
        assert_eq!(record["dimension"], dimension);
        for (part, numbers) in
            [("eigenvalues", 9), ("samples", 45), ("weights", 4172), ("by_known", 45), ("by_key_search", 45)]
        {
            assert_eq!(record[part]["numbers"], numbers, "{part}: {record}");
            assert_eq!(record[part]["recovered"], numbers, "{part}: {record}");
        }
        assert!(record["samples"]["worst_error"].as_f64().unwrap() < 1e-9, "{record}");
        // Standardised measurements do not repeat; the model gives the lane away.
        assert_eq!(record["loot"]["clues"][0], "weights of single precision");
    }
    // What the attacker was given: no key among it.
    for file in files(&out.join("2x2").join("server")) {
        let name = file.rsplit_once("server").unwrap().1;
        let known = ["/parameters", "/known.json"].contains(&name)
            || name.starts_with("/samples/")
            || name.starts_with("/model/");
        assert!(known, "{name}");
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"secret"), "{name}");
    }
}

#[test]
fn what_cannot_be_attacked_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let output = run(cache.path(), &["attack", "seal"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("there are: more"), "{}", stderr(&output));
    let empty = cache.path().to_str().unwrap();
    let output = run(cache.path(), &["attack-files", empty, empty]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(run(cache.path(), &["attack", "more", "--dimension", "1"]).status.code(), Some(2));
}
