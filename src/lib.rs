//! Neural networks on encrypted data, under interchangeable homomorphic-encryption schemes.
//!
//! This crate is a door: it re-exports the others, each behind a feature.
//!
//! | module | feature | what it is |
//! |---|---|---|
//! | [`traits`] | | what a scheme can do: the contract between networks and schemes |
//! | [`layers`] | | from a network to encrypted steps |
//! | [`exchange`] | | files between a data owner and a server |
//! | `models` | `models` (default) | the networks of the papers, their data, weights and metrics |
//! | `more` | `more` (default) | the MORE scheme: no security, and the attacks that show it |
//! | `seal` | `seal` | Microsoft SEAL's CKKS; GPL-3.0-or-later, needs cmake, libclang and a C++17 compiler |
//! | `ckks` | `ckks` | native RNS-CKKS |
//!
//! The feature `client` (default) adds the data owner's half: secret keys, encryption, decryption. A server is built without it.

#[cfg(feature = "ckks")]
pub use backend_ckks as ckks;
#[cfg(feature = "more")]
pub use backend_more as more;
#[cfg(feature = "seal")]
pub use backend_seal as seal;
pub use exchange;
pub use he_traits as traits;
#[cfg(feature = "models")]
pub use models;
pub use nn_layers as layers;
