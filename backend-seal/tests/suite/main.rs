//! The backend through the contract, as an owner and a server use it. One program: SEAL is linked once.
#![expect(clippy::indexing_slicing, reason = "tests index what they have just made")]

mod bytes;
mod common;
mod conformance;
mod linear;
mod operations;
