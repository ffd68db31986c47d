//! Slots to polynomials and back: the canonical embedding.
//!
//! Slot `j` is the value of the polynomial at `zeta^(5^j)`, zeta a primitive 2N-th root of unity, so that X -> X^5 moves all slots by
//! one (Cheon, Kim, Kim and Song 2017). A vector that repeats with period n is a polynomial in `X^(N / 2n)`: its transform is one of
//! size n.

mod fft;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use he_traits::{Complex64, Diagonal, Error, Result};

use crate::ring::{Basis, Coefficient, Modulus, Multiplier, Ntt, Poly, Ring};
use fft::Fft;

/// Encodes and decodes vectors for one ring degree. Immutable tables.
pub struct Encoder {
    degree: usize,
    fft: Fft,
}

/// Coefficients of masks that were met already.
pub(crate) type Masks = Mutex<HashMap<Mask, Arc<Vec<f64>>>>;

/// A vector of ones and zeros, some of either.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mask {
    len: usize,
    /// A bit a slot, the lowest first.
    words: Vec<u64>,
}

impl Mask {
    /// The number and the mask that `values` are the product of; `None` where they are none, or the same number everywhere.
    fn of(values: &Diagonal) -> Option<(f64, Self)> {
        let Diagonal::Real(values) = values else { return None };
        let number =
            values.iter().copied().find(|value| *value != 0.0).filter(|number| number.is_finite())?;
        let mut zeros = 0;
        let mut word = |values: &[f64]| {
            values.iter().rev().try_fold(0_u64, |word, value| {
                zeros += usize::from(*value == 0.0);
                (*value == 0.0 || *value == number).then_some(word << 1 | u64::from(*value == number))
            })
        };
        let words = values.chunks(64).map(&mut word).collect::<Option<Vec<u64>>>()?;
        (zeros > 0).then_some((number, Self { len: values.len(), words }))
    }

    fn slots(&self) -> Vec<Complex64> {
        let bits = self.words.iter().flat_map(|word| (0..64).map(move |bit| word >> bit & 1));
        bits.take(self.len).map(|bit| Complex64::new(bit as f64, 0.0)).collect()
    }
}

/// Larger coefficients overflow any modulus chain in use.
const LARGEST: f64 = 1e36;

impl Encoder {
    /// Tables for ring degree `degree`.
    pub fn new(degree: usize) -> Self {
        Self { degree, fft: Fft::new(degree / 2) }
    }

    /// `values` times `scale`, rounded, over `basis`. A constant costs no transform.
    ///
    /// # Errors
    /// [`Error::Shape`] when the period does not divide the slots, [`Error::Value`] for what is not finite or too large.
    pub fn encode(
        &self,
        ring: &Ring,
        op: &'static str,
        values: &Diagonal,
        scale: f64,
        basis: Basis,
    ) -> Result<Poly<Ntt>> {
        Ok(self.multiplier(op, values, scale)?.over(ring, basis))
    }

    /// `values` times `scale`, rounded: a constant, or the integer coefficients of a polynomial in the subring of the smallest
    /// period.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn multiplier(&self, op: &'static str, values: &Diagonal, scale: f64) -> Result<Multiplier> {
        values.check(op, self.degree / 2)?;
        if let Diagonal::Constant(value) = values {
            return Ok(Multiplier::Constant(checked(op, 0, value * scale)?));
        }
        let mut slots = values.complex().into_owned();
        slots.truncate(least_period(&slots));
        if let [Complex64 { re, im: 0.0 }] = slots.as_slice() {
            return Ok(Multiplier::Constant(checked(op, 0, re * scale)?));
        }
        self.fft.inverse(&mut slots);
        let real = slots.iter().enumerate().map(|(i, value)| checked(op, i, value.re * scale));
        let imaginary = slots.iter().enumerate().map(|(i, value)| checked(op, i, value.im * scale));
        Ok(Multiplier::Coefficients(real.chain(imaginary).collect::<Result<_>>()?))
    }

    /// As [`Encoder::multiplier`], where vectors that are a number times a mask share the coefficients of the mask in `masks`: the diagonals of
    /// a convolution whose channels lie in ciphertexts of their own are of that kind, thousands with the same few masks.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub(crate) fn shared_multiplier(
        &self,
        op: &'static str,
        values: &Diagonal,
        scale: f64,
        masks: &Masks,
    ) -> Result<Multiplier> {
        let Some((value, mask)) = Mask::of(values) else { return self.multiplier(op, values, scale) };
        values.check(op, self.degree / 2)?;
        let factor = value * scale;
        // No coefficient of a mask is larger than 1.
        checked(op, 0, factor)?;
        let known = masks.lock().ok().and_then(|masks| masks.get(&mask).cloned());
        let coefficients = known.unwrap_or_else(|| {
            let mut slots = mask.slots();
            slots.truncate(least_period(&slots));
            self.fft.inverse(&mut slots);
            let coefficients: Vec<f64> =
                slots.iter().map(|slot| slot.re).chain(slots.iter().map(|slot| slot.im)).collect();
            let coefficients = Arc::new(coefficients);
            if let Ok(mut masks) = masks.lock() {
                masks.insert(mask, Arc::clone(&coefficients));
            }
            coefficients
        });
        Ok(Multiplier::Scaled(coefficients, factor))
    }

    /// All slots of a polynomial over at most two limbs, divided by `scale`. Coefficients must be below half the product of its
    /// primes in absolute value.
    pub fn decode(&self, ring: &Ring, x: &Poly<Coefficient>, scale: f64) -> Vec<Complex64> {
        let half = self.degree / 2;
        let coefficients = centred(ring, x);
        let parts = coefficients.iter().zip(coefficients.iter().skip(half));
        let mut slots: Vec<Complex64> =
            parts.map(|(re, im)| Complex64::new(re / scale, im / scale)).take(half).collect();
        self.fft.forward(&mut slots);
        slots
    }
}

/// The smallest power of two after which the values, a power of two of them, repeat.
fn least_period(values: &[Complex64]) -> usize {
    let mut period = values.len();
    while period > 1 {
        let (first, second) = values.split_at(period / 2);
        if !first.iter().zip(second).all(|(a, b)| a == b) {
            break;
        }
        period /= 2;
    }
    period
}

fn checked(op: &'static str, position: usize, scaled: f64) -> Result<f64> {
    if scaled.abs() < LARGEST {
        return Ok(scaled.round());
    }
    Err(Error::Value {
        op,
        position,
        value: scaled,
        reason: "times the scale it is too large for the modulus",
    })
}

/// The coefficients nearest to zero, by the Chinese remainder theorem on the first two limbs.
fn centred(ring: &Ring, x: &Poly<Coefficient>) -> Vec<f64> {
    let moduli: Vec<&Modulus> = ring.moduli_of(x.basis()).take(2).collect();
    match moduli.as_slice() {
        [q] => {
            let half = q.value() / 2;
            let centre =
                |word: &u64| if *word > half { *word as f64 - q.value() as f64 } else { *word as f64 };
            x.limb(0).iter().map(centre).collect()
        }
        [q, r, ..] => {
            let product = u128::from(q.value()) * u128::from(r.value());
            let inverse = r.inverse(r.reduce_word(q.value()));
            let centre = |(low, high): (&u64, &u64)| {
                let difference = r.sub(*high, r.reduce_word(*low));
                let whole = u128::from(*low) + u128::from(q.value()) * u128::from(r.mul(difference, inverse));
                if whole > product / 2 { -((product - whole) as f64) } else { whole as f64 }
            };
            x.limb(0).iter().zip(x.limb(1)).map(centre).collect()
        }
        [] => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parameters;
    use crate::ring::{Automorphism, GaloisElement};

    fn naive(degree: usize, coefficients: &[f64], slot: usize) -> Complex64 {
        let exponent = (0..slot).fold(1_usize, |power, _| power * 5 % (2 * degree));
        let point = |i: usize| {
            Complex64::from_polar(
                1.0,
                std::f64::consts::PI * ((exponent * i) % (2 * degree)) as f64 / degree as f64,
            )
        };
        coefficients.iter().enumerate().map(|(i, c)| *c * point(i)).sum()
    }

    fn vector(n: usize) -> Vec<Complex64> {
        (0..n).map(|i| Complex64::new((i as f64 * 0.7).sin(), (i as f64 * 1.3).cos())).collect()
    }

    #[test]
    fn slots_are_values_at_the_powers_of_five() {
        let params = Parameters::insecure_for_tests(64, 2, 40).unwrap();
        let values = Diagonal::Complex(vector(32));
        let multiplier = params.encoder().multiplier("test", &values, 1e12).unwrap();
        let Multiplier::Coefficients(coefficients) = multiplier else { panic!("no constant") };
        for (slot, expected) in vector(32).iter().enumerate() {
            assert!((naive(64, &coefficients, slot) / 1e12 - expected).norm() < 1e-9, "slot {slot}");
        }
    }

    #[test]
    fn numbers_times_masks_are_what_they_are_by_themselves() {
        let params = Parameters::insecure_for_tests(256, 2, 40).unwrap();
        let (encoder, scale) = (params.encoder(), params.scale(2).unwrap());
        let masks = Masks::default();
        let masked = |number: f64, every: usize, len: usize| {
            let slots = (0..len).map(|slot| if slot % every == 1 { 0.0 } else { number });
            Diagonal::Real(slots.collect())
        };
        for number in [0.7, -3.1, 1e-9] {
            for (every, len) in [(3, 128), (8, 128), (3, 64)] {
                let values = masked(number, every, len);
                let multiplier = encoder.shared_multiplier("test", &values, scale, &masks).unwrap();
                let Multiplier::Scaled(coefficients, factor) = multiplier else { panic!("{values:?}") };
                let Multiplier::Coefficients(expected) = encoder.multiplier("test", &values, scale).unwrap()
                else {
                    panic!("{values:?}")
                };
                assert_eq!(coefficients.len(), expected.len());
                for (coefficient, expected) in coefficients.iter().zip(expected) {
                    // Half a unit, and a little, as sums are made in another order.
                    assert!((coefficient * factor - expected).abs() < 0.51, "{number} {every} {len}");
                }
            }
        }
        assert_eq!(masks.lock().unwrap().len(), 3);
        let others = [vec![0.5; 64], vec![0.0; 64], (0..64).map(f64::from).collect()];
        for values in others.map(Diagonal::Real) {
            let multiplier = encoder.shared_multiplier("test", &values, scale, &masks).unwrap();
            assert!(!matches!(multiplier, Multiplier::Scaled(..)), "{values:?}");
        }
    }

    #[test]
    fn every_period_and_level_comes_back() {
        for (degree, depth) in [(64, 3), (4096, 2)] {
            let params = Parameters::insecure_for_tests(degree, depth, 40).unwrap();
            let ring = params.ring().unwrap();
            for level in 0..=depth {
                let scale = params.scale(level).unwrap();
                let mut period = 1;
                while period <= degree / 2 {
                    let values = vector(period);
                    let encoded = params
                        .encoder()
                        .encode(ring, "test", &Diagonal::Complex(values.clone()), scale, params.basis(level))
                        .unwrap();
                    let slots = params.encoder().decode(ring, &ring.to_coefficients(encoded), scale);
                    // Rounding moves a slot by at most N / 2 units of the scale, about sqrt(N / 12) in the mean.
                    let worst = slots
                        .iter()
                        .zip(values.iter().cycle())
                        .map(|(a, b)| (a - b).norm())
                        .fold(0.0, f64::max);
                    let allowed = 6.0 * (degree as f64 / 12.0).sqrt() / scale;
                    assert!(worst < allowed.max(1e-13), "period {period}, level {level}: {worst}");
                    period *= 2;
                }
            }
        }
    }

    #[test]
    fn constants_are_the_same_with_and_without_a_transform() {
        let params = Parameters::insecure_for_tests(64, 2, 40).unwrap();
        let (ring, scale) = (params.ring().unwrap(), params.scale(2).unwrap());
        for value in [0.0, 1.0, -0.37, 1e7, -1e20] {
            let encode = |values: Diagonal| {
                params.encoder().encode(ring, "test", &values, scale, ring.extended(3)).unwrap()
            };
            let transformed = ring.values_of(ring.extended(3), &[(value * scale).round(), 0.0]);
            assert_eq!(encode(Diagonal::Constant(value)), transformed, "{value}");
            assert_eq!(encode(Diagonal::Real(vec![value; 8])), transformed, "{value}");
        }
    }

    #[test]
    fn periods_are_found_and_give_the_full_transform() {
        let degree = 1 << 12;
        let params = Parameters::insecure_for_tests(degree, 2, 40).unwrap();
        let (ring, scale) = (params.ring().unwrap(), params.scale(2).unwrap());
        for period in (1..12).map(|bits| 1 << bits) {
            let once = vector(period);
            let repeated = Diagonal::Complex(once.iter().copied().cycle().take(degree / 2).collect());
            let multiplier = params.encoder().multiplier("test", &repeated, scale).unwrap();
            let Multiplier::Coefficients(short) = multiplier else { panic!("no constant") };
            assert_eq!(short.len(), 2 * period);
            let mut full = vec![0_i64; degree];
            full.iter_mut().step_by(degree / short.len()).zip(&short).for_each(|(c, x)| *c = *x as i64);
            let basis = ring.extended(2);
            let full = ring.to_ntt(ring.from_signed(basis, &full));
            assert_eq!(params.encoder().encode(ring, "test", &repeated, scale, basis).unwrap(), full);
            // What maps keep: one of each run of equal values.
            let kept = ring.subring_values_of(basis, &short, 1.0);
            assert_eq!((kept.degree(), kept.basis()), (2 * period, basis));
            for (kept, full) in kept.limbs().zip(full.limbs()) {
                assert!(
                    kept.iter().zip(full.chunks(degree / short.len())).all(|(k, f)| f.iter().all(|w| w == k))
                );
            }
        }
    }

    #[test]
    fn the_automorphism_of_five_moves_slots_to_the_left() {
        let params = Parameters::insecure_for_tests(64, 2, 40).unwrap();
        let (ring, scale) = (params.ring().unwrap(), params.scale(2).unwrap());
        let values = vector(32);
        let encoded = params
            .encoder()
            .encode(ring, "test", &Diagonal::Complex(values.clone()), scale, params.basis(2))
            .unwrap();
        let by = |element| {
            let moved = ring.automorphism(&encoded, &Automorphism::new(element, 64));
            params.encoder().decode(ring, &ring.to_coefficients(moved), scale)
        };
        for (slot, got) in by(GaloisElement::rotation(3, 64)).iter().enumerate() {
            assert!((got - values[(slot + 3) % 32]).norm() < 1e-9);
        }
        for (got, value) in by(GaloisElement::conjugation(64)).iter().zip(&values) {
            assert!((got - value.conj()).norm() < 1e-9);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let params = Parameters::insecure_for_tests(64, 2, 40).unwrap();
        let ring = params.ring().unwrap();
        for values in
            [Diagonal::Real(vec![1.0; 3]), Diagonal::Real(vec![f64::NAN]), Diagonal::Constant(1e300)]
        {
            assert!(params.encoder().encode(ring, "test", &values, 1e12, params.basis(2)).is_err());
        }
    }
}
