//! `henna attack more`: what the files on a server give away.
//!
//! This process plays the owner: it makes a key, encrypts samples and a model, and writes what a server gets. Another process, which
//! is told nothing but where those files are, recovers what it can ([`mod@attacker`]). Then the owner compares.

mod attacker;
mod files;
mod owner;
mod picture;

use std::fmt::Write as _;
use std::path::Path;

use he_traits::Scheme;
use serde::{Deserialize, Serialize};

pub(crate) use attacker::attacker;

use crate::args::AttackArgs;
use crate::failure::Failure;
use crate::job::Subject;
use crate::{interrupt, output, suggest, table, units};

/// Schemes with an attack. The compact form of MORE has the files of the full one.
const SCHEMES: [&str; 2] = [backend_more::More::NAME, backend_more::CompactMore::NAME];

/// What the attacker says of its own work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Loot {
    /// Numbers read from the ciphertexts.
    pub(crate) numbers: usize,
    /// Seconds for the eigenvalues of every number of the first sample.
    pub(crate) eigenvalues_seconds: f64,
    /// Seconds for the common eigenvectors, from the first sample.
    pub(crate) eigenvectors_seconds: f64,
    /// The clue that settled which lane is the message, and those that would have done alone.
    pub(crate) clues: Vec<String>,
    /// Seconds to settle the lane.
    pub(crate) lane_seconds: f64,
    /// Seconds to read every number with it.
    pub(crate) reading_seconds: f64,
    /// Known numbers used by the attack without eigenvalues, and its seconds.
    pub(crate) known_numbers: usize,
    pub(crate) known_seconds: f64,
    /// Seconds of the search for the key with one known number.
    pub(crate) search_seconds: f64,
}

/// How exactly numbers were recovered, as the owner sees it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Exactness {
    pub(crate) numbers: usize,
    /// Those that are off by less than [`CLOSE`] times 1 + their size.
    pub(crate) recovered: usize,
    pub(crate) worst_error: f64,
}

/// A number recovered to so many digits is recovered.
pub(crate) const CLOSE: f64 = 1e-6;

impl Exactness {
    fn of(got: &[f64], want: &[f64]) -> Self {
        let errors = || {
            want.iter().enumerate().map(|(i, want)| {
                let got = got.get(i).copied().unwrap_or(f64::INFINITY);
                let error = (got - want).abs();
                if error.is_nan() { (f64::INFINITY, want) } else { (error, want) }
            })
        };
        Self {
            numbers: want.len(),
            recovered: errors().filter(|(error, want)| *error <= CLOSE * (1.0 + want.abs())).count(),
            worst_error: errors().map(|(error, _)| error).fold(0.0, f64::max),
        }
    }

    fn in_words(self) -> String {
        format!(
            "{} of {}, worst error {}",
            units::grouped(self.recovered as u64),
            units::grouped(self.numbers as u64),
            units::digits(self.worst_error)
        )
    }
}

/// One dimension, attacked.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) scheme: &'static str,
    pub(crate) model: String,
    pub(crate) parameters: String,
    pub(crate) dimension: usize,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    pub(crate) bytes_per_number: f64,
    pub(crate) encrypt_seconds_per_number: f64,
    pub(crate) product_seconds_per_number: f64,
    pub(crate) loot: Option<Loot>,
    /// Numbers of the first sample that are among the eigenvalues of their ciphertexts.
    pub(crate) eigenvalues: Exactness,
    /// Samples and weights, by the common eigenvectors and a clue; no number where no clue settled the lane.
    pub(crate) samples: Exactness,
    pub(crate) weights: Exactness,
    /// Samples by the known numbers.
    pub(crate) by_known: Exactness,
    /// Samples by the key's vectors, found with one known number.
    pub(crate) by_key_search: Exactness,
    #[serde(skip)]
    pub(crate) pictures: Option<picture::Pictures>,
}

/// Attacks every dimension asked for.
pub(crate) fn run(args: &AttackArgs) -> Result<(), Failure> {
    if !SCHEMES.contains(&args.scheme.as_str()) {
        return Err(suggest::unknown("attack on", &args.scheme, &SCHEMES));
    }
    let subject = Subject::load(&args.model, None)?;
    interrupt::install();
    let scratch;
    let folder = match &args.out {
        Some(folder) => folder.as_path(),
        None => {
            scratch = tempfile::tempdir()
                .map_err(|error| Failure::failed(format!("cannot make a temporary folder: {error}")))?;
            scratch.path()
        }
    };
    let dimensions: Vec<usize> = args.dimension.iter().map(|dimension| usize::from(*dimension)).collect();
    let outcomes = attack_all(&subject, args.samples as usize, &dimensions, folder)?;
    if args.json {
        let lines: Result<Vec<String>, _> = outcomes.iter().map(serde_json::to_string).collect();
        let lines = lines.map_err(|error| Failure::failed(error.to_string()))?;
        return output::print(&(lines.join("\n") + "\n"));
    }
    output::print(&report(&subject, &outcomes))?;
    if let (Some(folder), Some(pictures)) = (&args.out, outcomes.iter().find_map(|o| o.pictures.as_ref())) {
        let path = folder.join(PICTURE);
        pictures.save(&path)?;
        eprintln!("original, one plane of its ciphertext, recovered: {}", path.display());
    }
    Ok(())
}

/// A sample beside what was recovered, in the folder of an attack.
pub(crate) const PICTURE: &str = "recovered.png";

/// Attacks a model's samples and weights; files and picture go into `folder`. What the command would print.
pub(crate) fn into_folder(
    model: &str,
    samples: usize,
    dimensions: &[usize],
    folder: &Path,
) -> Result<String, Failure> {
    let subject = Subject::load(model, None)?;
    let outcomes = attack_all(&subject, samples, dimensions, folder)?;
    if let Some(pictures) = outcomes.iter().find_map(|outcome| outcome.pictures.as_ref()) {
        pictures.save(&folder.join(PICTURE))?;
    }
    Ok(report(&subject, &outcomes))
}

fn attack_all(
    subject: &Subject,
    samples: usize,
    dimensions: &[usize],
    folder: &Path,
) -> Result<Vec<Outcome>, Failure> {
    let one = |dimension: &usize| {
        let place = folder.join(format!("{dimension}x{dimension}"));
        owner::attack(subject, *dimension, samples, &place)
    };
    dimensions.iter().map(one).collect()
}

fn report(subject: &Subject, outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "MORE attacked: the owner encrypted samples and weights of {}; a process of its own read the server's files and nothing else.\n",
        subject.name()
    );
    if let Some(pictures) = outcomes.iter().find_map(|outcome| outcome.pictures.as_ref()) {
        let _ = writeln!(text, "\n{}", pictures.terminal());
    }
    let mut columns = vec![""];
    let titles: Vec<String> = outcomes.iter().map(|o| format!("{0} x {0}", o.dimension)).collect();
    columns.extend(titles.iter().map(String::as_str));
    let mut table = table::plain(&columns);
    let mut row = |name: &str, cell: &dyn Fn(&Outcome) -> String| {
        table.add_row(std::iter::once(name.to_owned()).chain(outcomes.iter().map(cell)));
    };
    let seconds = |pick: fn(&Loot) -> f64| {
        move |o: &Outcome| o.loot.as_ref().map_or_else(|| "-".to_owned(), |l| units::seconds(pick(l)))
    };
    row("files the server holds", &|o| format!("{}, {}", o.files, units::bytes(o.bytes as f64)));
    row("bytes a number", &|o| units::digits(o.bytes_per_number));
    row("encryption, a number", &|o| units::seconds(o.encrypt_seconds_per_number));
    row("product, a number", &|o| units::seconds(o.product_seconds_per_number));
    row("1. ciphertext alone: eigenvalues", &|o| o.eigenvalues.in_words());
    row("   time, one sample", &seconds(|l| l.eigenvalues_seconds));
    row("2. common eigenvectors: samples", &|o| o.samples.in_words());
    row("   weights", &|o| o.weights.in_words());
    row("   the lane is told by", &|o| {
        o.loot.as_ref().map_or_else(
            || "-".to_owned(),
            |l| if l.clues.is_empty() { "nothing".to_owned() } else { l.clues.join("; ") },
        )
    });
    row("   time: eigenvectors", &seconds(|l| l.eigenvectors_seconds));
    row("   time: lane", &seconds(|l| l.lane_seconds));
    row("   time: reading everything", &seconds(|l| l.reading_seconds));
    row("3. known numbers", &|o| {
        o.loot.as_ref().map_or_else(|| "-".to_owned(), |l| l.known_numbers.to_string())
    });
    row("   samples", &|o| o.by_known.in_words());
    row("   time", &seconds(|l| l.known_seconds));
    row("4. the key's vectors from one known number: samples", &|o| o.by_key_search.in_words());
    row("   time", &seconds(|l| l.search_seconds));
    let _ = writeln!(text, "{table}");
    text.push_str(
        "\nA number is recovered when it is off by less than 1e-6 (1 + its size). Larger matrices cost n^2 in memory and n^3 a product, and \
         fall to the same attacks: the message stays an eigenvalue, and one lane of n.\n",
    );
    text
}
