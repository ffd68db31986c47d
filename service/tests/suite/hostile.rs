//! Bytes and requests that mean no good.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::party::{Party, read};
use super::running::Running;

#[test]
fn files_that_are_none_are_refused_and_leave_nothing() {
    let (service, party) = (Running::new(), Party::new());
    let token = service.token("ann");
    let keys = read(&party.evaluation);
    for cut in [0, 1, 13, 14, 60, keys.len() / 2, keys.len() - 1] {
        service.post("/v1/keys", &token, &keys[..cut]).refused(422, "the evaluation keys");
    }
    let mut altered = keys.clone();
    let last = altered.len() - 50;
    altered[last] ^= 1;
    service.post("/v1/keys", &token, &altered).refused(422, "checksum");
    service
        .post("/v1/keys", &token, &[b"HENNAFIL\x01\x00\xff\xff\xff\xff", &[0; 9999][..]].concat())
        .refused(422, "header of");
    service.post("/v1/keys", &token, &read(&party.request(1))).refused(422, "encrypted samples");
    service.post("/v1/jobs", &token, &keys).refused(422, "evaluation keys");
    service
        .post("/v1/jobs", &token, &read(&party.request(1)))
        .refused(422, "upload their evaluation keys first");
    // Made for another network of the same name.
    service.post("/v1/keys", &token, &read(&Party::of(9).evaluation)).refused(422, "weights and graph");
    assert_eq!(service.get("/v1/keys", &token).json(), serde_json::json!([]));
    for folder in ["keys", "requests", "parts"] {
        assert!(!service.store.join(folder).read_dir().unwrap().any(|_| true), "{folder}");
    }
}

#[test]
fn a_secret_key_never_reaches_the_disk() {
    let (service, party) = (Running::new(), Party::new());
    let token = service.token("ann");
    let secret = read(&party.secret);
    for path in ["/v1/keys", "/v1/jobs"] {
        service.post(path, &token, &secret).refused(422, "must not reach the server");
    }
    let key = &secret[secret.len() - 60..secret.len() - 44];
    for (path, bytes) in service.files() {
        assert!(!bytes.windows(key.len()).any(|window| window == key), "{}", path.display());
    }
}

#[test]
fn odd_paths_methods_and_parameters_are_answered_in_a_sentence() {
    let service = Running::new();
    let token = service.token("ann");
    for path in [
        "/nothing",
        "/v1",
        "/v1/jobs/",
        "/v1/jobs/../keys",
        "/v1/jobs/..%2f..%2ftokens.json",
        "/v1/keys/%00",
        "/v1/keys/%ff",
    ] {
        service.get(path, &token).refused(404, "there is no");
    }
    service.ask("DELETE", "/v1/jobs", Some(&token), None).refused(405, "not what");
    service.ask("PUT", "/v1/keys", Some(&token), Some(b"x")).refused(405, "not what");
    let job = format!("/v1/jobs/{}", "0".repeat(32));
    for wrong in ["?wait=-1", "?wait=x", "?wait=99999999999999999999", "?wait=61", "?wat=1"] {
        let answer = service.get(&format!("{job}{wrong}"), &token);
        assert_eq!(answer.status, 400, "{wrong}");
    }
    service.get(&format!("{job}?wait=1"), &token).refused(404, "there is no job");
}

fn raw(service: &Running, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(service.address.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn an_upload_that_stands_still_or_breaks_off_is_given_up() {
    let service = Running::with(|config| config.limits.upload_pause = Duration::from_millis(200));
    let party = Party::new();
    let token = service.token("ann");
    let keys = read(&party.evaluation);
    let head = format!(
        "POST /v1/keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
        keys.len()
    );
    let half = [head.as_bytes(), &keys[..keys.len() / 2]].concat();
    assert!(raw(&service, &half).starts_with("HTTP/1.1 408"));
    // One that is hung up on leaves nothing either.
    let mut stream = TcpStream::connect(service.address.trim_start_matches("http://")).unwrap();
    stream.write_all(&half).unwrap();
    drop(stream);
    for _ in 0..200 {
        if !service.store.join("parts").read_dir().unwrap().any(|_| true) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!service.store.join("parts").read_dir().unwrap().any(|_| true));
    assert_eq!(service.get("/v1/keys", &token).json(), serde_json::json!([]));
    assert!(raw(&service, b"\x16\x03\x01 not http\r\n\r\n").starts_with("HTTP/1.1 400"));
}

#[test]
fn random_bytes_never_do_more_than_be_refused() {
    let (service, party) = (Running::new(), Party::new());
    let token = service.token("ann");
    let keys = read(&party.evaluation);
    for round in 0..300usize {
        let mut bytes = keys.clone();
        for _ in 0..=round % 5 {
            let place = rand::random::<u32>() as usize % (300 + round);
            bytes[place % keys.len()] = rand::random();
        }
        let status = service.post("/v1/keys", &token, &bytes).status;
        assert!(matches!(status, 200 | 201 | 422), "{status}");
    }
    assert_eq!(service.ask("GET", "/healthz", None, None).status, 200);
}
