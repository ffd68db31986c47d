//! The clear reference with a number for its defect.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};

use he_traits::wire::{Decode, Encode, Kind, Reader, Writer};
use he_traits::*;
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::defects::*;

type Ct = ClearCiphertext;
type Clears = ClearEvaluator;

/// The clear reference with the defect that its parameters name; 0 is none. One type for all defects: the suite is compiled
/// once.
pub(crate) struct Broken;

#[derive(Clone, PartialEq)]
pub(crate) struct Params(pub(crate) ClearParams, pub(crate) u8);

const KIND: Kind = Kind { backend: "broken", object: "params", fingerprint: 0 };

impl Encode for Params {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new(KIND, 0);
        writer.u32(self.1.into()).bytes(&self.0.to_bytes()?);
        Ok(writer.finish())
    }
}

impl Decode<()> for Params {
    fn from_bytes(bytes: &[u8], context: &()) -> Result<Self> {
        let mut reader = Reader::new(bytes, KIND)?;
        let defect = reader.u32()? as u8;
        Ok(Self(ClearParams::from_bytes(reader.remaining(), context)?, defect))
    }
}

impl Decode<Params> for Ct {
    fn from_bytes(bytes: &[u8], params: &Params) -> Result<Self> {
        let read = Self::from_bytes(bytes, &params.0);
        match read {
            Err(_) if params.1 == READS_TRUNCATED => {
                Self::new(&params.0, &Diagonal::Constant(0.0), params.0.top())
            }
            read => read,
        }
    }
}

impl Decode<Params> for ClearKeys {
    fn from_bytes(bytes: &[u8], params: &Params) -> Result<Self> {
        Self::from_bytes(bytes, &params.0)
    }
}

impl Scheme for Broken {
    const NAME: &'static str = "clear";
    type Params = Params;
    type Ciphertext = Ct;
    type EvaluationKeys = ClearKeys;
    type Evaluator = Evaluates;

    fn parameters(requirements: &Requirements) -> Result<Params> {
        Ok(Params(Clear::parameters(requirements)?, 0))
    }

    fn profile(params: &Params) -> Result<Profile> {
        let mut profile = Clear::profile(&params.0)?;
        if params.1 == PROFILE_PROMISES_EXACT {
            profile.exact = true;
        }
        if (REFRESHES..=REFRESH_IS_COARSE).contains(&params.1) {
            let highest_output = profile.top.spend("refresh", 1)?;
            let lowest_input = Level::new(1);
            profile.refresh = Some(RefreshProfile {
                lowest_input,
                highest_output,
                bound: 2.0,
                seconds: 1.0,
                by_owner: false,
            });
        }
        Ok(profile)
    }

    fn evaluator(params: &Params, keys: ClearKeys) -> Result<Evaluates> {
        let rotations = keys.needs().rotations.len();
        let keys = if params.1 == TAKES_FOREIGN_KEYS {
            ClearKeys::new(&params.0, keys.needs().clone())?
        } else {
            keys
        };
        let inner = Clear::evaluator(&params.0, keys)?;
        Ok(Evaluates {
            inner,
            profile: Self::profile(params)?,
            params: params.0,
            rotations,
            defect: params.1,
            sums: Mutex::default(),
        })
    }
}

pub(crate) struct Evaluates {
    inner: Clears,
    profile: Profile,
    params: ClearParams,
    rotations: usize,
    defect: u8,
    /// Slots of the sums of several products of ciphertexts so far, for the defect that sees only those.
    sums: Mutex<Vec<Vec<Complex64>>>,
}

pub(crate) struct Map {
    inner: <Clears as Evaluator>::Map,
    in_blocks: usize,
}

impl Evaluates {
    fn at(&self, slots: &[Complex64], level: Level) -> Ct {
        let values = match self.params.top().is_unbounded() || slots.iter().all(|v| v.im == 0.0) {
            true => Diagonal::Real(slots.iter().map(|v| v.re).collect()),
            false => Diagonal::Complex(slots.to_vec()),
        };
        Ct::new(&self.params, &values, level).unwrap()
    }
}

impl Evaluator for Evaluates {
    type Ciphertext = Ct;
    type Factor = <Clears as Evaluator>::Factor;
    type Addend = <Clears as Evaluator>::Addend;
    type Map = Map;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn level(&self, x: &Ct) -> Level {
        x.level()
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<Self::Factor> {
        match values {
            Diagonal::Real(short)
                if self.defect == FACTOR_NOT_REPEATED && short.len() < self.params.slots() =>
            {
                let mut padded = short.clone();
                values.check("encode_factor", self.params.slots())?;
                padded.resize(self.params.slots(), 0.0);
                self.inner.encode_factor(&Diagonal::Real(padded), at)
            }
            _ => self.inner.encode_factor(values, at),
        }
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<Self::Addend> {
        self.inner.encode_addend(values, at)
    }

    fn add(&self, a: &Ct, b: &Ct) -> Result<Ct> {
        if self.defect == ADDS_UNEQUAL_LEVELS {
            let to = a.level().min(b.level());
            return self.inner.add(&self.inner.drop_to(a, to)?, &self.inner.drop_to(b, to)?);
        }
        self.inner.add(a, b)
    }

    fn neg(&self, a: &Ct) -> Result<Ct> {
        self.inner.neg(a)
    }

    fn add_plain(&self, a: &Ct, b: &Self::Addend) -> Result<Ct> {
        self.inner.add_plain(a, b)
    }

    fn mul(&self, a: &Ct, b: &Ct) -> Result<Ct> {
        if self.defect == MULTIPLIES_AT_ZERO && a.level() == Level::ZERO {
            return Ok(a.clone());
        }
        let product = self.inner.mul(a, b)?;
        Ok(if self.defect == MUL_KEEPS_LEVEL { self.at(product.slots(), a.level()) } else { product })
    }

    fn mul_plain(&self, a: &Ct, b: &Self::Factor) -> Result<Ct> {
        let product = self.inner.mul_plain(a, b)?;
        Ok(if self.defect == MUL_PLAIN_KEEPS_LEVEL { self.at(product.slots(), a.level()) } else { product })
    }

    fn rotate(&self, a: &Ct, step: Step) -> Result<Ct> {
        if self.defect == ROTATES_NO_SUM_OF_PRODUCTS
            && self.sums.lock().unwrap().iter().any(|sum| sum == a.slots())
        {
            return Ok(a.clone());
        }
        let step = match self.defect {
            ROTATES_RIGHT => Step(-step.0),
            IGNORES_SIGN_OF_STEP => Step(step.0.abs()),
            _ => step,
        };
        match self.inner.rotate(a, step) {
            Err(Error::MissingRotation { .. }) if self.defect == MISSING_KEY_UNREPORTED => Ok(a.clone()),
            // These two break what is computed, not what is refused: the key of the wrong step may not be there.
            Err(_) if self.defect == ROTATES_RIGHT || self.defect == IGNORES_SIGN_OF_STEP => Ok(a.clone()),
            rotated => rotated,
        }
    }

    fn prepare(&self, map: &Arc<LinearMap>, schedule: &Schedule, at: Level, keep: Keep) -> Result<Map> {
        let inner = match self.inner.prepare(map, schedule, at, keep) {
            Err(Error::Schedule { .. }) if self.defect == ACCEPTS_ANY_SCHEDULE => {
                self.inner.prepare(map, &Schedule::Matrix, at, keep)?
            }
            inner => inner?,
        };
        Ok(Map { inner, in_blocks: map.geometry(self.params.slots())?.in_blocks })
    }

    fn linear(&self, x: &[&Ct], map: &Map) -> Result<Vec<Ct>> {
        let results = self.inner.linear(x, &map.inner)?;
        if self.defect == LINEAR_WRONG_WITH_FEW_KEYS && self.rotations < 8 {
            return results.iter().map(|y| self.inner.neg(y)).collect();
        }
        if self.defect == LINEAR_FORGETS_SECOND_BLOCK {
            let zeros: Vec<_> =
                x.iter().map(|x| self.at(&vec![Complex64::ZERO; x.slots().len()], x.level())).collect();
            let second = |i: usize| i % map.in_blocks == 1;
            let x: Vec<_> =
                x.iter().enumerate().map(|(i, x)| if second(i) { &zeros[i] } else { *x }).collect();
            return self.inner.linear(&x, &map.inner);
        }
        if self.defect == LINEAR_REPEATS_FIRST_VALUE {
            let blocks = results.len() / (x.len() / map.in_blocks);
            return Ok((0..results.len()).map(|i| results[i % blocks].clone()).collect());
        }
        Ok(results)
    }

    fn layer(
        &self,
        x: &[&Ct],
        map: &Map,
        bias: Option<&[<Clears as Evaluator>::Addend]>,
        function: Option<Function>,
    ) -> Result<Vec<Ct>> {
        let forgets = self.defect == LAYER_FORGETS_BIAS;
        he_traits::layer_by_steps(self, x, map, bias.filter(|_| !forgets), function)
    }

    fn sub(&self, a: &Ct, b: &Ct) -> Result<Ct> {
        if self.defect == SUB_SWAPPED { self.inner.sub(b, a) } else { self.inner.sub(a, b) }
    }

    fn add_scalar(&self, a: &Ct, constant: f64) -> Result<Ct> {
        if self.defect == WRONG_WITH_FEW_KEYS && self.rotations < 4 {
            return self.inner.add_scalar(a, 2.0 * constant);
        }
        let skipped = self.defect == ADD_SCALAR_SKIPS_NEGATIVE && constant < 0.0 && constant.is_finite();
        self.inner.add_scalar(a, if skipped { 0.0 } else { constant })
    }

    fn rotate_many(&self, a: &Ct, steps: &[Step]) -> Result<Vec<Ct>> {
        let step =
            |i: usize| if self.defect == ROTATE_MANY_REPEATS_FIRST && i == 1 { steps[0] } else { steps[i] };
        (0..steps.len()).map(|i| self.rotate(a, step(i))).collect()
    }

    fn drop_to(&self, a: &Ct, to: Level) -> Result<Ct> {
        if self.defect == DROP_TO_RAISES && to > a.level() && !to.is_unbounded() {
            return Ok(self.at(a.slots(), to));
        }
        self.inner.drop_to(a, to)
    }

    fn combine(&self, terms: &[(f64, &Ct)], constant: f64, to: Level) -> Result<Ct> {
        let constant =
            if self.defect == COMBINE_FORGETS_CONSTANT && constant.is_finite() { 0.0 } else { constant };
        let round = |c: f64| if self.defect == COMBINE_ROUNDS_COEFFICIENTS { c.round() } else { c };
        let terms: Vec<_> = terms.iter().map(|(c, x)| (round(*c), *x)).collect();
        self.inner.combine(&terms, constant, to)
    }

    fn mul_sum(&self, pairs: &[(&Ct, &Ct)]) -> Result<Ct> {
        let forgets = self.defect == MUL_SUM_FORGETS_LAST && pairs.len() > 1;
        let sum = self.inner.mul_sum(if forgets { &pairs[..pairs.len() - 1] } else { pairs })?;
        if self.defect == ROTATES_NO_SUM_OF_PRODUCTS && pairs.len() > 1 {
            self.sums.lock().unwrap().push(sum.slots().to_vec());
        }
        Ok(sum)
    }

    fn mul_plain_sum(&self, pairs: &[(&Ct, &Self::Factor)]) -> Result<Ct> {
        let sum = self.inner.mul_plain_sum(pairs)?;
        let keeps = self.defect == MUL_PLAIN_SUM_FORGETS_LEVEL;
        Ok(if keeps { self.at(sum.slots(), pairs[0].0.level()) } else { sum })
    }

    fn polynomial(&self, x: &Ct, polynomial: &Polynomial) -> Result<Ct> {
        let as_powers = Polynomial::new(Basis::Monomial, polynomial.coefficients().to_vec())?;
        let value = self
            .inner
            .polynomial(x, if self.defect == CHEBYSHEV_AS_POWERS { &as_powers } else { polynomial })?;
        if self.defect == POLYNOMIAL_WRONG_WITH_FEW_KEYS && self.rotations < 8 {
            return self.inner.neg(&value);
        }
        let lower = value.level().spend("polynomial", 1);
        match lower {
            Ok(lower) if self.defect == POLYNOMIAL_LANDS_TOO_LOW => self.inner.drop_to(&value, lower),
            _ => Ok(value),
        }
    }

    fn refresh(&self) -> Option<impl Refresh<Ct>> {
        self.profile.refresh.clone().map(|inner| Capability { inner, broken: self })
    }

    fn exact(&self) -> Option<impl Exact<Ct>> {
        self.inner.exact().map(|inner| Capability { inner, broken: self })
    }

    fn complex(&self) -> Option<impl Complex<Ct>> {
        self.inner.complex().map(|inner| Capability { inner, broken: self })
    }
}

struct Capability<'a, X> {
    inner: X,
    broken: &'a Evaluates,
}

impl Refresh<Ct> for Capability<'_, RefreshProfile> {
    fn refresh(&self, x: &[&Ct], _: Parts, to: Level) -> Result<Vec<Ct>> {
        let defect = self.broken.defect;
        if to > self.inner.highest_output && defect != REFRESH_GOES_TOO_HIGH {
            return Err(Error::LevelRaise { op: "refresh", from: self.inner.highest_output, to });
        }
        let to = if defect == REFRESH_LANDS_TOO_LOW { to.spend("refresh", 1)? } else { to };
        let coarse = |v: &Complex64| if defect == REFRESH_IS_COARSE { v.re.round().into() } else { *v };
        let mut fresh: Vec<Ct> =
            x.iter().map(|x| self.broken.at(&x.slots().iter().map(coarse).collect::<Vec<_>>(), to)).collect();
        match defect {
            REFRESH_SWAPS => fresh.reverse(),
            REFRESH_FORGETS_SECOND => fresh.truncate(1),
            _ => {}
        }
        Ok(fresh)
    }
}

impl<X: Exact<Ct>> Exact<Ct> for Capability<'_, X> {
    fn apply(&self, x: &Ct, function: Function) -> Result<Ct> {
        if self.broken.defect == SIGMOID_APPROXIMATED && function == Function::Sigmoid {
            let cubic = |x: &Complex64| 0.5 + x / 4.0 - x * x * x / 48.0;
            return Ok(self.broken.at(&x.slots().iter().map(cubic).collect::<Vec<_>>(), x.level()));
        }
        self.inner.apply(x, function)
    }

    fn div(&self, a: &Ct, b: &Ct) -> Result<Ct> {
        self.inner.div(a, b)
    }
}

impl<X: Complex<Ct>> Complex<Ct> for Capability<'_, X> {
    fn conjugate(&self, x: &Ct) -> Result<Ct> {
        let conjugate = self.inner.conjugate(x)?;
        Ok(if self.broken.defect == CONJUGATE_DOES_NOTHING { x.clone() } else { conjugate })
    }

    fn mul_i(&self, x: &Ct) -> Result<Ct> {
        self.inner.mul_i(x)
    }
}

pub(crate) struct Encrypts(ClearParams, <Clear as ClientScheme>::Encryptor, u8);

impl Encryptor for Encrypts {
    type Ciphertext = Ct;

    fn encrypt(&self, values: &Diagonal, at: Level, rng: &mut dyn CryptoRng) -> Result<Ct> {
        let mut values = values.clone();
        match &mut values {
            Diagonal::Real(v) if self.2 == DROPS_LAST_SLOT && v.len() == self.0.slots() => {
                v[self.0.slots() - 1] = 0.0
            }
            Diagonal::Real(v) if self.2 == ACCEPTS_NAN => {
                v.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = 0.0)
            }
            Diagonal::Real(v)
                if self.2 == PADS_SHORT_VECTORS
                    && !v.is_empty()
                    && !self.0.slots().is_multiple_of(v.len()) =>
            {
                v.resize(self.0.slots(), 0.0);
            }
            Diagonal::Complex(v) if self.2 == DROPS_IMAGINARY_PART => v.iter_mut().for_each(|v| v.im = 0.0),
            _ => {}
        }
        self.1.encrypt(&values, at, rng)
    }
}

pub(crate) struct Decrypts(<Clear as ClientScheme>::Decryptor, u8);

impl Decryptor for Decrypts {
    type Ciphertext = Ct;

    fn decrypt(&self, x: &Ct) -> Result<Vec<f64>> {
        let noise = if self.1 == NOISY { 1e-9 } else { 0.0 };
        Ok(self.0.decrypt(x)?.into_iter().map(|v| v + noise).collect())
    }

    fn decrypt_complex(&self, x: &Ct) -> Result<Vec<Complex64>> {
        self.0.decrypt_complex(x)
    }
}

impl ClientScheme for Broken {
    type SecretKey = <Clear as ClientScheme>::SecretKey;
    type PublicKey = Absent;
    type Encryptor = Encrypts;
    type PublicEncryptor = NoEncryptor<Ct>;
    type Decryptor = Decrypts;

    fn keygen(params: &Params, needs: &KeyNeeds, rng: &mut dyn CryptoRng) -> Result<Keys<Self>> {
        let mut needs = needs.clone();
        if params.1 == KEYGEN_FORGETS_A_ROTATION && (2..5).contains(&needs.rotations.len()) {
            needs.rotations.pop_last();
        }
        let keys = Clear::keygen(&params.0, &needs, rng)?;
        Ok(Keys { secret: keys.secret, evaluation: keys.evaluation })
    }

    fn public_key(_: &Params, _: &Self::SecretKey, _: &mut dyn CryptoRng) -> Result<Option<Absent>> {
        Ok(None)
    }

    fn encryptor(params: &Params, secret: &Self::SecretKey) -> Result<Encrypts> {
        Ok(Encrypts(params.0, Clear::encryptor(&params.0, secret)?, params.1))
    }

    fn public_encryptor(_: &Params, key: &Absent) -> Result<NoEncryptor<Ct>> {
        Ok(NoEncryptor::from(*key))
    }

    fn decryptor(params: &Params, secret: &Self::SecretKey) -> Result<Decrypts> {
        Ok(Decrypts(Clear::decryptor(&params.0, secret)?, params.1))
    }

    fn secret_to_bytes(params: &Params, secret: &Self::SecretKey) -> Result<Zeroizing<Vec<u8>>> {
        Clear::secret_to_bytes(&params.0, secret)
    }

    fn secret_from_bytes(params: &Params, bytes: &[u8]) -> Result<Self::SecretKey> {
        if params.1 == READS_ANY_SECRET {
            return Ok(Clear::keygen(&params.0, &KeyNeeds::default(), &mut rand::rng())?.secret);
        }
        Clear::secret_from_bytes(&params.0, bytes)
    }
}
