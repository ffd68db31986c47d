//! Primes and random polynomials for benchmarks.

use backend_ckks::ring::{Basis, Form, Poly, Ring, ntt_primes};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// The largest primes of a length.
pub(crate) fn primes(degree: usize, bits: u32, count: usize, exclude: &[u64]) -> Vec<u64> {
    let nearest = ntt_primes(degree, f64::from(bits).exp2(), 1 << (bits - 1), 1 << bits);
    nearest.filter(|p| !exclude.contains(p)).take(count).collect()
}

/// A polynomial of uniform residues, the same for every call.
pub(crate) fn random<F: Form>(ring: &Ring, basis: Basis) -> Poly<F> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut x = ring.zero(basis);
    for (limb, p) in x.limbs_mut().zip(ring.moduli_of(basis)) {
        limb.iter_mut().for_each(|word| *word = rng.random_range(0..p.value()));
    }
    x
}
