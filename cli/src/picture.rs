//! Tensors as pictures: PNG in base64, as records hold them.

use base64::Engine;
use nn_layers::Tensor;

use crate::failure::Failure;

/// What a tensor shows, grey or in colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Size {
    /// Of the images `[n, 1 or 3, height, width]`; `None` for other tensors.
    pub(crate) fn of(tensor: &Tensor) -> Option<Size> {
        match *tensor.shape() {
            [_, channels @ (1 | 3), height, width] if height * width > 1 => {
                Some(Size { channels, height, width })
            }
            _ => None,
        }
    }
}

/// `values` (channels first) from black to white: between the two numbers of `range`, or from the smallest to the largest of them.
pub(crate) fn encoded(values: &[f64], size: Size, range: Option<[f64; 2]>) -> Result<String, Failure> {
    let bytes = png(&interleaved(values, size.channels, range), size)
        .map_err(|error| Failure::failed(format!("a picture cannot be drawn: {error}")))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// Smallest and largest number.
pub(crate) fn range(values: &[f64]) -> [f64; 2] {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    [low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)]
}

/// Channels last.
fn interleaved(values: &[f64], channels: usize, between: Option<[f64; 2]>) -> Vec<u8> {
    let [low, high] = between.unwrap_or_else(|| range(values));
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    let plane = values.len() / channels.max(1);
    let value = |pixel: usize, channel: usize| values.get(channel * plane + pixel).copied().unwrap_or(low);
    (0..plane)
        .flat_map(|pixel| (0..channels).map(move |channel| (pixel, channel)))
        .map(|(pixel, channel)| ((value(pixel, channel) - low) * scale).round().clamp(0.0, 255.0) as u8)
        .collect()
}

fn png(pixels: &[u8], size: Size) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width as u32, size.height as u32);
    encoder.set_color(if size.channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_scaled_and_interleaved() {
        assert_eq!(interleaved(&[-1.0, 1.0, 0.0, 1.0], 1, None), [0, 255, 128, 255]);
        assert_eq!(interleaved(&[0.0, 1.0, 1.0, 0.0, 0.0, 0.0], 3, None), [0, 255, 0, 255, 0, 0]);
        assert_eq!(interleaved(&[2.0, 2.0], 1, None), [0, 0]);
        assert_eq!(interleaved(&[-3.0, 0.5, 7.0], 1, Some([0.0, 1.0])), [0, 128, 255]);
        let size = Size { channels: 1, height: 2, width: 2 };
        assert!(png(&[0, 255, 128, 255], size).unwrap().starts_with(b"\x89PNG"));
        assert_eq!(Size::of(&Tensor::zeros(&[5, 1, 2, 2])), Some(size));
        assert_eq!(Size::of(&Tensor::zeros(&[5, 4])), None);
    }
}
