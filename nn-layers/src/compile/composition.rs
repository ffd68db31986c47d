//! Which linear layers become one map: composing saves levels and costs diagonals, and what is faster is taken.
//!
//! The choice for a profile depends on nothing but the network and the profile, so that owner and server choose alike.

use std::borrow::Cow;

use he_traits::{LinearStyle, Profile};

use super::Source;
use crate::approx::Functions;
use crate::error::Result;
use crate::fold::{Composition, Folded};
use crate::pack::Packing;
use crate::plan::Plan;
use crate::program::{How, Packed, Weighed};

/// What takes more levels must be expected to take less than this share of the time: both times are rough, and more levels need larger keys.
const GAIN: f64 = 0.8;

/// Where levels come back, they are not worth large matrices.
const WITH_REFRESHES: Composition = Composition::SaveEntries;

/// A folded network packed for a profile, and the seconds that it is expected to take where there was another to weigh it against.
pub(super) struct Fastest<'a> {
    pub(super) packed: Packed<'a>,
    pub(super) seconds: f64,
}

impl Fastest<'_> {
    /// Whether this is worth more levels than `other` has.
    pub(super) fn beats(&self, other: &Fastest<'_>) -> bool {
        self.seconds < GAIN * other.seconds
    }
}

impl Source<'_> {
    /// The ways of composing that are worth weighing for a scheme, that with the fewest levels first.
    fn compositions(&self, profile: &Profile) -> &'static [Composition] {
        match (profile.linear, self.options.packing) {
            (LinearStyle::Matrix, _) if profile.top.is_unbounded() => &[Composition::SaveEntries],
            _ if profile.refresh.is_some() => &[WITH_REFRESHES],
            (_, Packing::Multiplexed) if self.hidden => &[Composition::SaveLevels],
            (_, Packing::Multiplexed) => &[Composition::SaveLevels, Composition::KeepNarrow],
            (_, Packing::VolleyRevolver) => &[Composition::KeepRows],
            (_, Packing::Batched) => &[Composition::SaveEntries],
        }
    }

    /// The network folded in each of these ways, as far as they differ; at least one.
    pub(super) fn foldings(&self, functions: &Functions, profile: &Profile) -> Result<Vec<Folded>> {
        let mut foldings: Vec<Folded> = Vec::new();
        for composition in self.compositions(profile) {
            if foldings.last().is_none_or(|folded| folded.narrow) {
                foldings.push(Folded::new(self.network, self.weights, &functions.by_node, *composition)?);
            }
        }
        Ok(foldings)
    }

    /// The network folded for a scheme that refreshes values.
    pub(super) fn folded_with_refreshes(&self, functions: &Functions) -> Result<Folded> {
        Folded::new(self.network, self.weights, &functions.by_node, WITH_REFRESHES)
    }

    /// A folding packed for a profile.
    pub(super) fn packed<'f>(
        &self,
        folded: &'f Folded,
        profile: &Profile,
        weighed: Weighed,
    ) -> Result<Packed<'f>> {
        let how = How { packing: self.options.packing, hidden: self.hidden, weighed };
        Packed::new(Cow::Borrowed(folded), profile, how)
    }

    /// The folding that is expected to run fastest under `profile`. `known` is one of them, packed already.
    ///
    /// # Errors
    /// [`Error::Levels`](crate::Error::Levels) when the profile has too few levels for any.
    pub(super) fn fastest<'f>(
        &self,
        foldings: &'f [Folded],
        profile: &Profile,
        known: Option<(usize, Packed<'f>)>,
    ) -> Result<Fastest<'f>> {
        let mut known = known;
        let weighed = Weighed::among(foldings);
        let mut packed = |which: usize, folded: &'f Folded| match known.take_if(|(index, _)| *index == which)
        {
            Some((_, packed)) => Ok(packed),
            None => self.packed(folded, profile, weighed),
        };
        let mut foldings = foldings.iter().enumerate();
        let Some((_, first)) = foldings.next() else { return Err(super::unsettled(self.network, 0)) };
        let first = packed(0, first)?;
        let mut best = Fastest { seconds: first.seconds(profile)?, packed: first };
        for (which, folded) in foldings {
            let depth = Plan::new(folded, None)?.depth();
            if profile.top.get().is_some_and(|top| depth > top) {
                continue;
            }
            let other = packed(which, folded)?;
            // Moving values to other places may take a level that the profile has not.
            let Ok(seconds) = other.seconds(profile) else { continue };
            let other = Fastest { packed: other, seconds };
            if other.beats(&best) {
                best = other;
            }
        }
        Ok(best)
    }
}
