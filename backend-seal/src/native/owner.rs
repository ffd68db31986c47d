//! What only the data owner does: keys, encryption, decryption.

use super::{
    POOL,
    context::Context,
    create,
    encoder::Encoder,
    evaluator::SwitchingKeys,
    handle, load, save,
    values::{Ciphertext, Plaintext},
};
use crate::{
    error::SealError,
    sys::{self, owner},
};

handle!(
    /// The secret. SEAL keeps it in a memory pool of its own that is wiped when it goes.
    SecretKey,
    owner::SecretKey,
    owner::SecretKey_Destroy
);
handle!(
    /// Derives public keys from a secret one.
    KeyGenerator,
    owner::KeyGenerator,
    owner::KeyGenerator_Destroy
);
handle!(
    /// Removes the secret.
    Decryptor,
    owner::Decryptor,
    owner::Decryptor_Destroy
);

handle!(
    /// An encryption key that may be published.
    PublicKey,
    owner::PublicKey,
    owner::PublicKey_Destroy
);
handle!(
    /// `Encryptor`, under a public key or (the owner) a secret one.
    Encryptor,
    owner::Encryptor,
    owner::Encryptor_Destroy
);

impl SecretKey {
    /// A fresh uniform ternary secret from SEAL's generator, seeded by the operating system.
    pub(crate) fn generate(context: &Context) -> Result<Self, SealError> {
        // SAFETY: the context is alive; the generator copies what it needs.
        let generator = KeyGenerator(create("KeyGenerator_Create1", |out| unsafe {
            owner::KeyGenerator_Create1(context.as_ptr(), out)
        })?);
        // SAFETY: the generator is alive; the key that comes back is a copy owned here.
        create("KeyGenerator_SecretKey", |out| unsafe {
            owner::KeyGenerator_SecretKey(generator.as_ptr(), out)
        })
        .map(Self)
    }

    pub(crate) fn save(&self) -> Result<Vec<u8>, SealError> {
        let this = self.as_ptr();
        // SAFETY: `self` is alive; the buffer is as long as stated.
        save(
            "SecretKey_Save",
            |size| unsafe { owner::SecretKey_SaveSize(this, sys::COMPRESSION_NONE, size) },
            |bytes, size, written| unsafe {
                owner::SecretKey_Save(this, bytes, size, sys::COMPRESSION_NONE, written)
            },
        )
    }

    /// Reads SEAL's bytes, whose layout the caller has checked.
    pub(crate) fn load(context: &Context, bytes: &[u8]) -> Result<Self, SealError> {
        // SAFETY: `out` is a place for one pointer.
        let key = Self(create("SecretKey_Create1", |out| unsafe { owner::SecretKey_Create1(out) })?);
        let this = key.0.as_ptr();
        // SAFETY: both objects are alive, `key` is not shared, and the buffer is as long as stated.
        load("SecretKey_Load", bytes, |bytes, size, read| unsafe {
            owner::SecretKey_Load(this, context.as_ptr(), bytes, size, read)
        })?;
        Ok(key)
    }
}

impl KeyGenerator {
    pub(crate) fn new(context: &Context, secret: &SecretKey) -> Result<Self, SealError> {
        // SAFETY: both objects are alive; SEAL copies the key.
        create("KeyGenerator_Create2", |out| unsafe {
            owner::KeyGenerator_Create2(context.as_ptr(), secret.as_ptr(), out)
        })
        .map(Self)
    }

    /// SEAL's bytes of a public key, its uniform half as a seed.
    pub(crate) fn public_key(&mut self) -> Result<Vec<u8>, SealError> {
        // SAFETY: `self` is exclusively borrowed; the key is owned here.
        let key = PublicKey(create("KeyGenerator_CreatePublicKey", |out| unsafe {
            owner::KeyGenerator_CreatePublicKey(self.0.as_ptr(), true, out)
        })?);
        // SAFETY: the key is alive; the buffer is as long as stated.
        save(
            "PublicKey_Save",
            |size| unsafe { owner::PublicKey_SaveSize(key.as_ptr(), sys::COMPRESSION_NONE, size) },
            |bytes, size, written| unsafe {
                owner::PublicKey_Save(key.as_ptr(), bytes, size, sys::COMPRESSION_NONE, written)
            },
        )
    }

    /// SEAL's bytes of the relinearisation key, uniform halves as seeds.
    pub(crate) fn relinearisation_key(&mut self) -> Result<Vec<u8>, SealError> {
        // SAFETY: `self` is exclusively borrowed; the keys are owned here.
        let keys = SwitchingKeys(create("KeyGenerator_CreateRelinKeys", |out| unsafe {
            owner::KeyGenerator_CreateRelinKeys(self.0.as_ptr(), true, out)
        })?);
        keys.save()
    }

    /// SEAL's bytes of the key of one Galois element, uniform halves as seeds.
    pub(crate) fn galois_key(&mut self, element: u32) -> Result<Vec<u8>, SealError> {
        // SAFETY: `self` is exclusively borrowed; SEAL reads one element; the keys are owned here.
        let keys = SwitchingKeys(create("KeyGenerator_CreateGaloisKeysFromElts", |out| unsafe {
            owner::KeyGenerator_CreateGaloisKeysFromElts(self.0.as_ptr(), 1, &raw const element, true, out)
        })?);
        keys.save()
    }
}

impl PublicKey {
    /// Reads SEAL's bytes, whose layout the caller has checked; expands a seed.
    pub(crate) fn load(context: &Context, bytes: &[u8]) -> Result<Self, SealError> {
        // SAFETY: `out` is a place for one pointer.
        let key = Self(create("PublicKey_Create1", |out| unsafe { owner::PublicKey_Create1(out) })?);
        let this = key.0.as_ptr();
        // SAFETY: both objects are alive, `key` is not shared, and the buffer is as long as stated.
        load("PublicKey_Load", bytes, |bytes, size, read| unsafe {
            owner::PublicKey_Load(this, context.as_ptr(), bytes, size, read)
        })?;
        Ok(key)
    }
}

impl Encryptor {
    /// An encryptor under a public key.
    pub(crate) fn public(context: &Context, key: &PublicKey) -> Result<Self, SealError> {
        // SAFETY: both objects are alive; SEAL copies the key. The secret key may be null.
        create("Encryptor_Create", |out| unsafe {
            owner::Encryptor_Create(context.as_ptr(), key.as_ptr(), std::ptr::null(), out)
        })
        .map(Self)
    }

    pub(crate) fn encrypt(&self, plain: &Plaintext) -> Result<Ciphertext, SealError> {
        let mut out = Ciphertext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared; each call draws from a generator of its own.
        let status =
            unsafe { owner::Encryptor_Encrypt(self.as_ptr(), plain.as_ptr(), out.as_mut_ptr(), POOL) };
        SealError::check("encrypt", status)?;
        Ok(out)
    }
}

impl SwitchingKeys {
    fn save(&self) -> Result<Vec<u8>, SealError> {
        let this = self.as_ptr();
        // SAFETY: `self` is alive; the buffer is as long as stated.
        save(
            "KSwitchKeys_Save",
            |size| unsafe { owner::KSwitchKeys_SaveSize(this, sys::COMPRESSION_NONE, size) },
            |bytes, size, written| unsafe {
                owner::KSwitchKeys_Save(this, bytes, size, sys::COMPRESSION_NONE, written)
            },
        )
    }
}

impl Encryptor {
    /// An encryptor under the secret key, which can send a seed in place of half of a ciphertext.
    pub(crate) fn symmetric(context: &Context, secret: &SecretKey) -> Result<Self, SealError> {
        // SAFETY: both objects are alive; SEAL copies the key. The public key may be null.
        create("Encryptor_Create", |out| unsafe {
            owner::Encryptor_Create(context.as_ptr(), std::ptr::null(), secret.as_ptr(), out)
        })
        .map(Self)
    }

    /// SEAL's bytes of a ciphertext, its uniform half as a seed. Such a ciphertext can be computed with only once loaded.
    pub(crate) fn encrypt_seeded(&self, plain: &Plaintext) -> Result<Vec<u8>, SealError> {
        let mut out = Ciphertext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared; each call draws from a generator of its own.
        let status = unsafe {
            owner::Encryptor_EncryptSymmetric(self.as_ptr(), plain.as_ptr(), true, out.as_mut_ptr(), POOL)
        };
        SealError::check("encrypt", status)?;
        out.save()
    }
}

impl Decryptor {
    pub(crate) fn new(context: &Context, secret: &SecretKey) -> Result<Self, SealError> {
        // SAFETY: both objects are alive; SEAL copies the key.
        create("Decryptor_Create", |out| unsafe {
            owner::Decryptor_Create(context.as_ptr(), secret.as_ptr(), out)
        })
        .map(Self)
    }

    pub(crate) fn decrypt(&self, a: &Ciphertext) -> Result<Plaintext, SealError> {
        let mut out = Plaintext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared. SEAL extends its table of powers of the secret behind a lock
        // of its own, and not at all for ciphertexts of two polynomials.
        let status = unsafe { owner::Decryptor_Decrypt(self.as_ptr(), a.as_ptr(), out.as_mut_ptr()) };
        SealError::check("decrypt", status)?;
        Ok(out)
    }
}

impl Encoder {
    /// All slots of a plaintext, real and imaginary parts in turn, in SEAL's order.
    pub(crate) fn decode(&self, plain: &Plaintext, slots: usize) -> Result<Vec<f64>, SealError> {
        let mut values = vec![0.0; 2 * slots];
        let mut count = 0_u64;
        // SAFETY: all objects are alive. SEAL writes two doubles for each of the N/2 slots of its ring, and `slots` is N/2:
        // both come from the same checked parameters.
        let status = unsafe {
            owner::CKKSEncoder_Decode2(
                self.as_ptr(),
                plain.as_ptr(),
                &raw mut count,
                values.as_mut_ptr(),
                POOL,
            )
        };
        SealError::check("decode", status)?;
        Ok(values)
    }
}
