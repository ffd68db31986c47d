//! `henna evaluate`: the server's part. It reads evaluation keys and encrypted samples; a secret key is refused unread.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use exchange::server::Server;
use exchange::{Kind, Reader, Setup, WeightsAre, Writer};
use he_traits::{Profile, Scheme};
use nn_layers::run::Progress;
use nn_layers::{Keeping, Network, Program, Weights, costs};

use super::{Done, MODEL, use_threads, who_sees};
use crate::backends::{self, ServerTask};
use crate::failure::Failure;
use crate::job::Subject;
use crate::measure::memory;
use crate::progress::Bar;
use crate::{interrupt, machine, planning, rows, units};

#[derive(Args)]
pub(crate) struct EvaluateArgs {
    /// The encrypted samples, as `encrypt` made them
    #[arg(default_value = "request.henna")]
    pub(crate) request: PathBuf,
    /// The evaluation keys, as `keygen` made them
    #[arg(long, value_name = "FILE", default_value = "server/evaluation.henna")]
    pub(crate) keys: PathBuf,
    /// Weights for which the keys were made, where they are not the model's own
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Where the results go
    #[arg(long, value_name = "FILE", default_value = "results.henna")]
    pub(crate) out: PathBuf,
    /// Threads; all of the machine when absent
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// The encrypted weights, where the keys are for such; model.henna beside the keys when absent
    #[arg(long, value_name = "FILE", conflicts_with = "weights")]
    pub(crate) model: Option<PathBuf>,
    /// Memory to take, such as 12GB: weights that do not fit encoded are encoded on the fly; most of what is free when absent
    #[arg(long, value_name = "BYTES", value_parser = crate::units::parse_bytes)]
    pub(crate) memory: Option<u64>,
    /// Print one line of JSON to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

struct Evaluate<'a> {
    args: &'a EvaluateArgs,
    network: &'a Network,
    weights: At<'a>,
    keys: Reader,
    request: Reader,
}

/// The weights, where the server has them.
enum At<'a> {
    Clear(&'a Weights),
    Encrypted(Box<Reader>),
}

impl At<'_> {
    /// The server that is ready for requests, and how it keeps its maps.
    fn open<S: Scheme>(
        self,
        keys: Reader,
        network: &Network,
        memory: Option<u64>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(Server<S>, Keeping), Failure> {
        match self {
            At::Clear(weights) => {
                let mut kept = Keeping::everything();
                let keep = |program: &Program, profile: &Profile| {
                    kept = planning::within(program, profile, memory)?.1;
                    Ok(kept.clone())
                };
                let server = Server::<S>::open(keys, network, weights, keep, progress)?;
                Ok((server, kept))
            }
            At::Encrypted(model) => {
                // A failure of this program's own is kept aside: the callback speaks of files.
                let mut refused = None;
                let fits = |setup: &Setup<S>| {
                    let weights = setup.program.encrypted_weights(&setup.profile)?;
                    let total = setup.symbolic()?.memory.total();
                    planning::fits(network, S::NAME, weights, total, memory).map_err(|failure| {
                        let file = setup.program.network().name().to_owned();
                        let error = exchange::Error::Malformed { file, reason: failure.to_string() };
                        refused = Some(failure);
                        error
                    })
                };
                let server = Server::<S>::open_encrypted(keys, *model, network, fits, progress);
                match refused {
                    Some(failure) => Err(failure),
                    None => Ok((server?, Keeping::everything())),
                }
            }
        }
    }
}

impl ServerTask for Evaluate<'_> {
    type Output = Result<(), Failure>;

    fn run<S: Scheme>(self) -> Self::Output {
        let Self { args, network, weights, keys, mut request } = self;
        // Checked before any weight is encoded: this is the cheap part.
        request.header().belongs(request.name(), keys.header(), keys.name())?;
        let start = Instant::now();
        let bar = Bar::units("prepare");
        let (server, keeping) = weights.open::<S>(keys, network, args.memory, &mut |at| {
            bar.show(at.index as u64, at.count as u64, at.step.name.clone());
        })?;
        bar.finish();
        let setup = server.setup();
        eprintln!("{}", who_sees(setup.weights, &setup.profile.security));
        let header = server.results_header(request.header(), request.name())?;
        let prepare = start.elapsed().as_secs_f64();
        let work = Work::of(&server, &keeping, header.samples)?;
        eprintln!(
            "keys read and weights encoded in {}; {}, about {} {}",
            units::seconds(prepare),
            units::count(header.samples, "sample"),
            units::seconds(work.total),
            rows::estimated_by(work.threads, work.measured)
        );
        let start = Instant::now();
        let mut results = Writer::create(&args.out, &header)?;
        interrupt::remove_on_interrupt(results.part());
        let bar = Bar::work("evaluate");
        let mut computing = 0.0;
        server.evaluate(&mut request, &mut results, &mut |done, at| {
            computing += at.seconds.unwrap_or_default();
            work.show(&bar, done, at);
        })?;
        bar.finish();
        let bytes = results.finish()?;
        let elapsed = start.elapsed().as_secs_f64();
        let timed = Done::of("evaluate", &header, elapsed);
        Done { prepare_seconds: Some(prepare), computing_seconds: Some(computing), ..timed }
            .file(
                &args.out,
                format!("{}, encrypted, for the owner", units::count(header.samples, "result")),
                bytes,
            )
            .tell(args.json)
    }
}

/// What there is to do, by the cost model.
struct Work {
    /// Seconds a sample of the steps before each one.
    before: Vec<f64>,
    sample: f64,
    total: f64,
    samples: u64,
    batch: u64,
    /// Threads that these seconds hold for, and whether they rest on costs of this machine.
    threads: usize,
    measured: bool,
}

impl Work {
    /// By what operations cost on this machine, where `plan` or `compare` has measured it.
    fn of<S: Scheme>(server: &Server<S>, keeping: &Keeping, samples: u64) -> Result<Self, Failure> {
        let (setup, batch) = (server.setup(), server.batch());
        let threads = rayon::current_num_threads();
        let together = batch.min(usize::try_from(samples).unwrap_or(batch));
        let here = machine::known(&setup.profile, together, threads)
            .map(|costs| costs::with_costs(&setup.profile, costs));
        let profile = here.as_ref().unwrap_or(&setup.profile);
        let run = match setup.weights {
            WeightsAre::Clear => setup.program.symbolic_keeping(profile, 1, keeping)?,
            WeightsAre::Encrypted => setup.program.symbolic_encrypted(profile, 1)?,
        };
        let (mut before, mut sample) = (Vec::with_capacity(run.steps.len()), run.value_seconds);
        for step in &run.steps {
            before.push(sample);
            sample += here.as_ref().map_or(step.seconds, |here| step.seconds_on(threads, here, together));
        }
        // The process is young: its first evaluation waits for memory.
        let total = sample * samples as f64 + memory::seconds_for(run.memory.working);
        let (threads, measured) = (if here.is_some() { threads } else { 1 }, here.is_some());
        Ok(Self { before, sample, total, samples, batch: batch as u64, threads, measured })
    }

    /// `done` samples are done, and those after them are at a step.
    fn show(&self, bar: &Bar, done: u64, at: Progress<'_>) {
        let running = self.batch.min(self.samples.saturating_sub(done));
        let before = self.before.get(at.index).copied().unwrap_or_default();
        let seconds = self.sample * done as f64 + before * running as f64;
        let micro = |seconds: f64| (seconds * 1e6) as u64;
        let message = format!("sample {} of {}, {}", done + 1, self.samples, at.step.name);
        bar.show(micro(seconds), micro(self.total), message);
    }
}

/// Evaluates a request.
pub(crate) fn evaluate(args: &EvaluateArgs) -> Result<(), Failure> {
    interrupt::install();
    use_threads(args.threads)?;
    let keys = Reader::open(&args.keys, Kind::EvaluationKeys)?;
    let request = Reader::open(&args.request, Kind::Request)?;
    let scheme = keys.header().scheme.clone();
    let name = keys.header().network.name.clone();
    if keys.header().weights == WeightsAre::Encrypted {
        // No weights are loaded: the layers are all that this side knows.
        let network = (crate::job::model(&name)?.network)()?;
        let model = args.model.clone().unwrap_or_else(|| args.keys.with_file_name(MODEL));
        let weights = At::Encrypted(Box::new(Reader::open(&model, Kind::Model)?));
        return backends::with_server(&scheme, Evaluate { args, network: &network, weights, keys, request })
            .map_err(Failure::Failed)?;
    }
    if let Some(model) = &args.model {
        let keys = args.keys.display();
        let reason = format!("{} is of no use: {keys} is for weights in the clear", model.display());
        return Err(Failure::Usage(reason));
    }
    let subject = Subject::load(&name, args.weights.as_ref())?;
    let weights = At::Clear(&subject.weights.weights);
    backends::with_server(&scheme, Evaluate { args, network: &subject.network, weights, keys, request })
        .map_err(Failure::Failed)?
}
