//! MORE is broken by its ciphertexts alone. These tests are given what a server is given, ciphertexts and nothing else, and
//! recover the messages; the secret key appears only on the side that encrypts.

use backend_more::attack::{Clue, Decryption, Eigenvectors, eigenvalues};
use backend_more::{Ciphertext, More, Parameters, RandomLane};
use he_traits::{
    ClientScheme, Diagonal, Encryptor, Evaluator, Exact, Function, KeyNeeds, Level, Result, Scheme,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// How far a recovered number may be off: rounding under keys of condition number up to 4, nothing else.
const EXACTNESS: f64 = 1e-12;

/// What the owner of the data sends to the server.
fn sent(parameters: &Parameters, messages: &[Vec<f64>], seed: u64) -> Result<Vec<Ciphertext>> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let keys = More::keygen(parameters, &KeyNeeds::default(), &mut rng)?;
    let encryptor = More::encryptor(parameters, &keys.secret)?;
    messages
        .iter()
        .map(|m| encryptor.encrypt(&Diagonal::Real(m.clone()), Level::UNBOUNDED, &mut rng))
        .collect()
}

/// A picture: dark background, a bright stroke, and one number of its own.
fn picture(seed: usize) -> Vec<f64> {
    (0..784)
        .map(|i| {
            let (y, x) = (i / 28, i % 28);
            let distance = (x as f64 - 14.0 - 6.0 * ((y + seed) as f64 * 0.3).sin()).abs();
            if distance < 2.0 { 1.0 - distance / 2.5 } else { 0.0 }
        })
        .collect()
}

fn worst_distance(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn every_message_is_an_eigenvalue_of_its_ciphertext() -> Result<()> {
    for dimension in [2, 3, 5] {
        for seed in 0..20 {
            let message: Vec<f64> = (0..32).map(|i| (i as f64 * 1.7 + seed as f64).sin() * 3.0).collect();
            let parameters = Parameters::new(32)?.with_dimension(dimension)?;
            let ciphertexts = sent(&parameters, std::slice::from_ref(&message), seed)?;
            for (candidates, m) in eigenvalues(&ciphertexts[0]).iter().zip(&message) {
                let nearest = candidates.iter().map(|value| (value - m).abs()).fold(f64::INFINITY, f64::min);
                assert!(nearest < 1e-11, "dimension {dimension}: nearest eigenvalue is {nearest} away");
            }
        }
    }
    Ok(())
}

#[test]
fn pictures_are_recovered_from_ciphertexts_alone() -> Result<()> {
    // Nothing is known but that pictures have a background: for 20 keys, ten pictures each are recovered, every pixel of them.
    for seed in 0..20 {
        let messages: Vec<Vec<f64>> = (0..10).map(picture).collect();
        let ciphertexts = sent(&Parameters::new(784)?, &messages, seed)?;
        // One picture is enough to break the key; it opens all of them.
        let key = Eigenvectors::from_ciphertexts(&[&ciphertexts[0]]).expect("eigenvalues differ");
        let lane = key.message_lane(&ciphertexts[0], Clue::Repeats).expect("the background repeats");
        for (ciphertext, message) in ciphertexts.iter().zip(&messages) {
            let recovered = &key.lanes(ciphertext)[lane];
            assert!(worst_distance(recovered, message) < EXACTNESS);
        }
    }
    Ok(())
}

#[test]
fn one_known_number_settles_the_lane() -> Result<()> {
    for dimension in [2, 3, 4] {
        for seed in 0..20 {
            let messages: Vec<Vec<f64>> =
                (0..4).map(|k| (0..50).map(|i| ((i * 7 + k * 13) as f64).cos()).collect()).collect();
            let ciphertexts = sent(&Parameters::new(50)?.with_dimension(dimension)?, &messages, 100 + seed)?;
            let key = Eigenvectors::from_ciphertexts(&[&ciphertexts[1]]).expect("eigenvalues differ");
            let clue = Clue::Known { slot: 3, value: messages[0][3] };
            let lane = key.message_lane(&ciphertexts[0], clue).expect("one lane holds the known number");
            for (ciphertext, message) in ciphertexts.iter().zip(&messages) {
                let distance = worst_distance(&key.lanes(ciphertext)[lane], message);
                assert!(distance < 1e-9, "dimension {dimension}, seed {seed}: {distance}");
            }
        }
    }
    Ok(())
}

#[test]
fn as_many_known_numbers_as_rows_decrypt_everything() -> Result<()> {
    for dimension in [2, 3, 4] {
        for seed in 0..20 {
            let messages: Vec<Vec<f64>> =
                (0..4).map(|k| (0..50).map(|i| ((i * 7 + k * 13) as f64).cos()).collect()).collect();
            let ciphertexts = sent(&Parameters::new(50)?.with_dimension(dimension)?, &messages, 200 + seed)?;
            let known: Vec<_> =
                (0..dimension).map(|i| (&ciphertexts[0], 3 * i, messages[0][3 * i])).collect();
            let key = Decryption::from_known(&known).expect("n numbers are enough");
            for (ciphertext, message) in ciphertexts.iter().zip(&messages) {
                let distance = worst_distance(&key.message(ciphertext), message);
                assert!(distance < 1e-7, "dimension {dimension}, seed {seed}: {distance}");
            }
            let fewer = Decryption::from_known(&known[1..]).expect("some function fits");
            let distance = worst_distance(&fewer.message(&ciphertexts[1]), &messages[1]);
            assert!(distance > 1e-6, "dimension {dimension}, seed {seed}: {distance}");
        }
    }
    Ok(())
}

#[test]
fn one_known_number_gives_the_keys_vectors() -> Result<()> {
    for dimension in [2, 3, 4, 8] {
        for seed in 0..20 {
            let messages: Vec<Vec<f64>> =
                (0..4).map(|k| (0..50).map(|i| ((i * 7 + k * 13) as f64).cos()).collect()).collect();
            let ciphertexts = sent(&Parameters::new(50)?.with_dimension(dimension)?, &messages, 400 + seed)?;
            let known = (&ciphertexts[0], 11, messages[0][11]);
            let key = Decryption::from_key_search(&[known]).expect("one number is enough");
            for (ciphertext, message) in ciphertexts.iter().zip(&messages) {
                let distance = worst_distance(&key.message(ciphertext), message);
                assert!(distance < 1e-6, "dimension {dimension}, seed {seed}: {distance}");
            }
            // A number that is not there leads nowhere.
            let wrong = (&ciphertexts[0], 11, messages[0][11] + 0.1);
            assert!(Decryption::from_key_search(&[wrong]).is_none(), "dimension {dimension}, seed {seed}");
        }
    }
    Ok(())
}

#[test]
fn weights_give_themselves_away_by_their_precision() -> Result<()> {
    let weights: Vec<f64> = (0..64).map(|i| f64::from(((i * 37) as f32).sin() * 0.1)).collect();
    for seed in 0..20 {
        let ciphertexts = sent(&Parameters::new(64)?, std::slice::from_ref(&weights), 300 + seed)?;
        let key = Eigenvectors::from_ciphertexts(&[&ciphertexts[0]]).expect("eigenvalues differ");
        let lane = key.message_lane(&ciphertexts[0], Clue::SinglePrecision).expect("one lane is rounded");
        assert!(worst_distance(&key.lanes(&ciphertexts[0])[lane], &weights) < EXACTNESS);
    }
    Ok(())
}

#[test]
fn random_numbers_of_another_range_make_it_easier() -> Result<()> {
    // Larger random numbers hide nothing: the message is the lane that stays in the range of the data.
    let parameters = Parameters::new(64)?.with_random_lane(RandomLane::Interval { low: -1e3, high: 1e3 })?;
    let message: Vec<f64> = (0..64).map(|i| f64::from(i) / 64.0).collect();
    for seed in 0..20 {
        let ciphertexts = sent(&parameters, std::slice::from_ref(&message), seed)?;
        let key = Eigenvectors::from_ciphertexts(&[&ciphertexts[0]]).expect("eigenvalues differ");
        let clue = Clue::Range { low: -0.01, high: 1.01 };
        let lane = key.message_lane(&ciphertexts[0], clue).expect("one lane stays in the range");
        assert!(worst_distance(&key.lanes(&ciphertexts[0])[lane], &message) < 1e-9);
    }
    Ok(())
}

#[test]
fn the_key_of_one_ciphertext_opens_what_is_computed_from_others() -> Result<()> {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let parameters = Parameters::new(16)?;
    let keys = More::keygen(&parameters, &KeyNeeds::default(), &mut rng)?;
    let encryptor = More::encryptor(&parameters, &keys.secret)?;
    let message: Vec<f64> = (0..16).map(|i| f64::from(i) / 8.0 - 1.0).collect();
    let first = encryptor.encrypt(&Diagonal::Real(message.clone()), Level::UNBOUNDED, &mut rng)?;
    let second = encryptor.encrypt(&Diagonal::Real(message.clone()), Level::UNBOUNDED, &mut rng)?;
    let server = More::evaluator(&parameters, keys.evaluation)?;
    let result =
        server.exact().map(|exact| exact.apply(&second, Function::Sigmoid)).transpose()?.expect("exact");
    let key = Eigenvectors::from_ciphertexts(&[&first]).expect("eigenvalues differ");
    let lane = key.message_lane(&first, Clue::Known { slot: 0, value: -1.0 }).expect("the known number");
    let want: Vec<f64> = message.iter().map(|m| Function::Sigmoid.at(*m)).collect();
    assert!(worst_distance(&key.lanes(&result)[lane], &want) < EXACTNESS);
    Ok(())
}

#[test]
fn the_attack_takes_milliseconds() -> Result<()> {
    let ciphertexts = sent(&Parameters::new(784)?, &[picture(1)], 1)?;
    let start = std::time::Instant::now();
    let key = Eigenvectors::from_ciphertexts(&[&ciphertexts[0]]).expect("eigenvalues differ");
    let lane = key.message_lane(&ciphertexts[0], Clue::Repeats).expect("the background repeats");
    let recovered = key.lanes(&ciphertexts[0]).swap_remove(lane);
    // Generous, for machines that are busy: the statement is "milliseconds", not hours.
    assert!(start.elapsed().as_millis() < 500);
    assert!(worst_distance(&recovered, &picture(1)) < EXACTNESS);
    Ok(())
}
