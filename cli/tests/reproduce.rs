//! The reproduction of the MORE paper, as a trial on the data that the program carries.

mod common;

use common::{files, run, stderr, stdout};

#[test]
fn a_trial_leaves_records_a_report_and_nothing_to_do_again() {
    let cache = tempfile::tempdir().unwrap();
    let out = cache.path().join("out");
    let folder = out.to_str().unwrap();
    let arguments = ["reproduce", "more", "--model", "fcnn-wbc", "--quick", "--out", folder];
    let output = run(cache.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for part in
        ["table 8", "systemic V0", "Encrypted beside clear", "encrypted model, encrypted data", "Runtimes"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("A TRIAL") && page.contains("id=\"attack\"") && page.contains("recovered"));
    // Loss, difference, and a scatter plot for each of twelve outputs; nothing is loaded from elsewhere.
    assert_eq!(page.matches("<svg").count(), 14);
    assert!(!page.contains("src=\"http"), "{page}");

    let path = out.join("training-fcnn-wbc.json");
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let history = record["history"].as_array().unwrap();
    assert_eq!(history.len(), 2);
    for epoch in history {
        let loss = |name: &str| epoch[name].as_f64().unwrap();
        assert!((loss("loss_encrypted") - loss("loss_clear")).abs() < 1e-12, "{epoch}");
        assert!(loss("worst_parameter_difference") < 1e-11, "{epoch}");
    }
    let inference = std::fs::read(out.join("inference-fcnn-wbc.json")).unwrap();
    let inference: serde_json::Value = serde_json::from_slice(&inference).unwrap();
    let ways = inference["ways"].as_array().unwrap();
    assert_eq!(ways.len(), 4);
    assert!(ways.iter().all(|way| way["worst_difference"].as_f64().unwrap() < 1e-9), "{inference}");

    // Owner's seed, state, epochs and weights.
    assert_eq!(files(&out.join("training")).len(), 4);

    // A record that is there is taken as it is.
    let changed = std::fs::read_to_string(&path).unwrap().replace("systemic V0", "kept as it was");
    std::fs::write(&path, changed).unwrap();
    let output = run(cache.path(), &arguments);
    assert!(stdout(&output).contains("kept as it was"), "{}", stderr(&output));
    // One that is gone is made again, from the last checkpoint: other epochs belong to another training.
    std::fs::remove_file(&path).unwrap();
    let output = run(cache.path(), &[&arguments[..], &["--epochs", "3"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("not the state of this training"), "{}", stderr(&output));
    let output = run(cache.path(), &arguments);
    assert!(output.status.success() && !stdout(&output).contains("kept as it was"), "{}", stderr(&output));
}

#[test]
fn papers_that_are_not_reproduced_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let output = run(cache.path(), &["reproduce", "seal"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("there are: more"), "{}", stderr(&output));
}
