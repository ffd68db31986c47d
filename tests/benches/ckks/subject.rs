//! One backend with keys, operands and a prepared map: ready to run each operation.

use std::sync::Arc;

use he_traits::{
    ClientScheme, Complex64, Decryptor, Diagonal, Encryptor, Error, Evaluator, Generator, Keep, KeyNeeds,
    Keys, Level, LinearMap, Result, Schedule, Step,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::operation::Operation;

const DIAGONALS: usize = 128;
const EIGHT: [Step; 8] = [Step(1), Step(2), Step(3), Step(4), Step(5), Step(6), Step(7), Step(8)];

/// A square matrix of [`DIAGONALS`] full diagonals, as many rows as slots.
#[derive(Debug)]
struct Band {
    slots: usize,
}

impl Band {
    fn value(&self, row: usize, diagonal: usize) -> Complex64 {
        let angle = (row * 7 + diagonal * 31) as f64;
        Complex64::from(angle.sin() / DIAGONALS as f64)
    }
}

impl Generator for Band {
    fn shape(&self) -> (usize, usize) {
        (self.slots, self.slots)
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        (0..DIAGONALS).for_each(|k| visit((row + k) % self.slots, self.value(row, k)));
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        match (column + self.slots - row) % self.slots {
            diagonal if diagonal < DIAGONALS => self.value(row, diagonal),
            _ => Complex64::ZERO,
        }
    }
}

/// A backend under measurement.
pub(crate) trait Subject: Sync {
    /// Runs an operation once.
    fn run(&self, operation: Operation) -> Result<()>;

    /// Bits of the worst slot after a product of ciphertexts, and after `linear`.
    fn precision(&self) -> Result<[f64; 2]>;

    /// Baby and giant steps of the map's schedule, and rotation keys in all.
    fn steps(&self) -> [usize; 3];
}

/// A backend ready to run.
pub(crate) struct Bench<S: ClientScheme> {
    top: Level,
    values: [Vec<f64>; 2],
    encoded: Diagonal,
    encryptor: S::Encryptor,
    public_encryptor: S::PublicEncryptor,
    decryptor: S::Decryptor,
    server: S::Evaluator,
    operands: [S::Ciphertext; 2],
    factor: <S::Evaluator as Evaluator>::Factor,
    matrix: Arc<LinearMap>,
    map: <S::Evaluator as Evaluator>::Map,
    steps: [usize; 3],
}

pub(crate) fn random() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(20_261_121)
}

impl<S: ClientScheme> Bench<S> {
    pub(crate) fn new(params: &S::Params) -> Result<Self> {
        let profile = S::profile(params)?;
        let (slots, top) = (profile.slots, profile.top);
        let matrix = Arc::new(LinearMap::new(Band { slots }));
        let schedule = Schedule::choose(&matrix, &profile, top)?;
        let mut needs = KeyNeeds::default();
        needs.relinearise(top);
        schedule.rotations().into_iter().for_each(|step| needs.rotate(step, top));
        EIGHT.iter().for_each(|step| needs.rotate(step.normalised(slots), top));
        let rng = &mut random();
        let Keys { secret, evaluation } = S::keygen(params, &needs, rng)?;
        let missing = || Error::parameters("a scheme without a public key");
        let public = S::public_key(params, &secret, rng)?.ok_or_else(missing)?;
        let encryptor = S::encryptor(params, &secret)?;
        let server = S::evaluator(params, evaluation)?;
        let values = [1.0, 2.0].map(|k| (0..slots).map(|i| (i as f64 * k).sin()).collect::<Vec<f64>>());
        let [x, y] = values.each_ref().map(|v| encryptor.encrypt(&Diagonal::Real(v.clone()), top, rng));
        let encoded = Diagonal::Real(values[0].clone());
        Ok(Self {
            top,
            factor: server.encode_factor(&encoded, top)?,
            encoded,
            values,
            public_encryptor: S::public_encryptor(params, &public)?,
            decryptor: S::decryptor(params, &secret)?,
            operands: [x?, y?],
            map: server.prepare(&matrix, &schedule, top, Keep::Encoded)?,
            steps: match &schedule {
                Schedule::Diagonals(steps) => [steps.baby.len(), steps.giant.len(), needs.rotations.len()],
                Schedule::Matrix => [0, 0, needs.rotations.len()],
            },
            encryptor,
            server,
            matrix,
        })
    }

    /// Bits of the worst slot.
    fn bits(&self, result: &S::Ciphertext, expected: impl Iterator<Item = f64>) -> Result<f64> {
        let slots = self.decryptor.decrypt(result)?;
        let worst = slots.iter().zip(expected).map(|(got, want)| (got - want).abs()).fold(0.0, f64::max);
        let bits = -worst.log2();
        if bits < 10.0 {
            return Err(Error::parameters(format!("what is measured is wrong: {bits:.1} bits are right")));
        }
        Ok(bits)
    }
}

impl<S: ClientScheme> Subject for Bench<S> {
    fn run(&self, operation: Operation) -> Result<()> {
        let [x, y] = &self.operands;
        match operation {
            Operation::Encode => self.server.encode_factor(&self.encoded, self.top).map(drop),
            Operation::EncryptSecret => {
                self.encryptor.encrypt(&self.encoded, self.top, &mut random()).map(drop)
            }
            Operation::EncryptPublic => {
                self.public_encryptor.encrypt(&self.encoded, self.top, &mut random()).map(drop)
            }
            Operation::Decrypt => self.decryptor.decrypt(x).map(drop),
            Operation::Add => self.server.add(x, y).map(drop),
            Operation::Multiply => self.server.mul(x, y).map(drop),
            Operation::MultiplyPlain => self.server.mul_plain(x, &self.factor).map(drop),
            Operation::Rotate => self.server.rotate(x, Step(1)).map(drop),
            Operation::RotateEight => self.server.rotate_many(x, &EIGHT).map(drop),
            Operation::Linear => self.server.linear(&[x], &self.map).map(drop),
        }
    }

    fn precision(&self) -> Result<[f64; 2]> {
        let ([x, y], [a, b]) = (&self.operands, &self.values);
        let product = self.bits(&self.server.mul(x, y)?, a.iter().zip(b).map(|(a, b)| a * b))?;
        let input = a.iter().map(|value| Complex64::from(*value)).collect();
        let clear = self.matrix.apply(a.len(), &[input])?;
        let mapped = self.server.linear(&[x], &self.map)?;
        let mapped = mapped.first().ok_or_else(|| Error::shape("linear", "one block", "none"))?;
        let linear = self.bits(mapped, clear.iter().flatten().map(|slot| slot.re))?;
        Ok([product, linear])
    }

    fn steps(&self) -> [usize; 3] {
        self.steps
    }
}
