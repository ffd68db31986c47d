//! Which powers to compute, and how the polynomial is split over them.

use std::collections::BTreeSet;

use crate::{Basis, Polynomial};

/// A polynomial as `sum of q_i T_(p_i) + sum of c_k T_k + constant`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Node {
    /// Quotients of degree 1 at least, each with the power of two that it is multiplied with.
    pub(super) quotients: Vec<(Node, usize)>,
    /// Powers and their coefficients.
    pub(super) terms: Vec<(usize, f64)>,
    /// Coefficient of `T_0`.
    pub(super) constant: f64,
}

impl Node {
    pub(super) fn is_constant(&self) -> bool {
        self.quotients.is_empty() && self.terms.is_empty()
    }

    fn products(&self) -> usize {
        self.quotients.iter().map(|(quotient, _)| 1 + quotient.products()).sum()
    }
}

/// A split polynomial and the powers that it needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) root: Node,
    /// Each power that is computed, 1 included where it is used.
    pub(super) powers: BTreeSet<usize>,
    /// Powers that multiply a quotient, with the depth of that quotient.
    pub(super) factors: BTreeSet<(usize, u32)>,
}

/// Levels that `T_power` consumes: `ceil(log2 power)`.
pub(super) fn depth(power: usize) -> u32 {
    power.next_power_of_two().ilog2()
}

/// The powers `a >= b` with `a + b = power` whose product is `T_power` (with `T_(a-b)` in the Chebyshev basis). The larger one is a power of
/// two, so that the depth is least, and an odd power needs only odd ones beside the powers of two.
pub(super) fn parents(power: usize) -> (usize, usize) {
    let a = power.next_power_of_two() / 2;
    (a, power - a)
}

impl Plan {
    /// The plan with the fewest products; among equals the one with the fewest powers kept in memory.
    pub(super) fn best(polynomial: &Polynomial) -> Self {
        let babies = 0..=polynomial.depth();
        let plans = babies.map(|log| Self::new(polynomial, 1 << log));
        plans.min_by_key(|plan| (plan.products(), plan.powers.len())).unwrap_or_default()
    }

    /// The plan whose linear combinations reach up to `T_limit`.
    fn new(polynomial: &Polynomial, limit: usize) -> Self {
        let mut plan = Self::default();
        let mut splitter = Splitter { basis: polynomial.basis(), limit, plan: &mut plan };
        let root = splitter.split(polynomial.coefficients().to_vec(), polynomial.depth());
        plan.root = root;
        plan.close(polynomial.basis());
        plan
    }

    /// Products of ciphertexts: one for each power above 1, one for each quotient.
    pub(super) fn products(&self) -> usize {
        self.powers.iter().filter(|power| **power > 1).count() + self.root.products()
    }

    /// Adds the powers from which the needed ones are made, highest first.
    fn close(&mut self, basis: Basis) {
        let mut open = self.powers.clone();
        while let Some(power) = open.pop_last() {
            self.powers.insert(power);
            if power > 1 {
                let (a, b) = parents(power);
                open.extend([a, b]);
                if basis == Basis::Chebyshev && a != b {
                    open.insert(a - b);
                }
            }
        }
    }
}

struct Splitter<'a> {
    basis: Basis,
    limit: usize,
    plan: &'a mut Plan,
}

impl Splitter<'_> {
    /// Splits a polynomial whose value is wanted `at` levels below `x`; its depth is at most `at`.
    fn split(&mut self, mut coefficients: Vec<f64>, at: u32) -> Node {
        let mut node = Node::default();
        loop {
            while coefficients.len() > 1 && coefficients.last() == Some(&0.0) {
                coefficients.pop();
            }
            let degree = coefficients.len().saturating_sub(1);
            if degree <= self.limit && (degree == 0 || depth(degree) < at) {
                break;
            }
            let power = 1 << degree.ilog2();
            let quotient = divide(self.basis, &mut coefficients, power);
            if let [coefficient] = quotient.as_slice() {
                self.term(&mut node, power, *coefficient);
            } else {
                self.plan.powers.insert(power);
                self.plan.factors.insert((power, at - 1));
                node.quotients.push((self.split(quotient, at - 1), power));
            }
        }
        node.constant = coefficients.first().copied().unwrap_or(0.0);
        for (power, coefficient) in coefficients.into_iter().enumerate().skip(1) {
            if coefficient != 0.0 {
                self.term(&mut node, power, coefficient);
            }
        }
        node
    }

    fn term(&mut self, node: &mut Node, power: usize, coefficient: f64) {
        self.plan.powers.insert(power);
        node.terms.push((power, coefficient));
    }
}

/// Divides by `T_power`, where `power <= degree < 2 power`: leaves the remainder, returns the quotient.
///
/// In the Chebyshev basis `T_k = 2 T_(k - power) T_power - T_(2 power - k)` for `k > power`.
fn divide(basis: Basis, coefficients: &mut Vec<f64>, power: usize) -> Vec<f64> {
    let mut quotient = coefficients.split_off(power);
    if basis == Basis::Chebyshev {
        for (k, coefficient) in quotient.iter_mut().enumerate().skip(1) {
            if let Some(reflected) = coefficients.get_mut(power - k) {
                *reflected -= *coefficient;
            }
            *coefficient *= 2.0;
        }
    }
    quotient
}
