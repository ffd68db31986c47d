//! What a homomorphic-encryption scheme can do: henna's contract between networks and schemes.
//!
//! Two roles. The **data owner** holds the secret: encrypts and decrypts (module `client`, behind the feature of that name).
//! The **server** holds evaluation keys only and computes ([`Evaluator`]).
//!
//! A scheme without any protection serves as the reference ([`Clear`]); everything else is used as it is:
//!
#![cfg_attr(not(feature = "client"), doc = "```ignore")]
#![cfg_attr(feature = "client", doc = "```")]
//! use he_traits::{Clear, ClearParams, ClientScheme, Decryptor, Diagonal, Encryptor, Evaluator, KeyNeeds, Level, Scheme};
//!
//! let params = ClearParams::new(4, Level::new(1))?;
//! let mut needs = KeyNeeds::default();
//! needs.relinearise(Level::new(1));
//! let mut rng = rand::rng();
//! let keys = Clear::keygen(&params, &needs, &mut rng)?;
//! let x = Clear::encryptor(&params, &keys.secret)?.encrypt(&Diagonal::Real(vec![1.0, 2.0, 3.0, 4.0]), Level::new(1), &mut rng)?;
//!
//! let server = Clear::evaluator(&params, keys.evaluation)?;
//! let squares = server.mul(&x, &x)?;
//! assert_eq!(server.level(&squares), Level::new(0));
//! // No level is left for another product.
//! assert!(server.mul(&squares, &squares).is_err());
//!
//! assert_eq!(Clear::decryptor(&params, &keys.secret)?.decrypt(&squares)?, [1.0, 4.0, 9.0, 16.0]);
//! # Ok::<(), he_traits::Error>(())
//! ```
//!
//! Without the feature `client` nothing in this crate can name a secret key, and code that tries does not compile; the same lines are
//! compiled as a test in both builds:
//!
#![cfg_attr(not(feature = "client"), doc = "```compile_fail")]
#![cfg_attr(feature = "client", doc = "```")]
//! use he_traits::client::ClientScheme;
//!
//! fn owner<S: ClientScheme>(secret: S::SecretKey) -> S::SecretKey {
//!     secret
//! }
//! ```

pub mod algebra;
pub mod bsgs;
mod capability;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
mod counts;
pub mod decorators;
mod defaults;
mod encrypted_map;
mod encrypted_matrix;
mod error;
mod key_needs;
mod level;
mod linear_map;
pub mod polynomial;
mod profile;
pub mod reference;
mod requirements;
mod schedule;
mod server;
mod values;
pub mod vector_math;
pub mod wire;

pub use capability::{Absent, Complex, Exact, Function, Parts, Refresh};
#[cfg(feature = "client")]
pub use client::{ClientScheme, Decryptor, Encryptor, Keys, NoEncryptor};
pub use counts::Counts;
pub use defaults::layer_by_steps;
pub use encrypted_map::EncryptedMap;
pub use encrypted_matrix::{EncryptedMatrix, EntryPattern, PatternEntry};
pub use error::{Error, Result};
pub use key_needs::KeyNeeds;
pub use level::{Level, Step};
pub use linear_map::{Generator, Geometry, LinearMap, SparseMatrix};
pub use num_complex::Complex64;
pub use polynomial::{Basis, Polynomial};
pub use profile::{Assumption, Cost, Costs, LinearStyle, Profile, RefreshProfile, Security, Sharing, Sizes};
pub use reference::clear::{Clear, ClearCiphertext, ClearEvaluator, ClearKeys, ClearParams};
pub use reference::symbolic::{Symbolic, SymbolicRecord};
pub use requirements::Requirements;
pub use schedule::{BabyGiant, Schedule};
pub use server::{Evaluator, Keep, Scheme};
pub use values::Diagonal;
