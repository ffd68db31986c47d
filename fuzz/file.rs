//! Files of the container round fuzzed headers and entries, with the checksum that nobody guesses by mutation.

use sha2::{Digest, Sha256};

/// A file with the header `text` and, after it, `entries` as they are: lengths, bytes and their number.
pub(crate) fn file(text: &[u8], entries: &[u8]) -> Vec<u8> {
    let mut bytes = b"HENNAFIL".to_vec();
    bytes.extend(1u16.to_le_bytes());
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text);
    bytes.extend(entries);
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    bytes
}
