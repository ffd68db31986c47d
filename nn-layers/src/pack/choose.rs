//! Which layout a value gets: the one that makes the map before it cheapest.

use std::collections::BTreeSet;

use he_traits::{Level, LinearStyle, Profile};

use super::{Layout, MapWork, Operand, Order};
use crate::tensor::numel;

/// Layouts of a network's input that are worth comparing: dense, or images on a grid of their own width where diagonals count. The values of the network have
/// `shapes`, and its convolutions come in `groups`; of the layouts, all but the first one ask for it that pixels which are pooled lie apart.
pub(crate) fn input_layouts(
    shape: &[usize],
    shapes: &[&[usize]],
    groups: &BTreeSet<usize>,
    profile: &Profile,
) -> Vec<Layout> {
    let (LinearStyle::Diagonals, [_, height, width]) = (profile.linear, shape) else {
        return vec![Layout::dense(shape, profile.slots)];
    };
    let slots = profile.slots.max(1);
    let part = |phases: usize| height.div_ceil(phases) * width.div_ceil(phases);
    let powers = || (0..usize::BITS).map(|bits| 1 << bits);
    let least = powers().find(|phases| part(*phases) <= slots).unwrap_or(1);
    let first = Layout::split(shape, least, width.div_ceil(least), slots)
        .unwrap_or_else(|| Layout::multiplexed(shape, 1, *width, slots));
    let mut found = vec![first];
    // How many times smaller the smallest image is: as many parts lie apart at first.
    let sides = shapes.iter().filter_map(|shape| match shape {
        [_, height, width] => Some(*height.min(width)),
        _ => None,
    });
    let shrunk = height.min(width) / sides.min().unwrap_or(*width).max(1);
    let blocks = shapes.iter().map(|shape| numel(shape) / slots).max().unwrap_or(0);
    for phases in powers().take_while(|phases| *phases <= shrunk) {
        // Where there are far fewer ciphertexts than parts, what is pooled lies within one.
        if phases < 2.max(least) || 2 * blocks < phases * phases {
            continue;
        }
        let plane = part(phases).next_power_of_two();
        for groups in groups {
            let order = Order::Parts { groups: *groups };
            found.extend(Layout::split_in(order, shape, phases, [width.div_ceil(phases), plane], slots));
        }
    }
    found
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

    /// The level at which layouts are compared.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// The cheapest layout for values of `shape` that are the sum of `terms`.
    pub(crate) fn layout(&mut self, shape: &[usize], terms: &[Operand<'_>]) -> Layout {
        let slots = self.profile.slots;
        if self.profile.linear == LinearStyle::Matrix {
            return Layout::dense(shape, slots);
        }
        let cheapest = self.cheapest(candidates(shape, terms, slots), terms);
        cheapest.unwrap_or_else(|| Layout::dense(shape, slots))
    }

    /// The cheapest of the candidates for the sum of `terms`, the first where several are.
    pub(crate) fn cheapest(&mut self, mut candidates: Vec<Layout>, terms: &[Operand<'_>]) -> Option<Layout> {
        if candidates.len() <= 1 {
            return candidates.pop();
        }
        let mut best: Option<(f64, Layout)> = None;
        for candidate in candidates {
            let seconds = terms.iter().map(|operand| self.seconds(operand, &candidate)).sum();
            if best.as_ref().is_none_or(|(least, _)| seconds < *least) {
                best = Some((seconds, candidate));
            }
        }
        best.map(|(_, layout)| layout)
    }

    /// Rough cost of a map at the level in which layouts are compared.
    fn seconds(&mut self, operand: &Operand<'_>, output: &Layout) -> f64 {
        if operand.operator.is_identity() && operand.layout.same_places(output) {
            return 0.0;
        }
        self.work(operand, output).seconds(&self.profile.costs, self.level)
    }

    /// What the map between two layouts costs.
    pub(crate) fn work(&mut self, operand: &Operand<'_>, output: &Layout) -> MapWork {
        match self.profile.linear {
            LinearStyle::Matrix => MapWork::by_entries(operand.operator),
            LinearStyle::Diagonals => MapWork::by_diagonals(operand, output, &mut self.seen),
        }
    }
}

/// Layouts worth comparing: as the inputs lie, with the gap that the layer's stride suggests, and compact.
fn candidates(shape: &[usize], terms: &[Operand<'_>], slots: usize) -> Vec<Layout> {
    let mut found: Vec<Layout> = Vec::new();
    let mut push = |layout: Layout| {
        if !found.contains(&layout) {
            found.push(layout);
        }
    };
    for Operand { operator, layout: input, .. } in terms {
        if operator.is_scalar() {
            push(input.with_shape(shape));
        }
        if let ([_, height, width], [_, in_height, in_width]) = (shape, input.shape()) {
            let stride = ((in_height + height / 2) / height).max((in_width + width / 2) / width).max(1);
            // What is larger than its input by `growth` takes as many more phases, or as much less of a gap. A window without padding shrinks an
            // image by more than its stride: smaller steps are worth a look as well.
            let growth = (height / in_height.max(&1)).max(1);
            let phases: Vec<usize> = match growth {
                1 => (1..=stride).rev().filter(|factor| input.phases().is_multiple_of(*factor)).collect(),
                _ => Vec::new(),
            };
            let phases = phases.into_iter().map(|factor| input.phases() / factor);
            if input.is_split() {
                let grid = [input.row(), if input.order() == Order::Channels { 1 } else { input.plane() }];
                for phases in phases.chain((growth > 1).then_some(input.phases() * growth)) {
                    Layout::split_in(input.order(), shape, phases, grid, slots)
                        .into_iter()
                        .for_each(&mut push);
                }
            }
            if input.phases() > stride {
                continue;
            }
            for factor in (1..=stride.div_ceil(input.phases())).rev() {
                let gap = input.gap() * factor;
                push(Layout::multiplexed(shape, gap, input.row(), slots));
                push(Layout::on_planes(shape, gap, input.row(), input.plane(), slots));
            }
        }
    }
    // An image that is split stays split: its parts are many, and nothing gathers them cheaply.
    if found.is_empty() || terms.iter().all(|operand| operand.layout.phases() == 1) {
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
