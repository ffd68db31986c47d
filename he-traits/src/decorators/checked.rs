//! Precision after each step: the encrypted run beside a clear one, decrypted and compared all the way. Needs the secret.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use num_complex::Complex64;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use super::hooked::{Call, Hook, Hooked, Operation};
use super::pair::Pair;
use crate::{
    ClearCiphertext, ClearEvaluator, ClearKeys, ClearParams, Decryptor, Diagonal, Encryptor, Error,
    Evaluator, Level, Result,
};

/// An evaluator beside the clear reference, with the bits of precision recorded after each operation.
pub type Checked<E, D> = Hooked<Pair<E, ClearEvaluator>, Checker<D>>;

/// Precision of one result.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    /// The operation that gave it.
    pub operation: Operation,
    /// Level of the operands.
    pub level: Level,
    /// `-log2` of the largest error, relative to the larger of 1 and the largest slot; 53 when there is none.
    pub bits: f64,
    /// The slot with the largest error.
    pub slot: usize,
    /// The largest absolute value in the clear.
    pub largest: f64,
}

/// Decrypts each result and compares it with the clear one.
pub struct Checker<D> {
    decryptor: D,
    least_bits: Option<f64>,
    record: Mutex<Vec<Precision>>,
}

impl<D> Checker<D> {
    /// The precision of each result until now, in the order in which operations ended.
    pub fn record(&self) -> Vec<Precision> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The result with the fewest bits until now.
    pub fn worst(&self) -> Option<Precision> {
        self.record().into_iter().min_by(|a, b| a.bits.total_cmp(&b.bits))
    }
}

impl<D: Decryptor> Checker<D> {
    /// All slots of a value, decrypted and as the clear run has them: for whoever knows which slots count.
    ///
    /// # Errors
    /// As [`Decryptor::decrypt_complex`]; [`Error::Shape`] when the two sides differ in slots.
    pub fn both_sides<'a>(
        &self,
        (encrypted, clear): &'a (D::Ciphertext, ClearCiphertext),
    ) -> Result<(Vec<Complex64>, &'a [Complex64])> {
        let decrypted = self.decryptor.decrypt_complex(encrypted)?;
        super::hooked::count("decryption", clear.slots().len(), decrypted.len())?;
        Ok((decrypted, clear.slots()))
    }
}

impl<D: Decryptor> Hook<(D::Ciphertext, ClearCiphertext)> for Checker<D> {
    fn after(&self, call: &Call, results: &[&(D::Ciphertext, ClearCiphertext)], _: Duration) -> Result<()> {
        for result in results {
            let (decrypted, clear) = self.both_sides(result)?;
            let (mut slot, mut error, mut largest) = (0, 0.0, 0.0_f64);
            for (i, (right, got)) in clear.iter().zip(&decrypted).enumerate() {
                largest = largest.max(right.norm());
                let apart = (right - got).norm();
                let apart = if apart.is_nan() { f64::INFINITY } else { apart };
                if apart > error {
                    (slot, error) = (i, apart);
                }
            }
            let bits = -(error / largest.max(1.0)).log2();
            let bits = bits.min(f64::from(f64::MANTISSA_DIGITS));
            let Call { operation, level, .. } = *call;
            let precision = Precision { operation, level, bits, slot, largest };
            self.record.lock().unwrap_or_else(PoisonError::into_inner).push(precision);
            if self.least_bits.is_some_and(|least| bits < least) {
                let value = decrypted.get(slot).map_or(f64::NAN, |v| v.re);
                let reason = "it is further from the clear result than the bits asked for allow";
                return Err(Error::Value { op: operation.name(), position: slot, value, reason });
            }
        }
        Ok(())
    }
}

impl<E: Evaluator, D: Decryptor<Ciphertext = E::Ciphertext>> Checked<E, D> {
    /// `evaluator` beside the clear reference of the same slots and levels. With `least_bits`, an operation whose result is
    /// worse fails with [`Error::Value`].
    ///
    /// # Errors
    /// [`Error::Parameters`] when the clear reference cannot have these slots.
    pub fn beside_clear(evaluator: E, decryptor: D, least_bits: Option<f64>) -> Result<Self> {
        let profile = evaluator.profile();
        let params = ClearParams::new(profile.slots, profile.top)?
            .with_complex(profile.complex)
            .with_exact(profile.exact)
            .with_linear(profile.linear);
        let clear = ClearEvaluator::new(params, ClearKeys::all(&params))?;
        let checker = Checker { decryptor, least_bits, record: Mutex::default() };
        Ok(Self::new(Pair::new(evaluator, clear)?, checker))
    }

    /// An input on both sides.
    ///
    /// # Errors
    /// As [`Encryptor::encrypt`].
    pub fn encrypt(
        &self,
        encryptor: &impl Encryptor<Ciphertext = E::Ciphertext>,
        values: &Diagonal,
        at: Level,
        rng: &mut dyn CryptoRng,
    ) -> Result<(E::Ciphertext, ClearCiphertext)> {
        let pair = self.inner();
        let clear = ClearCiphertext::new(pair.second().params(), values, at)?;
        pair.join(encryptor.encrypt(values, at, rng)?, clear)
    }
}
