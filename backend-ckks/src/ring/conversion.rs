//! Fast base conversion: from the residues under some primes to those under others.

use super::Modulus;

/// Conversion from the primes `b_1, ..., b_n` (product B) to other primes t of the ring.
///
/// With `y_i = x_i (B / b_i)^-1 mod b_i`, `x = sum_i y_i (B / b_i) - u B` where `u = round(sum_i y_i / b_i)` makes the result the
/// representative in [-B/2, B/2]; rounding errors of `u` can only matter at the interval's very ends. Halevi, Polyakov and Shoup
/// (2019), section 2.2.
pub(crate) struct Conversion {
    /// Positions of the source primes in the ring's list.
    pub(crate) sources: Vec<usize>,
    /// (B / b_i)^-1 mod b_i.
    pub(crate) inverses: Vec<u64>,
    /// 1 / b_i.
    pub(crate) reciprocals: Vec<f64>,
    /// For each prime of the ring: B / b_i mod t for each i, then -B mod t.
    pub(crate) weights: Vec<Vec<u64>>,
    /// For each prime of the ring: 1 / B mod t; 0 where t is a source.
    pub(crate) divisors: Vec<u64>,
}

impl Conversion {
    pub(crate) fn new(moduli: &[Modulus], sources: Vec<usize>) -> Self {
        let primes: Vec<Modulus> = sources.iter().filter_map(|i| moduli.get(*i)).copied().collect();
        let product_without = |skip: usize, t: &Modulus| {
            let others = primes.iter().enumerate().filter(|(i, _)| *i != skip);
            others.fold(1, |product, (_, b)| t.mul(product, b.value() % t.value()))
        };
        let inverses = primes.iter().enumerate().map(|(i, b)| b.inverse(product_without(i, b))).collect();
        let weights = |t: &Modulus| {
            let mut weights: Vec<u64> = (0..primes.len()).map(|i| product_without(i, t)).collect();
            weights.push(t.neg(product_without(usize::MAX, t)));
            weights
        };
        Self {
            inverses,
            reciprocals: primes.iter().map(|b| 1.0 / b.value() as f64).collect(),
            weights: moduli.iter().map(weights).collect(),
            divisors: moduli.iter().map(|t| t.inverse(product_without(usize::MAX, t))).collect(),
            sources,
        }
    }
}
