//! One prime of a modulus chain, and arithmetic on single residues.

use crate::error::Error;

/// A prime below 2^50 with the constants that its reductions need.
///
/// Residues are `u64` in `[0, p)`; the methods check that in debug builds only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modulus {
    value: u64,
    bits: u32,
    /// floor(2^(2 bits) / p), for Barrett reduction.
    ratio: u64,
}

impl Modulus {
    /// Primes must lie below 2^50: products then fit the 52-bit multipliers with room for lazy sums.
    pub const MAX_BITS: u32 = 50;

    /// Constants for `value`.
    ///
    /// # Errors
    /// [`Error::Prime`] when it is not an odd prime below 2^50.
    pub fn new(value: u64) -> Result<Self, Error> {
        let bits = 64 - value.leading_zeros();
        if bits > Self::MAX_BITS || !super::primes::is_prime(value) || value == 2 {
            return Err(Error::Prime { value, reason: "not an odd prime below 2^50" });
        }
        let ratio = ((1_u128 << (2 * bits)) / u128::from(value)) as u64;
        Ok(Self { value, bits, ratio })
    }

    /// The prime.
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// Its length in bits.
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// `x mod p` for `x < 2^(2 bits)`: Barrett's quotient is at most 2 too small.
    #[inline]
    pub fn reduce_product(&self, x: u128) -> u64 {
        let quotient = ((x >> (self.bits - 1)) * u128::from(self.ratio)) >> (self.bits + 1);
        let mut rest = (x as u64).wrapping_sub((quotient as u64).wrapping_mul(self.value));
        for _ in 0..2 {
            rest = rest.min(rest.wrapping_sub(self.value));
        }
        rest
    }

    /// `x mod p` for any `x`.
    pub fn reduce(&self, x: u128) -> u64 {
        (x % u128::from(self.value)) as u64
    }

    /// `x mod p` for a signed `x`.
    pub fn reduce_signed(&self, x: i128) -> u64 {
        x.rem_euclid(i128::from(self.value)) as u64
    }

    /// `a + b`.
    #[inline]
    pub fn add(&self, a: u64, b: u64) -> u64 {
        debug_assert!(a < self.value && b < self.value);
        let sum = a + b;
        sum.min(sum.wrapping_sub(self.value))
    }

    /// `a - b`.
    #[inline]
    pub fn sub(&self, a: u64, b: u64) -> u64 {
        debug_assert!(a < self.value && b < self.value);
        let difference = a.wrapping_sub(b);
        difference.min(difference.wrapping_add(self.value))
    }

    /// `-a`.
    #[inline]
    pub fn neg(&self, a: u64) -> u64 {
        self.sub(0, a)
    }

    /// `a b`.
    #[inline]
    pub fn mul(&self, a: u64, b: u64) -> u64 {
        debug_assert!(a < self.value && b < self.value);
        self.reduce_product(u128::from(a) * u128::from(b))
    }

    /// `base^exponent`.
    pub fn pow(&self, base: u64, mut exponent: u64) -> u64 {
        let (mut power, mut result) = (base, 1);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = self.mul(result, power);
            }
            power = self.mul(power, power);
            exponent >>= 1;
        }
        result
    }

    /// `1 / a`, by Fermat; 0 for 0.
    pub fn inverse(&self, a: u64) -> u64 {
        self.pow(a, self.value - 2)
    }

    /// Shoup's quotient of a constant factor at 52 bits: floor(w 2^52 / p).
    pub fn quotient(&self, w: u64) -> u64 {
        debug_assert!(w < self.value);
        ((u128::from(w) << 52) / u128::from(self.value)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_wide_division() {
        for p in [3, 97, (1 << 45) - 229, 1_125_899_904_679_937, 1_125_899_906_842_597] {
            let Ok(modulus) = Modulus::new(p) else { continue };
            let mut x = 12_345_678_912_345_u64;
            for _ in 0..10_000 {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (a, b) = ((x >> 3) % p, x.rotate_left(29) % p);
                assert_eq!(u128::from(modulus.mul(a, b)), u128::from(a) * u128::from(b) % u128::from(p));
                assert_eq!(modulus.add(a, b), (a + b) % p);
                assert_eq!(modulus.add(modulus.sub(a, b), b), a);
                assert_eq!(modulus.mul(a, modulus.inverse(a)), u64::from(a != 0));
            }
            let last = p - 1;
            assert_eq!(modulus.mul(last, last), 1);
        }
    }

    #[test]
    fn what_is_no_prime_is_refused() {
        for value in [0, 1, 2, 4, 91, 1 << 49, (1 << 51) - 129] {
            assert!(Modulus::new(value).is_err(), "{value}");
        }
    }
}
