//! Primes of the modulus chain: equal to 1 modulo 2N, distinct, and near the sizes that keep the scale where it is.

use crate::error::SealError;

/// SEAL takes primes of at most 60 bits.
pub(crate) const LARGEST_BITS: u32 = 60;

fn mul_mod(a: u64, b: u64, modulus: u64) -> u64 {
    let product = u128::from(a) * u128::from(b) % u128::from(modulus);
    // The remainder is below a 64-bit modulus.
    product as u64
}

fn pow_mod(base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let mut power = base % modulus;
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul_mod(result, power, modulus);
        }
        power = mul_mod(power, power, modulus);
        exponent >>= 1;
    }
    result
}

/// Miller-Rabin with the first twelve primes as bases: exact for every 64-bit number (Sorenson and Webster 2015).
pub(crate) fn is_prime(n: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if n < 2 {
        return false;
    }
    if BASES.iter().any(|&p| n.is_multiple_of(p)) {
        return BASES.contains(&n);
    }
    let twos = (n - 1).trailing_zeros();
    let odd = (n - 1) >> twos;
    BASES.iter().all(|&base| {
        let mut x = pow_mod(base, odd, n);
        if x == 1 || x == n - 1 {
            return true;
        }
        (1..twos).any(|_| {
            x = mul_mod(x, x, n);
            x == n - 1
        })
    })
}

/// The free prime equal to 1 modulo `step` that is nearest to `target`.
pub(crate) fn nearest(target: f64, step: u64, taken: &[u64]) -> Result<u64, SealError> {
    let bits = target.log2().round() as u32;
    let centre = (target / step as f64).round() as u64;
    let free = |k: u64| {
        let candidate = k.checked_mul(step)?.checked_add(1)?;
        (candidate < 1 << LARGEST_BITS && !taken.contains(&candidate) && is_prime(candidate))
            .then_some(candidate)
    };
    // Half the target either way: a prime further off would no longer be of the wanted size.
    (0..=centre / 2)
        .find_map(|distance| {
            let above = free(centre.saturating_add(distance));
            let below = free(centre.saturating_sub(distance));
            match (above, below) {
                (Some(a), Some(b)) if (b as f64 - target).abs() < (a as f64 - target).abs() => Some(b),
                (above, below) => above.or(below),
            }
        })
        .ok_or(SealError::NoPrime { step, bits })
}

/// The largest free prime below 2^bits that equals 1 modulo `step`.
pub(crate) fn largest_below(bits: u32, step: u64, taken: &[u64]) -> Result<u64, SealError> {
    let top = (1_u64 << bits) / step;
    (1..=top / 2)
        .map(|distance| (top - distance) * step + 1)
        .find(|candidate| !taken.contains(candidate) && is_prime(*candidate))
        .ok_or(SealError::NoPrime { step, bits })
}

/// Exact bit length of a product.
pub(crate) fn product_bits(factors: impl IntoIterator<Item = u64>) -> u32 {
    let mut words = vec![1_u64];
    for factor in factors {
        let mut carry = 0_u128;
        for word in &mut words {
            let wide = u128::from(*word) * u128::from(factor) + carry;
            *word = wide as u64; // the low half; the high half is carried
            carry = wide >> 64;
        }
        if carry > 0 {
            words.push(carry as u64); // below 2^64, as both factors were
        }
    }
    let top = words.last().copied().unwrap_or(0);
    64 * words.len() as u32 - top.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primality_agrees_with_a_sieve_and_known_pseudoprimes() {
        let mut composite = vec![false; 20_000];
        for n in 2..composite.len() {
            assert_eq!(is_prime(n as u64), !composite[n], "{n}");
            for multiple in (n * n..composite.len()).step_by(n) {
                composite[multiple] = true;
            }
        }
        // Strong pseudoprimes to the first four and nine bases.
        assert!(!is_prime(3_215_031_751));
        assert!(!is_prime(3_825_123_056_546_413_051));
        assert!(is_prime((1 << 61) - 1));
    }

    #[test]
    fn the_nearest_prime_is_nearest() {
        let step = 1 << 12;
        let target = 2f64.powi(40) * 1.000_3;
        let found = nearest(target, step, &[]).unwrap();
        let gap = (found as f64 - target).abs();
        let k = (target / step as f64) as u64;
        for other in (k - 500..k + 500).map(|k| k * step + 1).filter(|&q| is_prime(q)) {
            assert!((other as f64 - target).abs() >= gap);
        }
        assert_ne!(nearest(target, step, &[found]).unwrap(), found);
    }

    #[test]
    fn bit_lengths_are_exact_at_the_edge() {
        assert_eq!(product_bits([1 << 40, 1 << 40]), 81);
        assert_eq!(product_bits([(1 << 40) - 1, 1 << 40]), 80);
        assert_eq!(product_bits([u64::MAX; 7]), 448);
        assert_eq!(product_bits([]), 1);
    }
}
