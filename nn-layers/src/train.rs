//! Training: the layers forwards and backwards over an algebra, clear or encrypted.
//!
//! Stochastic gradient descent with momentum as in PyTorch (`v = μ v + g`, `w = w - η v`), Xavier initialisation, mean squared
//! error, and cross entropy over softmax. A batch is cut into shards that threads share; gradients are added up in the order
//! of the shards, so the same seed gives the same weights, bit by bit, whatever the number of threads.
//!
//! [`fit`] trains on plain numbers; [`Trainer`] is the same over any [`Algebra`](he_traits::algebra::Algebra).

mod clear_algebra;
mod config;
mod init;
mod loss;
mod pass;
mod scaled;
mod trainer;

use std::ops::ControlFlow;

pub use clear_algebra::ClearAlgebra;
pub use config::{Config, Loss, RateSchedule};
pub use init::{one_hot, xavier};
pub use scaled::scaled;
pub use trainer::Trainer;

use crate::error::{Error, Result};
use crate::graph::Network;
use crate::tensor::Tensor;
use crate::weights::Weights;

/// Where a training stands after an epoch.
pub struct Progress<'a> {
    /// Epochs done, from 1.
    pub epoch: usize,
    /// Epochs that were asked for.
    pub epochs: usize,
    /// Mean loss over the samples of the epoch, each at the weights of its own batch.
    pub loss: f64,
    /// Learning rate of the epoch.
    pub rate: f64,
    trainer: &'a Trainer<'a, ClearAlgebra>,
}

impl Progress<'_> {
    /// The weights after this epoch, as for a measurement on validation data.
    pub fn weights(&self) -> Weights {
        self.trainer.weights()
    }
}

/// Trains on plain numbers, from `weights` (as [`xavier`] makes them) to the weights after the last epoch, or after the one
/// where `progress` breaks.
///
/// # Shapes
/// `inputs` `[samples, ..]` with the network's input shape; `targets` `[samples, ..]` with its output shape (for
/// [`Loss::CrossEntropy`] a distribution over the classes a row, as from [`one_hot`]).
///
/// # Errors
/// Those of [`Weights::check`] and [`Trainer::new`]; [`Error::InputShape`], [`Error::TargetShape`] and [`Error::NotFinite`] for
/// the data; [`Error::Diverged`] when the loss leaves the range of numbers.
///
/// ```
/// use std::ops::ControlFlow;
/// use nn_layers::{Linear, Network, Tensor, train};
///
/// let mut n = Network::builder("line", &[1]);
/// n.layer("fc1", Linear::new(1, 1));
/// let network = n.build()?;
/// let x = Tensor::new(&[4, 1], vec![0.0, 1.0, 2.0, 3.0])?;
/// let y = Tensor::new(&[4, 1], vec![1.0, 3.0, 5.0, 7.0])?;
///
/// let config = train::Config { epochs: 200, batch: 2, rate: 0.05, ..train::Config::default() };
/// let start = train::xavier(&network, 1);
/// let weights = train::fit(&network, &start, &x, &y, &config, |_| ControlFlow::Continue(()))?;
/// let slope = weights.get("fc1.weight").map_or(0.0, |w| w.data()[0]);
/// assert!((slope - 2.0).abs() < 1e-3);
/// # Ok::<(), nn_layers::Error>(())
/// ```
pub fn fit(
    network: &Network,
    weights: &Weights,
    inputs: &Tensor,
    targets: &Tensor,
    config: &Config,
    mut progress: impl FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Weights> {
    weights.check(network)?;
    check_data(network, inputs, targets)?;
    let parameters = network
        .parameters()
        .filter_map(|(name, _)| weights.get(&name))
        .map(|tensor| tensor.data().to_vec())
        .collect();
    keep_memory();
    let mut trainer = Trainer::new(ClearAlgebra, network, config.clone(), parameters)?;
    let (samples, inputs, targets) = (inputs.batch(), inputs.data().to_vec(), targets.data().to_vec());
    for epoch in 1..=config.epochs {
        let rate = config.rate_in(epoch);
        let loss = trainer.epoch(&inputs, &targets, samples)?.first().copied().unwrap_or(f64::NAN);
        if !loss.is_finite() {
            return Err(Error::Diverged { epoch, loss });
        }
        let report = Progress { epoch, epochs: config.epochs, loss, rate, trainer: &trainer };
        if progress(&report).is_break() {
            break;
        }
    }
    Ok(trainer.weights())
}

fn check_data(network: &Network, inputs: &Tensor, targets: &Tensor) -> Result<()> {
    if inputs.shape().get(1..) != Some(network.input_shape()) {
        return Err(Error::InputShape {
            network: network.name().to_owned(),
            expected: network.input_shape().to_vec(),
            got: inputs.shape().to_vec(),
        });
    }
    if targets.shape().get(1..) != Some(network.output_shape()) || targets.batch() != inputs.batch() {
        let expected = format!("shape [{}, {:?}]", inputs.batch(), network.output_shape());
        return Err(Error::TargetShape { expected, got: targets.shape().to_vec() });
    }
    for (tensor, values) in [("inputs", inputs), ("targets", targets)] {
        if let Some((index, value)) = values.first_not_finite() {
            return Err(Error::NotFinite { tensor: tensor.to_owned(), index, value });
        }
    }
    Ok(())
}

/// Every batch takes and frees the same few megabytes. The GNU C library hands such blocks back to the system each time, and
/// faulting them in again costs a quarter of an epoch, until it has once seen a larger block freed: so it is shown one,
/// which is never touched. Elsewhere this does nothing.
fn keep_memory() {
    const LARGE: usize = 24 << 20;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(std::hint::black_box(LARGE))));
}
