//! Trained polynomials of degree 3: gates.

use super::{Chebyshev, Operation, Parameter, Refusal, one_input};
use crate::clear::Job;
use crate::lower::Lowered;
use crate::tensor::Tensor;

/// `d x^3 + a x^2 + b x + c` of every value, with trained coefficients, the same for all values: what stands for the sigmoid of a
/// squeeze-and-excitation block (Kim et al., Latent-HE, equation 5; their public code has no term of degree 2). Two levels.
///
/// # Shapes
/// Input and output of any shape; `weight` `[4]`: `c`, `b`, `a`, `d`, lowest power first; `[3]`: `c`, `b`, `d` where there is no square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearnedCubic {
    /// Whether there is a term of degree 2.
    pub square: bool,
}

/// Where a cubic follows a sigmoid to a few hundredths: the interval that arguments are scaled from. Outside it the value is as exact,
/// only less precise.
const INTERVAL: f64 = 4.0;

impl LearnedCubic {
    /// All four coefficients.
    pub fn full() -> LearnedCubic {
        LearnedCubic { square: true }
    }

    /// Without the square: odd but for its constant, as a sigmoid is.
    pub fn odd() -> LearnedCubic {
        LearnedCubic { square: false }
    }

    /// `c`, `b`, `a`, `d` of the weights.
    fn coefficients(self, weight: &[f64]) -> [f64; 4] {
        let at = |index: usize| weight.get(index).copied().unwrap_or(0.0);
        if self.square { [at(0), at(1), at(2), at(3)] } else { [at(0), at(1), 0.0, at(2)] }
    }
}

impl Operation for LearnedCubic {
    fn kind(&self) -> &'static str {
        "LearnedCubic"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        Ok(one_input(inputs, "of any shape")?.to_vec())
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter { name: "weight", shape: vec![if self.square { 4 } else { 3 }] }]
    }

    fn in_place(&self) -> bool {
        true
    }

    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]) {
        let [c, b, a, d] = self.coefficients(job.parameter(0).unwrap_or(&[]));
        out.iter_mut().for_each(|x| *x = ((d * *x + a) * *x + b) * *x + c);
    }

    fn lower(&self, _: &[&[usize]], _: &[usize], parameters: &[&Tensor]) -> Lowered {
        let [c, b, a, d] = self.coefficients(parameters.first().map_or(&[], |weight| weight.data()));
        // In t = x / INTERVAL: t^2 = (T2 + 1) / 2 and t^3 = (T3 + 3 T1) / 4.
        let (b, a, d) = (b * INTERVAL, a * INTERVAL.powi(2), d * INTERVAL.powi(3));
        let coefficients = vec![c + a / 2.0, b + 0.75 * d, a / 2.0, d / 4.0];
        Lowered::Polynomial(Chebyshev { interval: [-INTERVAL, INTERVAL], coefficients })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowered_polynomial_is_the_cubic() {
        for (layer, weight) in [
            (LearnedCubic::full(), vec![0.5, 0.2, -0.03, -0.004]),
            (LearnedCubic::odd(), vec![0.5, 0.2, -0.004]),
        ] {
            let [c, b, a, d] = layer.coefficients(&weight);
            let weight = Tensor::new(&[weight.len()], weight).unwrap();
            let Lowered::Polynomial(polynomial) = layer.lower(&[], &[], &[&weight]) else { panic!() };
            for x in [-6.0, -1.5, 0.0, 0.3, 4.0] {
                let expected = c + b * x + a * x * x + d * x * x * x;
                assert!((polynomial.value(x) - expected).abs() < 1e-13);
            }
        }
    }
}
