//! The inputs that fuzzing found interesting, read again: `tests/corpus/<reader>` holds one of each outcome, chosen by
//! `fuzz/fuzz_targets/select.rs` from what the fuzz targets found.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a corpus that is not there is a failure")]

mod readers;

use std::path::Path;

use readers::{Outcome, READERS, Reader};

/// How many inputs of a reader's corpus are refused, and how many are read.
fn outcomes(name: &str, reader: Reader) -> (usize, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let (mut refused, mut read) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        match reader(&std::fs::read(entry.unwrap().path()).unwrap()) {
            Outcome::Refused(_) => refused += 1,
            Outcome::Read => read += 1,
        }
    }
    (refused, read)
}

#[test]
fn every_input_of_the_corpus_is_refused_or_works() {
    for (name, reader) in READERS {
        let (refused, read) = outcomes(name, reader);
        assert!(refused > 5 && read > 0, "{name}: {refused} refused, {read} read");
    }
}
