//! The registry's trained entries: LeNet and ResNet-20 on the reduced chest X-rays, by `models/training/latent.py`. With 739 training
//! images this is a demonstration; the paper's figures come from 112,120.

use nn_layers::Tensor;

use super::{Variant, lenet, resnet};
use crate::chestxray;
use crate::error::ModelError;
use crate::images::Split;
use crate::metrics::{MultiLabelArea, multi_label_area};
use crate::registry::{Better, Metric, Model, Samples, Score, Targets, WeightSource};

const RECIPE: &str = "python models/training/latent.py";
/// Inputs for calibration: these networks have learned polynomials, so that only the largest value is looked for.
const MOST_CALIBRATION: usize = 32;

/// `lenet`, trained on 739 chest X-rays.
pub static LENET: Model = TRAINED;

/// `resnet-20`, trained on 739 chest X-rays.
pub static RESNET_20: Model = Model {
    name: "resnet-20",
    about: "latent chest X-rays to 14 findings, 9 residual blocks",
    network: || Ok(resnet::network(3, &Variant::PLAIN)?),
    source: WeightSource::File(include_bytes!("../../weights/resnet-20.safetensors")),
    recipe: |_, _| Err(ModelError::TrainedElsewhere { model: "resnet-20", recipe: RECIPE }),
    ..TRAINED
};

const TRAINED: Model = Model {
    name: "lenet",
    about: "latent chest X-rays to 14 findings, 5 x 5 convolutions",
    paper: "Kim et al., Latent-HE; here trained on 739 reduced images, a demonstration",
    network: || Ok(lenet::network(&Variant::PLAIN)?),
    source: WeightSource::File(include_bytes!("../../weights/lenet.safetensors")),
    metric: Metric {
        name: "AUROC, all findings together",
        unit: "%",
        better: Better::Higher,
        evaluate: |outputs, targets, _| Ok(100.0 * areas(outputs, targets)?.micro),
    },
    test_samples: |count, _| test_samples(count),
    calibration_inputs: |count, _| {
        Ok(chestxray::load(None, Split::Train, count.min(MOST_CALIBRATION))?.inputs)
    },
    scores: |outputs, targets, _| {
        let areas = areas(outputs, targets)?;
        let score =
            |of: String, value: f64| Score { of, metric: "AUROC (%)", value: 100.0 * value, paper: None };
        Ok(vec![
            score("all findings together".to_owned(), areas.micro),
            score(format!("mean of {} findings", areas.findings), areas.macro_average),
        ])
    },
    recipe: |_, _| Err(ModelError::TrainedElsewhere { model: "lenet", recipe: RECIPE }),
};

fn test_samples(count: usize) -> Result<Samples, ModelError> {
    let samples = chestxray::load(None, Split::Test, count)?;
    let available = samples.inputs.batch();
    if available < count {
        return Err(ModelError::TooFewSamples { model: "the chest X-rays", available, asked: count });
    }
    Ok(samples)
}

fn areas(outputs: &Tensor, targets: &Targets) -> Result<MultiLabelArea, ModelError> {
    let Targets::Values(targets) = targets else {
        return Err(ModelError::TargetKind { model: "a classifier of chest X-rays", expected: "findings" });
    };
    let found: Vec<bool> = targets.data().iter().map(|target| *target > 0.5).collect();
    Ok(multi_label_area(super::CLASSES, outputs.data(), &found)?)
}
