//! A backend of one's own, as small as the contract allows: numbers in the clear that are rounded to 40 bits after the point,
//! with levels and keys to run out of. It protects nothing; it shows what a backend must supply, and passes the conformance
//! suite that every backend of henna passes.

use std::sync::Arc;

use henna::traits::client::{CryptoRng, Zeroizing};
use henna::traits::wire::{Decode, Encode, Kind, Reader, Writer, fingerprint};
use henna::traits::{
    Absent, Assumption, ClientScheme, Cost, Costs, Decryptor, Diagonal, Encryptor, Error, Evaluator, Keep,
    KeyNeeds, Keys, Level, LinearMap, LinearStyle, NoEncryptor, Profile, Requirements, Result, Schedule,
    Scheme, Security, Sharing, Sizes, Step, bsgs,
};

/// Bits after the point that survive an operation.
const BITS: i32 = 40;

/// The tag that names the family.
pub enum Rounded {}

/// Slots of a ciphertext and levels of a fresh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    slots: usize,
    top: u32,
}

/// Rounded numbers and the multiplications they have left.
#[derive(Clone)]
pub struct Ciphertext {
    slots: Vec<f64>,
    level: Level,
}

/// A vector to multiply by at one level.
pub struct Factor(Ciphertext);

/// A vector to add at one level.
pub struct Addend(Ciphertext);

/// The operations that the server may compute.
pub struct EvaluationKeys {
    params: Parameters,
    needs: KeyNeeds,
}

/// Computes.
pub struct RoundedEvaluator {
    profile: Profile,
    params: Parameters,
    keys: EvaluationKeys,
}

/// Encrypts and decrypts: there is nothing to hide.
pub struct Owner(Parameters);

/// The secret key: nothing at all.
pub struct NoSecret;

fn round(value: f64) -> f64 {
    let unit = f64::from(BITS).exp2();
    (value * unit).round() / unit
}

impl Parameters {
    /// Parameters of `slots` slots and `top` levels.
    pub fn new(slots: usize, top: u32) -> Result<Self> {
        if slots == 0 || slots > 1 << 20 || top > 100 {
            return Err(Error::parameters(format!(
                "1 to 2^20 slots and at most 100 levels, got {slots} and {top}"
            )));
        }
        Ok(Self { slots, top })
    }

    fn kind(&self, object: &'static str) -> Result<Kind> {
        Ok(Kind { backend: Rounded::NAME, object, fingerprint: fingerprint(&self.to_bytes()?) })
    }

    fn encode(&self, op: &'static str, values: &Diagonal, level: Level) -> Result<Ciphertext> {
        values.check(op, self.slots)?;
        if level > Level::new(self.top) {
            return Err(Error::LevelRaise { op, from: Level::new(self.top), to: level });
        }
        let period = values.real(Rounded::NAME)?;
        let slots = period.iter().copied().cycle().take(self.slots).map(round).collect();
        Ok(Ciphertext { slots, level })
    }
}

impl Ciphertext {
    fn zip(&self, other: &Self, level: Level, f: impl Fn(f64, f64) -> f64) -> Self {
        Self { slots: self.slots.iter().zip(&other.slots).map(|(a, b)| round(f(*a, *b))).collect(), level }
    }
}

impl Scheme for Rounded {
    const NAME: &'static str = "rounded";
    type Params = Parameters;
    type Ciphertext = Ciphertext;
    type EvaluationKeys = EvaluationKeys;
    type Evaluator = RoundedEvaluator;

    fn parameters(requirements: &Requirements) -> Result<Parameters> {
        Parameters::new(requirements.slots.next_power_of_two(), requirements.depth)
    }

    fn profile(params: &Parameters) -> Result<Profile> {
        let (pass, bytes) = (Cost::flat(1e-9 * params.slots as f64), Cost::flat(8.0 * params.slots as f64));
        Ok(Profile {
            backend: Self::NAME.to_owned(),
            parameters: format!("{} slots, {} levels, {BITS} bits", params.slots, params.top),
            slots: params.slots,
            top: Level::new(params.top),
            precision_bits: f64::from(BITS) - 2.0,
            security: Security {
                assumption: Assumption::None,
                statement: "none: a teaching example that does not encrypt".to_owned(),
                server_learns: vec!["everything".to_owned()],
                owner_learns: Vec::new(),
                attacks: Vec::new(),
                sharing_decryptions: Sharing::Safe,
            },
            costs: Costs {
                encode: pass,
                encode_kept: pass,
                encrypt: pass,
                decrypt: pass,
                rescale: pass,
                add: pass,
                mul: pass,
                mul_plain: pass,
                rotate: pass,
                rotate_hoisted: pass,
                ..Costs::default()
            },
            linear: LinearStyle::Diagonals,
            values_at_once: 1,
            repeats_once: false,
            factors_repeat_once: false,
            masks_kept_once: false,
            rotated_by_limb: false,
            values_per_thread: None,
            threads_within: false,
            exact: false,
            companions: false,
            complex: false,
            refresh: None,
            sizes: Sizes {
                ciphertext: bytes,
                factor: bytes,
                key: Cost::flat(8.0),
                keys_at_most: None,
                entry: 0.0,
                held_back: 0.0,
                sent: bytes,
                sent_fresh: bytes,
            },
        })
    }

    fn evaluator(params: &Parameters, keys: EvaluationKeys) -> Result<RoundedEvaluator> {
        if keys.params != *params {
            return Err(Error::parameters("the keys were made for other parameters"));
        }
        Ok(RoundedEvaluator { profile: Self::profile(params)?, params: *params, keys })
    }
}

impl Evaluator for RoundedEvaluator {
    type Ciphertext = Ciphertext;
    type Factor = Factor;
    type Addend = Addend;
    type Map = bsgs::Map<Self>;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn level(&self, x: &Ciphertext) -> Level {
        x.level
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<Factor> {
        at.spend("encode_factor", 1)?;
        Ok(Factor(self.params.encode("encode_factor", values, at)?))
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<Addend> {
        Ok(Addend(self.params.encode("encode_addend", values, at)?))
    }

    fn add(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        a.level.same("add", b.level)?;
        Ok(a.zip(b, a.level, |a, b| a + b))
    }

    fn neg(&self, a: &Ciphertext) -> Result<Ciphertext> {
        Ok(a.zip(a, a.level, |a, _| -a))
    }

    fn add_plain(&self, a: &Ciphertext, b: &Addend) -> Result<Ciphertext> {
        a.level.same("add_plain", b.0.level)?;
        Ok(a.zip(&b.0, a.level, |a, b| a + b))
    }

    fn mul(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        a.level.same("mul", b.level)?;
        let level = a.level.spend("mul", 1)?;
        if self.keys.needs.relinearisation.is_none_or(|highest| a.level > highest) {
            return Err(Error::MissingRelinearisation { level: a.level });
        }
        Ok(a.zip(b, level, |a, b| a * b))
    }

    fn mul_plain(&self, a: &Ciphertext, b: &Factor) -> Result<Ciphertext> {
        a.level.same("mul_plain", b.0.level)?;
        Ok(a.zip(&b.0, a.level.spend("mul_plain", 1)?, |a, b| a * b))
    }

    fn rotate(&self, a: &Ciphertext, step: Step) -> Result<Ciphertext> {
        let by = step.normalised(self.params.slots);
        if by != 0 && self.keys.needs.rotations.get(&by).is_none_or(|highest| a.level > *highest) {
            return Err(Error::MissingRotation { step: Step::from(by), level: a.level });
        }
        let mut rotated = a.clone();
        rotated.slots.rotate_left(by);
        Ok(rotated)
    }

    fn prepare(&self, map: &Arc<LinearMap>, schedule: &Schedule, at: Level, keep: Keep) -> Result<Self::Map> {
        for step in schedule.rotations() {
            if self.keys.needs.rotations.get(&step).is_none_or(|highest| at > *highest) {
                return Err(Error::MissingRotation { step: Step::from(step), level: at });
            }
        }
        bsgs::prepare(self, map, schedule, at, keep)
    }

    fn linear(&self, x: &[&Ciphertext], map: &Self::Map) -> Result<Vec<Ciphertext>> {
        bsgs::linear(self, x, map)
    }
}

impl ClientScheme for Rounded {
    type SecretKey = NoSecret;
    type PublicKey = Absent;
    type Encryptor = Owner;
    type PublicEncryptor = NoEncryptor<Ciphertext>;
    type Decryptor = Owner;

    fn keygen(params: &Parameters, needs: &KeyNeeds, _: &mut dyn CryptoRng) -> Result<Keys<Self>> {
        let evaluation = EvaluationKeys { params: *params, needs: needs.clone() };
        Ok(Keys { secret: NoSecret, evaluation })
    }

    fn public_key(_: &Parameters, _: &NoSecret, _: &mut dyn CryptoRng) -> Result<Option<Absent>> {
        Ok(None)
    }

    fn encryptor(params: &Parameters, _: &NoSecret) -> Result<Owner> {
        Ok(Owner(*params))
    }

    fn public_encryptor(_: &Parameters, key: &Absent) -> Result<NoEncryptor<Ciphertext>> {
        Ok((*key).into())
    }

    fn decryptor(params: &Parameters, _: &NoSecret) -> Result<Owner> {
        Ok(Owner(*params))
    }

    fn secret_to_bytes(params: &Parameters, _: &NoSecret) -> Result<Zeroizing<Vec<u8>>> {
        Ok(Zeroizing::new(Writer::new(params.kind("secret")?, 0).finish()))
    }

    fn secret_from_bytes(params: &Parameters, bytes: &[u8]) -> Result<NoSecret> {
        Reader::new(bytes, params.kind("secret")?)?.finish()?;
        Ok(NoSecret)
    }
}

impl Encryptor for Owner {
    type Ciphertext = Ciphertext;

    fn encrypt(&self, values: &Diagonal, at: Level, _: &mut dyn CryptoRng) -> Result<Ciphertext> {
        self.0.encode("encrypt", values, at)
    }
}

impl Decryptor for Owner {
    type Ciphertext = Ciphertext;

    fn decrypt(&self, x: &Ciphertext) -> Result<Vec<f64>> {
        Ok(x.slots.clone())
    }
}

impl Encode for Parameters {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new(Kind { backend: Rounded::NAME, object: "params", fingerprint: 0 }, 12);
        writer.u64(self.slots as u64).u32(self.top);
        Ok(writer.finish())
    }
}

impl Decode<()> for Parameters {
    fn from_bytes(bytes: &[u8], (): &()) -> Result<Self> {
        let mut reader =
            Reader::new(bytes, Kind { backend: Rounded::NAME, object: "params", fingerprint: 0 })?;
        let (slots, top) = (reader.u64()?, reader.u32()?);
        reader.finish()?;
        Self::new(usize::try_from(slots).unwrap_or(0), top)
    }
}

impl Encode for Ciphertext {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        // A ciphertext does not know its parameters; its slots stand in for them.
        let mut writer = Writer::new(
            Kind { backend: Rounded::NAME, object: "ctxt", fingerprint: self.slots.len() as u64 },
            4 + 8 * self.slots.len(),
        );
        writer.u32(self.level.get().unwrap_or(0)).f64s(&self.slots);
        Ok(writer.finish())
    }
}

impl Decode<Parameters> for Ciphertext {
    fn from_bytes(bytes: &[u8], params: &Parameters) -> Result<Self> {
        let kind = Kind { backend: Rounded::NAME, object: "ctxt", fingerprint: params.slots as u64 };
        let mut reader = Reader::new(bytes, kind)?;
        let level = reader.u32()?;
        if level > params.top {
            return Err(Error::malformed("ctxt", format!("level {level}, the top is {}", params.top)));
        }
        let slots = reader.f64s(params.slots)?;
        reader.finish()?;
        Ok(Self { slots, level: Level::new(level) })
    }
}

impl Encode for EvaluationKeys {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let level = |level: Option<Level>| level.and_then(Level::get).unwrap_or(u32::MAX);
        let mut writer = Writer::new(self.params.kind("evalkeys")?, 16 + 12 * self.needs.rotations.len());
        writer.u32(level(self.needs.relinearisation)).u32(self.needs.rotations.len() as u32);
        for (step, at) in &self.needs.rotations {
            writer.u64(*step as u64).u32(level(Some(*at)));
        }
        Ok(writer.finish())
    }
}

impl Decode<Parameters> for EvaluationKeys {
    fn from_bytes(bytes: &[u8], params: &Parameters) -> Result<Self> {
        let mut reader = Reader::new(bytes, params.kind("evalkeys")?)?;
        let mut needs = KeyNeeds::default();
        let relinearisation = reader.u32()?;
        if relinearisation != u32::MAX {
            needs.relinearise(Level::new(relinearisation));
        }
        for _ in 0..reader.u32()? {
            let (step, level) = (reader.u64()?, reader.u32()?);
            needs.rotate(usize::try_from(step).unwrap_or(0), Level::new(level));
        }
        reader.finish()?;
        Ok(Self { params: *params, needs })
    }
}

#[cfg(test)]
mod tests {
    use henna::traits::conformance::Suite;

    use super::*;

    #[test]
    fn keeps_every_law() {
        let params = Parameters::new(64, 6).unwrap();
        let report = Suite::<Rounded>::new(params).seed(1).run().unwrap_or_else(|broken| panic!("{broken}"));
        assert!(report.checks() > 100);
    }

    #[test]
    fn runs_a_network() {
        let images = crate::images(2).unwrap();
        let results = crate::run_encrypted::<Rounded>(&images).unwrap();
        assert_eq!(results.len(), 2);
    }
}
