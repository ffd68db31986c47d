//! CNN-Angio: left or right coronary artery in an X-ray angiogram, by four convolutions (Vizitiu et al. 2020).
//!
//! The result is one logit; the paper's sigmoid belongs to the loss and does not change on which side of one half it lies.
//!
//! The paper's images are not public. These are the frames of ARCADE (Popov et al. 2024) reduced to 256 x 256, and their labels were read
//! **by eye, by readers without clinical training**: every score is against those. Patients are not identified, so that frames of one patient may lie in
//! several parts. The view shows in the pose of the whole picture: a linear classifier on thumbnails of 16 x 16, scored beside the network,
//! says what the task is worth.

mod augment;
pub mod stenosis;
mod training;

use nn_layers::{Activation, AvgPool2d, Conv2d, Dropout, Flatten, Linear, Network, Tensor};

use crate::data;
use crate::error::ModelError;
use crate::images;
use crate::metrics::{ConfusionMatrix, area_under_curve};
use crate::registry::{Better, Metric, Model, Score, Targets, WeightSource};
use crate::weights::StoredWeights;

pub use training::EPOCHS;
use training::Task;

const NAME: &str = "cnn-angio";
const DATA: &str = "the angiograms (arcade_256)";
/// Height and width of an image.
pub const SIDE: usize = 256;
/// The classes; the logit is positive for the second.
pub const CLASSES: [&str; 2] = ["LCA", "RCA"];

/// The registry's entry.
pub static MODEL: Model = Model {
    name: NAME,
    about: "left or right coronary artery in angiograms of 256 x 256 pixels",
    paper: "Vizitiu et al. 2020, CNN-Angio",
    network,
    source: WeightSource::File(include_bytes!("../weights/cnn-angio.safetensors")),
    metric: Metric {
        name: "balanced accuracy",
        unit: "%",
        better: Better::Higher,
        evaluate: balanced_accuracy,
    },
    test_samples: |count, _| training::held_out(&VIEW, None, Some(count)),
    calibration_inputs: |count, _| training::calibration_inputs(&VIEW, count),
    scores: |outputs, targets, _| scores(outputs, targets, &VIEW),
    recipe: |options, _| training::recipe(&VIEW, options),
};

/// Which artery a frame shows.
static VIEW: Task = Task {
    name: "view",
    classes: CLASSES,
    images: |root| images::load(DATA, &data::folder(root, "arcade_256")?, &CLASSES),
    command: "henna train cnn-angio",
    labels: "read by eye by readers without clinical training; frames of one patient may lie in several parts",
    paper: Some(PAPER),
};

/// The paper's precision, recall and F1 (%) of both classes (table 9), on its own images.
pub const PAPER: [[f64; 3]; 2] = [[96.0, 96.5, 96.3], [96.5, 96.0, 96.2]];
/// Its accuracy (%).
pub const PAPER_ACCURACY: f64 = 96.2;

/// The network without weights: 530,561 parameters. The paper's dropout of 25% (its tables 5 and 6) stands behind `act5`.
///
/// # Shapes
/// `[n, 1, 256, 256]` grey values stretched to `[0, 1]` to `[n, 1]` logits, positive for the right coronary artery.
///
/// # Errors
/// None; the graph's own checks are passed on.
pub fn network() -> Result<Network, ModelError> {
    let mut network = Network::builder(NAME, &[1, SIDE, SIDE]);
    for (index, (ins, outs)) in [(1, 4), (4, 8), (8, 16), (16, 32)].into_iter().enumerate() {
        let layer = |kind: &str| format!("{kind}{}", index + 1);
        network.layer(&layer("conv"), Conv2d::new(ins, outs, 3).padding(1));
        network.layer(&layer("act"), if index == 0 { Activation::Sigmoid } else { Activation::Tanh });
        network.layer(&layer("pool"), AvgPool2d::new(2));
    }
    network.layer("flatten", Flatten);
    network.layer("fc1", Linear::new(8192, 64));
    network.layer("act5", Activation::Tanh);
    network.layer("dropout", Dropout::new(0.25));
    network.layer("fc2", Linear::new(64, 1));
    Ok(network.build()?)
}

fn classes(targets: &Targets) -> Result<&[usize], ModelError> {
    match targets {
        Targets::Classes(classes) => Ok(classes),
        Targets::Values(_) => Err(ModelError::TargetKind { model: NAME, expected: "classes" }),
    }
}

fn matrix(outputs: &Tensor, expected: &[usize]) -> Result<ConfusionMatrix, ModelError> {
    let shape = vec![expected.len(), 1];
    if outputs.shape() != shape {
        return Err(ModelError::OutputShape { model: NAME, expected: shape, got: outputs.shape().to_vec() });
    }
    if outputs.data().iter().any(|logit| logit.is_nan()) {
        let reason = "a logit is not a number".to_owned();
        return Err(ModelError::BadData { data: format!("the outputs of {NAME}"), reason });
    }
    let predicted: Vec<usize> = outputs.data().iter().map(|logit| usize::from(*logit > 0.0)).collect();
    Ok(ConfusionMatrix::new(CLASSES.len(), &predicted, expected)?)
}

/// Mean of both classes' recalls (%).
fn balanced_accuracy(outputs: &Tensor, targets: &Targets, _: &StoredWeights) -> Result<f64, ModelError> {
    Ok(100.0 * matrix(outputs, classes(targets)?)?.macro_average().recall)
}

fn scores(outputs: &Tensor, targets: &Targets, task: &Task) -> Result<Vec<Score>, ModelError> {
    let expected = classes(targets)?;
    let matrix = matrix(outputs, expected)?;
    let is_second: Vec<bool> = expected.iter().map(|class| *class == 1).collect();
    let score = |of: &str, metric, value: f64, paper| Score { of: of.to_owned(), metric, value, paper };
    let of_paper = task.paper.map(|_| PAPER_ACCURACY);
    let mut all = vec![
        score(task.name, "balanced accuracy (%)", 100.0 * matrix.macro_average().recall, of_paper),
        score(task.name, "area under the ROC curve", area_under_curve(outputs.data(), &is_second)?, None),
    ];
    for (index, (name, class)) in task.classes.iter().zip(matrix.class_scores()).enumerate() {
        let paper = |column: usize| task.paper.and_then(|rows| rows.get(index)?.get(column).copied());
        all.push(score(name, "precision (%)", 100.0 * class.precision, paper(0)));
        all.push(score(name, "recall (%)", 100.0 * class.recall, paper(1)));
        all.push(score(name, "F1 (%)", 100.0 * class.f1, paper(2)));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_papers_parameters() {
        let parameters: usize =
            network().unwrap().parameters().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!(parameters, 530_561);
    }

    #[test]
    fn scores_by_hand() {
        let outputs = Tensor::new(&[4, 1], vec![-1.0, 2.0, 3.0, 4.0]).unwrap();
        let targets = Targets::Classes(vec![0, 0, 1, 1]);
        assert_eq!(balanced_accuracy(&outputs, &targets, &StoredWeights::default()).unwrap(), 75.0);
        let scores = scores(&outputs, &targets, &VIEW).unwrap();
        let curve = scores.iter().find(|s| s.metric.starts_with("area")).unwrap();
        assert_eq!(curve.value, 1.0);
        let recall = scores.iter().find(|s| s.of == "LCA" && s.metric == "recall (%)").unwrap();
        assert_eq!((recall.value, recall.paper), (50.0, Some(96.5)));
        assert!(super::scores(&Tensor::zeros(&[3, 1]), &targets, &VIEW).is_err());
    }
}
