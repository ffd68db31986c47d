//! Figures for Prometheus. No label says whose job or key it was.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::jobs::QueueView;
use crate::store::{JobRecord, State};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    model: String,
    scheme: String,
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Work {
    model: String,
    scheme: String,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All figures of a service.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Request, Counter>,
    answers: Histograms<Route>,
    uploaded: Counter,
    jobs: Family<Ended, Counter>,
    evaluations: Histograms<Work>,
    loads: Histograms<Work>,
    hits: Counter,
    misses: Counter,
    queued: Gauge,
    running: Gauge,
    remaining: Gauge<f64, AtomicU64>,
    engines: Gauge,
    engine_bytes: Gauge,
    resident: Gauge,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 12))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("henna")),
            requests: Family::default(),
            answers: histograms_of(),
            uploaded: Counter::default(),
            jobs: Family::default(),
            evaluations: histograms_of(),
            loads: histograms_of(),
            hits: Counter::default(),
            misses: Counter::default(),
            queued: Gauge::default(),
            running: Gauge::default(),
            remaining: Gauge::default(),
            engines: Gauge::default(),
            engine_bytes: Gauge::default(),
            resident: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let r = &mut *registry;
        r.register("http_requests", "Requests by method, route and status", self.requests.clone());
        r.register_with_unit(
            "http_request",
            "Time to the head of the answer",
            Unit::Seconds,
            self.answers.clone(),
        );
        r.register_with_unit("uploaded", "Keys and requests that came", Unit::Bytes, self.uploaded.clone());
        r.register("jobs", "Jobs that ended, by model, scheme and state", self.jobs.clone());
        r.register_with_unit("evaluation", "Evaluation of a job", Unit::Seconds, self.evaluations.clone());
        r.register_with_unit("load", "Reading keys and encoding weights", Unit::Seconds, self.loads.clone());
        r.register("key_cache_hits", "Jobs whose keys were in memory", self.hits.clone());
        r.register("key_cache_misses", "Jobs whose keys had to be read", self.misses.clone());
        r.register("jobs_queued", "Jobs that wait", self.queued.clone());
        r.register("jobs_running", "Jobs that run", self.running.clone());
        r.register_with_unit("queue_remaining", "Work that is left", Unit::Seconds, self.remaining.clone());
        r.register("key_cache_entries", "Keys in memory", self.engines.clone());
        r.register_with_unit(
            "key_cache",
            "Keys and weights in memory, estimated",
            Unit::Bytes,
            self.engine_bytes.clone(),
        );
        r.register_with_unit("process_resident", "Memory of the process", Unit::Bytes, self.resident.clone());
    }

    pub(crate) fn request(&self, method: &str, route: &str, status: u16, time: Duration) {
        let (method, route) = (method.to_owned(), route.to_owned());
        self.answers.get_or_create(&Route { route: route.clone() }).observe(time.as_secs_f64());
        self.requests.get_or_create(&Request { method, route, status }).inc();
    }

    pub(crate) fn uploaded(&self, bytes: u64) {
        self.uploaded.inc_by(bytes);
    }

    pub(crate) fn engine(&self, kept: bool) {
        if kept {
            self.hits.inc()
        } else {
            self.misses.inc()
        };
    }

    pub(crate) fn job_ended(&self, job: &JobRecord) {
        let work = Work { model: job.model.clone(), scheme: job.scheme.clone() };
        if let Some(seconds) = job.load_seconds {
            self.loads.get_or_create(&work).observe(seconds);
        }
        if let (State::Finished, Some(seconds)) = (job.state, job.seconds) {
            self.evaluations.get_or_create(&work).observe(seconds);
        }
        if job.state.is_over() {
            let Work { model, scheme } = work;
            self.jobs.get_or_create(&Ended { model, scheme, state: job.state.word().to_owned() }).inc();
        }
    }

    /// The page that Prometheus reads.
    pub(crate) fn text(&self, queue: &QueueView, (engines, bytes): (usize, u64)) -> String {
        self.queued.set(queue.queued as i64);
        self.running.set(queue.running as i64);
        self.remaining.set(queue.remaining_seconds);
        self.engines.set(engines as i64);
        self.engine_bytes.set(bytes as i64);
        self.resident.set(resident().unwrap_or_default() as i64);
        let mut page = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing into a string does not fail.
        let _ = text::encode(&mut page, &registry);
        page
    }
}

fn histograms_of<L: Clone + std::hash::Hash + Eq>() -> Histograms<L> {
    Family::new_with_constructor(seconds as fn() -> Histogram)
}

/// Resident memory of this process; Linux alone tells it.
pub(crate) fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
