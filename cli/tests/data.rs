//! Fetching, from a server of the test.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{files, henna, stderr, stdout};

/// A server that answers every request with what `answer` makes of the file's name: the length to announce and the bytes.
/// Bytes go out a little at a time when `slow`.
fn serve(slow: bool, answer: impl Fn(&str) -> (usize, Vec<u8>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 4096];
            let count = stream.read(&mut request).unwrap_or(0);
            let text = String::from_utf8_lossy(request.get(..count).unwrap_or(&[])).into_owned();
            let name = text.split_whitespace().nth(1).and_then(|path| path.rsplit('/').next()).unwrap_or("");
            let (announced, bytes) = answer(name);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
            for chunk in bytes.chunks(if slow { 1000 } else { 1 << 20 }) {
                if stream.write_all(chunk).is_err() {
                    break;
                }
                if slow {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    });
    home
}

fn fetch(cache: &Path, home: &str) -> std::process::Output {
    henna(cache).env("HENNA_DATA_URL", home).args(["data", "fetch", "mnist"]).output().unwrap()
}

#[test]
fn what_is_altered_cut_short_or_not_there_is_refused_and_leaves_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let refused = |home: &str, words: &[&str]| {
        let output = fetch(cache.path(), home);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
        assert!(said.contains("run the same command again"), "{said}");
        assert!(files(cache.path()).is_empty(), "{:?}", files(cache.path()));
    };
    refused(&serve(false, |_| (5, b"<htm>".to_vec())), &["no whole gzip file", "train-images"]);
    refused(&serve(false, |_| (500, vec![0x1f; 100])), &["train-images"]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    refused(&format!("http://{closed}"), &["train-images", "check the network"]);
}

#[test]
fn an_interrupt_leaves_no_part_of_a_file() {
    let cache = tempfile::tempdir().unwrap();
    let home = serve(true, |_| (1 << 20, vec![0x1f; 1 << 20]));
    let mut child = henna(cache.path())
        .env("HENNA_DATA_URL", home)
        .args(["data", "fetch", "mnist"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while files(cache.path()).is_empty() && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!files(cache.path()).is_empty(), "the transfer began");
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(files(cache.path()).is_empty(), "{:?}", files(cache.path()));
}

#[test]
fn the_official_files_are_accepted_and_found() {
    // The real files are needed for this one: it runs where HENNA_DATA names them.
    let Some(real) = std::env::var_os("HENNA_DATA").map(|root| PathBuf::from(root).join("mnist")) else {
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    let home = serve(false, move |name| {
        let bytes = std::fs::read(real.join(name)).unwrap_or_default();
        (bytes.len(), bytes)
    });
    let output = fetch(cache.path(), &home);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(files(cache.path()).len(), 4);
    let again = fetch(cache.path(), "http://127.0.0.1:1");
    assert!(again.status.success() && stderr(&again).contains("is there already"), "{}", stderr(&again));
    let list = stdout(&common::run(cache.path(), &["data", "list"]));
    assert!(list.contains("mnist") && !list.contains("missing"), "{list}");
}

#[test]
fn the_folder_is_the_named_one_or_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let path = |output: std::process::Output| PathBuf::from(stdout(&output).trim());
    assert!(path(common::run(cache.path(), &["data", "path"])).starts_with(cache.path()));
    let named = henna(cache.path()).env("HENNA_DATA", "/somewhere").args(["data", "path"]).output().unwrap();
    assert!(path(named).starts_with("/somewhere"));
    let list = stdout(&common::run(cache.path(), &["data", "list"]));
    assert!(list.contains("henna data fetch mnist"), "{list}");
}
