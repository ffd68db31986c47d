//! The trained latent networks on the test part; skipped, visibly, where the data set is not there.

use models::{ModelError, find};
use nn_layers::clear;

/// The areas under the ROC curve that the recipe printed (`models/training/latent.py`), on all test images.
#[test]
fn scores_are_those_of_the_recipe() {
    for (name, micro, mean) in [("lenet", 73.6, 58.8), ("resnet-20", 76.6, 64.2)] {
        let model = find(name).unwrap();
        let weights = model.weights().unwrap();
        let samples = match (model.test_samples)(105, &weights) {
            Err(ModelError::MissingData { path, .. }) => {
                eprintln!("SKIPPED: {} is not there", path.display());
                return;
            }
            samples => samples.unwrap(),
        };
        let outputs = clear::run(&(model.network)().unwrap(), &weights.weights, &samples.inputs).unwrap();
        let scores = (model.scores)(&outputs, &samples.targets, &weights).unwrap();
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1.5, "{name}: {scores:?}");
        near(scores.first().unwrap().value, micro);
        near(scores.get(1).unwrap().value, mean);
    }
}
