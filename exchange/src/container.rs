//! The one format of all files: a header, entries, and a checksum over all of it.
//!
//! ```text
//! magic "HENNAFIL"   8 bytes
//! version            u16     FORMAT_VERSION; a reader refuses any other
//! header length      u32     at most MAX_HEADER
//! header             JSON, see Header
//! entries            each: u64 length, then that many bytes
//! entries            u64     their number
//! SHA-256            32 bytes, of everything before
//! ```
//! Numbers are little-endian. Each entry is a frame of [`he_traits::wire`] with its own kind, fingerprint and checksum. The checksums find
//! damage; they are no protection against somebody who alters a file on purpose.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::Writer;

/// Version of the format.
pub const FORMAT_VERSION: u16 = 1;
/// Bytes of a header at most.
pub const MAX_HEADER: u32 = 4 << 20;

const MAGIC: &[u8; 8] = b"HENNAFIL";
const START: u64 = MAGIC.len() as u64 + 2 + 4;
const DIGEST: u64 = 32;
/// Number of entries and checksum.
const END: u64 = 8 + DIGEST;
