//! The owner's side of an attack: what a server gets, and how much of it came back.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use backend_more::{More, MoreEncryptor, Parameters};
use he_traits::wire::Encode;
use he_traits::{ClientScheme, Diagonal, Encryptor, Evaluator, KeyNeeds, Level, Scheme};
use rand_chacha::ChaCha20Rng;

use super::files::{self, Known};
use super::picture::Pictures;
use super::{Exactness, Loot, Outcome};
use crate::compare;
use crate::failure::Failure;
use crate::job::Subject;

/// Numbers of a block of weights.
const BLOCK: usize = 1024;

struct Owner {
    encryptor: MoreEncryptor,
    rng: ChaCha20Rng,
    files: usize,
    bytes: u64,
    seconds: f64,
    numbers: usize,
}

impl Owner {
    /// Encrypts a vector for the server.
    fn hand_over(&mut self, values: &[f64], path: &Path) -> Result<(), Failure> {
        let start = Instant::now();
        let values = Diagonal::Real(values.to_vec());
        let ciphertext = self.encryptor.encrypt(&values, Level::UNBOUNDED, &mut self.rng)?;
        self.seconds += start.elapsed().as_secs_f64();
        self.numbers += ciphertext.period();
        let bytes = ciphertext.to_bytes()?;
        self.files += 1;
        self.bytes += bytes.len() as u64;
        files::write(path, &bytes)
    }
}

/// Makes a key for matrices of `dimension` rows, hands samples and weights to the server's folder below `place`, sends the attacker there,
/// and compares what it found.
pub(super) fn attack(
    subject: &Subject,
    dimension: usize,
    count: usize,
    place: &Path,
) -> Result<Outcome, Failure> {
    let samples = subject.samples(count)?;
    let input: usize = subject.network.input_shape().iter().product();
    let server = place.join("server");
    let recovered = place.join("recovered");
    // Slots that both a sample and a block of weights divide.
    let parameters = Parameters::new(input * BLOCK)?.with_dimension(dimension)?;
    let mut rng: ChaCha20Rng = rand::make_rng();
    let keys = More::keygen(&parameters, &KeyNeeds::default(), &mut rng)?;
    let encryptor = More::encryptor(&parameters, &keys.secret)?;
    let mut owner = Owner { encryptor, rng, files: 0, bytes: 0, seconds: 0.0, numbers: 0 };

    for folder in [&server, &recovered] {
        if folder.exists() {
            let cannot = |error| Failure::failed(format!("{}: {error}", folder.display()));
            std::fs::remove_dir_all(folder).map_err(cannot)?;
        }
    }
    files::write(&server.join(files::PARAMETERS), &parameters.to_bytes()?)?;
    for (index, sample) in samples.inputs.data().chunks(input).enumerate() {
        owner.hand_over(sample, &server.join(files::SAMPLES).join(format!("{index:05}")))?;
    }
    let weights: Vec<f64> =
        subject.weights.weights.iter().flat_map(|(_, tensor)| tensor.data().iter().copied()).collect();
    for (index, block) in weights.chunks(BLOCK).enumerate() {
        let mut block = block.to_vec();
        block.resize(BLOCK, 0.0);
        owner.hand_over(&block, &server.join(files::MODEL).join(format!("{index:05}")))?;
    }
    let known = known_numbers(samples.inputs.data(), input, dimension);
    let text = serde_json::to_vec(&known).map_err(|error| Failure::failed(error.to_string()))?;
    files::write(&server.join(files::KNOWN), &text)?;
    let product_seconds_per_number = product_seconds(&parameters, &mut owner, keys.evaluation)?;

    let loot = send(&server, &recovered)?;
    let read = |name: &str| files::read_numbers(&recovered.join(name));
    let first = samples.inputs.data().get(..input).unwrap_or(&[]);
    let opened = read(files::SAMPLES)?;
    Ok(Outcome {
        scheme: More::NAME,
        model: subject.name().to_owned(),
        parameters: More::profile(&parameters)?.parameters,
        dimension,
        files: owner.files,
        bytes: owner.bytes,
        bytes_per_number: owner.bytes as f64 / owner.numbers as f64,
        encrypt_seconds_per_number: owner.seconds / owner.numbers as f64,
        product_seconds_per_number,
        loot: Some(loot),
        eigenvalues: Exactness::of(&nearest(&read("eigenvalues")?, first, dimension), first),
        samples: Exactness::of(&opened, samples.inputs.data()),
        weights: Exactness::of(&read(files::MODEL)?, &weights),
        by_known: Exactness::of(&read(files::BY_KNOWN_NUMBERS)?, samples.inputs.data()),
        by_key_search: Exactness::of(&read(files::BY_KEY_SEARCH)?, samples.inputs.data()),
        pictures: Pictures::new(
            subject.network.input_shape(),
            first,
            &server.join(files::SAMPLES).join("00000"),
            &parameters,
            opened.get(..input).unwrap_or(&[]),
        )?,
    })
}

/// As many numbers of the first sample as the matrices have rows, different ones where there are.
fn known_numbers(data: &[f64], input: usize, count: usize) -> Vec<Known> {
    let sample = data.get(..input).unwrap_or(data);
    let mut order: Vec<(usize, f64)> = sample.iter().copied().enumerate().collect();
    order.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let mut distinct = order.clone();
    distinct.dedup_by(|a, b| a.1 == b.1);
    let chosen = if distinct.len() >= count { distinct } else { order };
    chosen.into_iter().take(count).map(|(slot, value)| Known { sample: 0, slot, value }).collect()
}

/// Of every slot's candidates, the one nearest to the message.
fn nearest(candidates: &[f64], messages: &[f64], dimension: usize) -> Vec<f64> {
    let near = |(candidates, message): (&[f64], &f64)| {
        let distance = |value: &&f64| (**value - message).abs();
        candidates.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).copied().unwrap_or(f64::NAN)
    };
    candidates.chunks(dimension).zip(messages).map(near).collect()
}

/// Seconds of a product of two ciphertexts, a number.
fn product_seconds(
    parameters: &Parameters,
    owner: &mut Owner,
    keys: <More as Scheme>::EvaluationKeys,
) -> Result<f64, Failure> {
    let server = More::evaluator(parameters, keys)?;
    let values = Diagonal::Real((0..BLOCK).map(|i| (i as f64).sin()).collect());
    let x = owner.encryptor.encrypt(&values, Level::UNBOUNDED, &mut owner.rng)?;
    let mut fastest = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        server.mul(&x, &x)?;
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Ok(fastest / BLOCK as f64)
}

/// Runs the attacker in a process of its own, without this process's environment.
fn send(server: &Path, recovered: &Path) -> Result<Loot, Failure> {
    let output = Command::new(compare::child::own_file()?)
        .arg("attack-files")
        .args([server, recovered])
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::failed(format!("cannot start the attacker's process: {error}")))?;
    if !output.status.success() {
        return Err(Failure::failed(format!("the attacker's process ended with {}", output.status)));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::failed(format!("the attacker's answer cannot be read: {error}")))
}
