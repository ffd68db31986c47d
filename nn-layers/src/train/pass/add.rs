//! Sum of two values.

use he_traits::Result;
use he_traits::algebra::Algebra;

use super::{Gradients, Pass, Seen};

pub(super) struct AddPass;

impl<A: Algebra> Pass<A> for AddPass {
    fn forward(
        &self,
        algebra: &A,
        inputs: &[&A::Tensor],
        _parameters: &[A::Tensor],
    ) -> Result<(A::Tensor, Option<A::Tensor>)> {
        let mut sum = algebra.constants(&[]);
        if let [a, b] = inputs {
            sum = (*a).clone();
            algebra.axpy(1.0, b, &mut sum)?;
        }
        Ok((sum, None))
    }

    fn backward(
        &self,
        _algebra: &A,
        seen: &Seen<'_, A::Tensor>,
        gradient: &A::Tensor,
    ) -> Result<Gradients<A::Tensor>> {
        let inputs = seen.inputs.iter().map(|_| seen.wants_inputs.then(|| gradient.clone())).collect();
        Ok(Gradients { inputs, parameters: Vec::new() })
    }
}
