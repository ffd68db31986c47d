//! `henna keygen`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use exchange::owner::{self, Owner};
use exchange::{Kind, Reader, Setup, WeightsAre, Writer};
use he_traits::ClientScheme;
use rand_chacha::ChaCha20Rng;

use super::{Done, EVALUATION, MODEL, SECRET, who_sees};
use crate::backends::{self, Task};
use crate::failure::Failure;
use crate::job::Subject;
use crate::planning::{How, Timing, plan_for};
use crate::progress::Bar;
use crate::record::{Keys, cores};
use crate::{interrupt, rows, units};

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
    /// Encrypt the weights as well, into the server's folder: a server that is not to see them
    #[arg(long)]
    pub(crate) encrypt_model: bool,
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
        let weights = if args.encrypt_model { WeightsAre::Encrypted } else { WeightsAre::Clear };
        // What a run takes is the server's memory, which is not here.
        let how = How { memory: Some(u64::MAX), weights, timing: Timing::Known(cores()), ..How::default() };
        let planned = plan_for::<S>(subject, how).map_err(in_one_process)?;
        let (plan, security) = (&planned.plan, &planned.plan.security);
        eprintln!("{}, {}", S::NAME, plan.parameters);
        eprintln!(
            "{}; an evaluation: {} {}",
            in_words(&plan.keys),
            rows::evaluation(plan),
            rows::estimated_on(plan)
        );
        eprintln!("{}", security.statement);
        let profile = &planned.compiled.profile;
        eprintln!("{}", who_sees(weights, &profile.security));
        if let Some(program) = &planned.encrypted {
            let model = program.pattern.encrypted_weights(profile)?;
            let (count, bytes) =
                (units::count(model.ciphertexts as u64, "ciphertext"), units::bytes(model.bytes));
            eprintln!("the weights are {count}, about {bytes} in the server's memory");
        }
        let setup = match weights {
            WeightsAre::Clear => {
                Setup::<S>::of(&subject.network, &subject.weights.weights, planned.compiled)?
            }
            WeightsAre::Encrypted => Setup::<S>::with_encrypted_weights(&subject.network, planned.compiled)?,
        };
        let mut rng: ChaCha20Rng = rand::make_rng();
        let (secret, evaluation) = (args.owner.join(SECRET), args.server.join(EVALUATION));
        let bar = Bar::waiting("keygen", "the server's keys".to_owned());
        let sizes = owner::keygen(&setup, &secret, &evaluation, &mut rng, &mut |part| {
            interrupt::remove_on_interrupt(part);
        })?;
        bar.finish();
        let header = Reader::open(&evaluation, Kind::EvaluationKeys)?.header().clone();
        let model = match weights {
            WeightsAre::Clear => None,
            WeightsAre::Encrypted => {
                Some(encrypt_model::<S>(&secret, &args.server.join(MODEL), subject, &mut rng)?)
            }
        };
        let done = Done::of("keygen", &header, start.elapsed().as_secs_f64())
            .file(&secret, "the secret key, for its owner alone", sizes.secret)
            .file(&evaluation, "evaluation keys and parameters, for the server", sizes.evaluation);
        match model {
            None => done.tell(args.json),
            Some(bytes) => {
                let model = args.server.join(MODEL);
                done.file(&model, "the network's weights, encrypted, for the server", bytes).tell(args.json)
            }
        }
    }
}

/// The keys that will be made, and what they take.
fn in_words(keys: &Keys) -> String {
    let rotations = (keys.rotations > 0).then(|| units::count(keys.rotations as u64, "rotation key"));
    let products = keys.relinearisation.then(|| "a key for products".to_owned());
    let conjugation = keys.conjugation.then(|| "a key for conjugation".to_owned());
    let kinds: Vec<String> = [rotations, products, conjugation].into_iter().flatten().collect();
    if kinds.is_empty() {
        return "this scheme computes without evaluation keys".to_owned();
    }
    format!(
        "{}, about {} in the server's memory",
        kinds.join(", "),
        units::bytes(keys.estimated_bytes as f64)
    )
}

/// The weights under the key that was just made; the file's bytes.
fn encrypt_model<S: ClientScheme>(
    secret: &Path,
    path: &Path,
    subject: &Subject,
    rng: &mut ChaCha20Rng,
) -> Result<u64, Failure> {
    let weights = &subject.weights.weights;
    let owner = Owner::<S>::open(Reader::open(secret, Kind::SecretKey)?, &subject.network, weights)?;
    let header = owner.model_header()?;
    let mut model = Writer::create(path, &header)?;
    interrupt::remove_on_interrupt(model.part());
    let bar = Bar::units("encrypt weights");
    owner.encrypt_model(weights, &mut model, rng, &mut |done| {
        bar.show(done, header.ciphertexts, String::new());
    })?;
    bar.finish();
    Ok(model.finish()?)
}

/// Makes keys for a model.
pub(crate) fn keygen(args: &KeygenArgs) -> Result<(), Failure> {
    interrupt::install();
    let names = backends::chosen(std::slice::from_ref(&args.backend))?;
    let subject = Subject::load(&args.model, args.weights.as_ref())?;
    let name = names.first().copied().unwrap_or_default();
    backends::with(name, Keygen(args, &subject)).map_err(Failure::Failed)?
}

/// What the user of files has to know of a network that is too deep for them.
fn in_one_process(failure: Failure) -> Failure {
    match failure {
        Failure::Network(error @ nn_layers::Error::TooDeep(_)) => Failure::failed(format!(
            "{error}. Keys, files and the service make no round trips to the owner: they run in one process only, with `henna compare --round-trips`"
        )),
        other => other,
    }
}
