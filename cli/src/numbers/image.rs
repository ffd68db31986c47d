//! PNG images as samples: values from 0 to 1, channels first.

use std::io::{BufRead, Seek};
use std::path::Path;

use super::failed;
use crate::failure::Failure;

/// One image. Colours become grey by their luma (ITU-R BT.601) where the network takes one channel; grey is repeated where it takes three.
pub(super) fn read(path: &Path, file: impl BufRead + Seek, shape: &[usize]) -> Result<Vec<f64>, Failure> {
    let [channels @ (1 | 3), height, width] = *shape else {
        return Err(failed(path, format!("the network takes no images: its samples have shape {shape:?}")));
    };
    let mut decoder = png::Decoder::new(file);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| failed(path, error))?;
    let (got_width, got_height) = (reader.info().width as usize, reader.info().height as usize);
    if (got_width, got_height) != (width, height) {
        let reason =
            format!("it has {got_width} x {got_height} pixels, the network takes {width} x {height}");
        return Err(failed(path, reason));
    }
    // The size is that of the network: no foreign number decides on the memory.
    let size = reader.output_buffer_size().ok_or_else(|| failed(path, "its size overflows"))?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(|error| failed(path, error))?;
    let samples = frame.color_type.samples();
    let unit = |value: Option<&u8>| f64::from(value.copied().unwrap_or(0)) / 255.0;
    let pixel = |pixel: &[u8]| match (samples, channels) {
        (3 | 4, 1) => {
            let [red, green, blue] = [unit(pixel.first()), unit(pixel.get(1)), unit(pixel.get(2))];
            [0.299 * red + 0.587 * green + 0.114 * blue, 0.0, 0.0]
        }
        (3 | 4, _) => [unit(pixel.first()), unit(pixel.get(1)), unit(pixel.get(2))],
        _ => [unit(pixel.first()); 3],
    };
    let pixels: Vec<[f64; 3]> = pixels.chunks_exact(samples).take(width * height).map(pixel).collect();
    Ok((0..channels)
        .flat_map(|channel| pixels.iter().map(move |pixel| pixel.get(channel).copied().unwrap_or(0.0)))
        .collect())
}
