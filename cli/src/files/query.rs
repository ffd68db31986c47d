//! `henna query`: the owner's side of a service, from samples to results; or a carrier's, from one file to another.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use exchange::owner::Owner;
use exchange::{Kind, Reader, Writer};
use he_traits::ClientScheme;
use henna_service::client::{Client, Options};
use henna_service::jobs::JobView;
use henna_service::store::State;
use nn_layers::Tensor;
use rand_chacha::ChaCha20Rng;

use super::decrypt::Delivery;
use super::{Done, open};
use crate::backends::{self, Task};
use crate::failure::Failure;
use crate::job::Subject;
use crate::progress::Bar;
use crate::{interrupt, numbers, units};

/// The variable that a token is read from where no file is named: other users of a machine see command lines, not variables.
const TOKEN: &str = "HENNA_TOKEN";

#[derive(Args)]
pub(crate) struct QueryArgs {
    /// Samples (.png, .npy, .csv), which are encrypted and whose results are decrypted here; or one request (.henna), for which results come
    /// back as they are
    #[arg(required_unless_present = "samples", conflicts_with = "samples")]
    pub(crate) inputs: Vec<PathBuf>,
    /// In place of files: this many samples of the model's test part, those that `compare` runs
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) samples: Option<u32>,
    /// The server, such as `https://henna.example:8443`
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) server: String,
    /// The file with the token that the server's operator gave out; the variable HENNA_TOKEN when absent
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The evaluation keys, as `keygen` made them; read where the server does not have them yet
    #[arg(long, value_name = "FILE", default_value = "server/evaluation.henna")]
    pub(crate) keys: PathBuf,
    /// The secret key, as `keygen` made it; it stays here, and is not read for a request file
    #[arg(long, value_name = "FILE", default_value = "owner/secret.henna")]
    pub(crate) secret: PathBuf,
    /// Weights for which the keys were made, where they are not the model's own
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Where the numbers go (.npy or .csv), as CSV to standard output when absent; for a request file, where the results go
    /// (results.henna when absent)
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// A certificate (PEM) to trust in place of the public authorities
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// How long a server that is full, or away, is asked again
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub(crate) patience: humantime::Duration,
    /// Leave the job and its results on the server
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print one line of JSON to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Asks a service.
pub(crate) fn query(args: &QueryArgs) -> Result<(), Failure> {
    interrupt::install();
    let client = client(args)?;
    match args.inputs.as_slice() {
        [request] if request.extension().is_some_and(|ending| ending == "henna") => {
            carry(args, &client, request)
        }
        _ => ask(args, &client),
    }
}

fn client(args: &QueryArgs) -> Result<Client, Failure> {
    let token = match (&args.token_file, std::env::var(TOKEN)) {
        (Some(path), _) => std::fs::read_to_string(path)
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?,
        (None, Ok(token)) => token,
        (None, Err(_)) => {
            let reason = format!("a token is needed: --token-file, or the variable {TOKEN}");
            return Err(Failure::Usage(reason));
        }
    };
    let options = Options { authority: args.ca.clone(), patience: args.patience.into() };
    Ok(Client::new(&args.server, &token, &options)?)
}

/// From a request to results, both encrypted.
fn carry(args: &QueryArgs, client: &Client, request: &Path) -> Result<(), Failure> {
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("results.henna"));
    let start = Instant::now();
    let brought = bring(args, client, request, &out)?;
    let header = Reader::open(&out, Kind::Results)?.header().clone();
    let holds = format!("{}, encrypted, for the owner", units::count(header.samples, "result"));
    let timed = Done::of("query", &header, start.elapsed().as_secs_f64());
    Done { computing_seconds: brought.seconds, ..timed }.file(&out, holds, brought.bytes).tell(args.json)
}

/// From samples to numbers.
fn ask(args: &QueryArgs, client: &Client) -> Result<(), Failure> {
    if args.json && args.out.is_none() {
        return Err(Failure::Usage("--json needs --out: numbers would stand between its lines".to_owned()));
    }
    let (secret, subject) = open(&args.secret, Kind::SecretKey, args.weights.as_ref())?;
    let inputs = match args.samples {
        Some(count) => subject.samples(count as usize)?.inputs,
        None => numbers::read(&args.inputs, subject.network.input_shape())?,
    };
    let scheme = secret.header().scheme.clone();
    let ask = Ask { args, client, subject: &subject, secret, inputs };
    backends::with(&scheme, ask).map_err(Failure::Failed)?
}

struct Ask<'a> {
    args: &'a QueryArgs,
    client: &'a Client,
    subject: &'a Subject,
    secret: Reader,
    inputs: Tensor,
}

impl Task for Ask<'_> {
    type Output = Result<(), Failure>;

    fn run<S: ClientScheme>(self) -> Self::Output {
        let Self { args, client, subject, secret, inputs } = self;
        let delivery = Delivery::new("query", args.out.as_deref(), args.json)?;
        let owner = Owner::<S>::open(secret, &subject.network, &subject.weights.weights)?;
        let start = Instant::now();
        let unusable = |error| Failure::failed(format!("no temporary folder: {error}"));
        let folder = tempfile::tempdir().map_err(unusable)?;
        let [request, results] = ["request.henna", "results.henna"].map(|name| folder.path().join(name));
        [&request, &results].into_iter().for_each(|path| interrupt::remove_on_interrupt(path));
        encrypt(&owner, &inputs, &request)?;
        interrupt::remove_on_interrupt(folder.path());
        bring(args, client, &request, &results)?;
        let mut results = Reader::open(&results, Kind::Results)?;
        let header = results.header().clone();
        let values = owner.decrypt(&mut results, &mut |_| {})?;
        delivery.give(&owner.setup().profile, &header, &values, start.elapsed().as_secs_f64())
    }
}

fn encrypt<S: ClientScheme>(owner: &Owner<S>, inputs: &Tensor, path: &Path) -> Result<(), Failure> {
    let header = owner.request_header(inputs.batch());
    let mut request = Writer::create(path, &header)?;
    interrupt::remove_on_interrupt(request.part());
    let mut rng: ChaCha20Rng = rand::make_rng();
    let bar = Bar::units("encrypt");
    owner.encrypt(inputs, &mut request, &mut rng, &mut |done| {
        bar.show(done as u64, header.samples, String::new());
    })?;
    bar.finish();
    let bytes = request.finish()?;
    eprintln!("{} encrypted, {}", units::count(header.samples, "sample"), units::bytes(bytes as f64));
    Ok(())
}

/// What came back.
struct Brought {
    /// Bytes of the results.
    bytes: u64,
    /// Seconds of the evaluation at the server.
    seconds: Option<f64>,
}

/// Has the service evaluate `request`, and fetches the results.
fn bring(args: &QueryArgs, client: &Client, request: &Path, results: &Path) -> Result<Brought, Failure> {
    let header = Reader::open(request, Kind::Request)?.header().clone();
    if client.key(&header.keys)?.is_none() {
        let keys = Reader::open(&args.keys, Kind::EvaluationKeys)?;
        header.belongs(&request.display().to_string(), keys.header(), keys.name())?;
        let bytes = upload("keys", &args.keys, |sent| client.send_keys(&args.keys, sent).map(drop))?;
        eprintln!("evaluation keys sent, {}: once for all requests", units::bytes(bytes as f64));
    }
    let mut id = String::new();
    let bytes = upload("request", request, |sent| {
        client.send_request(request, sent).map(|accepted| id = accepted.id)
    })?;
    eprintln!("request sent, {}; job {id}", units::bytes(bytes as f64));
    let bar = Bar::work("evaluate");
    let job = client.wait(&id, &mut |job| show(&bar, job))?;
    bar.finish();
    if job.state == State::Failed {
        let reason = job.error.unwrap_or_default();
        return Err(Failure::failed(format!("{} could not evaluate the request: {reason}", args.server)));
    }
    let bytes = fetch(client, &id, results)?;
    if let Some(seconds) = job.seconds {
        eprintln!("evaluated in {}; results, {}", units::seconds(seconds), units::bytes(bytes as f64));
    }
    if !args.keep {
        client.delete_job(&id)?;
    }
    Ok(Brought { bytes, seconds: job.seconds })
}

fn upload(
    what: &str,
    file: &Path,
    send: impl FnOnce(&mut dyn FnMut(u64)) -> henna_service::client::Result<()>,
) -> Result<u64, Failure> {
    let bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let bar = Bar::bytes(what, bytes);
    send(&mut |done| bar.set(done))?;
    bar.finish();
    Ok(bytes)
}

fn show(bar: &Bar, job: &JobView) {
    let fraction = job.progress.as_ref().map_or(0.0, |progress| progress.fraction);
    let left = job.remaining_seconds.map(|seconds| format!(", about {} left", units::seconds(seconds)));
    let left = left.unwrap_or_default();
    let message = match (&job.progress, job.ahead) {
        (Some(progress), _) => format!("{}{left}", progress.step.replace(char::is_control, "?")),
        (None, Some(ahead)) => format!("waiting behind {}{left}", units::count(ahead, "job")),
        (None, None) => String::new(),
    };
    bar.show((fraction * 1000.0) as u64, 1000, message);
}

/// Results whole or not at all.
fn fetch(client: &Client, id: &str, path: &Path) -> Result<u64, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritable = |error: std::io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let mut part =
        tempfile::Builder::new().prefix(".henna-").suffix(".part").tempfile_in(folder).map_err(unwritable)?;
    interrupt::remove_on_interrupt(part.path());
    let bytes = client.results(id, part.as_file_mut())?;
    part.as_file().sync_all().map_err(unwritable)?;
    part.persist(path).map_err(|error| unwritable(error.error))?;
    Ok(bytes)
}
