//! TLS, and a certificate of one's own.

use henna_service::client::{Client, Options};
use henna_service::serve::Tls;

use super::party::{Party, read};
use super::running::Running;

#[test]
fn clients_that_trust_the_certificate_come_in() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls { certificate: certificate.clone(), key };
    let (service, party) = (Running::at(&folder.path().join("store"), 8, Some(tls), |_| {}), Party::new());
    let token = service.token("ann");
    let trusting = Options { authority: Some(certificate), ..Options::default() };
    let client = Client::new(&service.address, &token, &trusting).unwrap();
    client.send_keys(&party.evaluation, &mut |_| {}).unwrap();
    let job = client.send_request(&party.request(2), &mut |_| {}).unwrap();
    assert_eq!(client.wait(&job.id, &mut |_| {}).unwrap().state.word(), "finished");
    let mut results = Vec::new();
    client.results(&job.id, &mut results).unwrap();
    party.check(&results, 2);
    assert!(!read(&party.evaluation).is_empty());
    // Others do not, and nothing is sent in the clear.
    let error = service.client(&token).models().unwrap_err().to_string();
    assert!(error.to_lowercase().contains("certificate"), "{error}");
    let plain = Client::new(&service.address.replace("https", "http"), &token, &Options::default()).unwrap();
    assert!(plain.models().is_err());
}
