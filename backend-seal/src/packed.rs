//! Ciphertexts and keys as henna sends them: what the parameters do not settle of SEAL's bytes, residues in as many bits as their
//! primes have.
//!
//! SEAL writes each residue into a word, so that one of 40 bits takes 64, and a list of keys with a place for each that is not
//! there. Here a ciphertext is a flag (1: a seed stands for the second polynomial), its scale, the residues, and the seed where there is
//! one; a switching key is its parts, one after the other. SEAL's bytes are built again around them, so no header, name or size comes
//! from outside.

use he_traits::wire::bits;

use crate::{
    error::SealError,
    layout::{self, Builder, Part, Position, Shape},
};

/// Flag and scale.
const HEAD_BYTES: usize = 1 + 8;

/// Bytes of the residues of one polynomial.
fn polynomial(shape: &Shape<'_>) -> usize {
    shape.primes.iter().map(|prime| shape.ring_degree * width(*prime) as usize / 8).sum()
}

fn width(prime: u64) -> u32 {
    u64::BITS - prime.leading_zeros()
}

/// Bytes of a part of a switching key, which is seeded.
fn seeded(shape: &Shape<'_>) -> usize {
    HEAD_BYTES + polynomial(shape) + layout::GENERATOR_BYTES
}

fn pack_part(part: &Part<'_>, shape: &Shape<'_>, out: &mut Vec<u8>) {
    out.push(u8::from(part.generator.is_some()));
    out.extend_from_slice(&part.scale.to_le_bytes());
    let mut words = Vec::with_capacity(shape.ring_degree);
    let limbs = part.residues.chunks_exact(8 * shape.ring_degree);
    for (limb, prime) in limbs.zip(shape.primes.iter().cycle()) {
        words.clear();
        words.extend(limb.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)));
        bits::pack(&words, width(*prime), out);
    }
    out.extend_from_slice(part.generator.unwrap_or_default());
}

fn unpack_part(
    what: &'static str,
    packed: &[u8],
    shape: &Shape<'_>,
    builder: &mut Builder,
) -> Result<(), SealError> {
    let expected = |bytes: usize| SealError::Malformed {
        what,
        reason: format!("{bytes} bytes expected, {} there", packed.len()),
    };
    let (head, rest) = packed.split_at_checked(HEAD_BYTES).ok_or_else(|| expected(HEAD_BYTES))?;
    let (polynomials, generator) = match head.first() {
        Some(1) => (1, layout::GENERATOR_BYTES),
        Some(0) => (2, 0),
        _ => return Err(SealError::Malformed { what, reason: "a seed is there or not".into() }),
    };
    let residues = polynomials * polynomial(shape);
    if rest.len() != residues + generator {
        return Err(expected(HEAD_BYTES + residues + generator));
    }
    let mut scale = [0; 8];
    scale.iter_mut().zip(head.iter().skip(1)).for_each(|(to, from)| *to = *from);
    builder.ciphertext(shape, f64::from_le_bytes(scale), generator > 0);
    let (mut rest, generator) = rest.split_at(residues);
    let mut words = vec![0; shape.ring_degree];
    for prime in shape.primes.iter().cycle().take(polynomials * shape.primes.len()) {
        let length = shape.ring_degree * width(*prime) as usize / 8;
        let (limb, left) = rest.split_at_checked(length).unwrap_or_default();
        rest = left;
        bits::unpack(limb, width(*prime), &mut words);
        builder.words(&words);
    }
    builder.generator(generator);
    Ok(())
}

/// A ciphertext from SEAL's bytes.
///
/// # Errors
/// [`SealError::Malformed`] for bytes that are not SEAL's of that shape.
pub(crate) fn pack_ciphertext(bytes: &[u8], shape: &Shape<'_>) -> Result<Vec<u8>, SealError> {
    let part = layout::ciphertext(bytes, shape)?;
    let mut out = Vec::with_capacity(HEAD_BYTES + 2 * polynomial(shape) + layout::GENERATOR_BYTES);
    pack_part(&part, shape, &mut out);
    Ok(out)
}

/// SEAL's bytes of a ciphertext.
///
/// # Errors
/// [`SealError::Malformed`] for another number of bytes than the shape has. Residues are left for SEAL to check.
pub(crate) fn unpack_ciphertext(packed: &[u8], shape: &Shape<'_>) -> Result<Vec<u8>, SealError> {
    let mut builder = Builder::default();
    unpack_part("ciphertext", packed, shape, &mut builder)?;
    Ok(builder.finish())
}

/// Bytes of a packed switching key.
pub(crate) fn key_bytes(shape: &Shape<'_>) -> usize {
    shape.parts() * seeded(shape)
}

/// A seeded switching key from SEAL's bytes, in which it stands alone at its place.
///
/// # Errors
/// [`SealError::Malformed`] for bytes that are not SEAL's of that shape and place.
#[cfg(feature = "client")]
pub(crate) fn pack_key(bytes: &[u8], shape: &Shape<'_>, position: Position) -> Result<Vec<u8>, SealError> {
    let mut out = Vec::with_capacity(key_bytes(shape));
    for part in layout::switching_key(bytes, shape, position)? {
        pack_part(&part, shape, &mut out);
    }
    Ok(out)
}

/// SEAL's bytes of a switching key.
///
/// # Errors
/// [`SealError::Malformed`] for another number of bytes than [`key_bytes`], and parts without a seed. Residues are left for SEAL to check.
pub(crate) fn unpack_key(packed: &[u8], shape: &Shape<'_>, position: Position) -> Result<Vec<u8>, SealError> {
    const WHAT: &str = "switching key";
    if packed.len() != key_bytes(shape) {
        let reason = format!("{} bytes expected, {} there", key_bytes(shape), packed.len());
        return Err(SealError::Malformed { what: WHAT, reason });
    }
    let mut builder = Builder::default();
    builder.list(shape, position);
    for part in packed.chunks_exact(seeded(shape)) {
        unpack_part(WHAT, part, shape, &mut builder)?;
    }
    builder.absent(position);
    Ok(builder.finish())
}
