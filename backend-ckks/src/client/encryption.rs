//! Encryption with the secret key and with the public one.
//!
//! A message and its error are added as coefficients, so that one transform serves both, and all that happens in a limb happens
//! while it is in the cache.

use he_traits::{Diagonal, Encryptor, Error, Level, Result};
use rand::{CryptoRng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroizing;

use super::{PublicKey, SecretKey};
use crate::Parameters;
use crate::ciphertext::Ciphertext;
use crate::kernel::Limb;
use crate::ring::buffer::Buffer;
use crate::ring::parallel::for_each_group;
use crate::ring::{Basis, Multiplier};
use crate::sampling;

/// Encrypts with the secret key: the least noise, and half the bytes, since a seed stands for one polynomial.
pub struct CkksEncryptor {
    pub(super) secret: SecretKey,
}

/// Encrypts with the public key.
pub struct CkksPublicEncryptor {
    pub(super) key: PublicKey,
}

/// Scratch that holds secrets: wiped before it goes back to the pool.
struct Secret(Buffer);

impl Secret {
    fn new(len: usize) -> Self {
        Self(Buffer::scratch(len))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.erase();
    }
}

/// What is encrypted: integer coefficients at even gaps, a power of two of them.
struct Message {
    coefficients: Zeroizing<Vec<f64>>,
    basis: Basis,
}

impl Message {
    /// The message at the scale of level `at`, over its limbs.
    fn new(params: &Parameters, values: &Diagonal, at: Level) -> Result<Self> {
        let top = Level::new(params.depth() as u32);
        let scale = params.scale(at.index()).filter(|_| !at.is_unbounded());
        let scale = scale.ok_or(Error::LevelRaise { op: "encrypt", from: top, to: at })?;
        let coefficients = match params.encoder().multiplier("encrypt", values, scale)? {
            Multiplier::Constant(value) => vec![value],
            Multiplier::Coefficients(coefficients) => coefficients,
            Multiplier::Values(_) | Multiplier::Scaled(..) => {
                return Err(Error::parameters("the encoder gave no coefficients of their own"));
            }
        };
        Ok(Self { coefficients: Zeroizing::new(coefficients), basis: params.basis(at.index()) })
    }
}

/// The transform of a message and an error, reduced; `scratch` has a word for each coefficient at least.
fn noisy(limb: &Limb, out: &mut [u64], scratch: &mut [u64], message: &[f64], error: &[i8]) {
    let modulus = limb.modulus();
    sampling::residues(modulus.value(), out, error);
    let (scratch, _) = scratch.split_at_mut(message.len());
    limb.reduce_rounded(scratch, message, 1.0);
    if message.len() == out.len() {
        limb.add_assign(out, scratch);
    } else {
        let gap = out.len() / message.len().max(1);
        let words = out.iter_mut().step_by(gap).zip(&*scratch);
        words.for_each(|(word, term)| *word = modulus.add(*word, *term));
    }
    limb.forward(out);
}

impl Encryptor for CkksEncryptor {
    type Ciphertext = Ciphertext;

    fn encrypt(&self, values: &Diagonal, at: Level, rng: &mut dyn CryptoRng) -> Result<Ciphertext> {
        let params = &self.secret.params;
        let ring = params.ring()?;
        let Message { coefficients, basis } = Message::new(params, values, at)?;
        let error = sampling::gaussian(ring.degree(), &mut ChaCha20Rng::from_seed(*sampling::seed(rng)));
        let seed = *sampling::seed(rng);
        let mut halves = [ring.scratch(basis), ring.scratch(basis)];
        let scratch = || Secret::new(ring.degree());
        for_each_group(&mut halves, 1, scratch, |Secret(product), index, rows| {
            let limb = ring.limb(basis, index);
            for [c0, c1] in rows {
                noisy(limb, c0, product, &coefficients, &error);
                sampling::uniform_limb(ring, basis, index, &seed, 0, c1);
                limb.mul(product, c1, self.secret.values.limb_of(basis, index));
                limb.sub_assign(c0, product);
            }
        });
        let [c0, c1] = halves;
        Ok(Ciphertext { seed: Some(seed), ..Ciphertext::new(params, c0, c1) })
    }
}

impl Encryptor for CkksPublicEncryptor {
    type Ciphertext = Ciphertext;

    fn encrypt(&self, values: &Diagonal, at: Level, rng: &mut dyn CryptoRng) -> Result<Ciphertext> {
        let PublicKey { params, b, a, .. } = &self.key;
        let ring = params.ring()?;
        let Message { coefficients, basis } = Message::new(params, values, at)?;
        let mut rng = ChaCha20Rng::from_seed(*sampling::seed(rng));
        let mask = sampling::ternary(ring.degree(), &mut rng);
        let errors = [(); 2].map(|()| sampling::gaussian(ring.degree(), &mut rng));
        let mut halves = [ring.scratch(basis), ring.scratch(basis)];
        let scratch = || Secret::new(2 * ring.degree());
        for_each_group(&mut halves, 1, scratch, |Secret(scratch), index, rows| {
            let limb = ring.limb(basis, index);
            let (masking, product) = scratch.split_at_mut(ring.degree());
            sampling::residues(limb.modulus().value(), masking, &mask);
            limb.forward_lazy(masking);
            for row in rows {
                let messages = [coefficients.as_slice(), &[]];
                for (((out, key), message), error) in row.iter_mut().zip([b, a]).zip(messages).zip(&errors) {
                    noisy(limb, out, product, message, error);
                    limb.mul(product, masking, key.limb_of(basis, index));
                    limb.add_assign(out, product);
                }
            }
        });
        let [c0, c1] = halves;
        Ok(Ciphertext::new(params, c0, c1))
    }
}
