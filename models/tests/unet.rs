//! The committed U-Net on its held-out sections; skipped, visibly, where the data set is not there.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use models::{Model, ModelError, StoredWeights, find};
use nn_layers::clear;

/// Dice of the membranes (%) on the first `count` held-out samples; `None` where there are no data.
fn dice(model: &Model, weights: &StoredWeights, count: usize) -> Option<f64> {
    let samples = match (model.test_samples)(count, weights) {
        Err(ModelError::MissingData { path, .. }) => {
            eprintln!("SKIPPED: {} is not there", path.display());
            return None;
        }
        samples => samples.unwrap(),
    };
    let outputs = clear::run(&(model.network)().unwrap(), &weights.weights, &samples.inputs).unwrap();
    Some((model.metric.evaluate)(&outputs, &samples.targets, weights).unwrap())
}

/// The scores that the recipe printed (`models/training/unet.py`), and the price of squares: half a point.
#[test]
fn whole_sections_reach_the_recipes_scores() {
    let squares = find("unet-512").unwrap();
    if let Some(dice) = dice(squares, &squares.weights().unwrap(), 6) {
        assert!((dice - 78.79).abs() < 0.05, "{dice}");
    }
}

#[test]
fn tiles_are_worth_little_less_and_relu_little_more() {
    let [squares, relu] = ["unet", "unet-relu"].map(|name| {
        let model = find(name).unwrap();
        dice(model, &model.weights().unwrap(), 96)
    });
    if let (Some(squares), Some(relu)) = (squares, relu) {
        assert!(squares > 77.5 && relu > squares && relu < squares + 2.0, "{squares} {relu}");
    }
}
