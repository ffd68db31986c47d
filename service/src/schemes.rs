//! Schemes by name, and networks ready to run under one owner's keys.

use std::fs::File;
use std::marker::PhantomData;
use std::sync::Arc;

use exchange::server::Server;
use exchange::{Header, Reader, Setup, WeightsAre, Writer};
use he_traits::{Profile, Scheme};
use nn_layers::run::Progress;
use nn_layers::{Keeping, Network, Program};

use crate::catalogue::{Held, Plan, Served};
use crate::problem::{Error, Result};

/// How far an evaluation is.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Share of the work that is done, from 0 to 1, by the cost model.
    pub fraction: f64,
    /// The sample at work, from 1.
    pub sample: u64,
    /// Name of the step at work.
    pub step: &'a str,
}

/// What an observer of an evaluation answers: whether it goes on.
pub type Observer<'o> = dyn FnMut(At<'_>) -> bool + 'o;

/// A network with its weights encoded under one owner's keys.
pub trait Engine: Send + Sync {
    /// The header of a request's results.
    ///
    /// # Errors
    /// [`exchange::Error::Foreign`] when the request was made for other keys.
    fn results_header(&self, request: &Header, name: &str) -> exchange::Result<Header>;

    /// Evaluates a request. `observe` hears of every step, and may end it.
    ///
    /// # Errors
    /// As [`Server::evaluate`]; [`nn_layers::Error::Stopped`] when `observe` ended it.
    fn evaluate(
        &self,
        request: &mut Reader,
        results: &mut Writer,
        observe: &mut Observer<'_>,
    ) -> exchange::Result<()>;

    /// Bytes that keys, encoded weights and a run take, by the cost model.
    fn bytes(&self) -> u64;

    /// Seconds a sample on one thread, by the cost model.
    fn sample_seconds(&self) -> f64;
}

/// What is done to get an engine.
pub struct Open<'a> {
    /// The keys' file, checked.
    pub keys: Reader<File>,
    /// The model.
    pub model: &'a Served,
    /// Bytes that it may take.
    pub memory: u64,
    /// Hears of every step, and may end it.
    pub observe: &'a mut Observer<'a>,
}

/// A scheme's half at a server, known by name at run time.
trait Entry: Send + Sync {
    fn name(&self) -> &'static str;
    fn open(&self, open: Open<'_>) -> exchange::Result<Arc<dyn Engine>>;
    fn plan(&self, model: Reader<File>, network: &Network) -> exchange::Result<Plan>;
}

struct Of<S>(PhantomData<fn() -> S>);

/// The schemes that a service offers.
///
/// ```
/// use he_traits::Clear;
/// use henna_service::Schemes;
///
/// let schemes = Schemes::default().with::<Clear>();
/// assert_eq!(schemes.names(), ["clear"]);
/// ```
#[derive(Default)]
pub struct Schemes(Vec<Box<dyn Entry>>);

impl Schemes {
    /// These and `S`.
    #[must_use]
    pub fn with<S: Scheme>(mut self) -> Self {
        self.0.push(Box::new(Of::<S>(PhantomData)));
        self
    }

    /// Their names, in the order in which they were named.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|entry| entry.name()).collect()
    }

    /// Reads keys and encodes the weights for them; `None` when there is no such scheme.
    ///
    /// # Errors
    /// As [`Server::open`]; [`nn_layers::Error::Stopped`] when the observer ended it.
    pub fn open(&self, scheme: &str, open: Open<'_>) -> Option<exchange::Result<Arc<dyn Engine>>> {
        self.0.iter().find(|entry| entry.name() == scheme).map(|entry| entry.open(open))
    }

    /// How encrypted weights run, at the parameters in their file.
    ///
    /// # Errors
    /// [`Error::Setup`] when they were made for another scheme, network or version.
    pub(crate) fn plan(&self, model: &Served) -> Result<Plan> {
        let failed = |reason: String| Error::Setup(format!("the encrypted model {}: {reason}", model.name()));
        let Some(file) = model.file() else { return Err(failed("its weights are clear".to_owned())) };
        let scheme = &file.header().scheme;
        let Some(entry) = self.0.iter().find(|entry| entry.name() == scheme) else {
            let names = self.names().join(", ");
            return Err(failed(format!("it was made for {scheme}, this server has {names}")));
        };
        let plan = file.open().and_then(|reader| entry.plan(reader, &model.network));
        plan.map_err(|error| failed(error.to_string()))
    }
}

impl<S: Scheme> Entry for Of<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn open(&self, open: Open<'_>) -> exchange::Result<Arc<dyn Engine>> {
        let Open { keys, model, memory, observe } = open;
        let keep = |program: &Program, profile: &Profile| {
            let run = program.symbolic(profile)?;
            let keeping = program.keep_within(profile, &run, memory as f64);
            Ok::<Keeping, nn_layers::Error>(keeping)
        };
        let mut prepare = |at: Progress<'_>| {
            let fraction = at.index as f64 / at.count.max(1) as f64;
            if !observe(At { fraction, sample: 0, step: &at.step.name }) {
                at.stop();
            }
        };
        let server = match &model.weights {
            Held::Clear(weights) => Server::<S>::open(keys, &model.network, weights, keep, &mut prepare)?,
            Held::Encrypted(file) => {
                let fits = |setup: &Setup<S>| fits(setup, memory);
                Server::open_encrypted(keys, file.open()?, &model.network, fits, &mut prepare)?
            }
        };
        Ok(Arc::new(Loaded::new(server, memory)?))
    }

    fn plan(&self, mut model: Reader<File>, network: &Network) -> exchange::Result<Plan> {
        let setup = Setup::<S>::read(&mut model, network, None)?;
        let run = setup.symbolic()?;
        let security = &setup.profile.security;
        Ok(Plan {
            scheme: S::NAME.to_owned(),
            parameters: Some(setup.profile.parameters.clone()),
            security: Some(security.statement.clone()),
            security_bits: Some(security.assumption.bits()),
            server_learns: security.server_learns.clone(),
            key_bytes: Some(run.key_bytes as u64),
            sample_seconds: Some(run.seconds),
            reason: None,
        })
    }
}

/// Refuses encrypted weights that do not fit into memory: they cannot be encoded on the fly.
fn fits<S: Scheme>(setup: &Setup<S>, memory: u64) -> exchange::Result<()> {
    let total = bytes_of(setup, memory)?;
    if total <= memory {
        return Ok(());
    }
    let reason = format!(
        "a run with its encrypted weights takes {total} bytes of memory, and a job may take {memory} here"
    );
    Err(exchange::Error::Malformed { file: setup.program.network().name().to_owned(), reason })
}

/// Bytes that keys, weights and a run take.
fn bytes_of<S: Scheme>(setup: &Setup<S>, memory: u64) -> exchange::Result<u64> {
    let Setup { program, profile, .. } = setup;
    let samples = profile.values_at_once.max(1);
    let held = match setup.weights {
        WeightsAre::Encrypted => program.symbolic_encrypted(profile, samples)?.memory,
        WeightsAre::Clear => {
            let run = program.symbolic(profile)?;
            let keeping = program.keep_within(profile, &run, memory as f64);
            program.memory(profile, samples, run.key_bytes, &keeping)
        }
    };
    Ok(held.total() as u64)
}

struct Loaded<S: Scheme> {
    server: Server<S>,
    work: Work,
    bytes: u64,
}

impl<S: Scheme> Loaded<S> {
    fn new(server: Server<S>, memory: u64) -> exchange::Result<Self> {
        let bytes = bytes_of(server.setup(), memory)?;
        let work = Work::new(server.setup().symbolic()?.steps.iter().map(|step| step.seconds));
        Ok(Self { work, bytes, server })
    }
}

impl<S: Scheme> Engine for Loaded<S> {
    fn results_header(&self, request: &Header, name: &str) -> exchange::Result<Header> {
        self.server.results_header(request, name)
    }

    fn evaluate(
        &self,
        request: &mut Reader,
        results: &mut Writer,
        observe: &mut Observer<'_>,
    ) -> exchange::Result<()> {
        let samples = request.header().samples;
        let batch = self.server.batch() as u64;
        self.server.evaluate(request, results, &mut |done, at| {
            let running = batch.min(samples.saturating_sub(done));
            let fraction = self.work.done(done, running, at.index) / samples.max(1) as f64;
            if !observe(At { fraction, sample: done + 1, step: &at.step.name }) {
                at.stop();
            }
        })
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn sample_seconds(&self) -> f64 {
        self.work.sample
    }
}

/// What there is to do for a sample, by the cost model.
struct Work {
    /// Seconds of the steps before each one.
    before: Vec<f64>,
    sample: f64,
}

impl Work {
    fn new(steps: impl Iterator<Item = f64>) -> Self {
        let (mut before, mut sample) = (Vec::new(), 0.0);
        for seconds in steps {
            before.push(sample);
            sample += seconds;
        }
        Self { before, sample }
    }

    /// Samples' worth of work that is done, when `done` samples are and `running` ones are at step `index`.
    fn done(&self, done: u64, running: u64, index: usize) -> f64 {
        let before = self.before.get(index).copied().unwrap_or(self.sample);
        done as f64 + running as f64 * before / self.sample.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_grows_from_nothing_to_all() {
        let work = Work::new([1.0, 2.0, 1.0].into_iter());
        assert_eq!(work.sample, 4.0);
        assert_eq!(work.done(0, 1, 0), 0.0);
        assert_eq!(work.done(2, 1, 1), 2.25);
        assert_eq!(work.done(0, 8, 2), 6.0);
        assert_eq!(work.done(3, 0, 0), 3.0);
    }
}
