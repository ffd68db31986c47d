//! Linear maps to measure with.

use he_traits::{Complex64, Generator, LinearMap, Schedule};

/// A map of one ciphertext to several: the diagonals of `baby` times `giant` steps each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) baby: usize,
    pub(super) giant: usize,
    pub(super) outputs: usize,
}

impl Shape {
    /// Several outputs, so that rotations are shared.
    pub(super) const WIDE: Shape = Shape { baby: 8, giant: 1, outputs: 8 };

    /// Shapes whose times tell rotations, hoisted rotations, products and rescales apart.
    pub(super) const ALL: [Shape; 5] = [
        Shape { baby: 2, giant: 1, outputs: 1 },
        Shape { baby: 8, giant: 1, outputs: 1 },
        Shape { baby: 4, giant: 3, outputs: 1 },
        Shape { baby: 8, giant: 2, outputs: 4 },
        Shape::WIDE,
    ];

    /// Steps whose keys it needs.
    pub(super) fn rotations(self) -> impl Iterator<Item = usize> {
        (1..self.baby).chain((1..self.giant).map(move |giant| giant * self.baby))
    }

    pub(super) fn schedule(self, map: &LinearMap, slots: usize) -> he_traits::Result<Schedule> {
        Schedule::diagonals(map, slots, self.baby, false)
    }

    /// Products with a diagonal.
    pub(super) fn products(self) -> f64 {
        (self.baby * self.giant * self.outputs) as f64
    }

    /// Rotations, hoisted rotations, products and rescales.
    pub(super) fn operations(self) -> [f64; 4] {
        let giants = self.outputs * (self.giant - 1);
        let babies = self.baby - 1;
        let rotations = giants + babies.min(1);
        [rotations as f64, babies.saturating_sub(1) as f64, self.products(), self.outputs as f64]
    }
}

/// As many diagonals beside each other as a shape has steps, of numbers that do not repeat.
#[derive(Debug)]
pub(super) struct Band {
    rows: usize,
    columns: usize,
    diagonals: usize,
}

impl Band {
    pub(super) fn new(shape: Shape, slots: usize) -> Band {
        Band { rows: shape.outputs * slots, columns: slots, diagonals: shape.baby * shape.giant }
    }
}

impl Generator for Band {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        for step in 0..self.diagonals {
            visit((row + step) % self.columns, Complex64::from(number(row, step)));
        }
    }
}

/// A number between -1 and 1, other at each place, and never 0.
pub(super) fn number(row: usize, step: usize) -> f64 {
    (1.0 + 0.618 * (row as f64) + 0.287 * (step as f64)).sin() + 1e-9
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use he_traits::{Profile, Scheme, Symbolic};

    use super::*;

    #[test]
    fn shapes_count_what_a_symbolic_run_counts() {
        use he_traits::{Clear, ClearParams, Evaluator, Keep, Level};
        let params = ClearParams::new(64, Level::new(3)).unwrap();
        let profile =
            Profile { linear: he_traits::LinearStyle::Diagonals, ..Clear::profile(&params).unwrap() };
        for shape in Shape::ALL {
            let map = std::sync::Arc::new(LinearMap::new(Band::new(shape, 64)));
            let schedule = shape.schedule(&map, 64).unwrap();
            let keys: BTreeSet<usize> = shape.rotations().collect();
            assert_eq!(schedule.rotations(), keys, "{shape:?}");
            let symbolic = Symbolic::new(profile.clone());
            let prepared = symbolic.prepare(&map, &schedule, Level::new(2), Keep::Encoded).unwrap();
            let x = symbolic.input(Level::new(2)).unwrap();
            symbolic.take_record();
            assert_eq!(symbolic.linear(&[&x], &prepared).unwrap().len(), shape.outputs);
            let counts = symbolic.record().counts;
            let counted =
                [counts.rotations, counts.hoisted_rotations, counts.plain_products, counts.rescales];
            assert_eq!(counted.map(|count| count as f64), shape.operations(), "{shape:?}");
        }
    }
}
