//! Bytes of parameters, keys and ciphertexts: one frame for all, checked before anything is allocated.
//!
//! A frame is: magic `HENNA`, format version, backend name, kind of object, fingerprint of the parameters it belongs to,
//! length of the body, body, CRC-32 of all before it. Numbers are little-endian.

pub mod bits;

use crate::{Error, Result};

/// Things that have bytes.
pub trait Encode {
    /// The object as one frame.
    ///
    /// # Errors
    /// Those of the library behind a backend.
    fn to_bytes(&self) -> Result<Vec<u8>>;
}

/// Things that can be read back, given what they belong to (parameters for keys and ciphertexts, nothing for parameters).
pub trait Decode<Context: ?Sized>: Sized {
    /// Reads one frame.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bytes that are truncated, altered, of another version, kind, scheme or other parameters.
    fn from_bytes(bytes: &[u8], context: &Context) -> Result<Self>;
}

/// Version of the frame; a reader refuses any other.
pub const FORMAT_VERSION: u16 = 1;

const MAGIC: &[u8; 5] = b"HENNA";
const NAME_BYTES: usize = 8;
const HEADER_BYTES: usize = MAGIC.len() + 2 + 2 * NAME_BYTES + 8 + 8;
const CHECKSUM_BYTES: usize = 4;

/// What a frame holds, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Name of the backend, at most 8 bytes.
    pub backend: &'static str,
    /// Kind of object, at most 8 bytes (`params`, `secret`, `public`, `evalkeys`, `ctxt`).
    pub object: &'static str,
    /// Fingerprint of the parameters that it belongs to; 0 for the parameters themselves.
    pub fingerprint: u64,
}

fn name(text: &str) -> [u8; NAME_BYTES] {
    let mut bytes = [0; NAME_BYTES];
    bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
    bytes
}

/// A fingerprint of parameters from their bytes (FNV-1a, 64 bits): tells sets apart, and is no protection against forgery.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Builds a frame.
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A frame of `kind` with room for `body` bytes, so that secrets are not left behind by a reallocation.
    pub fn new(kind: Kind, body: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body + CHECKSUM_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&name(kind.backend));
        bytes.extend_from_slice(&name(kind.object));
        bytes.extend_from_slice(&kind.fingerprint.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes }
    }

    /// Appends raw bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Appends a number.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a number.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a number.
    pub fn f64(&mut self, value: f64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends numbers one after the other, without their count.
    pub fn f64s(&mut self, values: &[f64]) -> &mut Self {
        values.iter().for_each(|value| self.bytes.extend_from_slice(&value.to_le_bytes()));
        self
    }

    /// Closes the frame: length and checksum.
    pub fn finish(mut self) -> Vec<u8> {
        let body = (self.bytes.len() - HEADER_BYTES) as u64;
        if let Some(length) = self.bytes.get_mut(HEADER_BYTES - 8..HEADER_BYTES) {
            length.copy_from_slice(&body.to_le_bytes());
        }
        let checksum = crc32fast::hash(&self.bytes);
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
        self.bytes
    }
}

/// Reads a frame; every read is bounded by the bytes that are really there.
pub struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks magic, version, length, checksum, kind and fingerprint, and stands at the start of the body.
    ///
    /// # Errors
    /// [`Error::Malformed`] that says which of them is wrong.
    pub fn new(bytes: &'a [u8], kind: Kind) -> Result<Self> {
        let what = kind.object;
        let mut head = Self { what, rest: bytes };
        if head.take(MAGIC.len())? != MAGIC {
            return Err(Error::malformed(what, "it is not a henna file"));
        }
        let version = u16::from_le_bytes(head.array()?);
        if version != FORMAT_VERSION {
            let reason = format!("format version {version}, this program reads version {FORMAT_VERSION}");
            return Err(Error::malformed(what, reason));
        }
        let (backend, object): ([u8; NAME_BYTES], [u8; NAME_BYTES]) = (head.array()?, head.array()?);
        let fingerprint = head.u64()?;
        let body = usize::try_from(head.u64()?).ok();
        let expected = body.and_then(|body| body.checked_add(CHECKSUM_BYTES));
        if expected != Some(head.rest.len()) {
            return Err(Error::malformed(
                what,
                format!("it is truncated or has bytes to spare ({} bytes)", bytes.len()),
            ));
        }
        let (framed, checksum) = bytes.split_at(bytes.len() - CHECKSUM_BYTES);
        if crc32fast::hash(framed).to_le_bytes() != checksum {
            return Err(Error::malformed(what, "its checksum does not match: it was altered"));
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        if backend != name(kind.backend) {
            let reason = format!("it was made for backend {}, not for {}", text(&backend), kind.backend);
            return Err(Error::malformed(what, reason));
        }
        if object != name(kind.object) {
            return Err(Error::malformed(what, format!("it holds {}, not {}", text(&object), kind.object)));
        }
        if fingerprint != kind.fingerprint {
            return Err(Error::malformed(what, "it belongs to other parameters"));
        }
        Ok(Self { what, rest: head.rest.split_at(head.rest.len() - CHECKSUM_BYTES).0 })
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] when fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let left = self.rest.len();
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| {
            Error::malformed(self.what, format!("{count} more bytes expected, {left} there"))
        })?;
        self.rest = rest;
        Ok(taken)
    }

    /// All bytes that are left.
    pub fn remaining(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next number.
    ///
    /// # Errors
    /// [`Error::Malformed`] when too few bytes are left.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next number.
    ///
    /// # Errors
    /// [`Error::Malformed`] when too few bytes are left.
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// The next number, which must be finite.
    ///
    /// # Errors
    /// [`Error::Malformed`] when too few bytes are left, or it is not finite.
    pub fn f64(&mut self) -> Result<f64> {
        let value = f64::from_le_bytes(self.array()?);
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Error::malformed(self.what, format!("it holds {value}")))
        }
    }

    /// The next `count` numbers, all finite; the bytes are known to be there before memory is taken for them.
    ///
    /// # Errors
    /// As [`Reader::f64`].
    pub fn f64s(&mut self, count: usize) -> Result<Vec<f64>> {
        let bytes = count
            .checked_mul(8)
            .ok_or_else(|| Error::malformed(self.what, format!("it claims {count} numbers")))?;
        let mut numbers = Self { what: self.what, rest: self.take(bytes)? };
        (0..count).map(|_| numbers.f64()).collect()
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the number of bytes to spare.
    pub fn finish(self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            spare => Err(Error::malformed(self.what, format!("{spare} bytes too many"))),
        }
    }
}
