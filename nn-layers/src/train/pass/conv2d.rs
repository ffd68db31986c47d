//! Convolution: Y = W · columns(X) + b, dW = dY columns(X)ᵀ, dX = columnsᵀ(Wᵀ dY), db = Σ dY.

use he_traits::Result;
use he_traits::algebra::{Algebra, Axis, Gather, Matrix, MatrixMut};

use super::{Gradients, Pass, Seen, channels_of};
use crate::layers::Conv2d;
use crate::layers::window::window_indices;

pub(super) struct Conv2dPass {
    layer: Conv2d,
    /// Channels `[C, N, H · W]` to columns `[C · taps, N · H' · W']`.
    columns: Gather,
    /// Images times places of an output channel.
    places: usize,
}

impl Conv2dPass {
    pub(super) fn new(
        layer: &Conv2d,
        input: &[usize],
        output: &[usize],
        images: usize,
    ) -> Result<Conv2dPass> {
        let (channels, map) = channels_of(input);
        let indices = window_indices(layer.windows(), input, output, images);
        let columns = Gather::new(channels, images * map, indices)?;
        Ok(Conv2dPass { layer: *layer, columns, places: images * channels_of(output).1 })
    }

    /// Groups, and the rows of weights and of columns that belong to each.
    fn sizes(&self) -> (usize, usize, usize) {
        let Conv2d { groups, in_channels, out_channels, kernel: [height, width], .. } = self.layer;
        (groups, out_channels / groups, in_channels / groups * height * width)
    }

    fn over_places(&self) -> Axis {
        Axis { outer: self.layer.out_channels, length: self.places, inner: 1 }
    }
}

impl<A: Algebra> Pass<A> for Conv2dPass {
    fn forward(
        &self,
        algebra: &A,
        inputs: &[&A::Tensor],
        parameters: &[A::Tensor],
    ) -> Result<(A::Tensor, Option<A::Tensor>)> {
        let (groups, outs, taps) = self.sizes();
        let places = self.places;
        let (mut output, keep) = match parameters {
            [_, bias, ..] => (algebra.repeat(bias, self.over_places())?, 1.0),
            _ => (algebra.zeros(groups * outs * places), 0.0),
        };
        let ([x, ..], [weight, ..]) = (inputs, parameters) else { return Ok((output, None)) };
        let columns = algebra.gather(x, &self.columns)?;
        for group in 0..groups {
            algebra.gemm(
                Matrix::new(weight, outs, taps).at(group * outs * taps),
                Matrix::new(&columns, taps, places).at(group * taps * places),
                keep,
                MatrixMut::new(&mut output, outs, places).at(group * outs * places),
            )?;
        }
        Ok((output, Some(columns)))
    }

    fn backward(
        &self,
        algebra: &A,
        seen: &Seen<'_, A::Tensor>,
        gradient: &A::Tensor,
    ) -> Result<Gradients<A::Tensor>> {
        let (groups, outs, taps) = self.sizes();
        let places = self.places;
        let mut gradients = Gradients { inputs: vec![None], parameters: Vec::new() };
        let (Some(columns), [weight, biases @ ..]) = (seen.kept, seen.parameters) else {
            return Ok(gradients);
        };
        let dy = |group: usize| Matrix::new(gradient, outs, places).at(group * outs * places);

        let mut d_weight = algebra.zeros(groups * outs * taps);
        for group in 0..groups {
            let columns = Matrix::new(columns, taps, places).at(group * taps * places).transpose();
            let target = MatrixMut::new(&mut d_weight, outs, taps).at(group * outs * taps);
            algebra.gemm(dy(group), columns, 0.0, target)?;
        }
        gradients.parameters.push(d_weight);
        if !biases.is_empty() {
            gradients.parameters.push(algebra.sum(gradient, self.over_places())?);
        }
        if seen.wants_inputs {
            let mut d_columns = algebra.zeros(groups * taps * places);
            for group in 0..groups {
                let weight = Matrix::new(weight, outs, taps).at(group * outs * taps).transpose();
                let target = MatrixMut::new(&mut d_columns, taps, places).at(group * taps * places);
                algebra.gemm(weight, dy(group), 0.0, target)?;
            }
            gradients.inputs = vec![Some(algebra.scatter_add(&d_columns, &self.columns)?)];
        }
        Ok(gradients)
    }
}
