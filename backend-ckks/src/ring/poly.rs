//! Polynomials in residue number system: limb by limb, in one aligned buffer.
#![expect(
    clippy::indexing_slicing,
    reason = "limb indices beyond the basis are a caller's defect, and must stop at once"
)]

use std::marker::PhantomData;

use aligned_vec::{AVec, ConstAlign};
use rayon::prelude::*;

use super::Ring;

/// Coefficients `a_0, ..., a_{N-1}` of each limb.
#[derive(Clone, Copy, Debug)]
pub enum Coefficient {}

/// Values at the odd powers of a primitive 2N-th root of unity, in bit-reversed order.
#[derive(Clone, Copy, Debug)]
pub enum Ntt {}

/// The form in which a polynomial is held: a type, so that forms cannot be mixed up.
pub trait Form: Copy + Send + Sync + 'static {}

impl Form for Coefficient {}
impl Form for Ntt {}

/// Which primes a polynomial's limbs belong to: `q_0, ..., q_{chain-1}`, then either all special primes or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Basis {
    /// Number of chain primes, from the first.
    pub chain: usize,
    /// Number of special primes: all of the ring's, or 0.
    pub special: usize,
}

impl Basis {
    /// The first `chain` primes of the chain.
    pub const fn chain(chain: usize) -> Self {
        Self { chain, special: 0 }
    }

    /// Number of limbs.
    pub const fn limbs(self) -> usize {
        self.chain + self.special
    }
}

/// A polynomial of degree below N: one contiguous buffer, limb-major, aligned to cache lines. Residues are reduced.
pub struct Poly<F> {
    basis: Basis,
    degree: usize,
    data: AVec<u64, ConstAlign<64>>,
    form: PhantomData<F>,
}

impl<F> Clone for Poly<F> {
    fn clone(&self) -> Self {
        Self { basis: self.basis, degree: self.degree, data: self.data.clone(), form: PhantomData }
    }
}

impl<F> std::fmt::Debug for Poly<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Poly(degree {}, {} + {} limbs)", self.degree, self.basis.chain, self.basis.special)
    }
}

impl<F> PartialEq for Poly<F> {
    fn eq(&self, other: &Self) -> bool {
        self.basis == other.basis && self.data[..] == other.data[..]
    }
}

impl<F: Form> Poly<F> {
    /// The zero polynomial.
    pub fn zero(degree: usize, basis: Basis) -> Self {
        let data = AVec::__from_elem(64, 0, degree * basis.limbs());
        Self { basis, degree, data, form: PhantomData }
    }

    /// The primes of its limbs.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// The ring's degree N.
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// All residues, limb after limb.
    pub fn as_slice(&self) -> &[u64] {
        &self.data
    }

    /// All residues, to be written limb after limb; they must stay reduced.
    pub fn as_mut_slice(&mut self) -> &mut [u64] {
        &mut self.data
    }

    /// The limbs, in the order of the basis.
    pub fn limbs(&self) -> std::slice::ChunksExact<'_, u64> {
        self.data.chunks_exact(self.degree)
    }

    /// The limbs, to be written.
    pub fn limbs_mut(&mut self) -> std::slice::ChunksExactMut<'_, u64> {
        self.data.chunks_exact_mut(self.degree)
    }

    /// Limb `i` of the basis.
    pub fn limb(&self, i: usize) -> &[u64] {
        &self.data[i * self.degree..][..self.degree]
    }

    /// Limb `i` of the basis, to be written.
    pub fn limb_mut(&mut self, i: usize) -> &mut [u64] {
        &mut self.data[i * self.degree..][..self.degree]
    }

    /// The limbs in parallel, each with its index.
    pub fn par_limbs_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [u64]> {
        self.data.par_chunks_exact_mut(self.degree)
    }

    /// The same residues under the first `chain` primes alone.
    pub fn truncated(&self, chain: usize) -> Self {
        debug_assert!(chain <= self.basis.chain);
        let mut shorter = Self::zero(self.degree, Basis::chain(chain));
        shorter.data.copy_from_slice(&self.data[..chain * self.degree]);
        shorter
    }

    /// Forgets all limbs but the first `chain`, in place.
    pub fn truncate(&mut self, chain: usize) {
        debug_assert!(chain <= self.basis.chain);
        self.data.truncate(chain * self.degree);
        self.basis = Basis::chain(chain);
    }

    /// The same residues, taken as another form. Only for transforms.
    pub(super) fn into_form<G: Form>(self) -> Poly<G> {
        Poly { basis: self.basis, degree: self.degree, data: self.data, form: PhantomData }
    }
}

impl Ring {
    /// The zero polynomial over `basis`.
    pub fn zero<F: Form>(&self, basis: Basis) -> Poly<F> {
        Poly::zero(self.degree(), basis)
    }
}
