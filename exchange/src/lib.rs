//! Files between two parties that share nothing but bytes: a data owner and a server.
//!
//! | file | made by | for | holds |
//! |---|---|---|---|
//! | secret key | [`owner::keygen`] | the owner alone | parameters, secret key |
//! | evaluation keys | [`owner::keygen`] | the server | parameters, the keys that the network needs |
//! | request | [`owner::Owner::encrypt`] | the server | encrypted samples |
//! | results | [`server::Server::evaluate`] | the owner | encrypted results |
//! | model | [`owner::Owner::encrypt_model`] | the server | encrypted weights, where the server is not to see them |
//!
//! All are written in one [`container`] and carry a [`Header`]: scheme, parameters, key, network. What does not belong together is
//! refused with a sentence. `docs/files.md` describes the bytes.
//!
//! What belongs together is seen from the headers alone:
//!
//! ```
//! use std::io::Cursor;
//!
//! use exchange::Reader;
//!
//! let refused = Reader::header_of("upload", Cursor::new(b"GIF89a, and not a file of this kind".repeat(4))).unwrap_err();
//! assert_eq!(refused.to_string(), "upload: it is not a henna file");
//! ```
//!
//! Without the feature `client` there is no module `owner`, and nothing in this crate can name a secret key; the same lines are compiled
//! as a test in both builds:
//!
#![cfg_attr(not(feature = "client"), doc = "```compile_fail")]
#![cfg_attr(feature = "client", doc = "```")]
//! use exchange::owner::Owner;
//!
//! fn secret_of<S: he_traits::ClientScheme>(owner: Owner<S>) -> Owner<S> {
//!     owner
//! }
//! ```

pub mod container;
mod error;
mod header;
#[cfg(feature = "client")]
pub mod owner;
pub mod server;
mod setup;

pub use container::{Reader, Writer};
pub use error::{Error, Result};
pub use header::{FittedPolynomial, Header, Kind, NetworkTag, WeightsAre, random_id};
pub use setup::Setup;
