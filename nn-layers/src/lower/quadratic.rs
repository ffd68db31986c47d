//! Polynomials of degree 2 as one squaring between two affine maps.

use super::Operator;

/// `a x^2 + b x + c` of each element.
#[derive(Debug, Clone, PartialEq)]
pub struct Quadratic {
    /// `[c, b, a]`, for `each` elements in a row.
    pub coefficients: Vec<[f64; 3]>,
    /// Elements that share three coefficients.
    pub each: usize,
}

/// A quadratic with its square completed: `y = sign z^2 + linear x + constant` with `z = scale x + shift`.
///
/// A shift much larger than the values would cost precision, because the square and the constant then cancel: there the linear
/// term stays apart. It does where `a` is zero, too.
#[derive(Debug, Clone)]
pub(crate) struct CompletedSquare {
    pub(crate) scale: Operator,
    pub(crate) shift: Vec<f64>,
    pub(crate) sign: Operator,
    /// `None` where no element has a linear term left.
    pub(crate) linear: Option<Operator>,
    pub(crate) constant: Vec<f64>,
}

/// Largest square of a shift: cancelling it costs six bits of precision.
const LARGEST_CONSTANT: f64 = 64.0;

impl Quadratic {
    /// The quadratic after `x -> scale x + shift`.
    pub(crate) fn of_argument(&self, scale: f64, shift: f64) -> Quadratic {
        let at = |[c, b, a]: &[f64; 3]| {
            [(a * shift + b) * shift + c, (2.0 * a * shift + b) * scale, a * scale * scale]
        };
        Quadratic { coefficients: self.coefficients.iter().map(at).collect(), each: self.each }
    }

    /// The square completed; `None` where no element has a square.
    pub(crate) fn completed(&self) -> Option<CompletedSquare> {
        if self.coefficients.iter().all(|[_, _, a]| *a == 0.0) {
            return None;
        }
        let parts: Vec<[f64; 5]> = self.coefficients.iter().map(complete).collect();
        let part = |index: usize| -> Vec<f64> {
            parts.iter().map(|part| part.get(index).copied().unwrap_or(0.0)).collect()
        };
        let linear = part(3);
        Some(CompletedSquare {
            scale: Operator::diagonal(&part(0), self.each),
            shift: self.spread(&part(1)),
            sign: Operator::diagonal(&part(2), self.each),
            linear: linear.iter().any(|b| *b != 0.0).then(|| Operator::diagonal(&linear, self.each)),
            constant: self.spread(&part(4)),
        })
    }

    /// The linear term and the constant.
    pub(crate) fn affine(&self) -> (Operator, Vec<f64>) {
        let (constants, slopes): (Vec<f64>, Vec<f64>) =
            self.coefficients.iter().map(|[c, b, _]| (*c, *b)).unzip();
        (Operator::diagonal(&slopes, self.each), self.spread(&constants))
    }

    fn spread(&self, values: &[f64]) -> Vec<f64> {
        values.iter().flat_map(|value| std::iter::repeat_n(*value, self.each)).collect()
    }
}

/// Scale, shift, sign, linear term and constant.
fn complete(&[c, b, a]: &[f64; 3]) -> [f64; 5] {
    if a == 0.0 {
        return [0.0, 0.0, 0.0, b, c];
    }
    let (scale, sign) = (a.abs().sqrt(), a.signum());
    let shift = sign * b / (2.0 * scale);
    let constant = shift * shift;
    if constant > LARGEST_CONSTANT {
        return [scale, 0.0, sign, b, c];
    }
    [scale, shift, sign, 0.0, c - sign * constant]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_completed_square_is_the_polynomial() {
        let cases =
            [[0.3, -1.2, 0.7], [0.0, 0.0, -2.0], [1.0, 2.0, 0.0], [0.1, 1.0, 1e-6], [-1.0, 0.5, -0.02]];
        for [c, b, a] in cases {
            let [scale, shift, sign, linear, constant] = complete(&[c, b, a]);
            for x in [-3.0, -0.5, 0.0, 1.0, 2.5] {
                let z: f64 = scale * x + shift;
                let expected = (a * x + b) * x + c;
                let got = sign * z * z + linear * x + constant;
                assert!((got - expected).abs() < 1e-13, "{got} for {expected}");
                assert!(z * z <= 200.0 + a.abs() * 9.0);
            }
        }
    }

    #[test]
    fn an_argument_goes_into_the_coefficients() {
        let quadratic = Quadratic { coefficients: vec![[0.5, -0.25, 2.0]], each: 1 };
        let [c, b, a] = quadratic.of_argument(3.0, -0.5).coefficients[0];
        let at = |x: f64| (2.0 * x - 0.25) * x + 0.5;
        for x in [-1.0, 0.0, 0.7] {
            assert!(((a * x + b) * x + c - at(3.0 * x - 0.5)).abs() < 1e-13);
        }
    }
}
