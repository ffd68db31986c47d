//! Changes of the modulus: more limbs for a digit, fewer after a division.

use std::ops::Range;

use rayon::prelude::*;

use super::conversion::Conversion;
use super::poly::Poly;
use super::{Basis, Coefficient, Ntt, Ring};
use crate::kernel;

impl Ring {
    /// Number of digits of a polynomial with `chain` chain limbs.
    pub fn digits(&self, chain: usize) -> usize {
        chain.div_ceil(self.special().max(1))
    }

    /// The limbs of digit `digit` of a polynomial with `chain` chain limbs.
    pub fn digit(&self, digit: usize, chain: usize) -> Range<usize> {
        let alpha = self.special().max(1);
        digit * alpha..((digit + 1) * alpha).min(chain)
    }

    /// One digit of a polynomial, under all of its chain primes and the special ones: the limbs of the digit, and the
    /// representative in [-B/2, B/2] of what they say under the other primes (B is the product of the digit's primes).
    ///
    /// Takes the polynomial in both forms: the digit's own limbs need no transform.
    ///
    /// # Shapes
    /// `values`, `coefficients`: `chain` limbs. Result: `chain` limbs and all special ones.
    pub fn mod_up(&self, values: &Poly<Ntt>, coefficients: &Poly<Coefficient>, digit: usize) -> Poly<Ntt> {
        let chain = values.basis().chain;
        debug_assert_eq!(values.basis(), Basis::chain(chain));
        debug_assert_eq!(coefficients.basis(), Basis::chain(chain));
        let limbs = self.digit(digit, chain);
        let mut result = self.zero::<Ntt>(self.extended(chain));
        let Some(conversion) = self.digits.get(digit).and_then(|d| d.get(limbs.len() - 1)) else {
            return result;
        };
        let source =
            |i: usize, target: &mut [u64]| target.copy_from_slice(coefficients.limb(limbs.start + i));
        let scaled = self.scaled(conversion, source);
        result.par_limbs_mut().enumerate().for_each(|(limb, residues)| {
            if limbs.contains(&limb) {
                residues.copy_from_slice(values.limb(limb));
            } else {
                let position = self.position(self.extended(chain), limb);
                self.converted(conversion, &scaled, position, residues);
                self.transform(position, residues);
            }
        });
        result
    }

    /// `round(a / P)` with P the product of the special primes.
    ///
    /// # Shapes
    /// `a`: `chain` limbs and all special ones. Result: `chain` limbs.
    pub fn mod_down(&self, a: Poly<Ntt>) -> Poly<Ntt> {
        let chain = a.basis().chain;
        match &self.special {
            Some(conversion) => self.divided(a, conversion, chain),
            None => a,
        }
    }

    /// `round(a / q)` with q the last chain prime of `a`: the step from one level to the next.
    ///
    /// # Shapes
    /// `a`: `chain` limbs. Result: `chain - 1` limbs.
    pub fn rescale(&self, a: Poly<Ntt>) -> Poly<Ntt> {
        let chain = a.basis().chain;
        debug_assert_eq!(a.basis(), Basis::chain(chain));
        match chain.checked_sub(1).and_then(|last| self.last.get(last)) {
            Some(conversion) => self.divided(a, conversion, chain - 1),
            None => a,
        }
    }

    /// `round(a / (P q))`: [`Ring::mod_down`] and [`Ring::rescale`] at once, with fewer transforms and one rounding.
    ///
    /// # Shapes
    /// `a`: `chain` limbs and all special ones. Result: `chain - 1` limbs.
    pub fn mod_down_and_rescale(&self, a: Poly<Ntt>) -> Poly<Ntt> {
        let chain = a.basis().chain;
        match chain.checked_sub(1).and_then(|last| self.special_and_last.get(last)) {
            Some(conversion) => self.divided(a, conversion, chain - 1),
            None => a,
        }
    }

    /// `a = P a`, with P the product of the special primes, under the chain primes of `a`.
    pub fn mul_special_assign(&self, a: &mut Poly<Ntt>) {
        let basis = a.basis();
        let product = |t: &super::Modulus| {
            self.tables
                .iter()
                .skip(self.chain)
                .fold(1, |product, table| t.mul(product, table.modulus.value() % t.value()))
        };
        let factors: Vec<u64> = self.moduli_of(basis).map(product).collect();
        self.mul_scalar_assign(a, &factors);
    }

    /// Division by the product of the conversion's primes, whose limbs `a` must hold; `chain` limbs remain.
    fn divided(&self, mut a: Poly<Ntt>, conversion: &Conversion, chain: usize) -> Poly<Ntt> {
        let basis = a.basis();
        let limb_of = |position: usize| {
            if position < self.chain { position } else { position - self.chain + basis.chain }
        };
        let source = |i: usize, target: &mut [u64]| {
            if let (Some(position), Some(table)) =
                (conversion.sources.get(i), conversion.sources.get(i).and_then(|p| self.tables.get(*p)))
            {
                target.copy_from_slice(a.limb(limb_of(*position)));
                kernel::inverse(table, target);
            }
        };
        let scaled = self.scaled(conversion, source);
        a.truncate(chain);
        a.par_limbs_mut().enumerate().for_each_init(
            || vec![0; self.degree()],
            |rest, (limb, residues)| {
                self.converted(conversion, &scaled, limb, rest);
                self.transform(limb, rest);
                if let (Some(table), Some(divisor)) = (self.tables.get(limb), conversion.divisors.get(limb)) {
                    kernel::subtract_and_scale(&table.modulus, residues, rest, *divisor);
                }
            },
        );
        a
    }

    fn transform(&self, position: usize, residues: &mut [u64]) {
        if let Some(table) = self.tables.get(position) {
            kernel::forward(table, residues);
        }
    }

    /// The source limbs times (B / b_i)^-1, and behind them the multiples of B by which their sum is too large.
    fn scaled(&self, conversion: &Conversion, source: impl Fn(usize, &mut [u64]) + Sync) -> Vec<u64> {
        let degree = self.degree();
        let count = conversion.sources.len();
        let mut scaled = vec![0; (count + 1) * degree];
        let (limbs, overflow) = scaled.split_at_mut(count * degree);
        limbs.par_chunks_exact_mut(degree).enumerate().for_each(|(i, limb)| {
            source(i, limb);
            let table = conversion.sources.get(i).and_then(|position| self.tables.get(*position));
            if let (Some(table), Some(inverse)) = (table, conversion.inverses.get(i)) {
                kernel::scale(&table.modulus, limb, *inverse);
            }
        });
        kernel::overflow(limbs, &conversion.reciprocals, overflow);
        scaled
    }

    fn converted(&self, conversion: &Conversion, scaled: &[u64], position: usize, out: &mut [u64]) {
        if let (Some(table), Some(weights)) = (self.tables.get(position), conversion.weights.get(position)) {
            kernel::convert(&table.modulus, scaled, weights, out);
        }
    }
}
