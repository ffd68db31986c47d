//! The ring Z_Q[X] / (X^N + 1) in residue number system: primes, transforms, and what moves between moduli.
//!
//! Order of the primes: the chain `q_0, q_1, ...`, then the special primes. A polynomial's [`Basis`] says how far it reaches.

mod automorphism;
mod change;
mod conversion;
mod modulus;
mod poly;
pub(crate) mod primes;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

pub use automorphism::{Automorphism, GaloisElement};
pub use modulus::Modulus;
pub use poly::{Basis, Coefficient, Form, Ntt, Poly};
pub use primes::{is_prime, ntt_primes};

use crate::error::Error;
use crate::kernel;
use conversion::Conversion;
use table::NttTable;

/// A ring of degree N with its modulus chain and special primes. Immutable; shared by `Arc`.
pub struct Ring {
    degree: usize,
    chain: usize,
    tables: Vec<NttTable>,
    /// By first limb of the digit, then by its length less 1.
    digits: Vec<Vec<Conversion>>,
    special: Option<Conversion>,
    /// By chain limb: that limb alone.
    last: Vec<Conversion>,
    /// By chain limb: all special primes and that limb.
    special_and_last: Vec<Conversion>,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ring(degree {}, {} chain and {} special primes)", self.degree, self.chain, self.special())
    }
}

impl Ring {
    /// Smallest degree with parameters that are of use.
    pub const LEAST_DEGREE: usize = 1 << 3;
    /// Largest degree.
    pub const MOST_DEGREE: usize = 1 << 17;

    /// The ring of `degree` N over these primes, each `1 mod 2N`.
    ///
    /// # Errors
    /// [`Error::Degree`], [`Error::Prime`], [`Error::RepeatedPrime`].
    pub fn new(degree: usize, chain: &[u64], special: &[u64]) -> Result<Self, Error> {
        let (least, most) = (Self::LEAST_DEGREE, Self::MOST_DEGREE);
        if !degree.is_power_of_two() || !(least..=most).contains(&degree) {
            return Err(Error::Degree { degree, least, most });
        }
        let all: Vec<u64> = chain.iter().chain(special).copied().collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        if let Some(value) = sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a == b).map(|(a, _)| *a) {
            return Err(Error::RepeatedPrime { value });
        }
        let moduli: Result<Vec<Modulus>, Error> = all.iter().map(|p| Modulus::new(*p)).collect();
        let moduli = moduli?;
        let table = |modulus: &Modulus| {
            let missing =
                Error::Prime { value: modulus.value(), reason: "it is not 1 modulo twice the degree" };
            NttTable::new(*modulus, degree).ok_or(missing)
        };
        let tables: Result<Vec<NttTable>, Error> = moduli.par_iter().map(table).collect();
        let (length, alpha) = (chain.len(), special.len());
        let specials = length..length + alpha;
        let digit = |first: usize| {
            let longest = alpha.min(length - first);
            (1..=longest).map(|count| Conversion::new(&moduli, (first..first + count).collect())).collect()
        };
        Ok(Self {
            degree,
            chain: length,
            tables: tables?,
            digits: (0..length).step_by(alpha.max(1)).map(digit).collect(),
            special: (alpha > 0).then(|| Conversion::new(&moduli, specials.clone().collect())),
            last: (0..length).map(|limb| Conversion::new(&moduli, vec![limb])).collect(),
            special_and_last: (0..length)
                .map(|limb| Conversion::new(&moduli, specials.clone().chain([limb]).collect()))
                .collect(),
        })
    }

    /// The degree N.
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// Number of chain primes.
    pub fn chain(&self) -> usize {
        self.chain
    }

    /// Number of special primes, which is also the number of limbs in a digit.
    pub fn special(&self) -> usize {
        self.tables.len() - self.chain
    }

    /// The first `chain` primes of the chain with all special ones.
    pub fn extended(&self, chain: usize) -> Basis {
        Basis { chain, special: self.special() }
    }

    /// The chain primes, then the special ones.
    pub fn moduli(&self) -> impl ExactSizeIterator<Item = &Modulus> {
        self.tables.iter().map(|table| &table.modulus)
    }

    /// The primes of a basis, limb by limb.
    pub fn moduli_of(&self, basis: Basis) -> impl ExactSizeIterator<Item = &Modulus> {
        (0..basis.limbs()).map(move |limb| self.modulus(basis, limb))
    }

    /// The prime of limb `limb` of `basis`.
    pub fn modulus(&self, basis: Basis, limb: usize) -> &Modulus {
        &self.table(basis, limb).modulus
    }

    #[expect(clippy::indexing_slicing, reason = "limbs of a basis of this ring are within its tables")]
    fn table(&self, basis: Basis, limb: usize) -> &NttTable {
        &self.tables[self.position(basis, limb)]
    }

    /// Where the prime of a limb stands in the ring's list.
    fn position(&self, basis: Basis, limb: usize) -> usize {
        if limb < basis.chain { limb } else { self.chain + limb - basis.chain }
    }

    /// Runs `work` on each limb, in parallel, with the limb's index in the basis.
    fn each<F: Form>(&self, a: &mut Poly<F>, work: impl Fn(&NttTable, usize, &mut [u64]) + Sync) {
        let basis = a.basis();
        a.par_limbs_mut()
            .enumerate()
            .for_each(|(limb, residues)| work(self.table(basis, limb), limb, residues));
    }

    /// The transform of each limb.
    pub fn to_ntt(&self, mut a: Poly<Coefficient>) -> Poly<Ntt> {
        self.each(&mut a, |table, _, residues| kernel::forward(table, residues));
        a.into_form()
    }

    /// Back to coefficients.
    pub fn to_coefficients(&self, mut a: Poly<Ntt>) -> Poly<Coefficient> {
        self.each(&mut a, |table, _, residues| kernel::inverse(table, residues));
        a.into_form()
    }

    /// `a = a + b`; `b` may have more limbs of the same kind.
    pub fn add_assign<F: Form>(&self, a: &mut Poly<F>, b: &Poly<F>) {
        debug_assert_eq!(a.basis(), b.basis());
        self.each(a, |table, limb, residues| kernel::add(&table.modulus, residues, b.limb(limb)));
    }

    /// `a = a - b`.
    pub fn sub_assign<F: Form>(&self, a: &mut Poly<F>, b: &Poly<F>) {
        debug_assert_eq!(a.basis(), b.basis());
        self.each(a, |table, limb, residues| kernel::subtract(&table.modulus, residues, b.limb(limb)));
    }

    /// `a = -a`.
    pub fn neg_assign<F: Form>(&self, a: &mut Poly<F>) {
        self.each(a, |table, _, residues| {
            residues.iter_mut().for_each(|x| *x = table.modulus.neg(*x));
        });
    }

    /// `a = a b`, value by value.
    pub fn mul_assign(&self, a: &mut Poly<Ntt>, b: &Poly<Ntt>) {
        debug_assert_eq!(a.basis(), b.basis());
        self.each(a, |table, limb, residues| kernel::multiply(&table.modulus, residues, b.limb(limb)));
    }

    /// `a = a w`, with one residue a limb.
    pub fn mul_scalar_assign<F: Form>(&self, a: &mut Poly<F>, w: &[u64]) {
        debug_assert_eq!(a.basis().limbs(), w.len());
        self.each(a, |table, limb, residues| {
            kernel::scale(&table.modulus, residues, w.get(limb).copied().unwrap_or_default());
        });
    }
}
