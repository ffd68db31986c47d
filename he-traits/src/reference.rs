//! The two references that need no cryptography: [`clear`] computes in the clear and is held to the same rules as a real
//! scheme; [`symbolic`] computes nothing and tells what a program will need and cost.

pub mod clear;
pub mod symbolic;
