//! Powers of a root of unity, as transforms read them.

use aligned_vec::{AVec, ConstAlign};

use super::Modulus;

pub(crate) type Aligned = AVec<u64, ConstAlign<64>>;

/// Twiddle factors of one prime: powers of a primitive 2N-th root psi in bit-reversed order, each with its quotient
/// floor(w 2^52 / p).
///
/// The forward transform puts at place `i` the value at psi^(2 rev(i) + 1).
pub(crate) struct NttTable {
    pub(crate) modulus: Modulus,
    pub(crate) degree: usize,
    pub(crate) roots: Aligned,
    pub(crate) root_quotients: Aligned,
    pub(crate) inverse_roots: Aligned,
    pub(crate) inverse_root_quotients: Aligned,
    /// 1 / N.
    pub(crate) inverse_degree: u64,
    pub(crate) inverse_degree_quotient: u64,
}

impl NttTable {
    pub(crate) fn new(modulus: Modulus, degree: usize) -> Option<Self> {
        let root = primitive_root(modulus, degree)?;
        let (roots, root_quotients) = powers(modulus, degree, root);
        let (inverse_roots, inverse_root_quotients) = powers(modulus, degree, modulus.inverse(root));
        let inverse_degree = modulus.inverse(degree as u64 % modulus.value());
        Some(Self {
            modulus,
            degree,
            roots,
            root_quotients,
            inverse_roots,
            inverse_root_quotients,
            inverse_degree,
            inverse_degree_quotient: modulus.quotient(inverse_degree),
        })
    }
}

/// `i` with its lowest `bits` bits in the opposite order.
pub(crate) fn reversed(i: usize, bits: u32) -> usize {
    if bits == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - bits) }
}

fn powers(modulus: Modulus, degree: usize, root: u64) -> (Aligned, Aligned) {
    let bits = degree.trailing_zeros();
    let mut ordered = Vec::with_capacity(degree);
    let mut power = 1;
    for _ in 0..degree {
        ordered.push(power);
        power = modulus.mul(power, root);
    }
    let factors = (0..degree).map(|i| ordered.get(reversed(i, bits)).copied().unwrap_or_default());
    let factors = Aligned::from_iter(64, factors);
    let quotients = Aligned::from_iter(64, factors.iter().map(|w| modulus.quotient(*w)));
    (factors, quotients)
}

/// The smallest candidate's power that is a primitive 2N-th root of unity.
fn primitive_root(modulus: Modulus, degree: usize) -> Option<u64> {
    let (p, order) = (modulus.value(), 2 * degree as u64);
    if p % order != 1 {
        return None;
    }
    (2..p.min(1000))
        .map(|base| modulus.pow(base, (p - 1) / order))
        .find(|root| modulus.pow(*root, order / 2) == p - 1)
}
