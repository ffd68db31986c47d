//! Fourfold augmentation of training images, as in the paper: rotated by up to 10 degrees, zoomed, shifted. It does not print how far
//! it zooms and shifts; 10% and 5% are ours.

use rand::{Rng, RngExt};

/// Largest rotation, in degrees.
const ROTATION: f64 = 10.0;
/// Largest change of size.
const ZOOM: f64 = 0.1;
/// Largest shift, as a share of the side.
const SHIFT: f64 = 0.05;

/// What becomes of one image: itself, and three transformed ones.
pub(super) const VARIANTS: usize = 4;

/// A variant of a square image of `side` pixels: the first is the image itself, others are drawn anew.
pub(super) fn variant(image: Vec<f64>, side: usize, variant: usize, rng: &mut impl Rng) -> Vec<f64> {
    if variant == 0 { image } else { transformed(&image, side, rng) }
}

/// A square image of `side` pixels, transformed; what comes from outside of it is the nearest pixel of its edge.
fn transformed(image: &[f64], side: usize, rng: &mut impl Rng) -> Vec<f64> {
    let mut between = |reach: f64| rng.random_range(-reach..=reach);
    let (angle, zoom) = (between(ROTATION).to_radians(), 1.0 + between(ZOOM));
    let (shift_x, shift_y) = (between(SHIFT) * side as f64, between(SHIFT) * side as f64);
    let (sin, cos) = (angle.sin() / zoom, angle.cos() / zoom);
    let centre = (side as f64 - 1.0) / 2.0;
    let at = |y: usize, x: usize| image.get(y * side + x).copied().unwrap_or(0.0);
    (0..side * side)
        .map(|place| {
            let (y, x) = ((place / side) as f64 - centre - shift_y, (place % side) as f64 - centre - shift_x);
            let most = side as f64 - 1.0;
            let from_y = (cos * y + sin * x + centre).clamp(0.0, most);
            let from_x = (cos * x - sin * y + centre).clamp(0.0, most);
            let (top, left) = (from_y as usize, from_x as usize);
            let (bottom, right) = ((top + 1).min(side - 1), (left + 1).min(side - 1));
            let (dy, dx) = (from_y - top as f64, from_x - left as f64);
            (1.0 - dy) * ((1.0 - dx) * at(top, left) + dx * at(top, right))
                + dy * ((1.0 - dx) * at(bottom, left) + dx * at(bottom, right))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn transformed_images_keep_their_range_and_most_of_their_mean() {
        let side = 32;
        let image: Vec<f64> =
            (0..side * side).map(|i| f64::from(u8::from((i / side + i % side) % 8 < 4))).collect();
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let mean = |image: &[f64]| image.iter().sum::<f64>() / image.len() as f64;
        let mut different = 0;
        for _ in 0..20 {
            let other = transformed(&image, side, &mut rng);
            assert!(other.len() == image.len() && other.iter().all(|v| (0.0..=1.0).contains(v)));
            assert!((mean(&other) - mean(&image)).abs() < 0.1);
            different += usize::from(other != image);
        }
        assert_eq!(different, 20);
        let flat = vec![0.25; side * side];
        assert!(transformed(&flat, side, &mut rng).iter().all(|v| (v - 0.25).abs() < 1e-12));
    }
}
