//! Neural networks on encrypted data, under interchangeable homomorphic-encryption schemes.
