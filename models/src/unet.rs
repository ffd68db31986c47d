//! The U-Net of CryptoUNets (Chiang): membranes in images from the electron microscope, for tiles or whole sections.
//!
//! The paper publishes neither the size of its images nor a score. Here a tile is 128 x 128 pixels, and a whole section 512 x 512. The weights
//! are made by `models/training/unet.py`; the network with ReLU is trained by the same recipe, so that the price of squares is known.

use nn_layers::{
    Activation, AvgPool2d, Concat, Conv2d, ConvTranspose2d, Network, NetworkBuilder, NodeId, Tensor,
};

use crate::error::ModelError;
use crate::membranes::{self, Overlap, Part, SIDE};
use crate::registry::{Better, Metric, Model, Samples, Score, Targets, WeightSource};
use crate::weights::StoredWeights;

/// Height and width of a tile.
pub const TILE: usize = 128;
const PAPER: &str = "Chiang, CryptoUNets";
const SQUARES: &[u8] = include_bytes!("../weights/unet.safetensors");

/// Tiles with squares: the paper's network.
pub static MODEL: Model = TILES;

const TILES: Model = Model {
    name: "unet",
    about: "membranes in electron micrographs, tiles of 128 x 128 pixels",
    paper: PAPER,
    network: || Ok(network("unet", &Activation::Square, [TILE, TILE])?),
    source: WeightSource::File(SQUARES),
    metric: DICE,
    test_samples: |count, weights| samples(Part::HeldOut, TILE, count, weights),
    calibration_inputs: |count, weights| Ok(samples(Part::Training, TILE, count.min(32), weights)?.inputs),
    scores,
    recipe: |_, _| Err(ModelError::TrainedElsewhere { model: "unet", recipe: RECIPE }),
};

/// Whole sections with squares.
pub static WHOLE: Model = Model {
    name: "unet-512",
    about: "membranes in electron micrographs, whole sections of 512 x 512 pixels",
    network: || Ok(network("unet-512", &Activation::Square, [SIDE, SIDE])?),
    test_samples: |count, weights| samples(Part::HeldOut, SIDE, count, weights),
    calibration_inputs: |count, weights| Ok(samples(Part::Training, SIDE, count.min(2), weights)?.inputs),
    recipe: |_, _| Err(ModelError::TrainedElsewhere { model: "unet-512", recipe: RECIPE }),
    ..TILES
};

/// Tiles with ReLU, which no leveled scheme computes: what the squares are held against.
pub static RELU: Model = Model {
    name: "unet-relu",
    about: "the same tiles with ReLU in place of squares",
    network: || Ok(network("unet-relu", &Activation::Relu, [TILE, TILE])?),
    source: WeightSource::File(include_bytes!("../weights/unet-relu.safetensors")),
    recipe: |_, _| Err(ModelError::TrainedElsewhere { model: "unet-relu", recipe: RECIPE }),
    ..TILES
};

const RECIPE: &str = "python models/training/unet.py";

const DICE: Metric = Metric {
    name: "Dice of membranes",
    unit: "%",
    better: Better::Higher,
    evaluate: |outputs, targets, _| Ok(100.0 * overlap(outputs, targets)?.dice),
};

/// The network on images of `[1, height, width]`, both multiples of 4: two levels of mean pooling, logits of the same size, positive for
/// membrane. 11,516 parameters; with squares 23 multiplications one after the other before folding.
///
/// # Errors
/// The shape check's, for sides that are no multiples of 4.
pub fn network(
    name: &str,
    activation: &Activation,
    [height, width]: [usize; 2],
) -> nn_layers::Result<Network> {
    let mut n = Network::builder(name, &[1, height, width]);
    let outer = double(&mut n, "down1", [1, 5], activation);
    n.layer("pool1", AvgPool2d::new(2));
    let inner = double(&mut n, "down2", [5, 10], activation);
    n.layer("pool2", AvgPool2d::new(2));
    double(&mut n, "bottom", [10, 20], activation);
    for (name, skip, channels) in [("up2", inner, 10), ("up1", outer, 5)] {
        let up = n.layer(&format!("{name}.up"), ConvTranspose2d::new(2 * channels, channels, 2).stride(2));
        n.layer_on(&format!("{name}.concat"), Concat, &[skip, up]);
        double(&mut n, name, [2 * channels, channels], activation);
    }
    n.layer("out", Conv2d::new(5, 1, 1));
    n.build()
}

/// Two convolutions, each with its activation.
fn double(n: &mut NetworkBuilder, name: &str, [ins, outs]: [usize; 2], activation: &Activation) -> NodeId {
    n.layer(&format!("{name}.conv1"), Conv2d::new(ins, outs, 3).padding(1));
    n.layer(&format!("{name}.act1"), activation.clone());
    n.layer(&format!("{name}.conv2"), Conv2d::new(outs, outs, 3).padding(1));
    n.layer(&format!("{name}.act2"), activation.clone())
}

/// Samples in the units that the weights were trained with.
fn samples(part: Part, side: usize, count: usize, weights: &StoredWeights) -> Result<Samples, ModelError> {
    let of = |name| weights.constant("unet", name, &[1]).map(|value| value.data().iter().sum::<f64>());
    membranes::tiles(None, part, side, count, [of("mean")?, of("deviation")?])
}

fn overlap(outputs: &Tensor, targets: &Targets) -> Result<Overlap, ModelError> {
    let Targets::Values(targets) = targets else {
        return Err(ModelError::TargetKind { model: "unet", expected: "drawn membranes" });
    };
    Ok(Overlap::new(outputs.data(), targets.data())?)
}

fn scores(outputs: &Tensor, targets: &Targets, _: &StoredWeights) -> Result<Vec<Score>, ModelError> {
    Ok(overlap(outputs, targets)?.scores())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_is_the_papers() {
        let network = network("unet", &Activation::Square, [128, 128]).unwrap();
        assert_eq!(network.parameter_count(), 11_516);
        assert_eq!(network.output_shape(), [1, 128, 128]);
        assert!(super::network("unet", &Activation::Square, [126, 128]).is_err());
    }
}
