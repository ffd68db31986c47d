//! The attacker's process: the server's files, and nothing else.

use std::path::Path;
use std::time::Instant;

use backend_more::attack::{Clue, Decryption, Eigenvectors, eigenvalues};
use backend_more::{Ciphertext, Parameters};
use he_traits::wire::Decode;

use super::Loot;
use super::files::{self, Known};
use crate::failure::Failure;
use crate::output;

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// Reads the server's folder, writes what it gives away, and prints a [`Loot`] as JSON.
pub(crate) fn attacker(server: &Path, recovered: &Path) -> Result<(), Failure> {
    let parameters = Parameters::from_bytes(&files::read(&server.join(files::PARAMETERS))?, &())?;
    let load = |kind: &str| -> Result<Vec<Ciphertext>, Failure> {
        let one = |path: &std::path::PathBuf| Ok(Ciphertext::from_bytes(&files::read(path)?, &parameters)?);
        files::list(&server.join(kind))?.iter().map(one).collect()
    };
    let (samples, model) = (load(files::SAMPLES)?, load(files::MODEL)?);
    let known: Vec<Known> = serde_json::from_slice(&files::read(&server.join(files::KNOWN))?)
        .map_err(|error| Failure::failed(format!("{}: {error}", files::KNOWN)))?;
    let Some(first) = samples.first() else {
        return Err(Failure::failed("the server holds no sample"));
    };

    let (eigenvalues_seconds, candidates) = timed(|| eigenvalues(first));
    files::write_numbers(&recovered.join("eigenvalues"), &candidates.concat())?;

    let (eigenvectors_seconds, vectors) = timed(|| Eigenvectors::from_ciphertexts(&[first]));
    let (lane_seconds, (lane, clues)) =
        timed(|| vectors.as_ref().map_or((None, Vec::new()), |v| message_lane(v, first, &model, &known)));
    let (reading_seconds, ()) = match (&vectors, lane) {
        (Some(vectors), Some(lane)) => {
            let read = |ciphertexts: &[Ciphertext]| -> Vec<f64> {
                ciphertexts.iter().flat_map(|x| vectors.lanes(x).into_iter().nth(lane)).flatten().collect()
            };
            let (seconds, (samples, model)) = timed(|| (read(&samples), read(&model)));
            files::write_numbers(&recovered.join(files::SAMPLES), &samples)?;
            files::write_numbers(&recovered.join(files::MODEL), &model)?;
            (seconds, ())
        }
        _ => (0.0, ()),
    };

    let pairs: Vec<(&Ciphertext, usize, f64)> =
        known.iter().filter_map(|k| Some((samples.get(k.sample)?, k.slot, k.value))).collect();
    let (known_seconds, opened) = timed(|| {
        let decryption = Decryption::from_known(&pairs)?;
        Some(samples.iter().flat_map(|x| decryption.message(x)).collect::<Vec<f64>>())
    });
    if let Some(opened) = opened {
        files::write_numbers(&recovered.join(files::BY_KNOWN_NUMBERS), &opened)?;
    }
    let (search_seconds, opened) = timed(|| {
        let decryption = Decryption::from_key_search(pairs.get(..1)?)?;
        Some(samples.iter().flat_map(|x| decryption.message(x)).collect::<Vec<f64>>())
    });
    if let Some(opened) = opened {
        files::write_numbers(&recovered.join(files::BY_KEY_SEARCH), &opened)?;
    }
    let loot = Loot {
        numbers: samples.iter().chain(&model).map(Ciphertext::period).sum(),
        eigenvalues_seconds,
        eigenvectors_seconds,
        clues,
        lane_seconds,
        reading_seconds,
        known_numbers: pairs.len(),
        known_seconds,
        search_seconds,
    };
    let text = serde_json::to_string(&loot).map_err(|error| Failure::failed(error.to_string()))?;
    output::print(&(text + "\n"))
}

/// The lane of the message, and every clue that tells it: first what needs no knowledge at all.
fn message_lane(
    vectors: &Eigenvectors,
    sample: &Ciphertext,
    model: &[Ciphertext],
    known: &[Known],
) -> (Option<usize>, Vec<String>) {
    let mut found: Vec<(usize, &str)> = Vec::new();
    let mut note = |lane: Option<usize>, clue| found.extend(lane.map(|lane| (lane, clue)));
    note(vectors.message_lane(sample, Clue::Repeats), "equal numbers in a sample");
    // The largest block: most numbers to judge by.
    if let Some(block) = model.iter().max_by_key(|x| x.period()) {
        note(vectors.message_lane(block, Clue::SinglePrecision), "weights of single precision");
    }
    if let Some(Known { slot, value, .. }) = known.iter().find(|known| known.sample == 0) {
        let clue = Clue::Known { slot: *slot, value: *value };
        note(vectors.message_lane(sample, clue), "one known number");
    }
    let lane = found.first().map(|(lane, _)| *lane);
    let agree = found.iter().filter(|(other, _)| Some(*other) == lane);
    (lane, agree.map(|(_, clue)| (*clue).to_owned()).collect())
}
