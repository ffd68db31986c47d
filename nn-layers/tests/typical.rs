//! What the MORE paper's networks compile to on a lattice scheme: few rotations, few levels.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

#[expect(dead_code, reason = "each test binary uses some of it")]
mod common;
mod networks;

use common::{assert_close, random, run, strict, weights_of};
use he_traits::{Cost, Costs, Profile};
use networks::cnn_mnist;
use nn_layers::{Activation, Degree, Linear, Network, Options, Program, compile_for};

/// Costs in the proportions that SEAL shows: a rotation is worth some ten products with a plaintext.
fn lattice(profile: Profile) -> Profile {
    let costs = Costs {
        add: Cost { base: 0.0, per_limb: 2e-5, per_limb_squared: 0.0 },
        mul_plain: Cost { base: 0.0, per_limb: 6e-5, per_limb_squared: 0.0 },
        mul: Cost { base: 0.0, per_limb: 1e-3, per_limb_squared: 2e-4 },
        rescale: Cost { base: 0.0, per_limb: 5e-4, per_limb_squared: 0.0 },
        rotate: Cost { base: 0.0, per_limb: 5e-4, per_limb_squared: 2e-4 },
        rotate_hoisted: Cost { base: 0.0, per_limb: 5e-4, per_limb_squared: 2e-4 },
        ..profile.costs
    };
    Profile { costs, ..profile }
}

/// FCNN-WBC of the MORE paper.
fn fcnn_wbc() -> Network {
    let mut n = Network::builder("fcnn-wbc", &[9]);
    n.layer("fc1", Linear::new(9, 40));
    n.layer("act1", Activation::Tanh);
    n.layer("fc2", Linear::new(40, 40));
    n.layer("act2", Activation::Tanh);
    n.layer("fc3", Linear::new(40, 40));
    n.layer("act3", Activation::Sigmoid);
    n.layer("fc4", Linear::new(40, 12));
    n.build().unwrap()
}

fn rotations(program: &Program, profile: &Profile) -> (usize, u64, u64) {
    let run = program.symbolic(profile).unwrap();
    for (step, cost) in program.summary().iter().zip(&run.steps) {
        println!("{step:?}: {:?}", cost.counts);
    }
    (
        run.needs.rotations.len(),
        run.counts.rotations + run.counts.hoisted_rotations,
        run.counts.plain_products,
    )
}

#[test]
fn cnn_mnist_takes_few_rotations() {
    let network = cnn_mnist();
    let weights = weights_of(&network, 1);
    let inputs = random(&[2, 1, 28, 28], 2);
    let options = Options { degree: Degree::Fixed(7), ..Options::default() };
    for (slots, most) in [(8192, 55), (16384, 55)] {
        let (params, profile) = strict(slots, 13);
        let profile = lattice(profile);
        let program = compile_for(&network, &weights, &inputs, &options, &profile).unwrap();
        assert_eq!(program.depth(), 13);
        assert_eq!(program.input_layout().blocks(), 1);
        let (keys, rotations, products) = rotations(&program, &profile);
        println!("{slots} slots: {keys} keys, {rotations} rotations, {products} products with plaintexts");
        assert!(keys <= most && rotations <= 75, "{keys} keys, {rotations} rotations");
        let got = run(&program, params, &profile, &inputs);
        assert_close(&got, &program.clear(&inputs).unwrap(), 1e-9, "cnn-mnist");
    }
}

#[test]
fn fcnn_wbc_takes_few_rotations() {
    let network = fcnn_wbc();
    let weights = weights_of(&network, 1);
    let inputs = random(&[4, 9], 2);
    let options = Options { degree: Degree::Fixed(15), ..Options::default() };
    let (params, profile) = strict(16384, 16);
    let profile = lattice(profile);
    let program = compile_for(&network, &weights, &inputs, &options, &profile).unwrap();
    assert_eq!(program.depth(), 16);
    let (keys, rotations, products) = rotations(&program, &profile);
    println!("{keys} keys, {rotations} rotations, {products} products with plaintexts");
    assert!(keys <= 15 && rotations <= 42, "{keys} keys, {rotations} rotations");
    let got = run(&program, params, &profile, &inputs);
    assert_close(&got, &program.clear(&inputs).unwrap(), 1e-9, "fcnn-wbc");
}
