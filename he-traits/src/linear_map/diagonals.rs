//! All diagonals of one output block in one pass over its rows.

use std::collections::BTreeMap;

use num_complex::Complex64;

use super::{LinearMap, compact};
use crate::{Diagonal, Result};

impl LinearMap {
    /// The diagonals that are not all zero of output block `out_block`, by input block and step; see [`LinearMap::steps`] for the steps and
    /// [`LinearMap::diagonal`] for the values.
    ///
    /// Takes one visit of each entry, where asking for the diagonals one by one takes one of each place. The memory is that of the
    /// diagonals of one output block.
    ///
    /// # Errors
    /// As [`LinearMap::steps`].
    pub fn diagonals(
        &self,
        slots: usize,
        out_block: usize,
        fold: bool,
    ) -> Result<BTreeMap<(usize, usize), Diagonal>> {
        let g = self.geometry(slots)?;
        let period = g.out_period.max(g.in_period);
        g.periods()?;
        let turns = g.turns(fold);
        let wide = g.copies == 1 && g.out_period < g.in_period;
        let mut found: BTreeMap<(usize, usize), Vec<Complex64>> = BTreeMap::new();
        let first = out_block * g.out_period;
        for row in first..self.shape().0.min(first + g.out_period) {
            let r = row - first;
            self.generator.row(row, &mut |column, entry| {
                if entry == Complex64::ZERO {
                    return;
                }
                let (in_block, c) = (column / g.in_period, column % g.in_period);
                for turn in 0..turns {
                    let step = g.least_step(r, c) + turn * g.out_period;
                    let at = if wide { (c + g.in_period - step) % g.in_period } else { r };
                    let values =
                        found.entry((in_block, step)).or_insert_with(|| vec![Complex64::ZERO; period]);
                    if let Some(value) = values.get_mut(at) {
                        *value += entry;
                    }
                }
            });
        }
        Ok(found.into_iter().map(|(key, values)| (key, compact(values))).collect())
    }
}
