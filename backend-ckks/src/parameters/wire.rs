//! Bytes of parameters.

use he_traits::wire::{self, Decode, Encode, Kind, Reader, Writer};
use he_traits::{Error, Result};

use super::{Literal, Parameters};
use crate::ring::Ring;
use crate::security::SecretKind;

const KIND: Kind = Kind { backend: "ckks", object: "params", fingerprint: 0 };
/// More primes than any table leaves room for.
const MOST_PRIMES: usize = 128;

fn body(writer: &mut Writer, literal: &Literal, secure: bool) {
    let weight = match literal.secret {
        SecretKind::Ternary => u32::MAX,
        SecretKind::Sparse { weight } => weight,
    };
    writer.u32(literal.degree as u32).u32(u32::from(secure)).u32(weight).f64(literal.scale);
    for primes in [&literal.chain, &literal.special] {
        writer.u32(primes.len() as u32);
        primes.iter().for_each(|prime| {
            writer.u64(*prime);
        });
    }
}

pub(super) fn fingerprint(literal: &Literal, secure: bool) -> u64 {
    let mut writer = Writer::new(KIND, 0);
    body(&mut writer, literal, secure);
    wire::fingerprint(&writer.finish())
}

impl Encode for Parameters {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let literal = self.literal();
        let mut writer = Writer::new(KIND, 28 + 8 * (literal.chain.len() + literal.special.len()));
        body(&mut writer, literal, self.is_secure());
        Ok(writer.finish())
    }
}

impl Decode<()> for Parameters {
    fn from_bytes(bytes: &[u8], _: &()) -> Result<Self> {
        let mut reader = Reader::new(bytes, KIND)?;
        let (degree, secure, weight, scale) = (reader.u32()?, reader.u32()?, reader.u32()?, reader.f64()?);
        // Tables for the largest ring take megabytes a prime: what is impossible must fail before they are made.
        if degree as usize > Ring::MOST_DEGREE || secure > 1 {
            return Err(Error::malformed("params", format!("ring degree {degree}, security flag {secure}")));
        }
        let secret = if weight == u32::MAX { SecretKind::Ternary } else { SecretKind::Sparse { weight } };
        let (chain, special) = (primes(&mut reader)?, primes(&mut reader)?);
        let left = reader.remaining().len();
        if left > 0 {
            return Err(Error::malformed("params", format!("{left} bytes too many")));
        }
        let literal = Literal { degree: degree as usize, chain, special, scale, secret };
        let params = if secure == 1 { Self::new(literal) } else { Self::insecure(literal) };
        params.map_err(|reason| Error::malformed("params", reason.to_string()))
    }
}

fn primes(reader: &mut Reader<'_>) -> Result<Vec<u64>> {
    let count = reader.u32()? as usize;
    if count > MOST_PRIMES {
        return Err(Error::malformed("params", format!("{count} primes, {MOST_PRIMES} at most")));
    }
    (0..count).map(|_| reader.u64()).collect()
}
