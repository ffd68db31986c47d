//! The data owner's half: whoever holds the secret encrypts and decrypts. A server is built without this module.

use num_complex::Complex64;
pub use rand::CryptoRng;
pub use zeroize::Zeroizing;

use crate::wire::{Decode, Encode};
use crate::{Absent, Diagonal, Error, KeyNeeds, Level, Result, Scheme};

/// The keys of one data owner.
pub struct Keys<S: ClientScheme> {
    /// Decrypts; stays with the owner.
    pub secret: S::SecretKey,
    /// Computes; goes to the server.
    pub evaluation: S::EvaluationKeys,
}

/// The half of a scheme that holds the secret.
pub trait ClientScheme: Scheme {
    /// The secret: zeroised when dropped, never printed, never cloned.
    type SecretKey: Send + Sync;
    /// Encrypts and nothing else; [`Absent`] where a scheme has none.
    type PublicKey: Send + Sync + Encode + Decode<Self::Params>;
    /// Encrypts with the secret key.
    type Encryptor: Encryptor<Ciphertext = Self::Ciphertext>;
    /// Encrypts with the public key; [`NoEncryptor`] where a scheme has none.
    type PublicEncryptor: Encryptor<Ciphertext = Self::Ciphertext>;
    /// Decrypts.
    type Decryptor: Decryptor<Ciphertext = Self::Ciphertext>;

    /// A secret key and the evaluation keys that `needs` names, each for the level at which it is used.
    ///
    /// # Errors
    /// [`Error::Parameters`] when the needs do not fit the parameters.
    fn keygen(params: &Self::Params, needs: &KeyNeeds, rng: &mut dyn CryptoRng) -> Result<Keys<Self>>;

    /// The public key that belongs to `secret`, `None` when the scheme has none.
    ///
    /// # Errors
    /// Those of the library behind the backend.
    fn public_key(
        params: &Self::Params,
        secret: &Self::SecretKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Option<Self::PublicKey>>;

    /// An encryptor under the secret key.
    ///
    /// # Errors
    /// [`Error::Parameters`] when key and parameters do not belong together.
    fn encryptor(params: &Self::Params, secret: &Self::SecretKey) -> Result<Self::Encryptor>;

    /// An encryptor under the public key.
    ///
    /// # Errors
    /// [`Error::Parameters`] when key and parameters do not belong together.
    fn public_encryptor(params: &Self::Params, key: &Self::PublicKey) -> Result<Self::PublicEncryptor>;

    /// A decryptor.
    ///
    /// # Errors
    /// [`Error::Parameters`] when key and parameters do not belong together.
    fn decryptor(params: &Self::Params, secret: &Self::SecretKey) -> Result<Self::Decryptor>;

    /// The secret key as bytes for the owner's own file, wiped when dropped.
    ///
    /// # Errors
    /// Those of the library behind the backend.
    fn secret_to_bytes(params: &Self::Params, secret: &Self::SecretKey) -> Result<Zeroizing<Vec<u8>>>;

    /// The secret key from the owner's own file.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    fn secret_from_bytes(params: &Self::Params, bytes: &[u8]) -> Result<Self::SecretKey>;
}

/// Encrypts vectors of slots.
pub trait Encryptor: Send + Sync {
    /// Encrypted slots.
    type Ciphertext;

    /// Encrypts `values` at level `at`; randomness comes from `rng`.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Value`] when the vector does not fit, [`Error::LevelRaise`] when `at` is above the top.
    fn encrypt(&self, values: &Diagonal, at: Level, rng: &mut dyn CryptoRng) -> Result<Self::Ciphertext>;
}

/// Decrypts ciphertexts, for the key's owner alone (see `Security::sharing_decryptions`).
pub trait Decryptor: Send + Sync {
    /// Encrypted slots.
    type Ciphertext;

    /// The real parts of all slots.
    ///
    /// # Errors
    /// Those of the library behind the backend.
    fn decrypt(&self, x: &Self::Ciphertext) -> Result<Vec<f64>>;

    /// All slots as complex numbers.
    ///
    /// # Errors
    /// Those of the library behind the backend.
    fn decrypt_complex(&self, x: &Self::Ciphertext) -> Result<Vec<Complex64>> {
        Ok(self.decrypt(x)?.into_iter().map(Complex64::from).collect())
    }
}

/// The encryptor of schemes without a public key: a type without values.
pub struct NoEncryptor<C> {
    absent: Absent,
    ciphertext: std::marker::PhantomData<fn() -> C>,
}

impl<C> From<Absent> for NoEncryptor<C> {
    fn from(absent: Absent) -> Self {
        Self { absent, ciphertext: std::marker::PhantomData }
    }
}

impl<C> Encryptor for NoEncryptor<C> {
    type Ciphertext = C;

    fn encrypt(&self, _: &Diagonal, _: Level, _: &mut dyn CryptoRng) -> Result<C> {
        match self.absent {}
    }
}

impl Encode for Absent {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        match *self {}
    }
}

impl<Context> Decode<Context> for Absent {
    fn from_bytes(_: &[u8], _: &Context) -> Result<Self> {
        Err(Error::malformed("public key", "this scheme has none"))
    }
}
