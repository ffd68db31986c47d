//! CNN-MNIST: handwritten digits by two convolutions and two dense layers, sigmoids throughout (Vizitiu et al. 2020).
//!
//! The result is ten logits; the paper's softmax belongs to the loss and does not change which class is the largest.

use std::path::Path;

use nn_layers::{Activation, AvgPool2d, Conv2d, Flatten, Linear, Network, Tensor, Weights, clear, train};

use crate::error::ModelError;
use crate::metrics::{ConfusionMatrix, accuracy, top_class};
use crate::mnist::{self, CLASSES, Part, SIDE, TRAINING};
use crate::registry::{
    Better, Metric, Model, Progress, Recipe, Samples, Score, Targets, TrainOptions, Trained, WeightSource,
};
use crate::weights::StoredWeights;

const NAME: &str = "cnn-mnist";
/// Images of the test file, and of the validation part.
const HELD_OUT: usize = 10_000;

/// The registry's entry.
pub static MODEL: Model = Model {
    name: NAME,
    about: "handwritten digits of 28 x 28 pixels to ten classes",
    paper: "Vizitiu et al. 2020, CNN-MNIST",
    network,
    source: WeightSource::File(include_bytes!("../weights/cnn-mnist.safetensors")),
    metric: Metric { name: "accuracy", unit: "%", better: Better::Higher, evaluate: percent_right },
    test_samples: |count, _| mnist::load(None, Part::Test, 0, count),
    calibration_inputs: |count, _| Ok(mnist::load(None, Part::Train, 0, count.min(TRAINING))?.inputs),
    scores: |outputs, targets, _| scores(outputs, targets),
    recipe,
};

/// Precision, recall and F1 (%) of the digits 0 to 9 in the paper's table 7.
pub const PAPER: [[f64; 3]; CLASSES] = [
    [97.9, 99.0, 98.5],
    [98.8, 99.2, 99.0],
    [98.5, 98.3, 98.4],
    [98.1, 98.5, 98.3],
    [98.4, 98.3, 98.4],
    [98.2, 98.6, 98.4],
    [98.4, 98.0, 98.2],
    [97.3, 97.9, 97.6],
    [98.3, 97.2, 97.7],
    [97.5, 96.4, 97.0],
];
/// Accuracy (%) in the paper.
pub const PAPER_ACCURACY: f64 = 98.2;

/// The network without weights: 80,758 parameters.
///
/// # Shapes
/// `[n, 1, 28, 28]` grey values in `[0, 1]` to `[n, 10]` logits.
///
/// # Errors
/// None; the graph's own checks are passed on.
pub fn network() -> Result<Network, ModelError> {
    let mut network = Network::builder(NAME, &[1, SIDE, SIDE]);
    network.layer("conv1", Conv2d::new(1, 8, 3).padding(1));
    network.layer("act1", Activation::Sigmoid);
    network.layer("pool1", AvgPool2d::new(2));
    network.layer("conv2", Conv2d::new(8, 16, 3).padding(1));
    network.layer("act2", Activation::Sigmoid);
    network.layer("pool2", AvgPool2d::new(2));
    network.layer("flatten", Flatten);
    network.layer("fc1", Linear::new(784, 100));
    network.layer("act3", Activation::Sigmoid);
    network.layer("fc2", Linear::new(100, CLASSES));
    Ok(network.build()?)
}

/// Epochs of the committed weights. The paper takes 100 at a constant rate of 0.01; a rate of 0.05 that falls along a cosine
/// gets there in fewer.
pub const EPOCHS: usize = 30;

fn recipe(options: &TrainOptions, _: Progress<'_>) -> Result<Recipe, ModelError> {
    let count = options.samples.unwrap_or(TRAINING).min(TRAINING);
    let training = mnist::load(options.data.as_deref(), Part::Train, 0, count)?;
    let network = network()?;
    let config = train::Config {
        loss: train::Loss::CrossEntropy,
        epochs: options.epochs.unwrap_or(EPOCHS),
        batch: 32,
        rate: 0.05,
        schedule: train::RateSchedule::Cosine,
        momentum: 0.9,
        seed: options.seed,
    };
    let targets = train::one_hot(classes(&training.targets)?, CLASSES)?;
    let start = train::xavier(&network, options.seed);
    let (data, trained_with) = (options.data.clone(), config.clone());
    Ok(Recipe {
        network,
        inputs: training.inputs,
        targets,
        start,
        config,
        finish: Box::new(move |weights| finish(weights, data.as_deref(), &trained_with)),
    })
}

/// Rounds the weights as their file does, and judges them on the validation and test parts.
fn finish(weights: Weights, root: Option<&Path>, config: &train::Config) -> Result<Trained, ModelError> {
    let network = network()?;
    let mut stored = StoredWeights { weights, ..StoredWeights::default() }.rounded();
    let judge = |part, first| -> Result<(Tensor, Samples), ModelError> {
        let samples = mnist::load(root, part, first, HELD_OUT)?;
        Ok((clear::run(&network, &stored.weights, &samples.inputs)?, samples))
    };
    let (outputs, validation) = judge(Part::Train, TRAINING)?;
    let validated = percent_right(&outputs, &validation.targets, &stored)?;
    let (outputs, test) = judge(Part::Test, 0)?;
    let tested = percent_right(&outputs, &test.targets, &stored)?;
    let scores = scores(&outputs, &test.targets)?;
    let notes = [
        ("command", format!("henna train {NAME} --epochs {} --seed {}", config.epochs, config.seed)),
        ("recipe", "SGD, momentum 0.9, rate 0.05 along a cosine, batch 32, cross entropy, Xavier".to_owned()),
        ("accuracy", format!("validation {validated:.2}%, test {tested:.2}% (paper: {PAPER_ACCURACY}%)")),
    ];
    stored.notes.extend(notes.map(|(key, note)| (key.to_owned(), note)));
    Ok(Trained { weights: stored, scores, outputs, targets: test.targets })
}

fn classes(targets: &Targets) -> Result<&[usize], ModelError> {
    match targets {
        Targets::Classes(classes) => Ok(classes),
        Targets::Values(_) => Err(ModelError::TargetKind { model: NAME, expected: "classes" }),
    }
}

fn predictions(outputs: &Tensor, expected: &[usize]) -> Result<Vec<usize>, ModelError> {
    let shape = vec![expected.len(), CLASSES];
    if outputs.shape() != shape {
        return Err(ModelError::OutputShape { model: NAME, expected: shape, got: outputs.shape().to_vec() });
    }
    let classes = outputs.data().chunks(CLASSES).map(top_class).collect::<Option<Vec<usize>>>();
    classes.ok_or_else(|| ModelError::BadData {
        data: format!("the outputs of {NAME}"),
        reason: "a class score is not a number".to_owned(),
    })
}

fn percent_right(outputs: &Tensor, targets: &Targets, _: &StoredWeights) -> Result<f64, ModelError> {
    let expected = classes(targets)?;
    Ok(100.0 * accuracy(&predictions(outputs, expected)?, expected)?)
}

fn scores(outputs: &Tensor, targets: &Targets) -> Result<Vec<Score>, ModelError> {
    let expected = classes(targets)?;
    let predicted = predictions(outputs, expected)?;
    let all = Score {
        of: "all digits".to_owned(),
        metric: "accuracy (%)",
        value: 100.0 * accuracy(&predicted, expected)?,
        paper: Some(PAPER_ACCURACY),
    };
    let matrix = ConfusionMatrix::new(CLASSES, &predicted, expected)?;
    let digits =
        matrix.class_scores().into_iter().zip(PAPER).enumerate().flat_map(|(digit, (score, paper))| {
            let [precision, recall, f1] = paper;
            let one = |metric, value: f64, paper| Score {
                of: format!("digit {digit}"),
                metric,
                value: 100.0 * value,
                paper: Some(paper),
            };
            [
                one("precision (%)", score.precision, precision),
                one("recall (%)", score.recall, recall),
                one("F1 (%)", score.f1, f1),
            ]
        });
    Ok(std::iter::once(all).chain(digits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_papers_parameters() {
        assert_eq!(
            network().unwrap().parameters().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>(),
            80_758
        );
    }

    #[test]
    fn scores_a_batch_by_hand() {
        let mut outputs = vec![0.0; 30];
        outputs[3] = 1.0;
        outputs[10 + 4] = 1.0;
        outputs[20 + 4] = 1.0;
        let outputs = Tensor::new(&[3, 10], outputs).unwrap();
        let targets = Targets::Classes(vec![3, 4, 9]);
        let weights = StoredWeights::default();
        assert!((percent_right(&outputs, &targets, &weights).unwrap() - 200.0 / 3.0).abs() < 1e-9);
        let scores = scores(&outputs, &targets).unwrap();
        let precision = scores.iter().find(|s| s.of == "digit 4" && s.metric == "precision (%)").unwrap();
        assert_eq!((precision.value, precision.paper), (50.0, Some(98.4)));
    }

    #[test]
    fn refuses_outputs_that_do_not_belong() {
        let outputs = Tensor::zeros(&[2, 9]);
        let error = scores(&outputs, &Targets::Classes(vec![1, 2])).unwrap_err().to_string();
        assert!(error.contains("[2, 10]") && error.contains("[2, 9]"), "{error}");
        let values = Targets::Values(Tensor::zeros(&[2, 10]));
        assert!(scores(&Tensor::zeros(&[2, 10]), &values).unwrap_err().to_string().contains("classes"));
    }
}
