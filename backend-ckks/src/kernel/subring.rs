//! Transforms in subrings: of polynomials in X^gap, which are those of degree n = N / gap.
//!
//! Position i of a transform holds the value at psi^(2 r(i) + 1), r the reversal of log2(N) bits. What a polynomial g(X^gap)
//! has there is the value of g at (psi^gap)^(2 r(i) + 1). The root has order 2n, so that only the lowest log2(n) bits of r(i)
//! count, which are the highest of i: the values of g in degree n over the root psi^gap, each repeated gap times.

#[cfg(target_arch = "x86_64")]
use super::ifma;
use super::{Limb, Path};
use crate::ring::{Factor, Modulus};

/// The transform of one prime in one degree.
pub(super) enum Subring {
    /// Factor of block g of the layer with m blocks, at m + g.
    Portable(Vec<Factor>),
    #[cfg(target_arch = "x86_64")]
    Ifma(ifma::Forward),
}

impl Subring {
    /// Tables of degree n for a primitive 2n-th root of unity.
    fn new(modulus: &Modulus, degree: usize, root: u64, path: Path) -> Self {
        match path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Ifma(_) if degree >= 64 => Self::Ifma(ifma::Forward::new(modulus, degree, root)),
            _ => {
                let bits = degree.trailing_zeros();
                let reversed = |i: usize| i.reverse_bits().unbounded_shr(usize::BITS - bits) as u64;
                let power = |i| modulus.factor(modulus.pow(root, reversed(i)));
                Self::Portable((0..degree).map(power).collect())
            }
        }
    }
}

impl Limb {
    /// Forward transform, in the subring of degree `x.len()` (a power of two, N at most), of reduced words in place, lazy.
    pub(crate) fn forward_subring_lazy(&self, x: &mut [u64]) {
        if x.len() == self.degree {
            return self.forward_lazy(x);
        }
        match self.subring(x.len()) {
            Subring::Portable(factors) => forward(&self.modulus, factors, x),
            #[cfg(target_arch = "x86_64")]
            Subring::Ifma(transform) => {
                // SAFETY: these tables are made on the path of an `Ifma` alone.
                unsafe { transform.run::<true>(&self.modulus, x) }
            }
        }
    }

    /// As [`Limb::forward_subring_lazy`], with reduced results.
    pub(crate) fn forward_subring(&self, x: &mut [u64]) {
        if x.len() == self.degree {
            return self.forward(x);
        }
        match self.subring(x.len()) {
            Subring::Portable(factors) => forward(&self.modulus, factors, x),
            #[cfg(target_arch = "x86_64")]
            Subring::Ifma(transform) => {
                // SAFETY: these tables are made on the path of an `Ifma` alone.
                unsafe { transform.run::<false>(&self.modulus, x) }
            }
        }
    }

    fn subring(&self, degree: usize) -> &Subring {
        assert!(degree.is_power_of_two() && degree < self.degree, "a subring of degree {degree}");
        let make = || {
            let root = self.modulus.pow(self.root, (self.degree / degree) as u64);
            Subring::new(&self.modulus, degree, root, self.path)
        };
        self.subrings[degree.trailing_zeros() as usize].get_or_init(make)
    }
}

/// The transform for every machine and degree: subrings are small, so that it need not be the fastest.
fn forward(modulus: &Modulus, factors: &[Factor], x: &mut [u64]) {
    let (mut blocks, mut half) = (1, x.len() / 2);
    while half > 0 {
        for (block, factor) in x.chunks_exact_mut(2 * half).zip(&factors[blocks..]) {
            let (low, high) = block.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                let turned = modulus.mul_factor(*high, *factor);
                (*low, *high) = (modulus.add(*low, turned), modulus.sub(*low, turned));
            }
        }
        (blocks, half) = (2 * blocks, half / 2);
    }
}
