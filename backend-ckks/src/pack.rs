//! Residues as bits: each in as many as its prime has.

use he_traits::{Error, Result};

use crate::ring::{Basis, Ntt, Poly, Ring};

/// Bytes that the limbs of a polynomial over `basis` take.
pub(crate) fn bytes(ring: &Ring, basis: Basis) -> usize {
    ring.moduli_of(basis).map(|p| (ring.degree() * p.bits() as usize).div_ceil(8)).sum()
}

/// Appends the limbs of `x`.
pub(crate) fn pack(ring: &Ring, x: &Poly<Ntt>, out: &mut Vec<u8>) {
    for (limb, p) in x.limbs().zip(ring.moduli_of(x.basis())) {
        let (mut word, mut filled) = (0_u128, 0);
        for residue in limb {
            word |= u128::from(*residue) << filled;
            filled += p.bits();
            while filled >= 8 {
                out.push(word as u8);
                word >>= 8;
                filled -= 8;
            }
        }
        if filled > 0 {
            out.push(word as u8);
        }
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
        let mut source = taken.iter();
        let (mut word, mut filled) = (0_u128, 0);
        let mask = (1_u128 << p.bits()) - 1;
        for residue in limb {
            while filled < p.bits() {
                word |= u128::from(source.next().copied().unwrap_or_default()) << filled;
                filled += 8;
            }
            *residue = (word & mask) as u64;
            word >>= p.bits();
            filled -= p.bits();
            if *residue >= p.value() {
                return Err(Error::malformed(what, format!("residue {residue} of the prime {}", p.value())));
            }
        }
    }
    Ok(x)
}
