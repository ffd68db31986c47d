//! Grey images with labels, from a folder: as PNG files, or in one `images.tar` of them.
//!
//! A table (`labels_view.csv`: `split,id,view,near_duplicate_group`) labels `SPLIT/ID.png`; without one, the folders are the labels:
//! `SPLIT/CLASS/NAME.png`. Images that the table joins as near duplicates end up in one split.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::ModelError;

/// Where the data set ends up: what a network is trained on, chosen by, and judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// Training.
    Train,
    /// Validation.
    Validation,
    /// Test.
    Test,
}

/// A labelled image.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledImage {
    /// Its part.
    pub split: Split,
    /// Number of its class, in the order of the classes asked for.
    pub class: usize,
    /// Height and width.
    pub size: [usize; 2],
    /// Grey values, line by line.
    pub pixels: Vec<u8>,
}

/// What is known of an image before it is read.
struct Entry {
    name: String,
    split: Split,
    class: usize,
    group: Option<String>,
}

/// The table of labels in a folder.
pub(crate) const TABLE: &str = "labels_view.csv";
const ARCHIVE: &str = "images.tar";
/// Pixels that an image may have: more is no picture of these networks.
const MOST_PIXELS: usize = 1 << 26;

/// The images of `folder` whose label is one of `classes`; others (unsure ones) are left out.
///
/// # Errors
/// [`ModelError::MissingData`] where the folder or an image is not there, [`ModelError::BadData`] for what cannot be read.
pub fn load(data: &'static str, folder: &Path, classes: &[&str]) -> Result<Vec<LabelledImage>, ModelError> {
    if !folder.is_dir() {
        let hint = "put its images and labels there, or set HENNA_DATA to the folder above it".to_owned();
        return Err(ModelError::MissingData { data, path: folder.to_path_buf(), hint });
    }
    let entries = match std::fs::read_to_string(folder.join(TABLE)) {
        Ok(table) => from_table(&table, classes)?,
        Err(_) => from_folders(folder, classes)?,
    };
    read(data, folder, entries)
}

/// As [`load`], with labels from `table` (`split,id,label,group`, with a head) in place of the folder's own.
///
/// # Errors
/// As [`load`].
pub fn load_labelled_by(
    table: &str,
    data: &'static str,
    folder: &Path,
    classes: &[&str],
) -> Result<Vec<LabelledImage>, ModelError> {
    read(data, folder, from_table(table, classes)?)
}

fn read(
    data: &'static str,
    folder: &Path,
    mut entries: Vec<Entry>,
) -> Result<Vec<LabelledImage>, ModelError> {
    keep_groups_together(&mut entries);
    let mut archive = from_archive(&folder.join(ARCHIVE))?;
    entries
        .into_iter()
        .map(|entry| {
            let path = folder.join(&entry.name);
            let bytes = match archive.remove(&entry.name) {
                Some(bytes) => bytes,
                None => std::fs::read(&path).map_err(|_| ModelError::MissingData {
                    data,
                    path,
                    hint: "its label is there, the image is not".to_owned(),
                })?,
            };
            let (size, pixels) = grey(&bytes).map_err(|reason| bad(&entry.name, reason))?;
            Ok(LabelledImage { split: entry.split, class: entry.class, size, pixels })
        })
        .collect()
}

fn bad(data: &str, reason: impl ToString) -> ModelError {
    ModelError::BadData { data: data.to_owned(), reason: reason.to_string() }
}

fn split_of(name: &str) -> Option<Split> {
    match name {
        "train" => Some(Split::Train),
        "val" | "validation" => Some(Split::Validation),
        "test" => Some(Split::Test),
        _ => None,
    }
}

fn from_table(table: &str, classes: &[&str]) -> Result<Vec<Entry>, ModelError> {
    let mut entries = Vec::new();
    for (number, line) in table.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.trim().split(',').collect();
        let [split, id, label, group] = *fields.as_slice() else {
            return Err(bad(TABLE, format!("line {} has {} fields, not 4", number + 1, fields.len())));
        };
        let part =
            split_of(split).ok_or_else(|| bad(TABLE, format!("line {}: no split {split:?}", number + 1)))?;
        if id.contains(['/', '\\']) || id.contains("..") {
            return Err(bad(TABLE, format!("line {}: {id:?} is no name of an image", number + 1)));
        }
        if let Some(class) = classes.iter().position(|class| *class == label) {
            let group = (!group.is_empty()).then(|| group.to_owned());
            entries.push(Entry { name: format!("{split}/{id}.png"), split: part, class, group });
        }
    }
    Ok(entries)
}

fn from_folders(folder: &Path, classes: &[&str]) -> Result<Vec<Entry>, ModelError> {
    let mut entries = Vec::new();
    for split in ["train", "val", "validation", "test"] {
        for (class, label) in classes.iter().enumerate() {
            let place = folder.join(split).join(label);
            let Ok(files) = std::fs::read_dir(&place) else { continue };
            let files = files.map(|file| file.map(|file| file.path())).collect::<Result<Vec<PathBuf>, _>>();
            let mut files = files.map_err(|error| bad(&place.display().to_string(), error))?;
            files.sort();
            for file in files.iter().filter_map(|file| file.file_name()?.to_str()) {
                if let Some(part) = split_of(split).filter(|_| file.ends_with(".png")) {
                    let name = format!("{split}/{label}/{file}");
                    entries.push(Entry { name, split: part, class, group: None });
                }
            }
        }
    }
    Ok(entries)
}

/// A group that lies in several splits goes to the first of them: what is judged by has nothing of what was trained on.
fn keep_groups_together(entries: &mut [Entry]) {
    let mut home: BTreeMap<String, Split> = BTreeMap::new();
    for entry in entries.iter() {
        if let Some(group) = &entry.group {
            let home = home.entry(group.clone()).or_insert(entry.split);
            *home = (*home).min(entry.split);
        }
    }
    for entry in entries {
        if let Some(home) = entry.group.as_ref().and_then(|group| home.get(group)) {
            entry.split = *home;
        }
    }
}

/// The files of an archive by name; none where there is no archive.
fn from_archive(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, ModelError> {
    let Ok(file) = std::fs::File::open(path) else { return Ok(BTreeMap::new()) };
    pngs(std::io::BufReader::new(file), ARCHIVE)
}

/// The PNG files of a tar archive, whose name stands in errors, by their names.
pub(crate) fn pngs(archive: impl Read, name: &str) -> Result<BTreeMap<String, Vec<u8>>, ModelError> {
    let mut files = BTreeMap::new();
    let unreadable = |error: std::io::Error| bad(name, error);
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry.path().map_err(unreadable)?.to_string_lossy().trim_start_matches("./").to_owned();
        if name.ends_with(".png") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(unreadable)?;
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

/// A PNG's grey values: those of grey images, the mean of the colours of others.
pub(crate) fn grey(bytes: &[u8]) -> Result<([usize; 2], Vec<u8>), String> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let length = reader.output_buffer_size().unwrap_or(usize::MAX);
    if width.saturating_mul(height) > MOST_PIXELS || length > 8 * MOST_PIXELS {
        return Err(format!("{width} x {height} pixels are too many"));
    }
    let mut samples = vec![0; length];
    let frame = reader.next_frame(&mut samples).map_err(|error| error.to_string())?;
    let channels = frame.color_type.samples();
    // A last channel beside one or three is transparency.
    let colours = if channels == 2 || channels == 4 { channels - 1 } else { channels };
    let mean = |pixel: &[u8]| {
        let sum: usize = pixel.iter().take(colours).map(|value| usize::from(*value)).sum();
        ((sum + colours / 2) / colours) as u8
    };
    Ok(([height, width], samples.chunks_exact(channels).take(width * height).map(mean).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_of(value: u8, color: png::ColorType) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 3, 2);
        encoder.set_color(color);
        encoder.write_header().unwrap().write_image_data(&vec![value; 6 * color.samples()]).unwrap();
        bytes
    }

    fn write(folder: &Path, name: &str, bytes: &[u8]) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_table_labels_images_and_keeps_groups_together() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let table =
            "split,id,view,near_duplicate_group\ntrain,1,A,g1\ntest,1,B,g1\nval,7,A,\ntrain,2,unsure,\n";
        write(at, TABLE, table.as_bytes());
        write(at, "train/1.png", &png_of(10, png::ColorType::Grayscale));
        write(at, "test/1.png", &png_of(20, png::ColorType::Rgb));
        // One of them in an archive.
        let mut archive = tar::Builder::new(std::fs::File::create(at.join(ARCHIVE)).unwrap());
        let bytes = png_of(30, png::ColorType::GrayscaleAlpha);
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, "val/7.png", bytes.as_slice()).unwrap();
        archive.finish().unwrap();
        let images = load("test images", at, &["A", "B"]).unwrap();
        let seen: Vec<_> = images.iter().map(|i| (i.split, i.class, i.size, i.pixels[0])).collect();
        let size = [2, 3];
        assert_eq!(
            seen,
            [(Split::Train, 0, size, 10), (Split::Train, 1, size, 20), (Split::Validation, 0, size, 30)]
        );
    }

    #[test]
    fn folders_label_where_there_is_no_table() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "train/B/x.png", &png_of(1, png::ColorType::Grayscale));
        write(folder.path(), "test/A/y.png", &png_of(2, png::ColorType::Grayscale));
        let images = load("test images", folder.path(), &["A", "B"]).unwrap();
        assert_eq!(
            images.iter().map(|i| (i.split, i.class)).collect::<Vec<_>>(),
            [(Split::Train, 1), (Split::Test, 0)]
        );
    }

    #[test]
    fn what_is_missing_or_broken_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = load("test images", &folder.path().join("no"), &["A"]).unwrap_err().to_string();
        assert!(missing.contains("test images is missing"), "{missing}");
        write(folder.path(), TABLE, b"h\ntrain,1,A,\n");
        let missing = load("test images", folder.path(), &["A"]).unwrap_err().to_string();
        assert!(missing.contains("its label is there"), "{missing}");
        write(folder.path(), "train/1.png", b"no png");
        assert!(load("test images", folder.path(), &["A"]).unwrap_err().to_string().contains("train/1.png"));
        write(folder.path(), TABLE, b"h\ntrain,../1,A,\n");
        assert!(load("test images", folder.path(), &["A"]).unwrap_err().to_string().contains("no name"));
    }
}
