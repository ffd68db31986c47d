//! Images whose values fill several ciphertexts lie in parts, so that pooling adds ciphertexts, where that is expected to be faster.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

#[expect(dead_code, reason = "each test binary uses some of it")]
mod common;

use common::{assert_close, random, run, strict, weights_of};
use nn_layers::pack::Order;
use nn_layers::program::{Program, Term};
use nn_layers::{
    Activation, AvgPool2d, Conv2d, Flatten, Linear, Network, Options, Tensor, clear, compile_for,
};
use proptest::prelude::*;

/// Convolutions in groups and pooling, twice, on an image of `sides`.
fn pooled(sides: [usize; 2], groups: usize, padding: usize) -> Network {
    let mut n = Network::builder("pooled", &[2, sides[0], sides[1]]);
    n.layer("conv1", Conv2d::new(2, 4 * groups, 3).padding(padding));
    n.layer("act1", Activation::Square);
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("conv2", Conv2d::new(4 * groups, 4 * groups, 3).groups(groups).padding(padding));
    n.layer("act2", Activation::Square);
    n.layer("pool2", AvgPool2d::new(2));
    n.layer("conv3", Conv2d::new(4 * groups, 6, 2));
    n.layer("act3", Activation::Square);
    n.layer("flatten", Flatten);
    let side = |side: usize| (((side + 2 * padding - 2) / 2 + 2 * padding - 2) / 2).saturating_sub(1);
    n.layer("fc", Linear::new(6 * side(sides[0]) * side(sides[1]), 3));
    n.build().unwrap()
}

fn inputs(network: &Network, seed: u64) -> Tensor {
    let shape: Vec<usize> = [2].into_iter().chain(network.input_shape().iter().copied()).collect();
    random(&shape, seed)
}

fn sums(program: &Program) -> usize {
    let terms = program.steps().iter().flat_map(|step| step.terms());
    terms.filter(|term| matches!(term, Term::Mapped { sums: Some(_), .. })).count()
}

#[test]
fn pooling_adds_ciphertexts_where_values_fill_many() {
    let network = pooled([32, 32], 4, 1);
    let weights = weights_of(&network, 3);
    let batch = inputs(&network, 4);
    let (params, profile) = strict(1024, 12);
    let program = compile_for(&network, &weights, &batch, &Options::default(), &profile).unwrap();
    assert!(matches!(program.input_layout().order(), Order::Parts { .. }));
    // Two parts in either direction: the first pooling leaves none for the second.
    assert_eq!((program.input_layout().phases(), sums(&program)), (2, 1));
    let expected = clear::run(&network, &weights, &batch).unwrap();
    assert_close(&run(&program, params, &profile, &batch), &expected, 1e-9, "parts");

    // In one ciphertext nothing is won.
    let (_, profile) = strict(1 << 15, 12);
    let program = compile_for(&network, &weights, &batch, &Options::default(), &profile).unwrap();
    assert_eq!((program.input_layout().order(), sums(&program)), (Order::Channels, 0));
}

/// Which weights are equal must not show in what is computed with hidden ones.
#[test]
fn hidden_weights_are_multiplexed() {
    let network = pooled([32, 32], 4, 1);
    let (_, profile) = strict(1024, 12);
    let program = nn_layers::encrypted::compile_pattern(&network, &profile).unwrap();
    assert_eq!((program.input_layout().order(), sums(&program)), (Order::Channels, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn networks_with_pooling_agree_with_the_clear_executor(
        height in 14usize..33, width in 14usize..33, groups in 1usize..4, padding in 0usize..2, slots in 6u32..12, seed in 0u64..1000,
    ) {
        let network = pooled([height, width], groups, padding);
        let weights = weights_of(&network, seed);
        let batch = inputs(&network, seed + 1);
        let expected = clear::run(&network, &weights, &batch).unwrap();
        let (params, profile) = strict(1 << slots, 12);
        let program = compile_for(&network, &weights, &batch, &Options::default(), &profile).unwrap();
        assert_close(&run(&program, params, &profile, &batch), &expected, 1e-9, "parts");
    }
}
