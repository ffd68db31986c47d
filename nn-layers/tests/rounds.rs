//! Programs with round trips: networks deeper than the levels there are, whose values go to the owner of the key on the way.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

#[expect(dead_code, reason = "each test binary uses some of it")]
mod common;

use common::{assert_close, evaluator, random, random_network, strict, weights_of};
use he_traits::decorators::{RoundTrip, RoundTrips};
use he_traits::{ClearCiphertext, ClearParams, Diagonal, Keep, Level, Parts, Profile};
use nn_layers::{
    Activation, Add, Conv2d, Degree, Error, Flatten, LearnedCubic, LearnedPolynomial, Linear, Network,
    Options, Program, SqueezeExcitation, StepKind, Tensor, Weights, compile_for, train,
};
use proptest::prelude::*;

fn options() -> Options {
    Options { degree: Degree::Fixed(5), round_trips: true, ..Options::default() }
}

fn inputs(network: &Network, count: usize, seed: u64) -> Tensor {
    let mut shape = vec![count];
    shape.extend(network.input_shape());
    random(&shape, seed)
}

/// Runs samples one after the other behind an owner who encrypts anew; the outputs, and what the rounds cost.
fn run(program: &Program, params: ClearParams, profile: &Profile, inputs: &Tensor) -> (Tensor, RoundTrips) {
    let profile = profile.clone().with_round_trips(1e3);
    let again = |x: &[&ClearCiphertext], _: Parts, to: Level| {
        let fresh = |x: &&ClearCiphertext| {
            assert_eq!(x.level(), Level::ZERO, "what is sent is sent at the lowest level");
            let slots = x.slots().iter().map(|slot| slot.re).collect();
            ClearCiphertext::new(&params, &Diagonal::Real(slots), to)
        };
        x.iter().map(fresh).collect()
    };
    let evaluator = RoundTrip::new(evaluator(program, params, &profile), 1e3, again);
    let prepared = program.prepare(&evaluator, Keep::Encoded, &mut |_| {}).unwrap();
    let mut data = Vec::new();
    for sample in 0..inputs.batch() {
        let blocks = program.pack(&inputs.rows(sample, sample + 1)).unwrap();
        let encrypt = |block| ClearCiphertext::new(&params, block, program.input_level()).unwrap();
        let outputs =
            prepared.run(&evaluator, vec![blocks.iter().map(encrypt).collect()], &mut |_| {}).unwrap();
        let blocks: Vec<Vec<f64>> = outputs
            .iter()
            .flatten()
            .map(|block| block.slots().iter().map(|slot| slot.re).collect())
            .collect();
        data.extend(program.unpack(&blocks, 1).unwrap().into_data());
    }
    let mut shape = vec![inputs.batch()];
    shape.extend(program.network().output_shape());
    (Tensor::new(&shape, data).unwrap(), evaluator.trips())
}

/// A residual network of so many blocks, with squeeze-and-excitation where asked.
fn residual(blocks: usize, excited: bool) -> Network {
    let mut n = Network::builder("residual", &[2, 6, 6]);
    n.layer("stem", Conv2d::new(2, 4, 3).padding(1));
    let mut x = n.layer("stem.act", Activation::Square);
    for block in 0..blocks {
        n.layer_on(&format!("{block}.conv1"), Conv2d::new(4, 4, 3).padding(1), &[x]);
        n.layer(&format!("{block}.act"), LearnedPolynomial::shared());
        let mut body = n.layer(&format!("{block}.conv2"), Conv2d::new(4, 4, 3).padding(1));
        if excited {
            body = SqueezeExcitation::new(4, 2)
                .activation(LearnedPolynomial::shared())
                .gate(LearnedCubic::odd())
                .add_to(&mut n, &format!("{block}.se"), body);
        }
        x = n.layer_on(&format!("{block}.add"), Add, &[body, x]);
    }
    n.layer_on("flatten", Flatten, &[x]);
    n.layer("fc", Linear::new(144, 3));
    n.build().unwrap()
}

/// What a program, its plan and its execution agree on.
fn check(network: &Network, weights: &Weights, slots: usize, top: u32, seed: u64) -> RoundTrips {
    let batch = inputs(network, 2, seed);
    let (params, profile) = strict(slots, top);
    let program = compile_for(network, weights, &batch, &options(), &profile).unwrap();
    let (got, trips) = run(&program, params, &profile, &batch);
    assert_close(&got, &program.clear(&batch).unwrap(), 1e-9, "round trips");
    let planned = program.round_trips(&profile);
    assert_eq!(trips.rounds, 2 * planned.rounds);
    assert_eq!(trips.ciphertexts, 2 * planned.ciphertexts);
    assert_eq!((trips.bytes_up, trips.bytes_down), (2.0 * planned.bytes_up, 2.0 * planned.bytes_down));
    assert_eq!(planned.rounds, program.rounds() as u64);
    let symbolic = program.symbolic(&profile.clone().with_round_trips(1e3)).unwrap();
    assert_eq!(symbolic.counts.refreshes, planned.ciphertexts);
    let levels = program.steps().iter().flat_map(|step| [step.before, step.after]);
    assert!(levels.chain([program.input_level()]).all(|level| level <= Level::new(top)));
    // So many levels cannot be had with fewer rounds.
    assert!(planned.rounds >= u64::from(program.depth().div_ceil(top).saturating_sub(1)));
    planned
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn deep_networks_agree_with_the_clear_executor(seed in 0u64..1 << 40, small in 0u32..4, top in 3u32..8) {
        let network = random_network(seed);
        check(&network, &weights_of(&network, seed % 1000), 64 << (2 * small), top, seed);
    }

    #[test]
    fn residual_networks_agree_with_the_clear_executor(
        seed in 0u64..1 << 40, small in 0u32..3, top in 2u32..9, blocks in 1usize..5, excited: bool,
    ) {
        let network = residual(blocks, excited);
        // Scaled, for a gate outside of its interval makes values explode.
        let weights = train::scaled(&network, &inputs(&network, 16, seed), seed).unwrap();
        let planned = check(&network, &weights, 64 << (2 * small), top, seed);
        assert!(planned.rounds > 0 || top > 4);
    }
}

#[test]
fn cuts_lie_where_little_is_sent() {
    let network = residual(3, false);
    let (_, profile) = strict(64, 5);
    let weights = weights_of(&network, 1);
    let program = compile_for(&network, &weights, &inputs(&network, 2, 1), &options(), &profile).unwrap();
    // Within a block two values are alive, what it changes and what it adds to; between blocks there is one.
    let refreshed: Vec<usize> = program
        .steps()
        .iter()
        .filter_map(|step| match &step.kind {
            StepKind::Refresh { values } => Some(values.len()),
            _ => None,
        })
        .collect();
    assert_eq!(refreshed, [1, 1]);
}

#[test]
fn an_evaluator_without_a_way_to_the_owner_is_refused() {
    let network = residual(2, true);
    let weights = weights_of(&network, 1);
    let (params, profile) = strict(1024, 4);
    let batch = inputs(&network, 2, 1);
    let program = compile_for(&network, &weights, &batch, &options(), &profile).unwrap();
    let evaluator = evaluator(&program, params, &profile.clone().with_round_trips(1e3));
    let refused = program.prepare(&evaluator, Keep::Encoded, &mut |_| {}).err().unwrap();
    assert!(matches!(refused, Error::NoRefresh { .. }));
    let expected = format!(
        "the program sends values to the owner of the key {} times, to be decrypted and encrypted anew, and this evaluator of clear has \
         no way there; run it behind RoundTrip, or compile without round trips",
        program.rounds()
    );
    assert_eq!(refused.to_string(), expected);
    // Without the user's word nothing is sent: the network is refused, by its step.
    let without = Options { round_trips: false, ..options() };
    let refused = compile_for(&network, &weights, &batch, &without, &profile).unwrap_err();
    assert!(matches!(refused, Error::Levels { .. }), "{refused}");
}

#[test]
fn a_step_deeper_than_all_levels_is_named() {
    let mut n = Network::builder("deep", &[4]);
    n.layer("fc", Linear::new(4, 4));
    n.layer("act", Activation::Tanh);
    let network = n.build().unwrap();
    let (_, profile) = strict(64, 2);
    let options = Options { degree: Degree::Fixed(15), round_trips: true, ..Options::default() };
    let weights = weights_of(&network, 1);
    let error =
        compile_for(&network, &weights, &inputs(&network, 2, 1), &options, &profile).unwrap_err().to_string();
    assert!(error.starts_with("act needs 4 levels, 2 left"), "{error}");
}

#[test]
fn schemes_without_levels_have_no_use_for_round_trips() {
    let network = residual(3, true);
    let weights = weights_of(&network, 1);
    let (_, profile) = common::free(512);
    let program = compile_for(&network, &weights, &inputs(&network, 2, 1), &options(), &profile).unwrap();
    assert_eq!(program.rounds(), 0);
}
