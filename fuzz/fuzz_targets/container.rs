//! The container of all files. An even first byte: the rest is the file. An odd one: the rest is put between a right start and a right
//! checksum, which nobody guesses by mutation.
#![no_main]

#[path = "../file.rs"]
mod file;

use std::io::Cursor;

use exchange::{Kind, Reader};

const HEADER: &str = r#"{"kind":"request","scheme":"more","parameters":"0","description":"","keys":"0","network":{"name":"n","digest":"0","polynomials":[]},"program":"0","henna":"0","samples":1,"ciphertexts":1}"#;

fn whole(rest: &[u8]) -> Vec<u8> {
    let (header, entries) = match rest.split_first() {
        // The header is fuzzed as well.
        Some((first, rest)) if first % 2 == 1 => {
            let cut = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
            rest.split_at(cut)
        }
        _ => (HEADER.as_bytes(), rest),
    };
    file::file(header, entries)
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let bytes = if first % 2 == 0 { rest.to_vec() } else { whole(rest) };
    if let Ok(header) = Reader::header_of("input", Cursor::new(&bytes)) {
        // A header that was read belongs to itself, and says so of each of its parts.
        header.belongs("a", &header, "b").expect("itself");
    }
    for kind in [Kind::Request, Kind::EvaluationKeys, Kind::Results, Kind::Model, Kind::SecretKey] {
        let Ok(mut reader) = Reader::new("input", Cursor::new(&bytes), kind) else { continue };
        let mut read = 0;
        while let Ok(entry) = reader.entry() {
            read += entry.len() + 8;
            assert!(read <= bytes.len(), "more was read than there is");
        }
        let _ = reader.finish();
    }
});
