//! Butterflies on vectors, and the orders of lanes that the last layers want; the ranges stand at the transform.
#![expect(clippy::indexing_slicing, reason = "indices of arrays of two, four or eight vectors")]

use std::arch::x86_64::*;

use super::{Factors, Prime, Vector};

/// log2(R) layers, from the halves of the array down to neighbours.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn split_layers<const R: usize, const LAZY: bool>(
    prime: &Prime,
    v: &mut [Vector; R],
    factors: &[Factors; R],
) {
    if R == 8 {
        split_layer::<R, 4, LAZY>(prime, v, factors);
    }
    if R >= 4 {
        split_layer::<R, 2, LAZY>(prime, v, factors);
    }
    split_layer::<R, 1, LAZY>(prime, v, factors);
}

/// One layer of butterflies between words `HALF` apart. Its constants are parameters so that all loops unroll.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn split_layer<const R: usize, const HALF: usize, const LAZY: bool>(
    prime: &Prime,
    v: &mut [Vector; R],
    factors: &[Factors; R],
) {
    let groups = R / (2 * HALF);
    for group in 0..groups {
        let factor = factors[groups - 1 + group];
        for i in 0..HALF {
            let (x, y) = (2 * HALF * group + i, 2 * HALF * group + i + HALF);
            let mut u = v[x];
            if !LAZY {
                // One multiple of p fewer than a plain reduction subtracts: [p, 3p).
                let q = _mm512_madd52hi_epu64(prime.minus_one, u, prime.unit);
                u = _mm512_madd52lo_epu64(u, q, prime.minus_p);
            }
            // u + s, and u - s as 2u - (u + s): the sum is accumulated where u lies, no register is copied.
            v[x] = prime.mul_add(u, v[y], factor);
            v[y] = _mm512_sub_epi64(_mm512_add_epi64(u, u), v[x]);
        }
    }
}

/// log2(R) layers, from neighbours up to the halves of the array.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn join_layers<const R: usize, const LAZY: bool>(
    prime: &Prime,
    v: &mut [Vector; R],
    factors: &[Factors; R],
) {
    let bounds = bounds::<LAZY>(prime);
    join_layer::<R, 1, LAZY>(prime, v, factors, bounds[0]);
    if R >= 4 {
        join_layer::<R, 2, LAZY>(prime, v, factors, bounds[1]);
    }
    if R == 8 {
        join_layer::<R, 4, LAZY>(prime, v, factors, bounds[2]);
    }
    if LAZY {
        // The sum of all words, and the sum of four products below 2p; other sums stay below 4p.
        v[0] = prime.shrink(v[0]);
        if R == 8 {
            v[1] = prime.shrink(v[1]);
        }
    }
}

/// What lies above every word of the first, second and third layer of a pass: 4p, 8p, 16p, or always 2p.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn bounds<const LAZY: bool>(prime: &Prime) -> [Vector; 3] {
    if !LAZY {
        return [prime.two_p; 3];
    }
    let four_p = _mm512_add_epi64(prime.two_p, prime.two_p);
    let eight_p = _mm512_add_epi64(four_p, four_p);
    [four_p, eight_p, _mm512_add_epi64(eight_p, eight_p)]
}

/// One layer of butterflies between words `HALF` apart, all of them at most `above`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn join_layer<const R: usize, const HALF: usize, const LAZY: bool>(
    prime: &Prime,
    v: &mut [Vector; R],
    factors: &[Factors; R],
    above: Vector,
) {
    let groups = R / (2 * HALF);
    for group in 0..groups {
        let factor = factors[groups - 1 + group];
        for i in 0..HALF {
            let (x, y) = (2 * HALF * group + i, 2 * HALF * group + i + HALF);
            let (u, t) = (v[x], v[y]);
            let sum = _mm512_add_epi64(u, t);
            v[x] = if LAZY { sum } else { prime.shrink(sum) };
            v[y] = prime.mul(_mm512_sub_epi64(_mm512_add_epi64(u, above), t), factor);
        }
    }
}

/// The lanes of two vectors in turn: x0 y0 x1 y1 .. as two vectors.
///
/// For the words of two neighbouring blocks of eight this is the order that the first of their last three layers wants
/// (the first four words of each block in one vector, the other four in the other); done again after the butterflies it
/// gives the order for the next layer, and so on, and the fourth time the words are back in their places.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn interleave([x, y]: [Vector; 2]) -> [Vector; 2] {
    let low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
    let high = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
    [_mm512_permutex2var_epi64(x, low, y), _mm512_permutex2var_epi64(x, high, y)]
}

/// The opposite of [`interleave`].
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn separate([x, y]: [Vector; 2]) -> [Vector; 2] {
    let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    let odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
    [_mm512_permutex2var_epi64(x, even, y), _mm512_permutex2var_epi64(x, odd, y)]
}
