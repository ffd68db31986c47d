//! Residues as bits: each in as many as its prime has.

use he_traits::wire::bits;
use he_traits::{Error, Result};

use crate::ring::{Basis, Ntt, Poly, Ring};

/// Bytes that the limbs of a polynomial over `basis` take.
pub(crate) fn bytes(ring: &Ring, basis: Basis) -> usize {
    ring.moduli_of(basis).map(|p| (ring.degree() * p.bits() as usize).div_ceil(8)).sum()
}

/// Appends the limbs of `x`.
pub(crate) fn pack(ring: &Ring, x: &Poly<Ntt>, out: &mut Vec<u8>) {
    for (limb, p) in x.limbs().zip(ring.moduli_of(x.basis())) {
        bits::pack(limb, p.bits(), out);
    }
}

/// Reads what [`pack`] wrote; `packed` must have [`bytes`] bytes.
///
/// # Errors
/// [`Error::Malformed`] for residues that are not reduced.
pub(crate) fn unpack(ring: &Ring, what: &'static str, basis: Basis, packed: &[u8]) -> Result<Poly<Ntt>> {
    let mut x = ring.zero::<Ntt>(basis);
    let mut rest = packed;
    for (limb, p) in x.limbs_mut().zip(ring.moduli_of(basis)) {
        let length = (ring.degree() * p.bits() as usize).div_ceil(8);
        let missing = || Error::malformed(what, format!("{length} bytes of a limb expected"));
        let (taken, left) = rest.split_at_checked(length).ok_or_else(missing)?;
        rest = left;
        bits::unpack(taken, p.bits(), limb);
        if let Some(residue) = limb.iter().find(|residue| **residue >= p.value()) {
            return Err(Error::malformed(what, format!("residue {residue} of the prime {}", p.value())));
        }
    }
    Ok(x)
}
