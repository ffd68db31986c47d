//! What key switching and rescaling need: digits, products with keys, rounded division by primes.
//!
//! Hybrid key switching (Han and Ki 2020): the chain limbs are cut into digits of alpha neighbours, alpha the number of
//! special primes. A digit is converted to all other primes, so that it is a small integer polynomial modulo
//! everything; its product with a key is divided by the special modulus P.

use super::Ring;
use super::buffer::Buffer;
use super::conversion::Conversion;
use super::parallel::{for_each_chunk, for_each_group, for_each_limb, for_each_row};
use super::poly::{Basis, Ntt, Poly};

/// The digits of a polynomial, each as a small polynomial modulo the chain and the special primes: what rotations of
/// one ciphertext share (hoisting).
///
/// Digit j is congruent to the polynomial modulo the primes of limbs j alpha .. (j + 1) alpha, and its coefficients lie
/// within half of their product.
pub struct Digits {
    basis: Basis,
    count: usize,
    degree: usize,
    /// Limb after limb, within a limb digit after digit; lazy values.
    words: Buffer,
}

impl Digits {
    /// The limbs of each digit: those of the polynomial and the special ones.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// Number of digits.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Lazy values of one digit in one limb.
    pub(super) fn limb(&self, index: usize, digit: usize) -> &[u64] {
        let start = (index * self.count + digit) * self.degree;
        self.words.get(start..start + self.degree).unwrap_or_default()
    }
}

impl std::fmt::Debug for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digits")
            .field("basis", &self.basis)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// The halves (b, a) of a switching key, one pair a digit.
pub type KeyHalves<'a> = [&'a Poly<Ntt>; 2];

/// Words that are converted for one limb before the next limb takes its turn: twelve sources of them fit a second-level
/// cache many times.
const RUN: usize = 1 << 11;

/// What the digits of a polynomial are made from.
pub(super) struct DigitSources<'a> {
    /// The polynomial, whose limbs are also those of its digits.
    values: &'a Poly<Ntt>,
    /// The basis of the digits.
    basis: Basis,
    /// For each digit.
    conversions: Vec<&'a Conversion>,
    /// Scaled coefficients, limb after limb.
    scaled: Buffer,
    /// Rounded quotients, digit after digit.
    quotients: Buffer,
}

impl DigitSources<'_> {
    /// The limbs of each digit.
    pub(super) fn basis(&self) -> Basis {
        self.basis
    }

    /// Number of digits.
    pub(super) fn count(&self) -> usize {
        self.conversions.len()
    }
}

impl Ring {
    /// Number of key-switching digits of a polynomial with `chain` limbs.
    #[must_use]
    pub fn digits(&self, chain: usize) -> usize {
        chain.div_ceil(self.special().max(1))
    }

    /// The limbs of digit `digit` of a polynomial with `chain` chain limbs.
    #[must_use]
    pub fn digit(&self, digit: usize, chain: usize) -> std::ops::Range<usize> {
        let alpha = self.special().max(1);
        digit * alpha..((digit + 1) * alpha).min(chain)
    }

    /// Cuts a polynomial over chain limbs into digits and lifts each to the extended basis (ModUp of all digits), for
    /// several [products with keys](Ring::key_product).
    ///
    /// Panics where the ring has no special primes.
    #[must_use]
    pub fn decompose(&self, x: &Poly<Ntt>) -> Digits {
        let (degree, sources) = (self.degree(), self.digit_sources(x));
        let (basis, count) = (sources.basis, sources.conversions.len());
        let mut words = Buffer::scratch(basis.limbs() * count * degree);
        let group = self.group(basis);
        for_each_chunk(&mut words, group * count * degree, |number, words| {
            let limbs = words.chunks_exact_mut(count * degree).map(|limb| limb.chunks_exact_mut(degree));
            let mut limbs: Vec<_> = limbs.collect();
            for digit in 0..count {
                let outs = limbs.iter_mut().map(|limb| limb.next().unwrap_or_default());
                self.lift_digit(&sources, digit, number * group, outs);
            }
        });
        Digits { basis, count, degree, words }
    }

    /// The key product of x: [`Ring::decompose`] and [`Ring::key_product`] at once, for a single product. Faster than the
    /// two, because the digits stay in the cache limb by limb.
    ///
    /// Panics where the ring has no special primes.
    #[must_use]
    pub fn switch_key(&self, x: &Poly<Ntt>, key: &[KeyHalves<'_>]) -> [Poly<Ntt>; 2] {
        let (degree, sources) = (self.degree(), self.digit_sources(x));
        let (basis, count) = (sources.basis, sources.conversions.len());
        assert!(key.len() >= count, "{} key digits for {count}", key.len());
        let mut out = [self.scratch(basis), self.scratch(basis)];
        let group = self.group(basis);
        let scratch = || Buffer::scratch(group * count * degree);
        for_each_group(&mut out, group, scratch, |words, first, rows| {
            // Digit after digit, within a digit limb after limb.
            for (digit, words) in words.chunks_exact_mut(group * degree).enumerate() {
                self.lift_digit(&sources, digit, first, words.chunks_exact_mut(degree).take(rows.len()));
            }
            for (offset, row) in rows.iter_mut().enumerate() {
                let index = first + offset;
                self.limb(basis, index).inner_products(row, count, |digit| {
                    let start = (digit * group + offset) * degree;
                    let lifted = words.get(start..start + degree).unwrap_or_default();
                    let halves = key.get(digit).map(|halves| halves.map(|half| half.limb_of(basis, index)));
                    (lifted, halves.unwrap_or_default())
                });
            }
        });
        out
    }

    /// How many limbs are worked on together, so that what they are converted from is read once for all of them: as many
    /// as a second-level cache holds beside it, if there are enough for all threads.
    pub(super) fn group(&self, basis: Basis) -> usize {
        let fitting = (1 << 17) / self.degree();
        let fair = basis.limbs() / (2 * rayon::current_num_threads());
        fitting.min(fair).clamp(1, 8)
    }

    /// The limbs of x as scaled coefficients, and what converts each digit of them.
    pub(super) fn digit_sources<'a>(&'a self, x: &'a Poly<Ntt>) -> DigitSources<'a> {
        let (degree, alpha, chain) = (self.degree(), self.special(), x.basis().chain);
        assert!(
            alpha > 0 && x.basis().special == 0,
            "digits are cut from chain limbs, in a ring with special primes"
        );
        let digits = 0..self.digits(chain);
        let conversions: Vec<_> =
            digits.filter_map(|digit| self.from_digits.get(self.digit(digit, chain).end - 1)).collect();
        let scaled =
            self.scaled_sources(x, 0..chain, |index| conversions.get(index / alpha)?.scale(index % alpha));
        let mut quotients = Buffer::scratch(conversions.len() * degree);
        for_each_chunk(&mut quotients, degree, |digit, out| {
            let limbs = self.digit(digit, chain);
            let scaled = scaled.get(limbs.start * degree..limbs.end * degree);
            if let (Some(conversion), Some(scaled)) = (conversions.get(digit), scaled) {
                conversion.quotients(self.path(), out, scaled);
            }
        });
        DigitSources { values: x, basis: self.extended(chain), conversions, scaled, quotients }
    }

    /// Values of a digit in the limbs from `first` on of the extended basis, lazy.
    pub(super) fn lift_digit<'a>(
        &self,
        from: &DigitSources<'_>,
        digit: usize,
        first: usize,
        outs: impl Iterator<Item = &'a mut [u64]>,
    ) {
        let degree = self.degree();
        let limbs = self.digit(digit, from.basis.chain);
        let Some(conversion) = from.conversions.get(digit) else { return };
        let (own, mut others): (Vec<_>, Vec<_>) = outs
            .enumerate()
            .map(|(offset, out)| (first + offset, out))
            .partition(|(index, _)| limbs.contains(index));
        for (index, out) in own {
            out.copy_from_slice(from.values.limb(index));
        }
        let scaled = from.scaled.get(limbs.start * degree..limbs.end * degree).unwrap_or_default();
        let quotients = from.quotients.get(digit * degree..(digit + 1) * degree).unwrap_or_default();
        self.convert(conversion, from.basis, scaled, quotients, &mut others);
        for (index, out) in others {
            self.limb(from.basis, index).forward_lazy(out);
        }
    }

    /// Base conversion into several limbs, run by run, so that the sources come from the cache for all limbs but one.
    pub(super) fn convert(
        &self,
        conversion: &Conversion,
        basis: Basis,
        sources: &[u64],
        quotients: &[u64],
        outs: &mut [(usize, &mut [u64])],
    ) {
        for start in (0..self.degree()).step_by(RUN) {
            let end = (start + RUN).min(self.degree());
            for (index, out) in &mut *outs {
                let target = conversion.target(self.position(basis, *index));
                if let (Some((target, _)), Some(out), Some(quotients)) =
                    (target, out.get_mut(start..end), quotients.get(start..end))
                {
                    self.limb(basis, *index).convert(out, start, sources, quotients, target);
                }
            }
        }
    }

    /// The sums over the digits of digit times b and digit times a. A key may be made for more chain limbs than the
    /// digits have, and for more digits; what is beyond is left out.
    ///
    /// For a rotation by g of hoisted digits, keep the key's polynomials under the inverse automorphism: the product is
    /// then [permuted](Ring::automorphism) once, in place of every digit.
    #[must_use]
    pub fn key_product(&self, digits: &Digits, key: &[KeyHalves<'_>]) -> [Poly<Ntt>; 2] {
        assert!(key.len() >= digits.count, "{} key digits for {}", key.len(), digits.count);
        let basis = digits.basis;
        let mut out = [self.scratch(basis), self.scratch(basis)];
        for_each_row(&mut out, |index, row| {
            self.limb(basis, index).inner_products(row, digits.count, |digit| {
                let halves = key.get(digit).map(|halves| halves.map(|half| half.limb_of(basis, index)));
                (digits.limb(index, digit), halves.unwrap_or_default())
            });
        });
        out
    }

    /// `round(x / P)` for each x, over the chain limbs; P is the product of the special primes.
    ///
    /// # Shapes
    /// Each x: `chain` limbs and all special ones. Results: `chain` limbs.
    #[must_use]
    pub fn mod_down<const K: usize>(&self, x: [&Poly<Ntt>; K]) -> [Poly<Ntt>; K] {
        let basis = common_basis(&x);
        assert_eq!(basis.special, self.special(), "division by special primes needs special limbs");
        self.divide_round(x, basis.chain, &self.from_special)
    }

    /// `round(x / q)` for each x, q the last chain prime of x: the step from one level to the next.
    ///
    /// # Shapes
    /// Each x: `chain` limbs. Results: `chain - 1` limbs.
    #[must_use]
    pub fn rescale<const K: usize>(&self, x: [&Poly<Ntt>; K]) -> [Poly<Ntt>; K] {
        let basis = common_basis(&x);
        assert!(basis.special == 0 && basis.chain > 1, "rescaling drops one of two chain limbs at least");
        #[expect(clippy::indexing_slicing, reason = "bases are checked where polynomials are made")]
        let conversion = &self.last[basis.chain - 1];
        self.divide_round(x, basis.chain - 1, conversion)
    }

    /// `round(x / (P q))` for each x: [`Ring::mod_down`] and [`Ring::rescale`] at once, with fewer transforms and one
    /// rounding.
    ///
    /// # Shapes
    /// Each x: `chain` limbs and all special ones. Results: `chain - 1` limbs.
    #[must_use]
    pub fn mod_down_and_rescale<const K: usize>(&self, x: [&Poly<Ntt>; K]) -> [Poly<Ntt>; K] {
        let basis = common_basis(&x);
        assert!(
            basis.special == self.special() && basis.chain > 1,
            "needs special limbs and two chain limbs"
        );
        #[expect(clippy::indexing_slicing, reason = "bases are checked where polynomials are made")]
        let conversion = &self.last_and_special[basis.chain - 1];
        self.divide_round(x, basis.chain - 1, conversion)
    }

    /// x = P x, with P the product of the special primes; zero in the special limbs.
    pub fn mul_special_assign(&self, x: &mut Poly<Ntt>) {
        let basis = x.basis();
        for_each_limb(x, |index, limb| match self.lifts.get(index) {
            Some(&lift) if index < basis.chain => self.limb(basis, index).mul_factor_assign(limb, lift),
            _ => limb.fill(0),
        });
    }

    /// x += P y: adds a polynomial over the chain to one over the extended basis, so that division by P gives it back.
    pub fn add_lifted_assign(&self, x: &mut Poly<Ntt>, y: &Poly<Ntt>) {
        let basis = x.basis();
        assert_eq!(basis, self.extended(y.basis().chain), "a lifted polynomial has as many chain limbs");
        for_each_limb(x, |index, limb| {
            // P is zero modulo the special primes.
            if index < basis.chain
                && let Some(&lift) = self.lifts.get(index)
            {
                self.limb(basis, index).add_mul_factor(limb, y.limb(index), lift);
            }
        });
    }

    /// The base conversion from the special primes into the prime at `place`, run by run over one limb: `sources` holds the
    /// reduced words of the special limbs, `quotients` what the conversion subtracts. For those who measure.
    pub fn convert_special_words(&self, place: usize, out: &mut [u64], sources: &[u64], quotients: &[u64]) {
        let mut outs = [(place, out)];
        self.convert(&self.from_special, self.extended(self.chain), sources, quotients, &mut outs);
    }

    /// Division by the primes of the limbs from `kept` on, which are the sources of `conversion`, with rounding: what
    /// is left of x after its residue modulo them, nearest to zero, is subtracted divides exactly.
    fn divide_round<const K: usize>(
        &self,
        x: [&Poly<Ntt>; K],
        kept: usize,
        conversion: &Conversion,
    ) -> [Poly<Ntt>; K] {
        let (degree, dropped) = (self.degree(), conversion.sources());
        let basis = Basis::chain(kept);
        let mut out = x.map(|_| self.scratch(basis));
        let scaled = x.map(|x| self.scaled_sources(x, kept..kept + dropped, |index| conversion.scale(index)));
        let quotients = scaled.each_ref().map(|scaled| {
            let mut quotients = Buffer::scratch(degree);
            conversion.quotients(self.path(), &mut quotients, scaled);
            quotients
        });
        for_each_group(
            &mut out,
            self.group(basis),
            || (),
            |(), first, rows| {
                for (k, ((x, scaled), quotients)) in x.iter().zip(&scaled).zip(&quotients).enumerate() {
                    let outs = rows.iter_mut().enumerate();
                    let outs =
                        outs.filter_map(|(offset, row)| Some((first + offset, &mut **row.get_mut(k)?)));
                    let mut outs: Vec<(usize, &mut [u64])> = outs.collect();
                    self.convert(conversion, basis, scaled, quotients, &mut outs);
                    for (index, out) in outs {
                        let limb = self.limb(basis, index);
                        limb.forward_lazy(out);
                        if let Some((_, inverse)) = conversion.target(index) {
                            limb.sub_from_mul_factor(out, x.limb(index), *inverse);
                        }
                    }
                }
            },
        );
        out
    }

    /// The limbs `range` of x as coefficients, each times the constant of its scale.
    fn scaled_sources(
        &self,
        x: &Poly<Ntt>,
        range: std::ops::Range<usize>,
        scale: impl Fn(usize) -> Option<crate::kernel::InverseScale> + Send + Sync,
    ) -> Buffer {
        let mut words = Buffer::scratch(range.len() * self.degree());
        for_each_chunk(&mut words, self.degree(), |index, out| {
            out.copy_from_slice(x.limb(range.start + index));
            if let Some(scale) = scale(index) {
                self.limb(x.basis(), range.start + index).inverse(out, scale);
            }
        });
        words
    }
}

fn common_basis<const K: usize>(x: &[&Poly<Ntt>; K]) -> Basis {
    let basis = x.first().map_or(Basis { chain: 0, special: 0 }, |x| x.basis());
    assert!(x.iter().all(|x| x.basis() == basis), "operands of unequal bases");
    basis
}
