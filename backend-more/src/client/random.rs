//! Random numbers for keys and random lanes.

use nalgebra::DMatrix;
use rand::CryptoRng;
use zeroize::Zeroizing;

/// Random bytes that are asked for at once.
const BATCH: usize = 512;

/// A number from [0, 1) with 53 random bits.
fn from_bits(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// One number from [0, 1).
pub(super) fn unit(rng: &mut dyn CryptoRng) -> f64 {
    from_bits(rng.next_u64())
}

/// Appends `count` numbers from [low, high).
pub(super) fn fill(target: &mut Vec<f64>, count: usize, low: f64, high: f64, rng: &mut dyn CryptoRng) {
    let mut bytes = Zeroizing::new([0u8; 8 * BATCH]);
    let mut left = count;
    while left > 0 {
        let part = left.min(BATCH);
        let Some(bytes) = bytes.get_mut(..8 * part) else { return };
        rng.fill_bytes(bytes);
        target.extend(
            bytes.as_chunks().0.iter().map(|word| low + (high - low) * from_bits(u64::from_le_bytes(*word))),
        );
        left -= part;
    }
}

/// The interval that a vector spans. One that is a point is widened to half its size on both sides, on the same side of zero; around
/// zero, to [-1/2, 1/2].
pub(super) fn data_range(values: &[f64]) -> (f64, f64) {
    let (low, high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    let margin = match low.abs() {
        0.0 => 0.5,
        size => 0.5 * size,
    };
    if low < high { (low, high) } else { (low - margin, high + margin) }
}

/// A random orthogonal matrix, from the QR decomposition of normally distributed numbers.
pub(super) fn orthogonal(size: usize, rng: &mut dyn CryptoRng) -> DMatrix<f64> {
    let normal = |rng: &mut dyn CryptoRng| {
        // Box and Muller 1958.
        let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
        radius * (std::f64::consts::TAU * unit(rng)).cos()
    };
    DMatrix::from_fn(size, size, |_, _| normal(rng)).qr().q()
}
