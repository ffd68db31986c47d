//! What is one owner's is nobody else's.

use serde_json::Value;

use super::party::{Party, read};
use super::running::Running;

/// Every operation that the API describes: method, path, whether it needs a token.
fn operations() -> Vec<(String, String, bool)> {
    let api: Value = serde_json::from_str(&henna_service::api::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((method.to_uppercase(), path.clone(), !operation["security"].is_null()));
        }
    }
    found
}

fn body(method: &str) -> Option<&'static [u8]> {
    (method == "POST").then_some(&b"x"[..])
}

#[test]
fn nothing_of_an_owner_is_there_for_another() {
    let (service, party) = (Running::new(), Party::new());
    let (ann, bob) = (service.token("ann"), service.token("bob"));
    service.post("/v1/keys", &ann, &read(&party.evaluation));
    let job = service.job(&ann, &read(&party.request(2)));
    service.over(&ann, &job);
    let mut asked = 0;
    for (method, path, _) in operations().iter().filter(|(_, path, _)| path.contains("{id}")) {
        let id = if path.starts_with("/v1/keys") { &party.number } else { &job };
        let mine = path.replace("{id}", id);
        let nobodys = path.replace("{id}", &"0".repeat(32));
        let refused = service.ask(method, &mine, Some(&bob), body(method));
        assert_eq!(refused.status, 404, "{method} {path}");
        // It does not even show that there is such a thing: the sentences differ in the number alone.
        let missing = service.ask(method, &nobodys, Some(&bob), body(method)).json()["detail"].to_string();
        assert_eq!(
            refused.json()["detail"].to_string(),
            missing.replace(&"0".repeat(32), id),
            "{method} {path}"
        );
        asked += 1;
    }
    assert_eq!(asked, 6);
    for list in ["/v1/keys", "/v1/jobs"] {
        assert_eq!(service.get(list, &bob).json(), serde_json::json!([]));
        assert_eq!(service.get(list, &ann).json().as_array().unwrap().len(), 1);
    }
    // Nor can another compute under keys that are not his own.
    service.post("/v1/jobs", &bob, &read(&party.request(2))).refused(422, "not here");
    // All of it is still there for its owner.
    party.check(&service.get(&format!("/v1/jobs/{job}/results"), &ann).body, 2);
    // The same keys may be two owners' (one person with two tokens): each has a copy.
    assert_eq!(service.post("/v1/keys", &bob, &read(&party.evaluation)).status, 201);
    assert_eq!(service.ask("DELETE", &format!("/v1/keys/{}", party.number), Some(&bob), None).status, 204);
    assert_eq!(service.get(&format!("/v1/keys/{}", party.number), &ann).status, 200);
}

#[test]
fn without_a_token_nothing_opens_but_what_is_everybodys() {
    let service = Running::new();
    let token = service.token("ann");
    let mut open = Vec::new();
    for (method, path, locked) in operations() {
        let path = path.replace("{id}", &"0".repeat(32));
        let altered = format!("{}x", &token[..token.len() - 1]);
        for wrong in [None, Some("henna_00_11"), Some(&altered[..])] {
            let answer = service.ask(&method, &path, wrong, body(&method));
            if locked {
                answer.refused(401, "token");
                assert!(answer.header("www-authenticate").starts_with("Bearer"));
            } else {
                assert_eq!(answer.status, 200, "{method} {path}");
            }
        }
        if !locked {
            open.push(path);
        }
    }
    assert_eq!(open, ["/healthz", "/metrics", "/readyz", "/v1/models", "/v1/queue"]);
    henna_service::tokens::Tokens::of(&service.store).revoke("ann").unwrap();
    assert_eq!(service.get("/v1/jobs", &token).status, 401);
}

#[test]
fn what_everybody_may_see_names_no_owner() {
    let (service, party) = (Running::new(), Party::new());
    let token = service.token("ann-of-the-clinic");
    service.post("/v1/keys", &token, &read(&party.evaluation));
    let job = service.job(&token, &read(&party.request(2)));
    service.over(&token, &job);
    for path in ["/healthz", "/metrics", "/readyz", "/v1/models", "/v1/queue", "/", "/reports"] {
        let text = String::from_utf8(service.ask("GET", path, None, None).body).unwrap();
        for hidden in ["ann-of-the-clinic", &party.number, &job] {
            assert!(!text.contains(hidden), "{hidden} in {path}");
        }
    }
}
