//! What refreshing costs: rounds, ciphertexts, traffic.

use he_traits::Profile;
use he_traits::decorators::RoundTrips;

use super::{Program, Step, StepKind};

impl Program {
    /// Refreshes: rounds, where the owner of the key makes them.
    pub fn rounds(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.kind, StepKind::Refresh { .. })).count()
    }

    /// The round trips of one sample under a scheme with this profile: what [`RoundTrip`](he_traits::decorators::RoundTrip) counts when the program
    /// runs. Samples that run together share the rounds.
    pub fn round_trips(&self, profile: &Profile) -> RoundTrips {
        let mut trips = RoundTrips::default();
        for step in self.steps.iter().filter(|step| matches!(step.kind, StepKind::Refresh { .. })) {
            let blocks = self.refreshed(step);
            trips.rounds += 1;
            trips.ciphertexts += blocks as u64;
            trips.bytes_up += blocks as f64 * profile.sizes.sent.at(step.before);
            trips.bytes_down += blocks as f64 * profile.sizes.sent_fresh.at(step.after);
        }
        trips
    }

    /// Ciphertexts of one sample that a step refreshes.
    pub(super) fn refreshed(&self, step: &Step) -> usize {
        match &step.kind {
            StepKind::Refresh { values } => values.iter().map(|value| self.layout(*value).blocks()).sum(),
            _ => 0,
        }
    }
}
