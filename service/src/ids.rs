//! Numbers of jobs, keys and files, and the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
}

/// Whether this is a number of 128 bits as the service and key generation write it: 32 lower-case hexadecimal digits. Anything else never
/// becomes a part of a path.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal_and_of_one_length() {
        assert!(is_id(&exchange::random_id()));
        for wrong in ["", "..", "../../etc/passwd", &"A".repeat(32), &"a".repeat(31), &"a".repeat(33)] {
            assert!(!is_id(wrong), "{wrong}");
        }
        assert_eq!(hex(&[0, 0xab, 0xff]), "00abff");
    }
}
