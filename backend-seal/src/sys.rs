//! The functions of SEAL's C interface that this crate calls, and nothing else.
//!
//! `sealy` compiles and links SEAL 4.0 together with this interface (`native/src/seal/c/*.h`); each signature below was checked
//! against that header. Pointers to objects that SEAL only reads are `*const` here. A function returns zero for success.
//!
//! The interface turns the exceptions that it expects into codes. One that it does not expect (memory exhausted) unwinds, hence
//! `C-unwind`: with plain `C` that would be undefined behaviour.

use std::ffi::{c_char, c_int, c_long};

// Brings the static libraries to the linker.
use sealy as _;

/// `HRESULT` of the C interface: `long` everywhere but under MSVC, where both are 32 bits.
pub(crate) type Status = c_long;

/// `E_POINTER`: a null pointer where an object was needed.
pub(crate) const NULL_POINTER: u32 = 0x8000_4003;
/// `E_INVALIDARG`: a C++ `invalid_argument`.
pub(crate) const INVALID_ARGUMENT: u32 = 0x8007_0057;
/// `COR_E_IO`: a C++ `runtime_error` while loading or saving.
pub(crate) const INPUT_OUTPUT: u32 = 0x8013_1620;
/// `COR_E_INVALIDOPERATION`: a C++ `logic_error`.
pub(crate) const INVALID_OPERATION: u32 = 0x8013_1509;

/// `scheme_type::ckks`.
pub(crate) const SCHEME_CKKS: u8 = 2;
/// `compr_mode_type::none`.
pub(crate) const COMPRESSION_NONE: u8 = 0;
/// `sec_level_type::none` and `sec_level_type::tc128`.
pub(crate) const SECURITY_NONE: c_int = 0;
pub(crate) const SECURITY_128: c_int = 128;

macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[repr(C)]
        pub(crate) struct $name {
            _private: [u8; 0],
        }
    )*};
}

opaque! {
    /// `seal::EncryptionParameters`
    EncParams,
    /// `seal::Modulus`
    Modulus,
    /// `seal::SEALContext`
    Context,
    /// `seal::SEALContext::ContextData`, owned by its context
    ContextData,
    /// `seal::KSwitchKeys`, also as `RelinKeys` and `GaloisKeys`, which add no members
    KSwitchKeys,
    /// `seal::Plaintext`
    Plaintext,
    /// `seal::Ciphertext`
    Ciphertext,
    /// `seal::CKKSEncoder`
    Encoder,
    /// `seal::Evaluator`
    Evaluator,
    /// `seal::MemoryPoolHandle`; null stands for the global pool, which is thread-safe
    MemoryPool,
}

// encryptionparameters.h, modulus.h
unsafe extern "C-unwind" {
    pub(crate) fn EncParams_Create1(scheme: u8, out: *mut *mut EncParams) -> Status;
    pub(crate) fn EncParams_Destroy(this: *mut EncParams) -> Status;
    pub(crate) fn EncParams_SetPolyModulusDegree(this: *mut EncParams, degree: u64) -> Status;
    pub(crate) fn EncParams_SetCoeffModulus(
        this: *mut EncParams,
        length: u64,
        moduli: *const *const Modulus,
    ) -> Status;
    pub(crate) fn EncParams_GetParmsId(this: *const EncParams, parms_id: *mut u64) -> Status;
    pub(crate) fn Modulus_Create1(value: u64, out: *mut *mut Modulus) -> Status;
    pub(crate) fn Modulus_Destroy(this: *mut Modulus) -> Status;
}

// sealcontext.h, contextdata.h
unsafe extern "C-unwind" {
    pub(crate) fn SEALContext_Create(
        params: *const EncParams,
        expand_chain: bool,
        security: c_int,
        out: *mut *mut Context,
    ) -> Status;
    pub(crate) fn SEALContext_Destroy(this: *mut Context) -> Status;
    pub(crate) fn SEALContext_ParametersSet(this: *const Context, set: *mut bool) -> Status;
    pub(crate) fn SEALContext_ParameterErrorMessage(
        this: *const Context,
        text: *mut c_char,
        length: *mut u64,
    ) -> Status;
    pub(crate) fn SEALContext_KeyParmsId(this: *const Context, parms_id: *mut u64) -> Status;
    pub(crate) fn SEALContext_FirstContextData(this: *const Context, out: *mut *mut ContextData) -> Status;
    pub(crate) fn ContextData_NextContextData(this: *const ContextData, out: *mut *mut ContextData)
    -> Status;
    pub(crate) fn ContextData_ChainIndex(this: *const ContextData, index: *mut u64) -> Status;
    pub(crate) fn ContextData_Parms(this: *const ContextData, out: *mut *mut EncParams) -> Status;
}

// kswitchkeys.h
unsafe extern "C-unwind" {
    pub(crate) fn KSwitchKeys_Create1(out: *mut *mut KSwitchKeys) -> Status;
    pub(crate) fn KSwitchKeys_Destroy(this: *mut KSwitchKeys) -> Status;
    pub(crate) fn KSwitchKeys_Load(
        this: *mut KSwitchKeys,
        context: *const Context,
        bytes: *const u8,
        size: u64,
        read: *mut i64,
    ) -> Status;
}

// plaintext.h, ciphertext.h
unsafe extern "C-unwind" {
    pub(crate) fn Plaintext_Create1(pool: *mut MemoryPool, out: *mut *mut Plaintext) -> Status;
    pub(crate) fn Plaintext_Destroy(this: *mut Plaintext) -> Status;
    pub(crate) fn Ciphertext_Create1(pool: *mut MemoryPool, out: *mut *mut Ciphertext) -> Status;
    pub(crate) fn Ciphertext_Create2(copy: *const Ciphertext, out: *mut *mut Ciphertext) -> Status;
    pub(crate) fn Ciphertext_Destroy(this: *mut Ciphertext) -> Status;
    pub(crate) fn Ciphertext_Size(this: *const Ciphertext, size: *mut u64) -> Status;
    pub(crate) fn Ciphertext_ParmsId(this: *const Ciphertext, parms_id: *mut u64) -> Status;
    pub(crate) fn Ciphertext_IsNTTForm(this: *const Ciphertext, ntt: *mut bool) -> Status;
    pub(crate) fn Ciphertext_Scale(this: *const Ciphertext, scale: *mut f64) -> Status;
    pub(crate) fn Ciphertext_SetScale(this: *mut Ciphertext, scale: f64) -> Status;
    pub(crate) fn Ciphertext_SaveSize(this: *const Ciphertext, compression: u8, size: *mut i64) -> Status;
    pub(crate) fn Ciphertext_Save(
        this: *const Ciphertext,
        bytes: *mut u8,
        size: u64,
        compression: u8,
        written: *mut i64,
    ) -> Status;
    pub(crate) fn Ciphertext_Load(
        this: *mut Ciphertext,
        context: *const Context,
        bytes: *const u8,
        size: u64,
        read: *mut i64,
    ) -> Status;
}

// ckksencoder.h
unsafe extern "C-unwind" {
    pub(crate) fn CKKSEncoder_Create(context: *const Context, out: *mut *mut Encoder) -> Status;
    pub(crate) fn CKKSEncoder_Destroy(this: *mut Encoder) -> Status;
    pub(crate) fn CKKSEncoder_Encode1(
        this: *const Encoder,
        count: u64,
        values: *const f64,
        parms_id: *const u64,
        scale: f64,
        out: *mut Plaintext,
        pool: *mut MemoryPool,
    ) -> Status;
    pub(crate) fn CKKSEncoder_Encode2(
        this: *const Encoder,
        count: u64,
        interleaved: *const f64,
        parms_id: *const u64,
        scale: f64,
        out: *mut Plaintext,
        pool: *mut MemoryPool,
    ) -> Status;
    pub(crate) fn CKKSEncoder_Encode3(
        this: *const Encoder,
        value: f64,
        parms_id: *const u64,
        scale: f64,
        out: *mut Plaintext,
        pool: *mut MemoryPool,
    ) -> Status;
}

// evaluator.h
unsafe extern "C-unwind" {
    pub(crate) fn Evaluator_Create(context: *const Context, out: *mut *mut Evaluator) -> Status;
    pub(crate) fn Evaluator_Destroy(this: *mut Evaluator) -> Status;
    pub(crate) fn Evaluator_Negate(
        this: *const Evaluator,
        a: *const Ciphertext,
        out: *mut Ciphertext,
    ) -> Status;
    pub(crate) fn Evaluator_Add(
        this: *const Evaluator,
        a: *const Ciphertext,
        b: *const Ciphertext,
        out: *mut Ciphertext,
    ) -> Status;
    pub(crate) fn Evaluator_Sub(
        this: *const Evaluator,
        a: *const Ciphertext,
        b: *const Ciphertext,
        out: *mut Ciphertext,
    ) -> Status;
    pub(crate) fn Evaluator_AddPlain(
        this: *const Evaluator,
        a: *const Ciphertext,
        b: *const Plaintext,
        out: *mut Ciphertext,
    ) -> Status;
    pub(crate) fn Evaluator_Multiply(
        this: *const Evaluator,
        a: *const Ciphertext,
        b: *const Ciphertext,
        out: *mut Ciphertext,
        pool: *mut MemoryPool,
    ) -> Status;
    pub(crate) fn Evaluator_Square(
        this: *const Evaluator,
        a: *const Ciphertext,
        out: *mut Ciphertext,
        pool: *mut MemoryPool,
    ) -> Status;
    pub(crate) fn Evaluator_MultiplyPlain(
        this: *const Evaluator,
        a: *const Ciphertext,
        b: *const Plaintext,
        out: *mut Ciphertext,
        pool: *mut MemoryPool,
    ) -> Status;
    pub(crate) fn Evaluator_Relinearize(
        this: *const Evaluator,
        a: *const Ciphertext,
        keys: *const KSwitchKeys,
        out: *mut Ciphertext,
        pool: *mut MemoryPool,
    ) -> Status;
    pub(crate) fn Evaluator_ModSwitchTo1(
        this: *const Evaluator,
        a: *const Ciphertext,
        parms_id: *const u64,
        out: *mut Ciphertext,
        pool: *mut MemoryPool,
    ) -> Status;
    pub(crate) fn Evaluator_RescaleToNext(
        this: *const Evaluator,
        a: *const Ciphertext,
        out: *mut Ciphertext,
        pool: *mut MemoryPool,
    ) -> Status;
    pub(crate) fn Evaluator_ApplyGalois(
        this: *const Evaluator,
        a: *const Ciphertext,
        element: u32,
        keys: *const KSwitchKeys,
        out: *mut Ciphertext,
        pool: *mut MemoryPool,
    ) -> Status;
}

/// The functions that handle secret and public keys, encrypt, decrypt or decode: the data owner's.
#[cfg(feature = "client")]
pub(crate) mod owner {
    use super::{Ciphertext, Context, Encoder, KSwitchKeys, MemoryPool, Plaintext, Status};

    opaque! {
        /// `seal::KeyGenerator`
        KeyGenerator,
        /// `seal::SecretKey`
        SecretKey,
        /// `seal::PublicKey`
        PublicKey,
        /// `seal::Encryptor`
        Encryptor,
        /// `seal::Decryptor`
        Decryptor,
    }

    // encryptor.h, decryptor.h, ckksencoder.h
    unsafe extern "C-unwind" {
        pub(crate) fn Encryptor_Create(
            context: *const Context,
            public: *const PublicKey,
            secret: *const SecretKey,
            out: *mut *mut Encryptor,
        ) -> Status;
        pub(crate) fn Encryptor_Destroy(this: *mut Encryptor) -> Status;
        pub(crate) fn Encryptor_Encrypt(
            this: *const Encryptor,
            plain: *const Plaintext,
            out: *mut Ciphertext,
            pool: *mut MemoryPool,
        ) -> Status;
        pub(crate) fn Encryptor_EncryptSymmetric(
            this: *const Encryptor,
            plain: *const Plaintext,
            save_seed: bool,
            out: *mut Ciphertext,
            pool: *mut MemoryPool,
        ) -> Status;
        pub(crate) fn Decryptor_Create(
            context: *const Context,
            secret: *const SecretKey,
            out: *mut *mut Decryptor,
        ) -> Status;
        pub(crate) fn Decryptor_Destroy(this: *mut Decryptor) -> Status;
        pub(crate) fn Decryptor_Decrypt(
            this: *const Decryptor,
            a: *const Ciphertext,
            out: *mut Plaintext,
        ) -> Status;
        pub(crate) fn CKKSEncoder_Decode2(
            this: *const Encoder,
            plain: *const Plaintext,
            count: *mut u64,
            interleaved: *mut f64,
            pool: *mut MemoryPool,
        ) -> Status;
    }

    // keygenerator.h, secretkey.h, publickey.h, kswitchkeys.h
    unsafe extern "C-unwind" {
        pub(crate) fn PublicKey_Create1(out: *mut *mut PublicKey) -> Status;
        pub(crate) fn PublicKey_Destroy(this: *mut PublicKey) -> Status;
        pub(crate) fn PublicKey_Load(
            this: *mut PublicKey,
            context: *const Context,
            bytes: *const u8,
            size: u64,
            read: *mut i64,
        ) -> Status;
        pub(crate) fn KeyGenerator_Create1(context: *const Context, out: *mut *mut KeyGenerator) -> Status;
        pub(crate) fn KeyGenerator_Create2(
            context: *const Context,
            secret: *const SecretKey,
            out: *mut *mut KeyGenerator,
        ) -> Status;
        pub(crate) fn KeyGenerator_Destroy(this: *mut KeyGenerator) -> Status;
        pub(crate) fn KeyGenerator_SecretKey(this: *const KeyGenerator, out: *mut *mut SecretKey) -> Status;
        pub(crate) fn KeyGenerator_CreatePublicKey(
            this: *mut KeyGenerator,
            save_seed: bool,
            out: *mut *mut PublicKey,
        ) -> Status;
        pub(crate) fn KeyGenerator_CreateRelinKeys(
            this: *mut KeyGenerator,
            save_seed: bool,
            out: *mut *mut KSwitchKeys,
        ) -> Status;
        pub(crate) fn KeyGenerator_CreateGaloisKeysFromElts(
            this: *mut KeyGenerator,
            count: u64,
            elements: *const u32,
            save_seed: bool,
            out: *mut *mut KSwitchKeys,
        ) -> Status;
        pub(crate) fn SecretKey_Create1(out: *mut *mut SecretKey) -> Status;
        pub(crate) fn SecretKey_Destroy(this: *mut SecretKey) -> Status;
        pub(crate) fn SecretKey_SaveSize(this: *const SecretKey, compression: u8, size: *mut i64) -> Status;
        pub(crate) fn SecretKey_Save(
            this: *const SecretKey,
            bytes: *mut u8,
            size: u64,
            compression: u8,
            written: *mut i64,
        ) -> Status;
        pub(crate) fn SecretKey_Load(
            this: *mut SecretKey,
            context: *const Context,
            bytes: *const u8,
            size: u64,
            read: *mut i64,
        ) -> Status;
        pub(crate) fn PublicKey_SaveSize(this: *const PublicKey, compression: u8, size: *mut i64) -> Status;
        pub(crate) fn PublicKey_Save(
            this: *const PublicKey,
            bytes: *mut u8,
            size: u64,
            compression: u8,
            written: *mut i64,
        ) -> Status;
        pub(crate) fn KSwitchKeys_SaveSize(
            this: *const KSwitchKeys,
            compression: u8,
            size: *mut i64,
        ) -> Status;
        pub(crate) fn KSwitchKeys_Save(
            this: *const KSwitchKeys,
            bytes: *mut u8,
            size: u64,
            compression: u8,
            written: *mut i64,
        ) -> Status;
    }
}
