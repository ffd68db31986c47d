//! Chest X-rays of NIH ChestX-ray14 (Wang et al., CVPR 2017), reduced to 64 x 64: what the latent networks are tried on as long as there is
//! no autoencoder. Each image becomes four of half the side by space-to-depth, which loses nothing.
//!
//! The folder holds `labels14.csv` (`split,class,file,..` and one column a finding) and the images, `SPLIT/CLASS/FILE`, as files or in
//! `NIH1000.tar.gz` below a folder `NIH1000`. The parts are split by patient: one with images in several parts goes to the first of them.

use std::collections::BTreeMap;
use std::path::Path;

use flate2::read::GzDecoder;
use nn_layers::Tensor;

use crate::data;
use crate::error::ModelError;
use crate::images::{Split, grey, pngs};
use crate::latent::{CLASSES, LATENT};
use crate::registry::{Samples, Targets};

/// Height and width of an image before space-to-depth.
pub const SIDE: usize = 64;
/// Name of the data set's folder.
pub const SET: &str = "nih_chestxray_64";
/// The findings, in the order of the labels.
pub const FINDINGS: [&str; CLASSES] = [
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
];

const TABLE: &str = "labels14.csv";
const ARCHIVE: &str = "NIH1000.tar.gz";
/// Columns before the findings.
const HEAD: [&str; 4] = ["split", "class", "file", "chexnet_split"];
/// Grey values (of 255) that become 0, and the difference that becomes 1.
const MIDDLE: f64 = 127.5;
const SPREAD: f64 = 63.75;

/// An image in the table.
struct Entry {
    name: String,
    patient: String,
    split: Split,
    findings: [bool; CLASSES],
}

/// At most `count` images of a part as `[n, 4, 32, 32]`, with `[n, 14]` targets of 0 and 1, in the order of the table.
///
/// # Errors
/// [`ModelError::MissingData`] where table or images are not found, [`ModelError::BadData`] for what cannot be read.
pub fn load(root: Option<&Path>, part: Split, count: usize) -> Result<Samples, ModelError> {
    let folder = data::folder(root, SET)?;
    let path = folder.join(TABLE);
    let missing = |path: &Path| ModelError::MissingData {
        data: SET,
        path: path.to_path_buf(),
        hint: "put the images and labels there, or set HENNA_DATA to the folder above it".to_owned(),
    };
    let table = std::fs::read_to_string(&path).map_err(|_| missing(&path))?;
    let chosen: Vec<Entry> =
        entries(&table)?.into_iter().filter(|entry| entry.split == part).take(count).collect();
    let mut archive = match std::fs::File::open(folder.join(ARCHIVE)) {
        Ok(file) => pngs(GzDecoder::new(std::io::BufReader::new(file)), ARCHIVE)?,
        Err(_) => BTreeMap::new(),
    };
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for entry in &chosen {
        let path = folder.join(&entry.name);
        let bytes = match archive.remove(&format!("NIH1000/{}", entry.name)) {
            Some(bytes) => bytes,
            None => std::fs::read(&path).map_err(|_| missing(&path))?,
        };
        let ([height, width], pixels) = grey(&bytes).map_err(|reason| bad(&entry.name, reason))?;
        if [height, width] != [SIDE; 2] {
            return Err(bad(&entry.name, format!("it is {height} x {width}, not {SIDE} x {SIDE}")));
        }
        inputs.extend(space_to_depth(&pixels));
        targets.extend(entry.findings.map(|found| f64::from(u8::from(found))));
    }
    let [channels, height, width] = LATENT;
    Ok(Samples {
        inputs: Tensor::new(&[chosen.len(), channels, height, width], inputs)?,
        targets: Targets::Values(Tensor::new(&[chosen.len(), CLASSES], targets)?),
    })
}

fn bad(data: &str, reason: impl ToString) -> ModelError {
    ModelError::BadData { data: data.to_owned(), reason: reason.to_string() }
}

/// The four images of every second line and column, one after the other.
fn space_to_depth(pixels: &[u8]) -> Vec<f64> {
    let value =
        |y: usize, x: usize| pixels.get(y * SIDE + x).map_or(0.0, |v| (f64::from(*v) - MIDDLE) / SPREAD);
    let half = SIDE / 2;
    (0..4 * half * half)
        .map(|index| {
            let (corner, y, x) = (index / (half * half), index / half % half, index % half);
            value(2 * y + corner / 2, 2 * x + corner % 2)
        })
        .collect()
}

/// The table's lines; a patient with images in several parts is wholly in the first of them.
fn entries(table: &str) -> Result<Vec<Entry>, ModelError> {
    let mut lines = table.lines();
    let head: Vec<&str> = lines.next().unwrap_or("").trim().split(',').collect();
    if !head.iter().eq(HEAD.iter().chain(&FINDINGS)) {
        return Err(bad(
            TABLE,
            "its columns are not the 14 findings behind split, class, file, chexnet_split",
        ));
    }
    let mut entries = lines
        .zip(2..)
        .filter(|(line, _)| !line.trim().is_empty())
        .map(|(line, number)| entry(line).map_err(|reason| bad(TABLE, format!("line {number}: {reason}"))))
        .collect::<Result<Vec<_>, _>>()?;
    let mut home: BTreeMap<String, Split> = BTreeMap::new();
    for entry in &entries {
        let home = home.entry(entry.patient.clone()).or_insert(entry.split);
        *home = (*home).min(entry.split);
    }
    for entry in &mut entries {
        entry.split = home.get(&entry.patient).copied().unwrap_or(entry.split);
    }
    Ok(entries)
}

fn entry(line: &str) -> Result<Entry, String> {
    let fields: Vec<&str> = line.trim().split(',').collect();
    let [split, class, file, _, findings @ ..] = fields.as_slice() else {
        return Err("too few fields".to_owned());
    };
    let part = match *split {
        "train" => Split::Train,
        "valid" => Split::Validation,
        "test" => Split::Test,
        other => return Err(format!("no split {other:?}")),
    };
    if [class, file].iter().any(|name| name.contains(['/', '\\']) || name.contains("..")) {
        return Err(format!("{class}/{file} is no name of an image"));
    }
    let found = |field: &&str| match *field {
        "0" => Ok(false),
        "1" => Ok(true),
        other => Err(format!("a finding is {other:?}, not 0 or 1")),
    };
    let findings: Vec<bool> = findings.iter().map(found).collect::<Result<_, _>>()?;
    let count = findings.len();
    let findings = findings.try_into().map_err(|_| format!("{count} findings, not {CLASSES}"))?;
    let patient = file.split('_').next().unwrap_or(file).to_owned();
    Ok(Entry { name: format!("{split}/{class}/{file}"), patient, split: part, findings })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose pixel at line y, column x is `bright` where both are odd, else 0.
    fn picture(bright: u8, side: u32, color: png::ColorType) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side, side);
        encoder.set_color(color);
        let value = |index: u32| if index / side % 2 == 1 && index % side % 2 == 1 { bright } else { 0 };
        let pixels: Vec<u8> =
            (0..side * side).flat_map(|index| vec![value(index); color.samples()]).collect();
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        bytes
    }

    fn table(lines: &[&str]) -> String {
        let head: Vec<&str> = HEAD.into_iter().chain(FINDINGS).collect();
        format!("{}\n{}\n", head.join(","), lines.join("\n"))
    }

    fn line(split: &str, file: &str, finding: usize) -> String {
        let findings: Vec<&str> = (0..CLASSES).map(|k| if k == finding { "1" } else { "0" }).collect();
        format!("{split},a,{file},train,{}", findings.join(","))
    }

    #[test]
    fn images_are_split_by_patient_and_cut_in_four() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(SET);
        std::fs::create_dir_all(folder.join("test/a")).unwrap();
        let lines = [line("train", "7_0.png", 0), line("test", "7_1.png", 1), line("test", "8_0.png", 13)];
        std::fs::write(folder.join(TABLE), table(&lines.each_ref().map(String::as_str))).unwrap();
        std::fs::write(folder.join("test/a/8_0.png"), picture(255, 64, png::ColorType::Rgba)).unwrap();
        // The other two in the archive.
        let file = std::fs::File::create(folder.join(ARCHIVE)).unwrap();
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        for name in ["train/a/7_0.png", "test/a/7_1.png"] {
            let bytes = picture(191, 64, png::ColorType::Rgb);
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, format!("NIH1000/{name}"), bytes.as_slice()).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap();

        let train = load(Some(root.path()), Split::Train, 10).unwrap();
        assert_eq!(train.inputs.shape(), [2, 4, 32, 32], "both images of patient 7");
        let test = load(Some(root.path()), Split::Test, 10).unwrap();
        assert_eq!(test.inputs.shape(), [1, 4, 32, 32]);
        let (plane, data) = (32 * 32, test.inputs.data());
        assert!(data[..3 * plane].iter().all(|v| *v == -2.0) && data[3 * plane..].iter().all(|v| *v == 2.0));
        let Targets::Values(targets) = &test.targets else { panic!() };
        assert_eq!(
            (targets.shape(), targets.data()[13], targets.data()[..13].iter().sum::<f64>()),
            (&[1, 14][..], 1.0, 0.0)
        );
        assert_eq!(load(Some(root.path()), Split::Train, 1).unwrap().inputs.batch(), 1);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let root = tempfile::tempdir().unwrap();
        let message = || load(Some(root.path()), Split::Train, 1).unwrap_err().to_string();
        assert!(message().contains("labels14.csv"));
        let folder = root.path().join(SET);
        std::fs::create_dir_all(folder.join("train/a")).unwrap();
        let write = |text: &str| std::fs::write(folder.join(TABLE), text).unwrap();
        write("split,class\n");
        assert!(message().contains("columns"));
        write(&table(&["train,a,1_0.png,train,0,1"]));
        assert!(message().contains("line 2: 2 findings"));
        write(&table(&[&line("train", "../1_0.png", 0)]));
        assert!(message().contains("no name"));
        write(&table(&[&line("train", "1_0.png", 0)]));
        assert!(message().contains("1_0.png"));
        std::fs::write(folder.join("train/a/1_0.png"), picture(9, 32, png::ColorType::Grayscale)).unwrap();
        assert!(message().contains("32 x 32, not 64 x 64"));
    }
}
