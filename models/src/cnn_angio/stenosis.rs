//! A second task for the network of CNN-Angio: is the stenosis in the left or the right half of the frame?
//!
//! Labels come from the boxes that ARCADE's experts drew (Popov et al. 2024), unlike those of the view. A frame counts when the centres of all its boxes lie in one
//! half. There are no committed weights: `cargo run --release -p models --example angio_stenosis` trains, and says how well it can be learnt.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::DATA;
use super::training::{self, Task};
use crate::data;
use crate::error::ModelError;
use crate::images::{self, LabelledImage};
use crate::registry::{Recipe, TrainOptions};

/// The classes; the logit is positive for the second.
pub const CLASSES: [&str; 2] = ["left half", "right half"];
/// Width of the frames that the boxes were drawn on.
const WIDTH: f64 = 512.0;

static STENOSIS: Task = Task {
    name: "stenosis",
    classes: CLASSES,
    images,
    command: "cargo run --release -p models --example angio_stenosis",
    labels: "halves in which the data set's boxes of stenoses lie; frames of one patient may lie in several parts",
    paper: None,
};

/// The training of the second task: network, hyperparameters and augmentation are those of the first.
///
/// # Errors
/// Frames or annotations that are missing or broken.
pub fn recipe(options: &TrainOptions) -> Result<Recipe, ModelError> {
    training::recipe(&STENOSIS, options)
}

/// What is read of a COCO file.
#[derive(Deserialize)]
struct Annotations {
    images: Vec<Frame>,
    annotations: Vec<Stenosis>,
}

#[derive(Deserialize)]
struct Frame {
    id: u64,
    file_name: String,
}

#[derive(Deserialize)]
struct Stenosis {
    image_id: u64,
    /// Left edge, top edge, width, height.
    bbox: [f64; 4],
}

fn images(root: Option<&Path>) -> Result<Vec<LabelledImage>, ModelError> {
    let folder = data::folder(root, "arcade_256")?;
    let groups = groups(&std::fs::read_to_string(folder.join(images::TABLE)).unwrap_or_default());
    let mut table = "split,id,half,group\n".to_owned();
    for split in ["train", "val", "test"] {
        for (id, class) in halves(&read(&folder.join(format!("ann_{split}.json.gz")))?) {
            let group = groups.get(&format!("{split},{id}")).map_or("", String::as_str);
            let class = CLASSES.get(class).copied().unwrap_or("");
            table.push_str(&format!("{split},{id},{class},{group}\n"));
        }
    }
    images::load_labelled_by(&table, DATA, &folder, &CLASSES)
}

fn read(path: &Path) -> Result<Annotations, ModelError> {
    let hint = "the annotations of the objective \"stenosis\", COCO format, gzip".to_owned();
    let missing = || ModelError::MissingData { data: DATA, path: path.to_path_buf(), hint };
    let file = std::fs::File::open(path).map_err(|_| missing())?;
    let mut text = String::new();
    let bad = |error: String| ModelError::BadData { data: path.display().to_string(), reason: error };
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).map_err(|error| bad(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| bad(error.to_string()))
}

/// The frames whose boxes all have their centre in one half, and which.
fn halves(all: &Annotations) -> BTreeMap<String, usize> {
    let mut found: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for Stenosis { image_id, bbox: [x, _, width, _] } in &all.annotations {
        found.entry(*image_id).or_default().push(usize::from(x + width / 2.0 >= WIDTH / 2.0));
    }
    let of_frame = |frame: &Frame| {
        let halves = found.get(&frame.id)?;
        let first = *halves.first()?;
        let name = frame.file_name.trim_end_matches(".png").to_owned();
        halves.iter().all(|half| *half == first).then_some((name, first))
    };
    all.images.iter().filter_map(of_frame).collect()
}

/// Near duplicates, by `split,id`.
fn groups(table: &str) -> BTreeMap<String, String> {
    let group = |line: &str| {
        let fields: Vec<&str> = line.trim().split(',').collect();
        let [split, id, _, group] = *fields.as_slice() else { return None };
        (!group.is_empty()).then(|| (format!("{split},{id}"), group.to_owned()))
    };
    table.lines().skip(1).filter_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_when_its_boxes_agree() {
        let text = r#"{"images": [{"id": 1, "file_name": "7.png"}, {"id": 2, "file_name": "8.png"}, {"id": 3, "file_name": "9.png"}, {"id": 4, "file_name": "10.png"}],
            "annotations": [{"image_id": 1, "bbox": [250.0, 0.0, 20.0, 9.0]}, {"image_id": 2, "bbox": [10, 0, 20, 9]},
                            {"image_id": 2, "bbox": [300, 0, 20, 9]}, {"image_id": 3, "bbox": [230, 1, 20, 20]}]}"#;
        let halves = halves(&serde_json::from_str(text).unwrap());
        assert_eq!(halves, BTreeMap::from([("7".to_owned(), 1), ("9".to_owned(), 0)]));
    }

    #[test]
    fn groups_are_those_of_the_table() {
        let groups = groups("split,id,view,near_duplicate_group\ntrain,1,LCA,\nval,2,RCA,g3\n");
        assert_eq!(groups, BTreeMap::from([("val,2".to_owned(), "g3".to_owned())]));
    }
}
