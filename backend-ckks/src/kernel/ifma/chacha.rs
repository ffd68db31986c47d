//! ChaCha20 (Bernstein; RFC 8439 with a 64-bit counter and a 64-bit stream number), sixteen blocks at a time: one a lane of 32 bits.
#![expect(clippy::indexing_slicing, reason = "indices of short arrays")]

use std::arch::x86_64::*;

use super::super::KEYSTREAM;
use super::{Vector, load};

/// The words "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// Blocks of 64 bytes made together.
const BLOCKS: usize = KEYSTREAM / 8;

/// Sixteen blocks of the key stream, the first of them number `block`.
#[target_feature(enable = "avx512f")]
pub(in super::super) fn keystream(out: &mut [u64; KEYSTREAM], seed: &[u8; 32], stream: u64, block: u64) {
    let mut start = [_mm512_setzero_si512(); 16];
    let words = seed.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    for (row, word) in start.iter_mut().zip(CONSTANTS.into_iter().chain(words)) {
        *row = splat(word);
    }
    let counters: [u64; BLOCKS] = std::array::from_fn(|i| block.wrapping_add(i as u64));
    let lanes = |shift: u32| {
        // Two counters' halves of 32 bits make a word.
        let pair = |i: usize| {
            (counters[2 * i] >> shift & 0xffff_ffff) | (counters[2 * i + 1] >> shift & 0xffff_ffff) << 32
        };
        std::array::from_fn(pair)
    };
    start[12] = load(&lanes(0));
    start[13] = load(&lanes(32));
    start[14] = splat(stream as u32);
    start[15] = splat((stream >> 32) as u32);
    let mut x = start;
    for _ in 0..10 {
        for column in 0..4 {
            quarter(&mut x, [column, 4 + column, 8 + column, 12 + column]);
        }
        for diagonal in 0..4 {
            let turned = |row: usize| 4 * row + (diagonal + row) % 4;
            quarter(&mut x, [turned(0), turned(1), turned(2), turned(3)]);
        }
    }
    for (x, start) in x.iter_mut().zip(start) {
        *x = _mm512_add_epi32(*x, start);
    }
    for (block, words) in by_block(&x).iter().zip(out.as_chunks_mut().0) {
        super::store(words, *block);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> Vector {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn quarter(x: &mut [Vector; 16], [a, b, c, d]: [usize; 4]) {
    x[a] = _mm512_add_epi32(x[a], x[b]);
    x[d] = _mm512_rol_epi32::<16>(_mm512_xor_si512(x[d], x[a]));
    x[c] = _mm512_add_epi32(x[c], x[d]);
    x[b] = _mm512_rol_epi32::<12>(_mm512_xor_si512(x[b], x[c]));
    x[a] = _mm512_add_epi32(x[a], x[b]);
    x[d] = _mm512_rol_epi32::<8>(_mm512_xor_si512(x[d], x[a]));
    x[c] = _mm512_add_epi32(x[c], x[d]);
    x[b] = _mm512_rol_epi32::<7>(_mm512_xor_si512(x[b], x[c]));
}

/// The blocks' words one after the other, from rows that hold one word of all blocks: a transposition.
#[inline]
#[target_feature(enable = "avx512f")]
fn by_block(rows: &[Vector; 16]) -> [Vector; BLOCKS] {
    // Four rows give four vectors, the k-th with their words of the blocks k, 4 + k, 8 + k, 12 + k.
    let mut fours = [[_mm512_setzero_si512(); 4]; 4];
    for (rows, four) in rows.as_chunks::<4>().0.iter().zip(&mut fours) {
        let (low, high) = (_mm512_unpacklo_epi32(rows[0], rows[1]), _mm512_unpackhi_epi32(rows[0], rows[1]));
        let (low2, high2) =
            (_mm512_unpacklo_epi32(rows[2], rows[3]), _mm512_unpackhi_epi32(rows[2], rows[3]));
        *four = [
            _mm512_unpacklo_epi64(low, low2),
            _mm512_unpackhi_epi64(low, low2),
            _mm512_unpacklo_epi64(high, high2),
            _mm512_unpackhi_epi64(high, high2),
        ];
    }
    let mut blocks = [_mm512_setzero_si512(); BLOCKS];
    for k in 0..4 {
        let [a, b, c, d] = fours.map(|four| four[k]);
        let (front, front2) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
        let (back, back2) = (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
        blocks[k] = _mm512_shuffle_i32x4::<0x88>(front, front2);
        blocks[4 + k] = _mm512_shuffle_i32x4::<0xdd>(front, front2);
        blocks[8 + k] = _mm512_shuffle_i32x4::<0x88>(back, back2);
        blocks[12 + k] = _mm512_shuffle_i32x4::<0xdd>(back, back2);
    }
    blocks
}
