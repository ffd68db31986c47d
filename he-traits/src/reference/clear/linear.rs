//! Linear maps of the clear reference: from the matrix itself, whatever the schedule says.
#![expect(
    clippy::indexing_slicing,
    reason = "positions are bounded by the map's geometry, checked when it is prepared"
)]

use std::ops::{AddAssign, Mul};

use num_complex::Complex64;
use rayon::prelude::*;

use super::{ClearCiphertext, ClearEvaluator};
use crate::{EncryptedMatrix, Error, Evaluator, Geometry, Level, LinearMap, Result, Schedule};

/// How far an input may be from periodic, relative to its largest value.
const PERIOD_TOLERANCE: f64 = 1e-9;

/// A matrix in compressed rows, with its place over the slots.
#[derive(Clone, Debug)]
pub struct ClearMap {
    geometry: Geometry,
    rows: usize,
    columns: usize,
    starts: Vec<usize>,
    at: Vec<u32>,
    entries: Entries,
    level: Level,
}

#[derive(Clone, Debug)]
enum Entries {
    Real(Vec<f64>),
    Complex(Vec<Complex64>),
}

impl Entries {
    /// Real numbers until the first one that is not.
    fn push(&mut self, entry: Complex64) {
        match self {
            Self::Real(entries) if entry.im == 0.0 => entries.push(entry.re),
            Self::Real(entries) => {
                let complex = entries.iter().map(|entry| Complex64::from(*entry)).chain([entry]).collect();
                *self = Self::Complex(complex);
            }
            Self::Complex(entries) => entries.push(entry),
        }
    }
}

pub(super) fn prepare(
    evaluator: &ClearEvaluator,
    map: &LinearMap,
    schedule: &Schedule,
    level: Level,
) -> Result<ClearMap> {
    level.spend("linear", 1)?;
    let slots = evaluator.profile().slots;
    let geometry = map.geometry(slots)?;
    schedule.check(map, slots)?;
    for step in schedule.rotations() {
        evaluator.keys().rotation(step, level)?;
    }
    let (rows, columns) = map.shape();
    let count = usize::try_from(map.entries()).unwrap_or_default();
    let mut starts = Vec::with_capacity(rows + 1);
    starts.push(0);
    let mut at: Vec<u32> = Vec::with_capacity(count);
    let mut entries = Entries::Real(Vec::with_capacity(count));
    let mut beyond = false;
    for row in 0..rows {
        map.generator().row(row, &mut |column, entry| {
            let known = u32::try_from(column).ok().filter(|_| column < columns);
            beyond |= known.is_none();
            at.push(known.unwrap_or_default());
            entries.push(entry);
        });
        starts.push(at.len());
    }
    if beyond {
        return Err(Error::shape("prepare", format!("columns below {columns}"), "a column beyond"));
    }
    if matches!(entries, Entries::Complex(_)) && !evaluator.profile().complex {
        return Err(Error::Unsupported {
            backend: "clear".to_owned(),
            what: "apply a complex matrix: its slots are real".to_owned(),
        });
    }
    Ok(ClearMap { geometry, rows, columns, starts, at, entries, level })
}

/// The matrix with the entries that its ciphertexts hold.
pub(super) fn opened(matrix: &EncryptedMatrix<ClearCiphertext>) -> Result<ClearMap> {
    let (pattern, level) = (matrix.pattern(), matrix.level());
    matrix.weights().iter().try_for_each(|weights| level.same("linear", weights.level))?;
    let (rows, columns) = pattern.shape();
    let mut map = ClearMap {
        geometry: *pattern.geometry(),
        rows,
        columns,
        starts: vec![0],
        at: Vec::with_capacity(pattern.entries()),
        entries: Entries::Complex(Vec::new()),
        level,
    };
    let mut entries = Vec::with_capacity(pattern.entries());
    for row in 0..rows {
        for entry in pattern.row(row) {
            map.at.push(entry.column);
            entries.push(matrix.weights()[entry.vector as usize].slots[entry.slot as usize]);
        }
        map.starts.push(entries.len());
    }
    map.entries = Entries::Complex(entries);
    Ok(map)
}

pub(super) fn apply(x: &[&ClearCiphertext], map: &ClearMap) -> Result<Vec<ClearCiphertext>> {
    let blocks = map.geometry.in_blocks;
    let Some(first) = x.first().filter(|_| x.len().is_multiple_of(blocks)) else {
        return Err(Error::shape("linear", format!("whole values of {blocks} ciphertexts"), x.len()));
    };
    for block in x {
        map.level.same("linear", block.level)?;
        check_period(&block.slots, &map.geometry)?;
    }
    let level = map.level.spend("linear", 1)?;
    let output = match &map.entries {
        Entries::Complex(entries) => {
            scatter(map, &product(map, entries, &gather(map, x, |slot| slot)), x.len(), |y| y)
        }
        Entries::Real(entries) if x.iter().all(|block| block.slots.iter().all(|slot| slot.im == 0.0)) => {
            scatter(map, &product(map, entries, &gather(map, x, |slot| slot.re)), x.len(), Complex64::from)
        }
        Entries::Real(entries) => {
            let re = product(map, entries, &gather(map, x, |slot| slot.re));
            let im = product(map, entries, &gather(map, x, |slot| slot.im));
            let both: Vec<Complex64> =
                re.into_iter().zip(im).map(|(re, im)| Complex64::new(re, im)).collect();
            scatter(map, &both, x.len(), |y| y)
        }
    };
    Ok(output.into_iter().map(|slots| first.with(slots, level)).collect())
}

fn check_period(slots: &[Complex64], geometry: &Geometry) -> Result<()> {
    if geometry.copies > 1 || geometry.in_period == slots.len() {
        return Ok(());
    }
    let largest = slots.iter().map(|slot| slot.norm_sqr()).fold(0.0, f64::max).sqrt();
    let first = slots.iter().take(geometry.in_period).cycle();
    match slots.iter().zip(first).position(|(slot, first)| {
        let apart = (slot - first).norm();
        apart.is_nan() || apart > PERIOD_TOLERANCE * largest
    }) {
        None => Ok(()),
        Some(position) => Err(Error::Value {
            op: "linear",
            position,
            value: slots[position].re,
            reason: "the input does not repeat with the period that the map assumes",
        }),
    }
}

/// The inputs as a panel: row `c` holds column `c` of each value and copy.
fn gather<T: Copy + Send + Sync>(
    map: &ClearMap,
    x: &[&ClearCiphertext],
    part: impl Fn(Complex64) -> T + Sync,
) -> Vec<T> {
    let Geometry { in_blocks, in_period, copies, slots, .. } = map.geometry;
    let width = slots / copies;
    let mut panel = Vec::with_capacity(map.columns * x.len() / in_blocks * copies);
    for column in 0..map.columns {
        for value in x.chunks(in_blocks) {
            let block = &value[column / in_period].slots;
            panel.extend((0..copies).map(|copy| part(block[copy * width + column % in_period])));
        }
    }
    panel
}

/// The matrix times a panel. Rows run in parallel.
fn product<M, T>(map: &ClearMap, entries: &[M], panel: &[T]) -> Vec<T>
where
    M: Copy + Sync + Mul<T, Output = T>,
    T: Copy + Send + Sync + AddAssign + Default,
{
    let width = panel.len() / map.columns;
    let mut output = vec![T::default(); map.rows * width];
    output.par_chunks_mut(width).with_min_len(64).enumerate().for_each(|(row, sums)| {
        let span = map.starts[row]..map.starts[row + 1];
        let entries = entries[span.clone()].iter().zip(&map.at[span]);
        if let [sum] = sums {
            entries.for_each(|(entry, column)| *sum += *entry * panel[*column as usize]);
        } else {
            for (entry, column) in entries {
                let inputs = &panel[*column as usize * width..][..width];
                sums.iter_mut().zip(inputs).for_each(|(sum, x)| *sum += *entry * *x);
            }
        }
    });
    output
}

/// The panel of results as output blocks, repeated as the geometry says.
fn scatter<T: Copy + Sync>(
    map: &ClearMap,
    panel: &[T],
    inputs: usize,
    slot: impl Fn(T) -> Complex64 + Sync,
) -> Vec<Vec<Complex64>> {
    let Geometry { in_blocks, out_blocks, out_period, copies, slots, .. } = map.geometry;
    let width = slots / copies;
    let panel_width = inputs / in_blocks * copies;
    let block = |index: usize| {
        let (value, out_block) = (index / out_blocks, index % out_blocks);
        let mut block = vec![Complex64::ZERO; slots];
        let rows = out_block * out_period..map.rows.min((out_block + 1) * out_period);
        for row in rows {
            for copy in 0..copies {
                let y = slot(panel[row * panel_width + value * copies + copy]);
                let first = copy * width + row % out_period;
                let stride = if copies == 1 { out_period } else { slots };
                block.iter_mut().skip(first).step_by(stride).for_each(|slot| *slot = y);
            }
        }
        block
    };
    (0..inputs / in_blocks * out_blocks).into_par_iter().map(block).collect()
}
