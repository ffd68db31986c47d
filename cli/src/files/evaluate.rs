//! `henna evaluate`: the server's part. It reads evaluation keys and encrypted samples; a secret key is refused unread.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use exchange::server::Server;
use exchange::{Kind, Reader, Writer};
use he_traits::{Keep, Scheme};

use super::{Done, open, use_threads};
use crate::backends::{self, ServerTask};
use crate::failure::Failure;
use crate::job::Subject;
use crate::measure::memory;
use crate::progress::Bar;
use crate::{interrupt, units};

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
    /// Print one line of JSON to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

struct Evaluate<'a> {
    args: &'a EvaluateArgs,
    subject: &'a Subject,
    keys: Reader,
    request: Reader,
}

impl ServerTask for Evaluate<'_> {
    type Output = Result<(), Failure>;

    fn run<S: Scheme>(self) -> Self::Output {
        let Self { args, subject, keys, mut request } = self;
        let bar = Bar::units("evaluate");
        // Checked before any weight is encoded: this is the cheap part.
        request.header().belongs(request.name(), keys.header(), keys.name())?;
        let server = Server::<S>::open(
            keys,
            &subject.network,
            &subject.weights.weights,
            |bytes| match memory::available() {
                Some(available) if bytes >= 0.6 * available as f64 => Keep::Values,
                _ => Keep::Encoded,
            },
            &mut |at| bar.show(at.index as u64, at.count as u64, format!("preparing {}", at.step.name)),
        )?;
        let header = server.results_header(request.header(), request.name())?;
        let seconds = server.setup().program.symbolic(&server.setup().profile)?.seconds;
        eprintln!(
            "{} samples, about {} on one thread by the cost model",
            header.samples,
            units::seconds(seconds * header.samples as f64)
        );
        let start = Instant::now();
        let mut results = Writer::create(&args.out, &header)?;
        interrupt::remove_on_interrupt(results.part());
        server.evaluate(&mut request, &mut results, &mut |done, at| {
            bar.show(done, header.samples, format!("{} ({}/{})", at.step.name, at.index + 1, at.count));
        })?;
        bar.finish();
        let elapsed = start.elapsed().as_secs_f64();
        let bytes = results.finish()?;
        Done::of("evaluate", &header, elapsed)
            .file(&args.out, format!("{} encrypted results, for the owner", header.samples), bytes)
            .tell(args.json)
    }
}

/// Evaluates a request.
pub(crate) fn evaluate(args: &EvaluateArgs) -> Result<(), Failure> {
    interrupt::install();
    use_threads(args.threads)?;
    let (keys, subject) = open(&args.keys, Kind::EvaluationKeys, args.weights.as_ref())?;
    let request = Reader::open(&args.request, Kind::Request)?;
    let scheme = keys.header().scheme.clone();
    backends::with_server(&scheme, Evaluate { args, subject: &subject, keys, request })
        .map_err(Failure::Failed)?
}
