//! Native RNS-CKKS for henna.

mod encoding;
mod error;
pub mod kernel;
mod parameters;
pub mod ring;
mod sampling;
mod security;

pub use encoding::Encoder;
pub use error::Error;
pub use parameters::{Literal, Parameters};
pub use security::{DEGREES, Limit, SecretKind, limit};
