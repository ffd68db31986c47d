//! The inner loops: transforms, modular multiply-accumulate, base conversion and permutation of one limb.
//!
//! Every kernel exists on two paths: [`Path::Avx512Ifma`], written for that instruction set, and
//! [`Path::Portable`], whose transform is `concrete-ntt`'s. Both use the same root of unity and the same bit-reversed
//! order, so fully reduced results are the same words.
//!
//! Words are called reduced when they lie in [0, p), and lazy when they lie in [0, 2^52) and are right modulo p.
#![expect(
    clippy::indexing_slicing,
    reason = "dense loops over slices whose lengths are asserted at the entry"
)]

mod portable;

use crate::ring::{Automorphism, Factor, Modulus};

/// Which kernels a ring runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Path {
    /// Plain Rust; transforms by `concrete-ntt`.
    Portable,
}

impl Path {
    /// The fastest path that this machine has.
    #[must_use]
    pub fn detect() -> Self {
        Self::Portable
    }

    /// Every path that this machine has, for tests and benchmarks.
    #[must_use]
    pub fn available() -> Vec<Self> {
        vec![Self::Portable]
    }

    /// out = x permuted.
    pub(crate) fn permute(self, out: &mut [u64], x: &[u64], by: &Automorphism) {
        assert_eq!(out.len(), x.len());
        portable::permute(out, x, by);
    }

    /// Rounded quotients of a base conversion: v = round(sum of y_i / q_i), in fixed point with `shift` fraction bits,
    /// where fraction i is floor(2^(52 + shift) / q_i) and below 2^52. `sources` holds the y_i, reduced modulo their
    /// primes, one after the other.
    pub(crate) fn conversion_quotients(
        self,
        out: &mut [u64],
        sources: &[u64],
        fractions: &[u64],
        shift: u32,
    ) {
        assert_eq!(sources.len(), out.len() * fractions.len());
        portable::conversion_quotients(out, sources, fractions, shift);
    }
}

/// A constant that an inverse transform multiplies by, the division by N included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InverseScale(Factor);

/// One prime of a ring with its tables.
pub(crate) struct Limb {
    modulus: Modulus,
    /// p^-1 modulo 2^52.
    word_inverse: u64,
    degree_inverse: u64,
    ntt: portable::Ntt,
}

/// Constants of a base conversion into one prime.
pub(crate) struct ConversionTarget {
    /// For each source prime q_i: (Q / q_i) 2^52 mod p.
    pub(crate) hats: Vec<u64>,
    /// -Q 2^52 mod p.
    pub(crate) minus_product: u64,
}

/// Words of a block in which sums of products are kept before they are reduced: small beside a first-level cache.
const BLOCK: usize = 256;

/// Terms of a sum of products that one pass over a block takes.
const GROUP: usize = 8;

/// Terms after which a sum of products is folded: 2^11 values below 2^52 stay below 2^63.
const FOLD: usize = 1 << 11;

impl Limb {
    /// Tables of one prime. `None` where the prime has no transform of this degree.
    pub(crate) fn new(modulus: Modulus, degree: usize, path: Path) -> Option<Self> {
        let ntt = portable::Ntt::new(modulus, degree)?;
        let p = modulus.value();
        // Newton's iteration: p p = 1 modulo 8, and every round doubles the bits that are right.
        let word_inverse = (0..5).fold(p, |x, _| x.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(x))));
        let degree_inverse = modulus.inverse(degree as u64 % p);
        let _ = path;
        Some(Self { modulus, word_inverse: word_inverse & crate::ring::WORD_MASK, degree_inverse, ntt })
    }

    pub(crate) fn modulus(&self) -> &Modulus {
        &self.modulus
    }

    /// Forward transform of reduced words in place, reduced.
    pub(crate) fn forward(&self, x: &mut [u64]) {
        self.ntt.forward(x);
    }

    /// Forward transform of reduced words in place, lazy.
    pub(crate) fn forward_lazy(&self, x: &mut [u64]) {
        self.ntt.forward(x);
    }

    /// The scale of an inverse transform that also multiplies by a reduced `constant`.
    pub(crate) fn inverse_scale(&self, constant: u64) -> InverseScale {
        InverseScale(self.modulus.factor(self.modulus.mul(constant, self.degree_inverse)))
    }

    /// Inverse transform of reduced words in place, times the constant of `scale`, reduced.
    pub(crate) fn inverse(&self, x: &mut [u64], scale: InverseScale) {
        self.ntt.inverse(&self.modulus, x, scale.0);
    }

    /// x += y, reduced words.
    pub(crate) fn add_assign(&self, x: &mut [u64], y: &[u64]) {
        portable::add_assign(&self.modulus, x, y);
    }

    /// x -= y, reduced words.
    pub(crate) fn sub_assign(&self, x: &mut [u64], y: &[u64]) {
        portable::sub_assign(&self.modulus, x, y);
    }

    /// x = -x, reduced words.
    pub(crate) fn neg_assign(&self, x: &mut [u64]) {
        portable::neg_assign(&self.modulus, x);
    }

    /// out = x y: x lazy, y and the result reduced.
    pub(crate) fn mul(&self, out: &mut [u64], x: &[u64], y: &[u64]) {
        portable::mul(&self.modulus, out, x, y);
    }

    /// out = x + y, reduced words.
    pub(crate) fn add(&self, out: &mut [u64], x: &[u64], y: &[u64]) {
        portable::add(&self.modulus, out, x, y);
    }

    /// out = x - y, reduced words.
    pub(crate) fn sub(&self, out: &mut [u64], x: &[u64], y: &[u64]) {
        portable::sub(&self.modulus, out, x, y);
    }

    /// x = x y, reduced words.
    pub(crate) fn mul_assign(&self, x: &mut [u64], y: &[u64]) {
        portable::mul_assign(&self.modulus, x, y);
    }

    /// x += scalar, reduced words.
    pub(crate) fn add_scalar_assign(&self, x: &mut [u64], scalar: u64) {
        portable::add_scalar_assign(&self.modulus, x, scalar);
    }

    /// x *= factor: x lazy, the result reduced.
    pub(crate) fn mul_factor_assign(&self, x: &mut [u64], factor: Factor) {
        portable::mul_factor_assign(&self.modulus, x, factor);
    }

    /// x += y factor: x and the result reduced, y lazy.
    pub(crate) fn add_mul_factor(&self, x: &mut [u64], y: &[u64], factor: Factor) {
        portable::add_mul_factor(&self.modulus, x, y, factor);
    }

    /// out = (x - out) factor: x reduced, out lazy before and reduced after.
    pub(crate) fn sub_from_mul_factor(&self, out: &mut [u64], x: &[u64], factor: Factor) {
        portable::sub_from_mul_factor(&self.modulus, out, x, factor);
    }

    /// outs\[k\] = sum over `terms` of a b_k, where `term` gives a (lazy) and the b_k (reduced); results reduced.
    pub(crate) fn inner_products<'a, const K: usize>(
        &self,
        outs: &mut [&mut [u64]; K],
        terms: usize,
        term: impl Fn(usize) -> (&'a [u64], [&'a [u64]; K]),
    ) {
        let len = outs.first().map_or(0, |out| out.len());
        let mut sums = [[[0u64; BLOCK]; 2]; K];
        for start in (0..len).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(len);
            sums.as_flattened_mut().as_flattened_mut().fill(0);
            for first in (0..terms).step_by(GROUP) {
                let mut group = [(&[][..], [&[][..]; K]); GROUP];
                let taken = GROUP.min(terms - first);
                for (slot, index) in group.iter_mut().zip(first..first + taken) {
                    let (a, bs) = term(index);
                    *slot = (&a[range.clone()], bs.map(|b| &b[range.clone()]));
                }
                portable::accumulate(&mut sums, &group[..taken]);
                if first % FOLD == FOLD - GROUP {
                    for sum in &mut sums {
                        portable::fold(&self.modulus, sum);
                    }
                }
            }
            for (out, sum) in outs.iter_mut().zip(&sums) {
                portable::reduce_sums(&self.modulus, &mut out[range.clone()], sum);
            }
        }
    }

    /// Base conversion into this prime: out = sum of y_i hat_i - v Q over the sources y_i (reduced modulo their own
    /// primes, one after the other in `sources`), reduced.
    pub(crate) fn convert(
        &self,
        out: &mut [u64],
        sources: &[u64],
        quotients: &[u64],
        target: &ConversionTarget,
    ) {
        assert_eq!(sources.len(), out.len() * target.hats.len());
        assert_eq!(quotients.len(), out.len());
        portable::convert(&self.modulus, self.word_inverse, out, sources, quotients, target);
    }
}
