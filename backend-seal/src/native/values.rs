//! Plaintexts and ciphertexts as SEAL holds them: residues in NTT form, with a scale and the name of their modulus.

use super::{POOL, ParmsId, context::Context, create, handle, load, save};
use crate::{error::SealError, sys};

handle!(
    /// An encoded vector.
    Plaintext,
    sys::Plaintext,
    sys::Plaintext_Destroy
);
handle!(
    /// An encrypted vector.
    Ciphertext,
    sys::Ciphertext,
    sys::Ciphertext_Destroy
);

impl Plaintext {
    pub(crate) fn empty() -> Result<Self, SealError> {
        // SAFETY: a null pool is the global one; `out` is a place for one pointer.
        create("Plaintext_Create1", |out| unsafe { sys::Plaintext_Create1(POOL, out) }).map(Self)
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut sys::Plaintext {
        self.0.as_ptr()
    }
}

impl Ciphertext {
    pub(crate) fn empty() -> Result<Self, SealError> {
        // SAFETY: a null pool is the global one; `out` is a place for one pointer.
        create("Ciphertext_Create1", |out| unsafe { sys::Ciphertext_Create1(POOL, out) }).map(Self)
    }

    pub(crate) fn duplicate(&self) -> Result<Self, SealError> {
        // SAFETY: `self` is alive; SEAL makes a deep copy.
        create("Ciphertext_Create2", |out| unsafe { sys::Ciphertext_Create2(self.as_ptr(), out) }).map(Self)
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut sys::Ciphertext {
        self.0.as_ptr()
    }

    /// Number of polynomials: 2 when relinearised.
    pub(crate) fn polynomials(&self) -> Result<u64, SealError> {
        let mut size = 0;
        // SAFETY: `self` is alive; SEAL writes one word.
        SealError::check("Ciphertext_Size", unsafe { sys::Ciphertext_Size(self.as_ptr(), &raw mut size) })?;
        Ok(size)
    }

    pub(crate) fn parms_id(&self) -> Result<ParmsId, SealError> {
        let mut id = [0; 4];
        // SAFETY: `self` is alive; SEAL writes four words.
        let status = unsafe { sys::Ciphertext_ParmsId(self.as_ptr(), id.as_mut_ptr()) };
        SealError::check("Ciphertext_ParmsId", status)?;
        Ok(ParmsId(id))
    }

    pub(crate) fn is_ntt_form(&self) -> Result<bool, SealError> {
        let mut ntt = false;
        // SAFETY: `self` is alive; SEAL writes one bool.
        let status = unsafe { sys::Ciphertext_IsNTTForm(self.as_ptr(), &raw mut ntt) };
        SealError::check("Ciphertext_IsNTTForm", status)?;
        Ok(ntt)
    }

    pub(crate) fn scale(&self) -> Result<f64, SealError> {
        let mut scale = 0.0;
        // SAFETY: `self` is alive; SEAL writes one double.
        let status = unsafe { sys::Ciphertext_Scale(self.as_ptr(), &raw mut scale) };
        SealError::check("Ciphertext_Scale", status)?;
        Ok(scale)
    }

    /// Replaces the recorded scale; the residues stay. Callers set what exact arithmetic gives, where SEAL's division rounded.
    pub(crate) fn set_scale(&mut self, scale: f64) -> Result<(), SealError> {
        // SAFETY: `self` is alive and exclusively borrowed.
        SealError::check("Ciphertext_SetScale", unsafe { sys::Ciphertext_SetScale(self.as_mut_ptr(), scale) })
    }

    /// SEAL's bytes: both polynomials, or one and a seed when the other was drawn from it.
    pub(crate) fn save(&self) -> Result<Vec<u8>, SealError> {
        let this = self.as_ptr();
        // SAFETY: `self` is alive; the buffer is as long as stated.
        save(
            "Ciphertext_Save",
            |size| unsafe { sys::Ciphertext_SaveSize(this, sys::COMPRESSION_NONE, size) },
            |bytes, size, written| unsafe {
                sys::Ciphertext_Save(this, bytes, size, sys::COMPRESSION_NONE, written)
            },
        )
    }

    /// Reads SEAL's bytes, whose layout the caller has checked; expands a seed.
    pub(crate) fn load(context: &Context, bytes: &[u8]) -> Result<Self, SealError> {
        let mut out = Self::empty()?;
        let this = out.as_mut_ptr();
        // SAFETY: both objects are alive, `out` is not shared, and the buffer is as long as stated.
        load("Ciphertext_Load", bytes, |bytes, size, read| unsafe {
            sys::Ciphertext_Load(this, context.as_ptr(), bytes, size, read)
        })?;
        Ok(out)
    }
}
