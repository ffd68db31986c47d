//! The command line as it is typed. What it asks for is checked afterwards, by `request`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use nn_layers::Packing;

/// Compares homomorphic-encryption schemes on real networks, side by side.
///
/// Exit codes: 0 all went well; 1 something failed; 2 the command line asks for what is not there; 3 a comparison went
/// through, but a backend could not run or died; 130 interrupted.
#[derive(Parser)]
#[command(name = "henna", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a network on the same samples under each backend and report what each costs and protects
    Compare(CompareArgs),
    /// Render records again: as tables, or as a page
    Report(ReportArgs),
    /// List models and backends
    List,
    /// Show how a network would run on each backend (levels, steps, keys, expected cost) without making any key
    Plan(PlanArgs),
    /// Train a model anew and write its weights
    Train(TrainArgs),
    /// Attack a scheme that does not protect: recover samples and weights from the files that a server holds
    Attack(AttackArgs),
    /// Owner: make keys for a network, a secret one to keep and evaluation keys for a server
    Keygen(crate::files::KeygenArgs),
    /// Owner: encrypt samples for a server
    Encrypt(crate::files::EncryptArgs),
    /// Server: run the network on encrypted samples, with evaluation keys alone
    Evaluate(crate::files::EvaluateArgs),
    /// Owner: decrypt what the server computed
    Decrypt(crate::files::DecryptArgs),
    /// Show what a file was made for: scheme, parameters, key, network, version
    Inspect(crate::files::InspectArgs),
    /// Server: evaluate requests of several owners over HTTP, with a queue, limits and a page to look at
    Serve(Box<crate::serve::ServeArgs>),
    /// Owner: have a server evaluate samples, from encryption to decryption or from file to file
    Query(Box<crate::files::QueryArgs>),
    /// Repeat a paper's experiments and report them beside its figures
    Reproduce(ReproduceArgs),
    /// Show where data sets lie, and fetch them
    Data(DataArgs),
    /// One backend of a comparison, in a process of its own (started by `compare`)
    #[command(name = "measure-backend", hide = true)]
    Measure,
    /// What operations cost on this machine, in a process of its own (started by `plan` and `compare`)
    #[command(name = "measure-costs", hide = true)]
    MeasureCosts,
    /// The attacker's process: sees the server's files and nothing else (started by `attack`)
    #[command(name = "attack-files", hide = true)]
    AttackFiles {
        /// The folder with the server's files.
        server: PathBuf,
        /// Where what is recovered goes.
        recovered: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct AttackArgs {
    /// The scheme to attack: `more`
    pub(crate) scheme: String,
    /// Whose samples and weights are encrypted and recovered, see `henna list`
    #[arg(long, default_value = "cnn-mnist", value_name = "NAME")]
    pub(crate) model: String,
    /// Samples that the server holds
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) samples: u32,
    /// Rows of the matrix that stands for one number; several, separated by commas, are attacked one after the other
    #[arg(long, value_delimiter = ',', default_value = "2,3,4,8", value_name = "N", value_parser = clap::value_parser!(u16).range(2..=16))]
    pub(crate) dimension: Vec<u16>,
    /// Keep the server's files, what was recovered from them and a picture in this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Print the results as JSON, one line a dimension
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ReproduceArgs {
    /// The scheme whose paper is reproduced: `more`
    pub(crate) scheme: String,
    /// Models, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "cnn-mnist,fcnn-wbc,cnn-angio", value_name = "NAMES")]
    pub(crate) model: Vec<String>,
    /// Where records, checkpoints and the report go; what is there already is not done again
    #[arg(long, default_value = "reproduce-more", value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Epochs of every training; each model's own number when absent
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Seed of data, first weights and order
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Numbers that stand for one in training: all four entries, or two (see docs/more.md)
    #[arg(long, value_enum, default_value_t = MoreForm::Full)]
    pub(crate) more_form: MoreForm,
    /// A trial: few samples, two epochs; the scores mean nothing
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Args)]
pub(crate) struct ModelArgs {
    /// Name of a model, see `henna list`, or a network of your own: an ONNX file (`.onnx`)
    pub(crate) model: String,
    /// Samples for a network from an ONNX file (.npy, .csv, .png); ranges of its activations are calibrated on them, 512 at most
    #[arg(long, value_delimiter = ',', value_name = "FILES")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Backends, separated by commas; all that this program has when absent
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) backend: Vec<String>,
    /// The form in which MORE computes: all four entries of a matrix, or two numbers (see docs/more.md); `compact` turns the backend `more` into `more-compact`
    #[arg(long, value_enum, default_value_t = MoreForm::Full)]
    pub(crate) more_form: MoreForm,
    /// Weights to use in place of the model's own (safetensors)
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Memory that a run may take, such as 12GB: weights that do not fit encoded are encoded on the fly; most of what is free when absent
    #[arg(long, value_name = "BYTES", value_parser = crate::units::parse_bytes)]
    pub(crate) memory: Option<u64>,
    /// With weights that the server does not see: `compare` runs them beside clear ones and shows what hiding them costs
    #[arg(long)]
    pub(crate) encrypt_model: bool,
    /// Let the server send values to the owner of the key on the way, to be decrypted and encrypted anew: networks of any depth run, and smaller
    /// parameters serve; the owner has to be there and learns those values (see docs/latent.md). Of no effect for backends without levels
    #[arg(long, conflicts_with = "encrypt_model")]
    pub(crate) round_trips: bool,
    /// How values lie in ciphertexts; several, separated by commas, or `both` for one column each (see docs/packing.md). Of no effect for
    /// backends that pay nothing for moving values
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "multiplexed",
        value_name = "NAMES",
        conflicts_with = "encrypt_model"
    )]
    pub(crate) packing: Vec<PackingArg>,
    /// Print records (JSON Lines) to standard output and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Samples, the same for every backend; as many as fit two minutes on the slowest, 16 to 256, when absent
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) samples: Option<u32>,
    /// Threads a backend; all of the machine when absent
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// How often the samples are run; 3 when absent, 1 where that would take longer than a minute
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) runs: Option<u16>,
    /// Run the first sample once more beside a clear run, decrypt after every step, and report how exact the values are there. Takes the secret
    /// key to where the network runs, and so is a look into a run and no way to run one
    #[arg(long)]
    pub(crate) precision: bool,
    /// Also write a page with pictures
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Where the records go; a file in the user's cache when absent
    #[arg(long, value_name = "FILE")]
    pub(crate) records: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ReportArgs {
    /// Files of records
    #[arg(required = true)]
    pub(crate) records: Vec<PathBuf>,
    /// Write a page with pictures in place of tables
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Args)]
pub(crate) struct TrainArgs {
    /// Name of a model, see `henna list`
    pub(crate) model: String,
    /// Epochs; the model's own number when absent
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Seed of data, first weights and order
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Where the weights go; MODEL.safetensors in this folder when absent
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Train on ciphertexts of this scheme (`more`), beside the same training in the clear
    #[arg(long, value_name = "SCHEME")]
    pub(crate) encrypted: Option<String>,
    /// Numbers that stand for one under MORE: all four entries, or two (see docs/more.md)
    #[arg(long, value_enum, default_value_t = MoreForm::Full, requires = "encrypted")]
    pub(crate) more_form: MoreForm,
    /// Keep the state after every epoch in this folder, and go on from what is there
    #[arg(long, value_name = "FOLDER", requires = "encrypted")]
    pub(crate) checkpoints: Option<PathBuf>,
}

/// Packings that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PackingArg {
    /// Channels share planes after a stride; maps by diagonals
    Multiplexed,
    /// Matrices row by row; products of matrices with sums over rows and columns
    VolleyRevolver,
    /// An element a ciphertext, and the slots are samples: for many samples at once
    Batched,
    /// The first two, one after the other
    Both,
}

impl PackingArg {
    /// The packings named, each once and in the order of reports.
    pub(crate) fn chosen(named: &[PackingArg]) -> Vec<Packing> {
        let is_named = |packing: &Packing| {
            named.iter().any(|name| match name {
                PackingArg::Both => *packing != Packing::Batched,
                PackingArg::Batched => *packing == Packing::Batched,
                PackingArg::Multiplexed => *packing == Packing::Multiplexed,
                PackingArg::VolleyRevolver => *packing == Packing::VolleyRevolver,
            })
        };
        Packing::ALL.into_iter().filter(is_named).collect()
    }
}

/// How MORE writes a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum MoreForm {
    /// The four entries
    Full,
    /// a and b of a I + b T
    Compact,
}

#[derive(Args)]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    pub(crate) command: DataCommand,
}

#[derive(Subcommand)]
pub(crate) enum DataCommand {
    /// List data sets and whether they are there
    List,
    /// Print the folder that data sets are read from
    Path,
    /// Download a data set from its public home
    Fetch {
        /// Name of a data set, see `henna data list`
        name: String,
    },
}
