//! Fourier transforms between coefficients and the values at the powers of five.
#![expect(
    clippy::indexing_slicing,
    reason = "dense loops over a power of two of values, checked by the encoder"
)]

use he_traits::Complex64;

/// Twiddle factors for all sizes up to a largest one.
///
/// Stage with halves of length h: `exp(2 pi i 5^j / 8h)` for `j < h`, the same for each size of transform; stages lie one after the
/// other, so that stage h starts at h - 1.
pub(super) struct Fft {
    twiddles: Vec<Complex64>,
}

impl Fft {
    /// Tables for up to `slots` values, a power of two.
    pub(super) fn new(slots: usize) -> Self {
        let mut twiddles = Vec::with_capacity(slots);
        let mut half = 1;
        while half < slots {
            let order = 8 * half;
            let mut power = 1;
            for _ in 0..half {
                let angle = std::f64::consts::TAU * power as f64 / order as f64;
                twiddles.push(Complex64::from_polar(1.0, angle));
                power = power * 5 % order;
            }
            half *= 2;
        }
        Self { twiddles }
    }

    fn stage(&self, half: usize) -> &[Complex64] {
        &self.twiddles[half - 1..2 * half - 1]
    }

    /// Values at the powers of five from the complex coefficients `c_i + i c_(i + n)`, in place.
    pub(super) fn forward(&self, values: &mut [Complex64]) {
        reverse(values);
        let mut half = 1;
        while half < values.len() {
            let twiddles = self.stage(half);
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((x, y), w) in low.iter_mut().zip(high).zip(twiddles) {
                    let turned = *y * w;
                    (*x, *y) = (*x + turned, *x - turned);
                }
            }
            half *= 2;
        }
    }

    /// The coefficients from the values, in place.
    pub(super) fn inverse(&self, values: &mut [Complex64]) {
        let mut half = values.len() / 2;
        while half > 0 {
            let twiddles = self.stage(half);
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((x, y), w) in low.iter_mut().zip(high).zip(twiddles) {
                    (*x, *y) = (*x + *y, (*x - *y) * w.conj());
                }
            }
            half /= 2;
        }
        reverse(values);
        let factor = 1.0 / values.len() as f64;
        values.iter_mut().for_each(|value| *value *= factor);
    }
}

fn reverse(values: &mut [Complex64]) {
    let bits = values.len().trailing_zeros();
    for i in 0..values.len() {
        let j = if bits == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - bits) };
        if i < j {
            values.swap(i, j);
        }
    }
}
