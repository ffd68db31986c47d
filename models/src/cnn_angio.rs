//! CNN-Angio: left or right coronary artery in an X-ray angiogram, by four convolutions (Vizitiu et al. 2020).
//!
//! The result is one logit; the paper's sigmoid belongs to the loss and does not change on which side of one half it lies.
//!
//! The paper's images are not public. These are the frames of ARCADE (Popov et al. 2024) reduced to 256 x 256, and their labels were read
//! **by eye, by readers without clinical training**: every score is against those. Patients are not identified, so that frames of one patient may lie in
//! several parts. The view shows in the pose of the whole picture: a linear classifier on thumbnails of 16 x 16, scored beside the network,
//! says what the task is worth.

mod augment;

use std::path::Path;

use nn_layers::{Activation, AvgPool2d, Conv2d, Flatten, Linear, Network, Tensor, Weights, clear, train};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;

use crate::data;
use crate::error::ModelError;
use crate::images::{self, LabelledImage, Split};
use crate::metrics::{ConfusionMatrix, area_under_curve};
use crate::registry::{
    Better, Metric, Model, Progress, Recipe, Samples, Score, Targets, TrainOptions, Trained,
};
use crate::weights::StoredWeights;

const NAME: &str = "cnn-angio";
const DATA: &str = "the angiograms (arcade_256)";
/// Height and width of an image.
pub const SIDE: usize = 256;
/// The classes; the logit is positive for the second.
pub const CLASSES: [&str; 2] = ["LCA", "RCA"];
/// Training images of each class: the frames, drawn evenly and each time transformed anew.
const PER_CLASS: usize = 1000;
/// Side of the thumbnails of the baseline.
const THUMBNAIL: usize = 16;

/// The registry's entry.
pub static MODEL: Model = Model {
    name: NAME,
    about: "left or right coronary artery in angiograms of 256 x 256 pixels",
    paper: "Vizitiu et al. 2020, CNN-Angio",
    network,
    weights_file: include_bytes!("../weights/cnn-angio.safetensors"),
    metric: Metric {
        name: "balanced accuracy",
        unit: "%",
        better: Better::Higher,
        evaluate: balanced_accuracy,
    },
    test_samples: |count, _| held_out(None, Some(count)),
    calibration_inputs: |count, _| {
        let images = frames(None)?;
        let some: Vec<&LabelledImage> =
            images.iter().filter(|i| i.split == Split::Train).take(count).collect();
        inputs(&some)
    },
    scores: |outputs, targets, _| scores(outputs, targets, "view"),
    recipe,
};

/// The paper's precision, recall and F1 (%) of both classes (table 9), on its own images.
pub const PAPER: [[f64; 3]; 2] = [[96.0, 96.5, 96.3], [96.5, 96.0, 96.2]];
/// Its accuracy (%).
pub const PAPER_ACCURACY: f64 = 96.2;

/// The network without weights: 530,561 parameters. The paper's dropout of 25% behind `act5` is a matter of training, and left out there.
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
    network.layer("fc2", Linear::new(64, 1));
    Ok(network.build()?)
}

fn frames(root: Option<&Path>) -> Result<Vec<LabelledImage>, ModelError> {
    let images = images::load(DATA, &data::folder(root, "arcade_256")?, &CLASSES)?;
    match images.iter().find(|image| image.size != [SIDE, SIDE]) {
        None => Ok(images),
        Some(image) => {
            let reason = format!("an image of {:?} pixels; they have {SIDE} a side", image.size);
            Err(ModelError::BadData { data: DATA.to_owned(), reason })
        }
    }
}

/// Grey values stretched to `[0, 1]`, image by image.
fn inputs(images: &[&LabelledImage]) -> Result<Tensor, ModelError> {
    let values = images.iter().flat_map(|image| stretched(&image.pixels)).collect();
    Ok(Tensor::new(&[images.len(), 1, SIDE, SIDE], values)?)
}

fn stretched(pixels: &[u8]) -> Vec<f64> {
    let (low, high) = pixels.iter().fold((255, 0), |(low, high), p| (low.min(*p), high.max(*p)));
    let span = f64::from(high.saturating_sub(low).max(1));
    pixels.iter().map(|pixel| f64::from(pixel.saturating_sub(low)) / span).collect()
}

/// Validation and test part together, in an order that mixes them and the classes; the first `count` of them, or all.
fn held_out(root: Option<&Path>, count: Option<usize>) -> Result<Samples, ModelError> {
    let images = frames(root)?;
    let mut chosen: Vec<&LabelledImage> = images.iter().filter(|image| image.split != Split::Train).collect();
    chosen.shuffle(&mut ChaCha20Rng::seed_from_u64(0));
    let count = count.unwrap_or(chosen.len());
    if count > chosen.len() {
        return Err(ModelError::TooFewSamples { model: NAME, available: chosen.len(), asked: count });
    }
    chosen.truncate(count);
    let targets = Targets::Classes(chosen.iter().map(|image| image.class).collect());
    Ok(Samples { inputs: inputs(&chosen)?, targets })
}

/// Epochs of the committed weights.
pub const EPOCHS: usize = 12;

fn recipe(options: &TrainOptions, _: Progress<'_>) -> Result<Recipe, ModelError> {
    let network = network()?;
    let images = frames(options.data.as_deref())?;
    let mut rng = ChaCha20Rng::seed_from_u64(options.seed);
    let mut values = Vec::with_capacity(2 * PER_CLASS * SIDE * SIDE);
    let mut targets = Vec::with_capacity(2 * PER_CLASS);
    for class in 0..CLASSES.len() {
        let mut own: Vec<&LabelledImage> =
            images.iter().filter(|i| i.split == Split::Train && i.class == class).collect();
        own.shuffle(&mut rng);
        for image in own.into_iter().cycle().take(PER_CLASS) {
            values.extend(augment::transformed(&stretched(&image.pixels), SIDE, &mut rng));
            targets.push(class as f64);
        }
    }
    let count = targets.len();
    let config = train::Config {
        loss: train::Loss::BinaryCrossEntropy,
        epochs: options.epochs.unwrap_or(EPOCHS),
        batch: 16,
        rate: 0.01,
        schedule: train::RateSchedule::Cosine,
        momentum: 0.9,
        seed: options.seed,
    };
    let start = train::xavier(&network, options.seed);
    let inputs = Tensor::new(&[count, 1, SIDE, SIDE], values)?;
    let thumbnails = Tensor::new(&[count, THUMBNAIL * THUMBNAIL], thumbnails(&inputs))?;
    let targets = Tensor::new(&[count, 1], targets)?;
    let (root, trained_with, expected) = (options.data.clone(), config.clone(), targets.clone());
    Ok(Recipe {
        network,
        inputs,
        targets,
        start,
        config,
        finish: Box::new(move |weights| {
            finish(weights, root.as_deref(), &trained_with, [&thumbnails, &expected])
        }),
    })
}

/// Rounds the weights as their file does, and judges them on what was held out, with the baseline beside them.
fn finish(
    weights: Weights,
    root: Option<&Path>,
    config: &train::Config,
    [small, expected]: [&Tensor; 2],
) -> Result<Trained, ModelError> {
    let network = network()?;
    let mut stored = StoredWeights { weights, ..StoredWeights::default() }.rounded();
    let samples = held_out(root, None)?;
    let outputs = clear::run(&network, &stored.weights, &samples.inputs)?;
    let reached = balanced_accuracy(&outputs, &samples.targets, &stored)?;
    let mut all = scores(&outputs, &samples.targets, "view")?;

    let mut linear = Network::builder("thumbnails", &[THUMBNAIL * THUMBNAIL]);
    linear.layer("fc", Linear::new(THUMBNAIL * THUMBNAIL, 1));
    let linear = linear.build()?;
    let fit = train::Config { epochs: 60, ..config.clone() };
    let baseline = train::fit(&linear, &train::xavier(&linear, config.seed), small, expected, &fit, |_| {
        std::ops::ControlFlow::Continue(())
    })?;
    let held_out =
        Tensor::new(&[samples.inputs.batch(), THUMBNAIL * THUMBNAIL], thumbnails(&samples.inputs))?;
    let by_thumbnail = clear::run(&linear, &baseline, &held_out)?;
    let base = scores(&by_thumbnail, &samples.targets, "baseline: linear on 16 x 16 thumbnails")?;
    let base = base.into_iter().filter(|score| score.of.starts_with("baseline"));
    all.extend(base.map(|score| Score { paper: None, ..score }));

    let notes = [
        ("command", format!("henna train {NAME} --epochs {} --seed {}", config.epochs, config.seed)),
        ("recipe", "SGD, momentum 0.9, rate 0.01 along a cosine, batch 16, binary cross entropy, Xavier, no dropout; balanced classes, each frame rotated, zoomed and shifted at random".to_owned()),
        ("labels", "read by eye by readers without clinical training; frames of one patient may lie in several parts".to_owned()),
        ("balanced accuracy", format!("validation and test together {reached:.2}% (paper, on its own images: {PAPER_ACCURACY}%)")),
    ];
    stored.notes.extend(notes.map(|(key, note)| (key.to_owned(), note)));
    Ok(Trained { weights: stored, scores: all })
}

/// Means over squares: 16 x 16 values an image.
fn thumbnails(images: &Tensor) -> Vec<f64> {
    let step = SIDE / THUMBNAIL;
    let mut result = Vec::with_capacity(images.batch() * THUMBNAIL * THUMBNAIL);
    for image in images.data().chunks(SIDE * SIDE) {
        for (y, x) in (0..THUMBNAIL).flat_map(|y| (0..THUMBNAIL).map(move |x| (y, x))) {
            let lines = image.chunks(SIDE).skip(y * step).take(step);
            let sum: f64 = lines.flat_map(|line| line.iter().skip(x * step).take(step)).sum();
            result.push(sum / (step * step) as f64);
        }
    }
    result
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

fn scores(outputs: &Tensor, targets: &Targets, of: &str) -> Result<Vec<Score>, ModelError> {
    let expected = classes(targets)?;
    let matrix = matrix(outputs, expected)?;
    let is_right: Vec<bool> = expected.iter().map(|class| *class == 1).collect();
    let score = |of: &str, metric, value: f64, paper| Score { of: of.to_owned(), metric, value, paper };
    let mut all = vec![
        score(of, "balanced accuracy (%)", 100.0 * matrix.macro_average().recall, Some(PAPER_ACCURACY)),
        score(of, "area under the ROC curve", area_under_curve(outputs.data(), &is_right)?, None),
    ];
    for ((name, class), [precision, recall, f1]) in CLASSES.iter().zip(matrix.class_scores()).zip(PAPER) {
        all.push(score(name, "precision (%)", 100.0 * class.precision, Some(precision)));
        all.push(score(name, "recall (%)", 100.0 * class.recall, Some(recall)));
        all.push(score(name, "F1 (%)", 100.0 * class.f1, Some(f1)));
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
        let scores = scores(&outputs, &targets, "view").unwrap();
        let curve = scores.iter().find(|s| s.metric.starts_with("area")).unwrap();
        assert_eq!(curve.value, 1.0);
        let recall = scores.iter().find(|s| s.of == "LCA" && s.metric == "recall (%)").unwrap();
        assert_eq!((recall.value, recall.paper), (50.0, Some(96.5)));
        assert!(super::scores(&Tensor::zeros(&[3, 1]), &targets, "view").is_err());
    }

    #[test]
    fn thumbnails_are_means() {
        let mut image = vec![0.0; SIDE * SIDE];
        image[..16].fill(1.0);
        let small = thumbnails(&Tensor::new(&[1, 1, SIDE, SIDE], image).unwrap());
        assert_eq!((small[0], small[1], small.len()), (1.0 / 16.0, 0.0, 256));
    }
}
