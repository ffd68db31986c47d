//! Where a training starts: weights and targets.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::error::{Error, Result};
use crate::graph::Network;
use crate::tensor::{Tensor, numel};
use crate::weights::Weights;

/// Xavier (Glorot) initialisation: weights uniform within ± sqrt(6 / (fan in + fan out)), biases zero; Glorot & Bengio 2010,
/// section 4.2.3. A kernel's fans are its channels times its taps.
pub fn xavier(network: &Network, seed: u64) -> Weights {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    network
        .parameters()
        .map(|(name, shape)| {
            let tensor = match shape.as_slice() {
                [outs, ins, taps @ ..] => {
                    let bound = (6.0 / ((ins + outs) * numel(taps)).max(1) as f64).sqrt();
                    let values = (0..numel(&shape)).map(|_| rng.random_range(-bound..=bound)).collect();
                    Tensor::from_parts(shape, values)
                }
                _ => Tensor::zeros(&shape),
            };
            (name, tensor)
        })
        .collect()
}

/// Labels as rows with a one at the label: the targets of [`Loss::CrossEntropy`](super::Loss::CrossEntropy), `[N, classes]`.
///
/// # Errors
/// [`Error::TargetShape`] for a label that is no class.
pub fn one_hot(labels: &[usize], classes: usize) -> Result<Tensor> {
    let mut targets = Tensor::zeros(&[labels.len(), classes]);
    for (row, &label) in targets.data_mut().chunks_exact_mut(classes.max(1)).zip(labels) {
        match row.get_mut(label) {
            Some(value) => *value = 1.0,
            None => {
                let expected = format!("labels below {classes}");
                return Err(Error::TargetShape { expected, got: vec![label] });
            }
        }
    }
    Ok(targets)
}
