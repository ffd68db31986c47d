//! Galois automorphisms: X goes to X^g.

/// An odd exponent modulo 2N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GaloisElement(u32);

impl GaloisElement {
    /// The automorphism that moves N/2 slots to the left by `step`: 5^step modulo 2N.
    #[must_use]
    pub fn rotation(step: usize, degree: usize) -> Self {
        let (mut result, mut square, mut rest) = (Self(1), Self(5), step % (degree / 2).max(1));
        while rest > 0 {
            if rest & 1 == 1 {
                result = result.then(square, degree);
            }
            square = square.then(square, degree);
            rest >>= 1;
        }
        result
    }

    /// Complex conjugation of the slots: -1 modulo 2N.
    #[must_use]
    pub fn conjugation(degree: usize) -> Self {
        Self((2 * degree - 1) as u32)
    }

    /// The exponent, odd and below 2N.
    #[must_use]
    pub fn exponent(self) -> usize {
        self.0 as usize
    }

    /// This automorphism and another, one after the other (the group is commutative).
    #[must_use]
    pub fn then(self, other: Self, degree: usize) -> Self {
        Self(self.0.wrapping_mul(other.0) & (2 * degree - 1) as u32)
    }

    /// The element that undoes this one.
    #[must_use]
    pub fn inverse(self, degree: usize) -> Self {
        // Newton's iteration modulo a power of two: every round doubles the bits that are right, from 3.
        let inverse = (0..4).fold(self.0, |x, _| x.wrapping_mul(2u32.wrapping_sub(self.0.wrapping_mul(x))));
        Self(inverse & (2 * degree - 1) as u32)
    }
}

/// An automorphism with the permutation by which it acts on values in NTT form.
///
/// Position i holds the value at psi^(2 r(i) + 1), r the bit reversal, so the result at i is the input at the
/// position of exponent (2 r(i) + 1) g. The lowest three bits of a position are the highest of its exponent: eight
/// neighbours come from eight neighbours, so the table holds one block and one shift for every eight positions.
#[derive(Clone, Debug)]
pub struct Automorphism {
    element: GaloisElement,
    /// For each block of eight positions: the block it comes from.
    blocks: Vec<u32>,
    /// For each block: one of eight orders of its words.
    orders: Vec<u8>,
    /// The eight orders: position within the source block for each position within the block.
    lanes: [[u64; 8]; 8],
}

impl Automorphism {
    /// The permutation of `element` in the ring of `degree` N.
    #[must_use]
    pub fn new(element: GaloisElement, degree: usize) -> Self {
        let (degree, g) = (degree as u64, element.exponent() as u64);
        let count = degree / 8;
        let bits = count.trailing_zeros();
        let reverse = |value: u64| value.reverse_bits() >> (u64::BITS - bits);
        let (mut blocks, mut orders) = (Vec::new(), Vec::new());
        for block in 0..count {
            let exponent = (2 * reverse(block) + 1) * g;
            // 2N = 8 * 2 count: below 2 count lies the block, above it the carry into the words' order.
            blocks.push(reverse(exponent % (2 * count) / 2) as u32);
            orders.push((exponent / (2 * count) % 8) as u8);
        }
        let reverse3 = |value: u64| (value & 1) << 2 | value & 2 | value >> 2;
        let order = |carry: u64| std::array::from_fn(|i| reverse3((reverse3(i as u64) * g + carry) % 8));
        Self { element, blocks, orders, lanes: std::array::from_fn(|carry| order(carry as u64)) }
    }

    /// The exponent that it raises X to.
    #[must_use]
    pub fn element(&self) -> GaloisElement {
        self.element
    }

    /// Source block and order of the words, block after block.
    pub(crate) fn blocks(&self) -> impl ExactSizeIterator<Item = (usize, &[u64; 8])> {
        self.blocks.iter().zip(&self.orders).map(|(&block, &order)| {
            #[expect(clippy::indexing_slicing, reason = "orders are taken modulo 8")]
            (block as usize, &self.lanes[usize::from(order)])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverses_and_periods() {
        let degree = 1 << 12;
        for step in [0, 1, 5, 2047, 2048, 123_456] {
            let g = GaloisElement::rotation(step, degree);
            assert_eq!(g.then(g.inverse(degree), degree), GaloisElement(1));
            assert_eq!(g.inverse(degree), GaloisElement::rotation(2048 - step % 2048, degree));
        }
        let conjugation = GaloisElement::conjugation(degree);
        assert_eq!(conjugation.then(conjugation, degree), GaloisElement(1));
        assert_eq!(GaloisElement::rotation(2048, degree), GaloisElement(1));
    }

    #[test]
    fn permutation_follows_the_exponents() {
        for bits in [5, 12] {
            let degree = 1usize << bits;
            let reverse = |i: usize| i.reverse_bits() >> (usize::BITS - bits);
            for step in [1, 3, 700] {
                for conjugate in [false, true] {
                    let mut g = GaloisElement::rotation(step, degree);
                    if conjugate {
                        g = g.then(GaloisElement::conjugation(degree), degree);
                    }
                    let automorphism = Automorphism::new(g, degree);
                    for (block, (source, lanes)) in automorphism.blocks().enumerate() {
                        for (lane, &from) in lanes.iter().enumerate() {
                            let exponent = 2 * reverse(8 * block + lane) + 1;
                            let wanted = exponent * g.exponent() % (2 * degree);
                            assert_eq!(2 * reverse(8 * source + from as usize) + 1, wanted);
                        }
                    }
                }
            }
        }
    }
}
