//! Training on ciphertexts: tensors of 2 x 2 matrices, and the algebra over them that `nn_layers::train` runs on.
//!
//! Weights, activations, gradients and losses are ciphertexts throughout; nothing here has a key. A tensor keeps its matrices in planes,
//! so that a product of encrypted matrices is a few products of real matrices as large as the planes.
//!
//! # Two forms
//! - *Full*: the four entries. A product of numbers takes eight multiplications.
//! - *Compact*: all ciphertexts of one key commute, and lie in the two-dimensional algebra of all a I + b T, for any one ciphertext T
//!   with different eigenvalues. [`Compaction`] takes T from a ciphertext, moved and scaled so that T^2 = I (which everyone who sees the
//!   ciphertext can do), and then two numbers stand for four: (a, b)(c, d) = (a c + b d, a d + b c), four multiplications. What makes
//!   this possible is what breaks the scheme: T^2 = I has the eigenvalues 1 and -1, so that a + b and a - b *are* the two lanes, one of
//!   them the message. Whoever computes in the compact form needs one addition to read everything.
//!
//! # The random lane
//! What is computed on the messages is computed on the random numbers beside them: training trains a second network on noise, in the same
//! matrices. Should it diverge, its infinities reach the message through the shared entries.
//! [`MoreEncryptor::encrypt_tensor`](crate::MoreEncryptor::encrypt_tensor) takes the random lane from the caller, who keeps it from diverging:
//! inputs from the range of the data, first weights as first weights are drawn, and targets that a network with those weights meets already, so that nothing moves.
//! Targets whose random lane is no distribution push, with cross entropy, all logits of the noise the same way in every step, until their exponentials
//! overflow; a test shows it.
//!
//! # What rounding leaves
//! Rounding errors do not commute with the matrices, and training acts on them as well: in the full form they grow from step to step, unseen until their square reaches the
//! message. They grow less where gradients take their factors in the order of the forward pass ([`gemm_flipped`](he_traits::algebra::Algebra::gemm_flipped)), and
//! an algebra made by [`MoreAlgebra::settling`] takes them away after every step. The compact form has none.

mod algebra;
mod product;
mod tensor;

pub use algebra::MoreAlgebra;
pub use tensor::{Compaction, MoreTensor};
