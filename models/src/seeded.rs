//! Weights and inputs of networks that nobody trained yet: drawn from a seed, well scaled, and called untrained.

use nn_layers::{Network, Tensor, Weights, train};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::error::ModelError;

/// Images on which weights are scaled.
const IMAGES: usize = 16;

/// Weights of `network`, whose input is `[C, H, W]`, scaled on seeded images.
///
/// # Errors
/// Those of the layers; none for a network that was built.
pub fn weights(network: &Network, seed: u64) -> Result<Weights, ModelError> {
    let shape = <[usize; 3]>::try_from(network.input_shape()).unwrap_or([1, 1, 1]);
    Ok(train::scaled(network, &images(shape, IMAGES, seed.wrapping_add(1)), seed)?)
}

/// Smooth random images `[count, C, H, W]` of about unit variance: a few waves a channel, some noise, and contrast and brightness that
/// differ from image to image.
pub fn images(shape: [usize; 3], count: usize, seed: u64) -> Tensor {
    /// Waves of a channel.
    const WAVES: usize = 5;
    let [channels, height, width] = shape;
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut images = Tensor::zeros(&[count, channels, height, width]);
    for image in images.data_mut().chunks_exact_mut((channels * height * width).max(1)) {
        let (contrast, brightness) = (rng.random_range(0.5..1.5), rng.random_range(-0.5..0.5));
        for plane in image.chunks_exact_mut((height * width).max(1)) {
            let waves: [[f64; 3]; WAVES] = std::array::from_fn(|_| {
                let turns = rng.random_range(-3.0..3.0) * std::f64::consts::TAU;
                [
                    turns / height as f64,
                    rng.random_range(0.0..3.0) * std::f64::consts::TAU / width as f64,
                    rng.random_range(0.0..std::f64::consts::TAU),
                ]
            });
            for (index, value) in plane.iter_mut().enumerate() {
                let (y, x) = ((index / width) as f64, (index % width) as f64);
                let sum: f64 =
                    waves.iter().map(|[down, right, phase]| (down * y + right * x + phase).sin()).sum();
                *value = brightness + contrast * (0.6 * sum + rng.random_range(-0.5..0.5));
            }
        }
    }
    images
}
