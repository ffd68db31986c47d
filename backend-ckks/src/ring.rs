//! The ring Z_Q\[X\]/(X^N + 1) in residue number system: primes, transforms, and what moves between moduli.
//!
//! Order of the primes: the chain `q_0, q_1, ...`, then the special primes. A polynomial's [`Basis`] says how far it reaches.
//!
//! [`Ring`] holds the primes with their tables and does all arithmetic; [`Poly`] holds residues. What a scheme does beyond
//! pointwise arithmetic is here too, because its speed is decided by what the steps share:
//! [decomposition](Ring::decompose) into key-switching digits, [products with keys](Ring::key_product), and the
//! [rounded divisions](Ring::mod_down) by special and chain primes.

mod arithmetic;
mod automorphism;
pub(crate) mod buffer;
mod conversion;
mod hoisted;
mod key_switch;
mod modulus;
pub(crate) mod parallel;
mod poly;
pub(crate) mod primes;
mod switching;
#[cfg(test)]
mod tests;

pub use automorphism::{Automorphism, GaloisElement};
pub use hoisted::{Hoisted, Multiplier, Rotated, Sum};
pub use key_switch::{Finish, Switched};
pub use modulus::{Factor, Modulus};
pub(crate) use modulus::{SMALL_INTEGER, WORD_BITS, WORD_MASK};
pub(crate) use parallel::for_each_limb;
pub use poly::{Basis, Coefficient, Form, Ntt, Poly};
pub use primes::{is_prime, ntt_primes};
pub use switching::{Digits, KeyHalves};

use crate::error::Error;
use crate::kernel::{InverseScale, Limb, Path};
use conversion::Conversion;

/// The primes of a parameter set with everything that arithmetic modulo them needs. Built once, shared by `Arc`.
pub struct Ring {
    degree: usize,
    chain: usize,
    path: Path,
    /// Chain primes, then special primes.
    limbs: Vec<Limb>,
    /// For each limb: the scale of a plain inverse transform.
    plain_scales: Vec<InverseScale>,
    /// For each limb: the product of the special primes modulo its prime.
    lifts: Vec<Factor>,
    /// For each number of chain limbs l >= 1, at l - 1: from the digit that ends with limb l - 1.
    from_digits: Vec<Conversion>,
    /// From the special primes.
    from_special: Conversion,
    /// For each number of chain limbs l >= 1, at l - 1: from limb l - 1.
    last: Vec<Conversion>,
    /// From the limb l - 1 and the special primes.
    last_and_special: Vec<Conversion>,
}

impl Ring {
    /// Smallest degree, for tests and for subrings.
    pub const LEAST_DEGREE: usize = 1 << 4;
    /// Largest degree.
    pub const MOST_DEGREE: usize = 1 << 17;
    /// Largest number of special primes, which is the length of a key-switching digit: sums of a base conversion from
    /// one prime more stay below four times the target prime.
    pub const MOST_SPECIAL: usize = 11;

    /// The ring of `degree` N over these primes, each below 2^50 and `1 mod 2N`; special primes may be missing where
    /// nothing switches keys.
    ///
    /// # Errors
    /// [`Error::Degree`], [`Error::Prime`], [`Error::RepeatedPrime`], [`Error::Special`].
    pub fn new(degree: usize, chain: &[u64], special: &[u64]) -> Result<Self, Error> {
        Self::with_path(degree, chain, special, Path::detect())
    }

    /// [`Ring::new`] on the given kernels, for tests and benchmarks.
    ///
    /// # Errors
    /// As [`Ring::new`].
    pub fn with_path(degree: usize, chain: &[u64], special: &[u64], path: Path) -> Result<Self, Error> {
        let (least, most) = (Self::LEAST_DEGREE, Self::MOST_DEGREE);
        if !degree.is_power_of_two() || !(least..=most).contains(&degree) {
            return Err(Error::Degree { degree, least, most });
        }
        if special.len() > Self::MOST_SPECIAL {
            return Err(Error::Special { count: special.len(), most: Self::MOST_SPECIAL });
        }
        let values: Vec<u64> = chain.iter().chain(special).copied().collect();
        for (index, &value) in values.iter().enumerate() {
            if values.iter().take(index).any(|&earlier| earlier == value) {
                return Err(Error::RepeatedPrime { value });
            }
        }
        let limbs = parallel::map(&values, |&value| limb(value, degree, path));
        let limbs = limbs.into_iter().collect::<Result<Vec<_>, _>>()?;
        let alpha = special.len();
        let last = chain.len();
        let convert = |sources: std::ops::Range<usize>| Conversion::new(&limbs, &sources.collect::<Vec<_>>());
        let joined = |index: usize| {
            let sources: Vec<_> = std::iter::once(index).chain(last..limbs.len()).collect();
            Conversion::new(&limbs, &sources)
        };
        let from_digits = (1..=last).filter(|_| alpha > 0).map(|end| convert((end - 1) / alpha * alpha..end));
        let lift = |limb: &Limb| {
            let p = limb.modulus();
            p.factor(special.iter().fold(1, |product, &prime| p.mul(product, prime % p.value())))
        };
        Ok(Self {
            degree,
            chain: last,
            path,
            plain_scales: limbs.iter().map(|limb| limb.inverse_scale(1)).collect(),
            lifts: limbs.iter().map(lift).collect(),
            from_digits: from_digits.collect(),
            from_special: convert(last..limbs.len()),
            last: (0..last).map(|index| convert(index..index + 1)).collect(),
            last_and_special: (0..last).map(joined).collect(),
            limbs,
        })
    }

    /// The degree N.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// The kernels that run.
    #[must_use]
    pub fn path(&self) -> Path {
        self.path
    }

    /// Number of chain primes.
    #[must_use]
    pub fn chain(&self) -> usize {
        self.chain
    }

    /// Number of special primes, which is also the number of limbs in a digit.
    #[must_use]
    pub fn special(&self) -> usize {
        self.limbs.len() - self.chain
    }

    /// The first `chain` primes of the chain with all special ones.
    #[must_use]
    pub fn extended(&self, chain: usize) -> Basis {
        Basis { chain, special: self.special() }
    }

    /// The chain primes, then the special ones.
    pub fn moduli(&self) -> impl ExactSizeIterator<Item = &Modulus> {
        self.limbs.iter().map(Limb::modulus)
    }

    /// The primes of a basis, limb by limb.
    pub fn moduli_of(&self, basis: Basis) -> impl ExactSizeIterator<Item = &Modulus> + Clone {
        (0..basis.limbs()).map(move |index| self.modulus(basis, index))
    }

    /// The prime of limb `limb` of `basis`.
    #[must_use]
    pub fn modulus(&self, basis: Basis, limb: usize) -> &Modulus {
        self.limb(basis, limb).modulus()
    }

    /// log2 of the product of the primes of a basis.
    #[must_use]
    pub fn log2_modulus(&self, basis: Basis) -> f64 {
        self.moduli_of(basis).map(|p| (p.value() as f64).log2()).sum()
    }

    /// The zero polynomial.
    #[must_use]
    pub fn zero<F: Form>(&self, basis: Basis) -> Poly<F> {
        self.check_basis(basis);
        Poly::zero(self.degree, basis)
    }

    pub(crate) fn scratch<F: Form>(&self, basis: Basis) -> Poly<F> {
        self.check_basis(basis);
        Poly::scratch(self.degree, basis)
    }

    /// Tables of limb `index` of a basis.
    #[expect(clippy::indexing_slicing, reason = "bases are checked where polynomials are made")]
    pub(crate) fn limb(&self, basis: Basis, index: usize) -> &Limb {
        &self.limbs[self.position(basis, index)]
    }

    /// Where limb `index` of a basis stands among all limbs of the ring.
    fn position(&self, basis: Basis, index: usize) -> usize {
        if index < basis.chain { index } else { self.chain + index - basis.chain }
    }

    /// A basis that the ring does not have is a mistake of the caller, which no input from outside can cause.
    fn check_basis(&self, basis: Basis) {
        assert!(basis.chain <= self.chain, "{} chain limbs asked of {}", basis.chain, self.chain);
        assert!(basis.special == 0 || basis.special == self.special(), "special limbs: none or all");
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ring(degree {}, {} chain and {} special primes)", self.degree, self.chain, self.special())
    }
}

fn limb(value: u64, degree: usize, path: Path) -> Result<Limb, Error> {
    let modulus = Modulus::new(value)?;
    let unfriendly = Error::Prime { value, reason: "it is not 1 modulo twice the degree" };
    if value % (2 * degree as u64) != 1 {
        return Err(unfriendly);
    }
    Limb::new(modulus, degree, path).ok_or(unfriendly)
}
