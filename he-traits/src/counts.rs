//! How often each operation ran.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Numbers of operations, counted in the terms of the contract and not of a library behind it.
///
/// Counts that nobody can see from outside a backend (what a linear map or a polynomial does inside) come from the
/// [`crate::Symbolic`] evaluator, which accounts for each map as baby-step giant-step evaluation performs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Sums and differences of ciphertexts, and of ciphertexts and plaintexts.
    pub additions: u64,
    /// Products of two ciphertexts.
    pub products: u64,
    /// Products of a ciphertext and a plaintext (a diagonal, a factor, a constant that is not a small integer).
    pub plain_products: u64,
    /// Rotations that stand alone: giant steps, folds, and the first rotation of a hoisted group.
    pub rotations: u64,
    /// Further rotations of a ciphertext whose decomposition is shared.
    pub hoisted_rotations: u64,
    /// Complex conjugations.
    pub conjugations: u64,
    /// Divisions by a level's prime; none for schemes without levels.
    pub rescales: u64,
    /// Vectors of slots encoded.
    pub encodes: u64,
    /// Linear maps applied, one for each value.
    pub linear_maps: u64,
    /// Matrix entries multiplied in maps by [`crate::Schedule::Matrix`].
    pub entries: u64,
    /// Polynomials evaluated.
    pub polynomials: u64,
    /// Slots that went through an exact nonlinear function.
    pub exact_slots: u64,
    /// Ciphertexts refreshed.
    pub refreshes: u64,
}

impl Counts {
    /// Key switches: what dominates the time of lattice schemes (products, rotations and conjugations).
    pub fn key_switches(&self) -> u64 {
        self.products + self.rotations + self.hoisted_rotations + self.conjugations
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.additions += other.additions;
        self.products += other.products;
        self.plain_products += other.plain_products;
        self.rotations += other.rotations;
        self.hoisted_rotations += other.hoisted_rotations;
        self.conjugations += other.conjugations;
        self.rescales += other.rescales;
        self.encodes += other.encodes;
        self.linear_maps += other.linear_maps;
        self.entries += other.entries;
        self.polynomials += other.polynomials;
        self.exact_slots += other.exact_slots;
        self.refreshes += other.refreshes;
    }
}
