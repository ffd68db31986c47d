//! What the operator decides.

use std::path::PathBuf;
use std::time::Duration;

/// How much owners may ask for.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one file of evaluation keys.
    pub key_bytes: u64,
    /// Bytes of one request.
    pub request_bytes: u64,
    /// Keys that an owner may have here.
    pub keys: usize,
    /// Jobs that an owner may have here, finished ones included until they are deleted or forgotten.
    pub jobs: usize,
    /// Jobs that may wait, of all owners.
    pub queue: usize,
    /// Jobs that run at once.
    pub concurrent: usize,
    /// Connections that are open at once.
    pub connections: usize,
    /// Uploads that run at once.
    pub uploads: usize,
    /// How long a job may run.
    pub job_time: Duration,
    /// How long an upload may stand still.
    pub upload_pause: Duration,
    /// How often a job is begun before it is reported as failed: each crash of the server costs one.
    pub attempts: u32,
    /// Bytes of expanded keys and encoded weights that are kept in memory, and of what a run computes with.
    pub memory: u64,
    /// How long finished jobs and their results are kept.
    pub keep: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            key_bytes: 4_000_000_000,
            request_bytes: 1_000_000_000,
            keys: 8,
            jobs: 64,
            queue: 32,
            concurrent: 1,
            connections: 256,
            uploads: 8,
            job_time: Duration::from_secs(3600),
            upload_pause: Duration::from_secs(30),
            attempts: 3,
            memory: 8_000_000_000,
            keep: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// A service's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of keys, jobs and tokens.
    pub store: PathBuf,
    /// How much owners may ask for.
    pub limits: Limits,
    /// Threads that compute, shared out among the jobs that run at once; all of the machine when absent.
    pub threads: Option<usize>,
    /// A folder with comparison reports (HTML) to show.
    pub reports: Option<PathBuf>,
    /// How long running jobs may go on after the service was asked to end.
    pub grace: Duration,
}

impl Config {
    /// Settings with the default limits.
    #[must_use]
    pub fn new(store: impl Into<PathBuf>) -> Self {
        Self {
            store: store.into(),
            limits: Limits::default(),
            threads: None,
            reports: None,
            grace: Duration::from_secs(30),
        }
    }
}
