//! `kill -9` of a service at any moment: what it has promised is there after the next start.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use henna_service::client::Error;
use henna_service::store::State;

use super::common::{self, henna};
use super::server::{Server, token};

/// Rounds where the variable HENNA_KILL_ROUNDS does not say how many.
const ROUNDS: u32 = 4;
const MODEL: [&str; 6] = ["--model", "fcnn-wbc", "--backend", "more", "--attempts", "100"];
/// Samples of each request: some jobs are done at once, others run for a while.
const SAMPLES: [usize; 3] = [1, 40, 20_000];

fn done(folder: &Path, arguments: &[&str]) {
    let output = henna(folder).current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", common::stderr(&output));
}

/// Keys and requests of one owner.
fn make(folder: &Path, number: usize) -> PathBuf {
    let folder = folder.join(number.to_string());
    std::fs::create_dir(&folder).unwrap();
    done(&folder, &["keygen", "fcnn-wbc", "--backend", "more"]);
    for samples in SAMPLES {
        let line = "0.1,-0.2,0.3,0.4,0.5,0.6,-0.7,0.8,0.9\n";
        std::fs::write(folder.join("in.csv"), line.repeat(samples)).unwrap();
        done(&folder, &["encrypt", "in.csv", "--out", &format!("request-{samples}.henna")]);
    }
    folder
}

/// What the service has promised.
#[derive(Default)]
struct Promised {
    /// Folder number and number of the keys.
    keys: Vec<(usize, String)>,
    /// Job, folder number, samples, and the results if they were seen.
    jobs: Vec<(String, usize, usize, Option<Vec<u8>>)>,
}

#[test]
fn nothing_that_was_promised_is_lost() {
    let rounds = std::env::var("HENNA_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let folders: Vec<PathBuf> = (0..3).map(|number| make(folder, number)).collect();
    let store = folder.join("store");
    let token = token(&store, "ann");
    let promised = Mutex::new(Promised::default());
    let (mut unfinished, mut kept) = (0, 0);
    for round in 0..rounds {
        let service = Server::start(&store, &MODEL);
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| work(&service.client(&token), &folders, &promised, &ended));
            let pause = rand::random::<u64>() % 700;
            std::thread::sleep(Duration::from_millis(pause));
            ended.store(true, Ordering::SeqCst);
            let pause = rand::random::<u64>() % 30;
            std::thread::sleep(Duration::from_millis(pause));
            let process = service.id().to_string();
            let killed = std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap();
            assert!(killed.success());
        });
        service.kill();

        let again = Server::start(&store, &MODEL);
        let client = again.client(&token);
        let Promised { keys, jobs } = &mut *promised.lock().unwrap();
        for (number, key) in keys.iter() {
            let found = client
                .key(key)
                .unwrap()
                .unwrap_or_else(|| unreachable!("round {round}: keys {key} are lost"));
            let own = std::fs::metadata(folders[*number].join("server/evaluation.henna")).unwrap().len();
            assert_eq!(found.bytes, own);
        }
        for (id, _, samples, seen) in jobs.iter_mut() {
            let before =
                client.job(id, 0).unwrap_or_else(|error| unreachable!("round {round}: {id}: {error}"));
            unfinished += u32::from(before.state != State::Finished);
            kept += u32::from(before.state == State::Finished);
            assert!(seen.is_none() || before.state == State::Finished, "round {round}: {id} was finished");
            let job = client.wait(id, &mut |_| {}).unwrap();
            assert_eq!((job.state, job.samples), (State::Finished, *samples as u64), "{:?}", job.error);
            let mut results = Vec::new();
            client.results(id, &mut results).unwrap();
            assert!(
                seen.as_ref().is_none_or(|seen| *seen == results),
                "round {round}: the results of {id} changed"
            );
            client.delete_job(id).unwrap();
        }
        jobs.clear();
        // One of the keys goes, so that it can be uploaded again.
        if let Some((_, key)) = keys.pop() {
            delete_key(&client, &key);
        }
        // Nothing is left of what was not promised.
        let parts = common::files(&store.join("parts"));
        assert!(parts.is_empty(), "{parts:?}");
        again.kill();
    }
    eprintln!("{rounds} rounds: {kept} finished jobs kept, {unfinished} unfinished ones run again");
    assert!(kept + unfinished > 0, "no job was accepted in time: the rounds are too short for this machine");
}

/// Takes the keys back. A job that the service accepted just before it was killed, too late for its answer to arrive,
/// is unknown here and may still need them: they are free when it has run.
fn delete_key(client: &henna_service::client::Client, key: &str) {
    let patience = Instant::now() + Duration::from_secs(120);
    loop {
        match client.delete_key(key) {
            Ok(()) => return,
            Err(Error::Refused { status: 409, .. }) if Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => unreachable!("keys {key}: {error}"),
        }
    }
}

/// Uploads and asks until the service is gone, and notes down what it has promised.
fn work(
    client: &henna_service::client::Client,
    folders: &[PathBuf],
    promised: &Mutex<Promised>,
    ended: &AtomicBool,
) {
    let mut turn = 0usize;
    while !ended.load(Ordering::SeqCst) {
        let number = turn % folders.len();
        let samples = SAMPLES[turn % SAMPLES.len()];
        turn += 1;
        let folder = &folders[number];
        let Ok(stored) = client.send_keys(&folder.join("server/evaluation.henna"), &mut |_| {}) else {
            return;
        };
        let key = (number, stored.number);
        {
            let mut promised = promised.lock().unwrap();
            if !promised.keys.contains(&key) {
                promised.keys.push(key);
            }
        }
        let request = folder.join(format!("request-{samples}.henna"));
        let Ok(accepted) = client.send_request(&request, &mut |_| {}) else { return };
        promised.lock().unwrap().jobs.push((accepted.id.clone(), number, samples, None));
        // Some results are fetched, others are left to chance.
        if turn.is_multiple_of(2) && client.job(&accepted.id, 1).is_ok_and(|job| job.state == State::Finished)
        {
            let mut results = Vec::new();
            if client.results(&accepted.id, &mut results).is_ok() {
                let mut promised = promised.lock().unwrap();
                promised.jobs.last_mut().expect("pushed above").3 = Some(results);
            }
        }
        if promised.lock().unwrap().jobs.len() > 20 {
            return;
        }
    }
}
