//! The MORE scheme (n x n matrices over the reals) for henna: **no security**, and the attacks that show it.
//!
//! MORE (matrix operation for randomisation or encryption) encrypts a number m as the matrix C = S diag(m, r) S^-1 with a secret
//! invertible S and a random r. Sums, products and inverses of matrices are those of the numbers, and functions of matrices are
//! functions of the numbers: everything is exact up to rounding, no level is ever consumed, and any network runs in a few
//! times its time in the clear. Vizitiu et al. (2020) used it over the doubles for deep networks on medical data.
//!
//! It protects nothing. m is an eigenvalue of C, in reach of anyone who sees one ciphertext: see [`attack`]. henna has it as the lower
//! end of the scale that its reports draw, between "fast" and "secure".
//!
//! # Precision
//! Doubles, less what the key costs: an error in the entries of C comes back multiplied by the condition number k of S, which
//! also enlarges the entries, so that 2 log2(k) bits are lost ([`Parameters::precision_bits`]). Keys are drawn with a bound on k.
//!
//! # Layout
//! Ciphertexts store entry (i, j) of all matrices together, as planes ([`Ciphertext`]). A linear map is a sparse matrix times
//! all planes of all ciphertexts at once, near the speed of dense matrix products; nonlinear functions of 2 x 2 matrices go through
//! trace and determinant without a branch.
//!
//! # Example
//! ```
//! # #[cfg(feature = "client")]
//! # fn main() -> he_traits::Result<()> {
//! use backend_more::{More, Parameters};
//! use he_traits::{ClientScheme, Decryptor, Diagonal, Encryptor, Evaluator, Exact, Function, KeyNeeds, Level, Scheme};
//! use rand::SeedableRng;
//!
//! let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
//! let parameters = Parameters::new(4)?;
//! let keys = More::keygen(&parameters, &KeyNeeds::default(), &mut rng)?;
//! let encryptor = More::encryptor(&parameters, &keys.secret)?;
//! let x = encryptor.encrypt(&Diagonal::Real(vec![0.0, 1.0, 2.0, 3.0]), Level::UNBOUNDED, &mut rng)?;
//!
//! let server = More::evaluator(&parameters, keys.evaluation)?;
//! let squared = server.mul(&x, &x)?;
//! let y = server.exact().map(|exact| exact.apply(&squared, Function::Sqrt)).transpose()?;
//!
//! let decrypted = More::decryptor(&parameters, &keys.secret)?.decrypt(&y.unwrap_or(squared))?;
//! assert!((decrypted[3] - 3.0).abs() < 1e-12);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "client"))]
//! # fn main() {}
//! ```

mod algebra;
pub mod attack;
mod batch;
mod buffer;
mod ciphertext;
#[cfg(feature = "client")]
mod client;
mod compact;
mod compare;
mod evaluator;
mod function;
mod hidden;
mod kernel;
mod linear;
mod parameters;
mod product;
mod scheme;
mod spectral;
pub mod training;

pub use ciphertext::Ciphertext;
#[cfg(feature = "client")]
pub use client::{MoreDecryptor, MoreEncryptor, SecretKey};
pub use evaluator::{Addend, Factor, MoreEvaluator};
pub use linear::PreparedMap;
pub use parameters::{FunctionMethod, Parameters, RandomLane};
pub use scheme::{CompactMore, EvaluationKeys, More};

/// The backend's name on the command line.
pub(crate) const NAME: &str = "more";
