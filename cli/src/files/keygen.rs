//! `henna keygen`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use exchange::{Kind, Setup, owner};
use he_traits::ClientScheme;
use rand_chacha::ChaCha20Rng;

use super::{Done, EVALUATION, SECRET};
use crate::backends::{self, Task};
use crate::failure::Failure;
use crate::job::Subject;
use crate::planning::plan_for;
use crate::progress::Bar;
use crate::{interrupt, units};

#[derive(Args)]
pub(crate) struct KeygenArgs {
    /// Name of a model, see `henna list`
    pub(crate) model: String,
    /// The scheme, see `henna list`
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: String,
    /// Weights to use in place of the model's own (safetensors)
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// The owner's folder: the secret key goes there, and nowhere else
    #[arg(long, value_name = "FOLDER", default_value = "owner")]
    pub(crate) owner: PathBuf,
    /// The folder for the server: evaluation keys and parameters
    #[arg(long, value_name = "FOLDER", default_value = "server")]
    pub(crate) server: PathBuf,
    /// Print one line of JSON to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

struct Keygen<'a>(&'a KeygenArgs, &'a Subject);

impl Task for Keygen<'_> {
    type Output = Result<(), Failure>;

    fn run<S: ClientScheme>(self) -> Self::Output {
        let Self(args, subject) = self;
        let start = Instant::now();
        let planned = plan_for::<S>(subject, None)?;
        let (plan, security) = (&planned.plan, &planned.plan.security);
        eprintln!("{}, {}", S::NAME, plan.parameters);
        eprintln!(
            "{}{}, about {} in the server's memory; {} a sample on one thread, by the cost model",
            units::count(plan.keys.rotations as u64, "rotation key"),
            if plan.keys.relinearisation { " and one for products" } else { "" },
            units::bytes(plan.keys.estimated_bytes as f64),
            units::seconds(plan.estimated_seconds),
        );
        eprintln!("{}", security.statement);
        let setup = Setup::<S>::of(&subject.network, &subject.weights.weights, planned.compiled)?;
        let mut rng: ChaCha20Rng = rand::make_rng();
        let (secret, evaluation) = (args.owner.join(SECRET), args.server.join(EVALUATION));
        let bar = Bar::waiting("keygen", "the server's keys".to_owned());
        let sizes = owner::keygen(&setup, &secret, &evaluation, &mut rng, &mut |part| {
            interrupt::remove_on_interrupt(part);
        })?;
        bar.finish();
        let header = exchange::Reader::open(&evaluation, Kind::EvaluationKeys)?.header().clone();
        Done::of("keygen", &header, start.elapsed().as_secs_f64())
            .file(&secret, "the secret key, for its owner alone", sizes.secret)
            .file(&evaluation, "evaluation keys and parameters, for the server", sizes.evaluation)
            .tell(args.json)
    }
}

/// Makes keys for a model.
pub(crate) fn keygen(args: &KeygenArgs) -> Result<(), Failure> {
    interrupt::install();
    let names = backends::chosen(std::slice::from_ref(&args.backend))?;
    let subject = Subject::load(&args.model, args.weights.as_ref())?;
    let name = names.first().copied().unwrap_or_default();
    backends::with(name, Keygen(args, &subject)).map_err(Failure::Failed)?
}
