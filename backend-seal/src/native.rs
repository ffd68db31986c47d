//! SEAL's objects, owned: created and destroyed exactly once, shared behind `&`, changed behind `&mut`.
//!
//! Everything `unsafe` of this crate lives here and in [`crate::sys`]. Three facts carry the safety arguments:
//!
//! 1. A handle holds a non-null pointer to an object that only it owns, from creation to [`Drop`].
//! 2. SEAL copies what it needs from its arguments: contexts are shared pointers inside, keys and parameters are copied, so no
//!    object refers to another one's handle.
//! 3. SEAL documents its objects as safe to use from several threads as long as none of them changes one. The memory pool passed
//!    here is null, which means the global pool, and that one locks.

pub(crate) mod context;
pub(crate) mod encoder;
pub(crate) mod evaluator;
#[cfg(feature = "client")]
pub(crate) mod owner;
pub(crate) mod values;

use std::ptr::{self, NonNull};

use crate::{error::SealError, sys};

/// Declares an owning handle of one kind of SEAL object.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $raw:ty, $destroy:path) => {
        $(#[$doc])*
        pub(crate) struct $name(pub(in crate::native) std::ptr::NonNull<$raw>);

        impl $name {
            pub(crate) fn as_ptr(&self) -> *const $raw {
                self.0.as_ptr()
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the pointer came from SEAL's constructor, is owned by this handle alone and is not used again.
                // The only failure that the function knows is a null pointer.
                let _ = unsafe { $destroy(self.0.as_ptr()) };
            }
        }

        // SAFETY: the object is reached through this handle alone and holds nothing tied to a thread.
        unsafe impl Send for $name {}
        // SAFETY: `&self` methods call functions that leave the object as it is, which SEAL allows from several threads at once.
        unsafe impl Sync for $name {}
    };
}
pub(crate) use handle;

/// Runs a constructor of the C interface and takes ownership of what it made.
pub(crate) fn create<T>(
    op: &'static str,
    make: impl FnOnce(*mut *mut T) -> sys::Status,
) -> Result<NonNull<T>, SealError> {
    let mut out = ptr::null_mut();
    SealError::check(op, make(&raw mut out))?;
    NonNull::new(out).ok_or(SealError::Refused { op, reason: "no object came back" })
}

/// The global memory pool.
pub(crate) const POOL: *mut sys::MemoryPool = ptr::null_mut();

/// SEAL's name (a hash) of the modulus at one level of a context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ParmsId(pub(crate) [u64; 4]);

impl ParmsId {
    pub(crate) fn as_ptr(&self) -> *const u64 {
        self.0.as_ptr()
    }
}

/// Writes an object into a vector of exactly the size that SEAL states, without compression.
pub(crate) fn save(
    op: &'static str,
    size: impl FnOnce(*mut i64) -> sys::Status,
    write: impl FnOnce(*mut u8, u64, *mut i64) -> sys::Status,
) -> Result<Vec<u8>, SealError> {
    let mut bytes = 0_i64;
    SealError::check(op, size(&raw mut bytes))?;
    let length =
        usize::try_from(bytes).map_err(|_| SealError::Refused { op, reason: "a negative size came back" })?;
    let mut out = vec![0_u8; length];
    let mut written = 0_i64;
    SealError::check(op, write(out.as_mut_ptr(), length as u64, &raw mut written))?;
    let written = usize::try_from(written).unwrap_or(0);
    if written > length {
        return Err(SealError::Refused { op, reason: "more bytes came than were announced" });
    }
    out.truncate(written);
    Ok(out)
}

/// Reads an object back. The caller has checked the layout of the bytes ([`crate::layout`]) so that SEAL's loader allocates no
/// more than the parameters imply; SEAL then checks every residue against its modulus.
pub(crate) fn load(
    op: &'static str,
    bytes: &[u8],
    read: impl FnOnce(*const u8, u64, *mut i64) -> sys::Status,
) -> Result<(), SealError> {
    let mut used = 0_i64;
    SealError::check(op, read(bytes.as_ptr(), bytes.len() as u64, &raw mut used))?;
    if usize::try_from(used) == Ok(bytes.len()) {
        Ok(())
    } else {
        Err(SealError::Malformed {
            what: op,
            reason: format!("{used} of {} bytes belong to the object", bytes.len()),
        })
    }
}
