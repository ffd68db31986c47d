//! Decryption for others: flooded with noise, so that a shared result does not give the key away.

use he_traits::{Complex64, Result};
use rand::{CryptoRng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroize;

use super::CkksDecryptor;
use crate::ciphertext::Ciphertext;
use crate::error::Error;
use crate::noise::{Noise, NoiseModel};
use crate::sampling::{self, WideGaussian};

/// How decryptions are released.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Release {
    /// How many decryptions under this key others will see in all, those of equal ciphertexts counted each time.
    pub queries: u64,
    /// Statistical security in bits, 30 or more for real use: all released results together and the same results with errors that
    /// have nothing to do with the key are at most `2^-bits / 24` apart in Kullback-Leibler divergence.
    pub bits: u32,
}

/// A decryption that may be shown to others.
#[derive(Clone, Debug, PartialEq)]
pub struct Released {
    /// All slots. Both parts carry the noise; where values are real, dropping the imaginary part is safe.
    pub slots: Vec<Complex64>,
    /// Bits of absolute precision that the noise leaves in the worst slot.
    pub precision_bits: f64,
    /// Standard deviation of the error of a slot, as a complex number.
    pub deviation: f64,
}

impl CkksDecryptor {
    /// Decrypts for others: adds a discrete Gaussian to each coefficient before decoding, so wide that it hides the error of the
    /// ciphertext, which would reveal the key (Li and Micciancio 2021).
    ///
    /// The deviation is `sqrt(12 queries) 2^(bits / 2) t`, t a bound on the norm of the error polynomial (Li, Micciancio, Schultz-Wu
    /// and Sorrell 2022, section 4): t is [`Noise::bound`] in units of the scale. `noise` is that of the program that
    /// was run, from a [`NoiseSimulator`](crate::NoiseSimulator) with inputs as large as they can be. It must not come from whoever ran it: the guarantee is for a
    /// server that computes what was agreed (a passive adversary), and a larger error than stated voids it (Guo, Nabokov, Suvanto
    /// and Johansson 2024; Alexandru, Al Badawi, Micciancio and Polyakov 2024).
    ///
    /// # Errors
    /// [`Error::NoPrecision`] when the noise would leave no bit of the values, [`Error::Parameter`] for no queries, or a noise
    /// of another level or without a finite bound; [`he_traits::Error::Parameters`] for a ciphertext of other parameters.
    pub fn decrypt_for_release(
        &self,
        x: &Ciphertext,
        noise: &Noise,
        release: Release,
        rng: &mut dyn CryptoRng,
    ) -> Result<Released> {
        let params = &self.secret.params;
        x.check(params)?;
        if noise.level() != x.index() {
            let expected = "the ciphertext's level";
            return Err(
                Error::Parameter { what: "level of the noise", got: noise.level() as f64, expected }.into()
            );
        }
        let scale = params.scale(x.index()).unwrap_or_default();
        let degree = params.degree() as f64;
        let deviation = flooding(noise.bound() * scale, release)?;
        // A slot is a sum of N coefficients, each turned.
        let in_slots = deviation * degree.sqrt() / scale;
        let variance = noise.variance() + in_slots * in_slots;
        let precision_bits = NoiseModel::new(params).precision_bits(variance);
        if precision_bits <= 0.0 {
            return Err(Error::NoPrecision {
                queries: release.queries,
                bits: release.bits,
                noise: (noise.bound() * scale / degree.sqrt()).log2(),
                flooding: deviation.log2(),
                scale: scale.log2(),
                missing: -precision_bits,
            }
            .into());
        }
        let gaussian = WideGaussian::new(deviation).ok_or(Error::Parameter {
            what: "deviation of the flooding noise",
            got: deviation,
            expected: "between 1 and 2^58",
        })?;
        let mut rng = ChaCha20Rng::from_seed(*sampling::seed(rng));
        let ring = params.ring()?;
        let mut message = self.message(x)?;
        let mut flood = ring.from_signed(message.basis(), &gaussian.samples(params.degree(), &mut rng));
        ring.add_assign(&mut message, &flood);
        flood.zeroize();
        Ok(Released { slots: self.decoded(x, &message)?, precision_bits, deviation: variance.sqrt() })
    }
}

/// Standard deviation of the flooding noise of a coefficient, for error polynomials of at most this norm.
fn flooding(norm: f64, release: Release) -> std::result::Result<f64, Error> {
    if release.queries == 0 {
        return Err(Error::Parameter { what: "queries", got: 0.0, expected: "one at least" });
    }
    if !norm.is_finite() {
        return Err(Error::Parameter { what: "bound of the noise", got: norm, expected: "a finite number" });
    }
    Ok((12.0 * release.queries as f64).sqrt() * (f64::from(release.bits) / 2.0).exp2() * norm.max(1.0))
}
