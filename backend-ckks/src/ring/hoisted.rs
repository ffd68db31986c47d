//! Sums of plaintext products over hoisted rotations: the inner part of a linear map by baby and giant steps.
//!
//! Double hoisting (Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux 2021, section 4.2): rotated inputs stay modulo the
//! special primes too, as they come out of the product with the key, and so do the sums of their products with plaintexts.
//! No rotated input is ever divided by the special modulus.
//!
//! All sums are made limb by limb: the rotated inputs of one limb are used by every sum before those of the next limb are
//! made, so that they never exist as whole polynomials.

use std::sync::Arc;

use super::buffer::Buffer;
use super::parallel::for_each_item;
use super::poly::{Basis, Ntt, Poly};
use super::switching::{Digits, KeyHalves};
use super::{Automorphism, Ring};
use crate::kernel::Limb;

/// Words of all rotated inputs together that one run of the sums goes over: they stay in a second-level cache while every
/// sum reads them.
const CACHED_WORDS: usize = 1 << 16;

/// Least words of a run.
const LEAST_RUN: usize = 256;

/// Words of the fresh multipliers that a thread makes before it uses them. The sums that they belong to share their operands, which come
/// from a slower cache than all of the arithmetic wants.
const FRESH_WORDS: usize = 1 << 22;

/// A ciphertext whose rotations are summed.
pub struct Hoisted<'a> {
    /// Both halves, over chain limbs.
    pub halves: [&'a Poly<Ntt>; 2],
    /// The digits of the second half; needed where some rotation is not the identity.
    pub digits: Option<Digits>,
}

/// A rotation of one of the inputs.
pub struct Rotated<'a> {
    /// Which input.
    pub input: usize,
    /// Key (under the inverse automorphism) and automorphism; none for the identity.
    pub by: Option<(Vec<KeyHalves<'a>>, &'a Automorphism)>,
}

/// A plaintext that multiplies.
#[derive(Clone, Debug)]
pub enum Multiplier {
    /// Values over the basis of the sums: of degree N, or of a subring's degree, each then standing for a run of equal ones.
    Values(Poly<Ntt>),
    /// Integer coefficients, transformed in their subring whenever they are used; coefficient i belongs to X^(i gap), where
    /// the gap is N divided by their number.
    Coefficients(Vec<f64>),
    /// As coefficients: those of a polynomial that several multipliers share, times a factor and rounded.
    Scaled(Arc<Vec<f64>>, f64),
    /// The same integer everywhere.
    Constant(f64),
}

impl Multiplier {
    /// For what is transformed whenever it is used: coefficients, and the factor that makes them integers.
    fn coefficients(&self) -> Option<(&[f64], f64)> {
        match self {
            Self::Coefficients(coefficients) => Some((coefficients, 1.0)),
            Self::Scaled(coefficients, factor) => Some((coefficients, *factor)),
            Self::Values(_) | Self::Constant(_) => None,
        }
    }

    /// The multiplier as a polynomial of degree N over `basis`.
    #[must_use]
    pub fn over(self, ring: &Ring, basis: Basis) -> Poly<Ntt> {
        match self {
            Self::Constant(integer) => {
                let mut x = ring.zero::<Ntt>(basis);
                x.limbs_mut()
                    .zip(ring.moduli_of(basis))
                    .for_each(|(limb, modulus)| limb.fill(modulus.reduce_integer(integer)));
                x
            }
            Self::Coefficients(coefficients) => ring.values_of(basis, &coefficients),
            Self::Scaled(coefficients, factor) => {
                let integers: Vec<f64> =
                    coefficients.iter().map(|x| (x * factor).round_ties_even()).collect();
                ring.values_of(basis, &integers)
            }
            Self::Values(values) => values,
        }
    }

    /// The multiplier with its coefficients, if it has any, transformed once and for all.
    #[must_use]
    pub fn into_values(self, ring: &Ring, basis: Basis) -> Self {
        match self.coefficients() {
            Some((coefficients, factor)) => Self::Values(ring.subring_values_of(basis, coefficients, factor)),
            None => self,
        }
    }
}

/// A sum of products: each a multiplier with the index of a rotated input.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    /// Products with values, or with coefficients: all of one kind.
    pub terms: Vec<(usize, Multiplier)>,
    /// Products with constants.
    pub constants: Vec<(usize, f64)>,
}

impl Sum {
    /// Adds a product to the sum.
    pub fn push(&mut self, rotated: usize, multiplier: Multiplier) {
        match multiplier {
            Multiplier::Constant(value) => self.constants.push((rotated, value)),
            other => self.terms.push((rotated, other)),
        }
    }

    /// Number of products.
    #[must_use]
    pub fn len(&self) -> usize {
        self.terms.len() + self.constants.len()
    }

    /// Whether there is no product.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn transforms(&self) -> usize {
        self.terms.iter().filter(|(_, multiplier)| multiplier.coefficients().is_some()).count()
    }
}

/// Scratch of one thread.
struct Scratch {
    /// Both halves of every rotated input in one limb.
    rotated: Buffer,
    /// A key product before its permutation.
    product: Buffer,
    fresh: Fresh,
}

/// What a batch of sums multiplies by in one limb and is not kept so.
struct Fresh {
    /// Transformed multipliers, a polynomial each.
    polynomials: Buffer,
    /// Constants, a word each.
    constants: Buffer,
}

/// Where the first of a sum's fresh multipliers lie.
#[derive(Clone, Copy)]
struct First {
    polynomial: usize,
    constant: usize,
}

/// One limb of both halves of every sum.
type Row<'a> = Vec<[&'a mut [u64]; 2]>;

/// Where the work takes place.
#[derive(Clone, Copy)]
struct Place {
    basis: Basis,
    index: usize,
}

impl Ring {
    /// For each of `sums` the sum of its products, over the chain limbs of the inputs; with `extended` over the special
    /// limbs too, and P times as large, P the product of the special primes.
    ///
    /// Without `extended` all rotations must be the identity. Indices that name nothing count as zero.
    #[must_use]
    pub fn hoisted_sums(
        &self,
        inputs: &[Hoisted<'_>],
        rotated: &[Rotated<'_>],
        sums: &[&Sum],
        extended: bool,
    ) -> Vec<[Poly<Ntt>; 2]> {
        let chain = inputs.first().map_or(0, |input| input.halves[0].basis().chain);
        let basis = if extended { self.extended(chain) } else { Basis::chain(chain) };
        let mut out: Vec<[Poly<Ntt>; 2]> =
            sums.iter().map(|_| [self.scratch(basis), self.scratch(basis)]).collect();
        let mut rows: Vec<Row<'_>> = (0..basis.limbs()).map(|_| Vec::with_capacity(sums.len())).collect();
        for pair in &mut out {
            let [first, second] = pair.each_mut().map(|half| half.limbs_mut());
            rows.iter_mut().zip(first.zip(second)).for_each(|(row, (x, y))| row.push([x, y]));
        }
        let batches = self.batches(sums);
        let most = |count: &dyn Fn(&Sum) -> usize| {
            batches.iter().map(|batch| batch.iter().map(|sum| count(sum)).sum()).max().unwrap_or(0)
        };
        let (transforms, constants) = (most(&Sum::transforms), most(&|sum| sum.constants.len()));
        let copies = if extended { rotated.len() } else { 0 };
        let scratch = || Scratch {
            rotated: Buffer::scratch(2 * copies * self.degree()),
            product: Buffer::scratch(2 * self.degree()),
            fresh: Fresh {
                polynomials: Buffer::scratch(transforms * self.degree()),
                constants: Buffer::scratch(constants),
            },
        };
        for_each_item(&mut rows, scratch, |scratch, index, row| {
            let place = Place { basis, index };
            if !extended {
                let operand = |which: usize| {
                    let input = rotated.get(which).and_then(|rotation| inputs.get(rotation.input));
                    input.map_or([&[][..], &[]], |input| input.halves.map(|half| half.limb(index)))
                };
                self.sum_limb(place, row, &batches, rotated.len(), &mut scratch.fresh, operand);
                return;
            }
            let words = scratch.rotated.chunks_exact_mut(2 * self.degree());
            for (rotation, words) in rotated.iter().zip(words) {
                self.rotate_limb(place, inputs, rotation, &mut scratch.product, words);
            }
            let copies = &scratch.rotated;
            let operand = |which: usize| {
                let start = 2 * which * self.degree();
                let halves = copies.get(start..start + 2 * self.degree());
                halves.map_or([&[][..], &[]], |halves| halves.split_at(self.degree()).into())
            };
            self.sum_limb(place, row, &batches, rotated.len(), &mut scratch.fresh, operand);
        });
        drop(rows);
        out
    }

    /// P times a rotated input in one limb: both halves, one after the other.
    fn rotate_limb(
        &self,
        place: Place,
        inputs: &[Hoisted<'_>],
        rotation: &Rotated<'_>,
        product: &mut [u64],
        out: &mut [u64],
    ) {
        let Place { basis, index } = place;
        let limb = self.limb(basis, index);
        let Some(input) = inputs.get(rotation.input) else { return out.fill(0) };
        // P is zero modulo the special primes.
        let lift = self.lifts.get(index).filter(|_| index < basis.chain);
        let (Some((key, automorphism)), Some(digits)) = (&rotation.by, &input.digits) else {
            out.fill(0);
            for (out, half) in out.chunks_exact_mut(self.degree()).zip(input.halves) {
                lift.into_iter().for_each(|lift| limb.add_mul_factor(out, half.limb(index), *lift));
            }
            return;
        };
        let (b, a) = product.split_at_mut(self.degree());
        let mut row = [b, a];
        limb.inner_products(&mut row, digits.count(), |digit| {
            let halves = key.get(digit).map(|halves| halves.map(|half| half.limb_of(basis, index)));
            (digits.limb(index, digit), halves.unwrap_or_default())
        });
        let [b, _] = &mut row;
        lift.into_iter().for_each(|lift| limb.add_mul_factor(b, input.halves[0].limb(index), *lift));
        for (out, half) in out.chunks_exact_mut(self.degree()).zip(&row) {
            self.path().permute(out, half, automorphism);
        }
    }

    /// The sums in groups whose fresh multipliers are made together.
    fn batches<'a>(&self, mut sums: &'a [&'a Sum]) -> Vec<&'a [&'a Sum]> {
        let mut batches = Vec::new();
        while !sums.is_empty() {
            let mut words = 0;
            let fits = |sum: &&&Sum| {
                words += sum.transforms() * self.degree();
                words <= FRESH_WORDS
            };
            let (batch, rest) = sums.split_at(sums.iter().take_while(fits).count().max(1));
            batches.push(batch);
            sums = rest;
        }
        batches
    }

    /// All sums in one limb: batch by batch the fresh multipliers, then run by run the products.
    fn sum_limb<'a>(
        &self,
        place: Place,
        row: &mut Row<'_>,
        batches: &[&[&Sum]],
        operands: usize,
        fresh: &mut Fresh,
        operand: impl Fn(usize) -> [&'a [u64]; 2],
    ) {
        let Place { basis, index } = place;
        let limb = self.limb(basis, index);
        let run = (CACHED_WORDS / (2 * operands.max(1))).next_power_of_two().max(LEAST_RUN);
        let mut row = row.iter_mut();
        for batch in batches {
            let mut outs: Vec<_> = row.by_ref().take(batch.len()).collect();
            let starts = self.make_fresh(place, batch, fresh);
            let (polynomials, constants) = (&*fresh.polynomials, &*fresh.constants);
            for start in (0..self.degree()).step_by(run) {
                let range = start..(start + run).min(self.degree());
                let part = |words: &'a [u64]| words.get(range.clone()).unwrap_or_default();
                for ((sum, first), [x, y]) in batch.iter().zip(&starts).zip(outs.iter_mut()) {
                    let (Some(x), Some(y)) = (x.get_mut(range.clone()), y.get_mut(range.clone())) else {
                        return;
                    };
                    let mut outs = [x, y];
                    limb.inner_products(&mut outs, sum.len(), |i| {
                        if let Some(constant) = i.checked_sub(sum.terms.len()) {
                            let Some((which, _)) = sum.constants.get(constant) else {
                                return (&[], [&[], &[]]);
                            };
                            let word = constants.get(first.constant + constant).map(std::slice::from_ref);
                            return (word.unwrap_or_default(), operand(*which).map(part));
                        }
                        let Some((which, multiplier)) = sum.terms.get(i) else { return (&[], [&[], &[]]) };
                        let values = match multiplier {
                            Multiplier::Values(values) => values.limb_of(basis, index),
                            Multiplier::Constant(_) => &[],
                            fresh => {
                                let count =
                                    fresh.coefficients().map_or(0, |(coefficients, _)| coefficients.len());
                                let start = (first.polynomial + i) * self.degree();
                                polynomials.get(start..start + count).unwrap_or_default()
                            }
                        };
                        let gap = self.degree() / values.len().max(1);
                        let start = range.start / gap;
                        let values = values.get(start..start + (range.len() / gap).max(1));
                        (values.unwrap_or_default(), operand(*which).map(part))
                    });
                }
            }
        }
    }

    /// What some sums multiply by and is kept as coefficients or numbers, in one limb: lazy values of their subrings, and residues.
    fn make_fresh(&self, place: Place, sums: &[&Sum], fresh: &mut Fresh) -> Vec<First> {
        let limb = self.limb(place.basis, place.index);
        let mut polynomials = fresh.polynomials.chunks_exact_mut(self.degree());
        let mut words = fresh.constants.iter_mut();
        let mut next = First { polynomial: 0, constant: 0 };
        let make = |sum: &&Sum| {
            let first = next;
            for (_, multiplier) in &sum.terms {
                if let Some((coefficients, factor)) = multiplier.coefficients()
                    && let Some(out) = polynomials.next().and_then(|out| out.get_mut(..coefficients.len()))
                {
                    next.polynomial += 1;
                    limb.reduce_rounded(out, coefficients, factor);
                    limb.forward_subring_lazy(out);
                }
            }
            for ((_, integer), word) in sum.constants.iter().zip(&mut words) {
                *word = limb.modulus().reduce_integer(*integer);
                next.constant += 1;
            }
            first
        };
        sums.iter().map(make).collect()
    }

    /// Integer coefficients in values over `basis`: N of them, or a part of N at even gaps (a power of two of them).
    #[must_use]
    pub fn values_of(&self, basis: Basis, coefficients: &[f64]) -> Poly<Ntt> {
        let mut x = self.scratch(basis);
        super::for_each_limb(&mut x, |index, words| {
            let limb = self.limb(basis, index);
            if coefficients.len() == words.len() {
                return subring_values(limb, words, coefficients, 1.0);
            }
            let mut values = Buffer::scratch(coefficients.len());
            subring_values(limb, &mut values, coefficients, 1.0);
            match words.len() / values.len() {
                2 => {
                    words.as_chunks_mut::<2>().0.iter_mut().zip(&*values).for_each(|(run, x)| *run = [*x; 2])
                }
                4 => {
                    words.as_chunks_mut::<4>().0.iter_mut().zip(&*values).for_each(|(run, x)| *run = [*x; 4])
                }
                gap => words.chunks_exact_mut(gap).zip(&*values).for_each(|(run, x)| run.fill(*x)),
            }
        });
        x
    }

    /// As [`Ring::values_of`], in the subring alone: a polynomial of as many residues as there are coefficients, of which each
    /// stands for a run of equal ones. The coefficients are those given, times `factor` and rounded.
    #[must_use]
    pub fn subring_values_of(&self, basis: Basis, coefficients: &[f64], factor: f64) -> Poly<Ntt> {
        let mut x = Poly::scratch(coefficients.len(), basis);
        super::for_each_limb(&mut x, |index, words| {
            subring_values(self.limb(basis, index), words, coefficients, factor)
        });
        x
    }
}

fn subring_values(limb: &Limb, out: &mut [u64], coefficients: &[f64], factor: f64) {
    limb.reduce_rounded(out, coefficients, factor);
    limb.forward_subring(out);
}
