//! The MNIST digits (LeCun, Cortes, Burges): 28 x 28 grey images in the idx format, gzipped.
//!
//! The MORE paper's split (Vizitiu et al. 2020): the first 50,000 training images train, the last 10,000 validate, the test
//! file tests.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use nn_layers::Tensor;

use crate::data;
use crate::error::ModelError;
use crate::registry::{Samples, Targets};

/// Height and width of an image.
pub const SIDE: usize = 28;
/// Number of classes.
pub const CLASSES: usize = 10;
/// Training images that the split uses for training; the rest of the 60,000 validates.
pub const TRAINING: usize = 50_000;

const SET: &str = "mnist";
/// The magic numbers of idx files of bytes: three dimensions for images, one for labels.
const IMAGES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;

/// One of the two files that MNIST comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// 60,000 images for training and validation.
    Train,
    /// 10,000 images for the test.
    Test,
}

impl Part {
    fn files(self) -> (&'static str, &'static str) {
        match self {
            Self::Train => ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
            Self::Test => ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
        }
    }
}

/// Images `first .. first + count` of a part as `[count, 1, 28, 28]`, grey values in `[0, 1]`, with their digits.
///
/// # Errors
/// [`ModelError::MissingData`] where MNIST is not found, [`ModelError::BadData`] for files that are not MNIST's,
/// [`ModelError::TooFewSamples`] when the part has fewer images.
pub fn load(root: Option<&Path>, part: Part, first: usize, count: usize) -> Result<Samples, ModelError> {
    let folder = data::folder(root, SET)?;
    let (images, labels) = part.files();
    let pixels = idx(&folder.join(images), IMAGES_MAGIC, &[SIDE, SIDE], first, count)?;
    let digits = idx(&folder.join(labels), LABELS_MAGIC, &[], first, count)?;
    if let Some(digit) = digits.iter().find(|digit| usize::from(**digit) >= CLASSES) {
        return Err(bad(labels, format!("it holds the label {digit}, MNIST has 0 to 9")));
    }
    let grey = pixels.iter().map(|pixel| f64::from(*pixel) / 255.0).collect();
    Ok(Samples {
        inputs: Tensor::new(&[count, 1, SIDE, SIDE], grey)?,
        targets: Targets::Classes(digits.into_iter().map(usize::from).collect()),
    })
}

fn bad(file: &str, reason: String) -> ModelError {
    ModelError::BadData { data: file.to_owned(), reason }
}

/// The items `first .. first + count` of a gzipped idx file of bytes whose items have the shape `item`.
fn idx(path: &Path, magic: u32, item: &[usize], first: usize, count: usize) -> Result<Vec<u8>, ModelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = File::open(path).map_err(|_| ModelError::MissingData {
        data: "MNIST",
        path: path.to_path_buf(),
        hint: format!(
            "run `henna data fetch mnist`, or set {} to a folder with mnist/ in it",
            data::VARIABLE
        ),
    })?;
    let mut stream = GzDecoder::new(file);
    let mut number = || -> Result<u32, ModelError> {
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).map_err(|e| bad(&name, format!("its header is cut short ({e})")))?;
        Ok(u32::from_be_bytes(bytes))
    };
    let found = number()?;
    if found != magic {
        return Err(bad(
            &name,
            format!("it begins with {found:#06x}, an idx file of this kind with {magic:#06x}"),
        ));
    }
    let available = number()? as usize;
    for expected in item {
        let got = number()? as usize;
        if got != *expected {
            return Err(bad(
                &name,
                format!("its images are {got} pixels along a side, MNIST's are {expected}"),
            ));
        }
    }
    let end = first.saturating_add(count);
    if end > available {
        return Err(ModelError::TooFewSamples {
            model: "mnist",
            available: available.saturating_sub(first),
            asked: count,
        });
    }
    let size: usize = item.iter().product();
    let mut skipped = stream.by_ref().take((first * size) as u64);
    std::io::copy(&mut skipped, &mut std::io::sink()).map_err(|e| bad(&name, e.to_string()))?;
    let mut items = vec![0; count * size];
    stream
        .read_exact(&mut items)
        .map_err(|e| bad(&name, format!("it ends before item {end} of {available} ({e})")))?;
    Ok(items)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn write(path: &Path, header: &[u32], items: &[u8]) {
        let mut gz = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
        header.iter().for_each(|number| gz.write_all(&number.to_be_bytes()).unwrap());
        gz.write_all(items).unwrap();
        gz.finish().unwrap();
    }

    /// Three images of our own making whose pixels are their number, times 51.
    fn sample() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("mnist");
        std::fs::create_dir(&folder).unwrap();
        let pixels: Vec<u8> = (0..3u8).flat_map(|image| [image * 51; SIDE * SIDE]).collect();
        write(&folder.join("t10k-images-idx3-ubyte.gz"), &[IMAGES_MAGIC, 3, 28, 28], &pixels);
        write(&folder.join("t10k-labels-idx1-ubyte.gz"), &[LABELS_MAGIC, 3], &[7, 1, 9]);
        root
    }

    #[test]
    fn reads_a_range_of_images_with_their_digits() {
        let root = sample();
        let samples = load(Some(root.path()), Part::Test, 1, 2).unwrap();
        assert_eq!(samples.inputs.shape(), [2, 1, 28, 28]);
        assert_eq!(samples.inputs.data()[0], 0.2);
        assert_eq!(samples.inputs.data()[SIDE * SIDE], 0.4);
        assert_eq!(samples.targets, Targets::Classes(vec![1, 9]));
    }

    #[test]
    fn says_what_is_missing_foreign_or_cut_short() {
        let root = sample();
        let at = |count| load(Some(root.path()), Part::Test, 0, count).unwrap_err().to_string();
        assert_eq!(at(4), "mnist has 3 samples, but 4 were asked for");
        let missing = load(Some(root.path()), Part::Train, 0, 1).unwrap_err().to_string();
        assert!(missing.contains("henna data fetch mnist"), "{missing}");
        let images = root.path().join("mnist/t10k-images-idx3-ubyte.gz");
        write(&images, &[LABELS_MAGIC, 3], &[0; 3]);
        assert!(at(1).contains("begins with 0x0801"), "{}", at(1));
        write(&images, &[IMAGES_MAGIC, 3, 32, 32], &[0; 3 * 32 * 32]);
        assert!(at(1).contains("32 pixels along a side"), "{}", at(1));
        write(&images, &[IMAGES_MAGIC, 3, 28, 28], &[0; SIDE * SIDE]);
        assert!(at(2).contains("ends before item 2 of 3"), "{}", at(2));
        std::fs::write(&images, b"not gzip").unwrap();
        assert!(at(1).contains("header is cut short"), "{}", at(1));
        write(&root.path().join("mnist/t10k-labels-idx1-ubyte.gz"), &[LABELS_MAGIC, 3], &[7, 11, 9]);
        write(&images, &[IMAGES_MAGIC, 3, 28, 28], &[0; 3 * SIDE * SIDE]);
        assert!(at(2).contains("label 11"), "{}", at(2));
    }
}
