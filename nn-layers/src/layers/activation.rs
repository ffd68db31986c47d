//! Functions of every value by itself.

use he_traits::{Function, vector_math};

use super::{Operation, Refusal, one_input};
use crate::clear::Job;
use crate::lower::Lowered;
use crate::tensor::Tensor;

/// A function of every value by itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `max(x, 0)`.
    Relu,
    /// `x / (1 + e^-x)`.
    Silu,
    /// `x Φ(x)` with the normal distribution's Φ (PyTorch's default, not its approximation by tanh). No scheme computes it exactly:
    /// a polynomial always stands in.
    Gelu,
    /// `x²`.
    Square,
    /// A polynomial, as fitted in the place of another function.
    Polynomial(Chebyshev),
}

/// A polynomial in the Chebyshev basis over an interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Chebyshev {
    /// Interval that the affine map takes onto [-1, 1]; outside of it the polynomial is still defined, but fits nothing.
    pub interval: [f64; 2],
    /// Coefficient of `T_k` at index k.
    pub coefficients: Vec<f64>,
}

impl Chebyshev {
    /// Value at `x`, by Clenshaw's recurrence.
    pub fn value(&self, x: f64) -> f64 {
        let [low, high] = self.interval;
        let t = (2.0 * x - low - high) / (high - low);
        let Some((constant, others)) = self.coefficients.split_first() else { return 0.0 };
        let (mut next, mut after) = (0.0, 0.0);
        for coefficient in others.iter().rev() {
            (next, after) = (coefficient + 2.0 * t * next - after, next);
        }
        constant + t * next - after
    }

    /// Degree of the polynomial: one less than its coefficients.
    pub fn degree(&self) -> usize {
        self.coefficients.len().saturating_sub(1)
    }

    fn is_sound(&self) -> bool {
        let [low, high] = self.interval;
        low < high && low.is_finite() && high.is_finite() && self.coefficients.iter().all(|c| c.is_finite())
    }
}

impl Activation {
    /// The function as the contract between networks and schemes names it, `None` for polynomials.
    pub fn function(&self) -> Option<Function> {
        match self {
            Activation::Sigmoid => Some(Function::Sigmoid),
            Activation::Tanh => Some(Function::Tanh),
            Activation::Relu => Some(Function::Relu),
            Activation::Silu => Some(Function::Silu),
            Activation::Square => Some(Function::Square),
            Activation::Gelu | Activation::Polynomial(_) => None,
        }
    }

    /// The value at `x`.
    pub fn at(&self, x: f64) -> f64 {
        match self {
            Activation::Gelu => gelu(x),
            Activation::Polynomial(polynomial) => polynomial.value(x),
            other => other.function().map_or(x, |function| function.at(x)),
        }
    }
}

/// `x Φ(x)`, by the complementary error function, so that it is accurate for large negative `x` too.
fn gelu(x: f64) -> f64 {
    0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

impl Operation for Activation {
    fn kind(&self) -> &'static str {
        match self {
            Activation::Sigmoid => "Sigmoid",
            Activation::Tanh => "Tanh",
            Activation::Relu => "ReLU",
            Activation::Silu => "SiLU",
            Activation::Gelu => "GELU",
            Activation::Square => "Square",
            Activation::Polynomial(_) => "Polynomial",
        }
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
        if let Activation::Polynomial(polynomial) = self
            && !polynomial.is_sound()
        {
            return Err(Refusal::Figures(format!(
                "a polynomial needs finite coefficients over a finite interval, got {:?} with {} coefficients",
                polynomial.interval,
                polynomial.coefficients.len()
            )));
        }
        Ok(one_input(inputs, "of any shape")?.to_vec())
    }

    fn in_place(&self) -> bool {
        true
    }

    fn clear(&self, _job: &mut Job<'_>, out: &mut [f64]) {
        match self {
            Activation::Sigmoid => vector_math::sigmoid(out),
            Activation::Tanh => vector_math::tanh(out),
            Activation::Relu => out.iter_mut().for_each(|x| *x = x.max(0.0)),
            Activation::Silu => vector_math::silu(out),
            Activation::Gelu => out.iter_mut().for_each(|x| *x = gelu(*x)),
            Activation::Square => out.iter_mut().for_each(|x| *x *= *x),
            Activation::Polynomial(polynomial) => out.iter_mut().for_each(|x| *x = polynomial.value(*x)),
        }
    }

    fn lower(&self, _: &[&[usize]], _: &[usize], _: &[&Tensor]) -> Lowered {
        Lowered::Pointwise(self.clone())
    }
}
