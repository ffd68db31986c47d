//! `henna decrypt`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use exchange::owner::Owner;
use exchange::{Header, Kind, Reader};
use he_traits::{ClientScheme, Profile, Sharing};
use nn_layers::Tensor;

use super::{Done, open};
use crate::backends::{self, Task};
use crate::failure::Failure;
use crate::job::Subject;
use crate::progress::Bar;
use crate::{interrupt, numbers, output, units};

#[derive(Args)]
pub(crate) struct DecryptArgs {
    /// The encrypted results, as `evaluate` made them
    #[arg(default_value = "results.henna")]
    pub(crate) results: PathBuf,
    /// The secret key, as `keygen` made it
    #[arg(long, value_name = "FILE", default_value = "owner/secret.henna")]
    pub(crate) secret: PathBuf,
    /// Weights for which the key was made, where they are not the model's own
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Where the numbers go (.npy or .csv); as CSV to standard output when absent
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print one line of JSON to standard output in place of numbers
    #[arg(long, requires = "out")]
    pub(crate) json: bool,
}

struct Decrypt<'a> {
    args: &'a DecryptArgs,
    subject: &'a Subject,
    secret: Reader,
    results: Reader,
}

impl Task for Decrypt<'_> {
    type Output = Result<(), Failure>;

    fn run<S: ClientScheme>(self) -> Self::Output {
        let Self { args, subject, secret, mut results } = self;
        let delivery = Delivery::new("decrypt", args.out.as_deref(), args.json)?;
        let header = results.header().clone();
        header.belongs(results.name(), secret.header(), secret.name())?;
        let owner = Owner::<S>::open(secret, &subject.network, &subject.weights.weights)?;
        let start = Instant::now();
        let bar = Bar::units("decrypt");
        let values =
            owner.decrypt(&mut results, &mut |done| bar.show(done, header.samples, String::new()))?;
        bar.finish();
        delivery.give(&owner.setup().profile, &header, &values, start.elapsed().as_secs_f64())
    }
}

/// Where decrypted numbers go.
pub(super) struct Delivery<'a> {
    command: &'static str,
    file: Option<(&'a Path, numbers::Output)>,
    json: bool,
}

impl<'a> Delivery<'a> {
    /// To a file, or to standard output. Fails at once for another format: nothing is decrypted then.
    pub(super) fn new(command: &'static str, out: Option<&'a Path>, json: bool) -> Result<Self, Failure> {
        let format = out.map(numbers::Output::of).transpose()?;
        Ok(Self { command, file: out.zip(format), json })
    }

    /// Gives them, with a word about whom they may be shown.
    pub(super) fn give(
        &self,
        profile: &Profile,
        header: &Header,
        values: &Tensor,
        seconds: f64,
    ) -> Result<(), Failure> {
        if let Sharing::Unsafe(reason) = &profile.security.sharing_decryptions {
            eprintln!("these numbers are for the owner of the key alone: {reason}");
        }
        let Some((path, format)) = self.file else { return output::print(&numbers::csv(values)) };
        let bytes = format.bytes(values)?;
        interrupt::held_off(|| models::cache::write_atomically(path, &bytes))?;
        let holds = format!("{} in the clear", units::count(header.samples, "result"));
        Done::of(self.command, header, seconds).file(path, holds, bytes.len() as u64).tell(self.json)
    }
}

/// Decrypts results.
pub(crate) fn decrypt(args: &DecryptArgs) -> Result<(), Failure> {
    interrupt::install();
    let (secret, subject) = open(&args.secret, Kind::SecretKey, args.weights.as_ref())?;
    let results = Reader::open(&args.results, Kind::Results)?;
    let scheme = secret.header().scheme.clone();
    backends::with(&scheme, Decrypt { args, subject: &subject, secret, results }).map_err(Failure::Failed)?
}
