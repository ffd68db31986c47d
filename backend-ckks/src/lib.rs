//! Native RNS-CKKS for henna.

mod error;
pub mod kernel;
pub mod ring;

pub use error::Error;
