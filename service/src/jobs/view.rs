//! What owners and everybody are shown, and when a job will be done.

use std::time::Duration;

use exchange::WeightsAre;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Inner, Jobs, Snapshot, State, no_job, no_key};
use crate::problem::Result;
use crate::store::{Blob, JobRecord, KeyRecord};

/// How far a running job is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Share of the work that is done, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub fraction: f64,
    /// The sample at work, from 1; 0 before the first.
    pub sample: u64,
    /// What is being done: a step of the network, or reading keys.
    pub step: String,
}

/// Evaluation keys of the owner who asks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// Their number.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub number: String,
    /// Name of the model.
    pub model: String,
    /// Name of the scheme.
    pub scheme: String,
    /// The parameters in words.
    pub parameters: String,
    /// Whether they are for encrypted weights.
    pub weights_encrypted: bool,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 with which the file ends, over all that is before.
    pub checksum: String,
    /// When they came, in milliseconds since 1970.
    pub created: u64,
    /// Whether they are expanded in memory: a job starts at once then.
    pub loaded: bool,
}

/// A job of the owner who asks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its number.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub id: String,
    /// How far it is.
    pub state: State,
    /// Number of the keys.
    pub key: String,
    /// Name of the model.
    pub model: String,
    /// Name of the scheme.
    pub scheme: String,
    /// The parameters in words.
    pub parameters: String,
    /// Encrypted samples.
    pub samples: u64,
    /// Bytes of the request.
    pub request_bytes: u64,
    /// Bytes of the results, when they are there.
    pub result_bytes: Option<u64>,
    /// When it was accepted, in milliseconds since 1970.
    pub created: u64,
    /// When it was begun.
    pub started: Option<u64>,
    /// When it ended.
    pub finished: Option<u64>,
    /// How often it was begun.
    pub attempts: u32,
    /// Jobs that run or wait before it, while it waits.
    pub ahead: Option<u64>,
    /// Seconds until it is done, by what was measured so far, while it waits or runs.
    pub remaining_seconds: Option<f64>,
    /// Seconds from acceptance to the end, as predicted when it came.
    pub predicted_seconds: Option<f64>,
    /// Seconds of reading keys and encoding weights, where that was needed.
    pub load_seconds: Option<f64>,
    /// Seconds of the evaluation.
    pub seconds: Option<f64>,
    /// How far it is, while it runs.
    pub progress: Option<Progress>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The queue, without a word of whose jobs they are.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QueueView {
    /// Jobs that wait.
    pub queued: u64,
    /// Jobs that run.
    pub running: u64,
    /// Jobs that run at once.
    pub concurrent: u64,
    /// Jobs that may wait.
    pub places: u64,
    /// Seconds until all that is here now is done.
    pub remaining_seconds: f64,
    /// How far each running job is, from 0 to 1.
    pub progress: Vec<f64>,
}

impl Jobs {
    fn view_key(&self, record: &KeyRecord) -> KeyView {
        let KeyRecord { owner, number, header, bytes, checksum, created, .. } = record;
        KeyView {
            number: number.clone(),
            model: header.network.name.clone(),
            scheme: header.scheme.clone(),
            parameters: header.description.clone(),
            weights_encrypted: header.weights == WeightsAre::Encrypted,
            bytes: *bytes,
            checksum: checksum.clone(),
            created: *created,
            loaded: self.cache.has(&(owner.clone(), number.clone())),
        }
    }

    fn view_job(&self, inner: &Inner, job: &JobRecord, done: &[(String, f64)]) -> JobView {
        let place = done.iter().position(|(id, _)| *id == job.id);
        let waits = place.and_then(|place| Some((place, done.get(place)?.1)));
        let live = inner.live.get(&job.id).filter(|_| job.state == State::Running);
        JobView {
            id: job.id.clone(),
            state: job.state,
            key: job.key.clone(),
            model: job.model.clone(),
            scheme: job.scheme.clone(),
            parameters: job.parameters.clone(),
            samples: job.samples,
            request_bytes: job.request_bytes,
            result_bytes: job.result_bytes,
            created: job.created,
            started: job.started,
            finished: job.finished,
            attempts: job.attempts,
            ahead: waits.map(|(place, _)| (place + inner.began.len()) as u64),
            remaining_seconds: match job.state {
                State::Queued => waits.map(|(_, seconds)| seconds),
                State::Running => Some(self.left(inner, &job.id)),
                State::Finished | State::Failed => None,
            },
            predicted_seconds: job.predicted_seconds,
            load_seconds: job.load_seconds,
            seconds: job.seconds,
            progress: live.map(|live| live.told.borrow().progress.clone()),
            error: job.error.clone(),
        }
    }

    /// All keys of `owner`, by number.
    pub(crate) fn keys(&self, owner: &str) -> Vec<KeyView> {
        let inner = self.lock();
        inner.keys.values().filter(|key| key.owner == owner).map(|key| self.view_key(key)).collect()
    }

    /// A key of `owner`.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound).
    pub(crate) fn key(&self, owner: &str, number: &str) -> Result<KeyView> {
        let inner = self.lock();
        let found = inner.keys.get(&(owner.to_owned(), number.to_owned())).ok_or_else(|| no_key(number))?;
        Ok(self.view_key(found))
    }

    /// All jobs of `owner`, newest first.
    pub(crate) fn jobs(&self, owner: &str) -> Vec<JobView> {
        let inner = self.lock();
        let (_, done) = self.simulate(&inner);
        let own = inner.jobs.values().filter(|job| job.owner == owner);
        let mut jobs: Vec<JobView> = own.map(|job| self.view_job(&inner, job, &done)).collect();
        jobs.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        jobs
    }

    /// A job of `owner`.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound).
    pub(crate) fn job(&self, owner: &str, id: &str) -> Result<JobView> {
        let inner = self.lock();
        let job = inner.jobs.get(id).filter(|job| job.owner == owner).ok_or_else(|| no_job(id))?;
        let done = if job.state == State::Queued { self.simulate(&inner).1 } else { Vec::new() };
        Ok(self.view_job(&inner, job, &done))
    }

    /// Waits until a job of `owner` changes in state or progress, or `time` is over; false when nothing more will change.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound).
    pub(crate) async fn changed(
        &self,
        owner: &str,
        id: &str,
        until_over: bool,
        time: Duration,
    ) -> Result<bool> {
        let mut told = {
            let inner = self.lock();
            let job = inner.jobs.get(id).filter(|job| job.owner == owner).ok_or_else(|| no_job(id))?;
            match inner.live.get(id) {
                Some(live) if !job.state.is_over() => live.told.subscribe(),
                _ => return Ok(false),
            }
        };
        let over = |snapshot: &Snapshot| !until_over || snapshot.state.is_over();
        let change = async {
            while told.changed().await.is_ok() {
                if over(&told.borrow()) {
                    return;
                }
            }
        };
        // Time over is no failure: the caller looks at the job either way.
        let _ = tokio::time::timeout(time, change).await;
        Ok(true)
    }

    /// The file with the results of a finished job of `owner`, and its size.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound); [`Error::Conflict`](crate::Error::Conflict) for a job without results.
    pub(crate) fn results(&self, owner: &str, id: &str) -> Result<(std::path::PathBuf, u64)> {
        let inner = self.lock();
        let job = inner.jobs.get(id).filter(|job| job.owner == owner).ok_or_else(|| no_job(id))?;
        match (job.state, job.result_bytes) {
            (State::Finished, Some(bytes)) => Ok((self.store.path(Blob::Results, id), bytes)),
            (state, _) => {
                let why = job.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
                Err(crate::Error::Conflict(format!(
                    "the job {id} has no results, it is {}{why}",
                    state.word()
                )))
            }
        }
    }

    /// The queue as everybody may see it.
    pub(crate) fn queue(&self) -> QueueView {
        let inner = self.lock();
        let (places, _) = self.simulate(&inner);
        let fraction =
            |id: &String| inner.live.get(id).map_or(0.0, |live| live.told.borrow().progress.fraction);
        QueueView {
            queued: inner.queue.len() as u64,
            running: inner.began.len() as u64,
            concurrent: self.limits.concurrent as u64,
            places: self.limits.queue as u64,
            remaining_seconds: places.iter().copied().fold(0.0, f64::max),
            progress: inner.began.keys().map(fraction).collect(),
        }
    }
}
