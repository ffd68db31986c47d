//! What the operator allows, and no more.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::party::{Party, read};
use super::running::Running;

#[test]
fn large_files_are_refused_by_their_announcement_and_by_their_bytes() {
    let party = Party::new();
    let (keys, request) = (read(&party.evaluation), read(&party.request(50)));
    let service = Running::with(|config| {
        config.limits.key_bytes = keys.len() as u64;
        config.limits.request_bytes = request.len() as u64 - 1;
    });
    let token = service.token("ann");
    assert_eq!(service.post("/v1/keys", &token, &keys).status, 201);
    service.post("/v1/jobs", &token, &request).refused(413, "are allowed");
    let mut longer = keys.clone();
    longer.push(0);
    service.post("/v1/keys", &token, &longer).refused(413, &format!("{} are allowed", keys.len()));
    // Without an announcement, what is too much is noticed on the way.
    let answer = ureq::post(format!("{}/v1/jobs", service.address))
        .config()
        .http_status_as_error(false)
        .build()
        .header("authorization", format!("Bearer {token}"))
        .send(ureq::SendBody::from_reader(&mut &request[..]));
    assert_eq!(answer.unwrap().status(), 413);
    assert!(!service.store.join("parts").read_dir().unwrap().any(|_| true));
}

#[test]
fn owners_have_so_many_keys_and_jobs() {
    let service = Running::with(|config| {
        config.limits.keys = 1;
        config.limits.jobs = 2;
    });
    let (ann, bob) = (service.token("ann"), service.token("bob"));
    let (first, second) = (Party::new(), Party::new());
    assert_eq!(service.post("/v1/keys", &ann, &read(&first.evaluation)).status, 201);
    service.post("/v1/keys", &ann, &read(&second.evaluation)).refused(409, "delete one first");
    assert_eq!(service.post("/v1/keys", &bob, &read(&second.evaluation)).status, 201);
    let request = read(&first.request(1));
    let jobs = [service.job(&ann, &request), service.job(&ann, &request)];
    service.post("/v1/jobs", &ann, &request).refused(409, "an owner may have 2");
    service.over(&ann, &jobs[0]);
    assert_eq!(service.ask("DELETE", &format!("/v1/jobs/{}", jobs[0]), Some(&ann), None).status, 204);
    service.job(&ann, &request);
}

#[test]
fn a_full_queue_says_when_to_come_back_and_cancelling_makes_room() {
    let service = Running::of(64, |config| config.limits.queue = 1);
    let party = Party::of(64);
    let token = service.token("ann");
    service.post("/v1/keys", &token, &read(&party.evaluation));
    let (long, short) = (read(&party.request(200_000)), read(&party.request(1)));
    let running = service.job(&token, &long);
    service.runs(&token, &running);
    let waiting = service.job(&token, &short);
    let job = service.get(&format!("/v1/jobs/{waiting}"), &token).json();
    assert_eq!((job["state"].as_str(), job["ahead"].as_u64()), (Some("queued"), Some(1)), "{job}");
    let busy = service.post("/v1/jobs", &token, &short);
    busy.refused(429, "wait already");
    assert!((1..=3600).contains(&busy.header("retry-after").parse::<u64>().unwrap()));
    let unfinished = format!("/v1/jobs/{waiting}/results");
    service.get(&unfinished, &token).refused(409, "queued");
    service
        .ask("DELETE", &format!("/v1/keys/{}", party.number), Some(&token), None)
        .refused(409, "2 unfinished");
    assert_eq!(service.ask("DELETE", &format!("/v1/jobs/{running}"), Some(&token), None).status, 204);
    assert_eq!(service.get(&format!("/v1/jobs/{running}"), &token).status, 404);
    assert_eq!(service.over(&token, &waiting)["state"], "finished");
    party.check(&service.get(&unfinished, &token).body, 1);
    // Nothing of the cancelled one is left.
    assert!(!service.files().iter().any(|(path, _)| path.display().to_string().contains(&running)));
    let queue = service.ask("GET", "/v1/queue", None, None).json();
    assert_eq!((queue["queued"].as_u64(), queue["running"].as_u64()), (Some(0), Some(0)));
}

#[test]
fn a_job_ends_when_its_time_is_over() {
    let service = Running::of(64, |config| config.limits.job_time = Duration::from_millis(300));
    let party = Party::of(64);
    let token = service.token("ann");
    service.post("/v1/keys", &token, &read(&party.evaluation));
    let id = service.job(&token, &read(&party.request(200_000)));
    let job = service.over(&token, &id);
    assert_eq!(job["state"], "failed");
    assert!(job["error"].as_str().unwrap().contains("longer than"), "{job}");
    service.get(&format!("/v1/jobs/{id}/results"), &token).refused(409, "longer than");
    let short = service.job(&token, &read(&party.request(1)));
    assert_eq!(service.over(&token, &short)["state"], "finished");
}

#[test]
fn what_does_not_fit_into_the_memory_is_refused_in_a_sentence() {
    let service = Running::with(|config| config.limits.memory = 1000);
    let party = Party::new();
    let token = service.token("ann");
    service.post("/v1/keys", &token, &read(&party.evaluation));
    let id = service.job(&token, &read(&party.request(1)));
    let job = service.over(&token, &id);
    assert_eq!(job["state"], "failed");
    assert!(job["error"].as_str().unwrap().contains("bytes of memory"), "{job}");
}

#[test]
fn old_results_are_forgotten() {
    let service = Running::with(|config| config.limits.keep = Duration::ZERO);
    let party = Party::new();
    let token = service.token("ann");
    service.post("/v1/keys", &token, &read(&party.evaluation));
    let id = service.job(&token, &read(&party.request(1)));
    service.over(&token, &id);
    // The service looks once a minute, and when it starts.
    let store = service.store.clone();
    let folder = service.end();
    let again = Running::at(&store, 8, None, |config| config.limits.keep = Duration::ZERO);
    assert_eq!(again.get(&format!("/v1/jobs/{id}"), &token).status, 404);
    assert_eq!(again.get(&format!("/v1/keys/{}", party.number), &token).status, 200);
    drop((again, folder));
}

#[test]
fn connections_beyond_the_limit_wait_until_one_closes() {
    let service = Running::with(|config| config.limits.connections = 2);
    let connect = || TcpStream::connect(service.address.trim_start_matches("http://")).unwrap();
    let answer = |stream: &mut TcpStream, time: Duration| {
        stream.set_read_timeout(Some(time)).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).map(|()| String::from_utf8_lossy(&head).into_owned())
    };
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    };
    let mut open = [connect(), connect()];
    for stream in &mut open {
        ask(stream);
        assert_eq!(answer(stream, Duration::from_secs(20)).unwrap(), "HTTP/1.1 200");
    }
    let mut third = connect();
    ask(&mut third);
    assert!(answer(&mut third, Duration::from_millis(500)).is_err(), "it must wait");
    drop(open);
    assert_eq!(answer(&mut third, Duration::from_secs(20)).unwrap(), "HTTP/1.1 200");
}
