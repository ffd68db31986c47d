//! The main job: records, tables and pages of a comparison.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;
#[path = "common/schema.rs"]
mod schema;

use std::collections::BTreeSet;

use common::{run, stderr, stdout};
use serde_json::Value;

/// Fields that need a model of images.
const OF_IMAGES: [&str; 5] =
    ["pictures[].sample", "pictures[].width", "pictures[].height", "pictures[].png", "pictures[].class"];

/// Fields that need round trips.
const OF_ROUND_TRIPS: [&str; 9] = [
    "plan.round_trips.rounds",
    "plan.round_trips.ciphertexts",
    "plan.round_trips.bytes_up",
    "plan.round_trips.bytes_down",
    "measured.round_trips.rounds",
    "measured.round_trips.ciphertexts",
    "measured.round_trips.bytes_up",
    "measured.round_trips.bytes_down",
    "measured.round_trips.seconds",
];

fn json(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn records_say_what_the_page_says_and_the_networks_agree() {
    let cache = tempfile::tempdir().unwrap();
    let file = cache.path().join("deep/run.jsonl");
    let arguments =
        ["compare", "fcnn-wbc", "--backend", "clear,more", "--samples", "20", "--runs", "2", "--json"];
    let arguments = [&arguments[..], &["--precision", "--records", file.to_str().unwrap()]].concat();
    let output = run(cache.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), std::fs::read_to_string(&file).unwrap());

    let records = json(&stdout(&output));
    assert_eq!(records.len(), 3);
    let mut seen = BTreeSet::new();
    for record in &records {
        let (wrong, fields) = schema::check(record);
        assert!(wrong.is_empty(), "{wrong:#?}");
        seen.extend(fields);
    }
    for kind in ["comparison", "backend"] {
        let documented = schema::documented(kind);
        assert!(documented.len() > 20, "{kind}: the page lists {} fields", documented.len());
        let unwritten: Vec<_> = documented
            .keys()
            .filter(|field| {
                !seen.contains(*field)
                    && !OF_IMAGES.contains(&field.as_str())
                    && !OF_ROUND_TRIPS.contains(&field.as_str())
            })
            .collect();
        assert!(unwritten.is_empty(), "on the page, but never written: {unwritten:?}");
    }

    for backend in &records[1..] {
        assert_eq!(backend["status"], "ok", "{}", backend["reason"]);
        let measured = &backend["measured"];
        assert_eq!((&measured["samples"], &measured["runs"]), (&Value::from(20), &Value::from(2)));
        assert!(
            measured["agreement"]["worst_relative"].as_f64().unwrap() < 1e-9,
            "{}",
            measured["agreement"]
        );
        let metric = |which: &str| measured["metric"][which].as_f64().unwrap();
        assert!((metric("encrypted") - metric("clear")).abs() < 1e-6 * metric("clear").abs());
        assert!(measured["time"]["evaluate"]["mean"].as_f64().unwrap() > 0.0);
        assert!(measured["bytes"]["fresh_ciphertext"].as_u64().unwrap() > 9 * 8);
        assert_eq!(measured["outputs"].as_array().unwrap().len(), 20);
        assert_eq!(
            measured["steps"].as_array().unwrap().len(),
            backend["plan"]["steps"].as_array().unwrap().len()
        );
    }
    assert_eq!(
        records[2]["plan"]["visibility"]["data"], "owner, server",
        "MORE protects nothing, and the report says so"
    );
}

#[test]
fn packings_stand_side_by_side() {
    let cache = tempfile::tempdir().unwrap();
    let page = cache.path().join("page.html");
    let mut arguments = vec![
        "compare",
        "fcnn-wbc",
        "--backend",
        "clear,ckks",
        "--samples",
        "2",
        "--runs",
        "1",
        "--threads",
        "2",
    ];
    arguments.extend(["--packing", "both", "--html", page.to_str().unwrap()]);
    let shown = run(cache.path(), &arguments);
    assert!(shown.status.success(), "{}", stderr(&shown));
    let (text, page) = (stdout(&shown), std::fs::read_to_string(&page).unwrap());
    for label in ["ckks, volley-revolver", "multiplexed"] {
        assert!(text.contains(label) && page.contains(label), "{label}: {text}");
    }
    arguments.truncate(arguments.len() - 4);
    arguments.extend(["--packing", "batched,both", "--json"]);
    let output = run(cache.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let records = json(&stdout(&output));
    let columns: Vec<_> =
        records[1..].iter().map(|r| (r["backend"].as_str().unwrap(), r["packing"].as_str())).collect();
    // The clear backend pays nothing for moving values: one column serves.
    let in_packing = |packing| ("ckks", Some(packing));
    let packings = ["multiplexed", "volley-revolver", "batched"].map(in_packing);
    assert_eq!(columns, [vec![("clear", None)], packings.to_vec()].concat());
    for record in &records[1..] {
        assert_eq!(schema::check(record).0, [""; 0]);
        assert_eq!(record["status"], "ok", "{}", record["reason"]);
        assert!(record["measured"]["agreement"]["worst_relative"].as_f64().unwrap() < 1e-3);
    }
    // The same network as compiled, and the same outputs but for the noise of encryption.
    let clear = |index: usize| records[index]["measured"]["metric"]["clear"].as_f64().unwrap();
    assert_eq!([clear(3), clear(4)], [clear(2); 2]);
    let depth = |index: usize| records[index]["plan"]["depth"].as_u64().unwrap();
    assert!(depth(3) > depth(2), "masks cost levels");
    // Both samples went in one evaluation, without any rotation, and had room for many more.
    let batched = &records[4];
    assert_eq!(batched["plan"]["samples_per_ciphertext"], batched["plan"]["slots"]);
    assert_eq!(batched["plan"]["keys"]["rotations"], 0);
    let measured = &batched["measured"];
    assert_eq!(
        (&measured["batch"], &measured["time"]["evaluate"]["count"]),
        (&Value::from(2), &Value::from(1))
    );
}

#[test]
fn round_trips_are_counted_as_planned() {
    let cache = tempfile::tempdir().unwrap();
    let arguments = [
        "compare",
        "fcnn-wbc",
        "--backend",
        "ckks",
        "--samples",
        "1",
        "--runs",
        "1",
        "--round-trips",
        "--precision",
        "--json",
    ];
    let output = run(cache.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let records = json(&stdout(&output));
    let (wrong, _) = schema::check(&records[1]);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (plan, measured) = (&records[1]["plan"]["round_trips"], &records[1]["measured"]);
    assert!(plan["rounds"].as_u64().unwrap() > 0, "{plan}");
    for field in ["rounds", "ciphertexts"] {
        assert_eq!(plan[field], measured["round_trips"][field], "{field}");
    }
    for field in ["bytes_up", "bytes_down"] {
        let ratio = measured["round_trips"][field].as_f64().unwrap() / plan[field].as_f64().unwrap();
        assert!((0.97..1.03).contains(&ratio), "{field}: {ratio}");
    }
    assert!(measured["round_trips"]["seconds"]["mean"].as_f64().unwrap() > 0.0);
    // The owner's decryption and encryption lose bits like any other step, and are steps of their own.
    let steps = measured["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["name"].as_str().unwrap().starts_with("round trip")));
    for step in steps {
        let bits = step["precision"]["typical_bits"].as_f64();
        assert!(bits.is_some_and(|bits| (8.0..60.0).contains(&bits)), "{step}");
    }
    assert!(measured["agreement"]["worst_relative"].as_f64().unwrap() < 1e-3);
}

#[test]
fn precision_is_told_step_by_step() {
    let cache = tempfile::tempdir().unwrap();
    let path = |name: &str| cache.path().join(name).to_str().unwrap().to_owned();
    let (page, records) = (path("page.html"), path("records.jsonl"));
    let arguments = [
        "compare",
        "fcnn-wbc",
        "--backend",
        "clear,more,ckks",
        "--samples",
        "1",
        "--runs",
        "1",
        "--precision",
    ];
    let output = run(cache.path(), &[&arguments[..], &["--html", &page, "--records", &records]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("PRECISION BY STEP"), "{}", stdout(&output));
    let records = json(&std::fs::read_to_string(&records).unwrap());
    let bits = |backend: &Value| {
        let steps = backend["measured"]["steps"].as_array().unwrap().iter();
        steps.map(|step| step["precision"]["typical_bits"].as_f64()).collect::<Vec<_>>()
    };
    let (clear, more, ckks) = (bits(&records[1]), bits(&records[2]), bits(&records[3]));
    assert!(clear.iter().all(Option::is_none), "{clear:?}");
    assert!(more.len() < ckks.len(), "MORE computes a layer and its activation at once");
    assert!(more.iter().all(|bits| bits.unwrap() > 40.0), "{more:?}");
    assert!(ckks.iter().all(|bits| (8.0..35.0).contains(&bits.unwrap())), "{ckks:?}");
    // The decrypted output against the clear executor, of another encryption of the same sample.
    let measured = &records[3]["measured"];
    let output = -measured["agreement"]["rms_relative"].as_f64().unwrap().log2();
    assert!((output - ckks.last().unwrap().unwrap()).abs() < 3.0, "{output} {ckks:?}");
    let page = std::fs::read_to_string(page).unwrap();
    for told in
        ["Precision by layer", "identical after every step", "<polyline class=\"curve typical stroke2\""]
    {
        assert!(page.contains(told), "{told}");
    }
    assert_eq!(page.matches("<polyline").count(), 4);
}

#[test]
fn tables_and_pages_come_from_records_alone() {
    let cache = tempfile::tempdir().unwrap();
    let path = |name: &str| cache.path().join(name).to_str().unwrap().to_owned();
    let (page, records, again) = (path("page.html"), path("records.jsonl"), path("again.html"));
    let arguments = ["compare", "fcnn-wbc", "--backend", "more,clear", "--samples", "3", "--runs", "1"];
    let compared = run(cache.path(), &[&arguments[..], &["--html", &page, "--records", &records]].concat());
    assert!(compared.status.success(), "{}", stderr(&compared));
    let reported = run(cache.path(), &["report", &records]);
    assert_eq!(stdout(&compared), stdout(&reported));
    assert!(run(cache.path(), &["report", &records, "--html", &again]).status.success());
    let page = std::fs::read_to_string(&page).unwrap();
    assert_eq!(page, std::fs::read_to_string(&again).unwrap());

    // One self-contained file: nothing is loaded from elsewhere.
    for loader in ["http://", "https://", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(loader), "{loader}");
    }
    for told in ["ciphertext-only", "Latency", "Peak memory", "Precision", "Step by step", "act3"] {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn records_that_are_foreign_or_cut_short_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let file = cache.path().join("records.jsonl");
    let arguments = ["compare", "fcnn-wbc", "--backend", "clear", "--samples", "1", "--runs", "1", "--json"];
    let lines = stdout(&run(cache.path(), &arguments));
    let refused = |text: &str, saying: &str| {
        std::fs::write(&file, text).unwrap();
        let output = run(cache.path(), &["report", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(saying), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    };
    refused(&lines[..lines.len() - 20], "line 2: it is not a whole JSON object");
    refused(lines.split_once('\n').unwrap().1, "does not stand above it");
    refused("", "no comparison");
    refused("{\"a\":1}", "not a henna record");
    refused(&lines.replacen("\"schema\":1", "\"schema\":2", 1), "schema 2, this program reads schema 1");
    refused(&lines.replacen("\"samples\"", "\"simples\"", 1), "missing field `samples`");
}

#[test]
fn the_default_place_of_records_is_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let output =
        run(cache.path(), &["compare", "fcnn-wbc", "--backend", "clear", "--samples", "2", "--runs", "1"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let files = common::files(&cache.path().join("records"));
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].contains("fcnn-wbc") && stderr(&output).contains(&files[0]));
}

#[test]
fn models_of_images_show_them() {
    // MNIST is needed for this one: it runs where HENNA_DATA names it.
    let Some(data) = std::env::var_os("HENNA_DATA") else { return };
    let cache = tempfile::tempdir().unwrap();
    let page = cache.path().join("page.html");
    let output = common::henna(cache.path())
        .env("HENNA_DATA", data)
        .args(["compare", "cnn-mnist", "--backend", "more", "--samples", "16", "--runs", "1", "--json"])
        .args(["--html", page.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    for record in json(&stdout(&output)) {
        let (wrong, seen) = schema::check(&record);
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(record["record"] == "backend" || OF_IMAGES.iter().all(|field| seen.contains(*field)));
    }
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("data:image/png;base64,").count(), 8);
}

/// Peak over estimate of the columns of `compare --encrypt-model` under CKKS, weights in the clear and encrypted.
fn memory_over_estimate(model: &str) -> Vec<f64> {
    let cache = tempfile::tempdir().unwrap();
    let arguments = ["compare", model, "--backend", "ckks", "--samples", "1", "--runs", "1"];
    let output = run(cache.path(), &[&arguments[..], &["--encrypt-model", "--json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let columns = json(&stdout(&output)).into_iter().skip(1).map(|record| {
        let number = |path: &str| record.pointer(path).and_then(Value::as_f64).unwrap();
        let peak = number("/measured/memory/peak");
        let estimate = number("/plan/estimated_memory/total");
        eprintln!("{model}: {peak} bytes at the peak, {estimate} expected");
        peak / estimate
    });
    columns.collect()
}

#[cfg(target_os = "linux")]
#[test]
fn estimates_of_memory_hold() {
    for ratio in memory_over_estimate("fcnn-wbc") {
        assert!((1.0 / 1.5..1.5).contains(&ratio), "{ratio}");
    }
}

/// Takes 5 GB.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes 5 GB and a minute"]
fn estimates_of_the_memory_of_a_convolutional_network_hold() {
    for ratio in memory_over_estimate("cnn-mnist") {
        assert!((1.0 / 1.5..1.5).contains(&ratio), "{ratio}");
    }
}

#[test]
fn hidden_weights_stand_beside_clear_ones() {
    let cache = tempfile::tempdir().unwrap();
    let page = cache.path().join("page.html");
    let arguments =
        ["compare", "fcnn-wbc", "--backend", "more", "--samples", "19", "--runs", "1", "--encrypt-model"];
    let output = run(cache.path(), &[&arguments[..], &["--json", "--html", page.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let records = json(&stdout(&output));
    assert_eq!(records.len(), 3);
    for (record, weights) in records[1..].iter().zip(["clear", "encrypted"]) {
        assert!(schema::check(record).0.is_empty());
        assert_eq!((&record["status"], &record["weights"]), (&Value::from("ok"), &Value::from(weights)));
        assert!(record["measured"]["agreement"]["worst_relative"].as_f64().unwrap() < 1e-9);
    }
    let parameters = records[0]["model"]["parameters"].as_u64().unwrap();
    let bytes = records[2]["measured"]["bytes"]["encrypted_weights"].as_u64().unwrap();
    assert!(bytes > 32 * parameters, "{bytes} bytes for {parameters} weights");
    assert!(records[1]["measured"]["bytes"]["encrypted_weights"].is_null());
    let page = std::fs::read_to_string(page).unwrap();
    for words in ["more, weights encrypted", "The server sees the weights: yes"] {
        assert!(page.contains(words), "{words}");
    }
}
