//! The membranes of ISBI 2012: 30 sections of a fly's nerve cord under the electron microscope (Arganda-Carreras et al. 2015), 512 x 512
//! pixels each, with the membranes drawn in. The first 24 sections serve for training, the last six are held out; the stack is
//! contiguous.
//!
//! The set lies in `isbi2012/data/membrane/train` as `image/N.png` and `label/N.png`, N from 0 to 29.

use std::path::Path;

use nn_layers::Tensor;

use crate::data;
use crate::error::ModelError;
use crate::images::grey;
use crate::metrics::{MetricError, same_length};
use crate::registry::{Samples, Score, Targets};

const DATA: &str = "the membranes (isbi2012)";
/// Height and width of a section.
pub const SIDE: usize = 512;
/// Sections with labels.
pub const SECTIONS: usize = 30;
/// Those of them that serve for training; the others, which lie behind them, are held out.
pub const TRAINING: usize = 24;
/// Labels below are membrane: they are 0, and 255 inside cells.
const MEMBRANE_BELOW: u8 = 128;

/// Which sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first 24.
    Training,
    /// The last six.
    HeldOut,
}

/// `count` tiles of `side` x `side` pixels of a part, whole sections where `side` is 512: inputs `[n, 1, side, side]`, which are
/// `(grey / 255 - mean) / deviation`, and targets of the same shape, 1 on membrane. Neighbouring tiles come from different sections, so
/// that few of them already differ.
///
/// # Errors
/// [`ModelError::MissingData`] and [`ModelError::BadData`] for files, [`ModelError::TooFewSamples`] where the part has not so many tiles.
pub fn tiles(
    root: Option<&Path>,
    part: Part,
    side: usize,
    count: usize,
    [mean, deviation]: [f64; 2],
) -> Result<Samples, ModelError> {
    let sections = match part {
        Part::Training => 0..TRAINING,
        Part::HeldOut => TRAINING..SECTIONS,
    };
    let per_row = SIDE / side.clamp(1, SIDE);
    let available = sections.len() * per_row * per_row;
    if count > available {
        return Err(ModelError::TooFewSamples { model: "unet", available, asked: count });
    }
    let folder = data::folder(root, "isbi2012")?.join("data/membrane/train");
    let sections: Vec<usize> = sections.collect();
    let mut read: Vec<Option<[Vec<u8>; 2]>> = vec![None; sections.len()];
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for tile in 0..count {
        let (place, at) = (tile / sections.len(), tile % sections.len());
        let (Some(section), Some(kept)) = (sections.get(at), read.get_mut(at)) else { continue };
        let [image, label] = match kept {
            Some(pixels) => pixels,
            None => kept.insert([pixels(&folder, "image", *section)?, pixels(&folder, "label", *section)?]),
        };
        let corner = [place / per_row * side, place % per_row * side];
        inputs.extend(cut(image, corner, side).map(|grey| (f64::from(grey) / 255.0 - mean) / deviation));
        targets.extend(cut(label, corner, side).map(|label| f64::from(u8::from(label < MEMBRANE_BELOW))));
    }
    let shape = [count, 1, side, side];
    Ok(Samples {
        inputs: Tensor::new(&shape, inputs)?,
        targets: Targets::Values(Tensor::new(&shape, targets)?),
    })
}

/// The pixels of a tile, line by line.
fn cut(pixels: &[u8], [top, left]: [usize; 2], side: usize) -> impl Iterator<Item = u8> {
    pixels
        .chunks_exact(SIDE)
        .skip(top)
        .take(side)
        .flat_map(move |line| line.iter().skip(left).take(side).copied())
}

fn pixels(folder: &Path, kind: &str, section: usize) -> Result<Vec<u8>, ModelError> {
    let path = folder.join(kind).join(format!("{section}.png"));
    let Ok(bytes) = std::fs::read(&path) else {
        let hint = "put image/N.png and label/N.png there, or set HENNA_DATA to the folder above isbi2012"
            .to_owned();
        return Err(ModelError::MissingData { data: DATA, path, hint });
    };
    let bad = |reason: String| ModelError::BadData { data: path.display().to_string(), reason };
    let (size, pixels) = grey(&bytes).map_err(bad)?;
    match size {
        [SIDE, SIDE] => Ok(pixels),
        [height, width] => {
            let reason = format!("{height} x {width} pixels, but sections have {SIDE} x {SIDE}");
            Err(ModelError::BadData { data: path.display().to_string(), reason })
        }
    }
}

/// What a segmentation is worth, membranes being what is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// Twice the pixels that both call membrane over the sum of what either does.
    pub dice: f64,
    /// Pixels that both call membrane over those that one of them does.
    pub intersection_over_union: f64,
    /// Pixels on which they differ over all pixels.
    pub pixel_error: f64,
}

impl Overlap {
    /// Of logits, positive for membrane, with targets of 0 and 1.
    ///
    /// # Errors
    /// [`MetricError`] for other numbers of logits than targets, or none at all.
    pub fn new(logits: &[f64], targets: &[f64]) -> Result<Self, MetricError> {
        let [mut both, mut either, mut predicted, mut drawn] = [0.0; 4];
        same_length(logits.len(), targets.len(), 1)?;
        for (logit, target) in logits.iter().zip(targets) {
            let [found, there] = [*logit > 0.0, *target > 0.5].map(|is| f64::from(u8::from(is)));
            both += found * there;
            either += found.max(there);
            predicted += found;
            drawn += there;
        }
        let share = |part: f64, whole: f64| if whole == 0.0 { 1.0 } else { part / whole };
        Ok(Self {
            dice: share(2.0 * both, predicted + drawn),
            intersection_over_union: share(both, either),
            pixel_error: (either - both) / logits.len() as f64,
        })
    }

    /// As rows of a report (%).
    #[must_use]
    pub fn scores(&self) -> Vec<Score> {
        let score = |metric, value: f64| Score {
            of: "membranes".to_owned(),
            metric,
            value: 100.0 * value,
            paper: None,
        };
        vec![
            score("Dice (%)", self.dice),
            score("intersection over union (%)", self.intersection_over_union),
            score("pixel error (%)", self.pixel_error),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, kind: &str, section: usize, value: impl Fn(usize, usize) -> u8, side: usize) {
        let folder = folder.join("isbi2012/data/membrane/train").join(kind);
        std::fs::create_dir_all(&folder).unwrap();
        let file = std::fs::File::create(folder.join(format!("{section}.png"))).unwrap();
        let mut encoder = png::Encoder::new(file, side as u32, side as u32);
        encoder.set_color(png::ColorType::Grayscale);
        let pixels: Vec<u8> = (0..side * side).map(|i| value(i / side, i % side)).collect();
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    }

    #[test]
    fn tiles_are_cut_where_they_should_be() {
        let folder = tempfile::tempdir().unwrap();
        for section in TRAINING..SECTIONS {
            let image =
                move |row: usize, column: usize| (row / 128 * 4 + column / 128 + 16 * (section - 24)) as u8;
            write(folder.path(), "image", section, image, SIDE);
            write(folder.path(), "label", section, |row, _| if row < 10 { 0 } else { 255 }, SIDE);
        }
        let tiles = tiles(Some(folder.path()), Part::HeldOut, 128, 14, [0.0, 1.0 / 255.0]).unwrap();
        assert_eq!(tiles.inputs.shape(), [14, 1, 128, 128]);
        // The first tile of each of six sections, then the second.
        for (tile, pixels) in tiles.inputs.data().chunks(128 * 128).enumerate() {
            let expected = (tile / 6 + 16 * (tile % 6)) as f64;
            assert!(pixels.iter().all(|pixel| (pixel - expected).abs() < 1e-9), "tile {tile}");
        }
        let Targets::Values(targets) = &tiles.targets else { panic!("targets are values") };
        assert_eq!(targets.data().iter().sum::<f64>(), (14 * 10 * 128) as f64);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let load = |side, count| tiles(Some(folder.path()), Part::Training, side, count, [0.0, 1.0]);
        let missing = load(128, 1).unwrap_err().to_string();
        assert!(missing.contains("membranes") && missing.contains("0.png"), "{missing}");
        assert!(matches!(load(512, 25), Err(ModelError::TooFewSamples { available: 24, asked: 25, .. })));
        write(folder.path(), "image", 0, |_, _| 0, 64);
        let wrong = load(128, 1).unwrap_err().to_string();
        assert!(wrong.contains("64 x 64"), "{wrong}");
    }

    #[test]
    fn overlap_by_hand() {
        let overlap = Overlap::new(&[1.0, 1.0, -1.0, -1.0, -2.0], &[1.0, 0.0, 1.0, 0.0, 0.0]).unwrap();
        assert_eq!(
            (overlap.dice, overlap.intersection_over_union, overlap.pixel_error),
            (0.5, 1.0 / 3.0, 0.4)
        );
        assert!(Overlap::new(&[1.0], &[]).is_err());
    }
}
