//! The other side: brings files to a service and fetches results. It needs no key, and reads none.

mod error;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, SendBody};

pub use error::{Error, Result};

use crate::api::{Accepted, ModelView, Stored};
use crate::jobs::{JobView, KeyView};

/// How a client reaches its service.
#[derive(Clone, Default)]
pub struct Options {
    /// A certificate (PEM) to trust in place of the public authorities.
    pub authority: Option<PathBuf>,
    /// How long a service that is full, or not there, is asked again.
    pub patience: Duration,
}

/// A client of one service, with one owner's token.
pub struct Client {
    agent: Agent,
    server: String,
    token: String,
    patience: Duration,
}

#[derive(Deserialize)]
struct Detail {
    detail: String,
}

impl Client {
    /// A client of the service at `server`, such as `https://henna.example:8443`.
    ///
    /// # Errors
    /// [`Error::Setup`] for an address without `http://` or `https://`, a token with odd characters, or a certificate that is none.
    pub fn new(server: &str, token: &str, options: &Options) -> Result<Self> {
        let server = server.trim_end_matches('/').to_owned();
        if !(server.starts_with("http://") || server.starts_with("https://")) {
            return Err(Error::Setup(format!(
                "{server:?} is no address: it starts with https:// or http://"
            )));
        }
        let token = token.trim().to_owned();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Setup("the token is none: the server's operator gives it out".to_owned()));
        }
        let mut tls = TlsConfig::builder();
        if let Some(path) = &options.authority {
            let pem = std::fs::read(path).map_err(|source| Error::Io { path: path.clone(), source })?;
            let certificate = Certificate::from_pem(&pem)
                .map_err(|error| Error::Setup(format!("{}: {error}", path.display())))?;
            tls = tls.root_certs(RootCerts::new_with_certs(&[certificate]));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(20)))
            .tls_config(tls.build())
            .build()
            .into();
        Ok(Self { agent, server, token, patience: options.patience })
    }

    /// The models that are served.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Refused`]; so it is with all that ask the service.
    pub fn models(&self) -> Result<Vec<ModelView>> {
        self.get("/v1/models")
    }

    /// The keys of this number, if the service has them.
    ///
    /// # Errors
    /// As [`Client::models`].
    pub fn key(&self, number: &str) -> Result<Option<KeyView>> {
        match self.get(&format!("/v1/keys/{number}")) {
            Ok(key) => Ok(Some(key)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Brings evaluation keys. `sent` hears how many bytes are on their way.
    ///
    /// # Errors
    /// As [`Client::models`]; [`Error::Io`].
    pub fn send_keys(&self, file: &Path, sent: &mut dyn FnMut(u64)) -> Result<Stored> {
        self.send("/v1/keys", file, sent)
    }

    /// Brings a request. `sent` hears how many bytes are on their way.
    ///
    /// # Errors
    /// As [`Client::models`]; [`Error::Io`].
    pub fn send_request(&self, file: &Path, sent: &mut dyn FnMut(u64)) -> Result<Accepted> {
        self.send("/v1/jobs", file, sent)
    }

    /// A job, after at most so many seconds, or sooner when it is over.
    ///
    /// # Errors
    /// As [`Client::models`].
    pub fn job(&self, id: &str, wait: u64) -> Result<JobView> {
        self.get(&format!("/v1/jobs/{id}?wait={wait}"))
    }

    /// Waits for a job's end. `progress` hears of it about once a second.
    ///
    /// # Errors
    /// As [`Client::models`]: a service that is away for longer than this client's patience.
    pub fn wait(&self, id: &str, progress: &mut dyn FnMut(&JobView)) -> Result<JobView> {
        let mut away: Option<Instant> = None;
        loop {
            match self.job(id, 1) {
                Ok(job) if job.state.is_over() => return Ok(job),
                Ok(job) => {
                    away = None;
                    progress(&job);
                }
                Err(error @ (Error::Unreachable { .. } | Error::Refused { status: 502..=504, .. })) => {
                    // The job is on the service's disk: a restart does not lose it.
                    if away.get_or_insert_with(Instant::now).elapsed() > self.patience {
                        return Err(error);
                    }
                    std::thread::sleep(Duration::from_secs(1));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Fetches the results of a finished job into `to`; how many bytes.
    ///
    /// # Errors
    /// As [`Client::models`]; [`Error::Io`] when `to` cannot be written.
    pub fn results(&self, id: &str, to: &mut dyn Write) -> Result<u64> {
        let mut response = self.call(self.agent.get(self.address(&format!("/v1/jobs/{id}/results"))))?;
        let announced = response.body().content_length();
        let mut body = response.body_mut().as_reader();
        let (mut buffer, mut done) = (vec![0; 1 << 18], 0u64);
        loop {
            let count = body.read(&mut buffer).map_err(|error| self.unreachable(error))?;
            let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
            to.write_all(piece).map_err(|source| Error::Io { path: "results".into(), source })?;
            done += count as u64;
        }
        match announced {
            Some(length) if length != done => {
                Err(self.unreachable(format!("{done} bytes came, {length} were announced")))
            }
            _ => Ok(done),
        }
    }

    /// Deletes a job with its results.
    ///
    /// # Errors
    /// As [`Client::models`].
    pub fn delete_job(&self, id: &str) -> Result<()> {
        self.call(self.agent.delete(self.address(&format!("/v1/jobs/{id}")))).map(drop)
    }

    /// Deletes evaluation keys.
    ///
    /// # Errors
    /// As [`Client::models`].
    pub fn delete_key(&self, number: &str) -> Result<()> {
        self.call(self.agent.delete(self.address(&format!("/v1/keys/{number}")))).map(drop)
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn unreachable(&self, reason: impl ToString) -> Error {
        Error::Unreachable { server: self.server.clone(), reason: reason.to_string() }
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let mut response = self.call(self.agent.get(self.address(path)))?;
        response.body_mut().read_json().map_err(|error| self.unreachable(error))
    }

    fn call(&self, request: ureq::RequestBuilder<ureq::typestate::WithoutBody>) -> Result<Response<Body>> {
        let answer = request.header("authorization", format!("Bearer {}", self.token)).call();
        self.answered(answer)
    }

    /// Sends a file; where the service is full, again after the time that it names.
    fn send<T: DeserializeOwned>(&self, path: &str, file: &Path, sent: &mut dyn FnMut(u64)) -> Result<T> {
        let start = Instant::now();
        loop {
            match self.send_once(path, file, sent) {
                Err(error) => match error.again_in() {
                    Some(pause) if start.elapsed() + pause <= self.patience => std::thread::sleep(pause),
                    _ => return Err(error),
                },
                done => return done,
            }
        }
    }

    fn send_once<T: DeserializeOwned>(
        &self,
        path: &str,
        file: &Path,
        sent: &mut dyn FnMut(u64),
    ) -> Result<T> {
        let failed = |source| Error::Io { path: file.to_path_buf(), source };
        let opened = File::open(file).map_err(failed)?;
        let bytes = opened.metadata().map_err(failed)?.len();
        let mut source = Told { file: opened, done: 0, sent };
        let answer = self
            .agent
            .post(self.address(path))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/octet-stream")
            .header("content-length", bytes.to_string())
            // What is refused by its first line is not sent.
            .header("expect", "100-continue")
            .send(SendBody::from_reader(&mut source));
        let mut response = self.answered(answer)?;
        response.body_mut().read_json().map_err(|error| self.unreachable(error))
    }

    fn answered(&self, answer: std::result::Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
        let mut response = answer.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let detail = response.body_mut().read_json::<Detail>().map(|problem| problem.detail);
        let words = |status: StatusCode| status.canonical_reason().unwrap_or("an error").to_owned();
        Err(Error::Refused {
            server: self.server.clone(),
            status: status.as_u16(),
            // A foreign server must not write control sequences to a terminal.
            detail: detail.unwrap_or_else(|_| words(status)).replace(char::is_control, "?"),
            retry,
        })
    }
}

/// A file that tells how far it is read.
struct Told<'a> {
    file: File,
    done: u64,
    sent: &'a mut dyn FnMut(u64),
}

impl Read for Told<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.done += count as u64;
        (self.sent)(self.done);
        Ok(count)
    }
}
