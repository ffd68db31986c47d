//! Parameters of a depth: as precise as asked for, or a few bits less where key switching then becomes much cheaper.
//!
//! The bits of a modulus are shared out between the levels and the special primes. A scale that is shorter by a bit frees one at each level; a few of
//! them make another special prime, hence fewer and smaller digits, and evaluation keys and rotations shrink in proportion; or the whole
//! depth fits a smaller ring.

use he_traits::{Profile, Requirements, Result, Scheme};

use super::Options;
use crate::approx::{Functions, Nonlinear};

/// What a bit of precision is worth, as a share of the time of a key switch.
const BIT: f64 = 0.05;

/// Bits that parameters are to give, and must.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits {
    pub(super) most: u32,
    pub(super) least: u32,
}

impl Bits {
    pub(super) fn of(options: &Options) -> Bits {
        let Options { precision_bits: most, least_precision_bits: least, .. } = *options;
        Bits { most, least: least.min(most) }
    }

    /// A polynomial of degree d enlarges an error of its argument up to d times, a square twice: what it has more than a square is not given up.
    pub(super) fn with(self, functions: &Functions) -> Bits {
        let degree = |function: &Nonlinear| match function {
            Nonlinear::Polynomial(polynomial) => polynomial.degree(),
            _ => 0,
        };
        let degree = functions.by_node.values().map(degree).max().unwrap_or(0).max(2);
        let more = (degree as f64 / 2.0).log2().ceil() as u32;
        Bits { least: (self.least + more).min(self.most), ..self }
    }
}

/// Parameters that meet `requirements`, with as many of `bits` as pay; the error is that of the most bits.
pub(super) fn parameters<S: Scheme>(requirements: &Requirements, bits: Bits) -> Result<(S::Params, Profile)> {
    let giving = |precision_bits: u32| -> Result<(S::Params, Profile)> {
        let params = S::parameters(&Requirements { precision_bits, ..*requirements })?;
        let profile = S::profile(&params)?;
        Ok((params, profile))
    };
    let cost = |precision_bits: u32, profile: &Profile| {
        profile.costs.rotate.at(profile.top) * (1.0 + BIT * f64::from(bits.most - precision_bits))
    };
    let mut best = giving(bits.most);
    if best.as_ref().is_ok_and(|(_, profile)| profile.top.is_unbounded()) {
        return best;
    }
    let mut least = best.as_ref().map_or(f64::INFINITY, |(_, profile)| cost(bits.most, profile));
    for precision_bits in (bits.least..bits.most).rev() {
        let Ok(found) = giving(precision_bits) else { continue };
        let cost = cost(precision_bits, &found.1);
        if cost < least {
            (least, best) = (cost, Ok(found));
        }
    }
    best
}
