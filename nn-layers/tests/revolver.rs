//! The Volley Revolver: the same results as multiplexed, and the rotations that its sums take by the papers.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod common;

use common::{assert_close, free, random, random_network, run, strict, weights_of};
use he_traits::{Profile, Schedule};
use nn_layers::program::Term;
use nn_layers::{
    Activation, AvgPool2d, Concat, Conv2d, ConvTranspose2d, Degree, Error, Flatten, Linear, Network, Options,
    Packing, Program, Step, StepKind, Tensor, compile_for,
};
use proptest::prelude::*;

fn options(packing: Packing) -> Options {
    Options { degree: Degree::Fixed(5), packing, ..Options::default() }
}

fn batch(network: &Network, seed: u64) -> Tensor {
    random(&[vec![2], network.input_shape().to_vec()].concat(), seed)
}

fn compiled(network: &Network, packing: Packing, profile: &Profile, seed: u64) -> Program {
    let (weights, inputs) = (weights_of(network, seed), batch(network, seed));
    compile_for(network, &weights, &inputs, &options(packing), profile).unwrap()
}

/// Rotate-and-adds of the only map of a linear step.
fn folds(step: &Step) -> usize {
    match step.terms() {
        [Term::Mapped { schedule: Schedule::Diagonals(schedule), .. }] => schedule.fold.len(),
        _ => 0,
    }
}

/// Fully connected layers one behind the other.
fn dense(counts: &[usize]) -> Network {
    let (first, others) = counts.split_first().unwrap();
    let mut n = Network::builder("dense", &[*first]);
    for (index, (ins, outs)) in counts.iter().zip(others).enumerate() {
        n.layer(&format!("fc{index}"), Linear::new(*ins, *outs));
        n.layer(&format!("act{index}"), Activation::Square);
    }
    n.build().unwrap()
}

/// A U-Net of two levels on images of 8 x 8.
fn unet() -> Network {
    let mut n = Network::builder("unet", &[1, 8, 8]);
    n.layer("down", Conv2d::new(1, 3, 3).padding(1));
    let skip = n.layer("down.act", Activation::Square);
    n.layer("pool", AvgPool2d::new(2));
    n.layer("bottom", Conv2d::new(3, 5, 3).padding(1));
    n.layer("bottom.act", Activation::Square);
    let up = n.layer("up", ConvTranspose2d::new(5, 3, 2).stride(2));
    n.layer_on("concat", Concat, &[skip, up]);
    n.layer("conv", Conv2d::new(6, 3, 3).padding(1));
    n.layer("act", Activation::Square);
    n.layer("out", Conv2d::new(3, 1, 1));
    n.build().unwrap()
}

/// A small network of the kind that reads digits.
fn digits() -> Network {
    let mut n = Network::builder("digits", &[1, 12, 12]);
    n.layer("conv1", Conv2d::new(1, 3, 3).padding(1));
    n.layer("act1", Activation::Sigmoid);
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("conv2", Conv2d::new(3, 5, 3).padding(1));
    n.layer("act2", Activation::Sigmoid);
    n.layer("pool2", AvgPool2d::new(2));
    n.layer("flatten", Flatten);
    n.layer("fc1", Linear::new(45, 20));
    n.layer("act3", Activation::Sigmoid);
    n.layer("fc2", Linear::new(20, 10));
    n.build().unwrap()
}

/// All packings against the clear result, and so against each other.
fn check(network: &Network, slots: usize, seed: u64) {
    check_in(&Packing::ALL, network, slots, seed);
}

fn check_in(packings: &[Packing], network: &Network, slots: usize, seed: u64) {
    let (params, profile) = strict(slots, 30);
    let inputs = batch(network, seed);
    for packing in packings.iter().copied() {
        let program = compiled(network, packing, &profile, seed);
        let got = run(&program, params, &profile, &inputs);
        assert_close(&got, &program.clear(&inputs).unwrap(), 1e-9, &format!("{packing}, {slots} slots"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn random_networks_agree_with_the_clear_executor(seed in 0u64..1 << 40, small in 0u32..4) {
        let (network, slots) = (random_network(seed), 512 << small);
        // A fully connected layer on more numbers than there are slots is refused as rows of a matrix.
        let (weights, inputs) = (weights_of(&network, seed), batch(&network, seed));
        let rows = options(Packing::VolleyRevolver);
        match compile_for(&network, &weights, &inputs, &rows, &strict(slots, 30).1) {
            Err(Error::Packing { reason, .. }) => {
                prop_assert!(reason.contains("is a product with rows of"), "{}", reason);
                check_in(&[Packing::Multiplexed, Packing::Batched], &network, slots, seed);
            }
            _ => check(&network, slots, seed),
        }
    }

    #[test]
    fn fully_connected_networks_agree(counts in proptest::collection::vec(1usize..40, 2..6), small in 0u32..5) {
        check(&dense(&counts), 64 << (2 * small), 3);
    }
}

#[test]
fn networks_of_images_agree_in_few_slots_and_in_many() {
    for slots in [64, 256, 1024, 8192] {
        check(&unet(), slots, 1);
        check(&digits(), slots, 2);
    }
}

#[test]
fn a_product_takes_the_rotations_of_the_paper() {
    // Rows of 16 columns; 24 outputs are 32 rows, which four ciphertexts of 128 slots hold, eight rows in each.
    let network = dense(&[16, 24, 10]);
    let (_, profile) = strict(128, 30);
    let program = compiled(&network, Packing::VolleyRevolver, &profile, 1);
    let run = program.symbolic(&profile).unwrap();
    let steps = program.steps();
    let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["fc0", "fc0 (SumColVec)", "act0", "fc1", "act1"]);
    let rotations = |index: usize| run.steps[index].counts.rotations;
    let [products, sums, _, rows, _] = steps else { unreachable!() };
    // From a row to a column: one product a ciphertext, log2(columns) rotations to add up and as many to copy back.
    assert!(
        matches!(&products.kind, StepKind::Linear { terms, .. } if matches!(terms[..], [Term::Mapped { diagonals: 3, .. }]))
    );
    assert_eq!(rotations(0), 0);
    assert!(matches!(&sums.kind, StepKind::SumColumns { sum, .. } if sum.columns() == 16));
    assert_eq!(program.summary()[1].blocks, 3);
    assert_eq!(rotations(1), 3 * 2 * 4);
    // From a column to a row: one product a ciphertext, and log2(rows of a ciphertext) rotations of their sum.
    assert!(
        matches!(&rows.kind, StepKind::Linear { terms, .. } if matches!(terms[..], [Term::Mapped { diagonals: 3, .. }]))
    );
    assert_eq!((folds(rows), rotations(3)), (3, 3));
    // Two levels and one, and one for each square.
    assert_eq!(program.depth(), 2 + 1 + 1 + 1);
}

#[test]
fn schemes_without_diagonals_and_rows_longer_than_the_slots_are_refused() {
    let network = dense(&[40, 3]);
    let (weights, inputs) = (weights_of(&network, 1), batch(&network, 1));
    let refused = |profile: &Profile| {
        compile_for(&network, &weights, &inputs, &options(Packing::VolleyRevolver), profile).unwrap_err()
    };
    let (_, profile) = free(40);
    assert_eq!(
        refused(&profile).to_string(),
        "clear cannot run the network in the packing volley-revolver: it computes maps entry by entry and pays nothing for moving values, \
         so that only one packing makes sense"
    );
    let (_, profile) = strict(32, 30);
    let error = refused(&profile);
    assert!(matches!(error, Error::Packing { .. }));
    assert_eq!(
        error.to_string(),
        "clear cannot run the network in the packing volley-revolver: fc0 is a product with rows of 40 numbers, and a ciphertext has 32 slots; \
         take the packing multiplexed, or a larger ring"
    );
}
