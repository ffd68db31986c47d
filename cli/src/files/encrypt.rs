//! `henna encrypt`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use exchange::owner::Owner;
use exchange::{Kind, Reader, Writer};
use he_traits::ClientScheme;
use nn_layers::Tensor;
use rand_chacha::ChaCha20Rng;

use super::{Done, open};
use crate::backends::{self, Task};
use crate::failure::Failure;
use crate::job::Subject;
use crate::progress::Bar;
use crate::{interrupt, numbers, units};

#[derive(Args)]
pub(crate) struct EncryptArgs {
    /// Files with samples: images (.png), arrays (.npy) or tables with a sample a line (.csv), as the network takes them
    #[arg(required_unless_present = "samples", conflicts_with = "samples")]
    pub(crate) inputs: Vec<PathBuf>,
    /// In place of files: this many samples of the model's test part, those that `compare` runs
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) samples: Option<u32>,
    /// The secret key, as `keygen` made it
    #[arg(long, value_name = "FILE", default_value = "owner/secret.henna")]
    pub(crate) secret: PathBuf,
    /// Weights for which the key was made, where they are not the model's own
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Where the request goes
    #[arg(long, value_name = "FILE", default_value = "request.henna")]
    pub(crate) out: PathBuf,
    /// Print one line of JSON to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

struct Encrypt<'a> {
    args: &'a EncryptArgs,
    subject: &'a Subject,
    secret: Reader,
    inputs: Tensor,
}

impl Task for Encrypt<'_> {
    type Output = Result<(), Failure>;

    fn run<S: ClientScheme>(self) -> Self::Output {
        let Self { args, subject, secret, inputs } = self;
        let owner = Owner::<S>::open(secret, &subject.network, &subject.weights.weights)?;
        let start = Instant::now();
        let header = owner.request_header(inputs.batch());
        let mut request = Writer::create(&args.out, &header)?;
        interrupt::remove_on_interrupt(request.part());
        let mut rng: ChaCha20Rng = rand::make_rng();
        let bar = Bar::units("encrypt");
        owner.encrypt(&inputs, &mut request, &mut rng, &mut |done| {
            bar.show(done as u64, header.samples, String::new());
        })?;
        bar.finish();
        let bytes = request.finish()?;
        Done::of("encrypt", &header, start.elapsed().as_secs_f64())
            .file(
                &args.out,
                format!("{}, encrypted, for the server", units::count(header.samples, "sample")),
                bytes,
            )
            .tell(args.json)
    }
}

/// Encrypts samples.
pub(crate) fn encrypt(args: &EncryptArgs) -> Result<(), Failure> {
    interrupt::install();
    let (secret, subject) = open(&args.secret, Kind::SecretKey, args.weights.as_ref())?;
    let inputs = match args.samples {
        Some(count) => subject.samples(count as usize)?.inputs,
        None => numbers::read(&args.inputs, subject.network.input_shape())?,
    };
    let scheme = secret.header().scheme.clone();
    backends::with(&scheme, Encrypt { args, subject: &subject, secret, inputs }).map_err(Failure::Failed)?
}
