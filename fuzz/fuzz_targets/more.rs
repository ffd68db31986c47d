//! What MORE reads: parameters, ciphertexts, evaluation keys, secret keys. A byte says which, and whether the frame is made right.
#![no_main]

#[path = "../wire.rs"]
mod wire;

use std::sync::LazyLock;

use backend_more::{Ciphertext, EvaluationKeys, More, Parameters};
use he_traits::wire::{Decode, Encode};
use he_traits::{ClientScheme, Decryptor, Evaluator, KeyNeeds, Keys, Scheme};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

static PARAMETERS: LazyLock<Parameters> = LazyLock::new(|| Parameters::new(4).expect("parameters"));
static KEYS: LazyLock<Keys<More>> = LazyLock::new(|| {
    More::keygen(&PARAMETERS, &KeyNeeds::default(), &mut ChaCha20Rng::seed_from_u64(1)).expect("keys")
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let good = |object: u8| match object {
        0 => PARAMETERS.to_bytes(),
        1 => {
            let encryptor = More::encryptor(&PARAMETERS, &KEYS.secret).expect("an encryptor");
            let rng = &mut ChaCha20Rng::seed_from_u64(2);
            let level = he_traits::Level::UNBOUNDED;
            let values = he_traits::Diagonal::Real(vec![1.0, 2.0, 3.0, 4.0]);
            he_traits::Encryptor::encrypt(&encryptor, &values, level, rng).expect("a ciphertext").to_bytes()
        }
        2 => KEYS.evaluation.to_bytes(),
        _ => More::secret_to_bytes(&PARAMETERS, &KEYS.secret).map(|bytes| bytes.to_vec()),
    };
    let object = first / 2 % 4;
    let bytes = wire::framed(first % 2 == 1, &good(object).expect("good bytes"), rest);
    match object {
        0 => {
            if let Ok(parameters) = Parameters::from_bytes(&bytes, &()) {
                assert_eq!(parameters.to_bytes().expect("bytes"), bytes);
            }
        }
        1 => {
            if let Ok(x) = Ciphertext::from_bytes(&bytes, &PARAMETERS) {
                let server = More::evaluator(
                    &PARAMETERS,
                    EvaluationKeys::from_bytes(&KEYS.evaluation.to_bytes().expect("bytes"), &PARAMETERS)
                        .expect("keys"),
                )
                .expect("an evaluator");
                let _ = server.mul(&x, &x);
                let _ = server.rotate(&x, he_traits::Step(1));
                let _ = More::decryptor(&PARAMETERS, &KEYS.secret).expect("a decryptor").decrypt(&x);
            }
        }
        2 => drop(EvaluationKeys::from_bytes(&bytes, &PARAMETERS)),
        _ => {
            if let Ok(secret) = More::secret_from_bytes(&PARAMETERS, &bytes) {
                let _ = More::encryptor(&PARAMETERS, &secret);
                let _ = More::decryptor(&PARAMETERS, &secret);
            }
        }
    }
});
