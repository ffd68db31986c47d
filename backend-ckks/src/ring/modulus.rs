//! One prime of a modulus chain, with the constants that reduction by it needs.

use crate::error::Error;

/// Bits of the words that the kernels multiply: the width of AVX-512 IFMA, kept on every path.
pub(crate) const WORD_BITS: u32 = 52;

/// Integers below it fit the mantissa of a float with its hidden bit to spare.
pub(crate) const SMALL_INTEGER: f64 = (1_u64 << 52) as f64;

/// The lower 52 bits of a word.
pub(crate) const WORD_MASK: u64 = (1 << WORD_BITS) - 1;

/// An odd prime below 2^50 with its reduction constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modulus {
    value: u64,
    /// floor(2^52 / p): the quotient of the factor one.
    unit_quotient: u64,
    /// 2^52 mod p as a factor: brings the upper half of a 104-bit value down.
    word: Factor,
}

/// A constant to multiply by modulo one prime, with its precomputed quotient floor(value 2^52 / p)
/// (Shoup's method, as NTL uses it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// The constant, below the prime.
    pub(crate) value: u64,
    /// floor(value 2^52 / p), below 2^52.
    pub(crate) quotient: u64,
}

impl Modulus {
    /// Largest number of bits: lazy arithmetic keeps values below 2^52 and needs two bits of room.
    pub const MAX_BITS: u32 = 50;

    /// Constants for `value`.
    ///
    /// # Errors
    /// [`Error::Prime`] when it is not an odd prime below 2^50.
    pub fn new(value: u64) -> Result<Self, Error> {
        if value < 3 || value >> Self::MAX_BITS != 0 || !super::primes::is_prime(value) {
            return Err(Error::Prime { value, reason: "not an odd prime below 2^50" });
        }
        let unit_quotient = (1 << WORD_BITS) / value;
        let word = (1 << WORD_BITS) % value;
        let word = Factor { value: word, quotient: shoup_quotient(word, value) };
        Ok(Self { value, unit_quotient, word })
    }

    /// The prime.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// Length of the prime in bits.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        u64::BITS - self.value.leading_zeros()
    }

    /// floor(2^52 / p).
    #[inline]
    pub(crate) fn unit_quotient(&self) -> u64 {
        self.unit_quotient
    }

    /// 2^52 mod p as a factor.
    #[inline]
    pub(crate) fn word(&self) -> Factor {
        self.word
    }

    /// The factor of a constant below the prime (a larger one is reduced first).
    #[must_use]
    pub fn factor(&self, value: u64) -> Factor {
        let value = value % self.value;
        Factor { value, quotient: shoup_quotient(value, self.value) }
    }

    /// a + b for reduced a and b.
    #[inline]
    #[must_use]
    pub fn add(&self, a: u64, b: u64) -> u64 {
        self.subtract_once(a + b)
    }

    /// a - b for reduced a and b.
    #[inline]
    #[must_use]
    pub fn sub(&self, a: u64, b: u64) -> u64 {
        self.subtract_once(a + self.value - b)
    }

    /// -a for a reduced a.
    #[inline]
    #[must_use]
    pub fn neg(&self, a: u64) -> u64 {
        self.subtract_once(self.value - a)
    }

    /// a b for reduced a and b.
    #[inline]
    #[must_use]
    pub fn mul(&self, a: u64, b: u64) -> u64 {
        self.reduce_wide(u128::from(a) * u128::from(b))
    }

    /// a f for any a below 2^52.
    #[inline]
    #[must_use]
    pub fn mul_factor(&self, a: u64, factor: Factor) -> u64 {
        self.subtract_once(self.mul_factor_lazy(a, factor))
    }

    /// a f for any a below 2^52, in [0, 2p).
    #[inline]
    pub(crate) fn mul_factor_lazy(&self, a: u64, factor: Factor) -> u64 {
        let quotient = ((u128::from(a) * u128::from(factor.quotient)) >> WORD_BITS) as u64;
        a.wrapping_mul(factor.value).wrapping_sub(quotient.wrapping_mul(self.value))
    }

    /// `value` modulo the prime, for any value below 2^52.
    #[inline]
    #[must_use]
    pub fn reduce_word(&self, value: u64) -> u64 {
        self.mul_factor(value, Factor { value: 1, quotient: self.unit_quotient })
    }

    /// `value` modulo the prime, for any value below 2^104 2^11: sums of up to 2^11 products of 52-bit words.
    #[inline]
    #[must_use]
    pub fn reduce_wide(&self, value: u128) -> u64 {
        let low = value as u64 & WORD_MASK;
        let high = (value >> WORD_BITS) as u64;
        // Below 2^63: one more split brings the upper half under 2^52.
        let high = self.reduce_word(high & WORD_MASK) + self.mul_factor(high >> WORD_BITS, self.word);
        self.add(self.mul_factor(high, self.word), self.reduce_word(low))
    }

    /// A signed integer modulo the prime.
    #[inline]
    #[must_use]
    pub fn reduce_signed(&self, value: i128) -> u64 {
        match i64::try_from(value) {
            Ok(value) => value.rem_euclid(self.value as i64) as u64,
            Err(_) => value.rem_euclid(i128::from(self.value)) as u64,
        }
    }

    /// An integer held in a float, modulo the prime. From 2^53 on such an integer is a multiple of a power of two, and is
    /// taken as what it is.
    #[inline]
    #[must_use]
    pub fn reduce_integer(&self, integer: f64) -> u64 {
        let size = integer.abs();
        let residue = if size < (1_u64 << WORD_BITS) as f64 {
            self.reduce_word(size as u64)
        } else {
            self.reduce_signed(size as i128)
        };
        if integer < 0.0 { self.neg(residue) } else { residue }
    }

    /// As [`Modulus::reduce_integer`] for integers below [`SMALL_INTEGER`] in absolute value, given 1 / p: without branches
    /// and conversions, so that loops over it vectorise on any machine.
    #[inline]
    pub(crate) fn reduce_small_integer(&self, integer: f64, inverse: f64) -> u64 {
        /// Added and taken away again, it rounds to an integer.
        const ROUND: f64 = 3.0 * (1_u64 << 51) as f64;
        let p = self.value as f64;
        let quotient = (integer * inverse + ROUND) - ROUND;
        // Exact: quotient p is an integer below 2^53.
        let rest = integer - quotient * p;
        let rest = if rest < 0.0 { rest + p } else { rest };
        // The mantissa of 2^52 + rest is rest.
        (rest + SMALL_INTEGER).to_bits() & WORD_MASK
    }

    /// `values` times `factor`, rounded, modulo the prime, one a word.
    pub(crate) fn reduce_rounded(&self, out: &mut [u64], values: &[f64], factor: f64) {
        let integer = |value: &f64| (value * factor).round_ties_even();
        let words = out.iter_mut().zip(values);
        // Without a way out, the loop vectorises.
        if values.iter().fold(true, |small, x| small & (integer(x).abs() < SMALL_INTEGER)) {
            let inverse = 1.0 / self.value as f64;
            words.for_each(|(word, x)| *word = self.reduce_small_integer(integer(x), inverse));
        } else {
            words.for_each(|(word, x)| *word = self.reduce_integer(integer(x)));
        }
    }

    /// base^exponent for a reduced base.
    #[must_use]
    pub fn pow(&self, base: u64, exponent: u64) -> u64 {
        let (mut result, mut square, mut rest) = (1, base, exponent);
        while rest > 0 {
            if rest & 1 == 1 {
                result = self.mul(result, square);
            }
            square = self.mul(square, square);
            rest >>= 1;
        }
        result
    }

    /// The inverse of a reduced, nonzero value; zero for zero.
    #[must_use]
    pub fn inverse(&self, value: u64) -> u64 {
        self.pow(value, self.value - 2)
    }

    #[inline]
    fn subtract_once(&self, value: u64) -> u64 {
        // For a value below 2p: where p is too much, the difference wraps and is the larger of the two.
        value.min(value.wrapping_sub(self.value))
    }
}

fn shoup_quotient(value: u64, modulus: u64) -> u64 {
    ((u128::from(value) << WORD_BITS) / u128::from(modulus)) as u64
}
