//! Steps of several backends side by side: each fuses other layers into a step, and some have steps that others lack.

use crate::record::{Report, StepRecord};

/// A place in the order of all backends' steps.
pub(crate) struct Place<'a> {
    /// The last layer of the steps here.
    pub(crate) name: &'a str,
    /// One entry a backend: the step that ends here, where there is one.
    pub(crate) steps: Vec<Option<&'a StepRecord>>,
}

/// The layer that a step ends with, and how many steps before it ended with the same.
type Key<'a> = (&'a str, usize);

/// All steps of all backends in one order, in which each backend's own order is kept; steps that end with the same layer share a place.
pub(crate) fn places(report: &Report) -> Vec<Place<'_>> {
    let backends: Vec<Vec<(Key<'_>, &StepRecord)>> = report
        .backends
        .iter()
        .map(|backend| keyed(backend.measured.as_ref().map_or(&[], |measured| measured.steps.as_slice())))
        .collect();
    let order = merged(backends.iter().map(|steps| steps.iter().map(|(key, _)| *key).collect()));
    let find =
        |key: &Key<'_>, steps: &[(Key<'_>, &'_ StepRecord)]| steps.iter().position(|(other, _)| other == key);
    order
        .iter()
        .map(|key| Place {
            name: key.0,
            steps: backends
                .iter()
                .map(|steps| find(key, steps).and_then(|at| steps.get(at)).map(|(_, step)| *step))
                .collect(),
        })
        .collect()
}

fn keyed(steps: &[StepRecord]) -> Vec<(Key<'_>, &StepRecord)> {
    let mut keyed: Vec<(Key<'_>, &StepRecord)> = Vec::with_capacity(steps.len());
    for step in steps {
        let name = step.name.rsplit('+').next().unwrap_or(&step.name);
        let before = keyed.iter().filter(|((other, _), _)| *other == name).count();
        keyed.push(((name, before), step));
    }
    keyed
}

/// One order of all keys; what only some lists have stands behind what comes before it there.
fn merged<'a>(lists: impl Iterator<Item = Vec<Key<'a>>>) -> Vec<Key<'a>> {
    let mut order: Vec<Key<'a>> = Vec::new();
    for list in lists {
        let mut next = 0;
        for key in list {
            match order.iter().position(|other| *other == key) {
                Some(at) => next = next.max(at + 1),
                None => {
                    order.insert(next, key);
                    next += 1;
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_their_order() {
        let key = |name| (name, 0);
        let fused = ["act1", "act2", "fc"].map(key).to_vec();
        let single = ["conv1", "act1", "conv2", "round trip 1", "act2", "fc"].map(key).to_vec();
        let both = merged([fused.clone(), single.clone()].into_iter());
        assert_eq!(both, single);
        assert_eq!(merged([single.clone(), fused].into_iter()), single);
        assert_eq!(merged([vec![("a", 0), ("a", 1)], vec![("a", 0)]].into_iter()), [("a", 0), ("a", 1)]);
    }
}
