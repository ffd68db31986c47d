//! A service on a port of this machine, and owners who use it over HTTP.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail loudly")]

mod encrypted;
mod hostile;
mod limits;
mod log;
mod owners;
mod party;
mod running;
mod shown;
mod tls;
mod whole_way;
