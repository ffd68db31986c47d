//! The order of slots: ours follows the powers of 5, SEAL's the powers of 3.
//!
//! Slot k here is the value of the plaintext polynomial at zeta^(5^k), where zeta is a primitive 2N-th root of unity; in SEAL it is
//! the value at zeta^(3^k). The slots are the same numbers up to order and conjugation, since 5^k is 3^j or -3^j modulo 2N. The
//! powers of 5 are all 1 modulo 4, so X^(N/2) has the value i in *every* slot of ours: multiplication by i is a shift of
//! coefficients, exact and without a level. With the powers of 3 the value alternates between i and -i.
//!
//! Rotation by a step is the automorphism X -> X^(5^step), conjugation is X -> X^(-1).

use num_complex::Complex64;

/// The translation between the two orders for one ring.
pub(crate) struct SlotOrder {
    /// For each of our slots, SEAL's slot; the top bit says that the value is conjugated there.
    to_seal: Vec<u32>,
    ring_degree: usize,
}

const CONJUGATED: u32 = 1 << 31;

impl SlotOrder {
    pub(crate) fn new(ring_degree: usize) -> Self {
        let slots = ring_degree / 2;
        let modulus = 2 * ring_degree;
        // SEAL's slot of each odd exponent, indexed by (exponent - 1) / 2.
        let mut slot_of = vec![0_u32; ring_degree];
        let mut exponent = 1;
        for slot in 0..slots as u32 {
            for (odd, entry) in [(exponent, slot), (modulus - exponent, slot | CONJUGATED)] {
                if let Some(place) = slot_of.get_mut(odd / 2) {
                    *place = entry;
                }
            }
            exponent = exponent * 3 % modulus;
        }
        let mut exponent = 1;
        let to_seal = (0..slots)
            .map(|_| {
                let entry = slot_of.get(exponent / 2).copied().unwrap_or(0);
                exponent = exponent * 5 % modulus;
                entry
            })
            .collect();
        Self { to_seal, ring_degree }
    }

    pub(crate) fn slots(&self) -> usize {
        self.to_seal.len()
    }

    /// Places a vector that repeats until it fills the slots in SEAL's order.
    pub(crate) fn place_real(&self, period: &[f64]) -> Vec<f64> {
        let mut placed = vec![0.0; self.slots()];
        for (entry, value) in self.to_seal.iter().zip(period.iter().cycle()) {
            if let Some(slot) = placed.get_mut((entry & !CONJUGATED) as usize) {
                *slot = *value;
            }
        }
        placed
    }

    /// The same for complex values, as real and imaginary parts in turn.
    pub(crate) fn place_complex(&self, period: &[Complex64]) -> Vec<f64> {
        let mut placed = vec![0.0; 2 * self.slots()];
        for (entry, value) in self.to_seal.iter().zip(period.iter().cycle()) {
            let imaginary = if entry & CONJUGATED == 0 { value.im } else { -value.im };
            let at = 2 * (entry & !CONJUGATED) as usize;
            if let Some([re, im]) = placed.get_mut(at..at + 2) {
                (*re, *im) = (value.re, imaginary);
            }
        }
        placed
    }

    /// Reads SEAL's slots back.
    #[cfg(feature = "client")]
    pub(crate) fn collect(&self, interleaved: &[f64]) -> Vec<Complex64> {
        self.to_seal
            .iter()
            .map(|entry| {
                let at = 2 * (entry & !CONJUGATED) as usize;
                match interleaved.get(at..at + 2) {
                    Some(&[re, im]) if entry & CONJUGATED == 0 => Complex64::new(re, im),
                    Some(&[re, im]) => Complex64::new(re, -im),
                    _ => Complex64::ZERO,
                }
            })
            .collect()
    }

    /// The automorphism that rotates the slots left by `step`.
    pub(crate) fn galois_element(&self, step: usize) -> u32 {
        let modulus = 2 * self.ring_degree as u64;
        let (mut power, mut exponent, mut element) = (5_u64, step, 1_u64);
        while exponent > 0 {
            if exponent & 1 == 1 {
                element = element * power % modulus;
            }
            power = power * power % modulus;
            exponent >>= 1;
        }
        element as u32 // below 2N, at most 65536
    }

    /// The automorphism that conjugates every slot.
    pub(crate) fn conjugation_element(&self) -> u32 {
        2 * self.ring_degree as u32 - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_used_once() {
        for ring_degree in [16, 64, 8192] {
            let order = SlotOrder::new(ring_degree);
            let mut seen = vec![false; ring_degree / 2];
            for entry in &order.to_seal {
                let slot = (entry & !CONJUGATED) as usize;
                assert!(!std::mem::replace(&mut seen[slot], true));
            }
        }
    }

    #[test]
    fn entries_name_the_same_root_up_to_conjugation() {
        let order = SlotOrder::new(1024);
        let mut five = 1_u64;
        for entry in &order.to_seal {
            let mut three = 1_u64;
            for _ in 0..entry & !CONJUGATED {
                three = three * 3 % 2048;
            }
            let expected = if entry & CONJUGATED == 0 { three } else { 2048 - three };
            assert_eq!(five, expected);
            five = five * 5 % 2048;
        }
    }

    #[test]
    fn galois_elements_multiply_as_steps_add() {
        let order = SlotOrder::new(4096);
        let product = u64::from(order.galois_element(700)) * u64::from(order.galois_element(1700)) % 8192;
        assert_eq!(product, u64::from(order.galois_element((700 + 1700) % 2048)));
        assert_eq!(order.galois_element(0), 1);
    }
}
