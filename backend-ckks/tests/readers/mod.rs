//! What a reader must do with any bytes: refuse them with an error of its type, or give an object that works. The fuzz targets of
//! `fuzz/` run these functions, and `tests/corpus.rs` runs them on the inputs that fuzzing found interesting.
//!
//! Input: one byte, then bytes. An even byte: the rest is the file. An odd one: the rest is the body of a file, whose header and
//! checksum are right, because nobody guesses those by mutation.
#![expect(clippy::expect_used, reason = "a valid object that does not work is what is searched for")]

use std::sync::LazyLock;

use backend_ckks::{
    Ciphertext, Ckks, CkksDecryptor, CkksEvaluator, EvaluationKeys, Literal, Parameters, PublicKey,
    SecretKey, SecretKind,
};
use he_traits::wire::{Decode, Encode, Kind, Writer};
use he_traits::{
    ClientScheme, Decryptor, Diagonal, Encryptor, Error, Evaluator, KeyNeeds, Keys, Level, Scheme, Step,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// What became of an input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Refused with [`Error::Malformed`], whose words these are.
    Refused(String),
    /// Read, and the object worked.
    Read,
}

/// Two levels in a ring of 16: every reader has all its branches there, and an execution takes microseconds. Stated prime by prime,
/// because the corpus belongs to these parameters and no others.
pub(crate) static TOY: LazyLock<Parameters> = LazyLock::new(|| {
    let literal = Literal {
        degree: 16,
        chain: vec![68_719_476_577, 1_073_741_953, 1_073_741_857],
        special: vec![70_368_744_177_601, 70_368_744_177_377, 70_368_744_176_833],
        scale: f64::from(1 << 30),
        secret: SecretKind::Ternary,
    };
    Parameters::insecure(literal).expect("toy parameters")
});

/// Keys of [`TOY`], the same in every run.
pub(crate) static KEYS: LazyLock<Keys<Ckks>> = LazyLock::new(|| keys(&TOY));

static DECRYPTOR: LazyLock<CkksDecryptor> =
    LazyLock::new(|| Ckks::decryptor(&TOY, &KEYS.secret).expect("a decryptor"));

static SERVER: LazyLock<CkksEvaluator> =
    LazyLock::new(|| Ckks::evaluator(&TOY, keys(&TOY).evaluation).expect("an evaluator"));

pub(crate) fn random() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

/// Relinearisation and conjugation at the top, a rotation there and one below.
pub(crate) fn needs(params: &Parameters) -> KeyNeeds {
    let top = Level::new(params.depth() as u32);
    let mut needs = KeyNeeds::default();
    needs.relinearise(top);
    needs.conjugate(top);
    needs.rotate(1, top);
    needs.rotate(3, Level::ZERO);
    needs
}

fn keys(params: &Parameters) -> Keys<Ckks> {
    Ckks::keygen(params, &needs(params), &mut random()).expect("keys")
}

/// The file that an input stands for.
fn file(input: &[u8], object: &'static str, fingerprint: u64) -> Vec<u8> {
    match input.split_first() {
        Some((mode, body)) if mode % 2 == 1 => {
            let mut writer = Writer::new(Kind { backend: "ckks", object, fingerprint }, body.len());
            writer.bytes(body);
            writer.finish()
        }
        Some((_, file)) => file.to_vec(),
        None => Vec::new(),
    }
}

/// The object, or how the reader refused as it should.
fn checked<T>(read: he_traits::Result<T>) -> Result<T, Outcome> {
    read.map_err(|error| match error {
        Error::Malformed { .. } => Outcome::Refused(error.to_string()),
        other => unreachable!("bytes are malformed or an object, but came: {other}"),
    })
}

/// A reader under fuzzing.
pub(crate) type Reader = fn(&[u8]) -> Outcome;

/// The readers by name.
pub(crate) const READERS: [(&str, Reader); 5] = [
    ("parameters", parameters),
    ("evaluation_keys", evaluation_keys),
    ("public_key", public_key),
    ("secret_key", secret_key),
    ("ciphertext", ciphertext),
];

/// Parameters: those read describe themselves, write themselves as they were read, and, where they are small, serve.
pub(crate) fn parameters(input: &[u8]) -> Outcome {
    let bytes = file(input, "params", 0);
    let params = match checked(Parameters::from_bytes(&bytes, &())) {
        Ok(params) => params,
        Err(refused) => return refused,
    };
    assert_eq!(params.to_bytes().expect("bytes"), bytes);
    Ckks::profile(&params).expect("a profile");
    if params.degree() > 1 << 10 {
        return Outcome::Read;
    }
    // Without special primes there are no evaluation keys, and a scale above the modulus holds no message: errors, no panics.
    let random = &mut random();
    let _ = Ckks::keygen(&params, &needs(&params), random);
    let top = Level::new(params.depth() as u32);
    let keys = Ckks::keygen(&params, &KeyNeeds::default(), random).expect("a secret key");
    let encryptor = Ckks::encryptor(&params, &keys.secret).expect("an encryptor");
    let Ok(x) = encryptor.encrypt(&Diagonal::Constant(0.5), top, random) else { return Outcome::Read };
    let decryptor = Ckks::decryptor(&params, &keys.secret).expect("a decryptor");
    assert_eq!(decryptor.decrypt(&x).expect("slots").len(), params.slots());
    Outcome::Read
}

/// Evaluation keys: those read make an evaluator that rotates and multiplies, or misses a key.
pub(crate) fn evaluation_keys(input: &[u8]) -> Outcome {
    let bytes = file(input, "evalkeys", TOY.fingerprint());
    let keys = match checked(EvaluationKeys::from_bytes(&bytes, &TOY)) {
        Ok(keys) => keys,
        Err(refused) => return refused,
    };
    assert_eq!(keys.to_bytes().expect("bytes").len(), bytes.len());
    let server = Ckks::evaluator(&TOY, keys).expect("an evaluator");
    let top = Level::new(TOY.depth() as u32);
    let encryptor = Ckks::encryptor(&TOY, &KEYS.secret).expect("an encryptor");
    let x = encryptor.encrypt(&Diagonal::Constant(0.5), top, &mut random()).expect("a ciphertext");
    for step in [1, 3, 7] {
        let rotated = server.rotate(&x, Step(step));
        assert!(matches!(rotated, Ok(_) | Err(Error::MissingRotation { .. })), "{rotated:?}");
    }
    let squared = server.mul(&x, &x);
    assert!(matches!(squared, Ok(_) | Err(Error::MissingRelinearisation { .. })), "{squared:?}");
    Outcome::Read
}

/// Public keys: those read encrypt.
pub(crate) fn public_key(input: &[u8]) -> Outcome {
    let bytes = file(input, "public", TOY.fingerprint());
    let key = match checked(PublicKey::from_bytes(&bytes, &TOY)) {
        Ok(key) => key,
        Err(refused) => return refused,
    };
    assert_eq!(key.to_bytes().expect("bytes"), bytes);
    let encryptor = Ckks::public_encryptor(&TOY, &key).expect("an encryptor");
    encryptor.encrypt(&Diagonal::Constant(0.5), Level::new(1), &mut random()).expect("a ciphertext");
    Outcome::Read
}

/// Secret keys: those read encrypt what they decrypt.
pub(crate) fn secret_key(input: &[u8]) -> Outcome {
    let bytes = file(input, "secret", TOY.fingerprint());
    let key: SecretKey = match checked(Ckks::secret_from_bytes(&TOY, &bytes)) {
        Ok(key) => key,
        Err(refused) => return refused,
    };
    assert_eq!(*Ckks::secret_to_bytes(&TOY, &key).expect("bytes"), bytes);
    let top = Level::new(TOY.depth() as u32);
    let encryptor = Ckks::encryptor(&TOY, &key).expect("an encryptor");
    let x = encryptor.encrypt(&Diagonal::Constant(0.5), top, &mut random()).expect("a ciphertext");
    let slots = Ckks::decryptor(&TOY, &key).expect("a decryptor").decrypt(&x).expect("slots");
    assert!(slots.iter().all(|slot| (slot - 0.5).abs() < 1e-3), "{slots:?}");
    Outcome::Read
}

/// Ciphertexts, seeded and whole: those read decrypt to numbers and can be computed with.
pub(crate) fn ciphertext(input: &[u8]) -> Outcome {
    let bytes = file(input, "ctxt", TOY.fingerprint());
    let x = match checked(Ciphertext::from_bytes(&bytes, &TOY)) {
        Ok(x) => x,
        Err(refused) => return refused,
    };
    assert_eq!(x.to_bytes().expect("bytes"), bytes);
    assert!(DECRYPTOR.decrypt(&x).expect("slots").iter().all(|slot| slot.is_finite()));
    let sum = SERVER.add(&x, &x).expect("a sum");
    let product = SERVER.mul(&sum, &x);
    assert!(matches!(product, Ok(_) | Err(Error::LevelExhausted { .. })), "{product:?}");
    Outcome::Read
}
