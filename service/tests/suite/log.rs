//! What the operator's log does not say.

use super::party::{Party, read};
use super::running::{Running, logged};

#[test]
fn the_log_holds_no_token_no_key_and_no_ciphertext() {
    let (service, party) = (Running::new(), Party::new());
    let token = service.token("ann");
    let (keys, request) = (read(&party.evaluation), read(&party.request(3)));
    service.post("/v1/keys", &token, &keys);
    let job = service.job(&token, &request);
    service.over(&token, &job);
    let results = service.get(&format!("/v1/jobs/{job}/results"), &token).body;
    // What is refused is not shown either.
    service.post("/v1/keys", &token, &read(&party.secret));
    service.post("/v1/jobs", &token, &request[..request.len() - 1]);
    service.get(&format!("/v1/jobs/{job}?secret=in-a-query"), &token);
    service.ask("GET", "/v1/jobs", Some("henna_0000_wrong-token"), None);

    let log = logged();
    let text = String::from_utf8_lossy(&log).to_lowercase();
    assert!(text.contains("job accepted") && text.contains("answered") && text.contains(&job));
    let (_, secret) = token.rsplit_once('_').unwrap();
    for hidden in [secret, "in-a-query", "wrong-token"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    // The ends of the files are ciphertexts, keys and checksums: as bytes, in hexadecimal, and as lists of numbers.
    for (what, file) in
        [("keys", &keys), ("request", &request), ("results", &results), ("secret", &read(&party.secret))]
    {
        for piece in file[file.len().saturating_sub(400)..].windows(12).step_by(4) {
            let hexadecimal: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
            let list = format!("{piece:?}");
            let varied = piece.iter().any(|byte| *byte != piece[0]);
            assert!(!varied || !log.windows(piece.len()).any(|window| window == piece), "{what}");
            assert!(!text.contains(&hexadecimal) && !text.contains(list.trim_matches(['[', ']'])), "{what}");
        }
    }
}
