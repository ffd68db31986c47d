//! Ciphertexts and their bytes.

use he_traits::wire::{Decode, Encode, Kind, Reader, Writer};
use he_traits::{Error, Level, Result};

use crate::Parameters;
use crate::pack;
use crate::ring::{Ntt, Poly};
use crate::sampling::{self, Seed};

pub(crate) fn kind(object: &'static str, params: &Parameters) -> Kind {
    Kind { backend: "ckks", object, fingerprint: params.fingerprint() }
}

/// Encrypted slots: `(c0, c1)` with `c0 + c1 s` the message at the scale of its level. Relinearised, in NTT form.
#[derive(Clone)]
pub struct Ciphertext {
    pub(crate) params: Parameters,
    pub(crate) c0: Poly<Ntt>,
    pub(crate) c1: Poly<Ntt>,
    /// The seed of c1, where it is fresh from a secret key: sent in its place.
    pub(crate) seed: Option<Seed>,
}

impl Ciphertext {
    pub(crate) fn new(params: &Parameters, c0: Poly<Ntt>, c1: Poly<Ntt>) -> Self {
        Self { params: params.clone(), c0, c1, seed: None }
    }

    /// Multiplications left.
    pub fn level(&self) -> Level {
        Level::new(self.index() as u32)
    }

    /// The polynomials `[c0, c1]`: what anyone sees who holds the ciphertext.
    #[must_use]
    pub fn polynomials(&self) -> [&Poly<Ntt>; 2] {
        [&self.c0, &self.c1]
    }

    /// The level as an index into tables.
    pub(crate) fn index(&self) -> usize {
        self.c0.basis().chain.saturating_sub(1)
    }

    #[cfg(feature = "client")]
    pub(crate) fn check(&self, params: &Parameters) -> Result<()> {
        if self.params.fingerprint() == params.fingerprint() {
            return Ok(());
        }
        Err(Error::parameters("the ciphertext belongs to other parameters"))
    }
}

impl std::fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ciphertext(level {}, degree {})", self.level(), self.c0.degree())
    }
}

impl Encode for Ciphertext {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let ring = self.params.ring()?;
        let half = pack::bytes(ring, self.c0.basis());
        let mut writer = Writer::new(kind("ctxt", &self.params), 8 + 2 * half);
        writer.u32(self.index() as u32).u32(u32::from(self.seed.is_some()));
        let mut packed = Vec::with_capacity(2 * half);
        pack::pack(ring, &self.c0, &mut packed);
        match &self.seed {
            Some(seed) => packed.extend_from_slice(seed),
            None => pack::pack(ring, &self.c1, &mut packed),
        }
        writer.bytes(&packed);
        Ok(writer.finish())
    }
}

impl Decode<Parameters> for Ciphertext {
    fn from_bytes(bytes: &[u8], params: &Parameters) -> Result<Self> {
        const WHAT: &str = "ctxt";
        let mut reader = Reader::new(bytes, kind(WHAT, params))?;
        let (level, seeded) = (reader.u32()? as usize, reader.u32()?);
        if level > params.depth() || seeded > 1 {
            let reason = format!("level {level} of {}, seed flag {seeded}", params.depth());
            return Err(Error::malformed(WHAT, reason));
        }
        let (ring, basis) = (params.ring()?, params.basis(level));
        let half = pack::bytes(ring, basis);
        let c0 = reader.take(half)?;
        let c1 = reader.take(if seeded == 1 { size_of::<Seed>() } else { half })?;
        let left = reader.remaining().len();
        if left > 0 {
            return Err(Error::malformed(WHAT, format!("{left} bytes too many")));
        }
        let seed = if seeded == 1 { Seed::try_from(c1).ok() } else { None };
        let c1 = match &seed {
            Some(seed) => sampling::uniform(ring, basis, seed, 0),
            None => pack::unpack(ring, WHAT, basis, c1)?,
        };
        Ok(Self { params: params.clone(), c0: pack::unpack(ring, WHAT, basis, c0)?, c1, seed })
    }
}
