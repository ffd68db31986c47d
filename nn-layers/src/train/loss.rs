//! Losses and their gradients over an algebra.

use he_traits::algebra::{Algebra, Axis};
use he_traits::{Function, Result};

use super::config::Loss;

/// Share of a shard in the loss of its batch (one value), and the gradient of its outputs.
///
/// `rows` images of `columns` outputs each, in a batch of `batch` images.
pub(super) fn loss_and_gradient<A: Algebra>(
    algebra: &A,
    loss: Loss,
    outputs: &A::Tensor,
    targets: &A::Tensor,
    [rows, columns, batch]: [usize; 3],
) -> Result<(A::Tensor, A::Tensor)> {
    let all = Axis { outer: 1, length: rows * columns, inner: 1 };
    match loss {
        Loss::MeanSquaredError => {
            let share = 1.0 / (batch * columns).max(1) as f64;
            let mut difference = outputs.clone();
            algebra.axpy(-1.0, targets, &mut difference)?;
            let mut value = algebra.sum(&algebra.mul(&difference, &difference)?, all)?;
            algebra.scale(share, &mut value);
            algebra.scale(2.0 * share, &mut difference);
            Ok((value, difference))
        }
        Loss::BinaryCrossEntropy => {
            let share = 1.0 / (batch * columns).max(1) as f64;
            // ln(1 + e^z) = -ln(1 - sigmoid(z)) = z - ln sigmoid(z).
            let mut gradient = algebra.map(Function::Sigmoid, outputs)?;
            let mut losses = outputs.clone();
            algebra.axpy(-1.0, &algebra.map(Function::Ln, &gradient)?, &mut losses)?;
            algebra.axpy(-1.0, &algebra.mul(targets, outputs)?, &mut losses)?;
            let mut value = algebra.sum(&losses, all)?;
            algebra.scale(share, &mut value);
            algebra.axpy(-1.0, targets, &mut gradient)?;
            algebra.scale(share, &mut gradient);
            Ok((value, gradient))
        }
        Loss::CrossEntropy => {
            let share = 1.0 / batch.max(1) as f64;
            let log_softmax = algebra.log_softmax(outputs, rows, columns)?;
            let mut value = algebra.sum(&algebra.mul(targets, &log_softmax)?, all)?;
            algebra.scale(-share, &mut value);
            let mut gradient = algebra.map(Function::Exp, &log_softmax)?;
            algebra.axpy(-1.0, targets, &mut gradient)?;
            algebra.scale(share, &mut gradient);
            Ok((value, gradient))
        }
    }
}
