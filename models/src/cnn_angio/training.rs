//! Training of CNN-Angio, for either task that angiograms are labelled for.

use std::path::Path;

use nn_layers::{Linear, Network, Tensor, Weights, clear, train};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;

use super::augment::{self, VARIANTS};
use super::{NAME, SIDE, balanced_accuracy, network, scores};
use crate::error::ModelError;
use crate::images::{LabelledImage, Split};
use crate::registry::{Recipe, Samples, Score, Targets, TrainOptions, Trained};
use crate::weights::StoredWeights;

/// Epochs of the committed weights.
pub const EPOCHS: usize = 6;
/// Side of the thumbnails of the baseline.
const THUMBNAIL: usize = 16;

/// What angiograms are told apart by.
pub(super) struct Task {
    /// Name for tables.
    pub(super) name: &'static str,
    /// The classes; the logit is positive for the second.
    pub(super) classes: [&'static str; 2],
    /// The labelled frames below a folder of data sets.
    pub(super) images: fn(Option<&Path>) -> Result<Vec<LabelledImage>, ModelError>,
    /// What trains it.
    pub(super) command: &'static str,
    /// What the labels are worth.
    pub(super) labels: &'static str,
    /// Precision, recall and F1 (%) of both classes in the paper.
    pub(super) paper: Option<[[f64; 3]; 2]>,
}

impl Task {
    fn frames(&self, root: Option<&Path>) -> Result<Vec<LabelledImage>, ModelError> {
        let images = (self.images)(root)?;
        match images.iter().find(|image| image.size != [SIDE, SIDE]) {
            None => Ok(images),
            Some(image) => {
                let reason = format!("an image of {:?} pixels; they have {SIDE} a side", image.size);
                Err(ModelError::BadData { data: super::DATA.to_owned(), reason })
            }
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

/// At most `count` frames of the training part.
pub(super) fn calibration_inputs(task: &Task, count: usize) -> Result<Tensor, ModelError> {
    let images = task.frames(None)?;
    inputs(&images.iter().filter(|i| i.split == Split::Train).take(count).collect::<Vec<_>>())
}

/// Validation and test part together, in an order that mixes them and the classes; the first `count` of them, or all.
pub(super) fn held_out(
    task: &Task,
    root: Option<&Path>,
    count: Option<usize>,
) -> Result<Samples, ModelError> {
    let images = task.frames(root)?;
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

/// The training part, four variants of each frame, balanced: of both classes as many as the smaller one has, at most `most` together.
/// `[n, 1, 256, 256]` and the classes.
///
/// Of the larger class every frame is there, in some of its variants: originals are as frequent in one class as in the other.
fn training_part(
    images: &[LabelledImage],
    most: Option<usize>,
    seed: u64,
) -> Result<(Tensor, Vec<f64>), ModelError> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut of_class = |class: usize| -> Vec<(&LabelledImage, usize)> {
        let mut frames: Vec<(&LabelledImage, [usize; VARIANTS])> = images
            .iter()
            .filter(|i| i.split == Split::Train && i.class == class)
            .map(|image| (image, std::array::from_fn(|variant| variant)))
            .collect();
        frames.shuffle(&mut rng);
        frames.iter_mut().for_each(|(_, order)| order.shuffle(&mut rng));
        let round =
            |round: usize| frames.iter().filter_map(move |(image, order)| Some((*image, *order.get(round)?)));
        (0..VARIANTS).flat_map(round).collect()
    };
    let classes = [0, 1].map(&mut of_class);
    let count = classes.iter().map(Vec::len).min().unwrap_or(0).min(most.unwrap_or(usize::MAX) / 2);
    let mut values = Vec::with_capacity(2 * count * SIDE * SIDE);
    let mut targets = Vec::with_capacity(2 * count);
    for (class, variants) in classes.into_iter().enumerate() {
        for (image, variant) in variants.into_iter().take(count) {
            values.extend(augment::variant(stretched(&image.pixels), SIDE, variant, &mut rng));
            targets.push(class as f64);
        }
    }
    Ok((Tensor::new(&[targets.len(), 1, SIDE, SIDE], values)?, targets))
}

pub(super) fn recipe(task: &'static Task, options: &TrainOptions) -> Result<Recipe, ModelError> {
    let network = network()?;
    let (inputs, targets) =
        training_part(&task.frames(options.data.as_deref())?, options.samples, options.seed)?;
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
            finish(task, weights, root.as_deref(), &trained_with, [&thumbnails, &expected])
        }),
    })
}

/// Rounds the weights as their file does, and judges them on what was held out, with the baseline beside them.
fn finish(
    task: &'static Task,
    weights: Weights,
    root: Option<&Path>,
    config: &train::Config,
    [small, expected]: [&Tensor; 2],
) -> Result<Trained, ModelError> {
    let network = network()?;
    let mut stored = StoredWeights { weights, ..StoredWeights::default() }.rounded();
    let samples = held_out(task, root, None)?;
    let outputs = clear::run(&network, &stored.weights, &samples.inputs)?;
    let reached = balanced_accuracy(&outputs, &samples.targets, &stored)?;
    let mut all = scores(&outputs, &samples.targets, task)?;

    let by_thumbnail = by_thumbnail(config, [small, expected], &samples.inputs)?;
    let base = scores(&by_thumbnail, &samples.targets, task)?.into_iter().take(2);
    let of = "baseline: linear on 16 x 16 thumbnails";
    all.extend(base.map(|score| Score { of: of.to_owned(), paper: None, ..score }));

    let paper = if task.paper.is_some() {
        format!(" (paper, on its own images: {}%)", super::PAPER_ACCURACY)
    } else {
        String::new()
    };
    let notes = [
        ("command", format!("{} --epochs {} --seed {}", task.command, config.epochs, config.seed)),
        ("recipe", "SGD, momentum 0.9, rate 0.01 along a cosine, batch 16, binary cross entropy, Xavier, dropout of 25%; each frame and three rotated, zoomed and shifted ones, classes balanced".to_owned()),
        ("labels", task.labels.to_owned()),
        ("balanced accuracy", format!("validation and test together {reached:.2}%{paper}")),
    ];
    stored.notes.extend(notes.map(|(key, note)| (key.to_owned(), note)));
    Ok(Trained { weights: stored, scores: all, outputs, targets: samples.targets })
}

/// The baseline: logits of a linear classifier on thumbnails, trained on those of the training part.
fn by_thumbnail(
    config: &train::Config,
    [small, expected]: [&Tensor; 2],
    images: &Tensor,
) -> Result<Tensor, ModelError> {
    let mut linear = Network::builder("thumbnails", &[THUMBNAIL * THUMBNAIL]);
    linear.layer("fc", Linear::new(THUMBNAIL * THUMBNAIL, 1));
    let linear = linear.build()?;
    let fit = train::Config { epochs: 60, ..config.clone() };
    let start = train::xavier(&linear, config.seed);
    let weights =
        train::fit(&linear, &start, small, expected, &fit, |_| std::ops::ControlFlow::Continue(()))?;
    let small = Tensor::new(&[images.batch(), THUMBNAIL * THUMBNAIL], thumbnails(images))?;
    Ok(clear::run(&linear, &weights, &small)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_variants_of_each_frame_and_as_many_of_each_class() {
        let image = |class: usize, split| {
            let pixels = (0..SIDE * SIDE).map(|i| (i % 251 + 2 * class) as u8).collect();
            LabelledImage { split, class, size: [SIDE, SIDE], pixels }
        };
        let mut images = vec![image(1, Split::Train), image(1, Split::Test)];
        images.extend((0..3).map(|_| image(0, Split::Train)));
        let (inputs, targets) = training_part(&images, None, 1).unwrap();
        assert_eq!(targets, [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(inputs.shape(), [8, 1, SIDE, SIDE]);
        let original = stretched(&images[0].pixels);
        let of_second = inputs.data().chunks(SIDE * SIDE).skip(4);
        assert_eq!(of_second.filter(|image| *image == original).count(), 1);
        assert_eq!(training_part(&images, Some(4), 1).unwrap().1, [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn thumbnails_are_means() {
        let mut image = vec![0.0; SIDE * SIDE];
        image[..16].fill(1.0);
        let small = thumbnails(&Tensor::new(&[1, 1, SIDE, SIDE], image).unwrap());
        assert_eq!((small[0], small[1], small.len()), (1.0 / 16.0, 0.0, 256));
    }
}
