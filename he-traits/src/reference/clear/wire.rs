//! Bytes of the clear reference.

use std::collections::BTreeMap;

use num_complex::Complex64;

use super::{Clear, ClearCiphertext, ClearKeys, ClearParams};
use crate::wire::{Decode, Encode, Kind, Reader, Writer, fingerprint};
use crate::{Error, KeyNeeds, Level, LinearStyle, Result, Scheme};

fn kind(object: &'static str, fingerprint: u64) -> Kind {
    Kind { backend: Clear::NAME, object, fingerprint }
}

impl ClearParams {
    fn frame(&self) -> Vec<u8> {
        let mut writer = Writer::new(kind("params", 0), 24);
        writer.u64(self.slots as u64).u32(raw(self.top));
        writer.u32(u32::from(self.complex)).u32(u32::from(self.exact));
        writer.u32(u32::from(self.linear == LinearStyle::Diagonals));
        writer.finish()
    }

    pub(super) fn kind(&self, object: &'static str) -> Kind {
        kind(object, fingerprint(&self.frame()))
    }
}

fn raw(level: Level) -> u32 {
    level.get().unwrap_or(u32::MAX)
}

fn flag(reader: &mut Reader<'_>, what: &'static str) -> Result<bool> {
    match reader.u32()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Error::malformed(what, format!("a flag holds {other}"))),
    }
}

/// A level that exists at `params`.
fn level(reader: &mut Reader<'_>, what: &'static str, params: &ClearParams) -> Result<Level> {
    let level = Level::new(reader.u32()?);
    if level <= params.top && (level.is_unbounded() || !params.top.is_unbounded()) {
        Ok(level)
    } else {
        Err(Error::malformed(what, format!("level {level}, the top is {}", params.top)))
    }
}

impl Encode for ClearParams {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.frame())
    }
}

impl Decode<()> for ClearParams {
    fn from_bytes(bytes: &[u8], (): &()) -> Result<Self> {
        let mut reader = Reader::new(bytes, kind("params", 0))?;
        let slots = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
        let top = Level::new(reader.u32()?);
        let complex = flag(&mut reader, "params")?;
        let exact = flag(&mut reader, "params")?;
        let diagonals = flag(&mut reader, "params")?;
        reader.finish()?;
        let params = Self::new(slots, top).map_err(|reason| Error::malformed("params", reason))?;
        let linear = if diagonals { LinearStyle::Diagonals } else { LinearStyle::Matrix };
        Ok(params.with_complex(complex).with_exact(exact).with_linear(linear))
    }
}

impl Encode for ClearCiphertext {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new(self.params.kind("ctxt"), 4 + 16 * self.slots.len());
        writer.u32(raw(self.level));
        for slot in &self.slots {
            writer.f64(slot.re).f64(slot.im);
        }
        Ok(writer.finish())
    }
}

impl Decode<ClearParams> for ClearCiphertext {
    fn from_bytes(bytes: &[u8], params: &ClearParams) -> Result<Self> {
        let mut reader = Reader::new(bytes, params.kind("ctxt"))?;
        let level = level(&mut reader, "ctxt", params)?;
        let numbers = reader.f64s(2 * params.slots)?;
        reader.finish()?;
        let slots: Vec<Complex64> =
            numbers.as_chunks::<2>().0.iter().map(|[re, im]| Complex64::new(*re, *im)).collect();
        if !params.complex && slots.iter().any(|slot| slot.im != 0.0) {
            return Err(Error::malformed("ctxt", "its slots are complex, those of the parameters are real"));
        }
        Ok(Self { slots, level, params: *params })
    }
}

impl Encode for ClearKeys {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let needs = self.needs();
        let mut writer = Writer::new(self.params().kind("evalkeys"), 24 + 12 * needs.rotations.len());
        for key in [needs.relinearisation, needs.conjugation] {
            writer.u32(u32::from(key.is_some())).u32(raw(key.unwrap_or(Level::ZERO)));
        }
        writer.u64(needs.rotations.len() as u64);
        for (step, level) in &needs.rotations {
            writer.u64(*step as u64).u32(raw(*level));
        }
        Ok(writer.finish())
    }
}

impl Decode<ClearParams> for ClearKeys {
    fn from_bytes(bytes: &[u8], params: &ClearParams) -> Result<Self> {
        let what = "evalkeys";
        let mut reader = Reader::new(bytes, params.kind(what))?;
        let mut key = || -> Result<Option<Level>> {
            let there = flag(&mut reader, what)?;
            let level = if there { level(&mut reader, what, params)? } else { Level::new(reader.u32()?) };
            Ok(there.then_some(level))
        };
        let (relinearisation, conjugation) = (key()?, key()?);
        let mut rotations = BTreeMap::new();
        for _ in 0..reader.u64()? {
            let step = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
            rotations.insert(step, level(&mut reader, what, params)?);
        }
        reader.finish()?;
        Self::new(params, KeyNeeds { rotations, relinearisation, conjugation })
            .map_err(|reason| Error::malformed(what, reason))
    }
}
