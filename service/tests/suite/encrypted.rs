//! Models of which the server has the encrypted weights alone.

use henna_service::{Config, Schemes, Served, Service};

use super::party::{Party, network, read, served};
use super::running::Running;

fn hidden(party: &Party) -> Served {
    Served::encrypted("a network for tests".to_owned(), network(8).0, &party.model).unwrap()
}

#[test]
fn a_model_is_served_that_the_server_does_not_see() {
    let (ann, bob, clear) = (Party::encrypted(8), Party::encrypted(8), Party::new());
    let service = Running::serving(vec![served(8), hidden(&ann), hidden(&bob)]);
    let tokens = [service.token("ann"), service.token("bob")];
    for (party, token) in [(&ann, &tokens[0]), (&bob, &tokens[1]), (&clear, &tokens[0])] {
        assert_eq!(service.post("/v1/keys", token, &read(&party.evaluation)).status, 201);
        for samples in [1, 19] {
            let id = service.job(token, &read(&party.request(samples)));
            let job = service.over(token, &id);
            assert_eq!(job["state"], "finished", "{job}");
            party.check(&service.get(&format!("/v1/jobs/{id}/results"), token).body, samples);
        }
    }
    let models = service.ask("GET", "/v1/models", None, None).json();
    let models = models.as_array().unwrap();
    let hidden: Vec<bool> = models.iter().map(|model| model["weights_encrypted"] == true).collect();
    assert_eq!(hidden, [false, true, true]);
    // It runs under the scheme of its file alone, and that protects nothing.
    let plans = models[1]["plans"].as_array().unwrap();
    assert_eq!((plans.len(), &plans[0]["scheme"]), (1, &serde_json::json!("more")));
    assert_eq!((plans[0]["security_bits"].as_u64(), plans[0]["key_bytes"].as_u64()), (Some(0), Some(0)));
    // Nothing says whose weights these are.
    let told = serde_json::to_string(models).unwrap();
    assert!(!told.contains(&ann.number[..12]) && !told.contains(&bob.number[..12]), "{told}");
    let keys = service.get("/v1/keys", &tokens[0]).json();
    let encrypted = keys.as_array().unwrap().iter().filter(|key| key["weights_encrypted"] == true);
    assert_eq!(encrypted.count(), 1, "{keys}");
}

#[test]
fn keys_for_other_weights_are_refused() {
    let (ann, bob) = (Party::encrypted(8), Party::encrypted(8));
    let only_ann = Running::serving(vec![hidden(&ann)]);
    let token = only_ann.token("bob");
    let refusal = only_ann.post("/v1/keys", &token, &read(&bob.evaluation));
    refusal.refused(422, &format!("encrypted under the keys {}", &bob.number[..12]));
    assert!(!String::from_utf8_lossy(&refusal.body).contains(&ann.number[..12]));
    let clear = read(&Party::new().evaluation);
    only_ann.post("/v1/keys", &token, &clear).refused(422, "this server has them encrypted");
    only_ann.post("/v1/keys", &token, &read(&ann.model)).refused(422, "encrypted weights");
    only_ann.post("/v1/keys", &token, &read(&Party::encrypted(9).evaluation)).refused(422, "under the keys");
    let clear = Running::new();
    let token = clear.token("ann");
    clear.post("/v1/keys", &token, &read(&ann.evaluation)).refused(422, "the model file");
}

#[test]
fn weights_that_cannot_be_served_are_refused_at_the_start() {
    let ann = Party::encrypted(8);
    let start = |served: Served, schemes: Schemes| {
        let folder = tempfile::tempdir().unwrap();
        let started = Service::start(Config::new(folder.path()), vec![served], schemes);
        started.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let more = || Schemes::default().with::<backend_more::More>();
    let error = start(hidden(&ann), Schemes::default().with::<he_traits::Clear>());
    assert!(error.contains("made for more, this server has clear"), "{error}");
    // The layers of another network of that name.
    let other = Served::encrypted(String::new(), network(9).0, &ann.model).unwrap();
    let error = start(other, more());
    assert!(error.contains("the encrypted model mine") && error.contains("weights and graph"), "{error}");
    for (path, words) in [(&ann.secret, "must not reach the server"), (&ann.evaluation, "evaluation keys")] {
        let error = Served::encrypted(String::new(), network(8).0, path).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn weights_that_do_not_fit_into_the_memory_are_refused_in_a_sentence() {
    let party = Party::encrypted(8);
    let size = std::fs::metadata(&party.model).unwrap().len() + read(&party.evaluation).len() as u64;
    let folder = tempfile::tempdir().unwrap();
    for (memory, words) in [(size - 1, "bytes of memory"), (size, "with its encrypted weights")] {
        let store = folder.path().join(memory.to_string());
        let service =
            Running::start(&store, vec![hidden(&party)], None, |config| config.limits.memory = memory);
        let token = service.token("ann");
        service.post("/v1/keys", &token, &read(&party.evaluation));
        let job = service.over(&token, &service.job(&token, &read(&party.request(1))));
        assert_eq!(job["state"], "failed");
        assert!(job["error"].as_str().unwrap().contains(words), "{job}");
    }
}
