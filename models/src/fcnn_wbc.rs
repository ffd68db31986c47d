//! FCNN-WBC: from nine measurements to twelve parameters of the whole-body circulation (Vizitiu et al. 2020).
//!
//! Three hidden layers of 40 (tanh, tanh, sigmoid) and twelve linear outputs, 4,172 parameters. Inputs and outputs are
//! standardised by the training part of data that the crate simulates itself, see [`crate::circulation`].

pub mod data;
mod standardise;
mod train;

use nn_layers::{Activation, Linear, Network, Tensor};

use crate::error::ModelError;
use crate::metrics::{Fit, fit_per_quantity};
use crate::registry::{Better, Metric, Model, Samples, Score, Targets, WeightSource};
use crate::weights::StoredWeights;

use data::{INPUTS, OUTPUT_NAMES, OUTPUTS, WbcSamples, embedded_test, embedded_training};
pub use standardise::Standardisation;
pub use train::{TrainConfig, train, train_on};

const NAME: &str = "fcnn-wbc";

/// The registry's entry.
pub static MODEL: Model = Model {
    name: NAME,
    about: "nine haemodynamic measurements to twelve parameters of the whole-body circulation",
    paper: "Vizitiu et al. 2020, FCNN-WBC",
    network,
    source: WeightSource::File(include_bytes!("../weights/fcnn-wbc.safetensors")),
    metric: Metric { name: "mean MAPE", unit: "%", better: Better::Lower, evaluate: mean_mape },
    test_samples,
    calibration_inputs,
    scores,
    recipe: train::recipe,
};

/// MAPE (%) and Pearson of the paper's table 8, which leaves out Rp/Rd and Emax; the order is that of [`OUTPUT_NAMES`].
pub const PAPER: [Option<Fit>; OUTPUTS] = {
    const fn fit(mape: f64, pearson: f64) -> Option<Fit> {
        Some(Fit { mape, pearson })
    }
    [
        fit(7.03, 0.9997),
        fit(0.13, 0.9995),
        fit(0.17, 0.9999),
        fit(2.45, 0.9867),
        None,
        None,
        fit(9.88, 0.9991),
        fit(0.10, 0.9994),
        fit(0.32, 0.9998),
        fit(0.67, 0.9983),
        None,
        None,
    ]
};

/// The network without weights.
///
/// # Shapes
/// `[n, 9]` standardised measurements to `[n, 12]` standardised parameters.
///
/// # Errors
/// None; the graph's own checks are passed on.
pub fn network() -> Result<Network, ModelError> {
    let mut network = Network::builder(NAME, &[INPUTS]);
    network.layer("fc1", Linear::new(INPUTS, 40));
    network.layer("act1", Activation::Tanh);
    network.layer("fc2", Linear::new(40, 40));
    network.layer("act2", Activation::Tanh);
    network.layer("fc3", Linear::new(40, 40));
    network.layer("act3", Activation::Sigmoid);
    network.layer("fc4", Linear::new(40, OUTPUTS));
    Ok(network.build()?)
}

/// MAPE and Pearson of each output, in the units of the parameters.
///
/// # Errors
/// Outputs of another shape than `[n, 12]`, or another number than targets.
pub fn fits(
    outputs: &Tensor,
    targets: &[[f64; OUTPUTS]],
    scale: &Standardisation<OUTPUTS>,
) -> Result<[Fit; OUTPUTS], ModelError> {
    let expected = vec![targets.len(), OUTPUTS];
    if outputs.shape() != expected {
        return Err(ModelError::OutputShape { model: NAME, expected, got: outputs.shape().to_vec() });
    }
    Ok(fit_per_quantity(&scale.invert(outputs.data()), targets)?)
}

fn samples(part: &WbcSamples, count: usize) -> Result<WbcSamples, ModelError> {
    if count > part.len() {
        return Err(ModelError::TooFewSamples { model: NAME, available: part.len(), asked: count });
    }
    Ok(part.slice(0..count))
}

fn test_samples(count: usize, weights: &StoredWeights) -> Result<Samples, ModelError> {
    let part = samples(&embedded_test()?, count)?;
    let inputs = Standardisation::load(NAME, "input", weights)?.apply(&part.inputs)?;
    let values = Tensor::new(&[part.len(), OUTPUTS], part.outputs.concat())?;
    Ok(Samples { inputs, targets: Targets::Values(values) })
}

fn calibration_inputs(count: usize, weights: &StoredWeights) -> Result<Tensor, ModelError> {
    let part = embedded_training()?.slice(0..count);
    Standardisation::load(NAME, "input", weights)?.apply(&part.inputs)
}

fn fits_of(
    outputs: &Tensor,
    targets: &Targets,
    weights: &StoredWeights,
) -> Result<[Fit; OUTPUTS], ModelError> {
    let Targets::Values(values) = targets else {
        return Err(ModelError::TargetKind { model: NAME, expected: "values" });
    };
    let (rows, _) = values.data().as_chunks::<OUTPUTS>();
    fits(outputs, rows, &Standardisation::load(NAME, "output", weights)?)
}

fn mean_mape(outputs: &Tensor, targets: &Targets, weights: &StoredWeights) -> Result<f64, ModelError> {
    let fits = fits_of(outputs, targets, weights)?;
    Ok(fits.iter().map(|fit| fit.mape).sum::<f64>() / OUTPUTS as f64)
}

fn scores(outputs: &Tensor, targets: &Targets, weights: &StoredWeights) -> Result<Vec<Score>, ModelError> {
    Ok(as_scores(&fits_of(outputs, targets, weights)?))
}

/// Fits beside the paper's, as the registry reports them.
fn as_scores(fits: &[Fit; OUTPUTS]) -> Vec<Score> {
    let both = |((name, fit), paper): ((&&str, &Fit), &Option<Fit>)| {
        let score = |metric, value, paper| Score { of: (*name).to_owned(), metric, value, paper };
        [
            score("MAPE (%)", fit.mape, paper.map(|paper| paper.mape)),
            score("Pearson", fit.pearson, paper.map(|paper| paper.pearson)),
        ]
    };
    OUTPUT_NAMES.iter().zip(fits).zip(&PAPER).flat_map(both).collect()
}
