//! `henna decrypt`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use exchange::owner::Owner;
use exchange::{Kind, Reader};
use he_traits::{ClientScheme, Sharing};

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
        // Fails at once for another format: nothing is decrypted then.
        let format = args.out.as_deref().map(numbers::Output::of).transpose()?;
        let header = results.header().clone();
        header.belongs(results.name(), secret.header(), secret.name())?;
        let owner = Owner::<S>::open(secret, &subject.network, &subject.weights.weights)?;
        let start = Instant::now();
        let bar = Bar::units("decrypt");
        let values =
            owner.decrypt(&mut results, &mut |done| bar.show(done, header.samples, String::new()))?;
        bar.finish();
        let profile = &owner.setup().profile;
        if let Sharing::Unsafe(reason) = &profile.security.sharing_decryptions {
            eprintln!("these numbers are for the owner of the key alone: {reason}");
        }
        let elapsed = start.elapsed().as_secs_f64();
        let (Some(path), Some(format)) = (&args.out, format) else {
            return output::print(&numbers::csv(&values));
        };
        let bytes = format.bytes(&values)?;
        interrupt::held_off(|| models::cache::write_atomically(path, &bytes))?;
        Done::of("decrypt", &header, elapsed)
            .file(
                path,
                format!("{} in the clear", units::count(header.samples, "result")),
                bytes.len() as u64,
            )
            .tell(args.json)
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
