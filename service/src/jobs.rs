//! The queue: what is accepted, what waits and runs, and when it will be done.

mod estimate;
mod intake;
mod speeds;
mod view;
mod worker;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub(crate) use intake::Upload;
pub use view::{JobView, KeyView, Progress, QueueView};

use crate::cache::{Cache, KeyId};
use crate::catalogue::Catalogue;
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::problem::{Error, Result};
use crate::schemes::Schemes;
use crate::store::{JobRecord, KeyRecord, Recovered, State, Store};
use speeds::Speeds;

/// Why a running job ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// It was deleted.
    Deleted = 1,
    /// The service ends.
    Shutdown = 2,
    /// It took too long.
    Late = 3,
}

/// What those who watch a job are told.
#[derive(Clone, Debug, PartialEq)]
struct Snapshot {
    state: State,
    progress: Progress,
}

/// A job that waits or runs.
struct Live {
    stop: AtomicU8,
    told: watch::Sender<Snapshot>,
}

impl Live {
    fn new() -> Arc<Self> {
        let (told, _) = watch::channel(Snapshot { state: State::Queued, progress: Progress::default() });
        Arc::new(Self { stop: AtomicU8::new(0), told })
    }

    fn end(&self, why: Stop) {
        // The first reason stays.
        let _ = self.stop.compare_exchange(0, why as u8, Ordering::SeqCst, Ordering::SeqCst);
    }

    fn ended(&self) -> Option<Stop> {
        match self.stop.load(Ordering::SeqCst) {
            1 => Some(Stop::Deleted),
            2 => Some(Stop::Shutdown),
            3 => Some(Stop::Late),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Inner {
    keys: BTreeMap<KeyId, KeyRecord>,
    jobs: BTreeMap<String, JobRecord>,
    queue: VecDeque<String>,
    live: HashMap<String, Arc<Live>>,
    /// When each running job began.
    began: HashMap<String, Instant>,
    speeds: Speeds,
    /// Keys and jobs that are being brought to the disk, and count already.
    pending_keys: BTreeSet<KeyId>,
    pending_jobs: HashMap<String, usize>,
    closing: bool,
}

/// All keys and jobs of a service.
pub struct Jobs {
    inner: Mutex<Inner>,
    wake: Condvar,
    store: Arc<Store>,
    limits: Limits,
    schemes: Schemes,
    catalogue: Arc<Catalogue>,
    cache: Cache,
    metrics: Arc<Metrics>,
    threads: usize,
}

impl Jobs {
    /// Takes over what a store holds.
    pub(crate) fn new(
        (store, recovered): (Arc<Store>, Recovered),
        limits: Limits,
        schemes: Schemes,
        catalogue: Arc<Catalogue>,
        metrics: Arc<Metrics>,
        threads: usize,
    ) -> Arc<Self> {
        let mut inner = Inner::default();
        for key in recovered.keys {
            inner.keys.insert((key.owner.clone(), key.number.clone()), key);
        }
        for job in recovered.jobs {
            if !job.state.is_over() {
                inner.queue.push_back(job.id.clone());
                inner.live.insert(job.id.clone(), Live::new());
            }
            inner.jobs.insert(job.id.clone(), job);
        }
        let cache = Cache::new(limits.memory, limits.concurrent);
        Arc::new(Self {
            inner: Mutex::new(inner),
            wake: Condvar::new(),
            store,
            limits,
            schemes,
            catalogue,
            cache,
            metrics,
            threads,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the operator allows.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The store.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Engines in memory, and their bytes.
    pub(crate) fn cached(&self) -> (usize, u64) {
        self.cache.size()
    }

    /// Names of the schemes.
    pub(crate) fn schemes(&self) -> Vec<&'static str> {
        self.schemes.names()
    }

    /// Whether the service ends.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Takes no more jobs and starts none; those that run may go on for `grace`, then they are stopped and wait for the next start. Returns
    /// when nothing runs any more.
    pub(crate) fn close(&self, grace: Duration) {
        let mut inner = self.lock();
        inner.closing = true;
        self.wake.notify_all();
        let deadline = Instant::now() + grace;
        while !inner.began.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                for live in inner.began.keys().filter_map(|id| inner.live.get(id)) {
                    live.end(Stop::Shutdown);
                }
            }
            let pause = left.max(Duration::from_millis(50));
            let waited = self.wake.wait_timeout(inner, pause);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Deletes a key of `owner`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while jobs need it; [`Error::Store`].
    pub(crate) fn delete_key(&self, owner: &str, number: &str) -> Result<()> {
        let id = (owner.to_owned(), number.to_owned());
        let record = {
            let mut inner = self.lock();
            if !inner.keys.contains_key(&id) {
                return Err(no_key(number));
            }
            let needs = |job: &&JobRecord| job.owner == owner && job.key == number && !job.state.is_over();
            let waiting = inner.jobs.values().filter(needs).count();
            if waiting > 0 || inner.pending_jobs.contains_key(owner) {
                return Err(Error::Conflict(format!(
                    "{waiting} unfinished jobs need the keys {number}: delete them first"
                )));
            }
            inner.keys.remove(&id)
        };
        self.cache.forget(&id);
        let Some(record) = record else { return Err(no_key(number)) };
        self.store.delete_key(&record).inspect_err(|_| {
            self.lock().keys.insert(id, record.clone());
        })
    }

    /// Deletes a job of `owner` with its files; one that runs is stopped.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub(crate) fn delete_job(&self, owner: &str, id: &str) -> Result<()> {
        let runs = {
            let mut inner = self.lock();
            inner.jobs.get(id).filter(|job| job.owner == owner).ok_or_else(|| no_job(id))?;
            inner.jobs.remove(id);
            inner.queue.retain(|queued| queued != id);
            if let Some(live) = inner.live.get(id) {
                live.end(Stop::Deleted);
            }
            let runs = inner.began.contains_key(id);
            if !runs {
                inner.live.remove(id);
            }
            runs
        };
        // The worker removes the files of a job that runs, when it has let go of them.
        if runs { Ok(()) } else { self.store.delete_job(id) }
    }

    /// Deletes jobs that ended longer ago than they are kept; how many.
    pub(crate) fn sweep(&self) -> Result<usize> {
        let before = crate::ids::now().saturating_sub(self.limits.keep.as_millis() as u64);
        let old: Vec<(String, String)> = {
            let inner = self.lock();
            let over = |job: &&JobRecord| job.finished.is_some_and(|finished| finished < before);
            inner.jobs.values().filter(over).map(|job| (job.owner.clone(), job.id.clone())).collect()
        };
        for (owner, id) in &old {
            match self.delete_job(owner, id) {
                Ok(()) | Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(old.len())
    }
}

fn no_key(number: &str) -> Error {
    Error::NotFound(format!("key {number}"))
}

fn no_job(id: &str) -> Error {
    Error::NotFound(format!("job {id}"))
}
