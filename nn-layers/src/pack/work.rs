//! What a map between two layouts costs, roughly.

use std::ops::Range;
use std::sync::Arc;

use he_traits::{Costs, Level};

use super::{BlockSums, Layout};
use crate::lower::Operator;

/// A map with the value that it reads.
#[derive(Debug, Clone)]
pub(crate) struct Operand<'a> {
    pub(crate) operator: &'a Operator,
    pub(crate) layout: &'a Layout,
    /// Ciphertexts of the value that are added first.
    pub(crate) sums: Option<Arc<BlockSums>>,
}

/// What a map costs, counted roughly: its products, and baby and giant steps of equal number. Good for comparing layouts and levels; the
/// schedule is chosen exactly, later.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct MapWork {
    /// Ciphertexts that go in, and that come out.
    inputs: f64,
    outputs: f64,
    /// Different rotations.
    distinct: f64,
    /// Diagonals.
    products: f64,
    /// Rotations that fold each output.
    turns: f64,
    /// Entries, where a scheme pays by them.
    entries: f64,
}

impl MapWork {
    /// For a scheme that pays by entries.
    pub(crate) fn by_entries(operator: &Operator) -> MapWork {
        MapWork { entries: operator.entries() as f64, ..MapWork::default() }
    }

    /// For a scheme with diagonals. `seen` is scratch.
    pub(crate) fn by_diagonals(operand: &Operand<'_>, output: &Layout, seen: &mut Vec<bool>) -> MapWork {
        let Operand { operator, layout: input, sums } = operand;
        let (small, large) = (output.period().min(input.period()), output.period().max(input.period()));
        let (folds, modulus) = (output.period() < input.period(), small);
        let in_blocks = sums.as_ref().map_or(input.blocks(), |sums| sums.sums().len());
        let (out_blocks, slots) = (output.blocks(), output.slots());
        // Each element is read many times: its place is looked up.
        let read = |element| {
            let place = input.place(element);
            sums.as_ref().map_or(Some(place), |sums| sums.read(place, input))
        };
        let places: Vec<Option<usize>> = (0..input.elements()).map(read).collect();
        seen.clear();
        seen.resize(modulus * out_blocks * in_blocks, false);
        each_typical_row(input, output, operator.rows(), &mut |element| {
            let row = output.place(element);
            operator.row(element, &mut |column, _| {
                let Some(column) = places.get(column).copied().flatten() else { return };
                let column = column + input.copy_for(row);
                let pair = row / slots * in_blocks + column / slots;
                let step = (column % input.period() + large - row % output.period()) % modulus;
                if let Some(mark) = seen.get_mut(pair * modulus + step) {
                    *mark = true;
                }
            });
        });
        let products = seen.iter().filter(|mark| **mark).count() as f64;
        let mut needed = vec![false; modulus];
        for pair in seen.chunks(modulus) {
            needed.iter_mut().zip(pair).for_each(|(all, mark)| *all |= mark);
        }
        // Ciphertexts of one slot have nothing to rotate.
        let distinct = if modulus == 1 { 0.0 } else { needed.iter().filter(|mark| **mark).count() as f64 };
        let turns = if folds { (large / small.max(1)).max(1).ilog2() } else { 0 };
        MapWork {
            inputs: in_blocks as f64,
            outputs: out_blocks as f64,
            distinct,
            products,
            turns: f64::from(turns),
            entries: 0.0,
        }
    }

    /// Seconds with the operand at `level`.
    pub(crate) fn seconds(&self, costs: &Costs, level: Level) -> f64 {
        // Hoisted baby steps of each input and giant steps of each output are cheapest where both cost the same.
        let (hoisted, rotate) = (costs.rotate_hoisted.at(level), costs.rotate.at(level));
        let rotations = 2.0 * (self.inputs * hoisted * self.outputs * rotate * self.distinct).sqrt();
        rotations
            + self.outputs * self.turns * rotate
            + self.products * (costs.mul_plain.at(level) + costs.add.at(level))
            + self.entries * costs.entry.at(level)
    }
}

/// The rows of a map between images whose pixels are a few in the middle of it, of every channel: what is further out moves by the same steps. All
/// rows of other maps.
fn each_typical_row(input: &Layout, output: &Layout, rows: usize, visit: &mut dyn FnMut(usize)) {
    let ([channels, height, width], [_, in_height, in_width]) = (output.shape(), input.shape()) else {
        return (0..rows).for_each(visit);
    };
    // What happens repeats with the parts of the image, and with the stride of what makes it larger.
    let growth = |output: usize, input: usize| output.div_ceil(input.max(1));
    let period = output.phases().max(growth(*height, *in_height)).max(growth(*width, *in_width)).max(2);
    let (lines, columns) = (middle(*height, 2 * period), middle(*width, 2 * period));
    for channel in 0..*channels {
        for line in lines.clone() {
            columns.clone().for_each(|column| visit((channel * height + line) * width + column));
        }
    }
}

/// So many numbers in the middle of those below `of`.
fn middle(of: usize, count: usize) -> Range<usize> {
    let first = of.saturating_sub(count) / 2;
    first..(first + count).min(of)
}
