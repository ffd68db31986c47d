//! Which layout a value gets: the one that makes the map before it cheapest.

use he_traits::{Costs, Level, LinearStyle, Profile};

use super::Layout;
use crate::lower::Operator;

/// The layout of a network's input: dense, or images on a grid of their own width where diagonals count.
pub(crate) fn input_layout(shape: &[usize], profile: &Profile) -> Layout {
    match (profile.linear, shape) {
        (LinearStyle::Diagonals, [_, height, width]) => {
            let slots = profile.slots.max(1);
            let fits = |phases: usize| (height / phases) * (width / phases) <= slots;
            let phases = (0..usize::BITS).map(|bits| 1 << bits).find(|phases| fits(*phases)).unwrap_or(1);
            Layout::split(shape, phases, *width / phases, slots)
                .unwrap_or_else(|| Layout::multiplexed(shape, 1, *width, slots))
        }
        _ => Layout::dense(shape, profile.slots),
    }
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

/// Chooses the layout of a map's output.
pub(crate) struct Choice<'a> {
    profile: &'a Profile,
    level: Level,
    /// One mark a rotation, kept from map to map.
    seen: Vec<bool>,
}

impl<'a> Choice<'a> {
    pub(crate) fn new(profile: &'a Profile, level: Level) -> Choice<'a> {
        Choice { profile, level, seen: Vec::new() }
    }

    /// The cheapest layout for values of `shape` that are the sum of `terms`.
    pub(crate) fn layout(&mut self, shape: &[usize], terms: &[(&Operator, &Layout)]) -> Layout {
        let slots = self.profile.slots;
        if self.profile.linear == LinearStyle::Matrix {
            return Layout::dense(shape, slots);
        }
        let cheapest = self.cheapest(candidates(shape, terms, slots), terms);
        cheapest.unwrap_or_else(|| Layout::dense(shape, slots))
    }

    /// The cheapest of the candidates for the sum of `terms`, the first where several are.
    pub(crate) fn cheapest(
        &mut self,
        mut candidates: Vec<Layout>,
        terms: &[(&Operator, &Layout)],
    ) -> Option<Layout> {
        if candidates.len() <= 1 {
            return candidates.pop();
        }
        let mut best: Option<(f64, Layout)> = None;
        for candidate in candidates {
            let seconds =
                terms.iter().map(|(operator, input)| self.seconds(operator, input, &candidate)).sum();
            if best.as_ref().is_none_or(|(least, _)| seconds < *least) {
                best = Some((seconds, candidate));
            }
        }
        best.map(|(_, layout)| layout)
    }

    /// Rough cost of a map at the level in which layouts are compared.
    fn seconds(&mut self, operator: &Operator, input: &Layout, output: &Layout) -> f64 {
        if operator.is_identity() && input.same_places(output) {
            return 0.0;
        }
        self.work(operator, input, output).seconds(&self.profile.costs, self.level)
    }

    /// What the map between two layouts costs.
    pub(crate) fn work(&mut self, operator: &Operator, input: &Layout, output: &Layout) -> MapWork {
        if self.profile.linear == LinearStyle::Matrix {
            return MapWork { entries: operator.entries() as f64, ..MapWork::default() };
        }
        let (small, large) = (output.period().min(input.period()), output.period().max(input.period()));
        let (folds, modulus) = (output.period() < input.period(), small);
        let (out_blocks, in_blocks) = (output.blocks(), input.blocks());
        self.seen.clear();
        self.seen.resize(modulus * out_blocks * in_blocks, false);
        let slots = output.slots();
        for element in 0..operator.rows() {
            let row = output.place(element);
            operator.row(element, &mut |column, _| {
                let column = input.place_for(column, row);
                let pair = row / slots * in_blocks + column / slots;
                let step = (column % input.period() + large - row % output.period()) % modulus;
                if let Some(mark) = self.seen.get_mut(pair * modulus + step) {
                    *mark = true;
                }
            });
        }
        let products = self.seen.iter().filter(|mark| **mark).count() as f64;
        let mut needed = vec![false; modulus];
        for pair in self.seen.chunks(modulus) {
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
}

/// Layouts worth comparing: as the inputs lie, with the gap that the layer's stride suggests, and compact.
fn candidates(shape: &[usize], terms: &[(&Operator, &Layout)], slots: usize) -> Vec<Layout> {
    let mut found: Vec<Layout> = Vec::new();
    let mut push = |layout: Layout| {
        if !found.contains(&layout) {
            found.push(layout);
        }
    };
    for (operator, input) in terms {
        if operator.is_scalar() {
            push(input.with_shape(shape));
        }
        if let ([_, height, width], [_, in_height, in_width]) = (shape, input.shape()) {
            let stride = ((in_height + height / 2) / height).max((in_width + width / 2) / width).max(1);
            // What is larger than its input by `growth` takes as many more phases, or as much less of a gap.
            let growth = (height / in_height.max(&1)).max(1);
            let phases = if growth > 1 { input.phases() * growth } else { input.phases() / stride };
            if input.gap() == 1 && phases > 0 {
                Layout::split(shape, phases, input.row(), slots).into_iter().for_each(&mut push);
            }
            if input.phases() > stride {
                continue;
            }
            // A window without padding shrinks an image by more than its stride: smaller gaps are worth a look as well.
            for factor in (1..=stride.div_ceil(input.phases())).rev() {
                let gap = input.gap() * factor;
                push(Layout::multiplexed(shape, gap, input.row(), slots));
                push(Layout::on_planes(shape, gap, input.row(), input.plane(), slots));
            }
        }
    }
    // An image that is split stays split: its parts are many, and nothing gathers them cheaply.
    if found.is_empty() || terms.iter().all(|(_, input)| input.phases() == 1) {
        if let [_, _, width] = shape {
            found.push(Layout::multiplexed(shape, 1, *width, slots));
        }
        found.push(Layout::dense(shape, slots));
    }
    found.dedup();
    found
}

/// Slots for a scheme whose slots are any number: a ciphertext holds the largest value, and the periods of the others
/// (divisors of the slots) waste as little as possible.
pub(crate) fn dense_slots(counts: &[usize]) -> usize {
    /// Slots tried beyond the largest value: highly composite numbers are never far.
    const TRIES: usize = 512;
    let largest = counts.iter().copied().max().unwrap_or(1).max(1);
    let wasted = |slots: &usize| -> usize { counts.iter().map(|count| super::places(*count, *slots)).sum() };
    (largest..largest + TRIES.min(largest)).min_by_key(wasted).unwrap_or(largest)
}
