//! How exact the values are after each step: the program on ciphertexts beside the same steps in the clear. Needs the secret.
//!
//! The slots that a value's [layout](crate::Layout) names are compared, and no others: in the rest there is noise, which nobody reads.

use he_traits::decorators::Checker;
use he_traits::{ClearCiphertext, Decryptor, Evaluator};
use num_complex::Complex64;

use crate::error::{Error, Result};
use crate::run::{Prepared, Progress};

/// How far the decrypted elements of a step's tensors are from those of the clear run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StepPrecision {
    /// Elements compared, all samples together.
    pub elements: usize,
    /// The largest absolute error.
    pub largest_error: f64,
    /// Root mean square of the errors.
    pub rms_error: f64,
    /// Root mean square of the elements in the clear.
    pub rms: f64,
}

impl StepPrecision {
    /// `-log2` of the largest error relative to the elements' root mean square. `None` without any error, and where all elements are 0 in
    /// the clear or an error is not finite.
    #[must_use]
    pub fn worst_bits(&self) -> Option<f64> {
        bits(self.largest_error / self.rms)
    }

    /// As [`StepPrecision::worst_bits`], of the root mean square of the errors: what a typical element has.
    #[must_use]
    pub fn typical_bits(&self) -> Option<f64> {
        bits(self.rms_error / self.rms)
    }
}

fn bits(relative: f64) -> Option<f64> {
    Some(-relative.log2()).filter(|bits| bits.is_finite())
}

/// Sums over the elements of one step.
#[derive(Clone, Copy, Default)]
struct Sums {
    elements: usize,
    largest: f64,
    errors: f64,
    squares: f64,
}

impl Sums {
    fn add(&mut self, clear: f64, decrypted: f64) {
        let error = (decrypted - clear).abs();
        self.elements += 1;
        self.largest = if error.is_nan() { f64::INFINITY } else { self.largest.max(error) };
        self.errors += error * error;
        self.squares += clear * clear;
    }

    fn precision(&self) -> StepPrecision {
        let rms = |squares: f64| (squares / self.elements.max(1) as f64).sqrt();
        StepPrecision {
            elements: self.elements,
            largest_error: self.largest,
            rms_error: rms(self.errors),
            rms: rms(self.squares),
        }
    }
}

impl<C, E> Prepared<E>
where
    C: Clone + Send + Sync,
    E: Evaluator<Ciphertext = (C, ClearCiphertext)>,
{
    /// Runs the program on samples, and tells how exact the values are after each step. `evaluator` is a
    /// [`Checked`](he_traits::decorators::Checked), or one [behind round trips](he_traits::decorators::RoundTrip) whose owner leaves
    /// the clear side as it is; `checker` is its hook.
    ///
    /// # Shapes
    /// `samples` as for [`Prepared::run`]; the result has one entry a step.
    ///
    /// # Errors
    /// As [`Prepared::run`], and [`Error::Step`] with those of the decryptor.
    pub fn precision<D: Decryptor<Ciphertext = C>>(
        &self,
        evaluator: &E,
        checker: &Checker<D>,
        samples: Vec<Vec<(C, ClearCiphertext)>>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<StepPrecision>> {
        let program = self.program();
        let mut sums = vec![Sums::default(); program.steps().len()];
        self.run_steps(evaluator, samples, progress, &mut |index, value, blocks| {
            let (Some(sums), Some(step)) = (sums.get_mut(index), program.steps().get(index)) else {
                return Ok(());
            };
            let layout = program.layout(value);
            for sample in blocks.chunks(layout.blocks()) {
                let (mut decrypted, mut clear) = (Vec::new(), Vec::new());
                for block in sample {
                    let (got, expected) = checker
                        .both_sides(block)
                        .map_err(|source| Error::Step { step: step.name.clone(), source })?;
                    decrypted.push(real(&got));
                    clear.push(real(expected));
                }
                let (decrypted, clear) = (layout.unpack(&decrypted)?, layout.unpack(&clear)?);
                clear.iter().zip(&decrypted).for_each(|(clear, decrypted)| sums.add(*clear, *decrypted));
            }
            Ok(())
        })?;
        Ok(sums.iter().map(Sums::precision).collect())
    }
}

fn real(slots: &[Complex64]) -> Vec<f64> {
    slots.iter().map(|slot| slot.re).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_relative_to_the_root_mean_square() {
        let mut sums = Sums::default();
        [(8.0, 8.0), (-8.0, -8.0), (8.0, 8.5), (8.0, 8.0)].iter().for_each(|(c, d)| sums.add(*c, *d));
        let precision = sums.precision();
        assert_eq!((precision.elements, precision.rms, precision.largest_error), (4, 8.0, 0.5));
        assert_eq!((precision.worst_bits(), precision.typical_bits()), (Some(4.0), Some(5.0)));
        sums.add(1.0, f64::NAN);
        assert_eq!(sums.precision().worst_bits(), None);
        assert_eq!(StepPrecision::default().typical_bits(), None);
        let same = StepPrecision { rms: 1.0, ..StepPrecision::default() };
        assert_eq!(same.worst_bits(), None);
    }
}
