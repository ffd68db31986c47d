//! Nothing but a build script: it looks for what compiles Microsoft SEAL, before `sealy` tries.
//!
//! Cargo starts first what most other builds wait for. `backend-seal` takes this crate as a build dependency, so that more waits
//! for this script than for `sealy`'s: the sentence that says what to install comes before `sealy` fails in its own words.
