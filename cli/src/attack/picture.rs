//! A sample beside what was recovered from its ciphertext, as a PNG and for the terminal.

use std::path::Path;

use backend_more::{Ciphertext, Parameters};
use he_traits::wire::Decode;

use super::files;
use crate::failure::Failure;

/// Pixels that stand for one in the PNG.
const ZOOM: usize = 8;
/// Pixels between pictures.
const MARGIN: usize = 4;

/// Grey pictures of one size: the original, one plane of its ciphertext, and what was recovered.
#[derive(Clone, Debug)]
pub(crate) struct Pictures {
    width: usize,
    height: usize,
    pictures: Vec<Vec<u8>>,
}

impl Pictures {
    /// The pictures of a sample; `None` where samples are no images of one channel.
    pub(super) fn new(
        shape: &[usize],
        original: &[f64],
        ciphertext: &Path,
        parameters: &Parameters,
        recovered: &[f64],
    ) -> Result<Option<Self>, Failure> {
        let [1, height, width] = *shape else { return Ok(None) };
        let ciphertext = Ciphertext::from_bytes(&files::read(ciphertext)?, parameters)?;
        let plane = ciphertext.planes().next().unwrap_or(&[]);
        let pictures = [original, plane, recovered]
            .into_iter()
            .filter(|values| values.len() == width * height)
            .map(grey)
            .collect();
        Ok(Some(Self { width, height, pictures }))
    }

    /// Side by side, two lines of pixels in one line of text.
    pub(super) fn terminal(&self) -> String {
        const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
        let mut text = String::new();
        for line in 0..self.height.div_ceil(2) {
            for picture in &self.pictures {
                for x in 0..self.width {
                    let at = |y: usize| picture.get(y * self.width + x).copied().unwrap_or(0);
                    let mean = (usize::from(at(2 * line)) + usize::from(at(2 * line + 1))) / 2;
                    text.push(SHADES.get(mean * SHADES.len() / 256).copied().unwrap_or(' '));
                }
                text.push_str("  │  ");
            }
            text.push('\n');
        }
        text
    }

    /// Writes them side by side as a PNG.
    pub(super) fn save(&self, path: &Path) -> Result<(), Failure> {
        let count = self.pictures.len();
        let width = (count * (self.width + MARGIN)).saturating_sub(MARGIN) * ZOOM;
        let height = self.height * ZOOM;
        let pixel = |x: usize, y: usize| {
            let (x, y) = (x / ZOOM, y / ZOOM);
            let (index, x) = (x / (self.width + MARGIN), x % (self.width + MARGIN));
            let picture = self.pictures.get(index).filter(|_| x < self.width);
            picture.and_then(|picture| picture.get(y * self.width + x)).copied().unwrap_or(128)
        };
        let pixels: Vec<u8> =
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&pixels))
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
        files::write(path, &bytes)
    }
}

/// The smallest value black, the largest white.
fn grey(values: &[f64]) -> Vec<u8> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    values.iter().map(|value| ((value - low) * scale).round() as u8).collect()
}
