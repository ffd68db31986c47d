//! Samples from people's files: the command line's readers of PNG, .npy and CSV. The first byte says which, and for which network.
#![no_main]

/// As much of the program's failures as the readers need.
mod failure {
    #[derive(Debug, thiserror::Error)]
    pub(crate) enum Failure {
        #[error("{0}")]
        Usage(String),
        #[error("{0}")]
        Failed(String),
        #[error(transparent)]
        Network(#[from] nn_layers::Error),
    }

    impl Failure {
        pub(crate) fn failed(sentence: impl Into<String>) -> Self {
            Self::Failed(sentence.into())
        }
    }
}

#[path = "../../cli/src"]
mod cli {
    #[expect(dead_code, reason = "the whole module of the program")]
    pub(crate) mod numbers;
}

use std::io::Cursor;
use std::path::Path;

use cli::numbers;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let name = ["x.png", "x.npy", "x.csv"][usize::from(first % 3)];
    let shape: &[usize] = [&[1, 4, 4][..], &[3, 4, 4], &[9]][usize::from(first / 3 % 3)];
    let bytes = rest.len() as u64;
    if let Ok(values) = numbers::read_one(Path::new(name), Cursor::new(rest), bytes, shape) {
        let elements: usize = shape.iter().product();
        assert!(values.len().is_multiple_of(elements), "{} numbers of samples of {elements}", values.len());
        assert!(values.len() <= elements.max(1) * rest.len(), "more samples than bytes");
        if let Ok(samples) = numbers::batch(values, shape) {
            // What was read can be written, and reads back.
            let csv = numbers::csv(&samples);
            let again =
                numbers::read_one(Path::new("y.csv"), Cursor::new(csv.as_bytes()), csv.len() as u64, shape);
            assert_eq!(again.expect("own table"), samples.data());
        }
    }
});
