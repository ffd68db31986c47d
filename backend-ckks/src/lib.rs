//! Native RNS-CKKS for henna.

mod error;
mod kernel;
pub mod ring;

pub use error::Error;
