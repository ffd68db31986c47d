//! Owner and server as processes that share files alone.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod common;

use std::path::Path;
use std::process::{Output, Stdio};

use common::{files, henna, stderr, stdout};
use exchange::Kind;

/// Runs in a folder, which is also the cache.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    henna(folder).current_dir(folder).args(arguments).output().unwrap()
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = run(folder, arguments);
    let said = stderr(&output);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{said}");
    let last = said.trim_end().lines().last().unwrap_or_default();
    assert!(last.starts_with("henna: ") && !said.contains("panicked"), "{said}");
    for word in words {
        assert!(last.contains(word), "{word:?} is not in: {last}");
    }
}

fn numbers(csv: &str) -> Vec<Vec<f64>> {
    csv.lines().map(|line| line.split(',').map(|number| number.parse().unwrap()).collect()).collect()
}

/// What `compare` decrypted for the same samples.
fn compared(folder: &Path, backend: &str, samples: &str) -> Vec<Vec<f64>> {
    let arguments =
        ["compare", "fcnn-wbc", "--backend", backend, "--samples", samples, "--runs", "1", "--json"];
    let text = done(folder, &arguments);
    let records = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let record = records.into_iter().find(|record| record["backend"] == backend).unwrap();
    let outputs = record["measured"]["outputs"].as_array().unwrap().clone();
    outputs
        .iter()
        .map(|sample| sample["encrypted"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect())
        .collect()
}

#[test]
fn files_give_what_compare_gives() {
    // CKKS draws errors anew each time: 17 levels at 2^-37 and the network's own factors leave about 2^-16.
    let seal: &[_] = if cfg!(feature = "seal") { &[("seal", 1, 1e-3)] } else { &[] };
    for (backend, samples, tolerance) in
        [("clear", 21, 1e-11), ("more", 21, 1e-11), ("ckks", 2, 1e-3)].iter().chain(seal).copied()
    {
        let samples = &samples.to_string();
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        done(folder, &["keygen", "fcnn-wbc", "--backend", backend]);
        done(folder, &["encrypt", "--samples", samples]);
        // The server's process gets the server's files in a folder of its own, and nothing of the owner's.
        let server = folder.join("elsewhere");
        std::fs::create_dir(&server).unwrap();
        std::fs::rename(folder.join("server/evaluation.henna"), server.join("keys.henna")).unwrap();
        std::fs::rename(folder.join("request.henna"), server.join("request.henna")).unwrap();
        done(&server, &["evaluate", "--keys", "keys.henna", "--threads", "2"]);
        std::fs::rename(server.join("results.henna"), folder.join("results.henna")).unwrap();
        let results = numbers(&done(folder, &["decrypt"]));
        let expected = compared(folder, backend, samples);
        assert_eq!(samples, &results.len().to_string(), "{backend}");
        assert_eq!(results.len(), expected.len(), "{backend}");
        for (result, expected) in results.iter().flatten().zip(expected.iter().flatten()) {
            assert!((result - expected).abs() < tolerance, "{backend}: {result} instead of {expected}");
        }
    }
}

#[test]
fn tables_arrays_and_json() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let line = done(folder, &["keygen", "fcnn-wbc", "--backend", "more", "--json"]);
    let record: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
    assert_eq!((record["command"].as_str(), record["scheme"].as_str()), (Some("keygen"), Some("more")));
    for file in record["files"].as_array().unwrap() {
        let path = folder.join(file["path"].as_str().unwrap());
        assert_eq!(
            file["bytes"].as_u64(),
            Some(std::fs::metadata(&path).unwrap().len()),
            "{}",
            path.display()
        );
    }
    std::fs::write(folder.join("in.csv"), "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9\n1,1,1,1,1,1,1,1,1\n")
        .unwrap();
    done(folder, &["encrypt", "in.csv", "in.csv"]);
    done(folder, &["evaluate"]);
    let line = done(folder, &["decrypt", "--out", "out.npy", "--json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(line.trim()).unwrap()["samples"], 4);
    done(folder, &["decrypt", "--out", "out.csv"]);
    let results = numbers(&std::fs::read_to_string(folder.join("out.csv")).unwrap());
    assert_eq!((results.len(), results[0].len()), (4, 12));
    for (first, again) in results[0].iter().zip(&results[2]) {
        assert!((first - again).abs() < 1e-11, "{first} {again}");
    }
    let npy = std::fs::read(folder.join("out.npy")).unwrap();
    let last = f64::from_le_bytes(npy[npy.len() - 8..].try_into().unwrap());
    assert_eq!(Some(&last), results[3].last());
    refused(folder, &["decrypt", "--out", "out.txt"], &[".npy or .csv"]);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    done(folder, &["keygen", "fcnn-wbc", "--backend", "more"]);
    done(folder, &["encrypt", "--samples", "2"]);
    done(folder, &["evaluate"]);
    done(folder, &["keygen", "fcnn-wbc", "--backend", "more", "--owner", "o2", "--server", "s2"]);
    done(folder, &["keygen", "fcnn-wbc", "--backend", "clear", "--owner", "o3", "--server", "s3"]);
    let secret = "owner/secret.henna";
    let told = done(folder, &["inspect", secret, "request.henna"]);
    for words in
        ["a secret key", "encrypted samples", "scheme      more", "fcnn-wbc", "2 samples of 1 ciphertext"]
    {
        assert!(told.contains(words), "{words:?} is not in: {told}");
    }
    refused(folder, &["inspect", "o2"], &["o2"]);
    refused(
        folder,
        &["evaluate", "--keys", "s2/evaluation.henna"],
        &["request.henna", "keys", "s2/evaluation.henna"],
    );
    refused(folder, &["evaluate", "--keys", "s3/evaluation.henna"], &["scheme more", "clear"]);
    refused(folder, &["decrypt", "--secret", "o2/secret.henna"], &["results.henna was made for keys"]);
    refused(folder, &["evaluate", "--keys", secret], &["secret key", "must not reach the server"]);
    refused(folder, &["evaluate", secret], &["must not reach the server"]);
    refused(folder, &["evaluate", "results.henna"], &["encrypted results", "encrypted samples are needed"]);
    refused(folder, &["decrypt", "request.henna"], &["encrypted samples"]);
    refused(folder, &["keygen", "fcnn-wbc", "--backend", "more"], &["there already", "lost"]);
    refused(folder, &["encrypt", "--samples", "2", "--secret", "none.henna"], &["none.henna"]);
    refused(folder, &["encrypt", "a.txt"], &[".png, .npy and .csv"]);
    // Other weights, though the network is the same.
    let own = models::find("fcnn-wbc").unwrap();
    let mut stored = own.weights().unwrap();
    let (name, mut tensor) = stored.weights.iter().map(|(n, t)| (n.to_owned(), t.clone())).next().unwrap();
    tensor.data_mut()[0] += 1.0;
    stored.weights.insert(name, tensor);
    stored.save(&folder.join("w.safetensors"), &(own.network)().unwrap()).unwrap();
    refused(folder, &["evaluate", "--weights", "w.safetensors"], &["evaluation.henna", "weights and graph"]);
    assert!(!files(folder).iter().any(|file| file.ends_with(".part")), "{:?}", files(folder));
}

/// Interrupted while keys are made and while the server computes: what was there before is there after, and nothing else.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_command_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let interrupted = |arguments: &[&str], inside: &str| {
        let mut child =
            henna(folder).current_dir(folder).args(arguments).stderr(Stdio::null()).spawn().unwrap();
        let inside = folder.join(inside);
        let part = || files(&inside).iter().any(|file| file.ends_with(".part"));
        while !part() {
            assert!(child.try_wait().unwrap().is_none(), "{arguments:?} ended before it wrote anything");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        // Long enough to be registered, far shorter than the work.
        std::thread::sleep(std::time::Duration::from_millis(50));
        let process = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &process]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{arguments:?}");
        files(folder).into_iter().filter(|file| !file.contains("/records/")).collect::<Vec<_>>()
    };
    assert_eq!(interrupted(&["keygen", "fcnn-wbc", "--backend", "ckks"], "owner"), Vec::<String>::new());
    done(folder, &["keygen", "fcnn-wbc", "--backend", "ckks"]);
    done(folder, &["encrypt", "--samples", "1"]);
    std::fs::write(folder.join("results.henna"), "an older file").unwrap();
    let mut before = files(folder);
    let mut after = interrupted(&["evaluate"], ".");
    before.sort();
    after.sort();
    assert_eq!(before.len(), 4, "{before:?}");
    assert_eq!(before, after);
    assert_eq!(std::fs::read(folder.join("results.henna")).unwrap(), b"an older file");
}

/// A command with the files that it makes.
type Command<'a> = (&'a [&'a str], &'a [(&'a str, Kind)]);

/// Killed at many moments: each file is whole, what was there before, or not there.
#[cfg(unix)]
#[test]
fn a_killed_command_leaves_whole_files() {
    const MOMENTS: u32 = 10;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    std::fs::write(folder.join("in.csv"), "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9\n".repeat(300)).unwrap();
    let commands: [Command<'_>; 4] = [
        (
            &["keygen", "fcnn-wbc", "--backend", "more", "--encrypt-model"],
            &[
                ("owner/secret.henna", Kind::SecretKey),
                ("server/evaluation.henna", Kind::EvaluationKeys),
                ("server/model.henna", Kind::Model),
            ],
        ),
        (&["encrypt", "in.csv"], &[("request.henna", Kind::Request)]),
        (&["evaluate"], &[("results.henna", Kind::Results)]),
        (&["decrypt", "--out", "out.csv"], &[]),
    ];
    for (arguments, made) in commands {
        let start = std::time::Instant::now();
        let mut whole = None;
        for moment in 0..=MOMENTS {
            made.iter().for_each(|(name, _)| drop(std::fs::remove_file(folder.join(name))));
            let mut child =
                henna(folder).current_dir(folder).args(arguments).stderr(Stdio::null()).spawn().unwrap();
            match &whole {
                // The first one runs to its end and shows how long that takes.
                None => assert!(child.wait().unwrap().success(), "{arguments:?}"),
                Some((time, _)) => {
                    std::thread::sleep(*time * moment / MOMENTS);
                    // One that is done already cannot be killed.
                    let _ = child.kill();
                    child.wait().unwrap();
                }
            }
            for (name, kind) in made {
                let path = folder.join(name);
                let read = path.exists().then(|| exchange::Reader::open(&path, *kind).map(drop));
                assert!(
                    !matches!(read, Some(Err(_))),
                    "{arguments:?}, moment {moment}: {name} is half-written"
                );
            }
            let csv = std::fs::read(folder.join("out.csv")).ok();
            let (_, expected) = whole.get_or_insert_with(|| (start.elapsed(), csv.clone()));
            assert!(csv.is_none() || csv == *expected, "{arguments:?}, moment {moment}");
        }
        // For the command that comes next.
        made.iter().for_each(|(name, _)| drop(std::fs::remove_file(folder.join(name))));
        done(folder, arguments);
    }
}

#[test]
fn many_samples_at_once_give_what_each_gives_alone() {
    for (backend, tolerance) in [("clear", 1e-11), ("more", 1e-11), ("ckks", 1e-3)] {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        let line = |sample: usize| -> String {
            let numbers = (0..9).map(|i| format!("{:.3}", ((sample * 9 + i) as f64).sin()));
            numbers.collect::<Vec<_>>().join(",") + "\n"
        };
        let count = if backend == "ckks" { 2 } else { 20 };
        done(folder, &["keygen", "fcnn-wbc", "--backend", backend]);
        let results = |lines: String| {
            std::fs::write(folder.join("in.csv"), lines).unwrap();
            done(folder, &["encrypt", "in.csv"]);
            done(folder, &["evaluate"]);
            numbers(&done(folder, &["decrypt"]))
        };
        let together = results((0..count).map(line).collect());
        assert_eq!(together.len(), count);
        for (sample, expected) in together.iter().enumerate() {
            for (alone, expected) in results(line(sample)).iter().flatten().zip(expected) {
                assert!((alone - expected).abs() < tolerance, "{backend}: {alone} instead of {expected}");
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn the_secret_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let [owner, server] = ["owner", "server"].map(|name| folder.join(name).display().to_string());
    let arguments = ["keygen", "fcnn-wbc", "--backend", "more", "--owner", &owner, "--server", &server];
    let made = common::run(folder, &arguments);
    assert!(made.status.success(), "{}", stderr(&made));
    let mode = |path: &str| std::fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("owner"), mode("owner/secret.henna")), (0o700, 0o600));
    assert_ne!(mode("server/evaluation.henna") & 0o044, 0);
    // No part of the secret stands in what the server gets.
    let secret = std::fs::read(folder.join("owner/secret.henna")).unwrap();
    let server = std::fs::read(folder.join("server/evaluation.henna")).unwrap();
    let (framed, _) = secret.split_at(secret.len() - 40 - 4);
    let (_, key) = framed.split_at(framed.len() - 16);
    assert!(!server.windows(key.len()).any(|window| window == key));
}

#[test]
fn a_model_that_the_server_does_not_see() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let line = done(folder, &["keygen", "fcnn-wbc", "--backend", "more", "--encrypt-model", "--json"]);
    let record: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
    assert_eq!(
        (record["weights"].as_str(), record["files"].as_array().unwrap().len()),
        (Some("encrypted"), 3)
    );
    done(folder, &["encrypt", "--samples", "19"]);
    done(folder, &["evaluate"]);
    let results = numbers(&done(folder, &["decrypt"]));
    let expected = compared(folder, "more", "19");
    for (result, expected) in results.iter().flatten().zip(expected.iter().flatten()) {
        assert!((result - expected).abs() < 1e-9, "{result} instead of {expected}");
    }
    let said = stderr(&run(folder, &["evaluate"]));
    assert!(said.contains("the weights are encrypted, but this scheme protects nothing"), "{said}");
    assert!(stdout(&run(folder, &["inspect", "server/model.henna"])).contains("encrypted weights"));

    // Another key's model, a model that is not there, and one where the weights are in the clear.
    let other = ["--owner", "o2", "--server", "s2"];
    let keygen = &[&["keygen", "fcnn-wbc", "--backend", "more", "--encrypt-model"][..], &other].concat();
    let said = stderr(&run(folder, keygen));
    assert!(said.contains("without evaluation keys") && !said.contains("products"), "{said}");
    refused(folder, &["evaluate", "--model", "s2/model.henna"], &["s2/model.henna was made for keys"]);
    refused(folder, &["evaluate", "--model", "nowhere.henna"], &["nowhere.henna"]);
    refused(folder, &["evaluate", "--memory", "10kB"], &["encrypted weights of fcnn-wbc", "may be taken"]);
    done(folder, &["keygen", "fcnn-wbc", "--backend", "more", "--owner", "o3", "--server", "s3"]);
    let clear = ["evaluate", "--keys", "s3/evaluation.henna"];
    refused(folder, &[&clear[..], &["--model", "s2/model.henna"]].concat(), &["weights in the clear"]);
    refused(folder, &clear, &["request.henna was made for"]);
}
