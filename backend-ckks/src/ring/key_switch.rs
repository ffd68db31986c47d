//! A whole key switch in one pass over memory: product with the key, division by the special primes (and by the level's prime),
//! automorphism.
//!
//! Key switching is bound by memory: the key alone is read once for every use. So the product with the key is never written as a
//! polynomial. The limbs that are divided by come first; then each remaining limb is multiplied, divided and permuted while it is in
//! the cache.

use super::buffer::Buffer;
use super::conversion::Conversion;
use super::parallel::{for_each_group, for_each_item};
use super::poly::{Basis, Ntt, Poly};
use super::switching::{DigitSources, Digits, KeyHalves};
use super::{Automorphism, Ring};

/// What is switched: a polynomial by itself, or one whose digits are there already because several switches share them.
#[derive(Clone, Copy, Debug)]
pub enum Switched<'a> {
    /// Cut into digits on the way.
    Alone(&'a Poly<Ntt>),
    /// Cut into digits before (hoisting).
    Hoisted(&'a Digits),
}

/// What happens beside the product with the key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish<'a> {
    /// Polynomials over the chain limbs that are added to the halves of the result.
    pub add: [Option<&'a Poly<Ntt>>; 2],
    /// Whether the sum is also divided by the last chain prime.
    pub rescale: bool,
    /// An automorphism of the result, the key being one under its inverse.
    pub turn: Option<&'a Automorphism>,
}

/// The digits of what is switched, limb by limb.
enum Source<'a> {
    Fresh(DigitSources<'a>),
    Ready(&'a Digits),
}

impl Source<'_> {
    fn basis(&self) -> Basis {
        match self {
            Self::Fresh(sources) => sources.basis(),
            Self::Ready(digits) => digits.basis(),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Fresh(sources) => sources.count(),
            Self::Ready(digits) => digits.count(),
        }
    }
}

/// Scratch of one thread.
struct Scratch {
    /// Lifted digits of a group of limbs.
    digits: Buffer,
    /// Products of a group of limbs, both halves of a limb after each other.
    products: Buffer,
    /// What limbs are above the nearest multiples of the divisor, where an automorphism follows.
    rests: Buffer,
}

impl Ring {
    /// `round((x key + P add) / P)`, or over `P q` with `rescale`, then the automorphism: both halves of a key switch.
    ///
    /// # Shapes
    /// x and `add`: `chain` limbs. A key may be made for more chain limbs and more digits; what is beyond is left out. Results:
    /// `chain` limbs, one less with `rescale`.
    ///
    /// Panics where the ring has no special primes, or the key has too few digits.
    #[must_use]
    pub fn switch(&self, x: Switched<'_>, key: &[KeyHalves<'_>], finish: Finish<'_>) -> [Poly<Ntt>; 2] {
        let source = match x {
            Switched::Alone(x) => Source::Fresh(self.digit_sources(x)),
            Switched::Hoisted(digits) => Source::Ready(digits),
        };
        let (basis, count, degree) = (source.basis(), source.count(), self.degree());
        assert!(key.len() >= count, "{} key digits for {count}", key.len());
        let kept = basis.chain - usize::from(finish.rescale);
        #[expect(clippy::indexing_slicing, reason = "a polynomial with digits has a chain limb")]
        let conversion =
            if finish.rescale { &self.last_and_special[basis.chain - 1] } else { &self.from_special };
        let fresh = matches!(source, Source::Fresh(_));
        let group = self.group(Basis::chain(kept.max(1)));
        let digits = |limbs: usize| if fresh { limbs * count * degree } else { 0 };

        let mut scaled = [(); 2].map(|()| Buffer::scratch(conversion.sources() * degree));
        let mut rows: Vec<[&mut [u64]; 2]> = {
            let [b, a] = scaled.each_mut().map(|half| half.chunks_exact_mut(degree));
            b.zip(a).map(|(b, a)| [b, a]).collect()
        };
        for_each_item(
            &mut rows,
            || Buffer::scratch(digits(1)),
            |words, at, row| {
                let index = kept + at;
                self.products(&source, key, finish.add, index, std::slice::from_mut(row), words);
                if let Some(scale) = conversion.scale(at) {
                    row.iter_mut().for_each(|half| self.limb(basis, index).inverse(half, scale));
                }
            },
        );
        let quotients = scaled.each_ref().map(|scaled| {
            let mut quotients = Buffer::scratch(degree);
            conversion.quotients(self.path(), &mut quotients, scaled);
            quotients
        });

        let mut out = [(); 2].map(|()| self.scratch(Basis::chain(kept)));
        let scratch = || Scratch {
            digits: Buffer::scratch(digits(group)),
            products: Buffer::scratch(2 * group * degree),
            rests: Buffer::scratch(if finish.turn.is_some() { group * degree } else { 0 }),
        };
        for_each_group(&mut out, group, scratch, |scratch, first, rows| {
            let mut halves = scratch.products.chunks_exact_mut(degree);
            let mut products: Vec<[&mut [u64]; 2]> =
                rows.iter().map(|_| [(); 2].map(|()| halves.next().unwrap_or_default())).collect();
            // With an automorphism and nothing but P to divide by, what is added joins in the last step.
            let (add, add_last) = match finish.turn {
                Some(_) if !finish.rescale => ([None; 2], finish.add),
                _ => (finish.add, [None; 2]),
            };
            self.products(&source, key, add, first, &mut products, &mut scratch.digits);
            for (half, (scaled, quotients)) in scaled.iter().zip(&quotients).enumerate() {
                let products = products.iter().filter_map(|row| row.get(half).map(|limb| &**limb));
                let outs = rows.iter_mut().filter_map(|row| row.get_mut(half).map(|limb| &mut **limb));
                let divide = Division { conversion, basis, first, scaled, quotients };
                match finish.turn {
                    None => self.divide(divide, products, outs),
                    Some(turn) => {
                        let rests = scratch.rests.chunks_exact_mut(degree);
                        let add = add_last.get(half).copied().flatten();
                        self.divide_and_turn(divide, products.zip(rests).zip(outs), add, turn);
                    }
                }
            }
        });
        out
    }

    /// Products with the key in limbs from `first` on, P times what is added included.
    fn products(
        &self,
        source: &Source<'_>,
        key: &[KeyHalves<'_>],
        add: [Option<&Poly<Ntt>>; 2],
        first: usize,
        rows: &mut [[&mut [u64]; 2]],
        words: &mut [u64],
    ) {
        let (basis, count, degree) = (source.basis(), source.count(), self.degree());
        let group = words.len() / (count * degree).max(1);
        if let Source::Fresh(sources) = source {
            // Digit after digit, within a digit limb after limb.
            for (digit, words) in words.chunks_exact_mut((group * degree).max(1)).enumerate() {
                self.lift_digit(sources, digit, first, words.chunks_exact_mut(degree).take(rows.len()));
            }
        }
        for (offset, row) in rows.iter_mut().enumerate() {
            let index = first + offset;
            let limb = self.limb(basis, index);
            limb.inner_products(row, count, |digit| {
                let lifted = match source {
                    Source::Ready(digits) => digits.limb(index, digit),
                    Source::Fresh(_) => {
                        let start = (digit * group + offset) * degree;
                        words.get(start..start + degree).unwrap_or_default()
                    }
                };
                let halves = key.get(digit).map(|halves| halves.map(|half| half.limb_of(basis, index)));
                (lifted, halves.unwrap_or_default())
            });
            // P is zero modulo the special primes.
            let lift = self.lifts.get(index).filter(|_| index < basis.chain);
            for (half, add) in row.iter_mut().zip(add) {
                if let (Some(lift), Some(add)) = (lift, add) {
                    limb.add_mul_factor(half, add.limb(index), *lift);
                }
            }
        }
    }

    /// The rounded quotients of a group of limbs of one half.
    fn divide<'a, 'b>(
        &self,
        division: Division<'_>,
        products: impl Iterator<Item = &'a [u64]>,
        outs: impl Iterator<Item = &'b mut [u64]>,
    ) {
        let mut pairs: Vec<(&[u64], &mut [u64])> = products.zip(outs).collect();
        self.rests(division, pairs.iter_mut().map(|(_, out)| &mut **out));
        for (offset, (product, out)) in pairs.into_iter().enumerate() {
            if let Some((_, inverse)) = division.conversion.target(division.first + offset) {
                self.limb(division.basis, division.first + offset)
                    .sub_from_mul_factor(out, product, *inverse);
            }
        }
    }

    /// As [`Ring::divide`], with `add` added to the quotients and an automorphism of the sums.
    fn divide_and_turn<'a, 'b>(
        &self,
        division: Division<'_>,
        limbs: impl Iterator<Item = ((&'a [u64], &'b mut [u64]), &'b mut [u64])>,
        add: Option<&Poly<Ntt>>,
        turn: &Automorphism,
    ) {
        let mut limbs: Vec<_> = limbs.collect();
        self.rests(division, limbs.iter_mut().map(|((_, rest), _)| &mut **rest));
        for (offset, ((product, rest), out)) in limbs.into_iter().enumerate() {
            let index = division.first + offset;
            if let Some((_, inverse)) = division.conversion.target(index) {
                let add = add.map(|add| add.limb(index));
                self.limb(division.basis, index).divide_permuted(out, [product, rest], *inverse, add, turn);
            }
        }
    }

    /// What a group of limbs of one half is above the multiple of the divisor nearest to it, lazy.
    fn rests<'a>(&self, division: Division<'_>, outs: impl Iterator<Item = &'a mut [u64]>) {
        let Division { conversion, basis, first, scaled, quotients } = division;
        let mut outs: Vec<(usize, &mut [u64])> =
            outs.enumerate().map(|(offset, out)| (first + offset, out)).collect();
        self.convert(conversion, basis, scaled, quotients, &mut outs);
        for (index, out) in outs {
            self.limb(basis, index).forward_lazy(out);
        }
    }
}

/// What one half is divided by, and where.
#[derive(Clone, Copy)]
struct Division<'a> {
    conversion: &'a Conversion,
    basis: Basis,
    /// First limb of the group.
    first: usize,
    scaled: &'a [u64],
    quotients: &'a [u64],
}
