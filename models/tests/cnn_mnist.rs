//! The committed weights of CNN-MNIST reach the paper's accuracy on the whole test file, where MNIST is at hand.

use models::ModelError;
use models::cnn_mnist::{MODEL, PAPER_ACCURACY};
use models::mnist::{Part, load};
use nn_layers::clear;

#[test]
fn reaches_the_papers_accuracy() {
    let samples = match load(None, Part::Test, 0, 10_000) {
        Ok(samples) => samples,
        Err(error @ ModelError::MissingData { .. }) => {
            eprintln!("SKIPPED: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let weights = MODEL.weights().unwrap();
    let outputs = clear::run(&(MODEL.network)().unwrap(), &weights.weights, &samples.inputs).unwrap();
    let accuracy = (MODEL.metric.evaluate)(&outputs, &samples.targets, &weights).unwrap();
    assert!(accuracy >= PAPER_ACCURACY, "{accuracy}%");
    assert!(weights.notes["accuracy"].contains(&format!("test {accuracy:.2}%")), "{:?}", weights.notes);
}
