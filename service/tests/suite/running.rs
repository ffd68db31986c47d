//! A service on a free port, and plain requests to it.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use backend_more::More;
use he_traits::Clear;
use henna_service::client::{Client, Options};
use henna_service::serve::Tls;
use henna_service::tokens::Tokens;
use henna_service::{Config, Schemes, Served, Service};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::party::served;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// All that services of this process have logged, at every level.
pub(crate) fn logged() -> Vec<u8> {
    LOG.lock().unwrap().clone()
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn keep_log() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let targets = Targets::new().with_target("henna_service", LevelFilter::TRACE);
        let text = tracing_subscriber::fmt::layer().with_writer(|| Log).with_ansi(false);
        tracing_subscriber::registry().with(targets).with(text).init();
    });
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that it is a problem of this status, in one sentence with these words.
    pub(crate) fn refused(&self, status: u16, words: &str) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{text}");
        let problem = self.json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words) && !detail.contains('\n'), "{words:?} is not in {detail}");
        assert_eq!(problem["status"], status);
    }
}

pub(crate) struct Running {
    pub(crate) address: String,
    pub(crate) store: PathBuf,
    folder: Option<TempDir>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::of(8, change)
    }

    /// A service of a network with so many hidden units.
    pub(crate) fn of(hidden: usize, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Self::at(&folder.path().join("store"), hidden, None, change);
        running.folder = Some(folder);
        running
    }

    /// A service of these models.
    pub(crate) fn serving(models: Vec<Served>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Self::start(&folder.path().join("store"), models, None, |_| {});
        running.folder = Some(folder);
        running
    }

    /// A service over a store that may be there already.
    pub(crate) fn at(
        store: &Path,
        hidden: usize,
        tls: Option<Tls>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        Self::start(store, vec![served(hidden)], tls, change)
    }

    pub(crate) fn start(
        store: &Path,
        models: Vec<Served>,
        tls: Option<Tls>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        keep_log();
        let mut config = Config::new(store);
        config.threads = Some(1);
        config.grace = Duration::from_secs(20);
        change(&mut config);
        let schemes = Schemes::default().with::<More>().with::<Clear>();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let protocol = if tls.is_some() { "https" } else { "http" };
        let address = format!("{protocol}://{}", listener.local_addr().unwrap());
        let service = Service::start(config, models, schemes).unwrap();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let run = service.run(listener, tls.as_ref(), async {
                let _ = ended.await;
            });
            runtime.unwrap().block_on(run).unwrap();
        });
        Self { address, store: store.to_path_buf(), folder: None, end: Some(end), thread: Some(thread) }
    }

    /// Ends it, as SIGTERM would; the folder of its store, which stays.
    pub(crate) fn end(mut self) -> Option<TempDir> {
        self.shut_down();
        self.folder.take()
    }

    fn shut_down(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }

    pub(crate) fn token(&self, owner: &str) -> String {
        Tokens::of(&self.store).add(owner).unwrap()
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(&self.address, token, &Options::default()).unwrap()
    }

    /// A request as it is.
    pub(crate) fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Option<&[u8]>) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = match body {
            Some(body) => agent.run(request.body(body).unwrap()),
            None => agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, Some(token), None)
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &[u8]) -> Answer {
        self.ask("POST", path, Some(token), Some(body))
    }

    /// Sends a request that must be taken; the number of its job.
    pub(crate) fn job(&self, token: &str, request: &[u8]) -> String {
        let answer = self.post("/v1/jobs", token, request);
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Looks at a job until it is over.
    pub(crate) fn over(&self, token: &str, id: &str) -> Value {
        for _ in 0..60 {
            let job = self.get(&format!("/v1/jobs/{id}?wait=5"), token).json();
            if matches!(job["state"].as_str(), Some("finished" | "failed")) {
                return job;
            }
        }
        panic!("the job {id} does not end");
    }

    /// Looks at a job until it runs.
    pub(crate) fn runs(&self, token: &str, id: &str) {
        for _ in 0..2000 {
            let job = self.get(&format!("/v1/jobs/{id}"), token).json();
            match job["state"].as_str() {
                Some("queued") => std::thread::sleep(Duration::from_millis(2)),
                Some("running") => return,
                other => panic!("the job is {other:?} before it was seen running"),
            }
        }
        panic!("the job {id} does not start");
    }

    /// All files of the store, with their bytes.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn walk(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                match entry.path() {
                    path if path.is_dir() => walk(&path, found),
                    path => found.push((path.clone(), std::fs::read(&path).unwrap_or_default())),
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.store, &mut found);
        found
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
    }
}
