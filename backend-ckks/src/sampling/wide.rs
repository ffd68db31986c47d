//! Gaussians too wide for a table: the noise that floods a released decryption.

use rand::Rng;
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroizing;

/// Deviation of the part that a table gives, at least; below twice that.
const LEAST_BASE: f64 = 4.0;
/// Entries of the table: 9 base deviations and more, beyond which less than 2^-60 lies.
const TABLE: usize = 72;
/// Widest distribution: what lies beyond 16 deviations would not fit the result.
pub(crate) const WIDEST: f64 = (1_u64 << 58) as f64;

/// The discrete Gaussian over the integers with a deviation of 1 or more, of any size up to [`WIDEST`].
///
/// Built from a narrow one (Ducas, Durmus, Lepoint and Lyubashevsky 2013, section 6): with deviation `2^w b`, a value is `2^w k + u` with
/// k from the half Gaussian of deviation b, u uniform below 2^w, accepted with probability `exp(-u (u + 2^(w + 1) k) / (2 sigma^2))`.
/// No value is a rounded real number, so that the low bits of wide ones are as random as the high ones. Probabilities are right to
/// a relative 2^-50. The number of attempts does not depend on the value that comes out.
pub(crate) struct WideGaussian {
    /// P(k > j) in units of 2^-64.
    tails: [u64; TABLE],
    /// w.
    shift: u32,
    deviation: f64,
}

impl WideGaussian {
    /// `None` unless `deviation` is from 1 to [`WIDEST`].
    pub(crate) fn new(deviation: f64) -> Option<Self> {
        if !(1.0..=WIDEST).contains(&deviation) {
            return None;
        }
        let mut shift = 0;
        while (deviation / 2_f64.powi(shift + 1)) >= LEAST_BASE {
            shift += 1;
        }
        let base = deviation / 2_f64.powi(shift);
        let weight = |k: usize| (-((k * k) as f64) / (2.0 * base * base)).exp();
        // Summed from the small end, so that the tail is relatively exact.
        let mut sum = 0.0;
        let mut above = [0.0; TABLE];
        for (k, tail) in above.iter_mut().enumerate().rev() {
            sum += weight(k + 1);
            *tail = sum;
        }
        let total = sum + weight(0);
        let tails = above.map(|tail| (tail / total * 2_f64.powi(64)) as u64);
        Some(Self { tails, shift: shift.cast_unsigned(), deviation })
    }

    fn sample(&self, rng: &mut ChaCha20Rng) -> i64 {
        loop {
            let random = rng.next_u64();
            // The sum reads every entry, whatever the outcome.
            let k: i64 = self.tails.iter().map(|tail| i64::from(random < *tail)).sum();
            let bits = rng.next_u64();
            let (sign, fine) = ((bits & 1) as i64, (bits >> 1).cast_signed() & ((1 << self.shift) - 1));
            let coarse = k << self.shift;
            let (u, base) = (fine as f64 / self.deviation, coarse as f64 / self.deviation);
            let accept = (-u * (u + 2.0 * base) / 2.0).exp();
            let chosen = ((rng.next_u64() >> 11) as f64) < accept * 2_f64.powi(53);
            // Zero comes with both signs: one of them goes.
            let twice = coarse + fine == 0 && sign == 1;
            if chosen && !twice {
                return ((coarse + fine) ^ -sign) + sign;
            }
        }
    }

    /// `count` independent values.
    pub(crate) fn samples(&self, count: usize, rng: &mut ChaCha20Rng) -> Zeroizing<Vec<i64>> {
        let mut values = Zeroizing::new(vec![0; count]);
        values.iter_mut().for_each(|value| *value = self.sample(rng));
        values
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn moments_are_those_of_a_gaussian_at_every_width() {
        for (seed, deviation) in
            [1.0, 3.2, 5.5, 21.7, 1000.3, 2_f64.powf(31.4), 2_f64.powi(50), WIDEST].into_iter().enumerate()
        {
            let mut rng = ChaCha20Rng::seed_from_u64(seed as u64);
            let values = WideGaussian::new(deviation).unwrap().samples(1 << 18, &mut rng);
            let count = values.len() as f64;
            let moment =
                |power: i32| values.iter().map(|v| (*v as f64 / deviation).powi(power)).sum::<f64>() / count;
            // Statistical deviations of the moments: 0.002, 0.003, 0.01, 0.02.
            assert!(moment(1).abs() < 0.01, "mean {} at {deviation}", moment(1));
            assert!((moment(2) - 1.0).abs() < 0.014, "variance {} at {deviation}", moment(2));
            assert!(moment(3).abs() < 0.04, "skew {} at {deviation}", moment(3));
            assert!((moment(4) - 3.0).abs() < 0.1, "fourth moment {} at {deviation}", moment(4));
        }
    }

    #[test]
    fn each_value_has_its_probability() {
        // Across the seams of the two parts: 12.0 is a base of 6 and one fine bit.
        let (deviation, count) = (12.0, 1 << 20);
        let gaussian = WideGaussian::new(deviation).unwrap();
        let mut histogram = std::collections::BTreeMap::<i64, f64>::new();
        for value in gaussian.samples(count, &mut ChaCha20Rng::seed_from_u64(9)).iter() {
            *histogram.entry(*value).or_default() += 1.0;
        }
        let weight = |x: i64| (-((x * x) as f64) / (2.0 * deviation * deviation)).exp();
        let total: f64 = (-200..=200).map(weight).sum();
        for x in -30..=30 {
            let expected = weight(x) / total * count as f64;
            let got = histogram.get(&x).copied().unwrap_or_default();
            assert!((got - expected).abs() < 5.5 * expected.sqrt(), "{x}: {got}, expected {expected}");
        }
    }

    #[test]
    fn low_bits_are_uniform_and_unusable_widths_refused() {
        let gaussian = WideGaussian::new(2_f64.powi(57)).unwrap();
        let values = gaussian.samples(1 << 14, &mut ChaCha20Rng::seed_from_u64(5));
        for bit in 0..40 {
            let ones = values.iter().filter(|value| **value >> bit & 1 == 1).count();
            assert!(ones.abs_diff(1 << 13) < 400, "bit {bit}: {ones}");
        }
        for deviation in [0.0, 0.9, 2_f64.powi(59), f64::NAN, f64::INFINITY] {
            assert!(WideGaussian::new(deviation).is_none());
        }
    }
}
