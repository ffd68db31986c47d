//! The registry's untrained entries, on images of 4 x 32 x 32.

use nn_layers::{Network, Tensor, clear};

use super::{LATENT, Variant, hefnet, lenet, resnet, vgg};
use crate::error::ModelError;
use crate::metrics::{accuracy, top_class};
use crate::registry::{Better, Metric, Model, Samples, Targets, WeightSource};
use crate::seeded;
use crate::weights::StoredWeights;

/// Seeds of weights, of samples, and of the inputs on which ranges are calibrated.
const WEIGHTS: u64 = 1;
const SAMPLES: u64 = 1001;
const CALIBRATION: u64 = 2001;
/// Inputs for calibration: these networks have learned polynomials, so that only the largest value is looked for.
const MOST_CALIBRATION: usize = 32;

/// For networks that know nothing yet: whether the encrypted network has the same top class as the original.
const AGREEMENT: Metric = Metric {
    name: "same top class as the original",
    unit: "%",
    better: Better::Higher,
    evaluate: |outputs, targets, _| agreement(outputs, targets),
};

macro_rules! untrained {
    ($($entry:ident: $name:literal, $about:literal, $variant:expr, $build:expr;)*) => {$(
        #[doc = concat!("`", $name, "`, untrained.")]
        pub static $entry: Model = Model {
            name: $name,
            about: $about,
            paper: "Kim et al., Latent-HE",
            network: || Ok($build(&$variant)?),
            source: WeightSource::Seeded(WEIGHTS),
            metric: AGREEMENT,
            test_samples: |count, weights| samples(&$build(&$variant)?, count, weights),
            calibration_inputs: |count, _| {
                Ok(seeded::images(LATENT, count.min(MOST_CALIBRATION), CALIBRATION))
            },
            scores: |_, _, _| Ok(Vec::new()),
            recipe: |_, _| Err(ModelError::NoRecipe { model: $name }),
        };
    )*};
}

untrained! {
    LENET_SE: "lenet-se", "LeNet with squeeze-and-excitation", Variant::EXCITED, lenet::network;
    VGG: "vgg", "latent chest X-rays to 14 findings, grouped 3 x 3 convolutions", Variant::PLAIN, vgg::network;
    VGG_SE: "vgg-se", "VGG with squeeze-and-excitation", Variant::EXCITED, vgg::network;
    HEFNET: "hefnet", "latent chest X-rays to 14 findings, normalised convolutions", Variant::PLAIN, hefnet::network;
    HEFNET_SE: "hefnet-se", "HefNet with squeeze-and-excitation", Variant::EXCITED, hefnet::network;
    RESNET_20_SE: "resnet-20-se", "ResNet-20 with squeeze-and-excitation", Variant::EXCITED, resnet_20;
    RESNET_32: "resnet-32", "latent chest X-rays to 14 findings, 15 residual blocks", Variant::PLAIN, resnet_32;
    RESNET_32_SE: "resnet-32-se", "ResNet-32 with squeeze-and-excitation", Variant::EXCITED, resnet_32;
    RESNET_44: "resnet-44", "latent chest X-rays to 14 findings, 21 residual blocks", Variant::PLAIN, resnet_44;
    RESNET_44_SE: "resnet-44-se", "ResNet-44 with squeeze-and-excitation", Variant::EXCITED, resnet_44;
    RESNET_56: "resnet-56", "latent chest X-rays to 14 findings, 27 residual blocks", Variant::PLAIN, resnet_56;
    RESNET_56_SE: "resnet-56-se", "ResNet-56 with squeeze-and-excitation", Variant::EXCITED, resnet_56;
}

fn resnet_20(variant: &Variant) -> nn_layers::Result<Network> {
    resnet::network(3, variant)
}

fn resnet_32(variant: &Variant) -> nn_layers::Result<Network> {
    resnet::network(5, variant)
}

fn resnet_44(variant: &Variant) -> nn_layers::Result<Network> {
    resnet::network(7, variant)
}

fn resnet_56(variant: &Variant) -> nn_layers::Result<Network> {
    resnet::network(9, variant)
}

/// Random inputs, and the classes that the network itself puts them into.
fn samples(network: &Network, count: usize, weights: &StoredWeights) -> Result<Samples, ModelError> {
    let inputs = seeded::images(LATENT, count, SAMPLES);
    let outputs = clear::run(network, &weights.weights, &inputs)?;
    Ok(Samples { inputs, targets: Targets::Classes(top_classes(&outputs)) })
}

fn agreement(outputs: &Tensor, targets: &Targets) -> Result<f64, ModelError> {
    let Targets::Classes(classes) = targets else {
        return Err(ModelError::TargetKind { model: "an untrained network", expected: "classes" });
    };
    Ok(100.0 * accuracy(&top_classes(outputs), classes)?)
}

fn top_classes(outputs: &Tensor) -> Vec<usize> {
    let width = outputs.data().len() / outputs.batch().max(1);
    outputs.data().chunks_exact(width.max(1)).map(|row| top_class(row).unwrap_or(0)).collect()
}
