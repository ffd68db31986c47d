//! Galois automorphisms: X goes to X^g.

use super::table::reversed;
use super::{Coefficient, Ntt, Poly, Ring};

/// An odd exponent modulo 2N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GaloisElement(u32);

impl GaloisElement {
    /// The automorphism that moves N/2 slots to the left by `step`: 5^step modulo 2N.
    pub fn rotation(step: usize, degree: usize) -> Self {
        let modulus = 2 * degree as u64;
        let (mut power, mut result, mut exponent) = (5 % modulus, 1, step % (degree / 2).max(1));
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result * power % modulus;
            }
            power = power * power % modulus;
            exponent >>= 1;
        }
        Self(result as u32)
    }

    /// Complex conjugation of the slots: -1 modulo 2N.
    pub fn conjugation(degree: usize) -> Self {
        Self((2 * degree - 1) as u32)
    }

    /// The exponent.
    pub fn exponent(self) -> usize {
        self.0 as usize
    }

    /// The element that undoes this one.
    pub fn inverse(self, degree: usize) -> Self {
        let mask = (2 * degree - 1) as u32;
        // Newton's iteration for the inverse modulo a power of two: each step doubles the bits that are right.
        let mut inverse = self.0;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2_u32.wrapping_sub(self.0.wrapping_mul(inverse)));
        }
        Self(inverse & mask)
    }
}

/// An automorphism as a permutation of values in NTT form: value `i` of the result is value `permutation[i]` of the operand.
#[derive(Clone)]
pub struct Automorphism {
    element: GaloisElement,
    permutation: Vec<u32>,
}

impl Automorphism {
    /// The permutation of `element` in the ring of `degree` N.
    pub fn new(element: GaloisElement, degree: usize) -> Self {
        let bits = degree.trailing_zeros();
        let mask = 2 * degree - 1;
        let place = |i: usize| {
            let point = ((2 * reversed(i, bits) + 1) * element.exponent()) & mask;
            reversed(point >> 1, bits) as u32
        };
        Self { element, permutation: (0..degree).map(place).collect() }
    }

    /// The exponent it raises X to.
    pub fn element(&self) -> GaloisElement {
        self.element
    }

    /// Where each value comes from.
    pub fn permutation(&self) -> &[u32] {
        &self.permutation
    }
}

impl Ring {
    /// The automorphism of `a` in NTT form: a permutation.
    pub fn automorphism(&self, a: &Poly<Ntt>, by: &Automorphism) -> Poly<Ntt> {
        let mut result = self.zero::<Ntt>(a.basis());
        self.each(&mut result, |_, limb, residues| {
            crate::kernel::permute(a.limb(limb), by.permutation(), residues);
        });
        result
    }

    /// The automorphism of `a` in coefficient form: a permutation with signs.
    pub fn automorphism_of_coefficients(
        &self,
        a: &Poly<Coefficient>,
        element: GaloisElement,
    ) -> Poly<Coefficient> {
        let mut result = self.zero::<Coefficient>(a.basis());
        let (degree, mask) = (self.degree(), 2 * self.degree() - 1);
        self.each(&mut result, |table, limb, residues| {
            for (i, x) in a.limb(limb).iter().enumerate() {
                let power = (i * element.exponent()) & mask;
                let (place, negative) = (power & (degree - 1), power >= degree);
                if let Some(target) = residues.get_mut(place) {
                    *target = if negative { table.modulus.neg(*x) } else { *x };
                }
            }
        });
        result
    }
}
