//! The data owner's half: keys, encryption, decryption.

mod encryption;
mod release;

use he_traits::wire::{Decode, Encode, Reader, Writer};
use he_traits::{ClientScheme, Complex64, Decryptor, Error, KeyNeeds, Keys, Level, Result};
use rand::{CryptoRng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use crate::ciphertext::{Ciphertext, kind};
use crate::keys::{CONJUGATION, EvaluationKeys, RELINEARISATION, SwitchingKey};
use crate::ring::{Automorphism, Coefficient, GaloisElement, Ntt, Poly};
use crate::sampling::{self, Seed};
use crate::{Ckks, Parameters, pack};

pub use encryption::{CkksEncryptor, CkksPublicEncryptor};
pub use release::{Release, Released};

/// The secret: wiped when dropped, never printed, never cloned.
pub struct SecretKey {
    params: Parameters,
    coefficients: Zeroizing<Vec<i8>>,
    /// Over all chain and special primes.
    values: Poly<Ntt>,
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.values.zeroize();
    }
}

impl SecretKey {
    fn new(params: &Parameters, coefficients: Zeroizing<Vec<i8>>) -> Result<Self> {
        let ring = params.ring()?;
        let values = sampling::embedded(ring, ring.extended(ring.chain()), &coefficients);
        Ok(Self { params: params.clone(), coefficients, values })
    }

    fn copy(&self, params: &Parameters) -> Result<Self> {
        if self.params.fingerprint() != params.fingerprint() {
            return Err(Error::parameters("the secret key belongs to other parameters"));
        }
        Ok(Self {
            params: params.clone(),
            coefficients: self.coefficients.clone(),
            values: self.values.clone(),
        })
    }

    /// A key that takes `message` (over the chain and special primes) to this secret, or to this secret under `by`.
    fn switching_key(
        &self,
        message: &Poly<Ntt>,
        by: Option<GaloisElement>,
        level: usize,
        mut rng: ChaCha20Rng,
    ) -> Result<SwitchingKey> {
        let ring = self.params.ring()?;
        let basis = ring.extended(level + 1);
        let mut target = ring.restrict(&self.values, basis);
        if let Some(element) = by {
            let turned = ring.automorphism(&target, &Automorphism::new(element, ring.degree()));
            target.zeroize();
            target = turned;
        }
        let mut lifted = ring.restrict(message, basis);
        ring.mul_special_assign(&mut lifted);
        let seed = *sampling::seed(&mut rng);
        let digit = |digit: usize| {
            let mut b = sampling::uniform(ring, basis, &seed, digit as u32);
            ring.mul_assign(&mut b, &target);
            ring.neg_assign(&mut b);
            b
        };
        let mut halves: Vec<Poly<Ntt>> = (0..ring.digits(level + 1)).map(digit).collect();
        for (digit, b) in halves.iter_mut().enumerate() {
            ring.add_assign(b, &sampling::error(ring, basis, &mut rng));
            for limb in ring.digit(digit, level + 1) {
                let modulus = ring.modulus(basis, limb);
                let words = b.limb_mut(limb).iter_mut().zip(lifted.limb(limb));
                words.for_each(|(word, message)| *word = modulus.add(*word, *message));
            }
        }
        target.zeroize();
        lifted.zeroize();
        SwitchingKey::new(&self.params, seed, halves)
    }
}

/// A key that encrypts and can do nothing else: `(b, a)` with `b + a s` an error.
pub struct PublicKey {
    params: Parameters,
    seed: Seed,
    b: Poly<Ntt>,
    a: Poly<Ntt>,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicKey").finish_non_exhaustive()
    }
}

impl Encode for PublicKey {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let ring = self.params.ring()?;
        let mut packed = Vec::with_capacity(pack::bytes(ring, self.b.basis()));
        pack::pack(ring, &self.b, &mut packed);
        let mut writer = Writer::new(kind("public", &self.params), packed.len() + self.seed.len());
        writer.bytes(&self.seed).bytes(&packed);
        Ok(writer.finish())
    }
}

impl Decode<Parameters> for PublicKey {
    fn from_bytes(bytes: &[u8], params: &Parameters) -> Result<Self> {
        let ring = params.ring()?;
        let basis = params.basis(params.depth());
        let mut reader = Reader::new(bytes, kind("public", params))?;
        let seed = Seed::try_from(reader.take(size_of::<Seed>())?).unwrap_or_default();
        let packed = reader.remaining();
        if packed.len() != pack::bytes(ring, basis) {
            return Err(Error::malformed("public", format!("{} bytes of a polynomial", packed.len())));
        }
        let b = pack::unpack(ring, "public", basis, packed)?;
        Ok(Self { params: params.clone(), seed, b, a: sampling::uniform(ring, basis, &seed, 0) })
    }
}

/// Decrypts, for the key's owner alone: a decryption shown to others reveals its error, hence the key (Li and Micciancio 2021). For others
/// there is [`CkksDecryptor::decrypt_for_release`].
pub struct CkksDecryptor {
    secret: SecretKey,
}

impl CkksDecryptor {
    /// The message with its error, over the two lowest limbs: they hold every value that the parameters allow, and more.
    fn message(&self, x: &Ciphertext) -> Result<Poly<Coefficient>> {
        let params = &self.secret.params;
        x.check(params)?;
        let ring = params.ring()?;
        let chain = (x.index() + 1).min(2);
        let mut message = x.c1.truncated(chain);
        ring.mul_assign(&mut message, &self.secret.values.truncated(chain));
        ring.add_assign(&mut message, &x.c0.truncated(chain));
        Ok(ring.to_coefficients(message))
    }

    fn decoded(&self, x: &Ciphertext, message: &Poly<Coefficient>) -> Result<Vec<Complex64>> {
        let params = &self.secret.params;
        let scale = params.scale(x.index()).ok_or_else(|| Error::parameters("a level above the top"))?;
        Ok(params.encoder().decode(params.ring()?, message, scale))
    }
}

impl Decryptor for CkksDecryptor {
    type Ciphertext = Ciphertext;

    fn decrypt(&self, x: &Ciphertext) -> Result<Vec<f64>> {
        Ok(self.decrypt_complex(x)?.into_iter().map(|slot| slot.re).collect())
    }

    fn decrypt_complex(&self, x: &Ciphertext) -> Result<Vec<Complex64>> {
        self.decoded(x, &self.message(x)?)
    }
}

impl ClientScheme for Ckks {
    type SecretKey = SecretKey;
    type PublicKey = PublicKey;
    type Encryptor = CkksEncryptor;
    type PublicEncryptor = CkksPublicEncryptor;
    type Decryptor = CkksDecryptor;

    fn keygen(params: &Parameters, needs: &KeyNeeds, rng: &mut dyn CryptoRng) -> Result<Keys<Self>> {
        let wanted = wanted(params, needs)?;
        let ring = params.ring()?;
        let coefficients = sampling::secret(params.literal().secret, params.degree(), &sampling::seed(rng));
        let secret = SecretKey::new(params, coefficients)?;
        let seeds: Vec<Zeroizing<Seed>> = wanted.iter().map(|_| sampling::seed(rng)).collect();
        let made: Result<Vec<(u32, SwitchingKey)>> = wanted
            .par_iter()
            .zip(&seeds)
            .map(|((purpose, level), seed)| {
                let rng = ChaCha20Rng::from_seed(**seed);
                let degree = params.degree();
                let key = match *purpose {
                    RELINEARISATION => {
                        let mut square = secret.values.clone();
                        ring.mul_assign(&mut square, &secret.values);
                        let key = secret.switching_key(&square, None, *level, rng);
                        square.zeroize();
                        key
                    }
                    CONJUGATION => {
                        let element = GaloisElement::conjugation(degree);
                        secret.switching_key(&secret.values, Some(element.inverse(degree)), *level, rng)
                    }
                    step => {
                        let element = GaloisElement::rotation(step as usize, degree);
                        secret.switching_key(&secret.values, Some(element.inverse(degree)), *level, rng)
                    }
                };
                Ok((*purpose, key?))
            })
            .collect();
        let mut evaluation = EvaluationKeys::empty(params);
        made?.into_iter().for_each(|(purpose, key)| evaluation.insert(purpose, key));
        Ok(Keys { secret, evaluation })
    }

    fn public_key(
        params: &Parameters,
        secret: &SecretKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Option<PublicKey>> {
        let secret = secret.copy(params)?;
        let ring = params.ring()?;
        let basis = params.basis(params.depth());
        let seed = *sampling::seed(rng);
        let mut errors = ChaCha20Rng::from_seed(*sampling::seed(rng));
        let a = sampling::uniform(ring, basis, &seed, 0);
        let mut b = a.clone();
        ring.mul_assign(&mut b, &secret.values.truncated(basis.chain));
        ring.neg_assign(&mut b);
        ring.add_assign(&mut b, &sampling::error(ring, basis, &mut errors));
        Ok(Some(PublicKey { params: params.clone(), seed, b, a }))
    }

    fn encryptor(params: &Parameters, secret: &SecretKey) -> Result<CkksEncryptor> {
        Ok(CkksEncryptor { secret: secret.copy(params)? })
    }

    fn public_encryptor(params: &Parameters, key: &PublicKey) -> Result<CkksPublicEncryptor> {
        if key.params.fingerprint() != params.fingerprint() {
            return Err(Error::parameters("the public key belongs to other parameters"));
        }
        let PublicKey { params, seed, b, a } = key;
        let key = PublicKey { params: params.clone(), seed: *seed, b: b.clone(), a: a.clone() };
        Ok(CkksPublicEncryptor { key })
    }

    fn decryptor(params: &Parameters, secret: &SecretKey) -> Result<CkksDecryptor> {
        Ok(CkksDecryptor { secret: secret.copy(params)? })
    }

    fn secret_to_bytes(params: &Parameters, secret: &SecretKey) -> Result<Zeroizing<Vec<u8>>> {
        let secret = secret.copy(params)?;
        let mut writer = Writer::new(kind("secret", params), secret.coefficients.len());
        secret.coefficients.iter().for_each(|value| {
            writer.bytes(&value.to_le_bytes());
        });
        Ok(Zeroizing::new(writer.finish()))
    }

    fn secret_from_bytes(params: &Parameters, bytes: &[u8]) -> Result<SecretKey> {
        let mut reader = Reader::new(bytes, kind("secret", params))?;
        let values = reader.remaining();
        if values.len() != params.degree() {
            let reason = format!("{} coefficients, {} expected", values.len(), params.degree());
            return Err(Error::malformed("secret", reason));
        }
        let coefficients: Zeroizing<Vec<i8>> =
            Zeroizing::new(values.iter().map(|v| v.cast_signed()).collect());
        if coefficients.iter().any(|value| !(-1..=1).contains(value)) {
            return Err(Error::malformed("secret", "a coefficient that is not -1, 0 or 1"));
        }
        SecretKey::new(params, coefficients)
    }
}

/// Each key wanted with its level.
fn wanted(params: &Parameters, needs: &KeyNeeds) -> Result<Vec<(u32, usize)>> {
    let relinearisation = needs.relinearisation.map(|level| (RELINEARISATION, level));
    let conjugation = needs.conjugation.map(|level| (CONJUGATION, level));
    let mut wanted: Vec<(u32, Level)> = relinearisation.into_iter().chain(conjugation).collect();
    for (step, level) in &needs.rotations {
        if !(1..params.slots()).contains(step) {
            return Err(Error::parameters(format!(
                "a rotation by {step}: steps go from 1 to {}",
                params.slots() - 1
            )));
        }
        wanted.push((*step as u32, *level));
    }
    let within = |(purpose, level): (u32, Level)| match level.get() {
        Some(level) if level as usize <= params.depth() => Ok((purpose, level as usize)),
        _ => Err(Error::parameters(format!("a key for level {level}: the top is {}", params.depth()))),
    };
    wanted.into_iter().map(within).collect()
}
