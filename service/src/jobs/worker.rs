//! The threads that work the queue off. They are no threads of the network side: an evaluation never holds up an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use exchange::{Kind, Reader, Writer};

use super::{Jobs, Live, Progress, Snapshot, State, Stop};
use crate::ids::now;
use crate::problem::{Error, Result};
use crate::schemes::{At, Engine, Open};
use crate::store::{Blob, JobRecord};

/// What an evaluation gave.
struct Done {
    bytes: u64,
    seconds: f64,
}

impl Jobs {
    /// Starts a thread for each job that may run at once, each with its share of the computing threads.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system gives no threads.
    pub(crate) fn start(self: &Arc<Self>) -> Result<Vec<JoinHandle<()>>> {
        let workers = self.limits.concurrent.max(1);
        let threads = (self.threads / workers).max(1);
        let failed =
            |error: &dyn std::fmt::Display| Error::Internal(format!("cannot start threads: {error}"));
        let start = |number: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(move |thread| format!("compute-{number}-{thread}"))
                .build()
                .map_err(|error| failed(&error))?;
            let jobs = Arc::clone(self);
            let work = move || {
                while let Some((record, live)) = jobs.next() {
                    jobs.run(&pool, record, &live);
                }
            };
            std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(work)
                .map_err(|error| failed(&error))
        };
        (0..workers).map(start).collect()
    }

    /// The next job, marked as running; `None` when the service ends.
    fn next(&self) -> Option<(JobRecord, Arc<Live>)> {
        let mut inner = self.lock();
        loop {
            if inner.closing {
                return None;
            }
            if let Some(id) = inner.queue.pop_front() {
                let live = inner.live.get(&id).cloned();
                if let (Some(record), Some(live)) = (inner.jobs.get_mut(&id), live) {
                    record.state = State::Running;
                    record.started = Some(now());
                    record.attempts += 1;
                    let record = record.clone();
                    inner.began.insert(id, Instant::now());
                    return Some((record, live));
                }
                continue;
            }
            inner = self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run(&self, pool: &rayon::ThreadPool, mut record: JobRecord, live: &Live) {
        let _ = live.told.send_replace(Snapshot { state: State::Running, progress: Progress::default() });
        let outcome = if record.attempts > self.limits.attempts {
            let begun = record.attempts - 1;
            Err(Error::Refused(format!(
                "it was begun {begun} times, and each time the server ended before it was done"
            )))
        } else {
            self.store.put_job(&record).and_then(|()| {
                catch_unwind(AssertUnwindSafe(|| self.evaluate(pool, &mut record, live)))
                    .unwrap_or_else(|_| Err(Error::Internal("the evaluation panicked".to_owned())))
            })
        };
        match (outcome, live.ended()) {
            (Err(_), Some(Stop::Shutdown)) => {
                // A start that a shutdown cuts short is no attempt.
                record.state = State::Queued;
                record.attempts = record.attempts.saturating_sub(1);
                record.started = None;
            }
            (Ok(done), _) => {
                record.state = State::Finished;
                record.result_bytes = Some(done.bytes);
                record.seconds = Some(done.seconds);
                record.finished = Some(now());
            }
            (Err(error), ended) => {
                record.state = State::Failed;
                record.finished = Some(now());
                record.error = Some(self.reason(&error, ended));
            }
        }
        self.settle(record, live);
    }

    /// Why a job failed, in a sentence for its owner.
    fn reason(&self, error: &Error, ended: Option<Stop>) -> String {
        match (error, ended) {
            (_, Some(Stop::Late)) => {
                format!("it ran longer than the {} s that a job may take", self.limits.job_time.as_secs())
            }
            (Error::Refused(reason), _) => reason.clone(),
            (other, _) => {
                tracing::error!(reason = %other, "a job failed");
                "the server could not do it; its operator's log says why".to_owned()
            }
        }
    }

    /// Brings the end of a job to the disk, then tells of it.
    fn settle(&self, record: JobRecord, live: &Live) {
        let id = record.id.clone();
        if let Err(error) = self.store.put_job(&record) {
            // The record on the disk still says that the job runs: it is run again after the next start.
            tracing::error!(%error, "the end of a job could not be stored");
        } else if record.state.is_over() {
            self.store.remove(Blob::Request, &id);
        }
        let state = record.state;
        self.metrics.job_ended(&record);
        let mut inner = self.lock();
        inner.began.remove(&id);
        if let (State::Finished, Some(seconds)) = (state, record.seconds) {
            inner.speeds.evaluated(&Self::kind(&record), record.samples, seconds);
        }
        if state.is_over() {
            inner.live.remove(&id);
        }
        let deleted = match inner.jobs.get_mut(&id) {
            Some(known) => {
                *known = record;
                false
            }
            None => true,
        };
        if !state.is_over() && !deleted {
            inner.queue.push_front(id.clone());
        }
        drop(inner);
        if deleted && let Err(error) = self.store.delete_job(&id) {
            tracing::error!(%error, "a deleted job stays until the next start");
        }
        let progress = Progress { fraction: 1.0, ..Progress::default() };
        let _ = live.told.send_replace(Snapshot { state, progress });
        self.wake.notify_all();
    }

    fn evaluate(&self, pool: &rayon::ThreadPool, record: &mut JobRecord, live: &Live) -> Result<Done> {
        let deadline = Instant::now() + self.limits.job_time;
        let tell = |at: At<'_>, loading: bool| {
            if Instant::now() > deadline {
                live.end(Stop::Late);
            }
            let fraction = if loading { 0.0 } else { at.fraction };
            let step = if loading { format!("preparing {}", at.step) } else { at.step.to_owned() };
            let progress = Progress { fraction, sample: at.sample, step };
            let _ = live.told.send_replace(Snapshot { state: State::Running, progress });
            live.ended().is_none()
        };
        let engine = self.engine(pool, record, &mut |at| tell(at, true))?;
        let refused = |error: exchange::Error| Error::Refused(error.to_string());
        let path = self.store.path(Blob::Request, &record.id);
        let file = std::fs::File::open(&path).map_err(Error::store)?;
        let mut request = Reader::new("the request", file, Kind::Request).map_err(refused)?;
        let header = engine.results_header(request.header(), "the request").map_err(refused)?;
        let start = Instant::now();
        let out = self.store.path(Blob::Results, &record.id);
        let mut results = Writer::create(&out, &header).map_err(Error::store)?;
        pool.install(|| engine.evaluate(&mut request, &mut results, &mut |at| tell(at, false)))
            .map_err(refused)?;
        let bytes = results.finish().map_err(Error::store)?;
        Ok(Done { bytes, seconds: start.elapsed().as_secs_f64() })
    }

    /// The network under the job's keys, from memory or made now.
    fn engine(
        &self,
        pool: &rayon::ThreadPool,
        record: &mut JobRecord,
        observe: &mut (dyn FnMut(At<'_>) -> bool + Send),
    ) -> Result<Arc<dyn Engine>> {
        let id = (record.owner.clone(), record.key.clone());
        let key = self.lock().keys.get(&id).cloned();
        let Some(key) = key else {
            return Err(Error::Refused(format!("the keys {} are gone", record.key)));
        };
        let start = Instant::now();
        let model = self.catalogue.of(&key.header)?;
        let files = key.bytes + model.file().map_or(0, |file| file.bytes());
        let load = || {
            let file = std::fs::File::open(self.store.path(Blob::Keys, &key.file)).map_err(Error::store)?;
            let memory = self.cache.share();
            let refused = |error: exchange::Error| Error::Refused(error.to_string());
            let opened = pool.install(|| {
                let keys = Reader::new("the evaluation keys", file, Kind::EvaluationKeys)?;
                let open = Open { keys, model: &model, memory, observe };
                self.schemes.open(&key.header.scheme, open).transpose()
            });
            let missing =
                || Error::Refused(format!("this server does not have the scheme {}", key.header.scheme));
            opened.map_err(refused)?.ok_or_else(missing)
        };
        let (engine, kept) = self.cache.get(&id, files, load)?;
        self.metrics.engine(kept);
        if !kept {
            let seconds = start.elapsed().as_secs_f64();
            record.load_seconds = Some(seconds);
            let mut inner = self.lock();
            inner.speeds.loaded(&Self::kind(record), seconds);
            // The first estimate of a kind comes from the cost model at these very parameters.
            let threads = pool.current_num_threads() as f64;
            inner.speeds.guess(&Self::kind(record), engine.sample_seconds() / threads);
        }
        Ok(engine)
    }
}
