//! The layout of SEAL's bytes: checked before SEAL reads them, and built for it.
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

/// Kind of generator and seed.
pub(crate) const GENERATOR_BYTES: usize = 1 + SEED_BYTES;

/// The ring and modulus that an object must have.
pub(crate) struct Shape<'a> {
    pub(crate) ring_degree: usize,
    pub(crate) primes: &'a [u64],
    pub(crate) modulus: &'a ParmsId,
}

impl Shape<'_> {
    /// Residues of one polynomial.
    fn words(&self) -> usize {
        self.ring_degree * self.primes.len()
    }

    /// Parts of a switching key: one a prime of the levels, which are all but the last.
    pub(crate) fn parts(&self) -> usize {
        self.primes.len().saturating_sub(1)
    }

    fn ciphertext_bytes(&self, seeded: bool) -> usize {
        let head = HEADER_BYTES + CIPHERTEXT_META_BYTES;
        if seeded {
            head + array_bytes(self.words()) + HEADER_BYTES + GENERATOR_BYTES
        } else {
            head + array_bytes(2 * self.words())
        }
    }
}

/// Bytes of an array of residues.
fn array_bytes(words: usize) -> usize {
    HEADER_BYTES + 8 + 8 * words
}

/// What the bytes of a ciphertext hold that its shape does not settle.
pub(crate) struct Part<'a> {
    pub(crate) scale: f64,
    /// One polynomial where there is a generator, else two.
    pub(crate) residues: &'a [u8],
    /// The kind and seed of the generator that the second polynomial comes from.
    pub(crate) generator: Option<&'a [u8]>,
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
    fn residues(&mut self, words: usize) -> Result<&'a [u8], SealError> {
        self.header(array_bytes(words))?;
        self.expect::<8>("the number of residues", words as u64)?;
        self.take(8 * words)
    }

    /// A ciphertext of two polynomials, whole or seeded.
    fn ciphertext(&mut self, shape: &Shape<'_>) -> Result<Part<'a>, SealError> {
        let (whole, seeded) = (shape.ciphertext_bytes(false), shape.ciphertext_bytes(true));
        // The two lengths differ for every ring, and the header says which one it is.
        let mut ahead = Cursor { what: self.what, rest: self.rest };
        ahead.take(HEADER_BYTES - 8)?;
        let is_seeded = ahead.number::<8>()? == seeded as u64;

        self.header(if is_seeded { seeded } else { whole })?;
        self.modulus(shape.modulus)?;
        self.expect::<1>("NTT form", 1)?;
        self.expect::<8>("the number of polynomials", 2)?;
        self.expect::<8>("the ring degree", shape.ring_degree as u64)?;
        self.expect::<8>("the number of primes", shape.primes.len() as u64)?;
        let scale = f64::from_bits(self.number::<8>()?);
        self.expect::<8>("the correction factor", 1)?;
        if is_seeded {
            let residues = self.residues(shape.words())?;
            self.header(HEADER_BYTES + GENERATOR_BYTES)?;
            let generator = Some(self.take(GENERATOR_BYTES)?);
            Ok(Part { scale, residues, generator })
        } else {
            Ok(Part { scale, residues: self.residues(2 * shape.words())?, generator: None })
        }
    }

    fn finish(self) -> Result<(), SealError> {
        match self.rest.len() {
            0 => Ok(()),
            spare => self.fail(format!("{spare} bytes too many")),
        }
    }
}

/// Checks the bytes of a ciphertext.
pub(crate) fn ciphertext<'a>(bytes: &'a [u8], shape: &Shape<'_>) -> Result<Part<'a>, SealError> {
    let mut cursor = Cursor { what: "ciphertext", rest: bytes };
    let part = cursor.ciphertext(shape)?;
    cursor.finish()?;
    Ok(part)
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

/// Checks the bytes of a switching key that stands alone in SEAL's list, and gives its parts.
#[cfg(feature = "client")]
pub(crate) fn switching_key<'a>(
    bytes: &'a [u8],
    shape: &Shape<'_>,
    position: Position,
) -> Result<Vec<Part<'a>>, SealError> {
    let mut cursor = Cursor { what: "switching key", rest: bytes };
    cursor.header(bytes.len())?;
    cursor.modulus(shape.modulus)?;
    cursor.expect::<8>("the length of the list of keys", position.length as u64)?;
    let mut parts = Vec::with_capacity(shape.parts());
    for index in 0..position.length {
        if index == position.index {
            cursor.expect::<8>("the number of parts", shape.parts() as u64)?;
            for _ in 0..shape.parts() {
                parts.push(cursor.ciphertext(shape)?);
            }
        } else {
            cursor.expect::<8>("the number of parts of an absent key", 0)?;
        }
    }
    cursor.finish()?;
    Ok(parts)
}

/// Checks the bytes of a secret key.
#[cfg(feature = "client")]
pub(crate) fn secret_key(bytes: &[u8], shape: &Shape<'_>) -> Result<(), SealError> {
    let mut cursor = Cursor { what: "secret key", rest: bytes };
    let words = shape.words();
    cursor.header(bytes.len())?;
    cursor.modulus(shape.modulus)?;
    cursor.expect::<8>("the number of residues", words as u64)?;
    cursor.take(8)?;
    cursor.residues(words)?;
    cursor.finish()
}

/// Writes SEAL's bytes, sizes and names from the shape.
#[derive(Default)]
pub(crate) struct Builder {
    bytes: Vec<u8>,
}

impl Builder {
    fn number(&mut self, number: u64) {
        self.words(&[number]);
    }

    /// Residues.
    pub(crate) fn words(&mut self, words: &[u64]) {
        words.iter().for_each(|word| self.bytes.extend_from_slice(&word.to_le_bytes()));
    }

    fn header(&mut self, size: usize) {
        self.bytes.extend_from_slice(&MAGIC.to_le_bytes());
        // Size of the header, version 4.0, no compression, a reserved word.
        self.bytes.extend_from_slice(&[HEADER_BYTES as u8, 4, 0, 0, 0, 0]);
        self.number(size as u64);
    }

    fn modulus(&mut self, modulus: &ParmsId) {
        self.words(&modulus.0);
    }

    /// A ciphertext up to its residues.
    pub(crate) fn ciphertext(&mut self, shape: &Shape<'_>, scale: f64, seeded: bool) {
        let bytes = shape.ciphertext_bytes(seeded);
        self.bytes.reserve(bytes);
        self.header(bytes);
        self.modulus(shape.modulus);
        // NTT form, two polynomials.
        self.bytes.push(1);
        self.words(&[2, shape.ring_degree as u64, shape.primes.len() as u64, scale.to_bits(), 1]);
        let words = if seeded { shape.words() } else { 2 * shape.words() };
        self.header(array_bytes(words));
        self.number(words as u64);
    }

    /// What follows the residues of a seeded ciphertext; nothing where there is none.
    pub(crate) fn generator(&mut self, generator: &[u8]) {
        if !generator.is_empty() {
            self.header(HEADER_BYTES + generator.len());
            self.bytes.extend_from_slice(generator);
        }
    }

    /// A list of keys up to the parts of the one that is there.
    pub(crate) fn list(&mut self, shape: &Shape<'_>, position: Position) {
        let parts = shape.parts() * shape.ciphertext_bytes(true);
        let bytes = HEADER_BYTES + size_of::<ParmsId>() + 8 + 8 * position.length + parts;
        self.bytes.reserve(bytes);
        self.header(bytes);
        self.modulus(shape.modulus);
        self.number(position.length as u64);
        self.words(&vec![0; position.index]);
        self.number(shape.parts() as u64);
    }

    /// The end of a list of keys.
    pub(crate) fn absent(&mut self, position: Position) {
        self.words(&vec![0; position.length.saturating_sub(position.index + 1)]);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
