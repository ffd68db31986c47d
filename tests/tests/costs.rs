//! Costs that are measured on this machine, and what parameters are chosen for.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use backend_ckks::{Ckks, Parameters};
use backend_more::More;
use he_traits::{Clear, ClearParams, ClientScheme, Cost, Costs, Level, LinearStyle, Requirements, Scheme};
use models::seeded;
use nn_layers::{
    Activation, Conv2d, Flatten, Linear, Network, Options, Packing, Tensor, Weights, compile, compile_for,
    costs, train,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn measured<S: ClientScheme>(params: &S::Params, samples: usize) -> Costs {
    costs::measure::<S>(params, samples, &mut ChaCha20Rng::seed_from_u64(1)).unwrap()
}

#[test]
fn costs_of_levelled_schemes_are_there_for_every_operation() {
    let params = Parameters::insecure_for_tests(1 << 11, 5, 30).unwrap();
    let costs = measured::<Ckks>(&params, 1);
    let at = |cost: Cost, level| cost.at(Level::new(level));
    // A busy machine hides how large each of them is, not that they are there.
    for level in [1, 3, 5] {
        let every =
            [costs.add, costs.mul, costs.encode, costs.encrypt, costs.decrypt].map(|cost| at(cost, level));
        assert!(every.iter().all(|seconds| *seconds > 0.0 && *seconds < 1.0), "level {level}: {every:?}");
        let of_maps = [costs.rotate, costs.rotate_hoisted, costs.mul_plain, costs.rescale, costs.encode_kept];
        let of_maps = of_maps.map(|cost| at(cost, level));
        assert!(of_maps.iter().all(|seconds| *seconds >= 0.0), "level {level}: {of_maps:?}");
        assert!(of_maps.iter().sum::<f64>() > at(costs.add, level), "level {level}: {of_maps:?}");
    }
    assert!(at(costs.mul, 5) > at(costs.add, 5), "{costs:?}");
    // A matrix is no diagonal.
    assert_eq!((costs.entry, costs.exact_slot), (Cost::default(), Cost::default()));
}

#[test]
fn costs_of_sparse_products_are_those_of_layers() {
    // Room for images, and for a few numbers only.
    for slots in [2048, 24] {
        let requirements = Requirements { depth: 3, slots, precision_bits: 20, bound: 16.0 };
        let params = More::parameters(&requirements).unwrap();
        // More than a thread takes at a time, and a few.
        for samples in [usize::MAX, 2] {
            let costs = measured::<More>(&params, samples);
            // A busy machine may hide one of what a layer takes, not all of it.
            let layer = costs.entry.base + costs.pass.base + costs.exact_slot.base;
            assert!(layer > 0.0 && layer < 1e-2 && costs.mul.base > 0.0, "{slots} slots: {costs:?}");
        }
        measured::<Clear>(&ClearParams::new(slots, Level::new(3)).unwrap(), 2);
    }
}

#[test]
fn costs_are_those_of_as_many_values_as_run() {
    let requirements = Requirements { depth: 3, slots: 64, precision_bits: 20, bound: 16.0 };
    let more = More::profile(&More::parameters(&requirements).unwrap()).unwrap();
    let width = more.values_per_thread.unwrap();
    let of = |profile, samples| costs::values_measured(profile, samples, 2);
    assert_eq!([0, 1, width].map(|samples| of(&more, samples)), [1, 1, width]);
    assert_eq!([width + 1, 3 * width].map(|samples| of(&more, samples)), [2 * width, 3 * width]);
    assert_eq!(of(&more, 10_000), more.values_at_once);
    let ckks = Ckks::profile(&Parameters::insecure_for_tests(1 << 11, 4, 30).unwrap()).unwrap();
    assert_eq!([1, 16].map(|samples| of(&ckks, samples)), [1, 1]);
}

#[test]
fn a_program_takes_what_its_operations_take() {
    let mut n = Network::builder("small", &[2, 8, 8]);
    n.layer("conv", Conv2d::new(2, 4, 3).padding(1));
    n.layer("act", Activation::Square);
    n.layer("flatten", Flatten);
    n.layer("fc", Linear::new(256, 10));
    let network = n.build().unwrap();
    let inputs = seeded::images([2, 8, 8], 4, 3);
    let weights = train::scaled(&network, &inputs, 3).unwrap();
    let profile = Ckks::profile(&Parameters::insecure_for_tests(1 << 11, 4, 30).unwrap()).unwrap();
    let program = compile_for(&network, &weights, &inputs, &Options::default(), &profile).unwrap();
    let flat = |seconds| Cost::flat(seconds);
    let here = costs::with_costs(&profile, Costs { mul: flat(5.0), rotate: flat(0.25), ..Costs::default() });
    let run = program.symbolic(&here).unwrap();
    let counts = run.counts;
    let expected = 5.0 * counts.products as f64 + 0.25 * counts.rotations as f64;
    assert!(counts.products == 1 && (run.seconds_on(2, &here, 1) - expected).abs() < 1e-9, "{run:?}");
    // Where an operation is one thread's, a lone product keeps others waiting; rotations are shared out.
    let alone = he_traits::Profile { threads_within: false, ..here };
    let run = program.symbolic(&alone).unwrap();
    assert!((run.seconds_on(4, &alone, 1) - expected - 15.0).abs() < 1e-9, "{run:?}");
    assert!((run.seconds_on(4, &alone, 8) - expected).abs() < 1e-9, "{run:?}");
}

#[test]
fn round_trips_cost_what_the_owner_does() {
    let profile = Ckks::profile(&Parameters::insecure_for_tests(1 << 11, 4, 30).unwrap()).unwrap();
    let costs = Costs { encrypt: Cost::flat(2.0), decrypt: Cost::flat(1.0), ..Costs::default() };
    let here = costs::with_costs(&profile.clone().with_round_trips(8.0), costs);
    let refresh = here.refresh.unwrap();
    assert_eq!((refresh.seconds, refresh.bound), (3.0, 8.0));
    assert!(costs::with_costs(&profile, costs).refresh.is_none());
}

/// A chain of so many squares.
fn squares(count: usize) -> (Network, Tensor) {
    let mut n = Network::builder("squares", &[4]);
    n.layer("fc", Linear::new(4, 4));
    for square in 0..count {
        n.layer(&format!("act{square}"), Activation::Square);
    }
    (n.build().unwrap(), Tensor::new(&[2, 4], vec![0.1, -0.2, 0.3, 0.4, -0.5, 0.6, 0.7, -0.8]).unwrap())
}

#[test]
fn precision_is_given_up_where_key_switching_becomes_much_cheaper() {
    let (network, inputs) = squares(20);
    // Values that squares leave moderate.
    let mut weights = Weights::new();
    let identity = (0..16).map(|at| f64::from(u8::from(at % 5 == 0))).collect();
    weights.insert("fc.weight", Tensor::new(&[4, 4], identity).unwrap());
    weights.insert("fc.bias", Tensor::new(&[4], vec![0.0; 4]).unwrap());
    let with = |least_precision_bits| {
        let options = Options { least_precision_bits, ..Options::default() };
        compile::<Ckks>(&network, &weights, &inputs, &options).unwrap()
    };
    let (precise, cheap) = (with(20), with(16));
    let special = |compiled: &nn_layers::Compiled<Ckks>| compiled.params.literal().special.len();
    assert!(special(&cheap) > special(&precise), "{} {}", special(&precise), special(&cheap));
    assert_eq!(cheap.params.degree(), precise.params.degree());
    assert!(precise.profile.precision_bits >= 20.0 && cheap.profile.precision_bits >= 16.0);
    let key = |compiled: &nn_layers::Compiled<Ckks>| compiled.profile.sizes.key.at(compiled.profile.top);
    assert!(key(&cheap) < 0.7 * key(&precise), "{} {}", key(&precise), key(&cheap));
    assert!(cheap.params.is_secure() && precise.params.is_secure());
    // Few levels leave room for special primes: nothing is given up.
    let (network, inputs) = squares(2);
    let shallow = compile::<Ckks>(&network, &weights, &inputs, &Options::default()).unwrap();
    assert!(shallow.profile.precision_bits >= 19.0, "{}", shallow.profile.precision_bits);
    assert_eq!(
        (shallow.profile.linear, Options::default().packing),
        (LinearStyle::Diagonals, Packing::Multiplexed)
    );
}
