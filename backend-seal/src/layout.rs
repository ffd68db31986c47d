//! The layout of SEAL's bytes, checked before SEAL reads them.
//!
//! SEAL's loaders reserve memory for sizes that they read from the bytes and accept nested compressed parts whose size nothing
//! bounds. Both are settled here: every header, name and size in the bytes of a key or ciphertext is known from the parameters,
//! so anything else is refused first. What is left for SEAL to check are the residues themselves.
//!
//! Layout of SEAL 4.0, little-endian: each object starts with a header of 16 bytes (magic, header size, version, compression,
//! reserved, total size). A ciphertext follows with its modulus' name, form, counts and scale, then an array of residues with a
//! header of its own; a seeded one holds half of the residues and a generator with its seed.

use crate::{error::SealError, native::ParmsId};

const MAGIC: u16 = 0xA15E;
const HEADER_BYTES: usize = 16;
const SEED_BYTES: usize = 64;
/// Name of the modulus, form, three counts, scale, correction factor.
const CIPHERTEXT_META_BYTES: usize = 32 + 1 + 3 * 8 + 8 + 8;

/// The ring and modulus that an object must have.
pub(crate) struct Shape<'a> {
    pub(crate) ring_degree: usize,
    /// Number of primes.
    pub(crate) limbs: usize,
    pub(crate) modulus: &'a ParmsId,
}

struct Cursor<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn fail<T>(&self, reason: String) -> Result<T, SealError> {
        Err(SealError::Malformed { what: self.what, reason })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], SealError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => self.fail(format!("{count} more bytes expected, {} there", self.rest.len())),
        }
    }

    fn number<const BYTES: usize>(&mut self) -> Result<u64, SealError> {
        let mut wide = [0; 8];
        wide.iter_mut().zip(self.take(BYTES)?).for_each(|(to, from)| *to = *from);
        Ok(u64::from_le_bytes(wide))
    }

    fn expect<const BYTES: usize>(&mut self, name: &str, expected: u64) -> Result<(), SealError> {
        let got = self.number::<BYTES>()?;
        if got == expected { Ok(()) } else { self.fail(format!("{name} is {got}, not {expected}")) }
    }

    /// A header of an uncompressed object of `size` bytes, itself included.
    fn header(&mut self, size: usize) -> Result<(), SealError> {
        self.expect::<2>("SEAL's magic number", u64::from(MAGIC))?;
        self.expect::<1>("the header's size", HEADER_BYTES as u64)?;
        self.expect::<1>("SEAL's major version", 4)?;
        self.expect::<1>("SEAL's minor version", 0)?;
        self.expect::<1>("the compression mode", 0)?;
        self.expect::<2>("the reserved word", 0)?;
        self.expect::<8>("the object's size", size as u64)
    }

    fn modulus(&mut self, expected: &ParmsId) -> Result<(), SealError> {
        for word in expected.0 {
            if self.number::<8>()? != word {
                return self.fail("it belongs to another modulus".into());
            }
        }
        Ok(())
    }

    /// An array of `words` residues.
    fn residues(&mut self, words: usize) -> Result<(), SealError> {
        self.header(HEADER_BYTES + 8 + 8 * words)?;
        self.expect::<8>("the number of residues", words as u64)?;
        self.take(8 * words).map(|_| ())
    }

    /// A ciphertext of two polynomials, whole or seeded; gives its scale.
    fn ciphertext(&mut self, shape: &Shape<'_>) -> Result<f64, SealError> {
        let polynomial = shape.ring_degree * shape.limbs;
        let array = |words| HEADER_BYTES + 8 + 8 * words;
        let whole = HEADER_BYTES + CIPHERTEXT_META_BYTES + array(2 * polynomial);
        let seeded = HEADER_BYTES + CIPHERTEXT_META_BYTES + array(polynomial) + HEADER_BYTES + 1 + SEED_BYTES;
        // The two lengths differ for every ring, and the header says which one it is.
        let mut ahead = Cursor { what: self.what, rest: self.rest };
        ahead.take(HEADER_BYTES - 8)?;
        let is_seeded = ahead.number::<8>()? == seeded as u64;

        self.header(if is_seeded { seeded } else { whole })?;
        self.modulus(shape.modulus)?;
        self.expect::<1>("NTT form", 1)?;
        self.expect::<8>("the number of polynomials", 2)?;
        self.expect::<8>("the ring degree", shape.ring_degree as u64)?;
        self.expect::<8>("the number of primes", shape.limbs as u64)?;
        let scale = f64::from_bits(self.number::<8>()?);
        self.expect::<8>("the correction factor", 1)?;
        if is_seeded {
            self.residues(polynomial)?;
            self.header(HEADER_BYTES + 1 + SEED_BYTES)?;
            self.take(1 + SEED_BYTES)?;
        } else {
            self.residues(2 * polynomial)?;
        }
        Ok(scale)
    }

    fn finish(self) -> Result<(), SealError> {
        match self.rest.len() {
            0 => Ok(()),
            spare => self.fail(format!("{spare} bytes too many")),
        }
    }
}

/// Checks the bytes of a ciphertext and gives the scale that they claim.
pub(crate) fn ciphertext(bytes: &[u8], shape: &Shape<'_>) -> Result<f64, SealError> {
    let mut cursor = Cursor { what: "ciphertext", rest: bytes };
    let scale = cursor.ciphertext(shape)?;
    cursor.finish()?;
    Ok(scale)
}

/// Checks the bytes of a public key.
#[cfg(feature = "client")]
pub(crate) fn public_key(bytes: &[u8], shape: &Shape<'_>) -> Result<(), SealError> {
    let mut cursor = Cursor { what: "public key", rest: bytes };
    cursor.ciphertext(shape)?;
    cursor.finish()
}

/// Where a switching key stands in SEAL's list of keys, which holds nothing else.
#[derive(Clone, Copy)]
pub(crate) struct Position {
    index: usize,
    length: usize,
}

impl Position {
    /// The key for the square of the secret.
    pub(crate) const RELINEARISATION: Self = Self { index: 0, length: 1 };

    /// The key of an automorphism: SEAL's list has a place for each odd element below 2N.
    pub(crate) fn galois(element: u32, ring_degree: usize) -> Self {
        Self { index: element as usize / 2, length: ring_degree }
    }
}

/// Checks the bytes of a switching key that stands alone in SEAL's list. It has one part a prime of the levels.
pub(crate) fn switching_key(bytes: &[u8], shape: &Shape<'_>, position: Position) -> Result<(), SealError> {
    let mut cursor = Cursor { what: "switching key", rest: bytes };
    cursor.header(bytes.len())?;
    cursor.modulus(shape.modulus)?;
    cursor.expect::<8>("the length of the list of keys", position.length as u64)?;
    let parts = shape.limbs.saturating_sub(1);
    for index in 0..position.length {
        if index == position.index {
            cursor.expect::<8>("the number of parts", parts as u64)?;
            for _ in 0..parts {
                cursor.ciphertext(shape)?;
            }
        } else {
            cursor.expect::<8>("the number of parts of an absent key", 0)?;
        }
    }
    cursor.finish()
}

/// Checks the bytes of a secret key.
#[cfg(feature = "client")]
pub(crate) fn secret_key(bytes: &[u8], shape: &Shape<'_>) -> Result<(), SealError> {
    let mut cursor = Cursor { what: "secret key", rest: bytes };
    let words = shape.ring_degree * shape.limbs;
    cursor.header(bytes.len())?;
    cursor.modulus(shape.modulus)?;
    cursor.expect::<8>("the number of residues", words as u64)?;
    cursor.take(8)?;
    cursor.residues(words)?;
    cursor.finish()
}
