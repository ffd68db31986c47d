//! The state of an encrypted training, which a server may have kept.
#![no_main]

#[path = "../wire.rs"]
mod wire;

/// As much of the program's failures as the reader needs.
mod failure {
    #[derive(Debug, thiserror::Error)]
    pub(crate) enum Failure {
        #[error("{0}")]
        Failed(String),
        #[error(transparent)]
        Cache(#[from] models::cache::CacheError),
    }

    impl Failure {
        pub(crate) fn failed(sentence: impl Into<String>) -> Self {
            Self::Failed(sentence.into())
        }
    }
}

/// Nobody interrupts here.
mod interrupt {
    pub(crate) fn held_off<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
}

#[path = "../../cli/src/train/checkpoint.rs"]
#[expect(dead_code, reason = "the whole module of the program")]
mod checkpoint;

use std::path::PathBuf;
use std::sync::LazyLock;

use checkpoint::{Checkpoints, Half, State};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("henna-fuzz-checkpoint-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
});
/// A state without tensors: the frame that inputs are put into.
static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let half = || Half { parameters: Vec::new(), velocities: Vec::new() };
    let clear = Half { parameters: vec![vec![1.0]], velocities: vec![vec![0.5]] };
    let checkpoints = Checkpoints::new(Some(&FOLDER), "a training");
    checkpoints.save(&State { epochs: 1, encrypted: half(), clear }).expect("a state");
    assert!(checkpoints.load().expect("own state").is_some());
    std::fs::read(FOLDER.join("state")).expect("a file")
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let bytes = wire::framed(first % 2 == 1, &GOOD, rest);
    std::fs::write(FOLDER.join("state"), bytes).expect("written");
    let checkpoints = Checkpoints::new(Some(&FOLDER), "a training");
    if let Ok(Some(state)) = checkpoints.load() {
        checkpoints.save(&state).expect("what was read can be written");
        checkpoints.load().expect("what was written can be read");
    }
});
