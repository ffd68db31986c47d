//! The networks of the papers that henna reproduces: definitions, data, weights, metrics.
//!
//! [`registry()`] lists the [`Model`]s: each names its network, its committed weights, samples to try it on, and what it is
//! judged by.
//!
//! ```
//! let model = models::find("fcnn-wbc")?;
//! let (network, stored) = ((model.network)()?, model.weights()?);
//! let samples = (model.test_samples)(4, &stored)?.inputs;
//! let figures = nn_layers::clear::run(&network, &stored.weights, &samples)?;
//! assert_eq!(figures.shape(), [4, 12]);
//! # Ok::<(), models::ModelError>(())
//! ```

pub mod cache;
pub mod chestxray;
pub mod circulation;
pub mod cnn_angio;
pub mod cnn_mnist;
pub mod data;
pub mod error;
pub mod fcnn_wbc;
pub mod images;
pub mod latent;
pub mod membranes;
pub mod metrics;
pub mod mnist;
pub mod registry;
pub mod seeded;
pub mod unet;
pub mod weights;

pub use error::ModelError;
pub use registry::{Model, find, registry};
pub use weights::StoredWeights;
