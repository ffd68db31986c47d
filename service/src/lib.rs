//! henna over HTTP: a server that evaluates encrypted requests for several owners, and its client.
//!
//! A server holds models, in the clear or encrypted, and evaluation keys of owners; it gets requests, and gives results that only their owner can open.
//! Files are those of the crate [`exchange`], byte for byte. `docs/service.md` describes the API, the limits, and what an operator sees.
//!
//! | module | what it is |
//! |---|---|
//! | [`tokens`] | who may come in: bearer tokens, of which a store keeps hashes |
//! | [`store`] | keys, jobs, requests and results on the disk: what was accepted survives any crash |
//! | [`schemes`] | schemes by name, and a network ready to run under one owner's keys |
//! | [`cache`] | such networks in memory, under a budget |
//! | [`jobs`] | the queue, its estimate, and the threads that work it off |
//! | [`api`] | the routes, with their OpenAPI description |
//! | [`serve`] | listening: TLS, time limits, shutdown |
//! | `client` | the other side, behind the feature `client` |

pub mod api;
pub mod cache;
pub mod catalogue;
#[cfg(feature = "client")]
pub mod client;
pub mod config;
mod ids;
pub mod jobs;
mod metrics;
mod page;
pub mod problem;
pub mod schemes;
pub mod serve;
pub mod store;
pub mod tokens;

pub use catalogue::{Catalogue, Served};
pub use config::{Config, Limits};
pub use problem::{Error, Result};
pub use schemes::Schemes;
pub use serve::Service;
