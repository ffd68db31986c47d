//! The data owner's half of the clear reference: it has the shape of one and protects nothing.

use num_complex::Complex64;
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::{Clear, ClearCiphertext, ClearKeys, ClearParams};
use crate::wire::{Reader, Writer};
use crate::{
    Absent, ClientScheme, Decryptor, Diagonal, Encryptor, Error, KeyNeeds, Keys, Level, NoEncryptor, Result,
};

/// A secret key without a secret.
pub struct ClearSecretKey(());

/// Copies vectors into slots.
#[derive(Clone, Copy, Debug)]
pub struct ClearEncryptor {
    params: ClearParams,
}

/// Reads slots.
#[derive(Clone, Copy, Debug)]
pub struct ClearDecryptor {
    params: ClearParams,
}

impl ClientScheme for Clear {
    type SecretKey = ClearSecretKey;
    type PublicKey = Absent;
    type Encryptor = ClearEncryptor;
    type PublicEncryptor = NoEncryptor<ClearCiphertext>;
    type Decryptor = ClearDecryptor;

    fn keygen(params: &ClearParams, needs: &KeyNeeds, _: &mut dyn CryptoRng) -> Result<Keys<Self>> {
        Ok(Keys { secret: ClearSecretKey(()), evaluation: ClearKeys::new(params, needs.clone())? })
    }

    fn public_key(_: &ClearParams, _: &ClearSecretKey, _: &mut dyn CryptoRng) -> Result<Option<Absent>> {
        Ok(None)
    }

    fn encryptor(params: &ClearParams, _: &ClearSecretKey) -> Result<ClearEncryptor> {
        Ok(ClearEncryptor { params: *params })
    }

    fn public_encryptor(_: &ClearParams, key: &Absent) -> Result<NoEncryptor<ClearCiphertext>> {
        Ok(NoEncryptor::from(*key))
    }

    fn decryptor(params: &ClearParams, _: &ClearSecretKey) -> Result<ClearDecryptor> {
        Ok(ClearDecryptor { params: *params })
    }

    fn secret_to_bytes(params: &ClearParams, _: &ClearSecretKey) -> Result<Zeroizing<Vec<u8>>> {
        Ok(Zeroizing::new(Writer::new(params.kind("secret"), 0).finish()))
    }

    fn secret_from_bytes(params: &ClearParams, bytes: &[u8]) -> Result<ClearSecretKey> {
        Reader::new(bytes, params.kind("secret"))?.finish()?;
        Ok(ClearSecretKey(()))
    }
}

impl Encryptor for ClearEncryptor {
    type Ciphertext = ClearCiphertext;

    fn encrypt(&self, values: &Diagonal, at: Level, _: &mut dyn CryptoRng) -> Result<ClearCiphertext> {
        ClearCiphertext::new(&self.params, values, at)
    }
}

impl ClearDecryptor {
    fn check(&self, x: &ClearCiphertext) -> Result<()> {
        if x.params == self.params {
            Ok(())
        } else {
            Err(Error::parameters("the ciphertext belongs to other parameters than the key"))
        }
    }
}

impl Decryptor for ClearDecryptor {
    type Ciphertext = ClearCiphertext;

    fn decrypt(&self, x: &ClearCiphertext) -> Result<Vec<f64>> {
        self.check(x)?;
        Ok(x.slots.iter().map(|slot| slot.re).collect())
    }

    fn decrypt_complex(&self, x: &ClearCiphertext) -> Result<Vec<Complex64>> {
        self.check(x)?;
        Ok(x.slots.clone())
    }
}
