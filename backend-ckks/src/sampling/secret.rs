//! The data owner's randomness, drawn without branches or table look-ups that depend on it.

use rand::{CryptoRng, Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroizing;

use super::Seed;
use crate::ring::{Basis, Coefficient, Ntt, Poly, Ring, for_each_limb};
use crate::security::SecretKind;

/// Standard deviation of the error: that of the security tables (3.19), rounded up.
const SIGMA: f64 = 3.2;
/// Errors beyond are cut off: 6 standard deviations and more.
const TAIL: usize = 20;

/// A fresh seed.
pub(crate) fn seed(rng: &mut dyn CryptoRng) -> Zeroizing<Seed> {
    let mut seed = Zeroizing::new([0; 32]);
    rng.fill_bytes(seed.as_mut());
    seed
}

/// Secret key coefficients.
pub(crate) fn secret(kind: SecretKind, degree: usize, seed: &Seed) -> Zeroizing<Vec<i8>> {
    let mut rng = ChaCha20Rng::from_seed(*seed);
    match kind {
        SecretKind::Ternary => ternary(degree, &mut rng),
        SecretKind::Sparse { weight } => sparse(degree, weight as usize, &mut rng),
    }
}

/// Uniform in {-1, 0, 1}: 64 random bits times 3, the upper word; the bias is below 2^-62.
pub(crate) fn ternary(degree: usize, rng: &mut ChaCha20Rng) -> Zeroizing<Vec<i8>> {
    let mut values = Zeroizing::new(vec![0; degree]);
    values.iter_mut().for_each(|value| *value = ((u128::from(rng.next_u64()) * 3) >> 64) as i8 - 1);
    values
}

/// Exactly `weight` entries 1 or -1, at places drawn by a partial shuffle.
fn sparse(degree: usize, weight: usize, rng: &mut ChaCha20Rng) -> Zeroizing<Vec<i8>> {
    let mut values = Zeroizing::new(vec![0_i8; degree]);
    for value in values.iter_mut().take(weight) {
        *value = ((rng.next_u64() & 1) as i8) * 2 - 1;
    }
    for i in 0..weight.min(degree) {
        let left = (degree - i) as u64;
        let other = i + ((u128::from(rng.next_u64()) * u128::from(left)) >> 64) as usize;
        values.swap(i, other);
    }
    values
}

/// Upper bounds of the cumulative distribution of |e| in units of 2^-63, for the discrete Gaussian of deviation sigma.
fn thresholds(sigma: f64) -> [u64; TAIL] {
    let weight =
        |k: usize| (-((k * k) as f64) / (2.0 * sigma * sigma)).exp() * if k == 0 { 1.0 } else { 2.0 };
    let total: f64 = (0..=TAIL).map(weight).sum();
    let mut sum = 0.0;
    std::array::from_fn(|k| {
        sum += weight(k);
        (sum / total * 2_f64.powi(63)) as u64
    })
}

/// `degree` values of the discrete Gaussian of deviation [`SIGMA`]: 63 random bits against the whole table, one for the sign.
pub(crate) fn gaussian(degree: usize, rng: &mut ChaCha20Rng) -> Zeroizing<Vec<i8>> {
    const RUN: usize = 64;
    let table = thresholds(SIGMA);
    let mut values = Zeroizing::new(vec![0; degree]);
    let mut uniform = Zeroizing::new([0_u64; RUN]);
    let mut sizes = Zeroizing::new([0_u64; RUN]);
    for values in values.chunks_mut(RUN) {
        uniform.iter_mut().for_each(|word| *word = rng.next_u64());
        // Every entry is read, whatever the outcome; entry by entry, so that the loop over values becomes one of vectors.
        sizes.fill(TAIL as u64);
        for bound in table {
            for (size, word) in sizes.iter_mut().zip(uniform.iter()) {
                // Both are below 2^63: the difference wraps where the bound is above.
                *size -= (word >> 1).wrapping_sub(bound) >> 63;
            }
        }
        for ((value, size), word) in values.iter_mut().zip(sizes.iter()).zip(uniform.iter()) {
            let (size, sign) = (*size as i64, (word & 1) as i64);
            *value = ((size ^ -sign) + sign) as i8;
        }
    }
    values
}

/// Small values as reduced words modulo `p`.
pub(crate) fn residues(p: u64, out: &mut [u64], values: &[i8]) {
    for (word, value) in out.iter_mut().zip(values) {
        // p is added to negative values by mask, not by branch.
        let value = i64::from(*value);
        *word = (value + (p as i64 & (value >> 63))) as u64;
    }
}

/// Small coefficients as a polynomial in NTT form.
pub(crate) fn embedded(ring: &Ring, basis: Basis, values: &[i8]) -> Poly<Ntt> {
    let mut x = ring.scratch::<Coefficient>(basis);
    for_each_limb(&mut x, |index, limb| residues(ring.modulus(basis, index).value(), limb, values));
    ring.to_ntt(x)
}

/// A fresh Gaussian error over `basis`.
pub(crate) fn error(ring: &Ring, basis: Basis, rng: &mut ChaCha20Rng) -> Poly<Ntt> {
    embedded(ring, basis, &gaussian(ring.degree(), rng))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gaussian_has_its_moments_and_its_tail() {
        let values = gaussian(1 << 18, &mut ChaCha20Rng::seed_from_u64(1));
        let count = values.len() as f64;
        let moment = |power: i32| values.iter().map(|v| f64::from(*v).powi(power)).sum::<f64>() / count;
        assert!(moment(1).abs() < 0.03, "mean {}", moment(1));
        assert!((moment(2).sqrt() - SIGMA).abs() < 0.02, "deviation {}", moment(2).sqrt());
        // A normal distribution has a fourth moment of 3 sigma^4.
        assert!((moment(4) / moment(2).powi(2) - 3.0).abs() < 0.05);
        let zero = values.iter().filter(|v| **v == 0).count() as f64 / count;
        assert!((zero - 1.0 / (SIGMA * (2.0 * std::f64::consts::PI).sqrt())).abs() < 0.003, "zeros {zero}");
        assert!(values.iter().all(|v| v.unsigned_abs() as usize <= TAIL));
    }

    #[test]
    fn ternary_secrets_are_balanced_and_sparse_ones_have_their_weight() {
        let count = |values: &[i8], wanted: i8| values.iter().filter(|v| **v == wanted).count();
        let dense = secret(SecretKind::Ternary, 30_000, &[1; 32]);
        for value in -1..=1 {
            assert!(count(&dense, value).abs_diff(10_000) < 400);
        }
        let sparse = secret(SecretKind::Sparse { weight: 192 }, 4096, &[2; 32]);
        assert_eq!(count(&sparse, 0), 4096 - 192);
        assert!(count(&sparse, 1).abs_diff(96) < 40);
        // The places reach everywhere, not only the front.
        assert!(sparse.iter().skip(2048).filter(|v| **v != 0).count() > 60);
    }
}
