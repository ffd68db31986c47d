//! Elementary functions over slices of `f64`, vectorised for the processor at hand.
//!
//! The standard library's `exp` and `tanh` are calls into the platform's mathematical library, one number at a time; in a network
//! evaluated in the clear or under MORE they cost more than the matrix products. The functions here are written without branches,
//! so that the compiler turns their loops into vector code, and compiled several times: with AVX-512, with AVX2 and FMA, and for the
//! baseline of the target. The best version is chosen at run time.
//!
//! The error against the exact value stays below [`MAX_ULP_ERROR`] units in the last place wherever the result is a normal
//! number (held by tests on dense grids). The versions may differ from one another in the last bits, because only some of them
//! have a fused multiply-add. NaN gives NaN.

/// Bound on the error of every function of this module, in units in the last place of the result.
pub const MAX_ULP_ERROR: f64 = 4.0;

/// Replaces every value `x` by `e^x`; overflow gives infinity, underflow is gradual.
pub fn exp(values: &mut [f64]) {
    dispatch::exp(values);
}

/// Replaces every value `x` by the logistic function `1 / (1 + e^-x)`.
///
/// Relative accuracy holds down to `x = -708`; from there on the result stays at `e^-708`, some 3e-308.
pub fn sigmoid(values: &mut [f64]) {
    dispatch::sigmoid(values);
}

/// Replaces every value `x` by its hyperbolic tangent; relative accuracy holds near zero too.
pub fn tanh(values: &mut [f64]) {
    dispatch::tanh(values);
}

/// Replaces every value `x` by `x · sigmoid(x)` (SiLU, also called swish).
pub fn silu(values: &mut [f64]) {
    dispatch::silu(values);
}

/// `e^x` of one number, for loops that do more than this: without a branch, and inlined, so that the compiler turns the caller's
/// loop into vector code. Arguments are cut off at -708 and 708. `FMA` says whether the caller is compiled for a processor with a
/// fused multiply-add: elsewhere it would be a slow library call.
#[inline(always)]
pub fn exp_within<const FMA: bool>(x: f64) -> f64 {
    lane::exp_within::<FMA>(x)
}

/// The functions of one number. `FMA` says whether the code is compiled for a processor with a fused multiply-add: elsewhere
/// `mul_add` would be a slow library call.
mod lane {
    /// Adding and subtracting 1.5 · 2^52 rounds to the nearest integer and leaves that integer in the low bits of the sum.
    const ROUNDING: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts; the first has 32 trailing zero bits, so that its product with an exponent is exact.
    const LN_2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
    const LN_2_LOW: f64 = f64::from_bits(0x3DEA_39EF_3579_3C76);
    /// Coefficients of (e^r - 1 - r) / r^2 for |r| <= ln(2)/2, interpolated at Chebyshev nodes with 200-bit arithmetic; the
    /// relative error of e^r - 1 is then below 1e-18 before rounding.
    const EXP_SERIES: [f64; 11] = [
        0.5,
        0.1666666666666667,
        0.04166666666666667,
        0.008333333333326136,
        0.001388888888888375,
        0.00019841269874815834,
        2.480158732554432e-05,
        2.7557255406285044e-06,
        2.7557273647451087e-07,
        2.5105214474751413e-08,
        2.0914685161418067e-09,
    ];

    #[inline(always)]
    fn mul_add<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
        if FMA { a.mul_add(b, c) } else { a * b + c }
    }

    /// 2^k for an integer -1022 <= k <= 1023 that is given as `k + ROUNDING`.
    #[inline(always)]
    fn power_of_two(shifted: f64) -> f64 {
        f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
    }

    /// Writes x = k ln 2 + r with |r| <= ln(2)/2 and gives (k + ROUNDING, e^r - 1).
    #[inline(always)]
    fn reduce<const FMA: bool>(x: f64) -> (f64, f64) {
        let shifted = mul_add::<FMA>(x, std::f64::consts::LOG2_E, ROUNDING);
        let k = shifted - ROUNDING;
        let r = mul_add::<FMA>(-k, LN_2_LOW, mul_add::<FMA>(-k, LN_2_HIGH, x));
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10] = EXP_SERIES;
        // Estrin's order on the lower half: shorter chains than Horner's at the same number of operations but one.
        let r2 = r * r;
        let low = mul_add::<FMA>(mul_add::<FMA>(a3, r, a2), r2, mul_add::<FMA>(a1, r, a0));
        let middle = mul_add::<FMA>(mul_add::<FMA>(a7, r, a6), r2, mul_add::<FMA>(a5, r, a4));
        let high = mul_add::<FMA>(a10, r2, mul_add::<FMA>(a9, r, a8));
        let r4 = r2 * r2;
        let series = mul_add::<FMA>(mul_add::<FMA>(high, r4, middle), r4, low);
        (shifted, mul_add::<FMA>(series, r2, r))
    }

    #[inline(always)]
    pub(super) fn exp<const FMA: bool>(x: f64) -> f64 {
        // Comparisons, not `min` and `max`: those would swallow a NaN.
        let x = if x > 710.0 { 710.0 } else { x };
        let x = if x < -746.0 { -746.0 } else { x };
        let (shifted, r) = reduce::<FMA>(x);
        // The exponent reaches from -1076 to 1024: two factors, each of them a normal number.
        let k = shifted - ROUNDING;
        let half = mul_add::<FMA>(k, 0.5, ROUNDING);
        let rest = (k - (half - ROUNDING)) + ROUNDING;
        (1.0 + r) * power_of_two(half) * power_of_two(rest)
    }

    /// e^x for x <= 0, never below e^-708.
    #[inline(always)]
    fn exp_of_negative<const FMA: bool>(x: f64) -> f64 {
        exp_in_range::<FMA>(if x < -708.0 { -708.0 } else { x })
    }

    /// e^x with x cut off at ±708.
    #[inline(always)]
    pub(super) fn exp_within<const FMA: bool>(x: f64) -> f64 {
        let x = if x > 708.0 { 708.0 } else { x };
        exp_in_range::<FMA>(if x < -708.0 { -708.0 } else { x })
    }

    /// e^x for |x| <= 708.
    #[inline(always)]
    fn exp_in_range<const FMA: bool>(x: f64) -> f64 {
        let (shifted, r) = reduce::<FMA>(x);
        let scale = power_of_two(shifted);
        mul_add::<FMA>(scale, r, scale)
    }

    #[inline(always)]
    pub(super) fn sigmoid<const FMA: bool>(x: f64) -> f64 {
        let e = exp_of_negative::<FMA>(-x.abs());
        let numerator = if x < 0.0 { e } else { 1.0 };
        numerator / (1.0 + e)
    }

    #[inline(always)]
    pub(super) fn tanh<const FMA: bool>(x: f64) -> f64 {
        let doubled = -2.0 * x.abs();
        // tanh rounds to 1 long before 20.
        let doubled = if doubled < -40.0 { -40.0 } else { doubled };
        let (shifted, r) = reduce::<FMA>(doubled);
        let scale = power_of_two(shifted);
        // e^(-2|x|) - 1: `scale - 1` is exact enough for every exponent down to -58, and zero where x is near zero.
        let t = mul_add::<FMA>(scale, r, scale - 1.0);
        (-t / (t + 2.0)).copysign(x)
    }

    #[inline(always)]
    pub(super) fn silu<const FMA: bool>(x: f64) -> f64 {
        x * sigmoid::<FMA>(x)
    }
}

/// One function a name: picks the version of the loop for this processor.
mod dispatch {
    macro_rules! multiversioned {
        ($name:ident) => {
            pub(super) fn $name(values: &mut [f64]) {
                #[cfg(target_arch = "x86_64")]
                {
                    #[target_feature(enable = "avx512f,avx512dq,fma")]
                    fn avx512(values: &mut [f64]) {
                        for value in values {
                            *value = super::lane::$name::<true>(*value);
                        }
                    }
                    #[target_feature(enable = "avx2,fma")]
                    fn avx2(values: &mut [f64]) {
                        for value in values {
                            *value = super::lane::$name::<true>(*value);
                        }
                    }
                    if is_x86_feature_detected!("avx512f")
                        && is_x86_feature_detected!("avx512dq")
                        && is_x86_feature_detected!("fma")
                    {
                        // SAFETY: the processor has every feature that the function is compiled for.
                        return unsafe { avx512(values) };
                    }
                    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                        // SAFETY: the processor has every feature that the function is compiled for.
                        return unsafe { avx2(values) };
                    }
                }
                portable::$name(values);
            }
        };
    }

    multiversioned!(exp);
    multiversioned!(sigmoid);
    multiversioned!(tanh);
    multiversioned!(silu);

    /// The baseline of the target, on its own so that the tests reach it on every processor.
    pub(super) mod portable {
        /// The 64-bit ARM baseline has a fused multiply-add, the x86-64 baseline has none.
        const FMA: bool = cfg!(target_arch = "aarch64");

        macro_rules! baseline {
            ($name:ident) => {
                pub(in super::super) fn $name(values: &mut [f64]) {
                    for value in values {
                        *value = super::super::lane::$name::<FMA>(*value);
                    }
                }
            };
        }

        baseline!(exp);
        baseline!(sigmoid);
        baseline!(tanh);
        baseline!(silu);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Kernel = fn(&mut [f64]);

    /// The largest error of `kernel` against `exact` over an even grid, in units in the last place.
    fn worst_ulp(kernel: Kernel, exact: fn(f64) -> f64, from: f64, to: f64) -> f64 {
        let count = 400_003;
        let grid: Vec<f64> = (0..count).map(|i| from + (to - from) * i as f64 / (count - 1) as f64).collect();
        let mut values = grid.clone();
        kernel(&mut values);
        let mut worst: f64 = 0.0;
        for (x, got) in grid.iter().zip(&values) {
            let want = exact(*x);
            let unit = f64::from_bits(want.abs().to_bits() + 1) - want.abs();
            worst = worst.max((got - want).abs() / unit);
        }
        worst
    }

    fn hold(name: &str, kernels: [Kernel; 2], exact: fn(f64) -> f64, ranges: &[(f64, f64)]) {
        for &(from, to) in ranges {
            for (version, kernel) in ["dispatched", "portable"].iter().zip(kernels) {
                let worst = worst_ulp(kernel, exact, from, to);
                assert!(worst <= MAX_ULP_ERROR, "{name}, {version}, on [{from}, {to}]: {worst} ulp");
            }
        }
    }

    fn exact_sigmoid(x: f64) -> f64 {
        if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
    }

    #[test]
    fn exp_agrees_with_the_standard_library() {
        let ranges = [(-1.0, 1.0), (-30.0, 30.0), (-708.0, 709.7), (-1e-5, 1e-5)];
        hold("exp", [exp, dispatch::portable::exp], f64::exp, &ranges);
        let mut values = [0.0, -0.0, 710.5, f64::INFINITY, f64::NEG_INFINITY, -800.0, -740.0, f64::NAN];
        exp(&mut values);
        assert_eq!(&values[..6], &[1.0, 1.0, f64::INFINITY, f64::INFINITY, 0.0, 0.0]);
        assert!((values[6] - (-740.0_f64).exp()).abs() <= 1e-323);
        assert!(values[7].is_nan());
    }

    #[test]
    fn sigmoid_agrees_with_the_standard_library() {
        let ranges = [(-1.0, 1.0), (-30.0, 30.0), (-707.0, 800.0), (-1e-5, 1e-5)];
        hold("sigmoid", [sigmoid, dispatch::portable::sigmoid], exact_sigmoid, &ranges);
        let mut values = [0.0, f64::INFINITY, f64::NEG_INFINITY, -900.0, f64::NAN];
        sigmoid(&mut values);
        assert_eq!(&values[..2], &[0.5, 1.0]);
        assert!(values[2] < 1e-300 && values[3] < 1e-300 && values[2] >= 0.0);
        assert!(values[4].is_nan());
    }

    #[test]
    fn tanh_agrees_with_the_standard_library() {
        let ranges = [(-1.0, 1.0), (-25.0, 25.0), (-900.0, 900.0), (-1e-5, 1e-5), (1e-300, 1e-299)];
        hold("tanh", [tanh, dispatch::portable::tanh], f64::tanh, &ranges);
        let mut values = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        tanh(&mut values);
        assert_eq!(&values[..4], &[0.0, 0.0, 1.0, -1.0]);
        assert!(values[1].is_sign_negative() && values[4].is_nan());
    }

    #[test]
    fn silu_agrees_with_the_standard_library() {
        let ranges = [(-1.0, 1.0), (-40.0, 40.0)];
        hold("silu", [silu, dispatch::portable::silu], |x| x * exact_sigmoid(x), &ranges);
    }

    #[test]
    fn every_length_is_handled() {
        for length in 0..40 {
            let mut values: Vec<f64> = (0..length).map(|i| f64::from(i) * 0.3 - 4.0).collect();
            let want: Vec<f64> = values.iter().map(|x| x.exp()).collect();
            exp(&mut values);
            for (got, want) in values.iter().zip(&want) {
                assert!((got / want - 1.0).abs() < 1e-15);
            }
        }
    }
}
