//! Trains the network of CNN-Angio to tell in which half of a frame the stenosis lies, and prints its scores.
//!
//! `HENNA_DATA=FOLDER cargo run --release -p models --example angio_stenosis [EPOCHS]`

use std::ops::ControlFlow;

use models::cnn_angio::stenosis;
use models::registry::{Recipe, TrainOptions};
use nn_layers::train;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let epochs = std::env::args().nth(1).map(|text| text.parse()).transpose()?;
    let options = TrainOptions { epochs, ..TrainOptions::default() };
    let Recipe { network, inputs, targets, start, config, finish } = stenosis::recipe(&options)?;
    println!("{} training images, {} epochs", inputs.batch(), config.epochs);
    let weights = train::fit(&network, &start, &inputs, &targets, &config, |at| {
        println!("epoch {}: loss {:.4}", at.epoch, at.loss);
        ControlFlow::Continue(())
    })?;
    for score in finish(weights)?.scores {
        println!("{}, {}: {:.3}", score.of, score.metric, score.value);
    }
    Ok(())
}
