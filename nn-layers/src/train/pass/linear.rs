//! Fully connected layer: y = x Wᵀ + b, dx = dy W, dW = dyᵀ x, db = Σ dy.

use he_traits::Result;
use he_traits::algebra::{Algebra, Axis, Matrix, MatrixMut};

use super::{Gradients, Pass, Seen};
use crate::layers::Linear;

pub(super) struct LinearPass {
    pub(super) layer: Linear,
    pub(super) images: usize,
}

impl LinearPass {
    fn over_images(&self) -> Axis {
        Axis { outer: 1, length: self.images, inner: self.layer.out_features }
    }
}

impl<A: Algebra> Pass<A> for LinearPass {
    fn forward(
        &self,
        algebra: &A,
        inputs: &[&A::Tensor],
        parameters: &[A::Tensor],
    ) -> Result<(A::Tensor, Option<A::Tensor>)> {
        let Linear { in_features, out_features, .. } = self.layer;
        let (mut output, keep) = match parameters {
            [_, bias, ..] => (algebra.repeat(bias, self.over_images())?, 1.0),
            _ => (algebra.zeros(self.images * out_features), 0.0),
        };
        if let ([x, ..], [weight, ..]) = (inputs, parameters) {
            let x = Matrix::new(*x, self.images, in_features);
            let weight = Matrix::new(weight, out_features, in_features).transpose();
            algebra.gemm(x, weight, keep, MatrixMut::new(&mut output, self.images, out_features))?;
        }
        Ok((output, None))
    }

    fn backward(
        &self,
        algebra: &A,
        seen: &Seen<'_, A::Tensor>,
        gradient: &A::Tensor,
    ) -> Result<Gradients<A::Tensor>> {
        let Linear { in_features, out_features, .. } = self.layer;
        let mut gradients = Gradients { inputs: vec![None], parameters: Vec::new() };
        let ([x, ..], [weight, biases @ ..]) = (seen.inputs, seen.parameters) else { return Ok(gradients) };
        let dy = Matrix::new(gradient, self.images, out_features);

        let mut d_weight = algebra.zeros(out_features * in_features);
        let x = Matrix::new(*x, self.images, in_features);
        // The forward pass multiplies x by W, in this order; so is x by dy here.
        let target = MatrixMut::new(&mut d_weight, out_features, in_features);
        algebra.gemm_flipped(dy.transpose(), x, 0.0, target)?;
        gradients.parameters.push(d_weight);
        if !biases.is_empty() {
            gradients.parameters.push(algebra.sum(gradient, self.over_images())?);
        }
        if seen.wants_inputs {
            let mut d_x = algebra.zeros(self.images * in_features);
            let weight = Matrix::new(weight, out_features, in_features);
            algebra.gemm(dy, weight, 0.0, MatrixMut::new(&mut d_x, self.images, in_features))?;
            gradients.inputs = vec![Some(d_x)];
        }
        Ok(gradients)
    }
}
