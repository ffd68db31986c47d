//! What a homomorphic-encryption scheme can do: henna's contract between networks and schemes.

pub mod vector_math;
