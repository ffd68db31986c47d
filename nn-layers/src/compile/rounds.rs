//! Parameters for programs with round trips: the ring and the number of levels with which computing and travelling together cost least.
//!
//! Few levels make a small ring and fast operations, and many rounds; many levels the opposite. The rings are tried from the smallest on, each
//! with all the numbers of levels that it carries securely, until a larger one does worse.

use he_traits::{Profile, Requirements, Scheme};

use super::precision::{self, Bits};
use super::{Compiled, LEAST_SLOTS, Source, largest};
use crate::approx::Degree;
use crate::error::{Error, Result};
use crate::fold::Folded;
use crate::plan::Plan;
use crate::program::{Packed, Weighed};

/// Slots of the largest ring that is tried.
const MOST_SLOTS: usize = 1 << 16;

/// Parameters and what a run under them is expected to take, rounds and traffic counted.
struct Candidate<S: Scheme> {
    seconds: f64,
    params: S::Params,
    profile: Profile,
}

impl Source<'_> {
    /// As `compile`, with values that may be refreshed by the owner. `profile` is that of any parameters of the scheme.
    pub(super) fn compile_with_round_trips<S: Scheme>(
        &self,
        degree: Degree,
        mut requirements: Requirements,
        profile: &Profile,
    ) -> Result<Compiled<S>> {
        let refreshing = |profile: Profile, bound: f64| profile.with_round_trips(bound);
        let refreshed = refreshing(profile.clone(), requirements.bound);
        let functions = self.functions(&refreshed, degree)?;
        let folded = self.folded_with_refreshes(&functions)?;
        requirements.bound = requirements.bound.max(self.options.headroom * largest(&functions));
        let bits = Bits::of(self.options).with(&functions);
        let mut best: Option<Candidate<S>> = None;
        let mut refused = None;
        let mut slots = LEAST_SLOTS;
        while slots <= MOST_SLOTS {
            let on_ring = Requirements { slots, ..requirements };
            match self.best_on_ring::<S>(&folded, &on_ring, bits) {
                Ok(Some(candidate)) => match &best {
                    Some(best) if best.seconds <= candidate.seconds => break,
                    _ => best = Some(candidate),
                },
                Ok(None) => {}
                Err(error @ (Error::Scheme(_) | Error::Levels { .. })) => refused = Some(error),
                Err(error) => return Err(error),
            }
            slots *= 2;
        }
        let Some(Candidate { params, profile, .. }) = best else {
            return Err(refused.unwrap_or_else(|| {
                Error::Scheme(he_traits::Error::parameters(format!(
                    "no ring carries a step of {} at a time",
                    self.network.name()
                )))
            }));
        };
        let program =
            self.packed(&folded, &profile, Weighed::No)?.program(functions, self.weights, &profile)?;
        let program = self.finished(program, &profile)?;
        Ok(Compiled { params, profile, program })
    }

    /// The best number of levels on the smallest ring with so many slots; `None` where that ring carries too few for any step.
    fn best_on_ring<S: Scheme>(
        &self,
        folded: &Folded,
        requirements: &Requirements,
        bits: Bits,
    ) -> Result<Option<Candidate<S>>> {
        let full = Plan::new(folded, None)?.depth().max(1);
        let mut packed: Option<(usize, Packed<'_>)> = None;
        let mut best: Option<Candidate<S>> = None;
        let mut late = None;
        for depth in 1..=full + 1 {
            let (params, profile) =
                match precision::parameters::<S>(&Requirements { depth, ..*requirements }, bits) {
                    Ok(found) => found,
                    Err(error) if depth == 1 => return Err(Error::Scheme(error)),
                    Err(_) => break,
                };
            let profile = profile.with_round_trips(requirements.bound);
            let (slots, packed) = match &mut packed {
                Some(packed) => packed,
                none => none.insert((profile.slots, self.packed(folded, &profile, Weighed::No)?)),
            };
            if profile.slots != *slots {
                break;
            }
            let plan = match packed.plan(&profile) {
                Ok(plan) => plan,
                Err(error @ Error::Levels { .. }) => {
                    late = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if best.as_ref().is_none_or(|best| plan.seconds() < best.seconds) {
                best = Some(Candidate { seconds: plan.seconds(), params, profile });
            }
            if plan.refreshes() == 0 {
                // More levels than the network has serve nothing.
                break;
            }
        }
        match (best, late) {
            (None, Some(late)) => Err(late),
            (best, _) => Ok(best),
        }
    }
}
