//! Base conversion: from residues modulo some primes to residues modulo others.
//!
//! For y in [0, Q), Q the product of the source primes q_i, let y_i = y (Q/q_i)^-1 mod q_i. Then y = sum of
//! y_i (Q/q_i) - v Q with v = floor(sum of y_i / q_i). With v rounded instead the result is the representative in
//! [-Q/2, Q/2]: exact, and the smallest there is (Halevi, Polyakov, Shoup 2018, section 2.2; there v is a
//! floating-point sum, here a fixed-point one, so that every path finds the same words).

use super::modulus::{Factor, Modulus};
use crate::kernel::{ConversionTarget, InverseScale, Limb, Path};

/// Constants of the conversion from some limbs of the ring to all the others.
pub(crate) struct Conversion {
    /// For each source prime: the scale of its inverse transform, (Q/q_i)^-1 included.
    scales: Vec<InverseScale>,
    /// For each source prime: floor(2^(52 + shift) / q_i).
    fractions: Vec<u64>,
    shift: u32,
    /// For each limb of the ring: what converts into it, and Q^-1 for the division by Q. None for sources.
    targets: Vec<Option<(ConversionTarget, Factor)>>,
}

impl Conversion {
    /// From the limbs `sources` of the ring to all the others.
    pub(crate) fn new(limbs: &[Limb], sources: &[usize]) -> Self {
        let source_limbs: Vec<_> = sources.iter().filter_map(|&index| limbs.get(index)).collect();
        let primes: Vec<_> = source_limbs.iter().map(|limb| *limb.modulus()).collect();
        let smallest = primes.iter().map(|p| p.bits()).min().unwrap_or(1);
        // Every q lies above 2^(smallest - 1), so every fraction lies below 2^52.
        let shift = smallest - 1;
        let fraction = |p: &Modulus| ((1u128 << (52 + shift)) / u128::from(p.value())) as u64;
        let hat = |target: &Modulus, skip: usize| {
            primes
                .iter()
                .enumerate()
                .filter(|&(i, _)| i != skip)
                .fold(1, |product, (_, prime)| target.mul(product, prime.value() % target.value()))
        };
        let scale = |(i, limb): (usize, &&Limb)| {
            let p = limb.modulus();
            limb.inverse_scale(p.inverse(hat(p, i)))
        };
        let target = |(index, limb): (usize, &Limb)| {
            let p = limb.modulus();
            (!sources.contains(&index)).then(|| {
                let word = p.word().value;
                let hats = (0..primes.len()).map(|i| p.mul(hat(p, i), word)).collect();
                let product = hat(p, usize::MAX);
                let minus_product = p.mul(p.neg(product), word);
                (ConversionTarget { hats, minus_product }, p.factor(p.inverse(product)))
            })
        };
        Self {
            scales: source_limbs.iter().enumerate().map(scale).collect(),
            fractions: primes.iter().map(fraction).collect(),
            shift,
            targets: limbs.iter().enumerate().map(target).collect(),
        }
    }

    /// Number of source limbs.
    pub(crate) fn sources(&self) -> usize {
        self.scales.len()
    }

    /// The scale of the inverse transform of source limb `index`.
    pub(crate) fn scale(&self, index: usize) -> Option<InverseScale> {
        self.scales.get(index).copied()
    }

    /// Rounded quotients for scaled sources, which lie one after the other.
    pub(crate) fn quotients(&self, path: Path, out: &mut [u64], sources: &[u64]) {
        path.conversion_quotients(out, sources, &self.fractions, self.shift);
    }

    /// What converts into limb `index` of the ring, with the inverse of the source modulus there.
    pub(crate) fn target(&self, index: usize) -> Option<&(ConversionTarget, Factor)> {
        self.targets.get(index)?.as_ref()
    }
}
