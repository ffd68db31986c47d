//! From vectors of slots to plaintexts. The order of slots is SEAL's here; [`crate::slots`] translates.

use super::{POOL, ParmsId, context::Context, create, handle, values::Plaintext};
use crate::{error::SealError, sys};

handle!(
    /// `CKKSEncoder`: FFT tables of one ring.
    Encoder,
    sys::Encoder,
    sys::CKKSEncoder_Destroy
);

impl Encoder {
    pub(crate) fn new(context: &Context) -> Result<Self, SealError> {
        // SAFETY: the context is alive; SEAL keeps a shared pointer to its inside.
        create("CKKSEncoder_Create", |out| unsafe { sys::CKKSEncoder_Create(context.as_ptr(), out) })
            .map(Self)
    }

    /// Encodes real slots; missing ones are zero.
    pub(crate) fn encode_real(
        &self,
        values: &[f64],
        at: &ParmsId,
        scale: f64,
    ) -> Result<Plaintext, SealError> {
        let mut out = Plaintext::empty()?;
        // SAFETY: all objects are alive, the slice has the stated length, `out` is not shared. Encoding reads the encoder's
        // tables only, although the C++ method is not marked const.
        let status = unsafe {
            sys::CKKSEncoder_Encode1(
                self.as_ptr(),
                values.len() as u64,
                values.as_ptr(),
                at.as_ptr(),
                scale,
                out.as_mut_ptr(),
                POOL,
            )
        };
        SealError::check("encode", status)?;
        Ok(out)
    }

    /// Encodes complex slots given as real and imaginary parts in turn; missing ones are zero.
    pub(crate) fn encode_complex(
        &self,
        interleaved: &[f64],
        at: &ParmsId,
        scale: f64,
    ) -> Result<Plaintext, SealError> {
        let mut out = Plaintext::empty()?;
        let count = interleaved.len() / 2;
        // SAFETY: as in `encode_real`; SEAL reads two doubles a slot.
        let status = unsafe {
            sys::CKKSEncoder_Encode2(
                self.as_ptr(),
                count as u64,
                interleaved.as_ptr(),
                at.as_ptr(),
                scale,
                out.as_mut_ptr(),
                POOL,
            )
        };
        SealError::check("encode", status)?;
        Ok(out)
    }

    /// Encodes one real number in every slot: a constant polynomial, without an FFT.
    pub(crate) fn encode_constant(
        &self,
        value: f64,
        at: &ParmsId,
        scale: f64,
    ) -> Result<Plaintext, SealError> {
        // SEAL takes the logarithm of the value; the smallest positive number rounds to the same zero.
        let value = if value == 0.0 { f64::MIN_POSITIVE } else { value };
        let mut out = Plaintext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared.
        let status = unsafe {
            sys::CKKSEncoder_Encode3(self.as_ptr(), value, at.as_ptr(), scale, out.as_mut_ptr(), POOL)
        };
        SealError::check("encode a constant", status)?;
        Ok(out)
    }
}
