//! Primes for number-theoretic transforms.

/// Whether `n` is prime: Miller and Rabin's test, exact below 2^64 with these bases.
pub fn is_prime(n: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if n < 2 {
        return false;
    }
    for base in BASES {
        if n.is_multiple_of(base) {
            return n == base;
        }
    }
    let twos = (n - 1).trailing_zeros();
    BASES.iter().all(|base| {
        let mut x = power(*base, (n - 1) >> twos, n);
        if x == 1 || x == n - 1 {
            return true;
        }
        (1..twos).any(|_| {
            x = product(x, x, n);
            x == n - 1
        })
    })
}

fn product(a: u64, b: u64, n: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(n)) as u64
}

fn power(base: u64, mut exponent: u64, n: u64) -> u64 {
    let (mut power, mut result) = (base % n, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = product(result, power, n);
        }
        power = product(power, power, n);
        exponent >>= 1;
    }
    result
}

/// The primes `p = 1 mod 2 degree` in `low..high`, nearest to `target` first.
///
/// `p - 1` must be a multiple of `2 degree` so that the roots of `X^degree + 1` exist modulo `p`.
pub fn ntt_primes(degree: usize, target: f64, low: u64, high: u64) -> impl Iterator<Item = u64> {
    let step = 2 * degree as u64;
    let middle = (target / step as f64).round() as u64;
    let outwards = std::iter::once(middle).chain((1..).flat_map(move |distance: u64| {
        [middle.checked_add(distance), middle.checked_sub(distance)].into_iter().flatten()
    }));
    let widest = (high / step).abs_diff(middle).max((low / step).abs_diff(middle)) + 1;
    outwards
        .take_while(move |multiple| multiple.abs_diff(middle) <= widest)
        .map(move |multiple| multiple * step + 1)
        .filter(move |candidate| (low..high).contains(candidate) && is_prime(*candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_primes_are_found() {
        let found: Vec<u64> = (0..60).filter(|n| is_prime(*n)).collect();
        assert_eq!(found, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59]);
        assert!(!is_prime(3_215_031_751) && !is_prime(341_550_071_728_321) && is_prime((1 << 61) - 1));
    }

    #[test]
    fn primes_come_nearest_first() {
        let target = 2_f64.powi(40);
        let primes: Vec<u64> = ntt_primes(1 << 13, target, 1 << 39, 1 << 41).take(20).collect();
        assert_eq!(primes.len(), 20);
        let distance = |p: &u64| (*p as f64 - target).abs();
        assert!(primes.windows(2).all(|pair| distance(&pair[0]) <= distance(&pair[1]) + 32_768.0));
        assert!(primes.iter().all(|p| p % (1 << 14) == 1));
    }

    #[test]
    fn an_empty_range_ends() {
        assert_eq!(ntt_primes(1 << 13, 5e5, 1, 1000).count(), 0);
    }
}
