//! Sums, products and transforms, limb by limb.
//!
//! Operands of unequal bases are a mistake of the caller and panic; levels are checked above, where errors are typed.

use super::Ring;
use super::automorphism::{Automorphism, GaloisElement};
use super::modulus::Factor;
use super::parallel::{for_each_limb, for_each_row};
use super::poly::{Basis, Coefficient, Form, Ntt, Poly};

/// Words of a sum that are worked on together.
const RUN: usize = 1 << 10;

impl Ring {
    /// Values from coefficients: the forward transform, in place.
    #[must_use]
    pub fn to_ntt(&self, mut x: Poly<Coefficient>) -> Poly<Ntt> {
        let basis = x.basis();
        for_each_limb(&mut x, |index, limb| self.limb(basis, index).forward(limb));
        x.into_form()
    }

    /// Coefficients from values: the inverse transform, in place.
    #[must_use]
    pub fn to_coefficients(&self, mut x: Poly<Ntt>) -> Poly<Coefficient> {
        let basis = x.basis();
        for_each_limb(&mut x, |index, limb| {
            if let Some(&scale) = self.plain_scales.get(self.position(basis, index)) {
                self.limb(basis, index).inverse(limb, scale);
            }
        });
        x.into_form()
    }

    /// The forward transform of N reduced residues modulo the prime at `place` (chain primes, then special ones), in
    /// place: for those who work limb by limb.
    pub fn forward_words(&self, place: usize, words: &mut [u64]) {
        if let Some(limb) = self.limbs.get(place) {
            limb.forward(words);
        }
    }

    /// As [`Ring::forward_words`], without the last reduction: the lowest 52 bits of each word are right modulo the prime,
    /// the others unspecified. Products take such words.
    pub fn forward_words_lazy(&self, place: usize, words: &mut [u64]) {
        if let Some(limb) = self.limbs.get(place) {
            limb.forward_lazy(words);
        }
    }

    /// The inverse transform of N reduced residues modulo the prime at `place`, in place.
    pub fn inverse_words(&self, place: usize, words: &mut [u64]) {
        if let (Some(limb), Some(&scale)) = (self.limbs.get(place), self.plain_scales.get(place)) {
            limb.inverse(words, scale);
        }
    }

    /// A polynomial from integer coefficients, N of them or fewer (the rest is zero).
    #[must_use]
    pub fn from_signed<T: Copy + Into<i128> + Sync>(
        &self,
        basis: Basis,
        coefficients: &[T],
    ) -> Poly<Coefficient> {
        let mut x = self.scratch(basis);
        for_each_limb(&mut x, |index, limb| {
            let modulus = *self.modulus(basis, index);
            let (head, tail) = limb.split_at_mut(coefficients.len().min(self.degree()));
            for (word, &value) in head.iter_mut().zip(coefficients) {
                *word = modulus.reduce_signed(value.into());
            }
            tail.fill(0);
        });
        x
    }

    /// x += y.
    pub fn add_assign<F: Form>(&self, x: &mut Poly<F>, y: &Poly<F>) {
        let basis = same_basis(x, y);
        for_each_limb(x, |index, limb| self.limb(basis, index).add_assign(limb, y.limb(index)));
    }

    /// x -= y.
    pub fn sub_assign<F: Form>(&self, x: &mut Poly<F>, y: &Poly<F>) {
        let basis = same_basis(x, y);
        for_each_limb(x, |index, limb| self.limb(basis, index).sub_assign(limb, y.limb(index)));
    }

    /// x = -x.
    pub fn neg_assign<F: Form>(&self, x: &mut Poly<F>) {
        let basis = x.basis();
        for_each_limb(x, |index, limb| self.limb(basis, index).neg_assign(limb));
    }

    /// x + y.
    #[must_use]
    pub fn add<F: Form>(&self, x: &Poly<F>, y: &Poly<F>) -> Poly<F> {
        let basis = same_basis(x, y);
        let mut out = self.scratch(basis);
        for_each_limb(&mut out, |index, limb| {
            self.limb(basis, index).add(limb, x.limb(index), y.limb(index))
        });
        out
    }

    /// x - y.
    #[must_use]
    pub fn sub<F: Form>(&self, x: &Poly<F>, y: &Poly<F>) -> Poly<F> {
        let basis = same_basis(x, y);
        let mut out = self.scratch(basis);
        for_each_limb(&mut out, |index, limb| {
            self.limb(basis, index).sub(limb, x.limb(index), y.limb(index))
        });
        out
    }

    /// The product x y.
    #[must_use]
    pub fn mul(&self, x: &Poly<Ntt>, y: &Poly<Ntt>) -> Poly<Ntt> {
        let basis = same_basis(x, y);
        let mut out = self.scratch(basis);
        for_each_limb(&mut out, |index, limb| {
            self.limb(basis, index).mul(limb, x.limb(index), y.limb(index))
        });
        out
    }

    /// x = x y.
    pub fn mul_assign(&self, x: &mut Poly<Ntt>, y: &Poly<Ntt>) {
        let basis = same_basis(x, y);
        for_each_limb(x, |index, limb| self.limb(basis, index).mul_assign(limb, y.limb(index)));
    }

    /// Multiplies limb i by the reduced residue `scalars[i]`.
    pub fn mul_scalar_assign<F: Form>(&self, x: &mut Poly<F>, scalars: &[u64]) {
        let basis = x.basis();
        assert_eq!(scalars.len(), basis.limbs(), "one residue a limb");
        for_each_limb(x, |index, limb| {
            let tables = self.limb(basis, index);
            let scalar = scalars.get(index).copied().unwrap_or_default();
            tables.mul_factor_assign(limb, tables.modulus().factor(scalar));
        });
    }

    /// The sums of c_i x_i and c_i y_i over `basis`, where c_i is the reduced residue `scalars[j]` in limb j. The x_i and
    /// y_i may have more chain limbs, the surplus is left out.
    #[must_use]
    pub fn linear_combination_pair(
        &self,
        basis: Basis,
        terms: &[(Vec<u64>, [&Poly<Ntt>; 2])],
    ) -> [Poly<Ntt>; 2] {
        let mut out = [self.scratch(basis), self.scratch(basis)];
        for_each_row(&mut out, |index, row| {
            let tables = self.limb(basis, index);
            let residue = |scalars: &Vec<u64>| scalars.get(index).copied().unwrap_or_default();
            let factors: Vec<Factor> =
                terms.iter().map(|(scalars, _)| tables.modulus().factor(residue(scalars))).collect();
            for (half, out) in row.iter_mut().enumerate() {
                // Run by run: sums stay in the first-level cache while the terms go by.
                for (run, out) in out.chunks_mut(RUN).enumerate() {
                    out.fill(0);
                    for (factor, (_, halves)) in factors.iter().zip(terms) {
                        let words = halves.get(half).map(|x| x.limb_of(basis, index)).unwrap_or_default();
                        let words = words.get(run * RUN..run * RUN + out.len()).unwrap_or_default();
                        tables.add_mul_factor(out, words, *factor);
                    }
                }
            }
        });
        out
    }

    /// Adds a constant polynomial: the reduced residue `scalars[i]` to every value of limb i.
    pub fn add_scalar_assign(&self, x: &mut Poly<Ntt>, scalars: &[u64]) {
        let basis = x.basis();
        assert_eq!(scalars.len(), basis.limbs(), "one residue a limb");
        for_each_limb(x, |index, limb| {
            let scalar = scalars.get(index).copied().unwrap_or_default();
            self.limb(basis, index).add_scalar_assign(limb, scalar);
        });
    }

    /// The sum of the products x_i y_i, reduced once. All x have one basis; a y may have more chain limbs, the surplus
    /// is left out.
    #[must_use]
    pub fn inner_product(&self, terms: &[(&Poly<Ntt>, &Poly<Ntt>)]) -> Option<Poly<Ntt>> {
        let basis = terms.first()?.0.basis();
        let mut out = [self.scratch(basis)];
        for_each_row(&mut out, |index, row| {
            self.limb(basis, index).inner_products(row, terms.len(), |i| {
                terms.get(i).map_or((&[], [&[]]), |(x, y)| (x.limb(index), [y.limb_of(basis, index)]))
            });
        });
        out.into_iter().next()
    }

    /// The sums of the products x_i y_i and x_i z_i: as [`Ring::inner_product`], reading the x_i once.
    #[must_use]
    pub fn inner_product_pair(&self, terms: &[(&Poly<Ntt>, [&Poly<Ntt>; 2])]) -> Option<[Poly<Ntt>; 2]> {
        let basis = terms.first()?.0.basis();
        let mut out = [self.scratch(basis), self.scratch(basis)];
        for_each_row(&mut out, |index, row| {
            self.limb(basis, index).inner_products(row, terms.len(), |i| {
                terms
                    .get(i)
                    .map_or((&[], [&[], &[]]), |(x, ys)| (x.limb(index), ys.map(|y| y.limb_of(basis, index))))
            });
        });
        Some(out)
    }

    /// The image of x under X -> X^g: a permutation of values.
    #[must_use]
    pub fn automorphism(&self, x: &Poly<Ntt>, by: &Automorphism) -> Poly<Ntt> {
        let mut out = self.scratch(x.basis());
        for_each_limb(&mut out, |index, limb| self.path().permute(limb, x.limb(index), by));
        out
    }

    /// The image of x under X -> X^g: a signed permutation of coefficients.
    #[must_use]
    pub fn automorphism_of_coefficients(
        &self,
        x: &Poly<Coefficient>,
        element: GaloisElement,
    ) -> Poly<Coefficient> {
        let basis = x.basis();
        let mut out = self.scratch(basis);
        let mask = 2 * self.degree() - 1;
        for_each_limb(&mut out, |index, limb| {
            let modulus = self.limb(basis, index).modulus();
            for (exponent, &word) in x.limb(index).iter().enumerate() {
                // X^N = -1: an exponent in [N, 2N) changes the sign.
                let target = (exponent * element.exponent()) & mask;
                let (target, word) = if target < self.degree() {
                    (target, word)
                } else {
                    (target - self.degree(), modulus.neg(word))
                };
                if let Some(slot) = limb.get_mut(target) {
                    *slot = word;
                }
            }
        });
        out
    }

    /// The residues of x for the primes of a smaller basis.
    #[must_use]
    pub fn restrict<F: Form>(&self, x: &Poly<F>, basis: Basis) -> Poly<F> {
        let mut out = self.scratch(basis);
        for_each_limb(&mut out, |index, limb| limb.copy_from_slice(x.limb_of(basis, index)));
        out
    }
}

fn same_basis<F: Form, G: Form>(x: &Poly<F>, y: &Poly<G>) -> Basis {
    assert_eq!(x.basis(), y.basis(), "operands of unequal bases");
    assert_eq!(x.degree(), y.degree(), "operands of unequal degrees");
    x.basis()
}
