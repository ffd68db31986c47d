//! SEAL's evaluator and the keys that it needs. One method a C function: no policy about levels or scales here.

use super::{POOL, ParmsId, context::Context, create, handle, load, values::Ciphertext, values::Plaintext};
use crate::{error::SealError, sys};

handle!(
    /// `Evaluator`: stateless apart from its context.
    Evaluator,
    sys::Evaluator,
    sys::Evaluator_Destroy
);
handle!(
    /// Keys that switch from one secret to another: a relinearisation key, or the keys of Galois elements.
    SwitchingKeys,
    sys::KSwitchKeys,
    sys::KSwitchKeys_Destroy
);
impl SwitchingKeys {
    /// Reads SEAL's bytes, whose layout the caller has checked; expands seeds.
    pub(crate) fn load(context: &Context, bytes: &[u8]) -> Result<Self, SealError> {
        // SAFETY: `out` is a place for one pointer.
        let keys = Self(create("KSwitchKeys_Create1", |out| unsafe { sys::KSwitchKeys_Create1(out) })?);
        let this = keys.0.as_ptr();
        // SAFETY: both objects are alive, `keys` is not shared, and the buffer is as long as stated.
        load("KSwitchKeys_Load", bytes, |bytes, size, read| unsafe {
            sys::KSwitchKeys_Load(this, context.as_ptr(), bytes, size, read)
        })?;
        Ok(keys)
    }
}

impl Evaluator {
    pub(crate) fn new(context: &Context) -> Result<Self, SealError> {
        // SAFETY: the context is alive; SEAL keeps a shared pointer to its inside.
        create("Evaluator_Create", |out| unsafe { sys::Evaluator_Create(context.as_ptr(), out) }).map(Self)
    }

    pub(crate) fn negate(&self, a: &Ciphertext) -> Result<Ciphertext, SealError> {
        let mut out = Ciphertext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared.
        let status = unsafe { sys::Evaluator_Negate(self.as_ptr(), a.as_ptr(), out.as_mut_ptr()) };
        SealError::check("negate", status)?;
        Ok(out)
    }

    pub(crate) fn add(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext, SealError> {
        let mut out = Ciphertext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared.
        let status = unsafe { sys::Evaluator_Add(self.as_ptr(), a.as_ptr(), b.as_ptr(), out.as_mut_ptr()) };
        SealError::check("add", status)?;
        Ok(out)
    }

    pub(crate) fn add_assign(&self, sum: &mut Ciphertext, b: &Ciphertext) -> Result<(), SealError> {
        let target = sum.as_mut_ptr();
        // SAFETY: all objects are alive; SEAL allows the destination to be an operand and then works in place.
        let status = unsafe { sys::Evaluator_Add(self.as_ptr(), target, b.as_ptr(), target) };
        SealError::check("add", status)
    }

    pub(crate) fn sub(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext, SealError> {
        let mut out = Ciphertext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared.
        let status = unsafe { sys::Evaluator_Sub(self.as_ptr(), a.as_ptr(), b.as_ptr(), out.as_mut_ptr()) };
        SealError::check("subtract", status)?;
        Ok(out)
    }

    pub(crate) fn add_plain(&self, a: &Ciphertext, b: &Plaintext) -> Result<Ciphertext, SealError> {
        let mut out = Ciphertext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared.
        let status =
            unsafe { sys::Evaluator_AddPlain(self.as_ptr(), a.as_ptr(), b.as_ptr(), out.as_mut_ptr()) };
        SealError::check("add a plaintext", status)?;
        Ok(out)
    }

    /// A product of three polynomials, at the product of the scales.
    pub(crate) fn multiply(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext, SealError> {
        let mut out = Ciphertext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared; squaring is a function of its own because it is cheaper.
        let status = unsafe {
            if std::ptr::eq(a, b) {
                sys::Evaluator_Square(self.as_ptr(), a.as_ptr(), out.as_mut_ptr(), POOL)
            } else {
                sys::Evaluator_Multiply(self.as_ptr(), a.as_ptr(), b.as_ptr(), out.as_mut_ptr(), POOL)
            }
        };
        SealError::check("multiply", status)?;
        Ok(out)
    }

    /// A product at the product of the scales.
    pub(crate) fn multiply_plain(&self, a: &Ciphertext, b: &Plaintext) -> Result<Ciphertext, SealError> {
        let mut out = Ciphertext::empty()?;
        self.multiply_plain_into(a, b, &mut out)?;
        Ok(out)
    }

    /// The same into an existing ciphertext, whose buffer is used again when it is large enough.
    pub(crate) fn multiply_plain_into(
        &self,
        a: &Ciphertext,
        b: &Plaintext,
        out: &mut Ciphertext,
    ) -> Result<(), SealError> {
        // SAFETY: all objects are alive; `out` is exclusively borrowed, so it is not `a`.
        let status = unsafe {
            sys::Evaluator_MultiplyPlain(self.as_ptr(), a.as_ptr(), b.as_ptr(), out.as_mut_ptr(), POOL)
        };
        SealError::check("multiply by a plaintext", status)
    }

    pub(crate) fn relinearise(&self, a: &mut Ciphertext, key: &SwitchingKeys) -> Result<(), SealError> {
        let target = a.as_mut_ptr();
        // SAFETY: all objects are alive; SEAL allows the destination to be the operand.
        let status = unsafe { sys::Evaluator_Relinearize(self.as_ptr(), target, key.as_ptr(), target, POOL) };
        SealError::check("relinearise", status)
    }

    /// Drops limbs until the ciphertext is at the modulus `to`; values and scale stay.
    pub(crate) fn mod_switch(&self, a: &Ciphertext, to: &ParmsId) -> Result<Ciphertext, SealError> {
        let mut out = Ciphertext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared.
        let status = unsafe {
            sys::Evaluator_ModSwitchTo1(self.as_ptr(), a.as_ptr(), to.as_ptr(), out.as_mut_ptr(), POOL)
        };
        SealError::check("switch the modulus", status)?;
        Ok(out)
    }

    /// Divides by the last prime and drops it.
    pub(crate) fn rescale(&self, a: &Ciphertext) -> Result<Ciphertext, SealError> {
        let mut out = Ciphertext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared.
        let status =
            unsafe { sys::Evaluator_RescaleToNext(self.as_ptr(), a.as_ptr(), out.as_mut_ptr(), POOL) };
        SealError::check("rescale", status)?;
        Ok(out)
    }

    /// The automorphism X -> X^element, switched back to the old secret.
    pub(crate) fn apply_galois(
        &self,
        a: &Ciphertext,
        element: u32,
        keys: &SwitchingKeys,
    ) -> Result<Ciphertext, SealError> {
        let mut out = Ciphertext::empty()?;
        // SAFETY: all objects are alive and `out` is not shared; SEAL checks that `keys` holds the element.
        let status = unsafe {
            sys::Evaluator_ApplyGalois(
                self.as_ptr(),
                a.as_ptr(),
                element,
                keys.as_ptr(),
                out.as_mut_ptr(),
                POOL,
            )
        };
        SealError::check("rotate", status)?;
        Ok(out)
    }
}
