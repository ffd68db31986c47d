//! From samples to results, and over restarts.

use super::party::{Party, read};
use super::running::Running;

#[test]
fn the_result_is_that_of_the_network() {
    let (service, party) = (Running::new(), Party::new());
    let token = service.token("ann");
    let client = service.client(&token);
    assert!(client.key(&party.number).unwrap().is_none());
    let mut sent = 0;
    let stored = client.send_keys(&party.evaluation, &mut |bytes| sent = bytes).unwrap();
    assert_eq!((stored.number.as_str(), stored.new), (party.number.as_str(), true));
    assert_eq!(sent, read(&party.evaluation).len() as u64);
    // Once is enough, and twice is no failure.
    assert!(!client.send_keys(&party.evaluation, &mut |_| {}).unwrap().new);
    assert_eq!(client.key(&party.number).unwrap().unwrap().scheme, "more");
    for samples in [1, 19] {
        let accepted = client.send_request(&party.request(samples), &mut |_| {}).unwrap();
        let job = client.wait(&accepted.id, &mut |_| {}).unwrap();
        assert_eq!(job.state.word(), "finished", "{:?}", job.error);
        assert_eq!((job.samples, job.attempts), (samples as u64, 1));
        let mut results = Vec::new();
        let bytes = client.results(&accepted.id, &mut results).unwrap();
        assert_eq!((bytes, job.result_bytes), (results.len() as u64, Some(bytes)));
        party.check(&results, samples);
        // The request is no longer needed, and not kept.
        assert!(!service.store.join("requests").read_dir().unwrap().any(|_| true));
        client.delete_job(&accepted.id).unwrap();
        assert!(client.job(&accepted.id, 0).unwrap_err().is_missing());
        assert!(!service.store.join("results").read_dir().unwrap().any(|_| true));
    }
    assert!(client.key(&party.number).unwrap().unwrap().loaded);
    client.delete_key(&party.number).unwrap();
    assert!(client.key(&party.number).unwrap().is_none());
    let error = client.send_request(&party.request(1), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("upload their evaluation keys first"), "{error}");
}

#[test]
fn keys_results_and_waiting_jobs_survive_a_restart() {
    let (service, party) =
        (Running::of(64, |config| config.grace = std::time::Duration::ZERO), Party::of(64));
    let token = service.token("ann");
    assert_eq!(service.post("/v1/keys", &token, &read(&party.evaluation)).status, 201);
    let done = service.job(&token, &read(&party.request(3)));
    service.over(&token, &done);
    let before = service.get(&format!("/v1/jobs/{done}"), &token).json();
    // One runs and one waits when the service ends.
    let large = read(&party.request(60_000));
    let (running, waiting) = (service.job(&token, &large), service.job(&token, &read(&party.request(2))));
    service.runs(&token, &running);
    let store = service.store.clone();
    let folder = service.end().unwrap();
    // What an upload that broke off would leave.
    std::fs::write(store.join("parts/upload-x"), "half").unwrap();
    std::fs::write(store.join("keys/00.henna"), "nobody's").unwrap();

    let again = Running::at(&store, 64, None, |_| {});
    assert!(!store.join("parts/upload-x").exists() && !store.join("keys/00.henna").exists());
    assert_eq!(again.get(&format!("/v1/jobs/{done}"), &token).json(), before);
    party.check(&again.get(&format!("/v1/jobs/{done}/results"), &token).body, 3);
    for (id, samples) in [(running, 60_000), (waiting, 2)] {
        let job = again.over(&token, &id);
        // A start that a shutdown cut short is no attempt.
        assert_eq!((job["state"].as_str(), job["attempts"].as_u64()), (Some("finished"), Some(1)), "{job}");
        party.check(&again.get(&format!("/v1/jobs/{id}/results"), &token).body, samples);
    }
    drop(again);
    drop(folder);
}

#[test]
fn events_tell_of_a_job_until_it_is_over() {
    let (service, party) = (Running::of(64, |_| {}), Party::of(64));
    let token = service.token("ann");
    service.post("/v1/keys", &token, &read(&party.evaluation));
    let id = service.job(&token, &read(&party.request(20_000)));
    let answer = service.get(&format!("/v1/jobs/{id}/events"), &token);
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    let text = String::from_utf8(answer.body).unwrap();
    let jobs: Vec<serde_json::Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let states: Vec<&str> = jobs.iter().map(|job| job["state"].as_str().unwrap()).collect();
    assert!(states.contains(&"running") && states.last() == Some(&"finished"), "{states:?}");
    let fractions: Vec<f64> = jobs.iter().filter_map(|job| job["progress"]["fraction"].as_f64()).collect();
    assert!(fractions.is_sorted() && fractions.iter().any(|fraction| *fraction > 0.0), "{fractions:?}");
}

#[test]
fn the_second_service_over_a_store_is_refused() {
    let service = Running::new();
    let error = henna_service::store::Store::open(&service.store).err().unwrap().to_string();
    assert!(error.contains("another process"), "{error}");
}
