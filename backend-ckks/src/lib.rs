//! Native RNS-CKKS for henna: approximate arithmetic on encrypted complex vectors (Cheon, Kim, Kim and Song 2017), in residue number
//! system (Cheon, Han, Kim, Kim and Song 2018), with hybrid key switching (Han and Ki 2020).
//!
//! What a caller sees is henna's contract: [`Ckks`] is the scheme, [`Parameters`] are checked when made, ciphertexts are always at the
//! one scale of their level.
//!
//! ```
//! use backend_ckks::{Ckks, Parameters};
//! use he_traits::{ClientScheme, Decryptor, Diagonal, Encryptor, Evaluator, KeyNeeds, Level, Scheme};
//!
//! // A toy ring: quick, and insecure as its constructor says.
//! let params = Parameters::insecure_for_tests(1024, 2, 40)?;
//! let mut needs = KeyNeeds::default();
//! needs.relinearise(Level::new(2));
//! let mut random = rand::rng();
//! let keys = Ckks::keygen(&params, &needs, &mut random)?;
//! let three = Ckks::encryptor(&params, &keys.secret)?.encrypt(&Diagonal::Constant(3.0), Level::new(2), &mut random)?;
//!
//! let server = Ckks::evaluator(&params, keys.evaluation)?;
//! let nine = server.mul(&three, &three)?;
//! assert_eq!(nine.level(), Level::new(1));
//!
//! let slots = Ckks::decryptor(&params, &keys.secret)?.decrypt(&nine)?;
//! assert!((slots[0] - 9.0).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ciphertext;
#[cfg(feature = "client")]
mod client;
mod encoding;
mod error;
mod evaluator;
pub mod kernel;
mod keys;
mod noise;
mod pack;
mod parameters;
mod profile;
pub mod ring;
mod sampling;
mod security;

use he_traits::{Profile, Requirements, Result, Scheme};

pub use ciphertext::Ciphertext;
#[cfg(feature = "client")]
pub use client::{
    CkksDecryptor, CkksEncryptor, CkksPublicEncryptor, PublicKey, Release, Released, SecretKey,
};
pub use encoding::Encoder;
pub use error::Error;
pub use evaluator::{Addend, CkksEvaluator, Factor};
pub use keys::{EvaluationKeys, GaloisKey, SwitchingKey};
pub use noise::{Noise, NoiseModel, NoiseSimulator, NoisyFactor};
pub use parameters::{Literal, Parameters, Preset};
pub use security::{DEGREES, Limit, SecretKind, limit};

/// The scheme: CKKS by henna's own engine.
#[derive(Clone, Copy, Debug)]
pub enum Ckks {}

impl Scheme for Ckks {
    const NAME: &'static str = "ckks";
    type Params = Parameters;
    type Ciphertext = Ciphertext;
    type EvaluationKeys = EvaluationKeys;
    type Evaluator = CkksEvaluator;

    fn parameters(requirements: &Requirements) -> Result<Parameters> {
        Ok(Parameters::for_precision(
            requirements.depth as usize,
            requirements.precision_bits,
            requirements.slots,
            requirements.bound,
        )?)
    }

    fn profile(params: &Parameters) -> Result<Profile> {
        Ok(profile::profile(params))
    }

    fn evaluator(params: &Parameters, keys: EvaluationKeys) -> Result<CkksEvaluator> {
        CkksEvaluator::new(params, keys)
    }
}
