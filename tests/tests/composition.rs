//! Depth weighed against diagonals: two layers with few values between them stay two maps where the levels are there, and become one where they are not.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use backend_ckks::{Ckks, Parameters};
use he_traits::{Profile, Scheme};
use models::seeded;
use nn_layers::{
    Activation, Compiled, Linear, Network, Options, Program, StepKind, Tensor, Weights, compile, compile_for,
    train,
};

/// Fully connected layers, `between` numbers between the first two of them.
fn narrow(between: usize) -> (Network, Weights, Tensor) {
    let mut n = Network::builder("narrow", &[512]);
    n.layer("down", Linear::new(512, between));
    n.layer("up", Linear::new(between, 512));
    n.layer("act", Activation::Square);
    n.layer("fc", Linear::new(512, 10));
    let network = n.build().unwrap();
    let inputs = seeded::images([2, 16, 16], 8, 1).reshape(&[8, 512]).unwrap();
    let weights = train::scaled(&network, &inputs, 1).unwrap();
    (network, weights, inputs)
}

fn maps(program: &Program) -> Vec<&str> {
    let linear = program.steps().iter().filter(|step| matches!(step.kind, StepKind::Linear { .. }));
    linear.map(|step| step.name.as_str()).collect()
}

#[test]
fn a_narrow_place_stays_where_levels_allow() {
    let (network, weights, inputs) = narrow(2);
    let options = Options::default();
    let Compiled { profile, program, .. } = compile::<Ckks>(&network, &weights, &inputs, &options).unwrap();
    assert_eq!(maps(&program), ["down", "up", "fc"]);
    // The server, which is told the parameters, comes to the same steps.
    let again = compile_for(&network, &weights, &inputs, &options, &profile).unwrap();
    assert_eq!(maps(&again), maps(&program));

    let with_depth = |depth: usize| -> (Program, Profile) {
        let profile =
            Ckks::profile(&Parameters::insecure_for_tests(2 * profile.slots, depth, 40).unwrap()).unwrap();
        (compile_for(&network, &weights, &inputs, &options, &profile).unwrap(), profile)
    };
    let ((composed, three), (apart, four)) = (with_depth(3), with_depth(4));
    assert_eq!(maps(&composed), ["down+up", "fc"]);
    assert_eq!(maps(&apart), ["down", "up", "fc"]);
    let seconds = |program: &Program, profile: &Profile| program.symbolic(profile).unwrap().seconds;
    assert!(seconds(&apart, &four) < seconds(&composed, &three));
}

#[test]
fn layers_as_wide_as_their_values_are_composed() {
    let (network, weights, inputs) = narrow(512);
    let compiled = compile::<Ckks>(&network, &weights, &inputs, &Options::default()).unwrap();
    assert_eq!(maps(&compiled.program), ["down+up", "fc"]);
}
