//! The data owner's half: the key, encryption, decryption.

use he_traits::client::{ClientScheme, Decryptor, Encryptor, Keys, NoEncryptor};
use he_traits::wire::{Kind, Reader, Writer};
use he_traits::{Absent, Diagonal, Error, KeyNeeds, Level, Result};
use nalgebra::DMatrix;
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::ciphertext::repeat_into;
use crate::scheme::EvaluationKeys;
use crate::training::MoreTensor;
use crate::{Ciphertext, More, NAME, Parameters, RandomLane};

mod key;
mod random;

pub use key::SecretKey;

/// Encrypts under the secret key.
pub struct MoreEncryptor {
    parameters: Parameters,
    /// Plane k of a ciphertext is the sum over lanes l of entry (l, k) times lane l.
    weights: Zeroizing<Vec<f64>>,
}

/// Decrypts.
pub struct MoreDecryptor {
    fingerprint: u64,
    slots: usize,
    /// The message is the sum over planes of these numbers times the planes.
    weights: Zeroizing<Vec<f64>>,
}

impl ClientScheme for More {
    type SecretKey = SecretKey;
    type PublicKey = Absent;
    type Encryptor = MoreEncryptor;
    type PublicEncryptor = NoEncryptor<Ciphertext>;
    type Decryptor = MoreDecryptor;

    /// The needs do not matter: rotations are permutations, products are products of matrices.
    fn keygen(parameters: &Parameters, _: &KeyNeeds, rng: &mut dyn CryptoRng) -> Result<Keys<Self>> {
        Ok(Keys { secret: SecretKey::random(parameters, rng)?, evaluation: EvaluationKeys::new(parameters) })
    }

    fn public_key(_: &Parameters, _: &SecretKey, _: &mut dyn CryptoRng) -> Result<Option<Absent>> {
        Ok(None)
    }

    fn encryptor(parameters: &Parameters, secret: &SecretKey) -> Result<MoreEncryptor> {
        secret.check(parameters)?;
        Ok(MoreEncryptor { parameters: parameters.clone(), weights: secret.projections() })
    }

    fn public_encryptor(_: &Parameters, key: &Absent) -> Result<NoEncryptor<Ciphertext>> {
        match *key {}
    }

    fn decryptor(parameters: &Parameters, secret: &SecretKey) -> Result<MoreDecryptor> {
        secret.check(parameters)?;
        Ok(MoreDecryptor {
            fingerprint: parameters.fingerprint(),
            slots: parameters.slots(),
            weights: secret.message_weights(),
        })
    }

    fn secret_to_bytes(parameters: &Parameters, secret: &SecretKey) -> Result<Zeroizing<Vec<u8>>> {
        secret.check(parameters)?;
        let mut writer = Writer::new(kind(parameters), 8 * secret.basis().len());
        writer.f64s(secret.basis());
        Ok(Zeroizing::new(writer.finish()))
    }

    fn secret_from_bytes(parameters: &Parameters, bytes: &[u8]) -> Result<SecretKey> {
        let n = parameters.dimension();
        let mut reader = Reader::new(bytes, kind(parameters))?;
        let basis = Zeroizing::new(reader.f64s(n * n)?);
        reader.finish()?;
        SecretKey::from_basis(parameters, DMatrix::from_row_slice(n, n, &basis))
            .map_err(|error| Error::malformed("secret", error))
    }
}

fn kind(parameters: &Parameters) -> Kind {
    Kind { backend: NAME, object: "secret", fingerprint: parameters.fingerprint() }
}

impl MoreEncryptor {
    /// Encrypts numbers for training: `random` is what stands beside them, and is trained on like them. See [`crate::training`] for
    /// what to draw it from.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for matrices other than 2 x 2, [`Error::Shape`] when there are not as many random numbers, [`Error::Value`]
    /// when a number is not finite.
    pub fn encrypt_tensor(&self, values: &[f64], random: &[f64]) -> Result<MoreTensor> {
        if self.parameters.dimension() != 2 {
            let what = format!("train on matrices of {} rows: it takes 2 x 2", self.parameters.dimension());
            return Err(Error::Unsupported { backend: NAME.to_owned(), what });
        }
        if values.len() != random.len() {
            return Err(Error::shape(
                "encrypt_tensor",
                format!("{} random numbers", values.len()),
                random.len(),
            ));
        }
        for lane in [values, random] {
            if let Some((position, value)) = lane.iter().copied().enumerate().find(|(_, v)| !v.is_finite()) {
                let op = "encrypt_tensor";
                return Err(Error::Value { op, position, value, reason: "it is not finite" });
            }
        }
        let mut tensor = MoreTensor::stale(4, values.len());
        let weight = |lane: usize, plane: usize| self.weights.get(4 * lane + plane).copied().unwrap_or(0.0);
        // Column by column in tensors, row by row in the key's weights.
        for (target, plane) in tensor.planes_mut().zip([0, 2, 1, 3]) {
            let (of_value, of_random) = (weight(0, plane), weight(1, plane));
            for (entry, (value, random)) in target.iter_mut().zip(values.iter().zip(random)) {
                *entry = of_value * value + of_random * random;
            }
        }
        Ok(tensor)
    }
}

impl MoreDecryptor {
    /// Decrypts a tensor of training; public numbers come back as they are.
    ///
    /// # Errors
    /// [`Error::Shape`] for compact ciphertexts: expand them first ([`crate::training::Compaction`]).
    pub fn decrypt_tensor(&self, x: &MoreTensor) -> Result<Vec<f64>> {
        match (x.plane_count(), &**self.weights) {
            (1, _) => Ok(x.data().to_vec()),
            (4, [a, b, c, d]) => {
                let mut message = vec![0.0; x.len()];
                for (plane, weight) in x.planes().zip([a, c, b, d]) {
                    message.iter_mut().zip(plane).for_each(|(sum, entry)| *sum += weight * entry);
                }
                Ok(message)
            }
            _ => Err(Error::shape("decrypt_tensor", "full 2 x 2 ciphertexts", format!("{x:?}"))),
        }
    }
}

impl Encryptor for MoreEncryptor {
    type Ciphertext = Ciphertext;

    fn encrypt(&self, values: &Diagonal, at: Level, rng: &mut dyn CryptoRng) -> Result<Ciphertext> {
        Level::UNBOUNDED.same("encrypt", at)?;
        values.check("encrypt", self.parameters.slots())?;
        let message = values.real(NAME)?;
        let (n, period) = (self.parameters.dimension(), message.len());
        let (low, high) = match self.parameters.random_lane() {
            RandomLane::Interval { low, high } => (low, high),
            RandomLane::DataRange => random::data_range(&message),
        };
        let mut lanes = Zeroizing::new(Vec::with_capacity(n * period));
        lanes.extend_from_slice(&message);
        random::fill(&mut lanes, (n - 1) * period, low, high, rng);
        let mut result = Ciphertext::new(&self.parameters, period);
        for (plane, target) in result.planes_mut().enumerate() {
            for (lane, weights) in lanes.chunks_exact(period).zip(self.weights.chunks_exact(n * n)) {
                let weight = weights.get(plane).copied().unwrap_or(0.0);
                target.iter_mut().zip(lane).for_each(|(entry, value)| *entry += weight * value);
            }
        }
        Ok(result)
    }
}

impl Decryptor for MoreDecryptor {
    type Ciphertext = Ciphertext;

    fn decrypt(&self, x: &Ciphertext) -> Result<Vec<f64>> {
        x.check("decrypt", self.fingerprint)?;
        let mut message = vec![0.0; x.period()];
        for (plane, weight) in x.planes().zip(self.weights.iter()) {
            message.iter_mut().zip(plane).for_each(|(sum, entry)| *sum += weight * entry);
        }
        let mut slots = vec![0.0; self.slots];
        repeat_into(&message, &mut slots);
        Ok(slots)
    }
}
