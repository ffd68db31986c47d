//! The transform on eight lanes.
//!
//! The polynomial is split depth-first: a pass of two or three layers over a block, then each of the four or eight
//! parts by itself, so that all but the first passes run in the first-level cache; six layers of every 64 words run in
//! eight registers, the last three of them on the transposed 8 x 8 matrix.
//!
//! Ranges of the forward transform, L layers in all. With s = y w - (q + 1) p in [-p, p) a butterfly is x + s, x - s. For
//! (2 L + 1) p <= 2^52 nothing is reduced on the way (five operations): L p is added to the first layer's x, and every
//! layer widens the range by p on both sides. For other primes x is first brought to [p, 3p) (seven operations), which
//! leaves [0, 4p).
//!
//! Ranges of the inverse transform. A butterfly is x + y, (x - y + k p) w, with k p above y. For 32 p <= 2^52 blocks of
//! three layers take words below 4p and only the two sums that outgrow 4p are reduced at the end; other primes reduce
//! each sum to [0, 2p).
#![expect(clippy::indexing_slicing, reason = "indices of short arrays, and twiddles of blocks that exist")]

use std::arch::x86_64::*;

use aligned_vec::{AVec, ConstAlign};

use super::{Factors, Prime, Vector, splat, splat_factor};
use crate::ring::{Factor, Modulus};

/// Words that the last six layers hold in registers.
const REGISTER_BLOCK: usize = 64;

/// Factors of the last three layers of 64 words: seven vectors of values, seven of quotients.
type LastFactors = [[[u64; 8]; 7]; 2];

/// Tables of one direction.
struct Twiddles {
    /// Factor of block g of the layer with m blocks, at m + g; the last three layers are left out.
    outer: Vec<Factor>,
    /// For each 64 words the factors of the last three layers, lane r for the words 8 r to 8 r + 7.
    last: AVec<LastFactors, ConstAlign<64>>,
}

/// The transform of one prime.
pub(in super::super) struct Ntt {
    degree: usize,
    layers: u64,
    forward: Twiddles,
    inverse: Twiddles,
    forward_lazy: bool,
    inverse_lazy: bool,
}

impl Ntt {
    /// Tables for the primitive 2N-th `root` of unity; N is 64 at least.
    pub(in super::super) fn new(modulus: &Modulus, degree: usize, root: u64) -> Self {
        let layers = u64::from(degree.trailing_zeros());
        let room = (1 << 52) / modulus.value();
        Self {
            degree,
            layers,
            forward: Twiddles::new(modulus, degree, root),
            inverse: Twiddles::new(modulus, degree, modulus.inverse(root)),
            forward_lazy: room > 2 * layers,
            inverse_lazy: room >= 32,
        }
    }

    /// Forward transform: takes reduced words, gives reduced words, or loose ones if `LOOSE`.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(in super::super) fn forward<const LOOSE: bool>(&self, modulus: &Modulus, x: &mut [u64]) {
        assert_eq!(x.len(), self.degree);
        let prime = Prime::new(modulus);
        let offset = splat(self.layers * modulus.value());
        let x = x.as_mut_ptr();
        // SAFETY: `x` points to `degree` words that are borrowed exclusively, and the tables are of that degree.
        unsafe {
            if self.forward_lazy {
                self.forward.split::<true, LOOSE>(&prime, x, self.degree, 1, Some(offset));
            } else {
                self.forward.split::<false, LOOSE>(&prime, x, self.degree, 1, None);
            }
        }
    }

    /// Inverse transform times `scale`, which includes 1 / N: takes and gives reduced words.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(in super::super) fn inverse(&self, modulus: &Modulus, x: &mut [u64], scale: Factor) {
        assert_eq!(x.len(), self.degree);
        let (prime, scale) = (Prime::new(modulus), splat_factor(scale));
        let x = x.as_mut_ptr();
        // SAFETY: `x` points to `degree` words that are borrowed exclusively, and the tables are of that degree.
        unsafe {
            if self.inverse_lazy {
                self.inverse.join::<true>(&prime, x, self.degree, 1, Some(scale));
            } else {
                self.inverse.join::<false>(&prime, x, self.degree, 1, Some(scale));
            }
        }
    }
}

impl Twiddles {
    fn new(modulus: &Modulus, degree: usize, root: u64) -> Self {
        let bits = degree.trailing_zeros();
        let mut powers = vec![0; degree];
        let mut power = 1;
        for i in 0..degree {
            powers[i.reverse_bits() >> (usize::BITS - bits)] = power;
            power = modulus.mul(power, root);
        }
        let last = |block: usize| {
            let mut factors = [[[0; 8]; 7]; 2];
            for lane in 0..8 {
                for (slot, index) in (0..7).map(|slot| (slot, slot + 1)) {
                    // Slot 0 belongs to the layer with N/8 blocks, 1 and 2 to the next, 3 to 6 to the last.
                    let layer = usize::ilog2(index);
                    let width = 1 << layer;
                    let place = degree / 8 * width + width * (8 * block + lane) + index - width;
                    let factor = modulus.factor(powers[place]);
                    factors[0][slot][lane] = factor.value;
                    factors[1][slot][lane] = factor.quotient;
                }
            }
            factors
        };
        Self {
            outer: powers.iter().take(degree / 8).map(|&power| modulus.factor(power)).collect(),
            last: AVec::from_iter(64, (0..degree / REGISTER_BLOCK).map(last)),
        }
    }

    /// Forward transform of the block of `len` words at `x` that is number `index` of the tree: the whole is number 1, the
    /// halves of number i are 2i and 2i + 1. `offset` is added to the first x's of a lazy transform.
    ///
    /// # Safety
    /// `x` points to `len` words that nobody else uses; `len index` lies in the tables' degree and its double.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    unsafe fn split<const LAZY: bool, const LOOSE: bool>(
        &self,
        prime: &Prime,
        x: *mut u64,
        len: usize,
        index: usize,
        offset: Option<Vector>,
    ) {
        if len == REGISTER_BLOCK {
            // SAFETY: the block has 64 words.
            unsafe { self.split_in_registers::<LAZY, LOOSE>(prime, x, index, offset) };
            return;
        }
        let parts = parts(len);
        // SAFETY: the block has `len` words, of which each part gets its own share.
        unsafe {
            match parts {
                8 => self.split_pass::<8, LAZY>(prime, x, len, index, offset),
                4 => self.split_pass::<4, LAZY>(prime, x, len, index, offset),
                _ => self.split_pass::<2, LAZY>(prime, x, len, index, offset),
            }
            for part in 0..parts {
                let start = x.add(part * (len / parts));
                self.split::<LAZY, LOOSE>(prime, start, len / parts, parts * index + part, None);
            }
        }
    }

    /// log2(R) layers of a block.
    ///
    /// # Safety
    /// As [`Twiddles::split`].
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    unsafe fn split_pass<const R: usize, const LAZY: bool>(
        &self,
        prime: &Prime,
        x: *mut u64,
        len: usize,
        index: usize,
        offset: Option<Vector>,
    ) {
        let factors = self.outer_factors::<R>(index);
        let stride = len / R;
        for start in (0..stride).step_by(8) {
            let mut v = [_mm512_setzero_si512(); R];
            for (row, v) in v.iter_mut().enumerate() {
                // SAFETY: row * stride + start + 8 <= len.
                *v = unsafe { _mm512_loadu_si512(x.add(row * stride + start).cast()) };
            }
            if let (true, Some(offset)) = (LAZY, offset) {
                for v in v.iter_mut().take(R / 2) {
                    *v = _mm512_add_epi64(*v, offset);
                }
            }
            split_layers::<R, LAZY>(prime, &mut v, &factors);
            for (row, v) in v.iter().enumerate() {
                // SAFETY: as for the loads.
                unsafe { _mm512_storeu_si512(x.add(row * stride + start).cast(), *v) };
            }
        }
    }

    /// # Safety
    /// As [`Twiddles::split`], with 64 words.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    unsafe fn split_in_registers<const LAZY: bool, const LOOSE: bool>(
        &self,
        prime: &Prime,
        x: *mut u64,
        index: usize,
        offset: Option<Vector>,
    ) {
        // SAFETY: the block has 64 words.
        let mut v = unsafe { load_block(x) };
        if let (true, Some(offset)) = (LAZY, offset) {
            for v in v.iter_mut().take(4) {
                *v = _mm512_add_epi64(*v, offset);
            }
        }
        split_layers::<8, LAZY>(prime, &mut v, &self.outer_factors::<8>(index));
        v = transpose(v);
        split_layers::<8, LAZY>(prime, &mut v, &self.last_factors(index));
        if !LOOSE {
            for v in &mut v {
                *v = prime.reduce(*v);
            }
        }
        // SAFETY: the block has 64 words.
        unsafe { store_block(x, transpose(v)) };
    }

    /// Inverse transform of a block, numbered as in [`Twiddles::split`]; with `scale` also scaled and reduced.
    ///
    /// # Safety
    /// As [`Twiddles::split`].
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    unsafe fn join<const LAZY: bool>(
        &self,
        prime: &Prime,
        x: *mut u64,
        len: usize,
        index: usize,
        scale: Option<Factors>,
    ) {
        if len == REGISTER_BLOCK {
            // SAFETY: the block has 64 words.
            unsafe { self.join_in_registers::<LAZY>(prime, x, index, scale) };
            return;
        }
        let parts = parts(len);
        // SAFETY: the block has `len` words, of which each part gets its own share.
        unsafe {
            for part in 0..parts {
                let start = x.add(part * (len / parts));
                self.join::<LAZY>(prime, start, len / parts, parts * index + part, None);
            }
            match parts {
                8 => self.join_pass::<8, LAZY>(prime, x, len, index, scale),
                4 => self.join_pass::<4, LAZY>(prime, x, len, index, scale),
                _ => self.join_pass::<2, LAZY>(prime, x, len, index, scale),
            }
        }
    }

    /// log2(R) layers of a block.
    ///
    /// # Safety
    /// As [`Twiddles::split`].
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    unsafe fn join_pass<const R: usize, const LAZY: bool>(
        &self,
        prime: &Prime,
        x: *mut u64,
        len: usize,
        index: usize,
        scale: Option<Factors>,
    ) {
        let factors = self.outer_factors::<R>(index);
        let stride = len / R;
        for start in (0..stride).step_by(8) {
            let mut v = [_mm512_setzero_si512(); R];
            for (row, v) in v.iter_mut().enumerate() {
                // SAFETY: row * stride + start + 8 <= len.
                *v = unsafe { _mm512_loadu_si512(x.add(row * stride + start).cast()) };
            }
            join_layers::<R, LAZY>(prime, &mut v, &factors);
            scale_all(prime, &mut v, scale);
            for (row, v) in v.iter().enumerate() {
                // SAFETY: as for the loads.
                unsafe { _mm512_storeu_si512(x.add(row * stride + start).cast(), *v) };
            }
        }
    }

    /// # Safety
    /// As [`Twiddles::split`], with 64 words.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    unsafe fn join_in_registers<const LAZY: bool>(
        &self,
        prime: &Prime,
        x: *mut u64,
        index: usize,
        scale: Option<Factors>,
    ) {
        // SAFETY: the block has 64 words.
        let mut v = transpose(unsafe { load_block(x) });
        join_layers::<8, LAZY>(prime, &mut v, &self.last_factors(index));
        v = transpose(v);
        join_layers::<8, LAZY>(prime, &mut v, &self.outer_factors::<8>(index));
        scale_all(prime, &mut v, scale);
        // SAFETY: the block has 64 words.
        unsafe { store_block(x, v) };
    }

    /// Factors of log2(R) layers from block `index` down: slot 0 for the first, 1 and 2 for the next, 3 to 6.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn outer_factors<const R: usize>(&self, index: usize) -> [Factors; R] {
        let mut factors = [Factors { value: _mm512_setzero_si512(), quotient: _mm512_setzero_si512() }; R];
        for (slot, factor) in factors.iter_mut().take(R - 1).enumerate() {
            let width = 1 << usize::ilog2(slot + 1);
            *factor = splat_factor(self.outer[width * index + slot + 1 - width]);
        }
        factors
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn last_factors(&self, index: usize) -> [Factors; 8] {
        // The blocks of 64 words carry the numbers from N / 64 on.
        let [values, quotients] = &self.last[index - self.last.len()];
        let mut factors = [Factors { value: _mm512_setzero_si512(), quotient: _mm512_setzero_si512() }; 8];
        for ((factor, value), quotient) in factors.iter_mut().zip(values).zip(quotients) {
            *factor = Factors { value: super::load(value), quotient: super::load(quotient) };
        }
        factors
    }
}

/// Into how many parts a pass splits a block: eight, but fewer above, so that eights reach the 64 words.
fn parts(len: usize) -> usize {
    let layers = (len / REGISTER_BLOCK).trailing_zeros();
    match (layers % 3, layers) {
        (0, _) => 8,
        (1, 1) => 2,
        _ => 4,
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn split_layers<const R: usize, const LAZY: bool>(
    prime: &Prime,
    v: &mut [Vector; R],
    factors: &[Factors; R],
) {
    let mut half = R / 2;
    let mut groups = 1;
    while half > 0 {
        for group in 0..groups {
            let factor = factors[groups - 1 + group];
            for i in 0..half {
                let (x, y) = (2 * half * group + i, 2 * half * group + i + half);
                let (mut u, s) = (v[x], prime.mul_add(prime.minus_p, v[y], factor));
                if !LAZY {
                    // One multiple of p fewer than a plain reduction subtracts: [p, 3p).
                    let q = _mm512_madd52hi_epu64(_mm512_set1_epi64(-1), u, prime.unit);
                    u = _mm512_madd52lo_epu64(u, q, prime.minus_p);
                }
                (v[x], v[y]) = (_mm512_add_epi64(u, s), _mm512_sub_epi64(u, s));
            }
        }
        (half, groups) = (half / 2, 2 * groups);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn join_layers<const R: usize, const LAZY: bool>(prime: &Prime, v: &mut [Vector; R], factors: &[Factors; R]) {
    let mut half = 1;
    let mut groups = R / 2;
    // Above every word of the layer: 4p, 8p, 16p, or 2p.
    let mut above = if LAZY { _mm512_add_epi64(prime.two_p, prime.two_p) } else { prime.two_p };
    while groups > 0 {
        for group in 0..groups {
            let factor = factors[groups - 1 + group];
            for i in 0..half {
                let (x, y) = (2 * half * group + i, 2 * half * group + i + half);
                let (u, t) = (v[x], v[y]);
                let sum = _mm512_add_epi64(u, t);
                v[x] = if LAZY { sum } else { prime.shrink(sum) };
                v[y] = prime.mul(_mm512_sub_epi64(_mm512_add_epi64(u, above), t), factor);
            }
        }
        if LAZY {
            above = _mm512_add_epi64(above, above);
        }
        (half, groups) = (2 * half, groups / 2);
    }
    if LAZY {
        // The sum of all words, and the sum of four products below 2p; other sums stay below 4p.
        v[0] = prime.shrink(v[0]);
        if R == 8 {
            v[1] = prime.shrink(v[1]);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn scale_all<const R: usize>(prime: &Prime, v: &mut [Vector; R], scale: Option<Factors>) {
    if let Some(scale) = scale {
        for v in v {
            *v = prime.finish(prime.mul(*v, scale));
        }
    }
}

/// # Safety
/// `x` points to 64 words.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_block(x: *const u64) -> [Vector; 8] {
    let mut v = [_mm512_setzero_si512(); 8];
    for (row, v) in v.iter_mut().enumerate() {
        // SAFETY: eight of the 64 words.
        *v = unsafe { _mm512_loadu_si512(x.add(8 * row).cast()) };
    }
    v
}

/// # Safety
/// `x` points to 64 words that nobody else uses.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store_block(x: *mut u64, v: [Vector; 8]) {
    for (row, v) in v.iter().enumerate() {
        // SAFETY: eight of the 64 words.
        unsafe { _mm512_storeu_si512(x.add(8 * row).cast(), *v) };
    }
}

/// Rows and columns of an 8 x 8 matrix exchanged: pairs of words, then of 128-bit parts, then of halves.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(v: [Vector; 8]) -> [Vector; 8] {
    let [a, b, c, d, e, f, g, h] = v;
    let words = |x, y| (_mm512_unpacklo_epi64(x, y), _mm512_unpackhi_epi64(x, y));
    let ((ab0, ab1), (cd0, cd1)) = (words(a, b), words(c, d));
    let ((ef0, ef1), (gh0, gh1)) = (words(e, f), words(g, h));
    // Parts 0 and 2 of both, parts 1 and 3 of both.
    let parts = |x, y| (_mm512_shuffle_i64x2::<0x88>(x, y), _mm512_shuffle_i64x2::<0xdd>(x, y));
    let ((ad04, ad26), (ad15, ad37)) = (parts(ab0, cd0), parts(ab1, cd1));
    let ((eh04, eh26), (eh15, eh37)) = (parts(ef0, gh0), parts(ef1, gh1));
    let ((r0, r4), (r1, r5)) = (parts(ad04, eh04), parts(ad15, eh15));
    let ((r2, r6), (r3, r7)) = (parts(ad26, eh26), parts(ad37, eh37));
    [r0, r1, r2, r3, r4, r5, r6, r7]
}
