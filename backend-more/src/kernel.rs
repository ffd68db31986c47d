//! The hot loops: plain `f64` arithmetic on slices, compiled several times and chosen at run time for the processor.
//!
//! Nothing here knows about keys, levels or ciphertexts. Every function states the shapes that it takes.

pub(crate) mod dense;
pub(crate) mod eight;
pub(crate) mod hidden;
pub(crate) mod panel;
pub(crate) mod tile;
mod transpose;
pub(crate) mod two;

/// Eight numbers on a cache line of their own: the unit in which panels are laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f64; 8]);

impl Line {
    /// Eight zeros.
    pub(crate) const ZERO: Self = Self([0.0; 8]);
}

/// Defines a function that runs `$body::<FMA>(..)` in the version for this processor: AVX-512, AVX2 with FMA, or the baseline.
///
/// The body must be `#[inline(always)]` and generic over `const FMA: bool` first, which says whether a fused multiply-add is cheap.
macro_rules! multiversioned {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,fma")]
                fn avx512($($argument: $type),*) {
                    $body::<true>($($argument),*);
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) {
                    $body::<true>($($argument),*);
                }
                match $crate::kernel::processor() {
                    // SAFETY: `processor` found every feature that the function is compiled for.
                    $crate::kernel::Processor::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    $crate::kernel::Processor::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::kernel::Processor::Baseline => {}
                }
            }
            $body::<{ cfg!(target_arch = "aarch64") }>($($argument),*);
        }
    };
}
pub(crate) use multiversioned;

/// Which version of a kernel this processor runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processor {
    /// x86-64 with AVX-512 F, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// x86-64 with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What every processor of the target has.
    Baseline,
}

/// The best version for this processor. The standard library caches the answer of the processor.
pub(crate) fn processor() -> Processor {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("fma") {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Processor::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Processor::Avx2;
            }
        }
    }
    Processor::Baseline
}

/// a · b + c, fused where that is cheap.
#[inline(always)]
pub(crate) fn mul_add<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}
