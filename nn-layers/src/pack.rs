//! Where the elements of a tensor lie in ciphertexts.
//!
//! A [`Layout`] is index arithmetic and nothing else. Images lie **multiplexed** (Lee et al. 2022; single-shot form: Orion,
//! Ebel et al. 2024): with gap `g`, element `(c, h, w)` lies in plane `c / g^2`, at row `g h + (c mod g^2) / g` and column
//! `g w + c mod g`. After a layer of stride `s` the gap grows by `s` while the grid stays, so that the rotations of a layer
//! stay few. Vectors lie one number after the other.
//!
//! Images larger than a ciphertext lie **split**: with `p` phases, pixel `(h, w)` of channel `c` lies in plane `c p^2 + (h mod p) p + w mod p`,
//! at row `h / p` and column `w / p`. Neighbouring pixels lie in different ciphertexts at the same slot, so that most taps of a convolution need
//! neither rotation nor mask, and none crosses from one part of the image into another. A stride divides the phases. So may smaller images whose
//! values fill several ciphertexts, with the planes in another [`Order`].
//!
//! Values shorter than the slots repeat: their *period* is the smallest divisor of the slots that holds them.
//!
//! The other way to lie is as a matrix, row by row ([`Packing::VolleyRevolver`]): a channel is a row, whose pixels keep the grid of the network's
//! input after a stride ([`Layout::rows`]); a vector is a row ([`Layout::row_vector`]) or a column ([`Layout::column`]).
//!
//! Or the slots are samples ([`Packing::Batched`], [`Layout::batched`]): a layout then speaks of one of them, whose ciphertexts have one slot each.

mod choose;
mod order;
mod packed_map;
mod packing;
mod sums;
mod work;

pub(crate) use choose::{Choice, dense_slots, input_layouts};
pub use order::Order;
pub use packed_map::PackedMap;
pub use packing::{Packing, UnknownPacking};
pub use sums::BlockSums;
pub(crate) use work::{MapWork, Operand};

use he_traits::Diagonal;

use crate::error::{Error, Result};
use crate::tensor::numel;

/// Where the elements of a tensor lie: a number of *places* that repeat within a ciphertext, or fill several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    shape: Vec<usize>,
    channels: usize,
    height: usize,
    width: usize,
    gap: usize,
    /// Channels that share a plane: the square of the gap where they are multiplexed, else 1.
    shared: usize,
    /// Neighbouring slots that hold the same element.
    copies: usize,
    /// Parts in either direction that an image is split into; 1 wherever the gap is not.
    phases: usize,
    order: Order,
    row: usize,
    plane: usize,
    places: usize,
    slots: usize,
}

impl Layout {
    /// One element after the other, as in memory.
    pub fn dense(shape: &[usize], slots: usize) -> Layout {
        let count = numel(shape);
        Layout {
            shape: shape.to_vec(),
            channels: count,
            height: 1,
            width: 1,
            gap: 1,
            shared: 1,
            copies: 1,
            phases: 1,
            order: Order::Channels,
            row: 1,
            plane: 1,
            places: places(count, slots),
            slots,
        }
    }

    /// Each element in a ciphertext of its own, whose slots are samples: for one sample, ciphertexts of one slot.
    pub fn batched(shape: &[usize]) -> Layout {
        Layout::dense(shape, 1)
    }

    /// Images multiplexed with gap `gap` on a grid whose lines are `row` slots apart. Anything but `[C, H, W]` lies dense, and
    /// so do images that do not fit into the lines.
    pub fn multiplexed(shape: &[usize], gap: usize, row: usize, slots: usize) -> Layout {
        Layout::on_planes(shape, gap, row, 1, slots)
    }

    /// As [`Layout::multiplexed`], with planes at least `plane` slots apart: as far as those of the layer's input, so that all
    /// channels share the rotations.
    pub fn on_planes(shape: &[usize], gap: usize, row: usize, plane: usize, slots: usize) -> Layout {
        Layout::on_grid(shape, [gap, gap * gap], row, plane, slots)
    }

    /// Images as the rows of a matrix: a channel a row, at least `plane` slots long, its pixels `gap` slots and lines apart. The slots between
    /// them stay empty.
    pub fn rows(shape: &[usize], gap: usize, row: usize, plane: usize, slots: usize) -> Layout {
        Layout::on_grid(shape, [gap, 1], row, plane, slots)
    }

    /// A vector as a row of a matrix whose rows are `columns` slots long at least; it repeats in all rows.
    pub fn row_vector(count: usize, columns: usize, slots: usize) -> Layout {
        Layout { places: places(count.max(columns), slots), ..Layout::dense(&[count], slots) }
    }

    /// A vector as a column of a matrix of `columns` columns, a power of two: each number fills a row.
    pub fn column(count: usize, columns: usize, slots: usize) -> Layout {
        let columns = columns.next_power_of_two();
        Layout {
            copies: columns,
            row: columns,
            plane: columns,
            places: places(count * columns, slots),
            ..Layout::dense(&[count], slots)
        }
    }

    /// Images with pixels `gap` apart, `shared` channels to a plane.
    fn on_grid(shape: &[usize], [gap, shared]: [usize; 2], row: usize, plane: usize, slots: usize) -> Layout {
        let [channels, height, width] = *shape else { return Layout::dense(shape, slots) };
        let (gap, shared) = (gap.max(1), shared.max(1));
        if gap * width > row {
            return Layout::dense(shape, slots);
        }
        let plane = (gap * height * row).max(plane).next_power_of_two();
        let planes = channels.div_ceil(shared);
        Layout {
            shape: shape.to_vec(),
            channels,
            height,
            width,
            gap,
            shared,
            copies: 1,
            phases: 1,
            order: Order::Channels,
            row,
            plane,
            places: places(planes * plane, slots),
            slots,
        }
    }

    /// Images split into `phases` x `phases` parts of every `phases`-th pixel, each part on a plane of its own whose lines are `row` slots
    /// apart. `None` for anything but `[C, H, W]`, and where the parts do not fit into the lines.
    pub fn split(shape: &[usize], phases: usize, row: usize, slots: usize) -> Option<Layout> {
        Layout::split_in(Order::Channels, shape, phases, [row, 1], slots)
    }

    /// As [`Layout::split`], with the planes in an order of their own and at least `plane` slots apart.
    pub fn split_in(
        order: Order,
        shape: &[usize],
        phases: usize,
        [row, plane]: [usize; 2],
        slots: usize,
    ) -> Option<Layout> {
        let [channels, height, width] = *shape else { return None };
        let parts = phases.checked_mul(phases).filter(|parts| *parts > 0)?;
        let (lines, columns) = (height.div_ceil(phases), width.div_ceil(phases));
        if columns > row {
            return None;
        }
        let planes = order.planes(channels, parts);
        let of_parts = Layout::on_planes(&[planes, lines, columns], 1, row, plane, slots);
        Some(Layout { shape: shape.to_vec(), channels, height, width, phases, order, ..of_parts })
    }

    /// No element at all.
    pub(crate) const fn empty() -> Layout {
        Layout {
            shape: Vec::new(),
            channels: 0,
            height: 0,
            width: 0,
            gap: 1,
            shared: 1,
            copies: 1,
            phases: 1,
            order: Order::Channels,
            row: 1,
            plane: 1,
            places: 1,
            slots: 1,
        }
    }

    /// The same places for a tensor of another shape with as many elements.
    pub(crate) fn with_shape(&self, shape: &[usize]) -> Layout {
        Layout { shape: shape.to_vec(), ..self.clone() }
    }

    /// Whether each element lies at the same place in both layouts, whatever the shapes are called.
    pub fn same_places(&self, other: &Layout) -> bool {
        self.with_shape(&other.shape) == *other
    }

    /// Shape of the tensor, without the batch.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Distance of neighbouring pixels, in slots; 1 for dense layouts.
    pub fn gap(&self) -> usize {
        self.gap
    }

    /// Parts in either direction that images are split into, 1 for those that are not.
    pub fn phases(&self) -> usize {
        self.phases
    }

    /// Which planes lie side by side.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Channels that share a plane.
    pub fn shared(&self) -> usize {
        self.shared
    }

    /// Neighbouring slots that hold the same element: the columns of a matrix for a vector that lies as one of them, else 1.
    pub fn copies(&self) -> usize {
        self.copies
    }

    /// Distance of neighbouring lines of the grid, in slots.
    pub fn row(&self) -> usize {
        self.row
    }

    /// Distance of neighbouring planes, in slots.
    pub fn plane(&self) -> usize {
        self.plane
    }

    /// Slots before the value repeats: a divisor of the slots.
    pub fn period(&self) -> usize {
        self.places.min(self.slots)
    }

    /// Ciphertexts that hold one value.
    pub fn blocks(&self) -> usize {
        self.places.div_ceil(self.slots.max(1)).max(1)
    }

    /// Slots of a ciphertext that one sample has.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Places in all: the period, or all slots of all blocks.
    pub fn places(&self) -> usize {
        self.places
    }

    /// The place of an element (numbered as in memory): slot `place mod slots` of block `place / slots`; the first one where it has several.
    pub fn place(&self, element: usize) -> usize {
        if self.height * self.width == 1 && self.gap == 1 && !self.is_split() {
            return element * self.plane;
        }
        let pixels = self.height * self.width;
        let (c, h, w) = (element / pixels, element / self.width % self.height, element % self.width);
        if self.is_split() {
            let part = h % self.phases * self.phases + w % self.phases;
            let plane = self.order.plane([c, part], self.channels, self.phases * self.phases);
            return plane * self.plane + h / self.phases * self.row + w / self.phases;
        }
        let within = c % self.shared;
        c / self.shared * self.plane
            + (h * self.gap + within / self.gap) * self.row
            + w * self.gap
            + within % self.gap
    }

    /// Whether planes hold parts of images, or lie in an order of their own.
    pub(crate) fn is_split(&self) -> bool {
        self.phases > 1 || self.order != Order::Channels
    }

    /// The element at a place, `None` where there is none.
    pub fn element(&self, place: usize) -> Option<usize> {
        let (plane, rest) = (place / self.plane, place % self.plane);
        let (y, x) = (rest / self.row, rest % self.row / self.copies);
        let (c, h, w) = if self.is_split() {
            let [channel, part] = self.order.at(plane, self.channels, self.phases * self.phases)?;
            (channel, y * self.phases + part / self.phases, x * self.phases + part % self.phases)
        } else {
            let within = y % self.gap * self.gap + x % self.gap;
            if within >= self.shared {
                return None;
            }
            (plane * self.shared + within, y / self.gap, x / self.gap)
        };
        (c < self.channels && h < self.height && w < self.width)
            .then(|| (c * self.height + h) * self.width + w)
    }

    /// The place of an element that a map reads for its result at place `result`: where there are several, the one in the same column, so
    /// that no rotation is needed.
    pub(crate) fn place_for(&self, element: usize, result: usize) -> usize {
        self.place(element) + self.copy_for(result)
    }

    /// Which copy of an element a map reads for its result at place `result`.
    pub(crate) fn copy_for(&self, result: usize) -> usize {
        result % self.copies
    }

    /// Whether a map reads this place for its result at place `result`.
    pub(crate) fn is_read_for(&self, place: usize, result: usize) -> bool {
        self.copy_for(place) == self.copy_for(result)
    }

    /// This value as a row of a matrix, where it already lies as one within a ciphertext.
    pub(crate) fn as_row_vector(&self) -> Option<Layout> {
        let in_order =
            self.blocks() == 1 && self.copies == 1 && (0..self.elements()).all(|e| self.place(e) == e);
        in_order.then(|| Layout::row_vector(self.elements(), self.places, self.slots))
    }

    /// The blocks of one value as vectors of slots, zeros where no element lies.
    ///
    /// # Errors
    /// [`Error::TensorData`] when there are not as many numbers as elements.
    pub fn pack(&self, values: &[f64]) -> Result<Vec<Diagonal>> {
        if values.len() != self.elements() {
            return Err(Error::TensorData {
                shape: self.shape.clone(),
                expected: self.elements(),
                got: values.len(),
            });
        }
        let mut places = vec![0.0; self.places];
        for (element, value) in values.iter().enumerate() {
            places.iter_mut().skip(self.place(element)).take(self.copies).for_each(|slot| *slot = *value);
        }
        let vector = |block: &[f64]| match block {
            [value] => Diagonal::Constant(*value),
            values => Diagonal::Real(values.to_vec()),
        };
        Ok(places.chunks(self.slots).map(vector).collect())
    }

    /// The elements of one value from its decrypted blocks.
    ///
    /// # Errors
    /// [`Error::Blocks`] when the blocks are not as many, or not as long, as the layout says.
    pub fn unpack(&self, blocks: &[Vec<f64>]) -> Result<Vec<f64>> {
        if blocks.len() != self.blocks() || blocks.iter().any(|block| block.len() < self.period()) {
            return Err(Error::Blocks {
                expected: self.blocks(),
                slots: self.slots,
                got: blocks.iter().map(Vec::len).collect(),
            });
        }
        let at =
            |place: usize| blocks.get(place / self.slots).and_then(|block| block.get(place % self.slots));
        Ok((0..self.elements()).map(|element| at(self.place(element)).copied().unwrap_or(0.0)).collect())
    }
}

/// The smallest number of places that holds `count`: a divisor of the slots, or a multiple of them.
fn places(count: usize, slots: usize) -> usize {
    let (count, slots) = (count.max(1), slots.max(1));
    if count >= slots {
        return count.div_ceil(slots) * slots;
    }
    let mut least = slots;
    let mut divisor = 1;
    while divisor * divisor <= slots {
        if slots.is_multiple_of(divisor) {
            for candidate in [divisor, slots / divisor] {
                if candidate >= count {
                    least = least.min(candidate);
                }
            }
        }
        divisor += 1;
    }
    least
}
