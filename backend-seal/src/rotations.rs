//! Which rotation keys to make when not all of them fit, and how the rest are composed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::error::SealError;

/// Keys to make, and the routes of the wanted rotations that have no key of their own: each a list of steps with keys.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) keys: BTreeSet<usize>,
    pub(crate) composed: BTreeMap<usize, Vec<usize>>,
}

/// Plans keys for the `wanted` steps (normalised, not 0), each key taking `key_bytes`, all together at most `cap`.
///
/// Everything wanted when it fits. Otherwise a base set from which any wanted step can be composed: the signed powers of two of
/// the steps' non-adjacent forms, or, where those are too many, the powers of two of their binary forms. What room is left goes to
/// the steps whose routes are longest.
///
/// # Errors
/// [`SealError::KeyMemory`] when not even the smaller base set fits.
pub(crate) fn plan(
    wanted: &BTreeSet<usize>,
    slots: usize,
    key_bytes: u64,
    cap: u64,
) -> Result<Plan, SealError> {
    let fits = |keys: usize| (keys as u64).saturating_mul(key_bytes) <= cap;
    if fits(wanted.len()) {
        return Ok(Plan { keys: wanted.clone(), composed: BTreeMap::new() });
    }
    let signed: BTreeSet<usize> = wanted.iter().flat_map(|step| signed_powers(*step, slots)).collect();
    let mut keys = signed;
    if !fits(keys.len()) {
        keys = wanted.iter().flat_map(|step| (0..usize::BITS).map(move |i| step & (1 << i))).collect();
        keys.remove(&0);
    }
    if !fits(keys.len()) {
        let needs = (keys.len() as u64).saturating_mul(key_bytes);
        return Err(SealError::KeyMemory { keys: keys.len(), needs, cap });
    }
    let reach = routes(&keys, slots);
    let length = |step: &usize| reach.get(*step).and_then(Option::as_ref).map_or(usize::MAX, Vec::len);
    let mut longest_first: Vec<usize> = wanted.difference(&keys).copied().collect();
    longest_first.sort_by_key(|step| std::cmp::Reverse(length(step)));
    for step in longest_first {
        if !fits(keys.len() + 1) {
            break;
        }
        keys.insert(step);
    }
    let reach = routes(&keys, slots);
    let composed =
        wanted.difference(&keys).filter_map(|step| Some((*step, reach.get(*step)?.clone()?))).collect();
    Ok(Plan { keys, composed })
}

/// The non-adjacent form of a step as normalised steps: the fewest signed powers of two that add up to it modulo the slots.
fn signed_powers(step: usize, slots: usize) -> Vec<usize> {
    let mut powers = Vec::new();
    let (mut rest, mut power) = (step, 1);
    while rest > 0 && power < slots {
        if rest & 1 == 1 {
            if rest & 2 == 2 {
                powers.push(slots - power);
                rest += 1;
            } else {
                powers.push(power);
                rest -= 1;
            }
        }
        rest >>= 1;
        power *= 2;
    }
    powers
}

/// The shortest route to every step (breadth-first over sums modulo the slots); `None` where no sum of keys leads.
fn routes(keys: &BTreeSet<usize>, slots: usize) -> Vec<Option<Vec<usize>>> {
    let mut last_key: Vec<Option<usize>> = vec![None; slots];
    let mut queue = VecDeque::from([0]);
    while let Some(at) = queue.pop_front() {
        for key in keys {
            let next = (at + key) % slots;
            if let Some(entry @ None) = last_key.get_mut(next)
                && next != 0
            {
                *entry = Some(*key);
                queue.push_back(next);
            }
        }
    }
    (0..slots)
        .map(|target| {
            let (mut at, mut route) = (target, Vec::new());
            while at != 0 {
                let key = (*last_key.get(at)?)?;
                route.push(key);
                at = (at + slots - key) % slots;
            }
            Some(route)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(plan: &Plan, wanted: &BTreeSet<usize>, slots: usize) {
        for step in wanted {
            match plan.composed.get(step) {
                None => assert!(plan.keys.contains(step), "{step} has neither key nor route"),
                Some(route) => {
                    assert!(route.iter().all(|s| plan.keys.contains(s)));
                    assert_eq!(route.iter().sum::<usize>() % slots, *step);
                }
            }
        }
    }

    #[test]
    fn everything_wanted_is_made_when_it_fits() {
        let wanted = BTreeSet::from([1, 5, 1000]);
        let plan = plan(&wanted, 1024, 10, 30).unwrap();
        assert_eq!(plan, Plan { keys: wanted, composed: BTreeMap::new() });
    }

    #[test]
    fn under_a_cap_every_wanted_step_has_a_short_route() {
        let slots = 4096;
        let wanted: BTreeSet<usize> = (1..200).map(|i| i * 37 % slots).collect();
        for keys in [12, 24, 60, 150] {
            let plan = plan(&wanted, slots, 1, keys).unwrap();
            assert!(plan.keys.len() as u64 <= keys);
            check(&plan, &wanted, slots);
            let longest = plan.composed.values().map(Vec::len).max().unwrap();
            assert!(longest <= if keys >= 24 { 6 } else { 12 }, "{keys} keys: {longest}");
        }
        assert!(matches!(plan(&wanted, slots, 1, 11), Err(SealError::KeyMemory { keys: 12, cap: 11, .. })));
    }

    #[test]
    fn non_adjacent_forms_add_up() {
        for step in 1..256 {
            let powers = signed_powers(step, 256);
            assert_eq!(powers.iter().sum::<usize>() % 256, step);
            assert!(powers.len() <= 4);
        }
    }
}
