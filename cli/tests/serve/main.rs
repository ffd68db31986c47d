//! `henna serve` and `henna query`: what goes over HTTP is what goes through files.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

#[path = "../common/mod.rs"]
mod common;
mod kill;
mod server;

use std::path::Path;
use std::process::Output;

use common::{henna, stderr, stdout};
use server::{Server, token};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    henna(folder).current_dir(folder).args(arguments).output().unwrap()
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

fn refused(folder: &Path, arguments: &[&str], words: &str) {
    let output = run(folder, arguments);
    let said = stderr(&output);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{said}");
    let last = said.trim_end().lines().last().unwrap_or_default();
    assert!(last.starts_with("henna: ") && last.contains(words), "{words:?} is not in: {said}");
}

/// What the network gives for its own samples.
fn clear(model: &str, samples: usize) -> Vec<f64> {
    let model = models::find(model).unwrap();
    let (network, stored) = ((model.network)().unwrap(), model.weights().unwrap());
    let inputs = (model.test_samples)(samples, &stored).unwrap().inputs;
    nn_layers::clear::run(&network, &stored.weights, &inputs).unwrap().data().to_vec()
}

#[test]
fn a_service_gives_what_evaluate_gives() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let service = Server::start(&folder.join("store"), &["--model", "fcnn-wbc", "--threads", "2"]);
    std::fs::write(folder.join("token"), token(&folder.join("store"), "ann")).unwrap();
    let ask = ["--server", &service.address, "--token-file", "token"];
    for (backend, samples, tolerance) in [("more", "5", 1e-11), ("clear", "3", 1e-11), ("ckks", "1", 1e-3)] {
        let folder = folder.join(backend);
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(place.path().join("token"), folder.join("token")).unwrap();
        done(&folder, &["keygen", "fcnn-wbc", "--backend", backend]);
        done(&folder, &["encrypt", "--samples", samples]);
        done(&folder, &["evaluate", "--out", "here.henna", "--threads", "2"]);
        done(&folder, &[&["query", "request.henna", "--out", "there.henna"][..], &ask].concat());
        let [here, there] =
            ["here.henna", "there.henna"].map(|name| std::fs::read(folder.join(name)).unwrap());
        assert!(here == there, "{backend}: the service computes what evaluate computes, to the last bit");
        // From samples to numbers in one go; errors are drawn anew under CKKS.
        let expected = done(&folder, &["decrypt", "here.henna"]);
        let numbers = done(&folder, &[&["query", "--samples", samples][..], &ask].concat());
        let all = |csv: &str| -> Vec<f64> { csv.split([',', '\n']).filter_map(|x| x.parse().ok()).collect() };
        assert_eq!(all(&numbers).len(), all(&expected).len(), "{backend}");
        for (number, expected) in all(&numbers).iter().zip(all(&expected)) {
            assert!((number - expected).abs() < tolerance, "{backend}: {number} instead of {expected}");
        }
    }
    // Jobs are fetched and gone, keys stay.
    let client = service.client(&std::fs::read_to_string(folder.join("token")).unwrap());
    assert!(client.models().unwrap().iter().any(|model| model.name == "fcnn-wbc"));
    let more = folder.join("more");
    let line = done(&more, &[&["query", "--samples", "2", "--out", "o.csv", "--json"][..], &ask].concat());
    let record: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
    assert_eq!((record["command"].as_str(), record["samples"].as_u64()), (Some("query"), Some(2)));
    refused(&more, &["query", "--samples", "2", "--server", &service.address], "a token is needed");
    std::fs::write(more.join("wrong"), "henna_00_11").unwrap();
    refused(
        &more,
        &["query", "--samples", "2", "--server", &service.address, "--token-file", "wrong"],
        "bearer token",
    );
    refused(
        &more,
        &[&["query", "server/evaluation.henna"][..], &ask].concat(),
        "encrypted samples are needed",
    );
    #[cfg(unix)]
    assert_eq!(service.terminate(), Some(0));
}

#[test]
fn a_service_computes_with_weights_that_it_does_not_see() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    // Under CKKS polynomials stand for the activations.
    let backends = [("more", "5", 1e-9), ("ckks", "1", 0.05)];
    for (backend, samples, _) in backends {
        std::fs::create_dir(folder.join(backend)).unwrap();
        let folder = folder.join(backend);
        done(&folder, &["keygen", "fcnn-wbc", "--backend", backend, "--encrypt-model"]);
        done(&folder, &["encrypt", "--samples", samples]);
    }
    let files = backends.map(|(backend, ..)| folder.join(backend).join("server/model.henna"));
    let files = files.map(|path| path.display().to_string()).join(",");
    let service = Server::start(&folder.join("store"), &["--encrypted-model", &files, "--threads", "2"]);
    let token = token(&folder.join("store"), "ann");
    std::fs::write(folder.join("token"), &token).unwrap();
    for (backend, samples, tolerance) in backends {
        let folder = folder.join(backend);
        let ask = ["--server", &service.address, "--token-file", "../token"];
        done(&folder, &[&["query", "request.henna", "--out", "there.henna"][..], &ask].concat());
        done(&folder, &["evaluate", "--out", "here.henna", "--threads", "2"]);
        let [here, there] =
            ["here.henna", "there.henna"].map(|name| std::fs::read(folder.join(name)).unwrap());
        assert!(here == there, "{backend}: the service computes what evaluate computes, to the last bit");
        let expected = clear("fcnn-wbc", samples.parse().unwrap());
        let numbers = done(&folder, &[&["query", "--samples", samples][..], &ask].concat());
        let numbers: Vec<f64> = numbers.split([',', '\n']).filter_map(|x| x.parse().ok()).collect();
        assert_eq!(numbers.len(), expected.len(), "{backend}");
        for (number, expected) in numbers.iter().zip(&expected) {
            assert!((number - expected).abs() < tolerance, "{backend}: {number} instead of {expected}");
        }
    }
    let models = service.client(&token).models().unwrap();
    assert_eq!(models.len(), 2, "without --model no other model is served");
    assert!(models.iter().all(|model| model.weights_encrypted && model.plans.len() == 1));
    assert!(models[1].plans[0].security_bits >= Some(128), "{:?}", models[1].plans);
    #[cfg(unix)]
    assert_eq!(service.terminate(), Some(0));
}

#[test]
fn the_help_begins_with_three_commands_that_work() {
    let place = tempfile::tempdir().unwrap();
    let help = stdout(&common::run(place.path(), &["serve", "--help"]));
    for words in ["henna serve token add ann", "--max-key", "Limits:", "TLS:", "henna query --server"] {
        assert!(help.contains(words), "{words:?} is not in: {help}");
    }
}

#[test]
fn tokens_are_made_listed_and_taken_back() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let token = done(folder, &["serve", "token", "add", "ann"]);
    assert!(token.starts_with("henna_") && token.trim().len() == 6 + 16 + 1 + 64, "{token}");
    let list = done(folder, &["serve", "token", "list"]);
    assert!(list.contains("ann") && !list.contains(token.trim().rsplit('_').next().unwrap()), "{list}");
    done(folder, &["serve", "token", "revoke", "ann"]);
    assert_eq!(done(folder, &["serve", "token", "list"]), "");
    refused(folder, &["serve", "token", "revoke", "ann"], "no token");
    refused(folder, &["serve", "--listen", "0.0.0.0:0"], "--insecure-http");
    refused(folder, &["serve", "--tls-cert", "x.pem"], "both --tls-cert and --tls-key");
    refused(folder, &["serve", "--model", "fcnn-wbz"], "did you mean");
}
