use nn_layers::Network;
use nn_layers::Result;

use super::*;

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
