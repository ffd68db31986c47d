//! Bytes: round trips, and the refusal of bytes that are not what they should be.

use rand::RngExt;

use super::bench::{Bench, Owner, below, rotated};
use super::violation::{Outcome, Refusal};
use crate::wire::{Decode, Encode};
use crate::{ClientScheme, Diagonal, Encryptor, Evaluator, KeyNeeds, Level, Result, Step};

/// Parameters, ciphertexts, keys; `foreign` are other parameters of the same scheme.
pub(super) fn run<S: ClientScheme>(bench: &mut Bench<S>, foreign: Option<&S::Params>) -> Outcome {
    params(bench)?;
    ciphertexts(bench)?;
    keys(bench)?;
    secret(bench)?;
    public(bench)?;
    foreign.map_or(Ok(()), |foreign| other_parameters(bench, foreign))
}

/// That altered forms of `bytes` are refused by `read`; `samples` positions are tried of each alteration.
fn refuse_altered<S: ClientScheme, T>(
    bench: &mut Bench<S>,
    what: &str,
    bytes: &[u8],
    samples: usize,
    read: impl Fn(&[u8]) -> Result<T>,
) -> Outcome {
    let at = bench.profile.top;
    let mut lengths = vec![0, bytes.len() / 2, bytes.len().saturating_sub(1)];
    lengths.extend((0..samples).map(|_| bench.rng.random_range(0..bytes.len().max(1))));
    for length in lengths {
        let cut = bytes.get(..length).unwrap_or_default();
        let case = format!("{what} cut to {length} of {} bytes", bytes.len());
        bench.refuse(&case, at, read(cut).map(drop), Refusal::Malformed)?;
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    bench.refuse(&format!("{what} with a byte to spare"), at, read(&longer).map(drop), Refusal::Malformed)?;
    drop(longer);
    let mut altered = bytes.to_vec();
    // Headers are short, and each of their bytes decides something; of the rest some positions stand for all.
    let mut positions: Vec<usize> = (0..bytes.len().min(8 * samples)).step_by(8).collect();
    positions.extend((0..samples).map(|_| bench.rng.random_range(0..bytes.len().max(1))));
    for position in positions {
        let bit = 1 << bench.rng.random_range(0..8);
        let flip = |altered: &mut Vec<u8>| altered.get_mut(position).map(|byte| *byte ^= bit);
        flip(&mut altered);
        let case = format!("{what} with a bit of byte {position} flipped");
        bench.refuse(&case, at, read(&altered).map(drop), Refusal::Malformed)?;
        flip(&mut altered);
    }
    Ok(())
}

fn params<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("bytes of parameters");
    let at = bench.profile.top;
    let bytes = bench.params.to_bytes();
    let bytes = bench.pass(|| "parameters to bytes".to_owned(), at, bytes)?;
    let back =
        S::Params::from_bytes(&bytes, &()).and_then(|params| Ok((S::profile(&params)?, params.to_bytes()?)));
    let (profile, again) = bench.pass(|| "parameters from bytes".to_owned(), at, back)?;
    let same = profile == bench.profile && again == bytes;
    bench.holds("parameters read back", same, || "they differ from those that were written".to_owned())?;
    refuse_altered(bench, "parameters", &bytes, 16, |bytes| S::Params::from_bytes(bytes, &()))
}

fn ciphertexts<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("bytes of ciphertexts");
    let mut last = Vec::new();
    for at in bench.levels() {
        let input = bench.random(at)?;
        let sum = bench.e().add(&input.ciphertext, &input.ciphertext);
        let computed = bench.pass(|| "sum".to_owned(), at, sum)?;
        let double: Vec<f64> = input.values.iter().map(|v| 2.0 * v).collect();
        for (name, ciphertext, values) in [
            ("fresh ciphertext", &input.ciphertext, &input.values),
            ("computed ciphertext", &computed, &double),
        ] {
            let bytes = ciphertext.to_bytes();
            let bytes = bench.pass(|| format!("{name} to bytes"), at, bytes)?;
            let back = S::Ciphertext::from_bytes(&bytes, &bench.params);
            bench.expect(|| format!("{name} read back"), back, values, at, 2.0)?;
            last = bytes;
        }
    }
    let params = bench.params.clone();
    refuse_altered(bench, "ciphertext", &last, 16, |bytes| S::Ciphertext::from_bytes(bytes, &params))?;
    let at = bench.profile.top;
    let mistaken = S::EvaluationKeys::from_bytes(&last, &params).map(drop);
    bench.refuse("a ciphertext read as evaluation keys", at, mistaken, Refusal::Malformed)?;
    let mistaken = S::Params::from_bytes(&last, &()).map(drop);
    bench.refuse("a ciphertext read as parameters", at, mistaken, Refusal::Malformed)
}

fn keys<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("bytes of evaluation keys");
    let at = bench.profile.top;
    let mut needs = KeyNeeds::default();
    needs.rotate(Step(1).normalised(bench.slots()), at);
    needs.relinearise(at);
    let keys = S::keygen(&bench.params, &needs, &mut bench.rng);
    let keys = bench.pass(|| "keys".to_owned(), at, keys)?;
    let bytes = keys.evaluation.to_bytes();
    let bytes = bench.pass(|| "evaluation keys to bytes".to_owned(), at, bytes)?;
    let params = bench.params.clone();
    let back = S::EvaluationKeys::from_bytes(&bytes, &params).and_then(|evaluation| {
        Ok(Owner::<S> {
            encryptor: S::encryptor(&params, &keys.secret)?,
            decryptor: S::decryptor(&params, &keys.secret)?,
            evaluator: S::evaluator(&params, evaluation)?,
            secret: keys.secret,
        })
    });
    let other = bench.pass(|| "an evaluator from keys read back".to_owned(), at, back)?;
    let own = std::mem::replace(&mut bench.owner, other);
    let outcome = with_keys_read_back(bench, at);
    bench.owner = own;
    outcome?;
    refuse_altered(bench, "evaluation keys", &bytes, 4, |bytes| S::EvaluationKeys::from_bytes(bytes, &params))
}

fn with_keys_read_back<S: ClientScheme>(bench: &mut Bench<S>, at: Level) -> Outcome {
    let input = bench.random(at)?;
    let turned = bench.e().rotate(&input.ciphertext, Step(1));
    let expected = rotated(&input.values, Step(1));
    bench.expect(|| "rotate with keys read back".to_owned(), turned, &expected, at, 2.0)?;
    let Some(to) = below(at, 1) else { return Ok(()) };
    let square = bench.e().mul(&input.ciphertext, &input.ciphertext);
    let expected: Vec<f64> = input.values.iter().map(|v| v * v).collect();
    bench.expect(|| "mul with keys read back".to_owned(), square, &expected, to, 4.0)?;
    Ok(())
}

fn secret<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("bytes of the secret key");
    let at = bench.profile.top;
    let params = bench.params.clone();
    let bytes = S::secret_to_bytes(&params, &bench.owner.secret);
    let bytes = bench.pass(|| "secret key to bytes".to_owned(), at, bytes)?;
    let decryptor = S::secret_from_bytes(&params, &bytes).and_then(|secret| S::decryptor(&params, &secret));
    let decryptor = bench.pass(|| "secret key from bytes".to_owned(), at, decryptor)?;
    let input = bench.random(at)?;
    let own = std::mem::replace(&mut bench.owner.decryptor, decryptor);
    let case = || "decryption with the secret key read back".to_owned();
    let outcome = bench.expect(case, Ok(input.ciphertext), &input.values, at, 1.0);
    bench.owner.decryptor = own;
    outcome?;
    refuse_altered(bench, "secret key", &bytes, 8, |bytes| S::secret_from_bytes(&params, bytes))
}

fn public<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("public key");
    let at = bench.profile.top;
    let params = bench.params.clone();
    let key = S::public_key(&params, &bench.owner.secret, &mut bench.rng);
    let Some(key) = bench.pass(|| "public key".to_owned(), at, key)? else { return Ok(()) };
    let bytes = key.to_bytes();
    let bytes = bench.pass(|| "public key to bytes".to_owned(), at, bytes)?;
    let back = S::PublicKey::from_bytes(&bytes, &params).and_then(|key| S::public_encryptor(&params, &key));
    let encryptor = bench.pass(|| "public key from bytes".to_owned(), at, back)?;
    for at in bench.levels() {
        let values = bench.unit();
        let encrypted = encryptor.encrypt(&Diagonal::Real(values.clone()), at, &mut bench.rng);
        bench.expect(|| "encryption under the public key".to_owned(), encrypted, &values, at, 2.0)?;
    }
    refuse_altered(bench, "public key", &bytes, 8, |bytes| S::PublicKey::from_bytes(bytes, &params))
}

/// Nothing of these parameters may be taken for something of others.
fn other_parameters<S: ClientScheme>(bench: &mut Bench<S>, foreign: &S::Params) -> Outcome {
    bench.law("foreign parameters");
    let at = bench.profile.top;
    let input = bench.random(at)?;
    let bytes = input.ciphertext.to_bytes();
    let bytes = bench.pass(|| "ciphertext to bytes".to_owned(), at, bytes)?;
    let read = S::Ciphertext::from_bytes(&bytes, foreign).map(drop);
    bench.refuse("a ciphertext of other parameters", at, read, Refusal::Malformed)?;
    let secret = S::secret_to_bytes(&bench.params, &bench.owner.secret);
    let secret = bench.pass(|| "secret key to bytes".to_owned(), at, secret)?;
    let read = S::secret_from_bytes(foreign, &secret).map(drop);
    bench.refuse("a secret key of other parameters", at, read, Refusal::Malformed)?;
    let keys = S::keygen(&bench.params, &KeyNeeds::default(), &mut bench.rng);
    let keys = bench.pass(|| "keys".to_owned(), at, keys)?.evaluation;
    let bytes = keys.to_bytes();
    let bytes = bench.pass(|| "evaluation keys to bytes".to_owned(), at, bytes)?;
    let read = S::EvaluationKeys::from_bytes(&bytes, foreign).map(drop);
    bench.refuse("evaluation keys of other parameters", at, read, Refusal::Malformed)?;
    let evaluator = S::evaluator(foreign, keys).map(drop);
    bench.refuse("an evaluator with keys of other parameters", at, evaluator, Refusal::Any)
}
