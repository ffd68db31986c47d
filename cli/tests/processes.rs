//! Children that die, parents that are interrupted or killed.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[expect(dead_code, reason = "these tests start the program themselves")]
mod common;

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A comparison that runs far longer than any test.
fn start(cache: &Path) -> Child {
    common::henna(cache)
        .args(["compare", "fcnn-wbc", "--backend", "clear,more", "--samples", "64", "--runs", "1000"])
        .args(["--html", cache.join("page.html").to_str().unwrap()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(process: u32, name: &str) {
    assert!(
        Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap().success()
    );
}

/// The measuring child of a parent, once there is one.
fn child_of(parent: u32) -> u32 {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        let children =
            std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        for child in children.split_whitespace() {
            let command = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&command).contains("measure-backend") {
                return child.parse().unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("no child came");
}

fn gone(process: u32) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        if status.is_empty() || status.contains("State:\tZ") {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

fn said(mut parent: Child) -> (Option<i32>, String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    parent.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    parent.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    (parent.wait().unwrap().code(), out, err)
}

#[test]
fn a_killed_child_is_a_column_and_the_rest_go_on() {
    let cache = tempfile::tempdir().unwrap();
    let parent = start(cache.path());
    let first = child_of(parent.id());
    signal(first, "KILL");
    assert!(gone(first));
    let second = child_of(parent.id());
    assert_ne!(first, second);
    signal(second, "ABRT");
    let (code, out, err) = said(parent);
    assert_eq!(code, Some(3), "{err}");
    assert!(out.contains("signal 9") && out.contains("signal 6"), "{out}");
    assert!(err.contains("lacks clear and more"), "{err}");
    assert!(std::fs::read_to_string(cache.path().join("page.html")).unwrap().contains("signal 6"));
}

#[test]
fn an_interrupt_ends_the_child_and_leaves_no_file() {
    for name in ["INT", "TERM"] {
        let cache = tempfile::tempdir().unwrap();
        let parent = start(cache.path());
        let child = child_of(parent.id());
        std::thread::sleep(Duration::from_millis(100));
        signal(parent.id(), name);
        let (code, out, err) = said(parent);
        assert_eq!(code, Some(130), "{err}");
        assert!(err.contains("interrupted") && out.is_empty(), "{err}{out}");
        assert!(gone(child));
        // What operations cost is kept, and nothing else.
        let left: Vec<_> =
            common::files(cache.path()).into_iter().filter(|file| !file.contains("/costs/")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_child_ends_with_its_parent_even_when_that_is_killed() {
    let cache = tempfile::tempdir().unwrap();
    let mut parent = start(cache.path());
    let child = child_of(parent.id());
    signal(parent.id(), "KILL");
    parent.wait().unwrap();
    assert!(gone(child));
}
