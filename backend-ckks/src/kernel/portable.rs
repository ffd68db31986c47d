//! The path for every machine: transforms by `concrete-ntt`, loops that the compiler vectorises where it can.

use concrete_ntt::prime64::Plan;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{BLOCK, ConversionTarget, KEYSTREAM};
use crate::ring::{Automorphism, Factor, Modulus, WORD_BITS, WORD_MASK};

/// The transform of one prime.
pub(super) struct Ntt {
    plan: Plan,
}

impl Ntt {
    pub(super) fn new(modulus: Modulus, degree: usize) -> Option<Self> {
        Plan::try_new(degree, modulus.value()).map(|plan| Self { plan })
    }

    /// The root psi that X is sent to at position 0.
    pub(super) fn root(&self, degree: usize) -> u64 {
        let mut monomial = vec![0; degree];
        if let Some(coefficient) = monomial.get_mut(1) {
            *coefficient = 1;
        }
        self.forward(&mut monomial);
        monomial.first().copied().unwrap_or_default()
    }

    pub(super) fn forward(&self, x: &mut [u64]) {
        self.plan.fwd(x);
    }

    pub(super) fn inverse(&self, modulus: &Modulus, x: &mut [u64], scale: Factor) {
        self.plan.inv(x);
        mul_factor_assign(modulus, x, scale);
    }
}

pub(super) fn reduce_rounded(modulus: &Modulus, out: &mut [u64], values: &[f64], factor: f64) {
    modulus.reduce_rounded(out, values, factor);
}

pub(super) fn add_assign(modulus: &Modulus, x: &mut [u64], y: &[u64]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x = modulus.add(*x, y);
    }
}

pub(super) fn sub_assign(modulus: &Modulus, x: &mut [u64], y: &[u64]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x = modulus.sub(*x, y);
    }
}

pub(super) fn neg_assign(modulus: &Modulus, x: &mut [u64]) {
    for x in x {
        *x = modulus.neg(*x);
    }
}

pub(super) fn add(modulus: &Modulus, out: &mut [u64], x: &[u64], y: &[u64]) {
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = modulus.add(x, y);
    }
}

pub(super) fn sub(modulus: &Modulus, out: &mut [u64], x: &[u64], y: &[u64]) {
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = modulus.sub(x, y);
    }
}

pub(super) fn add_scalar_assign(modulus: &Modulus, x: &mut [u64], scalar: u64) {
    for x in x {
        *x = modulus.add(*x, scalar);
    }
}

pub(super) fn mul_assign(modulus: &Modulus, x: &mut [u64], y: &[u64]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x = modulus.mul(*x, y);
    }
}

pub(super) fn mul(modulus: &Modulus, out: &mut [u64], x: &[u64], y: &[u64]) {
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = modulus.mul(x, y);
    }
}

pub(super) fn mul_factor_assign(modulus: &Modulus, x: &mut [u64], factor: Factor) {
    for x in x {
        *x = modulus.mul_factor(*x, factor);
    }
}

pub(super) fn add_mul_factor(modulus: &Modulus, x: &mut [u64], y: &[u64], factor: Factor) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x = modulus.add(*x, modulus.mul_factor(y, factor));
    }
}

pub(super) fn sub_from_mul_factor(modulus: &Modulus, out: &mut [u64], x: &[u64], factor: Factor) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = modulus.mul_factor(modulus.sub(x, modulus.reduce_word(*out)), factor);
    }
}

pub(super) fn divide_permuted(
    modulus: &Modulus,
    out: &mut [u64],
    [x, rest]: [&[u64]; 2],
    factor: Factor,
    addend: &[u64],
    by: &Automorphism,
) {
    for (out, (block, lanes)) in out.chunks_exact_mut(8).zip(by.blocks()) {
        for (out, &lane) in out.iter_mut().zip(lanes) {
            let at = 8 * block + lane as usize;
            let quotient = modulus.mul_factor(modulus.sub(x[at], modulus.reduce_word(rest[at])), factor);
            *out = modulus.add(quotient, addend.get(at).copied().unwrap_or_default());
        }
    }
}

/// Sums of a few products, reduced.
pub(super) fn sum_products<const K: usize>(
    modulus: &Modulus,
    outs: &mut [&mut [u64]; K],
    group: &[(&[u64], [&[u64]; K])],
) {
    for (k, out) in outs.iter_mut().enumerate() {
        for (i, out) in out.iter_mut().enumerate() {
            let products = group.iter().map(|(a, bs)| u128::from(a[i]) * u128::from(bs[k][i]));
            *out = modulus.reduce_wide(products.sum());
        }
    }
}

/// Adds the products of a group to sums that hold lower and upper halves of 52 bits apart.
pub(super) fn accumulate<const K: usize>(sums: &mut [[[u64; BLOCK]; 2]; K], group: &[(&[u64], [&[u64]; K])]) {
    for (a, bs) in group {
        for ([low, high], b) in sums.iter_mut().zip(bs) {
            for (((low, high), &a), &b) in low.iter_mut().zip(high).zip(*a).zip(*b) {
                let product = u128::from(a) * u128::from(b);
                *low += product as u64 & WORD_MASK;
                *high += (product >> WORD_BITS) as u64;
            }
        }
    }
}

/// As [`accumulate`], where the words of an `a` that is shorter are repeated.
pub(super) fn accumulate_repeated<const K: usize>(
    sums: &mut [[[u64; BLOCK]; 2]; K],
    group: &[(&[u64], [&[u64]; K])],
) {
    for (a, bs) in group {
        for ([low, high], b) in sums.iter_mut().zip(bs) {
            let repeats = b.len() / a.len();
            let chunks = low.chunks_mut(repeats).zip(high.chunks_mut(repeats));
            for (((low, high), b), &a) in chunks.zip(b.chunks(repeats)).zip(*a) {
                for ((low, high), &b) in low.iter_mut().zip(high).zip(b) {
                    let product = u128::from(a) * u128::from(b);
                    *low += product as u64 & WORD_MASK;
                    *high += (product >> WORD_BITS) as u64;
                }
            }
        }
    }
}

/// Brings sums of up to 2^11 terms back to the size of one.
pub(super) fn fold(modulus: &Modulus, [low, high]: &mut [[u64; BLOCK]; 2]) {
    for (low, high) in low.iter_mut().zip(high) {
        *low = modulus.reduce_wide(u128::from(*low) + (u128::from(*high) << WORD_BITS));
        *high = 0;
    }
}

pub(super) fn reduce_sums(modulus: &Modulus, out: &mut [u64], [low, high]: &[[u64; BLOCK]; 2]) {
    for ((out, &low), &high) in out.iter_mut().zip(low).zip(high) {
        *out = modulus.reduce_wide(u128::from(low) + (u128::from(high) << WORD_BITS));
    }
}

pub(super) fn conversion_quotients(out: &mut [u64], sources: &[u64], fractions: &[u64], shift: u32) {
    out.fill(1 << (shift - 1));
    for (source, &fraction) in sources.chunks_exact(out.len()).zip(fractions) {
        for (out, &y) in out.iter_mut().zip(source) {
            *out += ((u128::from(y) * u128::from(fraction)) >> WORD_BITS) as u64;
        }
    }
    for out in out {
        *out >>= shift;
    }
}

pub(super) fn convert(
    modulus: &Modulus,
    word_inverse: u64,
    out: &mut [u64],
    start: usize,
    sources: &[u64],
    quotients: &[u64],
    target: &ConversionTarget,
) {
    let degree = sources.len() / target.hats.len();
    for (i, (out, &v)) in out.iter_mut().zip(quotients).enumerate() {
        let mut sum = u128::from(v) * u128::from(target.minus_product);
        for (&y, &hat) in sources.iter().skip(start + i).step_by(degree).zip(&target.hats) {
            sum += u128::from(y) * u128::from(hat);
        }
        // Montgomery's reduction: the constants carry 2^52, one division by it brings the sum to a small multiple of p.
        let multiple = (sum as u64).wrapping_mul(word_inverse) & WORD_MASK;
        let correction = ((u128::from(multiple) * u128::from(modulus.value())) >> WORD_BITS) as u64;
        let value = (sum >> WORD_BITS) as u64 + modulus.value() - correction;
        *out = modulus.reduce_word(value);
    }
}

pub(super) fn permute(out: &mut [u64], x: &[u64], by: &Automorphism) {
    for (out, (block, lanes)) in out.chunks_exact_mut(8).zip(by.blocks()) {
        let source = x.get(8 * block..8 * block + 8).unwrap_or_default();
        for (out, &lane) in out.iter_mut().zip(lanes) {
            *out = source.get(lane as usize).copied().unwrap_or_default();
        }
    }
}

pub(super) fn keystream(out: &mut [u64; KEYSTREAM], seed: &[u8; 32], stream: u64, block: u64) {
    let mut rng = ChaCha20Rng::from_seed(*seed);
    rng.set_stream(stream);
    // A block has 16 words of 32 bits.
    rng.set_word_pos(u128::from(block) * 16);
    out.iter_mut().for_each(|word| *word = rng.next_u64());
}
