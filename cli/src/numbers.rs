//! Samples and results in the files that people have: PNG, .npy and CSV.

mod image;
mod npy;

use std::fs::File;
use std::io::{BufRead, BufReader, Seek};
use std::path::{Path, PathBuf};

use nn_layers::Tensor;

use crate::failure::Failure;

fn failed(path: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("{}: {reason}", path.display()))
}

fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// All samples of `paths`, in their order, as one batch.
///
/// # Shapes
/// Each sample has `shape`; the result is `[N, ..shape]`.
pub(crate) fn read(paths: &[PathBuf], shape: &[usize]) -> Result<Tensor, Failure> {
    let mut values: Vec<f64> = Vec::new();
    for path in paths {
        let extension = extension(path);
        if !["png", "npy", "csv"].contains(&extension.as_str()) {
            let reason = format!("samples are read from .png, .npy and .csv, not from {extension:?}");
            return Err(Failure::Usage(format!("{}: {reason}", path.display())));
        }
        let file = File::open(path).map_err(|error| failed(path, error))?;
        let bytes = file.metadata().map_err(|error| failed(path, error))?.len();
        values.extend(read_one(path, BufReader::new(file), bytes, shape)?);
    }
    batch(values, shape)
}

/// The numbers of one file of `bytes` bytes, in the format that its name says.
pub(crate) fn read_one(
    path: &Path,
    file: impl BufRead + Seek,
    bytes: u64,
    shape: &[usize],
) -> Result<Vec<f64>, Failure> {
    match extension(path).as_str() {
        "png" => image::read(path, file, shape),
        "npy" => npy::read(path, file, bytes, shape),
        _ => read_csv(path, file, shape.iter().product()),
    }
}

/// Whole samples of finite numbers.
pub(crate) fn batch(values: Vec<f64>, shape: &[usize]) -> Result<Tensor, Failure> {
    let elements: usize = shape.iter().product();
    let count = values.len() / elements.max(1);
    if count == 0 {
        return Err(Failure::failed("there is no sample in the files"));
    }
    let shape: Vec<usize> = std::iter::once(count).chain(shape.iter().copied()).collect();
    let tensor = Tensor::new(&shape, values)?;
    match tensor.first_not_finite() {
        None => Ok(tensor),
        Some((index, value)) => {
            let (sample, place) = (index / elements, index % elements);
            Err(Failure::failed(format!(
                "number {place} of sample {sample} is {value}: it cannot be encrypted"
            )))
        }
    }
}

/// A sample a line, numbers separated by commas; a first line of names is skipped, and so are empty lines.
fn read_csv(path: &Path, file: impl BufRead, elements: usize) -> Result<Vec<f64>, Failure> {
    let text = std::io::read_to_string(file).map_err(|error| failed(path, error))?;
    // Spreadsheets put a byte-order mark before the first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut values = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let numbers: Result<Vec<f64>, _> = fields.iter().map(|field| field.parse()).collect();
        match numbers {
            Ok(numbers) if numbers.len() == elements => values.extend(numbers),
            Ok(numbers) => {
                let reason =
                    format!("line {} has {} numbers, a sample has {elements}", index + 1, numbers.len());
                return Err(failed(path, reason));
            }
            Err(_) if index == 0 && fields.iter().all(|field| field.parse::<f64>().is_err()) => {}
            Err(_) => {
                let bad = fields.into_iter().find(|field| field.parse::<f64>().is_err()).unwrap_or_default();
                return Err(failed(path, format!("line {}: {bad:?} is no number", index + 1)));
            }
        }
    }
    Ok(values)
}

/// Results as a table, one a line.
pub(crate) fn csv(values: &Tensor) -> String {
    let row = values.data().len() / values.batch().max(1);
    let mut text = String::new();
    for result in values.data().chunks(row.max(1)) {
        // The shortest text that reads back as the same number.
        let numbers: Vec<String> = result.iter().map(f64::to_string).collect();
        text.push_str(&numbers.join(","));
        text.push('\n');
    }
    text
}

/// Formats of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// An array `[N, ..]` of doubles.
    Npy,
    /// A result a line.
    Csv,
}

impl Output {
    /// The format that a file's name asks for.
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        match extension(path).as_str() {
            "npy" => Ok(Self::Npy),
            "csv" => Ok(Self::Csv),
            other => {
                let reason = format!("results are written as .npy or .csv, not as {other:?}");
                Err(Failure::Usage(format!("{}: {reason}", path.display())))
            }
        }
    }

    /// The file's bytes.
    pub(crate) fn bytes(self, values: &Tensor) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Csv => Ok(csv(values).into_bytes()),
            Self::Npy => npy::bytes(values).map_err(|error| Failure::failed(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn arrays_and_tables_give_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let values = Tensor::new(&[2, 3], vec![0.1, -2.0, 1e-300, 3.0, 0.5, -0.0]).unwrap();
        let npy = file(folder.path(), "a.npy", &Output::Npy.bytes(&values).unwrap());
        let csv = file(folder.path(), "a.csv", &Output::Csv.bytes(&values).unwrap());
        assert_eq!(read(std::slice::from_ref(&npy), &[3]).unwrap(), values);
        assert_eq!(read(std::slice::from_ref(&csv), &[3]).unwrap(), values);
        // One after the other; one array may be one sample.
        assert_eq!(read(&[npy.clone(), csv], &[3]).unwrap().shape(), [4, 3]);
        assert_eq!(read(&[npy], &[2, 3]).unwrap().shape(), [1, 2, 3]);
    }

    #[test]
    fn names_over_a_table_are_skipped_and_bad_numbers_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let good = file(folder.path(), "a.csv", "\u{feff}x, y\r\n1, 2\r\n\r\n3,4\r\n".as_bytes());
        assert_eq!(read(&[good], &[2]).unwrap().data(), [1.0, 2.0, 3.0, 4.0]);
        for (text, words) in [
            (&b"1,2\n3\n"[..], "line 2 has 1 numbers, a sample has 2"),
            (b"1,2\n3,x\n", "line 2: \"x\" is no number"),
            (b"1,NaN\n", "number 1 of sample 0 is NaN"),
            (b"\n", "no sample"),
        ] {
            let error = read(&[file(folder.path(), "b.csv", text)], &[2]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn arrays_of_other_shapes_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let values = Tensor::new(&[2, 3], vec![0.0; 6]).unwrap();
        let whole = Output::Npy.bytes(&values).unwrap();
        let npy = file(folder.path(), "a.npy", &whole);
        let error = read(&[npy], &[4]).unwrap_err().to_string();
        assert!(error.contains("[2, 3]") && error.contains("[4]"), "{error}");
        for cut in [0, 5, 60, whole.len() - 1] {
            assert!(read(&[file(folder.path(), "cut.npy", &whole[..cut])], &[3]).is_err(), "{cut}");
        }
        assert!(matches!(read(&[file(folder.path(), "a.txt", b"1")], &[1]), Err(Failure::Usage(_))));
        assert!(Output::of(Path::new("a.png")).is_err());
    }

    #[test]
    fn images_are_scaled_and_brought_to_the_channels_that_are_needed() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(&[255, 0, 51, 255, 255, 255]).unwrap();
        let path = file(folder.path(), "a.png", &bytes);
        let colours = read(std::slice::from_ref(&path), &[3, 1, 2]).unwrap();
        assert_eq!(colours.data(), [1.0, 1.0, 0.0, 1.0, 0.2, 1.0]);
        let grey = read(std::slice::from_ref(&path), &[1, 1, 2]).unwrap();
        let expected = [0.299 + 0.114 * 0.2, 1.0];
        assert!(grey.data().iter().zip(expected).all(|(grey, expected)| (grey - expected).abs() < 1e-12));
        let error = read(&[path], &[1, 28, 28]).unwrap_err().to_string();
        assert!(error.contains("2 x 1") && error.contains("28 x 28"), "{error}");
        assert!(read(&[file(folder.path(), "cut.png", &bytes[..40])], &[1, 1, 2]).is_err());
    }
}
