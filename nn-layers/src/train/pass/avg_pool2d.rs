//! Mean pooling: the mean of gathered windows, and its transpose.

use he_traits::Result;
use he_traits::algebra::{Algebra, Axis, Gather};

use super::{Gradients, Pass, Seen, channels_of};
use crate::layers::AvgPool2d;
use crate::layers::window::window_indices;

pub(super) struct AvgPool2dPass {
    /// Channels `[C, N, H · W]` to windows `[C, taps, N · H' · W']`.
    windows: Gather,
    taps: Axis,
}

impl AvgPool2dPass {
    pub(super) fn new(
        layer: &AvgPool2d,
        input: &[usize],
        output: &[usize],
        images: usize,
    ) -> Result<AvgPool2dPass> {
        let (channels, map) = channels_of(input);
        let indices = window_indices(layer.windows(), input, output, images);
        let windows = Gather::new(channels, images * map, indices)?;
        let [height, width] = layer.kernel;
        let taps = Axis { outer: channels, length: height * width, inner: images * channels_of(output).1 };
        Ok(AvgPool2dPass { windows, taps })
    }
}

impl<A: Algebra> Pass<A> for AvgPool2dPass {
    fn forward(
        &self,
        algebra: &A,
        inputs: &[&A::Tensor],
        _parameters: &[A::Tensor],
    ) -> Result<(A::Tensor, Option<A::Tensor>)> {
        let [x, ..] = inputs else { return Ok((algebra.constants(&[]), None)) };
        let mut mean = algebra.sum(&algebra.gather(x, &self.windows)?, self.taps)?;
        algebra.scale(1.0 / self.taps.length as f64, &mut mean);
        Ok((mean, None))
    }

    fn backward(
        &self,
        algebra: &A,
        seen: &Seen<'_, A::Tensor>,
        gradient: &A::Tensor,
    ) -> Result<Gradients<A::Tensor>> {
        let mut gradients = Gradients { inputs: vec![None], parameters: Vec::new() };
        if seen.wants_inputs {
            let mut share = gradient.clone();
            algebra.scale(1.0 / self.taps.length as f64, &mut share);
            let spread = algebra.repeat(&share, self.taps)?;
            gradients.inputs = vec![Some(algebra.scatter_add(&spread, &self.windows)?)];
        }
        Ok(gradients)
    }
}
