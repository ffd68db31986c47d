//! What is wrong gets one clear sentence and a documented exit code.

mod common;

use std::path::Path;

use common::{run, stderr, stdout};

/// Runs, and expects this exit code and one line on standard error that holds each of `words`.
fn refused(cache: &Path, arguments: &[&str], code: i32, words: &[&str]) {
    let output = run(cache, arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(said.starts_with("henna: ") && !said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert_eq!(stdout(&output), "");
}

#[test]
fn unknown_names_are_usage_and_the_nearest_is_suggested() {
    let cache = tempfile::tempdir().unwrap();
    refused(
        cache.path(),
        &["compare", "fcnn-wbcs"],
        2,
        &["no model \"fcnn-wbcs\"", "did you mean \"fcnn-wbc\""],
    );
    refused(cache.path(), &["compare", "fcnn-wbc", "--backend", "sael"], 2, &["no backend", "\"seal\""]);
    refused(cache.path(), &["plan", "zzz"], 2, &["there are: ", "fcnn-wbc"]);
    refused(cache.path(), &["train", "zzz"], 2, &["no model"]);
    refused(cache.path(), &["data", "fetch", "mnits"], 2, &["did you mean \"mnist\""]);
    for bad in [
        &["compare"][..],
        &["compare", "fcnn-wbc", "--samples", "0"],
        &["compare", "fcnn-wbc", "--runs", "x"],
    ] {
        assert_eq!(run(cache.path(), bad).status.code(), Some(2), "{bad:?}");
    }
}

#[test]
fn too_many_samples_are_named_with_their_number() {
    let cache = tempfile::tempdir().unwrap();
    refused(cache.path(), &["compare", "fcnn-wbc", "--samples", "1000000"], 1, &["1000000 were asked for"]);
}

#[test]
fn missing_data_names_the_command_that_gets_it() {
    let cache = tempfile::tempdir().unwrap();
    refused(cache.path(), &["compare", "cnn-mnist"], 1, &["MNIST", "henna data fetch mnist"]);
}

#[test]
fn weights_that_are_truncated_foreign_or_not_numbers_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let file = cache.path().join("weights.safetensors");
    let name = file.to_str().unwrap();
    let given = |bytes: &[u8], words: &[&str]| {
        std::fs::write(&file, bytes).unwrap();
        refused(cache.path(), &["compare", "fcnn-wbc", "--backend", "clear", "--weights", name], 1, words);
        refused(cache.path(), &["plan", "fcnn-wbc", "--weights", name], 1, words);
    };
    let own = models::find("fcnn-wbc").unwrap().weights_file().unwrap();
    given(&own[..own.len() - 7], &["not a whole safetensors file"]);
    given(b"PK\x03\x04", &["not a whole safetensors file", "4 bytes"]);
    let other = models::registry().iter().find(|model| model.name != "fcnn-wbc");
    if let Some(other) = other {
        given(other.weights_file().unwrap(), &["fc"]);
    }
    // The last bytes belong to some parameter or constant: make it NaN.
    let mut poisoned = own.to_vec();
    let end = poisoned.len();
    poisoned[end - 8..].fill(0xff);
    given(&poisoned, &["NaN"]);
    refused(
        cache.path(),
        &["compare", "fcnn-wbc", "--weights", "nowhere.safetensors"],
        1,
        &["cannot read weights from nowhere.safetensors"],
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let blocked = cache.path().join("file");
    std::fs::write(&blocked, "x").unwrap();
    let page = blocked.join("page.html");
    let arguments = ["compare", "fcnn-wbc", "--backend", "clear", "--samples", "1", "--runs", "1", "--html"];
    let output = run(cache.path(), &[&arguments[..], &[page.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("cannot write") && stderr(&output).contains("page.html"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn lists_and_plans_need_no_data_and_no_keys() {
    let cache = tempfile::tempdir().unwrap();
    let list = run(cache.path(), &["list"]);
    assert!(list.status.success(), "{}", stderr(&list));
    for word in ["fcnn-wbc", "clear", "more", "seal"] {
        assert!(stdout(&list).contains(word), "{}", stdout(&list));
    }
    let plan = run(cache.path(), &["plan", "fcnn-wbc", "--backend", "clear,more"]);
    assert!(plan.status.success(), "{}", stderr(&plan));
    for word in ["fc1", "act3", "levels", "evaluation keys", "costs measured here"] {
        assert!(stdout(&plan).contains(word), "{word}: {}", stdout(&plan));
    }
    let line = stdout(&run(cache.path(), &["plan", "fcnn-wbc", "--backend", "more", "--json"]));
    let plan: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
    assert_eq!((&plan["backend"], &plan["plan"]["costs_measured"]), (&"more".into(), &true.into()));
    // What operations cost was measured once for each backend, and is all that is left behind.
    let files = common::files(cache.path());
    let costs =
        |backend: &str| files.iter().filter(|file| file.contains(&format!("/costs/{backend}-"))).count();
    assert_eq!((files.len(), costs("clear"), costs("more")), (2, 1, 1), "{files:?}");
}

#[test]
fn costs_that_cannot_be_read_are_measured_again() {
    let cache = tempfile::tempdir().unwrap();
    let plan = || run(cache.path(), &["plan", "fcnn-wbc", "--backend", "more", "--json"]);
    assert!(plan().status.success());
    let file = common::files(cache.path()).pop().unwrap();
    let whole = std::fs::read(&file).unwrap();
    for broken in [&b""[..], &whole[..whole.len() / 2], b"[1, 2]", b"\xff"] {
        std::fs::write(&file, broken).unwrap();
        let again = plan();
        assert!(again.status.success(), "{}", stderr(&again));
        let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert!(kept["costs"]["encrypt"]["base"].as_f64().unwrap() > 0.0, "{kept}");
    }
}
