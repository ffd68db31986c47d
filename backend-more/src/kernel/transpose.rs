//! The transposed 8 x 8 block: the step between vectors and panels.

use super::Line;

/// A way to transpose.
pub(super) trait Transpose {
    /// Entry `j` of line `i` of the result is entry `i` of `rows[j]`.
    fn transpose(rows: [&[f64; 8]; 8]) -> [Line; 8];
}

/// Plain Rust, for every processor.
pub(super) struct Portable;

impl Transpose for Portable {
    #[inline(always)]
    fn transpose([a, b, c, d, e, f, g, h]: [&[f64; 8]; 8]) -> [Line; 8] {
        macro_rules! column {
            ($i:literal) => {
                Line([a[$i], b[$i], c[$i], d[$i], e[$i], f[$i], g[$i], h[$i]])
            };
        }
        [column!(0), column!(1), column!(2), column!(3), column!(4), column!(5), column!(6), column!(7)]
    }
}

/// 24 shuffles of whole registers.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Transpose for Avx512 {
    #[inline(always)]
    fn transpose(rows: [&[f64; 8]; 8]) -> [Line; 8] {
        use std::arch::x86_64::{
            _mm512_loadu_pd, _mm512_shuffle_f64x2, _mm512_store_pd, _mm512_unpackhi_pd, _mm512_unpacklo_pd,
        };
        /// Of both operands the 128-bit parts 0 and 2, or 1 and 3.
        const EVEN: i32 = 0x88;
        const ODD: i32 = 0xDD;
        let mut result = [Line::ZERO; 8];
        // SAFETY: only reached from functions compiled with AVX-512 and called after it was detected; every load and store covers
        // one array of eight numbers, and lines are aligned to 64 bytes.
        unsafe {
            let [a, b, c, d, e, f, g, h] = rows.map(|row| _mm512_loadu_pd(row.as_ptr()));
            // Part L of `even[k]` holds entry 2L of rows 2k and 2k + 1; of `odd[k]`, entry 2L + 1.
            let even = [
                _mm512_unpacklo_pd(a, b),
                _mm512_unpacklo_pd(c, d),
                _mm512_unpacklo_pd(e, f),
                _mm512_unpacklo_pd(g, h),
            ];
            let odd = [
                _mm512_unpackhi_pd(a, b),
                _mm512_unpackhi_pd(c, d),
                _mm512_unpackhi_pd(e, f),
                _mm512_unpackhi_pd(g, h),
            ];
            let [r0, r1, r2, r3, r4, r5, r6, r7] = &mut result;
            for ([p, q, r, s], targets) in [(even, [r0, r2, r4, r6]), (odd, [r1, r3, r5, r7])] {
                let (low_even, high_even) =
                    (_mm512_shuffle_f64x2::<EVEN>(p, q), _mm512_shuffle_f64x2::<EVEN>(r, s));
                let (low_odd, high_odd) =
                    (_mm512_shuffle_f64x2::<ODD>(p, q), _mm512_shuffle_f64x2::<ODD>(r, s));
                let [first, second, third, fourth] = targets;
                _mm512_store_pd(first.0.as_mut_ptr(), _mm512_shuffle_f64x2::<EVEN>(low_even, high_even));
                _mm512_store_pd(second.0.as_mut_ptr(), _mm512_shuffle_f64x2::<EVEN>(low_odd, high_odd));
                _mm512_store_pd(third.0.as_mut_ptr(), _mm512_shuffle_f64x2::<ODD>(low_even, high_even));
                _mm512_store_pd(fourth.0.as_mut_ptr(), _mm512_shuffle_f64x2::<ODD>(low_odd, high_odd));
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Transpose>() {
        let rows: [[f64; 8]; 8] = std::array::from_fn(|i| std::array::from_fn(|j| (8 * i + j) as f64));
        let lines = T::transpose(std::array::from_fn(|i| &rows[i]));
        for (i, line) in lines.iter().enumerate() {
            for (j, value) in line.0.iter().enumerate() {
                assert_eq!(*value, rows[j][i]);
            }
        }
    }

    #[test]
    fn both_ways_transpose() {
        check::<Portable>();
        #[cfg(target_arch = "x86_64")]
        if super::super::processor() == super::super::Processor::Avx512 {
            check::<Avx512>();
        }
    }
}
