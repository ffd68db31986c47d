//! The data owner's half: key generation, encryption, decryption.
//!
//! Randomness is SEAL's own: Blake2xb seeded by the operating system for each call. The generators that the contract passes in are
//! not used, because SEAL's C interface has no place for them; keys and ciphertexts are therefore never reproducible.

use std::{collections::BTreeSet, sync::Arc};

use he_traits::{
    ClientScheme, Complex64, Diagonal, Error, KeyNeeds, Keys, Level, Result,
    wire::{Decode, Encode, Reader, Writer},
};
use rand::CryptoRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::{
    Seal,
    ciphertext::{self, Ciphertext, EvaluationKeys, key_shape, kind},
    error::SealError,
    layout::{self, Position},
    native::{owner, values::Plaintext},
    packed,
    params::Params,
    rotations,
};

/// The secret. SEAL holds it in memory that is wiped when it goes; there is no way to print or copy it.
pub struct SecretKey {
    native: owner::SecretKey,
    fingerprint: u64,
}

impl SecretKey {
    fn check(&self, params: &Params) -> Result<()> {
        if self.fingerprint == params.fingerprint() {
            Ok(())
        } else {
            Err(Error::parameters("the secret key belongs to other parameters"))
        }
    }
}

/// A key that encrypts and can do nothing else.
pub struct PublicKey {
    fingerprint: u64,
    /// SEAL's bytes, a seed in place of the uniform half.
    seeded: Vec<u8>,
    native: owner::PublicKey,
}

impl PublicKey {
    /// From SEAL's bytes, checked.
    fn load(params: &Params, seeded: Vec<u8>) -> Result<Self> {
        let context = params.context()?;
        layout::public_key(&seeded, &key_shape(params, context, &params.all_primes()))?;
        let native = owner::PublicKey::load(&context.native, &seeded)?;
        Ok(Self { fingerprint: params.fingerprint(), seeded, native })
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicKey").finish_non_exhaustive()
    }
}

impl Encode for PublicKey {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new(kind("public", self.fingerprint), self.seeded.len());
        writer.bytes(&self.seeded);
        Ok(writer.finish())
    }
}

impl Decode<Params> for PublicKey {
    fn from_bytes(bytes: &[u8], params: &Params) -> Result<Self> {
        let mut reader = Reader::new(bytes, kind("public", params.fingerprint()))?;
        Self::load(params, reader.remaining().to_vec())
    }
}

/// Encrypts with the secret key: less noise than with the public one, and half the bytes, since a seed stands for one polynomial.
pub struct SealEncryptor {
    params: Params,
    native: owner::Encryptor,
}

/// Encrypts with the public key.
pub struct SealPublicEncryptor {
    params: Params,
    native: owner::Encryptor,
}

/// Decrypts. What it gives is for the key's owner alone: a CKKS decryption shown to others reveals its error, hence the key
/// (Li and Micciancio 2021).
pub struct SealDecryptor {
    params: Params,
    native: owner::Decryptor,
}

impl ClientScheme for Seal {
    type SecretKey = SecretKey;
    type PublicKey = PublicKey;
    type Encryptor = SealEncryptor;
    type PublicEncryptor = SealPublicEncryptor;
    type Decryptor = SealDecryptor;

    fn keygen(params: &Params, needs: &KeyNeeds, _: &mut dyn CryptoRng) -> Result<Keys<Self>> {
        check_needs(params, needs)?;
        let context = params.context()?;
        let native = owner::SecretKey::generate(&context.native)?;
        let fingerprint = params.fingerprint();
        let secret = SecretKey { native, fingerprint };
        let evaluation = evaluation_keys(params, &secret, needs)?;
        Ok(Keys { secret, evaluation })
    }

    fn public_key(params: &Params, secret: &SecretKey, _: &mut dyn CryptoRng) -> Result<Option<PublicKey>> {
        secret.check(params)?;
        let context = params.context()?;
        let seeded = owner::KeyGenerator::new(&context.native, &secret.native)?.public_key()?;
        PublicKey::load(params, seeded).map(Some)
    }

    fn encryptor(params: &Params, secret: &SecretKey) -> Result<SealEncryptor> {
        secret.check(params)?;
        let native = owner::Encryptor::symmetric(&params.context()?.native, &secret.native)?;
        Ok(SealEncryptor { params: params.clone(), native })
    }

    fn public_encryptor(params: &Params, key: &PublicKey) -> Result<SealPublicEncryptor> {
        if key.fingerprint != params.fingerprint() {
            return Err(Error::parameters("the public key belongs to other parameters"));
        }
        let native = owner::Encryptor::public(&params.context()?.native, &key.native)?;
        Ok(SealPublicEncryptor { params: params.clone(), native })
    }

    fn decryptor(params: &Params, secret: &SecretKey) -> Result<SealDecryptor> {
        secret.check(params)?;
        let native = owner::Decryptor::new(&params.context()?.native, &secret.native)?;
        Ok(SealDecryptor { params: params.clone(), native })
    }

    fn secret_to_bytes(params: &Params, secret: &SecretKey) -> Result<Zeroizing<Vec<u8>>> {
        secret.check(params)?;
        let bytes = Zeroizing::new(secret.native.save()?);
        let mut writer = Writer::new(kind("secret", secret.fingerprint), bytes.len());
        writer.bytes(&bytes);
        Ok(Zeroizing::new(writer.finish()))
    }

    fn secret_from_bytes(params: &Params, bytes: &[u8]) -> Result<SecretKey> {
        let fingerprint = params.fingerprint();
        let mut reader = Reader::new(bytes, kind("secret", fingerprint))?;
        let bytes = reader.remaining();
        let context = params.context()?;
        layout::secret_key(bytes, &key_shape(params, context, &params.all_primes()))?;
        Ok(SecretKey { native: owner::SecretKey::load(&context.native, bytes)?, fingerprint })
    }
}

/// Refuses needs that the parameters cannot have: steps beyond the slots, levels above the top.
fn check_needs(params: &Params, needs: &KeyNeeds) -> Result<()> {
    let top = Level::new(params.depth() as u32);
    let slots = params.slots();
    if let Some(step) = needs.rotations.keys().find(|step| **step == 0 || **step >= slots) {
        return Err(Error::parameters(format!("rotation step {step} is not within 1 to {}", slots - 1)));
    }
    let levels = needs.rotations.values().chain(&needs.relinearisation).chain(&needs.conjugation);
    match levels.max() {
        Some(level) if *level > top => {
            Err(Error::parameters(format!("keys are wanted at level {level}, the top is {top}")))
        }
        _ => Ok(()),
    }
}

fn evaluation_keys(params: &Params, secret: &SecretKey, needs: &KeyNeeds) -> Result<EvaluationKeys> {
    let context = params.context()?;
    let wanted: BTreeSet<usize> = needs.rotations.keys().copied().collect();
    let others = u64::from(needs.relinearisation.is_some()) + u64::from(needs.conjugation.is_some());
    let key_bytes = params.switching_key_bytes();
    let cap = params.key_memory().saturating_sub(others * key_bytes);
    let plan = rotations::plan(&wanted, params.slots(), key_bytes, cap)?;
    let generator = || owner::KeyGenerator::new(&context.native, &secret.native);
    let primes = params.all_primes();
    let shape = key_shape(params, context, &primes);
    let galois = |generator: &mut owner::KeyGenerator, element| -> Result<Vec<u8>> {
        let position = Position::galois(element, params.ring_degree());
        Ok(packed::pack_key(&generator.galois_key(element)?, &shape, position)?)
    };
    let rotations = plan
        .keys
        .into_par_iter()
        .map_init(generator, |generator, step| {
            let generator = generator.as_mut().map_err(|_| SealError::Refused {
                op: "KeyGenerator_Create2",
                reason: "the secret key does not fit the parameters",
            })?;
            Ok((step, galois(generator, context.order.galois_element(step))?))
        })
        .collect::<Result<_>>()?;
    let mut single = generator()?;
    let relinearisation = match needs.relinearisation {
        Some(_) => Some(packed::pack_key(&single.relinearisation_key()?, &shape, Position::RELINEARISATION)?),
        None => None,
    };
    let conjugation = match needs.conjugation {
        Some(_) => Some(galois(&mut single, context.order.conjugation_element())?),
        None => None,
    };
    let fingerprint = secret.fingerprint;
    Ok(EvaluationKeys { fingerprint, relinearisation, conjugation, rotations, composed: plan.composed })
}

fn encode(params: &Params, values: &Diagonal, at: Level) -> Result<Plaintext> {
    let context = params.context()?;
    let scale = context.level("encrypt", at)?.scale;
    context.encode("encrypt", values, at, scale)
}

impl he_traits::Encryptor for SealEncryptor {
    type Ciphertext = Ciphertext;

    fn encrypt(&self, values: &Diagonal, at: Level, _: &mut dyn CryptoRng) -> Result<Ciphertext> {
        let seeded = self.native.encrypt_seeded(&encode(&self.params, values, at)?)?;
        let native = ciphertext::load(&self.params, at, &seeded)?;
        Ok(Ciphertext {
            native: Arc::new(native),
            level: at,
            params: self.params.clone(),
            seeded: Some(seeded.into()),
        })
    }
}

impl he_traits::Encryptor for SealPublicEncryptor {
    type Ciphertext = Ciphertext;

    fn encrypt(&self, values: &Diagonal, at: Level, _: &mut dyn CryptoRng) -> Result<Ciphertext> {
        let native = self.native.encrypt(&encode(&self.params, values, at)?)?;
        Ok(Ciphertext { native: Arc::new(native), level: at, params: self.params.clone(), seeded: None })
    }
}

impl he_traits::Decryptor for SealDecryptor {
    type Ciphertext = Ciphertext;

    fn decrypt(&self, x: &Ciphertext) -> Result<Vec<f64>> {
        Ok(self.decrypt_complex(x)?.into_iter().map(|slot| slot.re).collect())
    }

    fn decrypt_complex(&self, x: &Ciphertext) -> Result<Vec<Complex64>> {
        let context = self.params.context()?;
        let plain = self.native.decrypt(&x.native)?;
        let slots = context.encoder.decode(&plain, context.order.slots())?;
        Ok(context.order.collect(&slots))
    }
}
