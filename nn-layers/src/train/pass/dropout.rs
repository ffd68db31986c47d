//! Dropout: in training some values are left out at random, and the others made larger by as much. Which ones is public.

use he_traits::Result;
use he_traits::algebra::Algebra;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{Draw, Gradients, Pass, Seen};

pub(super) struct DropoutPass {
    /// Share of values that is left out.
    pub(super) rate: f64,
    /// Place of the layer in its network: two layers do not leave out the same values.
    pub(super) node: usize,
}

impl DropoutPass {
    /// What every value is multiplied by: 0, or 1 over the share that is kept.
    fn mask(&self, draw: Draw, len: usize) -> Vec<f64> {
        let mut rng = ChaCha20Rng::seed_from_u64(draw.seed.wrapping_add(self.node as u64));
        // The stream of the order of samples is the number of the epoch alone.
        rng.set_stream(((draw.epoch as u64 + 1) << 32) | draw.sample as u64);
        (0..len).map(|_| if rng.random_bool(self.rate) { 0.0 } else { 1.0 / (1.0 - self.rate) }).collect()
    }
}

impl<A: Algebra> Pass<A> for DropoutPass {
    fn forward(
        &self,
        algebra: &A,
        inputs: &[&A::Tensor],
        _parameters: &[A::Tensor],
    ) -> Result<(A::Tensor, Option<A::Tensor>)> {
        Ok((inputs.first().map_or_else(|| algebra.zeros(0), |x| (*x).clone()), None))
    }

    fn forward_in_training(
        &self,
        algebra: &A,
        inputs: &[&A::Tensor],
        parameters: &[A::Tensor],
        draw: Draw,
    ) -> Result<(A::Tensor, Option<A::Tensor>)> {
        let [x, ..] = inputs else { return self.forward(algebra, inputs, parameters) };
        let mask = algebra.constants(&self.mask(draw, algebra.len(x)));
        Ok((algebra.mul(x, &mask)?, Some(mask)))
    }

    fn backward(
        &self,
        algebra: &A,
        seen: &Seen<'_, A::Tensor>,
        gradient: &A::Tensor,
    ) -> Result<Gradients<A::Tensor>> {
        let input = match seen.kept {
            _ if !seen.wants_inputs => None,
            Some(mask) => Some(algebra.mul(gradient, mask)?),
            None => Some(gradient.clone()),
        };
        Ok(Gradients { inputs: vec![input], parameters: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_left_out_and_the_mean_stays() {
        let pass = DropoutPass { rate: 0.25, node: 3 };
        let draw = Draw { seed: 1, epoch: 2, sample: 5 };
        let mask = pass.mask(draw, 10_000);
        let left_out = mask.iter().filter(|factor| **factor == 0.0).count();
        assert!((2300..2700).contains(&left_out), "{left_out}");
        assert!((mask.iter().sum::<f64>() / 10_000.0 - 1.0).abs() < 0.03);
        assert_eq!(mask, pass.mask(draw, 10_000));
        for other in [Draw { seed: 2, ..draw }, Draw { epoch: 3, ..draw }, Draw { sample: 6, ..draw }] {
            assert_ne!(mask, pass.mask(other, 10_000));
        }
        assert_ne!(mask, DropoutPass { node: 4, ..pass }.mask(draw, 10_000));
    }
}
