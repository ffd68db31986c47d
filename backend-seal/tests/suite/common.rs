//! One data owner and one server for a test.

use backend_seal::{Ciphertext, Params, Seal, SealDecryptor, SealEncryptor, SealEvaluator, SecretKey};
use he_traits::{
    ClientScheme, Complex64, Decryptor as _, Diagonal, Encryptor as _, KeyNeeds, Level, Result, Scheme,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

pub(crate) struct Party {
    pub(crate) params: Params,
    pub(crate) secret: SecretKey,
    pub(crate) encryptor: SealEncryptor,
    pub(crate) decryptor: SealDecryptor,
    pub(crate) server: SealEvaluator,
}

impl Party {
    pub(crate) fn new(params: Params, needs: &KeyNeeds) -> Result<Self> {
        let keys = Seal::keygen(&params, needs, &mut rand::rng())?;
        Ok(Self {
            encryptor: Seal::encryptor(&params, &keys.secret)?,
            decryptor: Seal::decryptor(&params, &keys.secret)?,
            server: Seal::evaluator(&params, keys.evaluation)?,
            secret: keys.secret,
            params,
        })
    }

    pub(crate) fn slots(&self) -> usize {
        self.params.slots()
    }

    pub(crate) fn encrypt(&self, values: &[f64], level: u32) -> Result<Ciphertext> {
        self.encryptor.encrypt(&Diagonal::Real(values.to_vec()), Level::new(level), &mut rand::rng())
    }

    pub(crate) fn encrypt_complex(&self, values: &[Complex64], level: u32) -> Result<Ciphertext> {
        self.encryptor.encrypt(&Diagonal::Complex(values.to_vec()), Level::new(level), &mut rand::rng())
    }

    /// Largest distance of the decrypted slots from what is expected.
    pub(crate) fn error(&self, x: &Ciphertext, expected: impl Fn(usize) -> f64) -> Result<f64> {
        let slots = self.decryptor.decrypt(x)?;
        Ok(slots.iter().enumerate().map(|(i, v)| (v - expected(i)).abs()).fold(0.0, f64::max))
    }

    pub(crate) fn complex_error(&self, x: &Ciphertext, expected: impl Fn(usize) -> Complex64) -> Result<f64> {
        let slots = self.decryptor.decrypt_complex(x)?;
        Ok(slots.iter().enumerate().map(|(i, v)| (v - expected(i)).norm()).fold(0.0, f64::max))
    }
}

/// Key needs of relinearisation, conjugation and these rotations, at every level.
pub(crate) fn needs(params: &Params, steps: impl IntoIterator<Item = usize>) -> KeyNeeds {
    let top = Level::new(params.depth() as u32);
    let mut needs = KeyNeeds::default();
    needs.relinearise(top);
    needs.conjugate(top);
    steps.into_iter().for_each(|step| needs.rotate(step, top));
    needs
}

/// Numbers between -1 and 1, the same at every run.
pub(crate) fn uniform(count: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
}

pub(crate) fn uniform_complex(count: usize, seed: u64) -> Vec<Complex64> {
    uniform(2 * count, seed).chunks(2).map(|pair| Complex64::new(pair[0], pair[1])).collect()
}
