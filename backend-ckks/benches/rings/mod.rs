//! What the benchmarks share: primes, random polynomials, the clock.

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

/// CPU seconds of this thread; where the system does not tell, seconds since the first call.
pub(crate) fn cpu_seconds() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    let passed = START.elapsed().as_secs_f64();
    // The kernel brings its account up to date when the thread gives way.
    std::thread::yield_now();
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = account.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or(passed, |n| n * 1e-9)
}
