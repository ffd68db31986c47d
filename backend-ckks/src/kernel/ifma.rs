//! The path for AVX-512 IFMA: eight lanes of 64 bits, multiplied in 52-bit halves.
//!
//! `madd52lo` and `madd52hi` read the lowest 52 bits of their factors only, and sums are exact modulo 2^52. So a value
//! may carry anything in bits 52 to 63, as long as what it stands for lies in [0, 2^52): such words are called loose.
//! Whoever compares or shifts one clears it first. Lazy words of this path are loose.

mod butterfly;
mod chacha;
mod ntt;
mod pointwise;

use std::arch::x86_64::*;

pub(super) use chacha::keystream;
pub(super) use ntt::{Forward, Ntt};
pub(super) use pointwise::*;

use crate::ring::{Factor, Modulus, WORD_MASK};

/// Shows that this processor has the instructions of this path: made by [`Ifma::detect`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ifma(());

impl Ifma {
    /// Asks the processor.
    #[must_use]
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512ifma"))
        .then_some(Self(()))
    }
}

type Vector = __m512i;

/// Words of a vector.
const LANES: usize = 8;

/// Eight words.
type Lanes = [u64; LANES];

/// A constant factor w with its quotient floor(w 2^52 / p), one a lane or the same in all.
#[derive(Clone, Copy)]
struct Factors {
    value: Vector,
    quotient: Vector,
}

/// Constants of a prime in all lanes.
#[derive(Clone, Copy)]
struct Prime {
    p: Vector,
    /// -p: its lowest 52 bits are 2^52 - p.
    minus_p: Vector,
    two_p: Vector,
    /// floor(2^52 / p).
    unit: Vector,
    mask: Vector,
    minus_one: Vector,
}

impl Prime {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(modulus: &Modulus) -> Self {
        let p = modulus.value();
        Self {
            p: splat(p),
            minus_p: splat(p.wrapping_neg()),
            two_p: splat(2 * p),
            unit: splat(modulus.unit_quotient()),
            mask: splat(WORD_MASK),
            minus_one: splat(u64::MAX),
        }
    }

    /// x w - q p + start modulo 2^52: takes any loose x, gives [0, 2p) + start, loose. In [0, p (1 + x / 2^52)), to be
    /// precise.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn mul_add(&self, start: Vector, x: Vector, w: Factors) -> Vector {
        let q = _mm512_madd52hi_epu64(_mm512_setzero_si512(), x, w.quotient);
        _mm512_madd52lo_epu64(_mm512_madd52lo_epu64(start, x, w.value), q, self.minus_p)
    }

    /// x w: takes any loose x, gives [0, 2p), loose.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn mul(&self, x: Vector, w: Factors) -> Vector {
        self.mul_add(_mm512_setzero_si512(), x, w)
    }

    /// x modulo p: takes any loose x, gives [0, 2p), loose.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn shrink(&self, x: Vector) -> Vector {
        let q = _mm512_madd52hi_epu64(_mm512_setzero_si512(), x, self.unit);
        _mm512_madd52lo_epu64(x, q, self.minus_p)
    }

    /// Takes loose x in [0, 2p), gives [0, p).
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn finish(&self, x: Vector) -> Vector {
        self.once(_mm512_and_si512(x, self.mask))
    }

    /// Takes any loose x, gives [0, p).
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn reduce(&self, x: Vector) -> Vector {
        self.finish(self.shrink(x))
    }

    /// Takes x in [0, 2p), not loose, gives [0, p).
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn once(&self, x: Vector) -> Vector {
        _mm512_min_epu64(x, _mm512_sub_epi64(x, self.p))
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u64) -> Vector {
    _mm512_set1_epi64(word as i64)
}

/// A word in all lanes, read by the load unit alone: a broadcast from a general register takes a vector unit.
#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(word: &u64) -> Vector {
    // SAFETY: the reference covers the eight bytes that are read.
    let word = unsafe { _mm_loadl_epi64(std::ptr::from_ref(word).cast()) };
    _mm512_broadcastq_epi64(word)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat_factor(factor: Factor) -> Factors {
    Factors { value: splat(factor.value), quotient: splat(factor.quotient) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(lanes: &Lanes) -> Vector {
    // SAFETY: the reference covers the 64 bytes; this load needs no alignment.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(lanes: &mut Lanes, x: Vector) {
    // SAFETY: the exclusive reference covers the 64 bytes; this store needs no alignment.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), x) }
}
