//! The transform on eight lanes.
//!
//! The polynomial is split depth-first: a pass of two or three layers over a block, then each of the four or eight
//! parts by itself, so that all but the first passes run in the first-level cache; six layers of every 64 words run in
//! eight registers.
//!
//! Ranges of the forward transform, L layers in all. With quotients of factors rounded up, floor(w 2^52 / p) + 1,
//! s = y w - q p lies in (-p, p) for every y < 2^52, and a butterfly is x + s, x - s. For
//! (2 L + 4) p <= 2^52 nothing is reduced on the way (five operations): words come below 4p, L p is added to the first
//! layer's x, and every layer widens the range by p on both sides. For other primes x is first brought to [p, 3p) (seven
//! operations), which leaves [0, 4p).
//!
//! Ranges of the inverse transform. A butterfly is x + y, (x - y + k p) w, with k p above y. For 32 p <= 2^52 blocks of
//! three layers take words below 4p and only the two sums that outgrow 4p are reduced at the end; other primes reduce
//! each sum to [0, 2p).
#![expect(clippy::indexing_slicing, reason = "indices of short arrays, and twiddles of blocks that exist")]

use std::arch::x86_64::*;

use aligned_vec::{AVec, ConstAlign};

use super::butterfly::{bounds, interleave, join_layer, join_layers, separate, split_layers};
use super::{Factors, Prime, Vector, broadcast, splat, splat_factor};
use crate::ring::{Factor, Modulus};

/// Words that the last six layers hold in registers.
const REGISTER_BLOCK: usize = 64;

/// Factors of the last three layers of 16 words, first the values, then the quotients: two of the first layer, four of
/// the second, eight of the third. The two that are left over make rows of 128 bytes, aligned for whole vectors.
type LastFactors = [[u64; 16]; 2];

/// Where the factors of a layer begin within a row: the longest at the start, where it is aligned.
const LAST_LAYERS: [usize; 3] = [12, 8, 0];

/// Tables of one direction.
struct Twiddles {
    /// Factor of block g of the layer with m blocks, at m + g; the last three layers are left out.
    outer: Vec<Factor>,
    /// For each 16 words the factors of the last three layers.
    last: AVec<LastFactors, ConstAlign<64>>,
}

/// The forward transform of one prime.
pub(in super::super) struct Forward {
    degree: usize,
    layers: u64,
    twiddles: Twiddles,
    lazy: bool,
}

impl Forward {
    /// Tables for the primitive 2N-th `root` of unity; N is 64 at least.
    pub(in super::super) fn new(modulus: &Modulus, degree: usize, root: u64) -> Self {
        let layers = u64::from(degree.trailing_zeros());
        let room = (1 << 52) / modulus.value();
        Self {
            degree,
            layers,
            twiddles: Twiddles::new(modulus, degree, root, 1),
            lazy: room >= 2 * layers + 4,
        }
    }

    /// Takes words below 4p, gives reduced words, or loose ones if `LOOSE`.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(in super::super) fn run<const LOOSE: bool>(&self, modulus: &Modulus, x: &mut [u64]) {
        assert_eq!(x.len(), self.degree);
        let prime = Prime::new(modulus);
        let offset = splat(self.layers * modulus.value());
        let x = x.as_mut_ptr();
        // SAFETY: `x` points to `degree` words that are borrowed exclusively, and the tables are of that degree.
        unsafe {
            if self.lazy {
                self.twiddles.split::<true, LOOSE>(&prime, x, self.degree, 1, Some(offset));
            } else {
                self.twiddles.split::<false, LOOSE>(&prime, x, self.degree, 1, None);
            }
        }
    }
}

/// The transforms of one prime.
pub(in super::super) struct Ntt {
    degree: usize,
    forward: Forward,
    inverse: Twiddles,
    inverse_lazy: bool,
}

impl Ntt {
    /// Tables for the primitive 2N-th `root` of unity; N is 64 at least.
    pub(in super::super) fn new(modulus: &Modulus, degree: usize, root: u64) -> Self {
        Self {
            degree,
            forward: Forward::new(modulus, degree, root),
            inverse: Twiddles::new(modulus, degree, modulus.inverse(root), 0),
            inverse_lazy: (1 << 52) / modulus.value() >= 32,
        }
    }

    /// Forward transform: takes words below 4p, gives reduced words, or loose ones if `LOOSE`.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub(in super::super) fn forward<const LOOSE: bool>(&self, modulus: &Modulus, x: &mut [u64]) {
        self.forward.run::<LOOSE>(modulus, x);
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
    /// Quotients are rounded down, plus `surplus`.
    fn new(modulus: &Modulus, degree: usize, root: u64, surplus: u64) -> Self {
        let bits = degree.trailing_zeros();
        let mut powers = vec![0; degree];
        let mut power = 1;
        for i in 0..degree {
            powers[i.reverse_bits() >> (usize::BITS - bits)] = power;
            power = modulus.mul(power, root);
        }
        let factor = |value| {
            let Factor { value, quotient } = modulus.factor(value);
            Factor { value, quotient: quotient + surplus }
        };
        let last = |pair: usize| {
            let mut factors = [[0; 16]; 2];
            for (layer, start) in LAST_LAYERS.into_iter().enumerate() {
                let width = 2 << layer;
                for place in 0..width {
                    let factor = factor(powers[(degree / 16 + pair) * width + place]);
                    factors[0][start + place] = factor.value;
                    factors[1][start + place] = factor.quotient;
                }
            }
            factors
        };
        Self {
            outer: powers.iter().take(degree / 8).map(|&power| factor(power)).collect(),
            last: AVec::from_iter(64, (0..degree / 16).map(last)),
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
        // The blocks of 64 words carry the numbers from N / 64 on.
        let first = 4 * index - self.last.len();
        for (number, pair) in v.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            for factor in self.last_factors(first + number) {
                *pair = interleave(*pair);
                split_layers::<2, LAZY>(prime, pair, &[factor; 2]);
            }
            *pair = interleave(*pair);
            if !LOOSE {
                *pair = pair.map(|word| prime.reduce(word));
            }
        }
        // SAFETY: the block has 64 words.
        unsafe { store_block(x, v) };
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
        let bounds = bounds::<LAZY>(prime);
        // SAFETY: the block has 64 words.
        let mut v = unsafe { load_block(x) };
        let first = 4 * index - self.last.len();
        for (number, pair) in v.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let [above, middle, lowest] = self.last_factors(first + number);
            *pair = separate(*pair);
            join_layer::<2, 1, LAZY>(prime, pair, &[lowest; 2], bounds[0]);
            *pair = separate(*pair);
            join_layer::<2, 1, LAZY>(prime, pair, &[middle; 2], bounds[1]);
            *pair = separate(*pair);
            join_layer::<2, 1, LAZY>(prime, pair, &[above; 2], bounds[2]);
            if LAZY {
                // Both sums that outgrow 4p are among these lanes.
                pair[0] = prime.shrink(pair[0]);
            }
            *pair = separate(*pair);
        }
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
            let Factor { value, quotient } = &self.outer[width * index + slot + 1 - width];
            *factor = Factors { value: broadcast(value), quotient: broadcast(quotient) };
        }
        factors
    }

    /// Factors of the last three layers of two vectors whose lanes are [interleaved](interleave): every layer reads its
    /// blocks' factors in order, repeated as often as fits.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn last_factors(&self, pair: usize) -> [Factors; 3] {
        let [values, quotients] = &self.last[pair];
        let layers = |row: &[u64; 16]| {
            let row = row.as_ptr();
            // SAFETY: the row has 16 words; 2 are read from the 13th, 4 from the 9th, 8 from the first.
            unsafe {
                let two = _mm_loadu_si128(row.add(LAST_LAYERS[0]).cast());
                let four = _mm256_loadu_si256(row.add(LAST_LAYERS[1]).cast());
                let eight = _mm512_loadu_si512(row.add(LAST_LAYERS[2]).cast());
                [_mm512_broadcast_i32x4(two), _mm512_broadcast_i64x4(four), eight]
            }
        };
        let ([v0, v1, v2], [q0, q1, q2]) = (layers(values), layers(quotients));
        [(v0, q0), (v1, q1), (v2, q2)].map(|(value, quotient)| Factors { value, quotient })
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
