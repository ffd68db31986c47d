//! The models by name. A new one is a file of its own, a line here, and a weights file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use nn_layers::{Network, Tensor, Weights, train};

use crate::cnn_angio;
use crate::cnn_mnist;
use crate::error::ModelError;
use crate::fcnn_wbc;
use crate::latent;
use crate::seeded;
use crate::unet;
use crate::weights::StoredWeights;

/// Every model, in the order in which lists show them.
static MODELS: [&Model; 20] = [
    &fcnn_wbc::MODEL,
    &cnn_mnist::MODEL,
    &cnn_angio::MODEL,
    &unet::MODEL,
    &unet::WHOLE,
    &unet::RELU,
    &latent::LENET,
    &latent::LENET_SE,
    &latent::VGG,
    &latent::VGG_SE,
    &latent::HEFNET,
    &latent::HEFNET_SE,
    &latent::RESNET_20,
    &latent::RESNET_20_SE,
    &latent::RESNET_32,
    &latent::RESNET_32_SE,
    &latent::RESNET_44,
    &latent::RESNET_44_SE,
    &latent::RESNET_56,
    &latent::RESNET_56_SE,
];

/// A network with all that a run, a comparison or a training needs.
pub struct Model {
    /// Name on the command line.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// The network without weights.
    pub network: fn() -> Result<Network, ModelError>,
    /// Where [`Model::weights`] come from.
    pub source: WeightSource,
    /// What its outputs are judged by.
    pub metric: Metric,
    /// The first `count` samples of the test part; the weights bring what inputs are standardised with.
    pub test_samples: fn(count: usize, weights: &StoredWeights) -> Result<Samples, ModelError>,
    /// At most `count` inputs of the training part, `[n, ..]`: what ranges of activations are calibrated on.
    pub calibration_inputs: fn(count: usize, weights: &StoredWeights) -> Result<Tensor, ModelError>,
    /// Every score of outputs `[n, ..]` against their targets, beside what the paper reports.
    pub scores: fn(&Tensor, &Targets, &StoredWeights) -> Result<Vec<Score>, ModelError>,
    /// What the weights are made from, and how.
    pub recipe: fn(&TrainOptions, Progress<'_>) -> Result<Recipe, ModelError>,
}

impl Model {
    /// The model's own weights, held against the network: the committed ones, or seeded ones where it is untrained.
    ///
    /// # Errors
    /// A weights file that does not fit its network.
    pub fn weights(&self) -> Result<StoredWeights, ModelError> {
        let network = (self.network)()?;
        match self.source {
            WeightSource::File(bytes) => Ok(StoredWeights::parse(bytes, &network)?),
            WeightSource::Seeded(seed) => {
                Ok(StoredWeights { weights: seeded::weights(&network, seed)?, ..StoredWeights::default() })
            }
        }
    }

    /// The committed weights file; `None` for an untrained model.
    #[must_use]
    pub fn weights_file(&self) -> Option<&'static [u8]> {
        match self.source {
            WeightSource::File(bytes) => Some(bytes),
            WeightSource::Seeded(_) => None,
        }
    }

    /// What to call the model's own weights wherever a figure of theirs appears.
    #[must_use]
    pub fn weights_in_words(&self) -> String {
        match self.source {
            WeightSource::File(_) => "the model's own".to_owned(),
            WeightSource::Seeded(seed) => format!("untrained (seed {seed})"),
        }
    }

    /// Makes the weights anew, in the clear.
    ///
    /// # Errors
    /// Those of the recipe's data, and of training.
    pub fn train(&self, options: &TrainOptions, progress: Progress<'_>) -> Result<Trained, ModelError> {
        let Recipe { network, inputs, targets, start, config, finish } = (self.recipe)(options, progress)?;
        let weights = train::fit(&network, &start, &inputs, &targets, &config, |at| {
            progress(Step { stage: "train", done: at.epoch, total: at.epochs, loss: Some(at.loss) });
            ControlFlow::Continue(())
        })?;
        finish(weights)
    }

    /// Weights from a file of the user's, held against the network.
    ///
    /// # Errors
    /// A file that cannot be read or does not fit.
    pub fn weights_from(&self, path: &Path) -> Result<StoredWeights, ModelError> {
        Ok(StoredWeights::load(path, &(self.network)()?)?)
    }
}

/// Where a model's own weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightSource {
    /// A committed file: trained weights.
    File(&'static [u8]),
    /// A seed: well scaled, but untrained (see [`seeded`]). Reports say so.
    Seeded(u64),
}

/// Samples of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// `[n, ..]`, ready for the network.
    pub inputs: Tensor,
    /// One target a sample.
    pub targets: Targets,
}

/// What the outputs should have been.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Numbers of classes.
    Classes(Vec<usize>),
    /// Values `[n, ..]` in the units of the data (not standardised).
    Values(Tensor),
}

/// Which way a metric improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// As an accuracy.
    Higher,
    /// As an error.
    Lower,
}

/// One number for the worth of a batch of outputs.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name for tables.
    pub name: &'static str,
    /// Unit for tables, such as `%`.
    pub unit: &'static str,
    /// Which way it improves.
    pub better: Better,
    /// Computes it from outputs `[n, ..]`, as the network gives them, and their targets.
    pub evaluate: fn(&Tensor, &Targets, &StoredWeights) -> Result<f64, ModelError>,
}

/// A score of one quantity or class, beside the paper's.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Quantity or class, such as `systemic V0` or `digit 7`.
    pub of: String,
    /// Name of the metric.
    pub metric: &'static str,
    /// Its value here.
    pub value: f64,
    /// Its value in the paper, where it reports one.
    pub paper: Option<f64>,
}

/// How a training is asked for.
#[derive(Clone, Debug, Default)]
pub struct TrainOptions {
    /// Epochs; the model's own number when absent.
    pub epochs: Option<usize>,
    /// Training samples, where fewer than all will do, as for a trial; FCNN-WBC then takes those that the crate carries.
    pub samples: Option<usize>,
    /// Seed of data, weights and order.
    pub seed: u64,
    /// Folder with the data sets that cannot be computed.
    pub data: Option<PathBuf>,
}

/// A training that can begin: over plain numbers, or over any algebra into which the owner brings them.
pub struct Recipe {
    /// The network.
    pub network: Network,
    /// Inputs of the training part, `[n, ..]`, ready for the network.
    pub inputs: Tensor,
    /// What the outputs should be, `[n, ..]`.
    pub targets: Tensor,
    /// First weights.
    pub start: Weights,
    /// Loss, batches, rates, epochs and seed.
    pub config: train::Config,
    /// Makes a weights file of trained weights, and scores it.
    pub finish: Finish,
}

/// What becomes of the weights that a training ends with.
pub type Finish = Box<dyn Fn(Weights) -> Result<Trained, ModelError>>;

/// What a training gives.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The weights, rounded as their file rounds them, with the notes that the file will carry.
    pub weights: StoredWeights,
    /// Scores on the whole test part, measured with these weights.
    pub scores: Vec<Score>,
    /// What the network gives on the test part, `[n, ..]`: class scores, or values in the units of the targets.
    pub outputs: Tensor,
    /// What it should have given.
    pub targets: Targets,
}

/// Called as long work goes on, from any thread.
pub type Progress<'a> = &'a (dyn Fn(Step<'_>) + Sync);

/// How far long work has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<'a> {
    /// What is being done, such as `simulate` or `train`.
    pub stage: &'a str,
    /// Units done.
    pub done: usize,
    /// Units in all.
    pub total: usize,
    /// The loss, while training.
    pub loss: Option<f64>,
}

/// Every model.
#[must_use]
pub fn registry() -> &'static [&'static Model] {
    &MODELS
}

/// The model of that name.
///
/// # Errors
/// [`ModelError::UnknownModel`] with the names that there are.
pub fn find(name: &str) -> Result<&'static Model, ModelError> {
    registry().iter().copied().find(|model| model.name == name).ok_or_else(|| ModelError::UnknownModel {
        name: name.to_owned(),
        known: registry().iter().map(|model| model.name).collect::<Vec<_>>().join(", "),
    })
}
