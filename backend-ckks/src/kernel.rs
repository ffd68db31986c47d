//! The inner loops: transforms, modular multiply-accumulate, base conversion and permutation of one limb.
//!
//! Every kernel exists on two paths: [`Path::Avx512Ifma`], written for that instruction set, and
//! [`Path::Portable`], whose transform is `concrete-ntt`'s. Both use the same root of unity and the same bit-reversed
//! order, so fully reduced results are the same words.
//!
//! Words are called reduced when they lie in [0, p), and lazy when their lowest 52 bits are right modulo p and the
//! others unspecified (zero on the portable path).
#![expect(
    clippy::indexing_slicing,
    reason = "dense loops over slices whose lengths are asserted at the entry"
)]

#[cfg(target_arch = "x86_64")]
mod ifma;
mod portable;
mod subring;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
pub use ifma::Ifma;

use std::sync::OnceLock;

use crate::ring::{Automorphism, Factor, Modulus};
use subring::Subring;

/// Which kernels a ring runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Path {
    /// Plain Rust; transforms by `concrete-ntt`.
    Portable,
    /// AVX-512 with 52-bit multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx512Ifma(Ifma),
}

/// Calls a kernel of the path's module.
macro_rules! on_path {
    ($path:expr, $kernel:ident, $($argument:expr),*) => {
        match $path {
            Path::Portable => portable::$kernel($($argument),*),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Ifma(_) => {
                // SAFETY: an `Ifma` exists only where the processor has the kernels' instructions.
                unsafe { ifma::$kernel($($argument),*) }
            }
        }
    };
}

impl Path {
    /// The fastest path that this machine has.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(ifma) = Ifma::detect() {
            return Self::Avx512Ifma(ifma);
        }
        Self::Portable
    }

    /// Every path that this machine has, for tests and benchmarks.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut paths = vec![Self::Portable];
        let fastest = Self::detect();
        if fastest != Self::Portable {
            paths.push(fastest);
        }
        paths
    }

    /// out = x permuted.
    pub(crate) fn permute(self, out: &mut [u64], x: &[u64], by: &Automorphism) {
        assert_eq!(out.len(), x.len());
        on_path!(self, permute, out, x, by);
    }

    /// The key stream of ChaCha20 from block `block` on, as little-endian words.
    pub(crate) fn keystream(self, out: &mut [u64; KEYSTREAM], seed: &[u8; 32], stream: u64, block: u64) {
        on_path!(self, keystream, out, seed, stream, block);
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
        on_path!(self, conversion_quotients, out, sources, fractions, shift);
    }
}

/// A constant that an inverse transform multiplies by, the division by N included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InverseScale(Factor);

/// One prime of a ring with its tables.
pub(crate) struct Limb {
    modulus: Modulus,
    degree: usize,
    /// What X is sent to at position 0.
    root: u64,
    /// p^-1 modulo 2^52.
    word_inverse: u64,
    degree_inverse: u64,
    path: Path,
    ntt: Tables,
    /// For each log2 of a degree, where a subring of that degree was used.
    subrings: Vec<OnceLock<Subring>>,
}

/// The transform of one prime. Blocks below 64 words are the portable one's on every path.
enum Tables {
    Portable(portable::Ntt),
    #[cfg(target_arch = "x86_64")]
    Ifma(ifma::Ntt),
}

/// Constants of a base conversion into one prime.
pub(crate) struct ConversionTarget {
    /// For each source prime q_i: (Q / q_i) 2^52 mod p.
    pub(crate) hats: Vec<u64>,
    /// -Q 2^52 mod p.
    pub(crate) minus_product: u64,
}

/// Words of a key stream that are made together: 16 blocks.
pub(crate) const KEYSTREAM: usize = 128;

/// Words of a block in which sums of products are kept before they are reduced: small beside a first-level cache.
const BLOCK: usize = 256;

/// Terms of a sum of products that one pass over a block takes.
const GROUP: usize = 8;

/// Terms after which a sum of products is folded: 2^11 values below 2^52 stay below 2^63.
const FOLD: usize = 1 << 11;

impl Limb {
    /// Tables of one prime. `None` where the prime has no transform of this degree.
    pub(crate) fn new(modulus: Modulus, degree: usize, path: Path) -> Option<Self> {
        let portable = portable::Ntt::new(modulus, degree)?;
        let root = portable.root(degree);
        let ntt = match path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Ifma(_) if degree >= 64 => Tables::Ifma(ifma::Ntt::new(&modulus, degree, root)),
            _ => Tables::Portable(portable),
        };
        let p = modulus.value();
        // Newton's iteration: p p = 1 modulo 8, and every round doubles the bits that are right.
        let word_inverse = (0..5).fold(p, |x, _| x.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(x))));
        let degree_inverse = modulus.inverse(degree as u64 % p);
        let word_inverse = word_inverse & crate::ring::WORD_MASK;
        let subrings = (0..degree.trailing_zeros()).map(|_| OnceLock::new()).collect();
        Some(Self { modulus, degree, root, word_inverse, degree_inverse, path, ntt, subrings })
    }

    pub(crate) fn modulus(&self) -> &Modulus {
        &self.modulus
    }

    /// Forward transform of reduced words in place, reduced.
    pub(crate) fn forward(&self, x: &mut [u64]) {
        match &self.ntt {
            Tables::Portable(ntt) => ntt.forward(x),
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(ntt) => {
                // SAFETY: these tables are made on the path of an `Ifma` alone.
                unsafe { ntt.forward::<false>(&self.modulus, x) }
            }
        }
    }

    /// Forward transform in place of reduced words, or of what [`Limb::convert`] gives, lazy.
    pub(crate) fn forward_lazy(&self, x: &mut [u64]) {
        match &self.ntt {
            Tables::Portable(ntt) => ntt.forward(x),
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(ntt) => {
                // SAFETY: these tables are made on the path of an `Ifma` alone.
                unsafe { ntt.forward::<true>(&self.modulus, x) }
            }
        }
    }

    /// The scale of an inverse transform that also multiplies by a reduced `constant`.
    pub(crate) fn inverse_scale(&self, constant: u64) -> InverseScale {
        InverseScale(self.modulus.factor(self.modulus.mul(constant, self.degree_inverse)))
    }

    /// Inverse transform of reduced words in place, times the constant of `scale`, reduced.
    pub(crate) fn inverse(&self, x: &mut [u64], scale: InverseScale) {
        match &self.ntt {
            Tables::Portable(ntt) => ntt.inverse(&self.modulus, x, scale.0),
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(ntt) => {
                // SAFETY: these tables are made on the path of an `Ifma` alone.
                unsafe { ntt.inverse(&self.modulus, x, scale.0) }
            }
        }
    }

    /// `values` times `factor`, each rounded to a whole number of any size (ties to even), as reduced words.
    pub(crate) fn reduce_rounded(&self, out: &mut [u64], values: &[f64], factor: f64) {
        assert_eq!(out.len(), values.len());
        on_path!(self.path, reduce_rounded, &self.modulus, out, values, factor);
    }

    /// x += y, reduced words.
    pub(crate) fn add_assign(&self, x: &mut [u64], y: &[u64]) {
        on_path!(self.path, add_assign, &self.modulus, x, y);
    }

    /// x -= y, reduced words.
    pub(crate) fn sub_assign(&self, x: &mut [u64], y: &[u64]) {
        on_path!(self.path, sub_assign, &self.modulus, x, y);
    }

    /// x = -x, reduced words.
    pub(crate) fn neg_assign(&self, x: &mut [u64]) {
        on_path!(self.path, neg_assign, &self.modulus, x);
    }

    /// out = x y: x lazy, y and the result reduced.
    pub(crate) fn mul(&self, out: &mut [u64], x: &[u64], y: &[u64]) {
        on_path!(self.path, mul, &self.modulus, out, x, y);
    }

    /// out = x + y, reduced words.
    pub(crate) fn add(&self, out: &mut [u64], x: &[u64], y: &[u64]) {
        on_path!(self.path, add, &self.modulus, out, x, y);
    }

    /// out = x - y, reduced words.
    pub(crate) fn sub(&self, out: &mut [u64], x: &[u64], y: &[u64]) {
        on_path!(self.path, sub, &self.modulus, out, x, y);
    }

    /// x = x y, reduced words.
    pub(crate) fn mul_assign(&self, x: &mut [u64], y: &[u64]) {
        on_path!(self.path, mul_assign, &self.modulus, x, y);
    }

    /// x += scalar, reduced words.
    pub(crate) fn add_scalar_assign(&self, x: &mut [u64], scalar: u64) {
        on_path!(self.path, add_scalar_assign, &self.modulus, x, scalar);
    }

    /// x *= factor: x lazy, the result reduced.
    pub(crate) fn mul_factor_assign(&self, x: &mut [u64], factor: Factor) {
        on_path!(self.path, mul_factor_assign, &self.modulus, x, factor);
    }

    /// x += y factor: x and the result reduced, y lazy.
    pub(crate) fn add_mul_factor(&self, x: &mut [u64], y: &[u64], factor: Factor) {
        on_path!(self.path, add_mul_factor, &self.modulus, x, y, factor);
    }

    /// out = (x - out) factor: x reduced, out lazy before and reduced after.
    pub(crate) fn sub_from_mul_factor(&self, out: &mut [u64], x: &[u64], factor: Factor) {
        on_path!(self.path, sub_from_mul_factor, &self.modulus, out, x, factor);
    }

    /// The quotients of a division with an automorphism after them: out = ((x - rest) factor + addend) permuted, where rest is lazy, the
    /// others are reduced. Without an addend nothing is added.
    pub(crate) fn divide_permuted(
        &self,
        out: &mut [u64],
        [x, rest]: [&[u64]; 2],
        factor: Factor,
        addend: Option<&[u64]>,
        by: &Automorphism,
    ) {
        assert!(x.len() == out.len() && rest.len() == out.len());
        let addend = addend.unwrap_or_default();
        on_path!(self.path, divide_permuted, &self.modulus, out, [x, rest], factor, addend, by);
    }

    /// outs\[k\] = sum over `terms` of a b_k, where `term` gives a (lazy) and the b_k (reduced); results reduced. An `a` that is
    /// shorter by a power of two has each of its words repeated.
    pub(crate) fn inner_products<'a, const K: usize>(
        &self,
        outs: &mut [&mut [u64]; K],
        terms: usize,
        term: impl Fn(usize) -> (&'a [u64], [&'a [u64]; K]),
    ) {
        let len = outs.first().map_or(0, |out| out.len());
        if terms <= GROUP {
            let mut group = [(&[][..], [&[][..]; K]); GROUP];
            group.iter_mut().enumerate().take(terms).for_each(|(index, slot)| *slot = term(index));
            let group = &group[..terms];
            if group.iter().all(|(a, bs)| a.len() == len && bs.iter().all(|b| b.len() == len)) {
                return on_path!(self.path, sum_products, &self.modulus, outs, group);
            }
        }
        let mut sums = [[[0u64; BLOCK]; 2]; K];
        for start in (0..len).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(len);
            sums.as_flattened_mut().as_flattened_mut().fill(0);
            for first in (0..terms).step_by(GROUP) {
                let mut group = [(&[][..], [&[][..]; K]); GROUP];
                let taken = GROUP.min(terms - first);
                for (slot, index) in group.iter_mut().zip(first..first + taken) {
                    let (a, bs) = term(index);
                    *slot = (repeated(a, len, &range), bs.map(|b| &b[range.clone()]));
                }
                let group = &group[..taken];
                if group.iter().all(|(a, _)| a.len() == range.len()) {
                    on_path!(self.path, accumulate, &mut sums, group);
                } else {
                    on_path!(self.path, accumulate_repeated, &mut sums, group);
                }
                if first % FOLD == FOLD - GROUP {
                    for sum in &mut sums {
                        on_path!(self.path, fold, &self.modulus, sum);
                    }
                }
            }
            for (out, sum) in outs.iter_mut().zip(&sums) {
                on_path!(self.path, reduce_sums, &self.modulus, &mut out[range.clone()], sum);
            }
        }
    }

    /// Base conversion into this prime of the words from `start` on: out = sum of y_i hat_i - v Q over the sources y_i
    /// (reduced modulo their own primes, rows of `sources`, twelve at most), with the v of the same words in `quotients`.
    /// The result is below 4p, and reduced on the portable path.
    pub(crate) fn convert(
        &self,
        out: &mut [u64],
        start: usize,
        sources: &[u64],
        quotients: &[u64],
        target: &ConversionTarget,
    ) {
        assert_eq!(quotients.len(), out.len());
        on_path!(
            self.path,
            convert,
            &self.modulus,
            self.word_inverse,
            out,
            start,
            sources,
            quotients,
            target
        );
    }
}

/// The part of `a`, whose words are repeated to fill `len`, that makes up `range`.
fn repeated<'a>(a: &'a [u64], len: usize, range: &std::ops::Range<usize>) -> &'a [u64] {
    let repeats = len / a.len().max(1);
    let start = range.start / repeats;
    &a[start..start + (range.len() / repeats).max(1)]
}
