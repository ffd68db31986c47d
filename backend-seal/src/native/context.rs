//! The validated parameters inside SEAL, with the names of its levels.

use super::{ParmsId, create, handle};
use crate::{error::SealError, sys};

handle!(
    /// Encryption parameters under construction.
    EncParams,
    sys::EncParams,
    sys::EncParams_Destroy
);
handle!(
    /// One prime.
    Modulus,
    sys::Modulus,
    sys::Modulus_Destroy
);
handle!(
    /// `SEALContext`: parameters, NTT tables and the chain of moduli.
    Context,
    sys::Context,
    sys::SEALContext_Destroy
);

impl EncParams {
    fn parms_id(&self) -> Result<ParmsId, SealError> {
        let mut id = [0_u64; 4];
        // SAFETY: `self` is alive; SEAL writes four words.
        let status = unsafe { sys::EncParams_GetParmsId(self.as_ptr(), id.as_mut_ptr()) };
        SealError::check("EncParams_GetParmsId", status)?;
        Ok(ParmsId(id))
    }
}

impl Context {
    /// Builds a context over the primes q(0), .., q(L), P in this order.
    ///
    /// # Errors
    /// [`SealError::Context`] with SEAL's own sentence when it does not accept them, security below 128 bits included unless
    /// `secure` is false.
    pub(crate) fn new(ring_degree: usize, primes: &[u64], secure: bool) -> Result<Self, SealError> {
        // SAFETY: `out` is a place for one pointer.
        let params = EncParams(create("EncParams_Create1", |out| unsafe {
            sys::EncParams_Create1(sys::SCHEME_CKKS, out)
        })?);
        // SAFETY: `params` is alive and not shared yet.
        let status = unsafe { sys::EncParams_SetPolyModulusDegree(params.0.as_ptr(), ring_degree as u64) };
        SealError::check("EncParams_SetPolyModulusDegree", status)?;

        let moduli = primes
            .iter()
            .map(|&prime| {
                // SAFETY: `out` is a place for one pointer.
                create("Modulus_Create1", |out| unsafe { sys::Modulus_Create1(prime, out) }).map(Modulus)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let pointers: Vec<_> = moduli.iter().map(Modulus::as_ptr).collect();
        // SAFETY: `pointers` holds as many live moduli as stated; SEAL copies them.
        let status = unsafe {
            sys::EncParams_SetCoeffModulus(params.0.as_ptr(), pointers.len() as u64, pointers.as_ptr())
        };
        SealError::check("EncParams_SetCoeffModulus", status)?;

        let security = if secure { sys::SECURITY_128 } else { sys::SECURITY_NONE };
        // SAFETY: `params` is alive; SEAL copies it.
        let context = Self(create("SEALContext_Create", |out| unsafe {
            sys::SEALContext_Create(params.as_ptr(), true, security, out)
        })?);
        let mut set = false;
        // SAFETY: the context is alive; SEAL writes one bool.
        let status = unsafe { sys::SEALContext_ParametersSet(context.as_ptr(), &raw mut set) };
        SealError::check("SEALContext_ParametersSet", status)?;
        if set { Ok(context) } else { Err(SealError::Context(context.error_message()?)) }
    }

    fn error_message(&self) -> Result<String, SealError> {
        let mut length = 0_u64;
        // SAFETY: with a null text SEAL writes the length only.
        let status = unsafe {
            sys::SEALContext_ParameterErrorMessage(self.as_ptr(), std::ptr::null_mut(), &raw mut length)
        };
        SealError::check("SEALContext_ParameterErrorMessage", status)?;
        let mut text = vec![0_u8; usize::try_from(length).unwrap_or(0)];
        // SAFETY: SEAL copies as many bytes as it has just announced; the message is a constant.
        let status = unsafe {
            sys::SEALContext_ParameterErrorMessage(self.as_ptr(), text.as_mut_ptr().cast(), &raw mut length)
        };
        SealError::check("SEALContext_ParameterErrorMessage", status)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Name of the modulus of keys (special modulus included).
    pub(crate) fn key_parms_id(&self) -> Result<ParmsId, SealError> {
        let mut id = [0_u64; 4];
        // SAFETY: the context is alive; SEAL writes four words.
        let status = unsafe { sys::SEALContext_KeyParmsId(self.as_ptr(), id.as_mut_ptr()) };
        SealError::check("SEALContext_KeyParmsId", status)?;
        Ok(ParmsId(id))
    }

    /// Names of the levels, level 0 first. SEAL calls the level a chain index.
    pub(crate) fn level_parms_ids(&self) -> Result<Vec<ParmsId>, SealError> {
        let mut ids = Vec::new();
        let mut data = std::ptr::null_mut();
        // SAFETY: the context is alive and owns what the pointer will point to.
        let status = unsafe { sys::SEALContext_FirstContextData(self.as_ptr(), &raw mut data) };
        SealError::check("SEALContext_FirstContextData", status)?;
        while !data.is_null() {
            let mut index = 0_u64;
            // SAFETY: `data` belongs to the context, which outlives this loop; the copy of the parameters is owned here.
            let params = unsafe {
                SealError::check(
                    "ContextData_ChainIndex",
                    sys::ContextData_ChainIndex(data, &raw mut index),
                )?;
                EncParams(create("ContextData_Parms", |out| sys::ContextData_Parms(data, out))?)
            };
            ids.push((index, params.parms_id()?));
            // SAFETY: as above; the last level answers with null.
            let status = unsafe { sys::ContextData_NextContextData(data, &raw mut data) };
            SealError::check("ContextData_NextContextData", status)?;
        }
        ids.reverse();
        if ids.iter().enumerate().all(|(level, (index, _))| *index == level as u64) {
            Ok(ids.into_iter().map(|(_, id)| id).collect())
        } else {
            Err(SealError::Context("the chain of moduli has gaps".into()))
        }
    }
}
