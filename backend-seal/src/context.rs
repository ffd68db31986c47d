//! Everything about one parameter set that costs time to make: SEAL's tables and the names of its levels.

use he_traits::{Diagonal, Error, Level, Result};

use crate::{
    error::SealError,
    native::{
        ParmsId, context, encoder::Encoder, evaluator::Evaluator, values::Ciphertext, values::Plaintext,
    },
    params::Params,
    primes::product_bits,
    slots::SlotOrder,
};

/// SEAL's objects for one parameter set. Shared by the server's and the owner's half; holds no key.
pub(crate) struct Context {
    pub(crate) native: context::Context,
    pub(crate) encoder: Encoder,
    pub(crate) evaluator: Evaluator,
    pub(crate) order: SlotOrder,
    /// Name of the modulus of keys.
    pub(crate) key_modulus: ParmsId,
    levels: Vec<LevelData>,
}

/// What belongs to one level.
pub(crate) struct LevelData {
    pub(crate) modulus: ParmsId,
    /// Bits of q(0) .. q(l).
    modulus_bits: u32,
    pub(crate) scale: f64,
    /// The prime that a rescale divides by.
    pub(crate) prime: u64,
}

impl Context {
    pub(crate) fn new(params: &Params) -> std::result::Result<Self, SealError> {
        let native = context::Context::new(params.ring_degree(), &params.all_primes(), params.is_secure())?;
        let moduli = native.level_parms_ids()?;
        if moduli.len() != params.depth() + 1 {
            let text = format!("{} levels, SEAL made {}", params.depth() + 1, moduli.len());
            return Err(SealError::Context(text));
        }
        let levels = moduli
            .into_iter()
            .zip(params.primes())
            .enumerate()
            .map(|(level, (modulus, &prime))| LevelData {
                modulus,
                modulus_bits: product_bits(params.primes().iter().copied().take(level + 1)),
                scale: params.scale(level).unwrap_or_default(),
                prime,
            })
            .collect();
        Ok(Self {
            encoder: Encoder::new(&native)?,
            evaluator: Evaluator::new(&native)?,
            order: SlotOrder::new(params.ring_degree()),
            key_modulus: native.key_parms_id()?,
            levels,
            native,
        })
    }

    pub(crate) fn top(&self) -> Level {
        Level::new(self.levels.len().saturating_sub(1) as u32)
    }

    /// The data of a level, or the error of asking for one above the top.
    pub(crate) fn level(&self, op: &'static str, at: Level) -> Result<&LevelData> {
        let data = if at.is_unbounded() { None } else { self.levels.get(at.index()) };
        data.ok_or_else(|| Error::LevelRaise { op, from: self.top(), to: at })
    }

    /// Encodes at `scale` for the modulus of level `at`.
    pub(crate) fn encode(
        &self,
        op: &'static str,
        values: &Diagonal,
        at: Level,
        scale: f64,
    ) -> Result<Plaintext> {
        values.check(op, self.order.slots())?;
        let level = self.level(op, at)?;
        check_magnitude(op, values, scale, level)?;
        let encoded = match values {
            Diagonal::Constant(value) => self.encoder.encode_constant(*value, &level.modulus, scale),
            Diagonal::Real(period) => match period.as_slice() {
                [value] => self.encoder.encode_constant(*value, &level.modulus, scale),
                period => self.encoder.encode_real(&self.order.place_real(period), &level.modulus, scale),
            },
            other => {
                let placed = self.order.place_complex(&other.complex());
                self.encoder.encode_complex(&placed, &level.modulus, scale)
            }
        };
        Ok(encoded?)
    }

    /// Divides a product that left level `from` by its prime and gives it the one scale of the level below.
    pub(crate) fn rescale(&self, op: &'static str, product: &Ciphertext, from: Level) -> Result<Ciphertext> {
        let below = self.level(op, from.spend(op, 1)?)?;
        let mut out = self.evaluator.rescale(product)?;
        out.set_scale(below.scale)?;
        Ok(out)
    }
}

/// Refuses values that would wrap around the modulus: SEAL wants each coefficient below a quarter of it.
fn check_magnitude(op: &'static str, values: &Diagonal, scale: f64, level: &LevelData) -> Result<()> {
    let bits = f64::from(level.modulus_bits);
    let fits = |value: f64| value == 0.0 || (value.abs() * scale).log2() + 2.0 < bits;
    let reason = "it overflows the modulus of its level";
    let refuse = |position, value| Err(Error::Value { op, position, value, reason });
    match values {
        Diagonal::Constant(value) if !fits(*value) => refuse(0, *value),
        Diagonal::Real(values) => match values.iter().position(|value| !fits(*value)) {
            Some(position) => refuse(position, values.get(position).copied().unwrap_or_default()),
            None => Ok(()),
        },
        Diagonal::Complex(values) => match values.iter().position(|value| !fits(value.norm())) {
            Some(position) => refuse(position, values.get(position).map_or(0.0, |value| value.norm())),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
