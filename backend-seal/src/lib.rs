//! Microsoft SEAL's CKKS for henna, through `sealy`.
//!
//! `sealy` compiles and links SEAL 4.0.0 with its C interface. Its safe wrapper has no rescale, no rotation by a step, no
//! conjugation, no per-level encoding and no chosen Galois keys, so this crate declares the functions that it needs itself
//! (module `sys`) and owns every object in a handle (module `native`). Nothing unsafe leaves those two.
//!
//! What a caller sees is henna's contract: [`Seal`] is the scheme, [`Params`] are checked when made, ciphertexts are always at the
//! one scale of their level, and every failure is an error with its numbers.
//!
//! ```
//! use backend_seal::{Params, Seal};
//! use he_traits::{ClientScheme, Decryptor, Diagonal, Encryptor, Evaluator, KeyNeeds, Level, Scheme};
//!
//! // A toy ring: quick, and insecure as its constructor says.
//! let params = Params::insecure_for_tests(1024, 2, 40)?;
//! let mut needs = KeyNeeds::default();
//! needs.relinearise(Level::new(2));
//! let mut random = rand::rng();
//! let keys = Seal::keygen(&params, &needs, &mut random)?;
//! let three = Seal::encryptor(&params, &keys.secret)?.encrypt(&Diagonal::Constant(3.0), Level::new(2), &mut random)?;
//!
//! let server = Seal::evaluator(&params, keys.evaluation)?;
//! let nine = server.mul(&three, &three)?;
//! assert_eq!(nine.level(), Level::new(1));
//!
//! let slots = Seal::decryptor(&params, &keys.secret)?.decrypt(&nine)?;
//! assert!((slots[0] - 9.0).abs() < 1e-6);
//! # Ok::<(), he_traits::Error>(())
//! ```
//!
//! # Licence
//! GPL-3.0-or-later, because `sealy` is GPL-3.0. SEAL itself is MIT.
//!
//! # Building
//! Needs cmake, libclang and a C++17 compiler. With cmake 4 or later set `CMAKE_POLICY_VERSION_MINIMUM=3.5` in the environment or
//! in the `[env]` table of your `.cargo/config.toml`: SEAL 4.0 asks for a minimum that newer ones refuse.

#[cfg(not(target_pointer_width = "64"))]
compile_error!("SEAL supports 64-bit targets only");

mod ciphertext;
#[cfg(feature = "client")]
mod client;
mod context;
mod error;
mod evaluator;
mod layout;
mod linear;
mod native;
mod packed;
mod params;
mod primes;
mod profile;
#[cfg(feature = "client")]
mod rotations;
mod slots;
mod sys;

use he_traits::{Profile, Requirements, Result, Scheme};

pub use ciphertext::{Ciphertext, EvaluationKeys};
#[cfg(feature = "client")]
pub use client::{PublicKey, SealDecryptor, SealEncryptor, SealPublicEncryptor, SecretKey};
pub use error::SealError;
pub use evaluator::{Addend, Factor, SealEvaluator};
pub use linear::PreparedMap;
pub use params::Params;

/// The scheme: CKKS as Microsoft SEAL implements it.
#[derive(Clone, Copy, Debug)]
pub enum Seal {}

impl Scheme for Seal {
    const NAME: &'static str = "seal";
    type Params = Params;
    type Ciphertext = Ciphertext;
    type EvaluationKeys = EvaluationKeys;
    type Evaluator = SealEvaluator;

    fn parameters(requirements: &Requirements) -> Result<Params> {
        Ok(Params::for_precision(
            requirements.depth as usize,
            requirements.precision_bits,
            requirements.slots,
            requirements.bound,
        )?)
    }

    fn profile(params: &Params) -> Result<Profile> {
        // SEAL's own checks run here, before anything is encrypted.
        params.context()?;
        Ok(profile::profile(params))
    }

    fn evaluator(params: &Params, keys: EvaluationKeys) -> Result<SealEvaluator> {
        SealEvaluator::new(params, keys)
    }
}
