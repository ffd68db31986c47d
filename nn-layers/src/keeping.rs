//! Which maps of a program are kept encoded, under a budget of memory.
//!
//! An encoded diagonal of a large parameter set takes megabytes, and a residual network has thousands of them. What is not kept is encoded
//! anew on every run; each map is decided by itself, those first that save most time for a byte.

use std::collections::BTreeSet;

use he_traits::{Keep, Profile};
use serde::{Deserialize, Serialize};

use crate::program::{Program, Step, SymbolicRun, Term};

/// A map of a program: the number of its step, and its place among what the step reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MapId {
    /// Number of the step, from 0.
    pub step: usize,
    /// Place among the step's terms or operands, from 0.
    pub term: usize,
}

/// What keeping one map encoded costs and saves, by a profile's figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MapCost {
    /// The map.
    pub map: MapId,
    /// Bytes of its encoded diagonals.
    pub bytes: f64,
    /// Seconds of encoding them on a run.
    pub seconds: f64,
}

/// How each map of a program is kept.
///
/// ```
/// use he_traits::Keep;
/// use nn_layers::Keeping;
///
/// assert_eq!(Keeping::from(Keep::Encoded), Keeping::everything());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeping {
    /// How maps are kept that are not named below.
    default: Keep,
    /// Maps that are encoded on the fly.
    on_the_fly: BTreeSet<MapId>,
}

impl From<Keep> for Keeping {
    fn from(keep: Keep) -> Keeping {
        Keeping { default: keep, on_the_fly: BTreeSet::new() }
    }
}

impl Keeping {
    /// Every map is kept encoded.
    pub fn everything() -> Keeping {
        Keep::Encoded.into()
    }

    /// The maps that fit into `budget` bytes together; what saves most seconds a byte goes first.
    pub fn within(costs: &[MapCost], budget: f64) -> Keeping {
        let mut order: Vec<&MapCost> = costs.iter().collect();
        let worth = |cost: &MapCost| cost.seconds / cost.bytes.max(1.0);
        order.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.map.cmp(&b.map)));
        let mut left = budget;
        let mut keeping = Keeping::everything();
        for cost in order {
            if cost.bytes <= left {
                left -= cost.bytes;
            } else {
                keeping.on_the_fly.insert(cost.map);
            }
        }
        keeping
    }

    /// How a map is kept.
    pub fn of(&self, map: MapId) -> Keep {
        if self.on_the_fly.contains(&map) { Keep::Values } else { self.default }
    }

    /// Maps that are encoded on the fly, where they are named.
    pub fn on_the_fly(&self) -> usize {
        self.on_the_fly.len()
    }
}

impl Program {
    /// What keeping each map costs and saves.
    pub fn map_costs(&self, profile: &Profile) -> Vec<MapCost> {
        let of_step = |(index, step): (usize, &Step)| {
            let cost = |(term, mapped): (usize, &Term)| match mapped {
                Term::Value(_) => None,
                Term::Mapped { diagonals, map, schedule, .. } => {
                    let id = MapId { step: index, term };
                    // A map that does not fit the slots is refused when it is prepared.
                    let period = map
                        .geometry(self.slots())
                        .map_or(self.slots(), |geometry| geometry.diagonal_period());
                    // What is kept once for all slots is a number where all are equal.
                    let constants = match (profile.factors_repeat_once, period) {
                        (true, 1) => *diagonals,
                        (true, _) => self.constants(id, map, schedule),
                        (false, _) => 0,
                    };
                    let diagonals = diagonals.saturating_sub(constants) as f64 * profile.factor_share(period);
                    Some(MapCost {
                        map: id,
                        bytes: diagonals * profile.sizes.factor.at(step.before),
                        seconds: diagonals * profile.costs.encode_kept.at(step.before),
                    })
                }
            };
            step.terms().iter().enumerate().filter_map(cost).collect::<Vec<_>>()
        };
        self.steps().iter().enumerate().flat_map(of_step).collect()
    }

    /// How the maps are kept where all that a run holds may take `memory` bytes: keys, values and what they are computed with come first,
    /// the rest is for encoded maps. `run` is a symbolic run of the program.
    pub fn keep_within(&self, profile: &Profile, run: &SymbolicRun, memory: f64) -> Keeping {
        let nothing = self.memory(profile, 1, run.key_bytes, &Keep::Values.into());
        Keeping::within(&self.map_costs(profile), memory - nothing.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_saves_most_for_a_byte_is_kept() {
        let cost = |step, bytes, seconds| MapCost { map: MapId { step, term: 0 }, bytes, seconds };
        let costs = [cost(0, 100.0, 1.0), cost(1, 10.0, 1.0), cost(2, 50.0, 4.0), cost(3, 5.0, 0.01)];
        let kept = |budget: f64| -> Vec<usize> {
            let keeping = Keeping::within(&costs, budget);
            let kept = costs.iter().filter(|cost| keeping.of(cost.map) == Keep::Encoded);
            kept.map(|cost| cost.map.step).collect()
        };
        assert_eq!(kept(-1.0), [0; 0]);
        assert_eq!(kept(10.0), [1]);
        // The second best does not fit any more, the worst does.
        assert_eq!(kept(59.0), [1, 3]);
        assert_eq!(kept(60.0), [1, 2]);
        assert_eq!(kept(165.0), [0, 1, 2, 3]);
    }
}
