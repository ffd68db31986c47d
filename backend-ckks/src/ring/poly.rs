//! Polynomials in residue form.

use std::marker::PhantomData;

use zeroize::Zeroize;

use super::buffer::Buffer;

/// The limbs of a polynomial: the chain primes q_0 .. q_(chain - 1), then the special primes p_0 .. p_(special - 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Basis {
    /// Number of chain primes.
    pub chain: usize,
    /// Number of special primes: none or all of the ring's.
    pub special: usize,
}

impl Basis {
    /// The first `chain` primes of the chain.
    #[must_use]
    pub const fn chain(chain: usize) -> Self {
        Self { chain, special: 0 }
    }

    /// Number of limbs.
    #[must_use]
    pub const fn limbs(self) -> usize {
        self.chain + self.special
    }
}

/// How the limbs of a polynomial are to be read: a marker, so that forms cannot be mixed up.
pub trait Form: sealed::Sealed + Send + Sync + 'static {}

/// Values at the roots of X^N + 1, in bit-reversed order, reduced.
#[derive(Clone, Copy, Debug)]
pub enum Ntt {}

/// Coefficients of 1, X, .., X^(N - 1), reduced.
#[derive(Clone, Copy, Debug)]
pub enum Coefficient {}

impl Form for Ntt {}
impl Form for Coefficient {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Ntt {}
    impl Sealed for super::Coefficient {}
}

/// A polynomial of Z\[X\]/(X^N + 1) modulo a product of primes: one limb of N residues a prime, all limbs in one
/// 64-byte aligned buffer, limb after limb.
///
/// The buffer goes back to a pool when it is dropped; a secret polynomial must be [zeroized](Zeroize) first.
pub struct Poly<F: Form> {
    basis: Basis,
    degree: usize,
    words: Buffer,
    form: PhantomData<F>,
}

impl<F: Form> Poly<F> {
    /// The zero polynomial.
    #[must_use]
    pub fn zero(degree: usize, basis: Basis) -> Self {
        Self { basis, degree, words: Buffer::zeroed(degree * basis.limbs()), form: PhantomData }
    }

    /// A polynomial with unspecified residues, for results that are written before they are read.
    pub(crate) fn scratch(degree: usize, basis: Basis) -> Self {
        Self { basis, degree, words: Buffer::scratch(degree * basis.limbs()), form: PhantomData }
    }

    /// The same words, read in another form: for transforms, after they changed the words.
    pub(crate) fn into_form<G: Form>(self) -> Poly<G> {
        Poly { basis: self.basis, degree: self.degree, words: self.words, form: PhantomData }
    }

    /// The limbs that there are.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// Number of residues a limb.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// Residues of limb `index`: chain primes first, then special ones. Empty beyond the last limb.
    #[must_use]
    pub fn limb(&self, index: usize) -> &[u64] {
        let start = index * self.degree;
        self.words.get(start..start + self.degree).unwrap_or_default()
    }

    /// Residues of the limb that is limb `index` of a smaller basis: special limbs come after fewer chain limbs there.
    pub(crate) fn limb_of(&self, basis: Basis, index: usize) -> &[u64] {
        debug_assert!(basis.chain <= self.basis.chain && basis.special <= self.basis.special);
        self.limb(if index < basis.chain { index } else { self.basis.chain + index - basis.chain })
    }

    /// Residues of limb `index`, to change; they must stay below the limb's prime. Empty beyond the last limb.
    pub fn limb_mut(&mut self, index: usize) -> &mut [u64] {
        let start = index * self.degree;
        self.words.get_mut(start..start + self.degree).unwrap_or_default()
    }

    /// All limbs in order.
    pub fn limbs(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.words.chunks_exact(self.degree)
    }

    /// All limbs in order, to change; residues must stay below the limb's prime.
    pub fn limbs_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [u64]> {
        self.words.chunks_exact_mut(self.degree)
    }

    /// The same residues for the first `chain` primes alone.
    #[must_use]
    pub fn truncated(&self, chain: usize) -> Self {
        debug_assert!(chain <= self.basis.chain);
        let mut shorter = Self::scratch(self.degree, Basis::chain(chain));
        for (to, from) in shorter.limbs_mut().zip(self.limbs()) {
            to.copy_from_slice(from);
        }
        shorter
    }

    /// Forgets all limbs but the first `chain`, in place.
    pub fn truncate(&mut self, chain: usize) {
        debug_assert!(chain <= self.basis.chain);
        self.basis = Basis::chain(chain);
        self.words.truncate(chain * self.degree);
    }

    /// All residues, limb after limb.
    #[must_use]
    pub fn as_slice(&self) -> &[u64] {
        &self.words
    }

    /// All residues, limb after limb, to change; they must stay below the limb's prime.
    pub fn as_mut_slice(&mut self) -> &mut [u64] {
        &mut self.words
    }
}

impl<F: Form> Clone for Poly<F> {
    fn clone(&self) -> Self {
        Self { basis: self.basis, degree: self.degree, words: self.words.clone(), form: PhantomData }
    }
}

impl<F: Form> PartialEq for Poly<F> {
    fn eq(&self, other: &Self) -> bool {
        self.basis == other.basis && self.words[..] == other.words[..]
    }
}

impl<F: Form> Eq for Poly<F> {}

impl<F: Form> std::fmt::Debug for Poly<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poly")
            .field("degree", &self.degree)
            .field("basis", &self.basis)
            .finish_non_exhaustive()
    }
}

impl<F: Form> Zeroize for Poly<F> {
    fn zeroize(&mut self) {
        self.words.erase();
    }
}
