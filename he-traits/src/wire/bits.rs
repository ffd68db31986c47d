//! Integers below a bound in as many bits each as the bound has: what residues modulo a prime take at least.
//!
//! The first number stands in the lowest bits of the first byte. A run of numbers ends at a whole byte.

/// Bytes that `count` numbers of `bits` bits take; none where their number overflows.
///
/// ```
/// assert_eq!(he_traits::wire::bits::bytes(8, 37), Some(37));
/// assert_eq!(he_traits::wire::bits::bytes(3, 3), Some(2));
/// ```
pub fn bytes(count: usize, bits: u32) -> Option<usize> {
    Some(count.checked_mul(bits as usize)?.div_ceil(8))
}

/// Appends the lowest `bits` bits of each number, 64 at most.
pub fn pack(numbers: &[u64], bits: u32, out: &mut Vec<u8>) {
    let bits = bits.min(u64::BITS);
    let mask = mask(bits);
    let (mut word, mut filled) = (0_u128, 0);
    for number in numbers {
        word |= u128::from(number & mask) << filled;
        filled += bits;
        if filled >= u64::BITS {
            out.extend_from_slice(&(word as u64).to_le_bytes());
            word >>= u64::BITS;
            filled -= u64::BITS;
        }
    }
    let rest = word.to_le_bytes();
    out.extend(rest.iter().take(filled.div_ceil(8) as usize));
}

/// Reads what [`pack`] wrote. Where `packed` has fewer bytes than [`bytes()`] says, the numbers that are not there are 0.
///
/// ```
/// use he_traits::wire::bits::{pack, unpack};
///
/// let (mut packed, mut back) = (Vec::new(), [0; 3]);
/// pack(&[5, 0, 6], 3, &mut packed);
/// unpack(&packed, 3, &mut back);
/// assert_eq!((packed.len(), back), (2, [5, 0, 6]));
/// ```
pub fn unpack(packed: &[u8], bits: u32, numbers: &mut [u64]) {
    let bits = bits.min(u64::BITS);
    let mask = mask(bits);
    let (words, rest) = packed.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let mut words = words.iter().chain(std::iter::once(&last)).map(|word| u64::from_le_bytes(*word));
    let (mut word, mut filled) = (0_u128, 0);
    for number in numbers {
        if filled < bits {
            word |= u128::from(words.next().unwrap_or_default()) << filled;
            filled += u64::BITS;
        }
        *number = word as u64 & mask;
        word >>= bits;
        filled -= bits;
    }
}

fn mask(bits: u32) -> u64 {
    u64::MAX.checked_shr(u64::BITS - bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_come_back_in_the_fewest_bytes() {
        for bits in 1..=64 {
            for count in [0, 1, 2, 3, 7, 8, 63, 64, 65, 200] {
                let number =
                    |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(i as u32) & mask(bits);
                let numbers: Vec<u64> = (1..=count).map(number).collect();
                let mut packed = Vec::new();
                pack(&numbers, bits, &mut packed);
                assert_eq!(Some(packed.len()), bytes(numbers.len(), bits), "{count} of {bits} bits");
                let mut back = vec![1; numbers.len()];
                unpack(&packed, bits, &mut back);
                assert_eq!(back, numbers, "{count} of {bits} bits");
            }
        }
    }

    #[test]
    fn the_first_number_stands_in_the_lowest_bits() {
        let mut packed = vec![9];
        pack(&[0b101, 0xff01, 0b11], 3, &mut packed);
        assert_eq!(packed, [9, 0b1100_1101, 0]);
    }

    #[test]
    fn missing_bytes_are_zeros() {
        let mut back = [7; 4];
        unpack(&[0xff, 0xff], 12, &mut back);
        assert_eq!(back, [0xfff, 0xf, 0, 0]);
    }
}
