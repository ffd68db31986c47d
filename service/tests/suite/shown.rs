//! The page, the reports, the metrics and the description.

use serde_json::Value;

use super::party::{Party, read};
use super::running::Running;

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let service = Running::new();
    for (path, kind) in [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let answer = service.ask("GET", path, None, None);
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").starts_with(kind), "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let text = String::from_utf8(answer.body).unwrap();
        for elsewhere in
            ["http://", "https://", "//cdn", "innerHTML", "onclick=", "style=\"", "@import", "eval("]
        {
            assert!(!text.contains(elsewhere), "{elsewhere} in {path}");
        }
    }
    let page = String::from_utf8(service.ask("GET", "/", None, None).body).unwrap();
    assert!(page.contains("MORE falls") && page.contains("weights") && page.contains("in the clear"));
}

#[test]
fn reports_are_listed_and_shown_without_any_right() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mnist.html"), "<p>a report</p>").unwrap();
    std::fs::write(folder.path().join("secret.txt"), "no").unwrap();
    let service = Running::with(|config| config.reports = Some(folder.path().to_path_buf()));
    let list = service.ask("GET", "/reports", None, None).json();
    assert_eq!((list.as_array().unwrap().len(), list[0]["name"].as_str()), (1, Some("mnist.html")));
    let report = service.ask("GET", "/reports/mnist.html", None, None);
    assert_eq!((report.status, &report.body[..]), (200, &b"<p>a report</p>"[..]));
    let policy = report.header("content-security-policy");
    assert!(policy.starts_with("sandbox;") && !policy.contains("allow"), "{policy}");
    for path in ["secret.txt", "..%2fstore%2ftokens.json", "%2e%2e", "none.html"] {
        service.ask("GET", &format!("/reports/{path}"), None, None).refused(404, "no such report");
    }
    assert_eq!(Running::new().ask("GET", "/reports", None, None).json(), serde_json::json!([]));
}

#[test]
fn metrics_count_what_happens() {
    let (service, party) = (Running::new(), Party::new());
    let token = service.token("ann");
    service.post("/v1/keys", &token, &read(&party.evaluation));
    let job = service.job(&token, &read(&party.request(2)));
    service.over(&token, &job);
    service.get("/v1/jobs", "wrong");
    let text = String::from_utf8(service.ask("GET", "/metrics", None, None).body).unwrap();
    for line in [
        "henna_jobs_total{model=\"mine\",scheme=\"more\",state=\"finished\"} 1",
        "henna_http_requests_total{method=\"POST\",route=\"/v1/keys\",status=\"201\"} 1",
        "henna_http_requests_total{method=\"GET\",route=\"/v1/jobs\",status=\"401\"} 1",
        "henna_evaluation_seconds_count{model=\"mine\",scheme=\"more\"} 1",
        "henna_jobs_queued 0",
        "henna_key_cache_misses_total 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is not in:\n{text}");
    }
}

#[test]
fn the_description_is_complete_and_the_docs_name_every_operation() {
    let service = Running::new();
    let api: Value = service.ask("GET", "/v1/openapi.json", None, None).json();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    let docs = include_str!("../../../docs/service.md");
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("`{} {path}`", method.to_uppercase());
            assert!(docs.contains(&name), "docs/service.md does not name {name}");
            assert!(operation["summary"].as_str().is_some_and(|words| !words.is_empty()), "{name}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
        }
    }
    assert_eq!(api["components"]["securitySchemes"]["token"]["scheme"], "bearer");
}
