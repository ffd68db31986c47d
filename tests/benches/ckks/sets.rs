//! The parameter sets: the same ring, levels and scale on both sides.

use backend_ckks::{Ckks, Literal, Parameters};
use backend_seal::{Params, Seal};
use he_traits::{ClientScheme, Error, Result};

/// Both backends' parameters for one ring degree.
pub(crate) struct Set {
    pub(crate) log_degree: u32,
    pub(crate) levels: usize,
    pub(crate) scale_bits: u32,
    pub(crate) native: Parameters,
    /// `None` where SEAL has no such ring.
    pub(crate) seal: Option<Params>,
}

/// Primes in all at 2^16, the ring where native CKKS is alone.
const PRIMES_OF_THE_LARGEST: usize = 29;

/// The set of a ring degree. Levels are those that SEAL has with 9 primes in all at 2^14 and 17 at 2^15: one prime is special, one
/// is the base.
pub(crate) fn set(log_degree: u32) -> Result<Set> {
    let (levels, scale_bits) = match log_degree {
        13 => (3, 36),
        14 => (7, 40),
        15 => (15, 40),
        16 => (22, 45),
        other => return Err(Error::parameters(format!("--degree {other}: 13 to 16"))),
    };
    let degree = 1 << log_degree;
    let mut native = Parameters::secure(degree, levels, scale_bits)?;
    if log_degree == 16 {
        let literal = native.literal();
        let special = PRIMES_OF_THE_LARGEST - literal.chain.len();
        let special = literal.special.iter().copied().take(special).collect();
        native = Parameters::new(Literal { special, ..literal.clone() })?;
    }
    let seal = if log_degree < 16 { Some(Params::new(degree, levels, scale_bits)?) } else { None };
    Ok(Set { log_degree, levels, scale_bits, native, seal })
}

/// What a scheme's parameters say of themselves.
pub(crate) trait Described: ClientScheme {
    /// Primes of the chain, and special ones.
    fn primes(params: &Self::Params) -> (usize, usize);

    /// log2 of the whole modulus, special primes included, and how far it stays below the 128-bit table's limit.
    fn modulus_and_margin(params: &Self::Params) -> (f64, f64);

    /// Polynomial pairs of a switching key.
    fn digits(params: &Self::Params) -> usize;
}

impl Described for Ckks {
    fn primes(params: &Parameters) -> (usize, usize) {
        (params.literal().chain.len(), params.literal().special.len())
    }

    fn modulus_and_margin(params: &Parameters) -> (f64, f64) {
        (params.log2_modulus(), params.margin_bits().unwrap_or(f64::NEG_INFINITY))
    }

    fn digits(params: &Parameters) -> usize {
        let (chain, special) = Self::primes(params);
        chain.div_ceil(special)
    }
}

impl Described for Seal {
    fn primes(params: &Params) -> (usize, usize) {
        (params.primes().len(), 1)
    }

    fn modulus_and_margin(params: &Params) -> (f64, f64) {
        (params.log2_modulus(), params.margin_bits())
    }

    fn digits(params: &Params) -> usize {
        params.primes().len()
    }
}

/// The set in words.
pub(crate) fn words<S: Described>(params: &S::Params) -> String {
    let (chain, special) = S::primes(params);
    let (bits, margin) = S::modulus_and_margin(params);
    format!(
        "{} primes in all: {chain} + {special} special, {} digits a key, log2 QP {bits:.0}, {margin:.0} below the 128-bit limit",
        chain + special,
        S::digits(params)
    )
}
