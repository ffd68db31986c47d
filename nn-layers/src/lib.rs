//! henna's layer library: from a network to encrypted steps, on any scheme.
//!
//! A [`Network`] is a graph of layers with PyTorch's names and semantics; [`Weights`] are its named tensors. The module
//! [`clear`] runs a network on numbers in `f64`: that run is the specification that every encrypted run is held against.
//!
//! ```
//! use nn_layers::{clear, Activation, Linear, Network, Tensor, Weights};
//!
//! let mut n = Network::builder("tiny", &[2]);
//! n.layer("fc1", Linear::new(2, 1));
//! n.layer("act1", Activation::Square);
//! let network = n.build()?;
//!
//! let mut weights = Weights::new();
//! weights.insert("fc1.weight", Tensor::new(&[1, 2], vec![1.0, 2.0])?);
//! weights.insert("fc1.bias", Tensor::new(&[1], vec![0.5])?);
//!
//! let images = Tensor::new(&[1, 2], vec![3.0, -1.0])?;
//! assert_eq!(clear::run(&network, &weights, &images)?.data(), [2.25]);
//! # Ok::<(), nn_layers::Error>(())
//! ```

pub mod approx;
pub mod clear;
pub mod compile;
#[cfg(feature = "client")]
pub mod costs;
pub mod encrypted;
pub mod error;
pub mod fold;
pub mod graph;
pub mod keeping;
pub mod layers;
pub mod lower;
pub mod onnx;
#[cfg(feature = "client")]
mod owner;
pub mod pack;
pub mod plan;
#[cfg(feature = "client")]
pub mod precision;
pub mod program;
pub mod run;
pub mod tensor;
pub mod train;
pub mod weights;

pub use approx::{ActivationRecord, Degree, Replacement};
pub use compile::{Compiled, Options, compile, compile_for};
pub use encrypted::EncryptedProgram;
pub use error::{Error, Result, TooDeep};
pub use graph::{Network, NetworkBuilder, Node, NodeId};
pub use keeping::{Keeping, MapCost, MapId};
pub use layers::{
    Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, Chebyshev, Concat, Conv2d, ConvTranspose2d,
    Dropout, Flatten, Input, Layer, LearnedCubic, LearnedPolynomial, Linear, Mul, Reshape, SqueezeExcitation,
    Upsample,
};
pub use pack::{Layout, Packing};
#[cfg(feature = "client")]
pub use precision::StepPrecision;
pub use program::{Program, Step, StepKind, StepSummary, SymbolicRun};
pub use run::{Prepared, Progress};
pub use tensor::Tensor;
pub use weights::Weights;
