//! Frames of `he_traits::wire` round fuzzed bodies.

/// Magic, version, names and fingerprint; the body's length follows.
const HEAD: usize = 5 + 2 + 16 + 8;

/// `rest` as it is, or as the body of a frame like that of `good`, with the length and the checksum that it needs: nobody guesses those by
/// mutation.
pub(crate) fn framed(in_frame: bool, good: &[u8], rest: &[u8]) -> Vec<u8> {
    if !in_frame {
        return rest.to_vec();
    }
    let mut bytes = good[..HEAD].to_vec();
    bytes.extend((rest.len() as u64).to_le_bytes());
    bytes.extend(rest);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}
