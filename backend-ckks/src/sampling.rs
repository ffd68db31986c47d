//! Randomness of keys and ciphertexts, from seeds: uniform polynomials here, what must stay secret with the data owner.

#[cfg(feature = "client")]
mod secret;
#[cfg(feature = "client")]
mod wide;

use crate::kernel::KEYSTREAM;
use crate::ring::{Basis, Ntt, Poly, Ring, for_each_limb};

#[cfg(feature = "client")]
pub(crate) use secret::{embedded, error, gaussian, residues, secret, seed, ternary};
#[cfg(feature = "client")]
pub(crate) use wide::WideGaussian;

/// A seed of ChaCha20.
pub(crate) type Seed = [u8; 32];

/// A polynomial with uniform residues: the public half of a key or ciphertext, from a seed that is sent in its place. Limb by limb
/// from a stream of its own, numbered `stream` and the prime's place in the ring, so that fewer limbs are a part of more.
pub(crate) fn uniform(ring: &Ring, basis: Basis, seed: &Seed, stream: u32) -> Poly<Ntt> {
    let mut x = ring.scratch::<Ntt>(basis);
    for_each_limb(&mut x, |index, limb| uniform_limb(ring, basis, index, seed, stream, limb));
    x
}

/// Limb `index` of [`uniform`].
pub(crate) fn uniform_limb(
    ring: &Ring,
    basis: Basis,
    index: usize,
    seed: &Seed,
    stream: u32,
    limb: &mut [u64],
) {
    let place = if index < basis.chain { index } else { ring.chain() + index - basis.chain };
    let p = ring.modulus(basis, index);
    let mask = u64::MAX >> (64 - p.bits());
    let stream = u64::from(stream) << 32 | place as u64;
    let (mut words, mut accepted) = ([0; KEYSTREAM], [0; KEYSTREAM]);
    let (mut rest, mut block) = (limb, 0);
    while !rest.is_empty() {
        ring.path().keystream(&mut words, seed, stream, block);
        block += KEYSTREAM as u64 / 8;
        // Rejection keeps the distribution uniform. Every word is written where the next accepted one belongs, so that no
        // branch has to be foretold.
        let mut count = 0;
        for word in words {
            let word = word & mask;
            if let Some(target) = accepted.get_mut(count) {
                *target = word;
            }
            count += usize::from(word < p.value());
        }
        let (now, later) = rest.split_at_mut(count.min(rest.len()));
        now.iter_mut().zip(accepted).for_each(|(word, accepted)| *word = accepted);
        rest = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_limbs_depend_on_the_prime_alone() {
        let params = crate::Parameters::insecure_for_tests(64, 3, 40).unwrap();
        let ring = params.ring().unwrap();
        let (long, short) =
            (uniform(ring, ring.extended(4), &[7; 32], 1), uniform(ring, ring.extended(2), &[7; 32], 1));
        assert_eq!((long.limb(0), long.limb(1), long.limb(4)), (short.limb(0), short.limb(1), short.limb(2)));
        assert_ne!(uniform(ring, ring.extended(2), &[7; 32], 2), short);
        for (limb, p) in long.limbs().zip(ring.moduli_of(long.basis())) {
            let mean = limb.iter().map(|x| *x as f64 / p.value() as f64).sum::<f64>() / 64.0;
            assert!((mean - 0.5).abs() < 0.2 && limb.iter().all(|x| *x < p.value()));
        }
    }
}
