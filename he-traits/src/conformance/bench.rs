//! What every law works on: keys, both halves of the scheme, random operands, and the comparison with the right result.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::violation::{Breach, Outcome, Refusal, Violation};
use super::{LawRecord, Options};
use crate::{
    ClientScheme, Complex64, Decryptor, Diagonal, Encryptor, Evaluator, KeyNeeds, Level, Profile, Result,
    Step,
};

/// Keys and halves of one data owner.
pub(super) struct Owner<S: ClientScheme> {
    pub(super) secret: S::SecretKey,
    pub(super) encryptor: S::Encryptor,
    pub(super) decryptor: S::Decryptor,
    pub(super) evaluator: S::Evaluator,
}

impl<S: ClientScheme> Owner<S> {
    pub(super) fn new(params: &S::Params, needs: &KeyNeeds, rng: &mut ChaCha20Rng) -> Result<Self> {
        let keys = S::keygen(params, needs, rng)?;
        Ok(Self {
            encryptor: S::encryptor(params, &keys.secret)?,
            decryptor: S::decryptor(params, &keys.secret)?,
            evaluator: S::evaluator(params, keys.evaluation)?,
            secret: keys.secret,
        })
    }
}

/// An operand in the clear and encrypted.
pub(super) struct Input<C> {
    pub(super) name: &'static str,
    pub(super) values: Vec<f64>,
    pub(super) ciphertext: C,
}

impl<C> Input<C> {
    /// Largest absolute value.
    pub(super) fn size(&self) -> f64 {
        largest(&self.values)
    }
}

pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, v| most.max(v.abs()))
}

pub(super) struct Bench<S: ClientScheme> {
    pub(super) params: S::Params,
    pub(super) options: Options,
    pub(super) profile: Profile,
    pub(super) owner: Owner<S>,
    pub(super) rng: ChaCha20Rng,
    law: &'static str,
    records: BTreeMap<&'static str, LawRecord>,
}

impl<S: ClientScheme> Bench<S> {
    pub(super) fn new(params: S::Params, options: Options) -> Outcome<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(options.seed);
        let failed = |law, case: &str| {
            let case = case.to_owned();
            move |error| Violation { law, case, level: Level::ZERO, breach: Box::new(Breach::Failed(error)) }
        };
        let profile = S::profile(&params).map_err(failed("profile", "profile of the parameters"))?;
        let needs = super::needs(&profile).map_err(failed("linear", "schedules of the suite's maps"))?;
        let owner = Owner::new(&params, &needs, &mut rng).map_err(failed("keys", "keys of the suite"))?;
        Ok(Self { params, options, profile, owner, rng, law: "", records: BTreeMap::new() })
    }

    pub(super) fn e(&self) -> &S::Evaluator {
        &self.owner.evaluator
    }

    pub(super) fn slots(&self) -> usize {
        self.profile.slots
    }

    /// From here on, checks are made in the name of this law.
    pub(super) fn law(&mut self, law: &'static str) {
        self.law = law;
    }

    pub(super) fn into_records(self) -> BTreeMap<&'static str, LawRecord> {
        self.records
    }

    /// The levels to test at, highest first: the top, 1 and 0 always, others evenly between as far as the options go.
    pub(super) fn levels(&self) -> Vec<Level> {
        let Some(top) = self.profile.top.get() else { return vec![Level::UNBOUNDED] };
        let wanted = u32::try_from(self.options.levels.max(3)).unwrap_or(u32::MAX) - 1;
        let mut levels: Vec<u32> = match wanted < top {
            true => (0..wanted).map(|i| top - i * (top - 1) / (wanted - 1).max(1)).collect(),
            false => (1..=top).rev().collect(),
        };
        levels.push(0);
        levels.dedup();
        levels.into_iter().map(Level::new).collect()
    }

    pub(super) fn uniform(&mut self, count: usize, low: f64, high: f64) -> Vec<f64> {
        (0..count).map(|_| self.rng.random_range(low..=high)).collect()
    }

    /// Largest divisor of the slots that is at most `limit`: the length of a vector that repeats.
    pub(super) fn divisor(&self, limit: usize) -> usize {
        super::maps::divisor(self.slots(), limit)
    }

    /// A full vector of numbers between -1 and 1.
    pub(super) fn unit(&mut self) -> Vec<f64> {
        self.uniform(self.slots(), -1.0, 1.0)
    }

    pub(super) fn encrypt(&mut self, values: &Diagonal, at: Level) -> Outcome<S::Ciphertext> {
        let encrypted = self.owner.encryptor.encrypt(values, at, &mut self.rng);
        self.pass(|| "encryption of an operand".to_owned(), at, encrypted)
    }

    pub(super) fn input(
        &mut self,
        name: &'static str,
        values: Vec<f64>,
        at: Level,
    ) -> Outcome<Input<S::Ciphertext>> {
        let ciphertext = self.encrypt(&Diagonal::Real(values.clone()), at)?;
        let values = values.into_iter().cycle().take(self.slots()).collect();
        Ok(Input { name, values, ciphertext })
    }

    /// A random operand between -1 and 1.
    pub(super) fn random(&mut self, at: Level) -> Outcome<Input<S::Ciphertext>> {
        let values = self.unit();
        self.input("values in [-1, 1]", values, at)
    }

    /// The operands that each operation must bear: ordinary, zero, negative and large.
    pub(super) fn inputs(&mut self, at: Level) -> Outcome<Vec<Input<S::Ciphertext>>> {
        let (slots, bound) = (self.slots(), self.options.bound);
        let (negative, large) = (self.uniform(slots, -1.0, -0.01), self.uniform(slots, -bound, bound));
        Ok(vec![
            self.random(at)?,
            self.input("negative values", negative, at)?,
            self.input("zero", vec![0.0; slots], at)?,
            self.input("large values", large, at)?,
        ])
    }

    pub(super) fn breach(&self, case: String, level: Level, breach: Breach) -> Violation {
        Violation { law: self.law, case, level, breach: Box::new(breach) }
    }

    /// The result of something that must work.
    pub(super) fn pass<T>(&self, case: impl FnOnce() -> String, at: Level, result: Result<T>) -> Outcome<T> {
        result.map_err(|error| self.breach(case(), at, Breach::Failed(error)))
    }

    /// Checks a statement about the backend.
    pub(super) fn holds(
        &mut self,
        case: &str,
        statement: bool,
        otherwise: impl FnOnce() -> String,
    ) -> Outcome {
        self.note(0.0);
        if statement {
            return Ok(());
        }
        Err(self.breach(case.to_owned(), self.profile.top, Breach::Statement(otherwise())))
    }

    /// Checks that something is refused as the contract says.
    pub(super) fn refuse<T>(
        &mut self,
        case: &str,
        at: Level,
        result: Result<T>,
        refusal: Refusal,
    ) -> Outcome {
        self.note(0.0);
        match result {
            Ok(_) => Err(self.breach(case.to_owned(), at, Breach::Accepted { refusal })),
            Err(error) if refusal.matches(&error) => Ok(()),
            Err(error) => Err(self.breach(case.to_owned(), at, Breach::OtherError { refusal, error })),
        }
    }

    /// Checks slots and level of a result. `weight` is how much the operation may enlarge the error of its operands.
    pub(super) fn expect(
        &mut self,
        case: impl Fn() -> String,
        got: Result<S::Ciphertext>,
        expected: &[f64],
        at: Level,
        weight: f64,
    ) -> Outcome<S::Ciphertext> {
        let got = self.pass(&case, at, got)?;
        self.level_of(&case, &got, at)?;
        let decrypted = self.owner.decryptor.decrypt(&got);
        let decrypted = self.pass(&case, at, decrypted)?;
        self.number(&case, "slots", expected.len(), decrypted.len())?;
        let pairs = expected.iter().zip(&decrypted).map(|(e, g)| (Complex64::from(*e), Complex64::from(*g)));
        self.compare(case, pairs, at, weight)?;
        Ok(got)
    }

    /// As [`Bench::expect`] for complex slots.
    pub(super) fn expect_complex(
        &mut self,
        case: impl Fn() -> String,
        got: Result<S::Ciphertext>,
        expected: &[Complex64],
        at: Level,
        weight: f64,
    ) -> Outcome<S::Ciphertext> {
        let got = self.pass(&case, at, got)?;
        self.level_of(&case, &got, at)?;
        let decrypted = self.owner.decryptor.decrypt_complex(&got);
        let decrypted = self.pass(&case, at, decrypted)?;
        self.number(&case, "slots", expected.len(), decrypted.len())?;
        let pairs = expected.iter().copied().zip(decrypted);
        self.compare(case, pairs, at, weight)?;
        Ok(got)
    }

    pub(super) fn level_of(
        &self,
        case: impl Fn() -> String,
        got: &S::Ciphertext,
        expected: Level,
    ) -> Outcome {
        let got = self.e().level(got);
        if got == expected {
            return Ok(());
        }
        Err(self.breach(case(), expected, Breach::Level { expected, got }))
    }

    pub(super) fn number(
        &self,
        case: impl Fn() -> String,
        what: &'static str,
        expected: usize,
        got: usize,
    ) -> Outcome {
        if expected == got {
            return Ok(());
        }
        Err(self.breach(case(), self.profile.top, Breach::Number { what, expected, got }))
    }

    /// The largest error allowed of slots up to `size`.
    pub(super) fn allowed(&self, size: f64, weight: f64) -> f64 {
        let bits = self.profile.precision_bits - self.options.slack_bits;
        weight * size.max(1.0) * (-bits).exp2()
    }

    fn compare(
        &mut self,
        case: impl Fn() -> String,
        pairs: impl Iterator<Item = (Complex64, Complex64)>,
        at: Level,
        weight: f64,
    ) -> Outcome {
        let (mut size, mut worst) = (0.0_f64, None::<(usize, f64, Complex64, Complex64)>);
        for (slot, (expected, got)) in pairs.enumerate() {
            size = size.max(expected.norm());
            let error = (expected - got).norm();
            let error = if error.is_nan() { f64::INFINITY } else { error };
            if worst.is_none_or(|(_, most, ..)| error > most) {
                worst = Some((slot, error, expected, got));
            }
        }
        let Some((slot, error, expected, got)) = worst else { return Ok(()) };
        let allowed = self.allowed(size, weight);
        if error <= allowed {
            self.note(error / size.max(1.0));
            return Ok(());
        }
        Err(self.breach(case(), at, Breach::Value { slot, expected, got, allowed }))
    }

    fn note(&mut self, error: f64) {
        let record = self.records.entry(self.law).or_default();
        record.checks += 1;
        record.worst_error = record.worst_error.max(error);
    }
}

/// The vector moved left by `step`, as slots move.
pub(super) fn rotated(values: &[f64], step: Step) -> Vec<f64> {
    let mut values = values.to_vec();
    let step = step.normalised(values.len());
    values.rotate_left(step);
    values
}

pub(super) fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b.iter().cycle()).map(|(a, b)| f(*a, *b)).collect()
}

/// The level after `needs` levels are spent, `None` when there are not as many.
pub(super) fn below(at: Level, needs: u32) -> Option<Level> {
    at.spend("conformance", needs).ok()
}
