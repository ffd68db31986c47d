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
//! A network of one's own on encrypted data, here under MORE; `examples/quickstart.rs` does the same under CKKS:
//!
#![cfg_attr(not(all(feature = "more", feature = "client")), doc = "```ignore")]
#![cfg_attr(all(feature = "more", feature = "client"), doc = "```")]
//! use henna::layers::{Activation, Linear, Network, Options, Tensor, compile, train};
//! use henna::more::More;
//! use henna::traits::{ClientScheme, Keep, Scheme};
//!
//! let mut n = Network::builder("mine", &[4]);
//! n.layer("fc1", Linear::new(4, 8));
//! n.layer("act1", Activation::Tanh);
//! n.layer("fc2", Linear::new(8, 2));
//! let network = n.build()?;
//! let weights = train::xavier(&network, 1);
//! let samples = Tensor::new(&[2, 4], vec![0.1, 0.2, 0.3, 0.4, -0.4, -0.3, -0.2, -0.1])?;
//!
//! let compiled = compile::<More>(&network, &weights, &samples, &Options::default())?;
//! let (program, params, mut rng) = (&compiled.program, &compiled.params, rand::rng());
//! let keys = More::keygen(params, &program.symbolic(&compiled.profile)?.needs, &mut rng)?;
//! let request = program.encrypt(&More::encryptor(params, &keys.secret)?, &samples, &mut rng)?;
//!
//! let server = More::evaluator(params, keys.evaluation)?;
//! let results = program.prepare(&server, Keep::Encoded, &mut |_| {})?.run(&server, request, &mut |_| {})?;
//!
//! let values = program.decrypt(&More::decryptor(params, &keys.secret)?, &results, samples.batch())?;
//! assert_eq!(values.shape(), [2, 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
