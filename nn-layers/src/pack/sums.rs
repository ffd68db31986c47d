//! Ciphertexts that a map treats alike are added before it.

use std::collections::BTreeMap;

use super::Layout;
use crate::lower::Operator;

/// Ciphertexts of a value that a map multiplies by the same numbers, slot by slot: it may as well read their sum, and takes a part of the rotations and
/// diagonals. Pooling followed by a convolution is such a map where the pixels that are pooled lie in different ciphertexts at the same slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockSums {
    /// The ciphertexts of each sum, in order; what the map never reads is in none.
    sums: Vec<Vec<usize>>,
    /// The sum of each ciphertext that is the first one in it.
    first_of: Vec<Option<usize>>,
}

impl BlockSums {
    /// Which ciphertexts of a value `operator` treats alike; `None` where it tells all apart.
    pub fn new(operator: &Operator, input: &Layout) -> Option<BlockSums> {
        let blocks = input.blocks();
        if blocks < 2 || input.copies() > 1 || !seem_alike(operator, input) {
            return None;
        }
        let mut columns = vec![Fingerprint::default(); operator.columns()];
        for row in 0..operator.rows() {
            operator.row(row, &mut |column, entry| {
                if let Some(mark) = columns.get_mut(column) {
                    mark.add(row, entry.re);
                }
            });
        }
        let mut places = vec![Fingerprint::default(); input.places()];
        for (element, column) in columns.iter().enumerate() {
            places.iter_mut().skip(input.place(element)).take(1).for_each(|place| *place = *column);
        }
        let mut sums: Vec<Vec<usize>> = Vec::new();
        let mut alike: BTreeMap<&[Fingerprint], usize> = BTreeMap::new();
        for (block, places) in places.chunks(input.slots()).enumerate() {
            if places.iter().all(|place| *place == Fingerprint::default()) {
                continue;
            }
            let number = *alike.entry(places).or_insert(sums.len());
            match sums.get_mut(number) {
                Some(sum) => sum.push(block),
                None => sums.push(vec![block]),
            }
        }
        (!sums.is_empty() && sums.iter().any(|sum| sum.len() > 1)).then(|| BlockSums::of(sums, blocks))
    }

    fn of(sums: Vec<Vec<usize>>, blocks: usize) -> BlockSums {
        let mut first_of = vec![None; blocks];
        for (number, sum) in sums.iter().enumerate() {
            if let Some(of) = sum.first().and_then(|first| first_of.get_mut(*first)) {
                *of = Some(number);
            }
        }
        BlockSums { sums, first_of }
    }

    /// The ciphertexts of each sum.
    pub fn sums(&self) -> &[Vec<usize>] {
        &self.sums
    }

    /// Ciphertexts that the value has before they are added.
    pub fn blocks(&self) -> usize {
        self.first_of.len()
    }

    /// Places that the map reads.
    pub(crate) fn places(&self, input: &Layout) -> usize {
        self.sums.len() * input.slots()
    }

    /// The place among the sums through which a map reads a place of the value: that of the first one in a sum, since the others come along.
    pub(crate) fn read(&self, place: usize, input: &Layout) -> Option<usize> {
        let number = (*self.first_of.get(place / input.slots())?)?;
        Some(number * input.slots() + place % input.slots())
    }

    /// The place of the value that stands for a place among the sums.
    pub(crate) fn stands_for(&self, place: usize, input: &Layout) -> Option<usize> {
        let first = self.sums.get(place / input.slots())?.first()?;
        Some(first * input.slots() + place % input.slots())
    }
}

/// Whether some row reads one slot of different ciphertexts with the same weight: a quick look, which spares most maps the long one.
fn seem_alike(operator: &Operator, input: &Layout) -> bool {
    /// Rows that are looked at.
    const ROWS: usize = 16;
    let apart = operator.rows().div_ceil(ROWS).max(1);
    (0..operator.rows()).step_by(apart).any(|row| {
        let mut read = Vec::new();
        operator.row(row, &mut |column, entry| {
            read.push((input.place(column) % input.slots(), entry.re.to_bits()));
        });
        read.sort_unstable();
        read.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
    })
}

/// A sum over the entries of a column that columns with other entries practically never share: 128 bits of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Fingerprint([u64; 2]);

impl Fingerprint {
    fn add(&mut self, row: usize, entry: f64) {
        let first = mixed(mixed(row as u64).wrapping_add(entry.to_bits()));
        let [low, high] = &mut self.0;
        *low = low.wrapping_add(first);
        *high = high.wrapping_add(mixed(first ^ entry.to_bits()));
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every bit depends on every bit.
fn mixed(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{AvgPool2d, Conv2d, Operation};
    use crate::lower::Lowered;
    use crate::pack::Order;
    use crate::tensor::Tensor;

    fn only_map(lowered: Lowered) -> Operator {
        match lowered {
            Lowered::Affine { mut maps, .. } => maps.pop().unwrap(),
            _ => panic!("a convolution and a pooling are maps"),
        }
    }

    fn pooling() -> Operator {
        only_map(AvgPool2d::new(2).lower(&[&[2, 8, 8]], &[2, 4, 4], &[]))
    }

    fn pooled_convolution() -> Operator {
        let weights = Tensor::new(&[2, 2, 3, 3], (1..=36).map(f64::from).collect()).unwrap();
        let convolution = Conv2d::new(2, 2, 3).without_bias();
        let convolution = only_map(convolution.lower(&[&[2, 4, 4]], &[2, 2, 2], &[&weights]));
        convolution.after(&pooling(), u64::MAX).unwrap()
    }

    #[test]
    fn what_is_pooled_is_added_where_it_lies_at_the_same_slot() {
        let operator = pooled_convolution();
        // Two channels of 4 x 4 pixels a part: a ciphertext each.
        let input = Layout::split_in(Order::Parts { groups: 1 }, &[2, 8, 8], 2, [4, 16], 32).unwrap();
        let sums = BlockSums::new(&operator, &input).unwrap();
        assert_eq!(sums.sums(), [[0, 1, 2, 3]]);
        // Two parts a ciphertext: the pixels of a window lie at different slots.
        let wide = Layout::split_in(Order::Parts { groups: 1 }, &[2, 8, 8], 2, [4, 16], 64).unwrap();
        assert_eq!(BlockSums::new(&operator, &wide).map(|sums| sums.sums().to_vec()), Some(vec![vec![0, 1]]));
        let together = Layout::multiplexed(&[2, 8, 8], 1, 8, 64);
        assert_eq!(BlockSums::new(&operator, &together), None);
    }

    #[test]
    fn what_is_never_read_is_in_no_sum() {
        // The first of two channels alone; a ciphertext each holds one part of one channel.
        let input = Layout::split_in(Order::Parts { groups: 1 }, &[2, 8, 8], 2, [4, 16], 16).unwrap();
        let first = Tensor::new(&[1, 2, 1, 1], vec![3.0, 0.0]).unwrap();
        let first = only_map(Conv2d::new(2, 1, 1).without_bias().lower(&[&[2, 4, 4]], &[1, 4, 4], &[&first]));
        let sums = BlockSums::new(&first.after(&pooling(), u64::MAX).unwrap(), &input).unwrap();
        assert_eq!(sums.sums(), [[0, 2, 4, 6]]);
        assert_eq!(sums.blocks(), 8);
        assert_eq!([sums.read(3, &input), sums.read(2 * 16 + 3, &input)], [Some(3), None]);
    }
}
