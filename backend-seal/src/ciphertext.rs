//! Ciphertexts and evaluation keys as the contract sees them, with their bytes.

use std::{collections::BTreeMap, fmt, sync::Arc};

use he_traits::{
    Error, Level, Result,
    wire::{Decode, Encode, Kind, Reader, Writer},
};

use crate::{
    Seal,
    context::Context,
    error::SealError,
    layout::{self, Position, Shape},
    native::{evaluator::SwitchingKeys, values::Ciphertext as Native},
    packed,
    params::Params,
};
use he_traits::Scheme as _;

/// A frame that belongs to `params`.
pub(crate) fn kind(object: &'static str, fingerprint: u64) -> Kind {
    Kind { backend: Seal::NAME, object, fingerprint }
}

/// Encrypted slots: two polynomials at the one scale of their level. Cheap to clone: the polynomials are shared and never changed.
#[derive(Clone)]
pub struct Ciphertext {
    pub(crate) native: Arc<Native>,
    pub(crate) level: Level,
    pub(crate) params: Params,
    /// SEAL's bytes with a seed in place of one polynomial: kept by a fresh symmetric encryption so that sending it costs half.
    pub(crate) seeded: Option<Arc<[u8]>>,
}

impl Ciphertext {
    /// Multiplications left.
    pub fn level(&self) -> Level {
        self.level
    }
}

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ciphertext").field("level", &self.level).finish_non_exhaustive()
    }
}

/// The shape of ciphertexts at `level`.
fn shape(params: &Params, level: Level) -> Result<Shape<'_>> {
    let data = params.context()?.level("read a ciphertext", level)?;
    let primes = params.primes().get(..=level.index()).unwrap_or_default();
    Ok(Shape { ring_degree: params.ring_degree(), primes, modulus: &data.modulus })
}

/// Reads SEAL's bytes of a ciphertext at `level`, seeded or whole, and checks all that SEAL does not.
pub(crate) fn load(params: &Params, level: Level, bytes: &[u8]) -> Result<Native> {
    let context = params.context()?;
    let data = context.level("read a ciphertext", level)?;
    let scale = layout::ciphertext(bytes, &shape(params, level)?)?.scale;
    if scale != data.scale {
        return Err(Error::malformed(
            "ciphertext",
            format!("its scale is {scale}, level {level} has {}", data.scale),
        ));
    }
    let native = Native::load(&context.native, bytes)?;
    // What SEAL made of the bytes is what was checked.
    let sound = native.polynomials()? == 2
        && native.is_ntt_form()?
        && native.parms_id()? == data.modulus
        && native.scale()? == data.scale;
    if sound { Ok(native) } else { Err(Error::malformed("ciphertext", "SEAL read something else")) }
}

impl Encode for Ciphertext {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let whole;
        let bytes: &[u8] = match &self.seeded {
            Some(bytes) => bytes,
            None => {
                whole = self.native.save()?;
                &whole
            }
        };
        let packed = packed::pack_ciphertext(bytes, &shape(&self.params, self.level)?)?;
        let mut writer = Writer::new(kind("ctxt", self.params.fingerprint()), packed.len() + 4);
        writer.u32(self.level.index() as u32).bytes(&packed);
        Ok(writer.finish())
    }
}

impl Decode<Params> for Ciphertext {
    fn from_bytes(bytes: &[u8], params: &Params) -> Result<Self> {
        let mut reader = Reader::new(bytes, kind("ctxt", params.fingerprint()))?;
        let level = reader.u32()?;
        if level as usize > params.depth() {
            let reason = format!("it claims level {level}, the parameters end at {}", params.depth());
            return Err(Error::malformed("ctxt", reason));
        }
        let level = Level::new(level);
        let bytes = packed::unpack_ciphertext(reader.remaining(), &shape(params, level)?)?;
        let native = load(params, level, &bytes)?;
        Ok(Self { native: Arc::new(native), level, params: params.clone(), seeded: None })
    }
}

/// What the server needs to compute: switching keys, each packed with seeds in place of its uniform halves until an evaluator expands it.
///
/// SEAL's keys serve every level, whatever level was asked for.
pub struct EvaluationKeys {
    pub(crate) fingerprint: u64,
    pub(crate) relinearisation: Option<Vec<u8>>,
    pub(crate) conjugation: Option<Vec<u8>>,
    /// By normalised step.
    pub(crate) rotations: BTreeMap<usize, Vec<u8>>,
    /// Rotations without a key of their own, as steps that have one.
    pub(crate) composed: BTreeMap<usize, Vec<usize>>,
}

impl EvaluationKeys {
    /// Number of switching keys.
    pub fn count(&self) -> usize {
        self.rotations.len()
            + usize::from(self.relinearisation.is_some())
            + usize::from(self.conjugation.is_some())
    }

    /// Number of rotations that are composed of others, because the cap on key memory left no room for their own keys.
    pub fn composed_rotations(&self) -> usize {
        self.composed.len()
    }

    fn blobs(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.relinearisation.iter().chain(&self.conjugation).chain(self.rotations.values())
    }
}

impl fmt::Debug for EvaluationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluationKeys")
            .field("rotations", &self.rotations.keys())
            .field("composed", &self.composed)
            .finish_non_exhaustive()
    }
}

/// The shape of the parts of keys, over all primes.
pub(crate) fn key_shape<'a>(params: &Params, context: &'a Context, primes: &'a [u64]) -> Shape<'a> {
    Shape { ring_degree: params.ring_degree(), primes, modulus: &context.key_modulus }
}

/// Expands one switching key.
pub(crate) fn expand(params: &Params, packed: &[u8], position: Position) -> Result<SwitchingKeys> {
    let (context, primes) = (params.context()?, params.all_primes());
    let bytes = packed::unpack_key(packed, &key_shape(params, context, &primes), position)?;
    Ok(SwitchingKeys::load(&context.native, &bytes)?)
}

impl Encode for EvaluationKeys {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let body = self.blobs().map(|blob| blob.len() + 12).sum::<usize>()
            + 16
            + self.composed.values().map(|route| 8 + 4 * route.len()).sum::<usize>();
        let mut writer = Writer::new(kind("evalkeys", self.fingerprint), body);
        let blob = |writer: &mut Writer, bytes: Option<&Vec<u8>>| {
            writer.u64(bytes.map_or(0, Vec::len) as u64);
            writer.bytes(bytes.map_or(&[], Vec::as_slice));
        };
        blob(&mut writer, self.relinearisation.as_ref());
        blob(&mut writer, self.conjugation.as_ref());
        writer.u32(self.rotations.len() as u32);
        for (step, bytes) in &self.rotations {
            writer.u32(*step as u32);
            blob(&mut writer, Some(bytes));
        }
        writer.u32(self.composed.len() as u32);
        for (step, route) in &self.composed {
            writer.u32(*step as u32).u32(route.len() as u32);
            route.iter().for_each(|part| {
                writer.u32(*part as u32);
            });
        }
        Ok(writer.finish())
    }
}

impl Decode<Params> for EvaluationKeys {
    fn from_bytes(bytes: &[u8], params: &Params) -> Result<Self> {
        let fingerprint = params.fingerprint();
        let reader = &mut Reader::new(bytes, kind("evalkeys", fingerprint))?;
        let slots = params.slots();
        let primes = params.all_primes();
        let expected = packed::key_bytes(&key_shape(params, params.context()?, &primes));
        let blob = |reader: &mut Reader<'_>| -> Result<Option<Vec<u8>>> {
            let length = reader.u64()?;
            if length == 0 {
                return Ok(None);
            }
            if length != expected as u64 {
                let reason = format!("a key of {length} bytes, {expected} expected");
                return Err(Error::malformed("evalkeys", reason));
            }
            Ok(Some(reader.take(expected)?.to_vec()))
        };
        let step = |reader: &mut Reader<'_>| -> Result<usize> {
            let step = reader.u32()? as usize;
            if step == 0 || step >= slots {
                return Err(Error::malformed("evalkeys", format!("rotation step {step} of {slots} slots")));
            }
            Ok(step)
        };
        let relinearisation = blob(reader)?;
        let conjugation = blob(reader)?;
        let mut rotations = BTreeMap::new();
        for _ in 0..reader.u32()? {
            let step = step(reader)?;
            let key = blob(reader)?.ok_or_else(|| {
                Error::malformed("evalkeys", format!("the key of rotation {step} is empty"))
            })?;
            rotations.insert(step, key);
        }
        let mut composed = BTreeMap::new();
        for _ in 0..reader.u32()? {
            let target = step(reader)?;
            let mut route = Vec::new();
            for _ in 0..reader.u32()? {
                route.push(step(reader)?);
            }
            let sound = route.iter().all(|part| rotations.contains_key(part))
                && route.iter().sum::<usize>() % slots == target;
            if !sound {
                let reason = format!("rotation {target} is not the sum of the keys that it names");
                return Err(Error::malformed("evalkeys", reason));
            }
            composed.insert(target, route);
        }
        let spare = reader.remaining().len();
        if spare > 0 {
            return Err(Error::malformed("evalkeys", format!("{spare} bytes too many")));
        }
        Ok(Self { fingerprint, relinearisation, conjugation, rotations, composed })
    }
}

impl Encode for Params {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new(kind("params", 0), 64 + 8 * self.primes().len());
        writer
            .u64(self.ring_degree() as u64)
            .u64(self.depth() as u64)
            .u32(self.scale_bits())
            .u32(self.headroom_bits())
            .u32(u32::from(self.is_secure()))
            .u64(self.key_memory());
        self.all_primes().iter().for_each(|prime| {
            writer.u64(*prime);
        });
        Ok(writer.finish())
    }
}

impl Decode<()> for Params {
    fn from_bytes(bytes: &[u8], (): &()) -> Result<Self> {
        let mut reader = Reader::new(bytes, kind("params", 0))?;
        let mut size = || -> Result<usize> {
            let value = reader.u64()?;
            usize::try_from(value).map_err(|_| Error::malformed("params", format!("a size of {value}")))
        };
        let (ring_degree, depth) = (size()?, size()?);
        let (scale_bits, headroom_bits) = (reader.u32()?, reader.u32()?);
        let secure = reader.u32()? != 0;
        let key_memory = reader.u64()?;
        let malformed = |error: SealError| Error::malformed("params", error);
        let params = Self::restore(ring_degree, depth, scale_bits, headroom_bits, secure)
            .map_err(malformed)?
            .with_key_memory(key_memory);
        for prime in params.all_primes() {
            if reader.u64()? != prime {
                let reason = "its primes are not those that this version chooses for the same sizes";
                return Err(Error::malformed("params", reason));
            }
        }
        reader.finish()?;
        Ok(params)
    }
}

impl Params {
    /// A number that tells parameter sets apart; keys and ciphertexts carry it.
    pub(crate) fn fingerprint(&self) -> u64 {
        let bytes: Vec<u8> = [self.ring_degree() as u64, u64::from(self.scale_bits())]
            .into_iter()
            .chain(self.all_primes())
            .flat_map(u64::to_le_bytes)
            .collect();
        he_traits::wire::fingerprint(&bytes)
    }
}
