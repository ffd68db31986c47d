//! Polynomials whose coefficients are trained with the network.

use super::{Operation, Parameter, Refusal, one_input};
use crate::clear::Job;
use crate::lower::{Lowered, Quadratic};
use crate::tensor::{Tensor, numel};

/// `a x^2 + b x + c` of every value, with coefficients that are trained: one triple for all values, or one a channel (Kim et al.,
/// Latent-HE, call it polyact). Under encryption it is one squaring: the square is completed, its scale goes into the layer before and
/// its sign and constant into the layer behind.
///
/// # Shapes
/// Input and output of any shape; `weight` `[3]`, or `[channels, 3]`: `c`, `b`, `a`, lowest power first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LearnedPolynomial {
    /// Channels (the first dimension) with coefficients of their own; `None` for one triple.
    pub channels: Option<usize>,
}

impl LearnedPolynomial {
    /// One triple for all values.
    pub fn shared() -> LearnedPolynomial {
        LearnedPolynomial { channels: None }
    }

    /// One triple for each of so many channels.
    pub fn per_channel(channels: usize) -> LearnedPolynomial {
        LearnedPolynomial { channels: Some(channels) }
    }
}

impl Operation for LearnedPolynomial {
    fn kind(&self) -> &'static str {
        "LearnedPolynomial"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        let wanted = self.channels.map_or("of any shape".to_owned(), |channels| format!("[{channels}, ..]"));
        match (one_input(inputs, &wanted)?, self.channels) {
            ([first, ..], Some(channels)) if *first != channels => Err(Refusal::Inputs(wanted)),
            ([], Some(_)) => Err(Refusal::Inputs(wanted)),
            (shape, _) => Ok(shape.to_vec()),
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        let shape = self.channels.map_or(vec![3], |channels| vec![channels, 3]);
        vec![Parameter { name: "weight", shape }]
    }

    fn in_place(&self) -> bool {
        true
    }

    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        let plane = numel(job.output_shape) / self.channels.unwrap_or(1);
        let triples = job.parameter(0).unwrap_or(&[]).chunks_exact(3).cycle();
        for (values, triple) in out.chunks_exact_mut(plane).zip(triples) {
            let &[c, b, a] = triple else { continue };
            values.iter_mut().for_each(|x| *x = (a * *x + b) * *x + c);
        }
    }

    fn lower(&self, _: &[&[usize]], output: &[usize], parameters: &[&Tensor]) -> Lowered {
        let each = numel(output) / self.channels.unwrap_or(1).max(1);
        let triples = parameters.first().map_or(&[][..], |tensor| tensor.data()).chunks_exact(3);
        let coefficients = triples.map(|triple| <[f64; 3]>::try_from(triple).unwrap_or_default());
        Lowered::Quadratic(Quadratic { coefficients: coefficients.collect(), each })
    }
}
