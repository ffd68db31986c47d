//! The linear maps of the suite, with the schedules by which they are tried.

use std::fmt;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::{Complex64, LinearMap, LinearStyle, Profile, Result, Schedule, SparseMatrix};

/// A map, and how it is computed.
#[derive(Clone)]
pub(super) struct MapCase {
    pub(super) name: String,
    pub(super) map: Arc<LinearMap>,
    pub(super) schedule: Schedule,
    /// Bounds the growth of errors: the largest sum of absolute values of a row, and its number of entries.
    pub(super) weight: f64,
    /// Largest sum of absolute values of a row: how much larger than its inputs an output can be.
    pub(super) growth: f64,
}

impl fmt::Debug for MapCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Largest divisor of `n` that is at most `limit`.
pub(super) fn divisor(n: usize, limit: usize) -> usize {
    (1..=limit.min(n)).rev().find(|d| n.is_multiple_of(*d)).unwrap_or(1)
}

type Entries = Vec<(usize, usize, Complex64)>;

struct Drawer {
    rng: ChaCha20Rng,
}

impl Drawer {
    fn entry(&mut self) -> Complex64 {
        Complex64::from(self.rng.random_range(-1.0..=1.0))
    }

    fn dense(&mut self, rows: usize, columns: usize) -> Entries {
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        places.map(|(row, column)| (row, column, self.entry())).collect()
    }

    /// Entries where column and row differ by one of `offsets`, modulo `slots`, within each pair of blocks.
    fn banded(&mut self, rows: usize, slots: usize, blocks: &[(usize, usize, usize)]) -> Entries {
        let mut entries = Vec::new();
        for (out_block, in_block, offset) in blocks {
            for row in 0..slots.min(rows) {
                let column = in_block * slots + (row + offset) % slots;
                entries.push((out_block * slots + row, column, self.entry()));
            }
        }
        entries
    }
}

/// All maps of the suite for a scheme of this profile; the same at each call, so that keys can be made beforehand.
pub(super) fn cases(profile: &Profile) -> Result<Vec<MapCase>> {
    let slots = profile.slots;
    let wide = divisor(slots, 16);
    let narrow = divisor(wide, 4);
    let middle = divisor(wide, 8);
    let mut draw = Drawer { rng: ChaCha20Rng::seed_from_u64(7) };
    let mut list: Vec<(&str, usize, usize, usize, Entries)> = vec![
        ("dense, fewer rows than columns", narrow, wide, 1, draw.dense(narrow, wide)),
        ("dense, square", middle, middle, 1, draw.dense(middle, middle)),
        ("dense, more rows than columns", wide, narrow, 1, draw.dense(wide, narrow)),
        ("one row", 1, wide, 1, draw.dense(1, wide)),
        ("identity (a constant diagonal)", middle, middle, 1, identity(middle)),
        ("only the first row is not zero", middle, middle, 1, draw.dense(1, middle)),
        ("zero", middle, middle, 1, Vec::new()),
        ("sparse over all slots", slots, slots, 1, draw.banded(slots, slots, &[(0, 0, 0), (0, 0, 3)])),
        ("two input blocks", slots, 2 * slots, 1, draw.banded(slots, slots, &[(0, 0, 1), (0, 1, 0)])),
        (
            "two output blocks",
            2 * slots,
            slots,
            1,
            draw.banded(slots, slots, &[(0, 0, 2), (1, 0, 0), (1, 0, 1)]),
        ),
        (
            "two blocks each, one pair empty",
            2 * slots,
            2 * slots,
            1,
            draw.banded(slots, slots, &[(0, 0, 1), (0, 1, 2), (1, 1, 0)]),
        ),
        ("batched: a ciphertext an element", 3, 2, slots, draw.dense(3, 2)),
    ];
    if slots > narrow {
        let rows = narrow.max(2) - 1;
        list.push(("copies side by side", rows, narrow, slots / narrow, draw.dense(rows, narrow)));
    }
    if profile.complex {
        let turned =
            draw.dense(narrow, middle).into_iter().map(|(r, c, v)| (r, c, Complex64::new(v.re, 0.5 - v.re)));
        list.push(("complex entries", narrow, middle, 1, turned.collect()));
    }
    let mut cases = Vec::new();
    for (name, rows, columns, copies, entries) in list {
        let weight = largest_row(rows, &entries, |entry| 2.0 + entry.norm()) + 2.0;
        let growth = largest_row(rows, &entries, |entry| entry.norm());
        let map = LinearMap::new(SparseMatrix::from_entries(rows, columns, entries)?).with_copies(copies);
        let map = Arc::new(map);
        for (how, schedule) in schedules(profile, &map)? {
            let name = format!("{name}, {how}");
            cases.push(MapCase { name, map: Arc::clone(&map), schedule, weight, growth });
        }
    }
    Ok(cases)
}

fn identity(size: usize) -> Entries {
    (0..size).map(|i| (i, i, Complex64::ONE)).collect()
}

fn largest_row(rows: usize, entries: &Entries, size: impl Fn(&Complex64) -> f64) -> f64 {
    let mut sums = vec![0.0; rows];
    for (row, _, entry) in entries {
        if let Some(sum) = sums.get_mut(*row) {
            *sum += size(entry);
        }
    }
    super::bench::largest(&sums)
}

fn schedules(profile: &Profile, map: &LinearMap) -> Result<Vec<(&'static str, Schedule)>> {
    if profile.linear == LinearStyle::Matrix {
        return Ok(vec![("as a sparse product", Schedule::Matrix)]);
    }
    let mut schedules = vec![("baby and giant steps", Schedule::diagonals(map, profile.slots, 4, false)?)];
    if map.geometry(profile.slots)?.can_fold() {
        schedules.push(("folded", Schedule::diagonals(map, profile.slots, 4, true)?));
    }
    let steps = map.steps(profile.slots, false)?;
    let sharing = Profile { threads_within: true, ..profile.clone() };
    if let Schedule::Diagonals(alone) = Schedule::diagonals(map, profile.slots, 4, false)? {
        let chained = alone.in_chains(&steps, &map.geometry(profile.slots)?, &sharing)?;
        if chained.chained() {
            schedules.push(("baby and giant steps in a chain", Schedule::Diagonals(chained)));
        }
    }
    Ok(schedules)
}
