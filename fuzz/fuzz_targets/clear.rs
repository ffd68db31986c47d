//! What the clear reference reads: parameters, ciphertexts, evaluation keys. A byte says which, and whether the frame is made right.
#![no_main]

#[path = "../wire.rs"]
mod wire;

use std::sync::LazyLock;

use he_traits::wire::{Decode, Encode};
use he_traits::{
    Clear, ClearCiphertext, ClearKeys, ClearParams, ClientScheme, Diagonal, Evaluator, KeyNeeds, Keys, Level,
    Scheme, Step,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

static PARAMETERS: LazyLock<ClearParams> =
    LazyLock::new(|| ClearParams::new(4, Level::new(2)).expect("parameters"));
static KEYS: LazyLock<Keys<Clear>> = LazyLock::new(|| {
    let mut needs = KeyNeeds::default();
    needs.relinearise(Level::new(2));
    needs.rotate(1, Level::new(2));
    Clear::keygen(&PARAMETERS, &needs, &mut ChaCha20Rng::seed_from_u64(1)).expect("keys")
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let x = ClearCiphertext::new(&PARAMETERS, &Diagonal::Real(vec![1.0, 2.0, 3.0, 4.0]), Level::new(2))
        .expect("a ciphertext");
    let object = first / 2 % 3;
    let good = match object {
        0 => PARAMETERS.to_bytes(),
        1 => x.to_bytes(),
        _ => KEYS.evaluation.to_bytes(),
    };
    let bytes = wire::framed(first % 2 == 1, &good.expect("good bytes"), rest);
    match object {
        0 => {
            if let Ok(parameters) = ClearParams::from_bytes(&bytes, &()) {
                assert_eq!(parameters.to_bytes().expect("bytes"), bytes);
                Clear::profile(&parameters).expect("a profile");
            }
        }
        1 => {
            if let Ok(y) = ClearCiphertext::from_bytes(&bytes, &PARAMETERS) {
                let keys = ClearKeys::from_bytes(&KEYS.evaluation.to_bytes().expect("bytes"), &PARAMETERS)
                    .expect("keys");
                let server = Clear::evaluator(&PARAMETERS, keys).expect("an evaluator");
                let _ = server.mul(&x, &y);
                let _ = server.rotate(&y, Step(1));
            }
        }
        _ => {
            if let Ok(keys) = ClearKeys::from_bytes(&bytes, &PARAMETERS) {
                let server = Clear::evaluator(&PARAMETERS, keys).expect("an evaluator");
                let _ = server.mul(&x, &x);
                let _ = server.rotate(&x, Step(1));
            }
        }
    }
});
