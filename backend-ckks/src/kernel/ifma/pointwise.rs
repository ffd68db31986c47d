//! Kernels that treat every word alike.

use std::arch::x86_64::*;

use super::super::{BLOCK, ConversionTarget};
use super::{LANES, Lanes, Prime, Vector, broadcast, load, splat, splat_factor, store};
use crate::ring::{Automorphism, Factor, Modulus, SMALL_INTEGER, WORD_MASK};

/// The slice as vectors. Lengths are multiples of eight: degrees are powers of two from 16 on.
#[inline]
fn lanes(x: &[u64]) -> &[Lanes] {
    x.as_chunks().0
}

#[inline]
fn lanes_mut(x: &mut [u64]) -> &mut [Lanes] {
    x.as_chunks_mut().0
}

/// What rounds to integers below 2^52, by quotients in floating point; if any is larger, or where they fill no vector, as on the portable
/// path.
#[target_feature(enable = "avx512f")]
pub(in super::super) fn reduce_rounded(modulus: &Modulus, out: &mut [u64], values: &[f64], factor: f64) {
    let (words, rest) = out.as_chunks_mut::<LANES>();
    let (sources, _) = values.as_chunks::<LANES>();
    let scale = _mm512_set1_pd(factor);
    let p = _mm512_set1_pd(modulus.value() as f64);
    let inverse = _mm512_set1_pd(1.0 / modulus.value() as f64);
    let limit = _mm512_set1_pd(SMALL_INTEGER);
    let mask = splat(WORD_MASK);
    let mut small = rest.is_empty();
    for (word, source) in words.iter_mut().zip(sources) {
        let value = _mm512_castsi512_pd(load(&source.map(f64::to_bits)));
        let integer = _mm512_roundscale_pd::<_MM_FROUND_TO_NEAREST_INT>(_mm512_mul_pd(value, scale));
        small &= _mm512_cmp_pd_mask::<_CMP_LT_OQ>(_mm512_abs_pd(integer), limit) == u8::MAX;
        let quotient = _mm512_roundscale_pd::<_MM_FROUND_TO_NEAREST_INT>(_mm512_mul_pd(integer, inverse));
        // Exact: the quotient times p is an integer below 2^53.
        let residue = _mm512_fnmadd_pd(quotient, p, integer);
        let negative = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(residue, _mm512_setzero_pd());
        let residue = _mm512_mask_add_pd(residue, negative, residue, p);
        // The mantissa of 2^52 + x is x.
        store(word, _mm512_and_si512(_mm512_castpd_si512(_mm512_add_pd(residue, limit)), mask));
    }
    if !small {
        modulus.reduce_rounded(out, values, factor);
    }
}

#[target_feature(enable = "avx512f")]
pub(in super::super) fn add_assign(modulus: &Modulus, x: &mut [u64], y: &[u64]) {
    let prime = Prime::new(modulus);
    for (x, y) in lanes_mut(x).iter_mut().zip(lanes(y)) {
        store(x, prime.once(_mm512_add_epi64(load(x), load(y))));
    }
}

#[target_feature(enable = "avx512f")]
pub(in super::super) fn add(modulus: &Modulus, out: &mut [u64], x: &[u64], y: &[u64]) {
    let prime = Prime::new(modulus);
    for ((out, x), y) in lanes_mut(out).iter_mut().zip(lanes(x)).zip(lanes(y)) {
        store(out, prime.once(_mm512_add_epi64(load(x), load(y))));
    }
}

/// x - y for reduced words, reduced: where the difference wraps, it is the larger one.
#[inline]
#[target_feature(enable = "avx512f")]
fn difference(prime: &Prime, x: Vector, y: Vector) -> Vector {
    let difference = _mm512_sub_epi64(x, y);
    _mm512_min_epu64(difference, _mm512_add_epi64(difference, prime.p))
}

#[target_feature(enable = "avx512f")]
pub(in super::super) fn sub_assign(modulus: &Modulus, x: &mut [u64], y: &[u64]) {
    let prime = Prime::new(modulus);
    for (x, y) in lanes_mut(x).iter_mut().zip(lanes(y)) {
        store(x, difference(&prime, load(x), load(y)));
    }
}

#[target_feature(enable = "avx512f")]
pub(in super::super) fn sub(modulus: &Modulus, out: &mut [u64], x: &[u64], y: &[u64]) {
    let prime = Prime::new(modulus);
    for ((out, x), y) in lanes_mut(out).iter_mut().zip(lanes(x)).zip(lanes(y)) {
        store(out, difference(&prime, load(x), load(y)));
    }
}

#[target_feature(enable = "avx512f")]
pub(in super::super) fn neg_assign(modulus: &Modulus, x: &mut [u64]) {
    let prime = Prime::new(modulus);
    for x in lanes_mut(x) {
        store(x, difference(&prime, _mm512_setzero_si512(), load(x)));
    }
}

#[target_feature(enable = "avx512f")]
pub(in super::super) fn add_scalar_assign(modulus: &Modulus, x: &mut [u64], scalar: u64) {
    let (prime, scalar) = (Prime::new(modulus), splat(scalar));
    for x in lanes_mut(x) {
        store(x, prime.once(_mm512_add_epi64(load(x), scalar)));
    }
}

/// high 2^52 + low: takes a high below 2^52 and a loose low, gives [0, p).
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn reduce_halves(prime: &Prime, word: super::Factors, high: Vector, low: Vector) -> Vector {
    // Two summands below 2p: below 2^52 for every p.
    prime.reduce(prime.mul_add(prime.shrink(low), high, word))
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn mul(modulus: &Modulus, out: &mut [u64], x: &[u64], y: &[u64]) {
    let (prime, word) = (Prime::new(modulus), splat_factor(modulus.word()));
    let zero = _mm512_setzero_si512();
    for ((out, x), y) in lanes_mut(out).iter_mut().zip(lanes(x)).zip(lanes(y)) {
        let (x, y) = (load(x), load(y));
        let (low, high) = (_mm512_madd52lo_epu64(zero, x, y), _mm512_madd52hi_epu64(zero, x, y));
        store(out, reduce_halves(&prime, word, high, low));
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn mul_assign(modulus: &Modulus, x: &mut [u64], y: &[u64]) {
    let (prime, word) = (Prime::new(modulus), splat_factor(modulus.word()));
    let zero = _mm512_setzero_si512();
    for (out, y) in lanes_mut(x).iter_mut().zip(lanes(y)) {
        let (x, y) = (load(out), load(y));
        let (low, high) = (_mm512_madd52lo_epu64(zero, x, y), _mm512_madd52hi_epu64(zero, x, y));
        store(out, reduce_halves(&prime, word, high, low));
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn mul_factor_assign(modulus: &Modulus, x: &mut [u64], factor: Factor) {
    let (prime, factor) = (Prime::new(modulus), splat_factor(factor));
    for x in lanes_mut(x) {
        store(x, prime.finish(prime.mul(load(x), factor)));
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn add_mul_factor(modulus: &Modulus, x: &mut [u64], y: &[u64], factor: Factor) {
    let (prime, factor) = (Prime::new(modulus), splat_factor(factor));
    for (x, y) in lanes_mut(x).iter_mut().zip(lanes(y)) {
        // Below 3p.
        store(x, prime.reduce(prime.mul_add(load(x), load(y), factor)));
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn sub_from_mul_factor(modulus: &Modulus, out: &mut [u64], x: &[u64], factor: Factor) {
    let (prime, factor) = (Prime::new(modulus), splat_factor(factor));
    for (out, x) in lanes_mut(out).iter_mut().zip(lanes(x)) {
        // In (0, 3p).
        let difference = _mm512_sub_epi64(_mm512_add_epi64(load(x), prime.two_p), prime.shrink(load(out)));
        store(out, prime.finish(prime.mul(difference, factor)));
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn divide_permuted(
    modulus: &Modulus,
    out: &mut [u64],
    [x, rest]: [&[u64]; 2],
    factor: Factor,
    addend: &[u64],
    by: &Automorphism,
) {
    let (prime, factor) = (Prime::new(modulus), splat_factor(factor));
    let sources = lanes(x);
    let (rests, addends) = (lanes(rest), lanes(addend));
    for (out, (block, order)) in lanes_mut(out).iter_mut().zip(by.blocks()) {
        let (Some(x), Some(rest)) = (sources.get(block), rests.get(block)) else { return };
        // In (0, 3p).
        let difference = _mm512_sub_epi64(_mm512_add_epi64(load(x), prime.two_p), prime.shrink(load(rest)));
        let mut quotient = prime.finish(prime.mul(difference, factor));
        if let Some(addend) = addends.get(block) {
            quotient = prime.once(_mm512_add_epi64(quotient, load(addend)));
        }
        store(out, _mm512_permutexvar_epi64(load(order), quotient));
    }
}

/// Words that [`prefetch`] looks ahead: far enough for memory to answer.
const AHEAD: usize = 512;

/// Asks for the words that a loop over a key needs soon: it reads more rows side by side than the processor fetches ahead by
/// itself, and that ends with every page.
#[inline]
#[target_feature(enable = "avx512f")]
fn prefetch(words: &Lanes) {
    _mm_prefetch::<_MM_HINT_T0>(words.as_ptr().wrapping_add(AHEAD).cast());
}

/// Sums of a few products, reduced: they never leave the registers.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn sum_products<const K: usize>(
    modulus: &Modulus,
    outs: &mut [&mut [u64]; K],
    group: &[(&[u64], [&[u64]; K])],
) {
    let (prime, word) = (Prime::new(modulus), splat_factor(modulus.word()));
    let words = outs.first().map_or(0, |out| out.len());
    for position in 0..words / LANES {
        let mut halves = [[_mm512_setzero_si512(); 2]; K];
        for (a, bs) in group {
            let Some(a) = lanes(a).get(position) else { continue };
            let a = load(a);
            for ([low, high], b) in halves.iter_mut().zip(bs) {
                let Some(b) = lanes(b).get(position) else { continue };
                prefetch(b);
                let b = load(b);
                *low = _mm512_madd52lo_epu64(*low, a, b);
                *high = _mm512_madd52hi_epu64(*high, a, b);
            }
        }
        for ([low, high], out) in halves.into_iter().zip(&mut *outs) {
            if let Some(out) = lanes_mut(out).get_mut(position) {
                store(out, reduce_sum(&prime, word, low, high));
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn accumulate<const K: usize>(
    sums: &mut [[[u64; BLOCK]; 2]; K],
    group: &[(&[u64], [&[u64]; K])],
) {
    accumulate_with(sums, group, |a, position, _| lanes(a).get(position).map(|a| load(a)));
}

/// As [`accumulate`], where the words of an `a` that is shorter are repeated.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn accumulate_repeated<const K: usize>(
    sums: &mut [[[u64; BLOCK]; 2]; K],
    group: &[(&[u64], [&[u64]; K])],
) {
    let pairs = _mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0);
    let fours = _mm512_set_epi64(1, 1, 1, 1, 0, 0, 0, 0);
    accumulate_with(sums, group, |a, position, len| match len / a.len() {
        1 => lanes(a).get(position).map(|a| load(a)),
        2 => {
            let words = a.as_chunks::<4>().0.get(position)?;
            // SAFETY: the reference covers the 32 bytes; this load needs no alignment.
            let words = unsafe { _mm256_loadu_si256(words.as_ptr().cast()) };
            Some(_mm512_permutexvar_epi64(pairs, _mm512_castsi256_si512(words)))
        }
        4 => {
            let words = a.as_chunks::<2>().0.get(position)?;
            // SAFETY: the reference covers the 16 bytes; this load needs no alignment.
            let words = unsafe { _mm_loadu_si128(words.as_ptr().cast()) };
            Some(_mm512_permutexvar_epi64(fours, _mm512_castsi128_si512(words)))
        }
        repeats => a.get(LANES * position / repeats).map(|word| broadcast(word)),
    });
}

/// Adds products, where `factor` gives a vector of an `a` from its place, for operands of so many words.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn accumulate_with<const K: usize>(
    sums: &mut [[[u64; BLOCK]; 2]; K],
    group: &[(&[u64], [&[u64]; K])],
    factor: impl Fn(&[u64], usize, usize) -> Option<Vector>,
) {
    let words = group.first().and_then(|(_, bs)| bs.first()).map_or(0, |b| b.len());
    for position in 0..words / LANES {
        let mut halves = [[_mm512_setzero_si512(); 2]; K];
        for (halves, sum) in halves.iter_mut().zip(&*sums) {
            for (half, sum) in halves.iter_mut().zip(sum) {
                *half = lanes(sum).get(position).map_or(*half, |sum| load(sum));
            }
        }
        for (a, bs) in group {
            let Some(a) = factor(a, position, words) else { continue };
            for ([low, high], b) in halves.iter_mut().zip(bs) {
                let Some(b) = lanes(b).get(position) else { continue };
                let b = load(b);
                *low = _mm512_madd52lo_epu64(*low, a, b);
                *high = _mm512_madd52hi_epu64(*high, a, b);
            }
        }
        for (halves, sum) in halves.iter().zip(&mut *sums) {
            for (half, sum) in halves.iter().zip(sum) {
                if let Some(sum) = lanes_mut(sum).get_mut(position) {
                    store(sum, *half);
                }
            }
        }
    }
}

/// low + high 2^52 for sums below 2^63, reduced.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn reduce_sum(prime: &Prime, word: super::Factors, low: Vector, high: Vector) -> Vector {
    let high = _mm512_add_epi64(high, _mm512_srli_epi64::<52>(low));
    // Below 2p and a little more than p.
    let high = prime.mul_add(prime.shrink(high), _mm512_srli_epi64::<52>(high), word);
    reduce_halves(prime, word, high, low)
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn fold(modulus: &Modulus, [low, high]: &mut [[u64; BLOCK]; 2]) {
    let (prime, word) = (Prime::new(modulus), splat_factor(modulus.word()));
    for (low, high) in lanes_mut(low).iter_mut().zip(lanes_mut(high)) {
        store(low, reduce_sum(&prime, word, load(low), load(high)));
        store(high, _mm512_setzero_si512());
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn reduce_sums(modulus: &Modulus, out: &mut [u64], [low, high]: &[[u64; BLOCK]; 2]) {
    let (prime, word) = (Prime::new(modulus), splat_factor(modulus.word()));
    for ((out, low), high) in lanes_mut(out).iter_mut().zip(lanes(low)).zip(lanes(high)) {
        store(out, reduce_sum(&prime, word, load(low), load(high)));
    }
}

/// Vectors that a base conversion takes at a time: as many pairs of sums as registers hold beside the rest. Degrees of
/// 16 on give two vectors.
const TOGETHER: usize = 2;

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn conversion_quotients(
    out: &mut [u64],
    sources: &[u64],
    fractions: &[u64],
    shift: u32,
) {
    let (half, count) = (splat(1 << (shift - 1)), _mm_cvtsi64_si128(i64::from(shift)));
    let len = out.len();
    for (number, out) in out.as_chunks_mut::<{ TOGETHER * LANES }>().0.iter_mut().enumerate() {
        let mut sums = [half; TOGETHER];
        for (y, fraction) in rows(sources, len, number).zip(fractions) {
            let fraction = broadcast(fraction);
            for (sum, y) in sums.iter_mut().zip(lanes(y)) {
                *sum = _mm512_madd52hi_epu64(*sum, load(y), fraction);
            }
        }
        for (out, sum) in lanes_mut(out).iter_mut().zip(sums) {
            store(out, _mm512_srl_epi64(sum, count));
        }
    }
}

/// Run `number` of each row of `len` words.
#[inline]
fn rows(sources: &[u64], len: usize, number: usize) -> impl Iterator<Item = &[u64; TOGETHER * LANES]> {
    let runs = sources.as_chunks::<{ TOGETHER * LANES }>().0;
    runs.get(number..).unwrap_or_default().iter().step_by(len / (TOGETHER * LANES))
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(in super::super) fn convert(
    modulus: &Modulus,
    word_inverse: u64,
    out: &mut [u64],
    start: usize,
    sources: &[u64],
    quotients: &[u64],
    target: &ConversionTarget,
) {
    let (prime, word_inverse) = (Prime::new(modulus), splat(word_inverse));
    let minus_product = splat(target.minus_product);
    let zero = _mm512_setzero_si512();
    let (first, len) = (start / (TOGETHER * LANES), sources.len() / target.hats.len());
    let chunks = out.as_chunks_mut::<{ TOGETHER * LANES }>().0;
    for (number, (out, v)) in
        chunks.iter_mut().zip(quotients.as_chunks::<{ TOGETHER * LANES }>().0).enumerate()
    {
        let mut sums = [[zero, prime.p]; TOGETHER];
        let mut add = |y: &[u64; TOGETHER * LANES], hat| {
            for ([low, high], y) in sums.iter_mut().zip(lanes(y)) {
                let y = load(y);
                *low = _mm512_madd52lo_epu64(*low, y, hat);
                *high = _mm512_madd52hi_epu64(*high, y, hat);
            }
        };
        add(v, minus_product);
        for (y, hat) in rows(sources, len, first + number).zip(&target.hats) {
            add(y, broadcast(hat));
        }
        for (out, [low, high]) in lanes_mut(out).iter_mut().zip(sums) {
            // Montgomery's reduction, as on the portable path.
            let multiple = _mm512_madd52lo_epu64(zero, low, word_inverse);
            let correction = _mm512_madd52hi_epu64(zero, multiple, prime.p);
            let high = _mm512_add_epi64(high, _mm512_srli_epi64::<52>(low));
            store(out, _mm512_sub_epi64(high, correction));
        }
    }
}

#[target_feature(enable = "avx512f")]
pub(in super::super) fn permute(out: &mut [u64], x: &[u64], by: &Automorphism) {
    let x = lanes(x);
    for (out, (block, order)) in lanes_mut(out).iter_mut().zip(by.blocks()) {
        if let Some(source) = x.get(block) {
            store(out, _mm512_permutexvar_epi64(load(order), load(source)));
        }
    }
}
