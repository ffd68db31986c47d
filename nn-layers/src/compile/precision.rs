//! Parameters of a depth: as precise as asked for, or a few bits less where key switching then becomes much cheaper.
//!
//! The bits of a modulus are shared out between the levels and the special primes. A scale that is shorter by a bit frees one at each level; a few of
//! them make another special prime, hence fewer and smaller digits, and evaluation keys and rotations shrink in proportion; or the whole
//! depth fits a smaller ring.

use he_traits::{Profile, Requirements, Result, Scheme};

use super::Options;

/// What a bit of precision is worth, as a share of the time of a key switch.
const BIT: f64 = 0.05;

/// Parameters that meet `requirements`, with as much less precision as `options` allow where that pays.
pub(super) fn parameters<S: Scheme>(
    requirements: &Requirements,
    options: &Options,
) -> Result<(S::Params, Profile)> {
    let mut best: Option<(f64, S::Params, Profile)> = None;
    let mut refused = None;
    for missing in 0..=options.precision_bits.saturating_sub(options.least_precision_bits) {
        let precision_bits = options.precision_bits - missing;
        let found = S::parameters(&Requirements { precision_bits, ..*requirements })
            .and_then(|params| Ok((S::profile(&params)?, params)));
        match found {
            Ok((profile, params)) if profile.top.is_unbounded() => return Ok((params, profile)),
            Ok((profile, params)) => {
                let cost = profile.costs.rotate.at(profile.top) * (1.0 + BIT * f64::from(missing));
                if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                    best = Some((cost, params, profile));
                }
            }
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match (best, refused) {
        (Some((_, params, profile)), _) => Ok((params, profile)),
        (None, Some(error)) => Err(error),
        (None, None) => S::parameters(requirements).and_then(|params| {
            let profile = S::profile(&params)?;
            Ok((params, profile))
        }),
    }
}
