//! Evaluation of polynomials on ciphertexts, at the least depth there is.
//!
//! # The algorithm
//! Paterson and Stockmeyer's baby steps and giant steps (SIAM J. Comput. 1973), arranged so that no level is lost, as Bossuat,
//! Mouchet, Troncoso-Pastoriza and Hubaux do it for CKKS (EUROCRYPT 2021, section 5). Write `T_k` for `x^k` or for the Chebyshev
//! polynomial. `T_k` costs `ceil(log2 k)` levels. A polynomial of degree `d` with `2^j <= d < 2^(j+1)` is `q T_(2^j) + r`. The
//! quotient `q` must be there one level before the result; its degree is below `2^j`, so `j` levels suffice for it. The remainder
//! has slack: it may be a linear combination of powers in one step as soon as the highest of them lies above the result. Only the
//! path of quotients of quotients has none; there the split goes on down to degree 1.
//!
//! # Number of products
//! With powers up to `m = 2^b` and `n = d + 1` coefficients there are at most `m + ceil(n / m) + ceil(log2 n) - 4` products of
//! ciphertexts for `1 < m < n`; the best `b` is found by counting ([`products`]), which keeps the sum below
//! `2.13 sqrt(n) + log2 n`. Vanishing coefficients save products: an odd or even polynomial never needs the powers of the other
//! parity.

mod plan;

use std::collections::BTreeMap;

use rayon::prelude::*;

use self::plan::{Node, Plan, depth};
use super::{Basis, Polynomial};
use crate::{Error, Evaluator, Level, Result};

/// Products of ciphertexts that [`evaluate`] takes.
pub fn products(polynomial: &Polynomial) -> usize {
    Plan::best(polynomial).products()
}

/// The value of `polynomial` at an encrypted `x`, at level `level(x) - depth` exactly.
///
/// ```
/// use he_traits::{Basis, ClearCiphertext, ClearEvaluator, ClearKeys, ClearParams, Diagonal, Evaluator, Level, Polynomial};
///
/// let params = ClearParams::new(4, Level::new(2))?;
/// let evaluator = ClearEvaluator::new(params, ClearKeys::all(&params))?;
/// let x = ClearCiphertext::new(&params, &Diagonal::Constant(0.5), Level::new(2))?;
/// let cube = Polynomial::new(Basis::Monomial, vec![1.0, 0.0, 0.0, 2.0])?;
/// let y = evaluator.polynomial(&x, &cube)?;
/// assert_eq!(y.level(), Level::ZERO);
/// assert!((y.slots()[0].re - 1.25).abs() < 1e-12);
/// # Ok::<(), he_traits::Error>(())
/// ```
///
/// # Errors
/// [`Error::LevelExhausted`] when `x` has fewer levels than [`Polynomial::depth`], [`Error::MissingRelinearisation`] when the
/// evaluation keys do not allow products at the level of `x`.
pub fn evaluate<E: Evaluator>(
    evaluator: &E,
    x: &E::Ciphertext,
    polynomial: &Polynomial,
) -> Result<E::Ciphertext> {
    let top = evaluator.level(x);
    let bottom = top.spend("polynomial", polynomial.depth())?;
    let plan = Plan::best(polynomial);
    if plan.root.is_constant() {
        return evaluator.combine(&[(0.0, x)], plan.root.constant, bottom);
    }
    let mut run = Run { evaluator, top, powers: BTreeMap::from([(1, x.clone())]), dropped: BTreeMap::new() };
    run.raise(&plan, polynomial.basis())?;
    run.drop_factors(&plan)?;
    run.node(&plan.root, polynomial.depth())
}

struct Run<'a, E: Evaluator> {
    evaluator: &'a E,
    top: Level,
    /// `T_k` at depth `ceil(log2 k)`.
    powers: BTreeMap<usize, E::Ciphertext>,
    /// Copies of giant powers further down, by power and depth.
    dropped: BTreeMap<(usize, u32), E::Ciphertext>,
}

impl<E: Evaluator> Run<'_, E> {
    fn at(&self, depth: u32) -> Result<Level> {
        self.top.spend("polynomial", depth)
    }

    fn power(&self, power: usize) -> Result<&E::Ciphertext> {
        self.powers.get(&power).ok_or_else(|| missing(power))
    }

    /// Computes the powers of the plan, depth by depth; those of one depth do not depend on one another.
    fn raise(&mut self, plan: &Plan, basis: Basis) -> Result<()> {
        let mut by_depth: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for power in plan.powers.iter().filter(|power| **power > 1) {
            by_depth.entry(depth(*power)).or_default().push(*power);
        }
        for powers in by_depth.values() {
            let raised: Vec<E::Ciphertext> =
                powers.par_iter().map(|power| self.raised(*power, basis)).collect::<Result<_>>()?;
            self.powers.extend(powers.iter().copied().zip(raised));
        }
        Ok(())
    }

    /// `x^(a+b) = x^a x^b`, and `T_(a+b) = 2 T_a T_b - T_|a-b|`; doubling is an addition and costs no level.
    fn raised(&self, power: usize, basis: Basis) -> Result<E::Ciphertext> {
        let (a, b) = plan::parents(power);
        let (to, above) = (self.at(depth(power))?, self.at(depth(power) - 1)?);
        let left = self.evaluator.drop_to(self.power(a)?, above)?;
        let product = if a == b {
            self.evaluator.mul(&left, &left)?
        } else {
            self.evaluator.mul(&left, &self.evaluator.drop_to(self.power(b)?, above)?)?
        };
        match basis {
            Basis::Monomial => Ok(product),
            Basis::Chebyshev if a == b => self.evaluator.combine(&[(2.0, &product)], -1.0, to),
            Basis::Chebyshev => {
                self.evaluator.combine(&[(2.0, &product), (-1.0, self.power(a - b)?)], 0.0, to)
            }
        }
    }

    /// Brings each giant power to each depth at which it is multiplied, once.
    fn drop_factors(&mut self, plan: &Plan) -> Result<()> {
        let wanted: Vec<(usize, u32)> =
            plan.factors.iter().copied().filter(|(k, at)| *at != depth(*k)).collect();
        let dropped: Vec<E::Ciphertext> = wanted
            .par_iter()
            .map(|(power, at)| self.evaluator.drop_to(self.power(*power)?, self.at(*at)?))
            .collect::<Result<_>>()?;
        self.dropped = wanted.into_iter().zip(dropped).collect();
        Ok(())
    }

    fn factor(&self, power: usize, at: u32) -> Result<&E::Ciphertext> {
        if at == depth(power) {
            return self.power(power);
        }
        self.dropped.get(&(power, at)).ok_or_else(|| missing(power))
    }

    /// The value of a node, `at` levels below `x`.
    fn node(&self, node: &Node, at: u32) -> Result<E::Ciphertext> {
        let quotients: Vec<E::Ciphertext> = node
            .quotients
            .par_iter()
            .map(|(quotient, _)| self.node(quotient, at - 1))
            .collect::<Result<_>>()?;
        let mut pairs = Vec::with_capacity(quotients.len());
        for (quotient, (_, power)) in quotients.iter().zip(&node.quotients) {
            pairs.push((quotient, self.factor(*power, at - 1)?));
        }
        let mut terms = Vec::with_capacity(node.terms.len());
        for (power, coefficient) in &node.terms {
            terms.push((*coefficient, self.power(*power)?));
        }
        match (pairs.is_empty(), terms.is_empty()) {
            (true, _) => self.evaluator.combine(&terms, node.constant, self.at(at)?),
            (false, true) if node.constant == 0.0 => self.evaluator.mul_sum(&pairs),
            (false, true) => self.evaluator.add_scalar(&self.evaluator.mul_sum(&pairs)?, node.constant),
            (false, false) => {
                let linear = self.evaluator.combine(&terms, node.constant, self.at(at)?)?;
                self.evaluator.add(&self.evaluator.mul_sum(&pairs)?, &linear)
            }
        }
    }
}

/// The plan names each power that it uses, so this is a fault of the plan.
fn missing(power: usize) -> Error {
    Error::shape("polynomial", format!("power {power} among the prepared ones"), "none")
}
