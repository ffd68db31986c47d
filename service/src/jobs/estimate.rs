//! When work will be done, from what was measured and what waits.

use std::collections::BTreeSet;

use super::{Inner, Jobs};
use crate::store::JobRecord;

impl Inner {
    /// What two jobs must share to take equally long a sample.
    pub(super) fn kind(job: &JobRecord) -> String {
        format!("{} {} {} {}", job.model, job.scheme, job.parameters, job.weights)
    }
}

impl Jobs {
    pub(super) fn kind(job: &JobRecord) -> String {
        Inner::kind(job)
    }

    /// Seconds that a job takes, were it begun now.
    fn seconds_of(&self, inner: &Inner, job: &JobRecord, loaded: bool) -> f64 {
        let kind = Inner::kind(job);
        let sample = inner.speeds.sample(&kind).unwrap_or_else(|| self.planned(inner, job));
        let load = if loaded { 0.0 } else { inner.speeds.load(&kind).unwrap_or_default() };
        load + sample * job.samples as f64
    }

    /// Seconds a sample by the cost model, before any was measured.
    fn planned(&self, inner: &Inner, job: &JobRecord) -> f64 {
        let threads = (self.threads / self.limits.concurrent.max(1)).max(1);
        let keys = inner.keys.get(&(job.owner.clone(), job.key.clone()));
        let plan = keys.and_then(|keys| self.catalogue.plan(&keys.header));
        plan.and_then(|plan| plan.sample_seconds).unwrap_or_default() / threads as f64
    }

    /// Seconds that a running job still takes.
    pub(super) fn left(&self, inner: &Inner, id: &str) -> f64 {
        let (Some(job), Some(began)) = (inner.jobs.get(id), inner.began.get(id)) else { return 0.0 };
        let loaded = self.cache.has(&(job.owner.clone(), job.key.clone()));
        let fraction = inner.live.get(id).map_or(0.0, |live| live.told.borrow().progress.fraction);
        let whole = self.seconds_of(inner, job, loaded);
        match fraction {
            0.0 => (whole - began.elapsed().as_secs_f64()).max(0.0),
            _ => whole * (1.0 - fraction),
        }
    }

    /// Seconds until each place is free, and until the jobs that wait are done: the queue run through in thought.
    pub(super) fn simulate(&self, inner: &Inner) -> (Vec<f64>, Vec<(String, f64)>) {
        let mut places: Vec<f64> = inner.began.keys().map(|id| self.left(inner, id)).collect();
        places.resize(self.limits.concurrent.max(1).max(places.len()), 0.0);
        let mut loading = BTreeSet::new();
        let mut done = Vec::with_capacity(inner.queue.len());
        for id in &inner.queue {
            let Some(job) = inner.jobs.get(id) else { continue };
            let key = (job.owner.clone(), job.key.clone());
            // The first of several jobs under the same keys reads them for all.
            let loaded = self.cache.has(&key) || !loading.insert(key);
            let seconds = self.seconds_of(inner, job, loaded);
            if let Some(place) = places.iter_mut().min_by(|a, b| a.total_cmp(b)) {
                *place += seconds;
                done.push((id.clone(), *place));
            }
        }
        (places, done)
    }

    /// Seconds until a job that comes now is done.
    pub(super) fn prediction_for(&self, job: &JobRecord) -> f64 {
        let inner = self.lock();
        let (places, _) = self.simulate(&inner);
        let key = (job.owner.clone(), job.key.clone());
        let same = |id: &String| {
            inner.jobs.get(id).is_some_and(|other| (&other.owner, &other.key) == (&job.owner, &job.key))
        };
        let loaded = self.cache.has(&key) || inner.queue.iter().chain(inner.began.keys()).any(same);
        let first = places.iter().copied().fold(f64::INFINITY, f64::min);
        first + self.seconds_of(&inner, job, loaded)
    }

    /// Seconds until one of those that wait is begun.
    pub(super) fn until_room(&self, inner: &Inner) -> f64 {
        let running = inner.began.keys().map(|id| self.left(inner, id));
        running.fold(f64::INFINITY, f64::min).min(3600.0)
    }
}
