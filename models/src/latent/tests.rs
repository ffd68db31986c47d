use std::collections::BTreeMap;

use nn_layers::fold::{Composition, Folded};
use nn_layers::plan::Plan;
use nn_layers::{Network, Result, Tensor, Weights, clear};

use super::*;
use crate::seeded;

type Build = fn(&Variant) -> Result<Network>;

/// Name, network, and the paper's parameter counts without and with squeeze-and-excitation.
const NETWORKS: [(&str, Build, [usize; 2]); 7] = [
    ("lenet", lenet::network, [230_202, 232_392]),
    ("vgg", vgg::network, [63_875, 72_345]),
    ("hefnet", hefnet::network, [138_577, 147_047]),
    ("resnet-20", |variant| resnet::network(3, variant), [272_908, 275_335]),
    ("resnet-32", |variant| resnet::network(5, variant), [467_358, 471_403]),
    ("resnet-44", |variant| resnet::network(7, variant), [661_808, 667_471]),
    ("resnet-56", |variant| resnet::network(9, variant), [856_258, 863_539]),
];

#[test]
fn parameter_counts_are_the_papers() {
    for (name, build, [plain, excited]) in NETWORKS {
        let network = build(&Variant::PLAIN).unwrap();
        assert_eq!((network.name(), network.parameter_count()), (name, plain));
        let network = build(&Variant::EXCITED).unwrap();
        assert_eq!((network.name(), network.parameter_count()), (&*format!("{name}-se"), excited));
        let gates = network.nodes().iter().filter(|node| node.name().ends_with(".gate")).count();
        let full = build(&Variant { excitation: Some(Gate::Full), ..Variant::PLAIN }).unwrap();
        assert_eq!(full.parameter_count(), excited + gates, "one coefficient more a gate");
    }
}

#[test]
fn every_latent_shape_that_a_network_takes() {
    for (name, build, _) in NETWORKS {
        for input in LATENTS {
            for excitation in [None, Some(Gate::Odd)] {
                let network = build(&Variant { input, excitation });
                let too_small = input == [8, 16, 16] && matches!(name, "lenet" | "hefnet");
                match network {
                    Ok(network) => assert!(!too_small && network.output_shape() == [CLASSES], "{name}"),
                    Err(error) => assert!(too_small, "{name} on {input:?}: {error}"),
                }
            }
        }
    }
}

/// Seeded weights, two inputs, and the clear result.
fn run(network: &Network) -> (Weights, Tensor, Tensor) {
    let weights = seeded::weights(network, 5).unwrap();
    let shape = <[usize; 3]>::try_from(network.input_shape()).unwrap();
    let inputs = seeded::images(shape, 2, 6);
    let outputs = clear::run(network, &weights, &inputs).unwrap();
    (weights, inputs, outputs)
}

#[test]
fn untrained_networks_keep_values_moderate_and_tell_inputs_apart() {
    for (name, build, _) in NETWORKS {
        for excitation in [None, Some(Gate::Odd), Some(Gate::Full)] {
            // A small ResNet has the structure of a large one.
            let input = if name.starts_with("resnet") { [4, 8, 8] } else { LATENT };
            let network = build(&Variant { input, excitation }).unwrap();
            let (weights, _, _) = run(&network);
            // More inputs than the weights were scaled on, and others.
            let inputs = seeded::images(input, 48, 600);
            let outputs = clear::run(&network, &weights, &inputs).unwrap();
            let mut largest: f64 = 0.0;
            clear::run_observed(&network, &weights, &inputs, |_, values| {
                largest = values.data().iter().fold(largest, |largest, v| largest.max(v.abs()));
            })
            .unwrap();
            assert!(largest < 100.0, "{name}: {largest}");
            let difference: f64 = (0..CLASSES)
                .map(|k| (outputs.data()[k] - outputs.data()[CLASSES + k]).powi(2) / CLASSES as f64)
                .sum();
            assert!((1e-2..30.0).contains(&difference), "{name}: {difference}");
            let polynomial = weights.iter().find(|(name, _)| name.contains("act")).unwrap();
            assert!(polynomial.1.data().iter().all(|c| *c != 0.0), "{name}");
            assert_eq!(weights, seeded::weights(&network, 5).unwrap(), "{name}: the seed decides");
        }
    }
}

#[test]
fn folding_keeps_the_clear_result() {
    for (name, build, _) in NETWORKS.into_iter().take(4) {
        for excitation in [None, Some(Gate::Odd)] {
            let input = if name.starts_with("resnet") { [4, 8, 8] } else { LATENT };
            let network = build(&Variant { input, excitation }).unwrap();
            let (weights, inputs, outputs) = run(&network);
            let folded = Folded::new(&network, &weights, &BTreeMap::new(), Composition::SaveLevels).unwrap();
            let got = folded.clear(inputs.rows(0, 1).data());
            for (got, expected) in got.iter().zip(outputs.data()) {
                assert!((got - expected).abs() < 1e-9, "{name}: {got} for {expected}");
            }
        }
    }
}

/// The depths that the paper's notes count: 9 for the small networks, 21 and 33 for ResNet-20 and 32 with convolutions composed.
#[test]
fn depths_after_folding() {
    for ((name, build, _), expected) in NETWORKS.into_iter().zip([9, 9, 9, 21, 33]) {
        let input = if name.starts_with("resnet") { [4, 8, 8] } else { LATENT };
        let network = build(&Variant { input, excitation: None }).unwrap();
        let weights = seeded::weights(&network, 5).unwrap();
        let folded = Folded::new(&network, &weights, &BTreeMap::new(), Composition::SaveLevels).unwrap();
        assert_eq!(Plan::new(&folded, None).unwrap().depth(), expected, "{name}");
    }
}
