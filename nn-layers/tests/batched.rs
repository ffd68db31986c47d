//! The packing in which the slots are samples: groups of them share ciphertexts, nothing is rotated, and each sample gets its own result.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod common;

use common::{assert_close, free, random, random_network, run, strict, weights_of};
use he_traits::{Diagonal, Profile};
use nn_layers::{
    Activation, AvgPool2d, Conv2d, Degree, Error, Flatten, Linear, Network, Options, Packing, Program,
    Tensor, compile_for,
};
use proptest::prelude::*;

/// Convolution, pooling and two fully connected layers on images of 6 x 6.
fn digits() -> Network {
    let mut n = Network::builder("digits", &[1, 6, 6]);
    n.layer("conv", Conv2d::new(1, 3, 3));
    n.layer("act1", Activation::Square);
    n.layer("pool", AvgPool2d::new(2));
    n.layer("flatten", Flatten);
    n.layer("fc1", Linear::new(12, 7));
    n.layer("act2", Activation::Sigmoid);
    n.layer("fc2", Linear::new(7, 4));
    n.build().unwrap()
}

fn options() -> Options {
    Options { degree: Degree::Fixed(5), packing: Packing::Batched, ..Options::default() }
}

fn compiled(network: &Network, slots: usize, inputs: &Tensor) -> Program {
    let (_, profile) = strict(slots, 30);
    compile_for(network, &weights_of(network, 1), inputs, &options(), &profile).unwrap()
}

#[test]
fn each_sample_of_a_group_gets_its_own_result() {
    let network = digits();
    // Two full groups and a part of a third, one full group, a part of one, and a single sample.
    for samples in [19, 8, 3, 1] {
        let inputs = random(&[samples, 1, 6, 6], 5);
        let program = compiled(&network, 8, &inputs);
        assert_eq!(program.samples_per_ciphertext(), 8);
        let (params, profile) = strict(8, 30);
        let got = run(&program, params, &profile, &inputs);
        assert_close(&got, &program.clear(&inputs).unwrap(), 1e-9, &format!("{samples} samples"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_networks_agree_with_the_clear_executor(seed in 0u64..1 << 40) {
        let network = random_network(seed);
        let inputs = random(&[vec![5], network.input_shape().to_vec()].concat(), seed);
        let (params, profile) = strict(4, 30);
        let program = compile_for(&network, &weights_of(&network, seed), &inputs, &options(), &profile).unwrap();
        let got = run(&program, params, &profile, &inputs);
        assert_close(&got, &program.clear(&inputs).unwrap(), 1e-9, "batched");
    }
}

#[test]
fn an_element_is_a_ciphertext_and_nothing_is_rotated() {
    let network = digits();
    let program = compiled(&network, 8, &random(&[2, 1, 6, 6], 5));
    let (_, profile) = strict(8, 30);
    assert_eq!([program.input_layout().blocks(), program.output_layout().blocks()], [36, 4]);
    let run = program.symbolic(&profile).unwrap();
    assert!(run.needs.rotations.is_empty() && run.needs.relinearisation.is_some());
    assert_eq!([run.counts.rotations, run.counts.hoisted_rotations], [0, 0]);
    // A product an entry: the convolution, the pooling within the first layer, and the second one.
    let convolution = 3 * 16 * 9;
    let least = convolution + 7 * 12 + 4 * 7;
    assert!(run.counts.plain_products >= least, "{:?}", run.counts);
    // Where repeating vectors are kept once, numbers take next to nothing.
    let once = Profile { factors_repeat_once: true, ..profile.clone() };
    let bytes = |profile: &Profile| program.map_costs(profile).iter().map(|cost| cost.bytes).sum::<f64>();
    assert!(bytes(&once) == 0.0 && bytes(&profile) > 0.0);
}

#[test]
fn a_group_is_packed_element_by_element() {
    let network = digits();
    let inputs = random(&[3, 1, 6, 6], 5);
    let program = compiled(&network, 4, &inputs);
    let blocks = program.pack(&inputs).unwrap();
    for (element, block) in blocks.iter().enumerate() {
        let of = |sample: usize| inputs.data()[sample * 36 + element];
        assert_eq!(block, &Diagonal::Real(vec![of(0), of(1), of(2), 0.0]));
    }
    let groups: Vec<_> = program.groups(9).collect();
    assert_eq!(groups, [0..4, 4..8, 8..9]);
    let too_many = random(&[5, 1, 6, 6], 5);
    assert_eq!(
        program.pack(&too_many).unwrap_err().to_string(),
        "ciphertexts of this program hold 4 samples together, 5 came; hand over 4 at a time"
    );
    assert!(matches!(program.unpack(&[], 5), Err(Error::TooManySamples { most: 4, got: 5 })));
    assert!(
        matches!(program.unpack(&vec![vec![1.0]; 4], 2), Err(Error::Blocks { .. })),
        "one slot is not two"
    );
}

#[test]
fn networks_of_many_numbers_are_refused_before_they_are_planned() {
    let mut n = Network::builder("wide", &[4, 48, 48]);
    n.layer("conv", Conv2d::new(4, 4, 3).padding(1));
    let network = n.build().unwrap();
    let (_, profile) = strict(8, 30);
    let inputs = random(&[1, 4, 48, 48], 1);
    let error = compile_for(&network, &weights_of(&network, 1), &inputs, &options(), &profile).unwrap_err();
    assert_eq!(
        error.to_string(),
        "clear cannot run the network in the packing batched: conv is a map between 9216 and 9216 numbers, each a ciphertext of its own, and \
         that is for small networks; take the packing multiplexed"
    );
}

#[test]
fn schemes_that_pay_by_the_entry_have_no_use_for_it() {
    let network = digits();
    let (_, profile) = free(40);
    let error =
        compile_for(&network, &weights_of(&network, 1), &random(&[2, 1, 6, 6], 5), &options(), &profile);
    assert_eq!(
        error.unwrap_err().to_string(),
        "clear cannot run the network in the packing batched: it computes maps entry by entry and pays nothing for moving values, so that \
         only one packing makes sense"
    );
}
