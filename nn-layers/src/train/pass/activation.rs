//! Functions of every value by itself.

use he_traits::algebra::Algebra;
use he_traits::{Function, Result};

use super::{Gradients, Pass, Seen};
use crate::layers::Activation;

pub(super) struct ActivationPass {
    function: Function,
}

impl ActivationPass {
    pub(super) fn new(activation: &Activation) -> Option<ActivationPass> {
        // The derivative of SiLU does not follow from its value, which is what a backward pass sees.
        let function = activation.function().filter(|function| *function != Function::Silu)?;
        Some(ActivationPass { function })
    }
}

impl<A: Algebra> Pass<A> for ActivationPass {
    fn forward(
        &self,
        algebra: &A,
        inputs: &[&A::Tensor],
        _parameters: &[A::Tensor],
    ) -> Result<(A::Tensor, Option<A::Tensor>)> {
        match inputs {
            [x, ..] => Ok((algebra.map(self.function, x)?, None)),
            [] => Ok((algebra.constants(&[]), None)),
        }
    }

    fn backward(
        &self,
        algebra: &A,
        seen: &Seen<'_, A::Tensor>,
        gradient: &A::Tensor,
    ) -> Result<Gradients<A::Tensor>> {
        let input = match seen.inputs {
            [x, ..] if seen.wants_inputs => {
                Some(algebra.map_backward(self.function, x, seen.output, gradient)?)
            }
            _ => None,
        };
        Ok(Gradients { inputs: vec![input], parameters: Vec::new() })
    }
}
