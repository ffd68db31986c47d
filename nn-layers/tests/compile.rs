//! Networks from graph to result: folding changes nothing, and packed programs agree with the clear executor on the clear
//! reference, which enforces levels and refuses every key that the symbolic run did not name.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod common;

use common::{assert_close, evaluator, free, random, random_network, run, strict, weights_of};
use he_traits::{ClearCiphertext, ClearEvaluator, ClearKeys, Keep, KeyNeeds, Level};
use nn_layers::fold::{Composition, Folded};
use nn_layers::run::Progress;
use nn_layers::{
    Activation, AvgPool2d, Concat, Conv2d, ConvTranspose2d, Degree, Error, Flatten, Linear, Network, Options,
    Replacement, Tensor, approx, clear, compile_for,
};
use proptest::prelude::*;

fn options() -> Options {
    Options { degree: Degree::Fixed(5), ..Options::default() }
}

fn inputs(network: &Network, count: usize, seed: u64) -> Tensor {
    let mut shape = vec![count];
    shape.extend(network.input_shape());
    random(&shape, seed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn folded_and_unfolded_agree(seed in 0u64..1 << 40) {
        let network = random_network(seed);
        let weights = weights_of(&network, seed % 1000);
        let batch = inputs(&network, 4, seed);
        let calibration = approx::Calibration::new(&network, &weights, &batch).unwrap();
        let search = approx::Search {
            network: &network, weights: &weights, inputs: &batch, calibration: &calibration, margin: 0.1,
        };
        let functions = approx::choose(&search, false, Degree::Fixed(5)).unwrap();
        let expected = clear::run(&functions.network, &weights, &batch).unwrap();
        for composition in [Composition::Never, Composition::SaveEntries, Composition::SaveLevels] {
            let folded = Folded::new(&network, &weights, &functions.by_node, composition).unwrap();
            for sample in 0..4 {
                let got = folded.clear(batch.rows(sample, sample + 1).data());
                let got = Tensor::new(&[1, got.len()], got).unwrap();
                assert_close(&got, &expected.rows(sample, sample + 1), 1e-9, &format!("{composition:?}"));
            }
        }
    }

    #[test]
    fn programs_by_diagonals_agree_with_the_clear_executor(seed in 0u64..1 << 40, small in 0u32..4) {
        let network = random_network(seed);
        let weights = weights_of(&network, seed % 1000);
        let batch = inputs(&network, 3, seed);
        // From ciphertexts that hold a fraction of the image to ones that hold everything many times.
        let (params, profile) = strict(64 << (2 * small), 60);
        let program = compile_for(&network, &weights, &batch, &options(), &profile).unwrap();
        let got = run(&program, params, &profile, &batch);
        assert_close(&got, &program.clear(&batch).unwrap(), 1e-9, "diagonals");
    }

    #[test]
    fn programs_by_sparse_products_agree_with_the_network_itself(seed in 0u64..1 << 40, slots in 1usize..2000) {
        let network = random_network(seed);
        let weights = weights_of(&network, seed % 1000);
        let batch = inputs(&network, 3, seed);
        let (params, profile) = free(slots);
        let program = compile_for(&network, &weights, &batch, &options(), &profile).unwrap();
        assert!(program.activations().iter().all(|a| !matches!(a.replacement, Replacement::Polynomial { .. })));
        let got = run(&program, params, &profile, &batch);
        assert_close(&got, &clear::run(&network, &weights, &batch).unwrap(), 1e-9, "sparse products");
    }
}

fn digits() -> Network {
    let mut n = Network::builder("digits", &[1, 12, 12]);
    n.layer("conv1", Conv2d::new(1, 4, 3).padding(1));
    n.layer("act1", Activation::Sigmoid);
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("conv2", Conv2d::new(4, 8, 3).padding(1));
    n.layer("act2", Activation::Sigmoid);
    n.layer("pool2", AvgPool2d::new(2));
    n.layer("flatten", Flatten);
    n.layer("fc1", Linear::new(72, 20));
    n.layer("act3", Activation::Tanh);
    n.layer("fc2", Linear::new(20, 10));
    n.build().unwrap()
}

#[test]
fn a_convolutional_network_needs_one_level_a_map() {
    let network = digits();
    let weights = weights_of(&network, 1);
    let batch = inputs(&network, 8, 2);
    let (_, profile) = strict(2048, 30);
    let options = Options { degree: Degree::Fixed(7), ..Options::default() };
    let program = compile_for(&network, &weights, &batch, &options, &profile).unwrap();
    let names: Vec<&str> = program.steps().iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["conv1", "act1", "pool1+conv2", "act2", "pool2+flatten+fc1", "act3", "fc2"]);
    assert_eq!(program.depth(), 4 + 3 * 3);
    assert_eq!(program.input_level(), Level::new(13), "no higher than the program needs");
    // A 3 x 3 kernel on an input that repeats: nine rotations of the input at most, however many channels come out.
    assert!(program.summary()[0].rotations <= 8, "{:?}", program.summary()[0]);
}

#[test]
fn schemes_that_pay_by_the_entry_keep_pooling_apart() {
    let network = digits();
    let weights = weights_of(&network, 1);
    let (_, profile) = free(4096);
    let program = compile_for(&network, &weights, &inputs(&network, 4, 2), &options(), &profile).unwrap();
    let names: Vec<&str> = program.steps().iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["conv1+act1", "pool1", "conv2+act2", "pool2+flatten", "fc1+act3", "fc2"]);
}

#[test]
fn several_samples_at_once_are_the_samples_one_by_one() {
    let network = digits();
    let weights = weights_of(&network, 3);
    let batch = inputs(&network, 5, 4);
    let (params, profile) = strict(128, 30);
    let program = compile_for(&network, &weights, &batch, &options(), &profile).unwrap();
    assert!(program.input_layout().blocks() > 1, "the case of interest");
    let together = run(&program, params, &profile, &batch);
    for sample in 0..5 {
        let alone = run(&program, params, &profile, &batch.rows(sample, sample + 1));
        assert_eq!(alone.data(), together.rows(sample, sample + 1).data());
    }
}

#[test]
fn a_program_that_does_not_fit_names_the_step() {
    let network = digits();
    let weights = weights_of(&network, 1);
    let (_, profile) = strict(2048, 5);
    let options = Options { degree: Degree::Fixed(7), ..Options::default() };
    let error = compile_for(&network, &weights, &inputs(&network, 4, 2), &options, &profile).unwrap_err();
    assert_eq!(
        error.to_string(),
        "act2 needs 3 levels, 0 left: the network needs 13 levels, clear has 5 at these parameters; take larger \
         parameters, polynomials of lower degree, or a backend without levels"
    );
    // With the degree left open, the compiler takes what fits, and the record says so.
    let (_, profile) = strict(2048, 11);
    let options = Options { degree: Degree::Output { error: 1e-12, most: 31 }, ..Options::default() };
    let program = compile_for(&network, &weights, &inputs(&network, 4, 2), &options, &profile).unwrap();
    assert!(
        program
            .activations()
            .iter()
            .any(|a| matches!(a.replacement, Replacement::Polynomial { degree: 3, .. }))
    );
}

#[test]
fn every_key_that_the_symbolic_run_names_is_needed() {
    let network = digits();
    let weights = weights_of(&network, 1);
    let batch = inputs(&network, 1, 2);
    let (params, profile) = strict(1024, 30);
    let program = compile_for(&network, &weights, &batch, &options(), &profile).unwrap();
    let needs = program.symbolic(&profile).unwrap().needs;
    assert!(!needs.rotations.is_empty());
    for step in needs.rotations.keys() {
        let mut fewer: KeyNeeds = needs.clone();
        fewer.rotations.remove(step);
        let evaluator = ClearEvaluator::new(params, ClearKeys::new(&params, fewer).unwrap()).unwrap();
        let refused = program.prepare(&evaluator, Keep::Encoded, &mut |_| {});
        assert!(matches!(refused, Err(Error::Step { .. })), "rotation {step} is not needed");
    }
}

#[test]
fn progress_names_each_step_before_and_after() {
    let network = digits();
    let weights = weights_of(&network, 1);
    let batch = inputs(&network, 1, 2);
    let (params, profile) = strict(1024, 30);
    let program = compile_for(&network, &weights, &batch, &options(), &profile).unwrap();
    let evaluator = evaluator(&program, params, &profile);
    let mut heard = Vec::new();
    program
        .prepare(&evaluator, Keep::Values, &mut |p| {
            heard.push((p.index, p.step.name.clone(), p.seconds.is_some()))
        })
        .unwrap();
    let expected: Vec<_> = program
        .steps()
        .iter()
        .enumerate()
        .flat_map(|(index, step)| [(index, step.name.clone(), false), (index, step.name.clone(), true)])
        .collect();
    assert_eq!(heard, expected);
}

#[test]
fn what_does_not_fit_is_refused() {
    let network = digits();
    let weights = weights_of(&network, 1);
    let batch = inputs(&network, 2, 2);
    let (params, profile) = strict(1024, 30);
    let program = compile_for(&network, &weights, &batch, &options(), &profile).unwrap();
    assert!(matches!(program.pack(&random(&[1, 11, 12], 1)), Err(Error::InputShape { .. })));
    assert!(
        matches!(program.pack(&batch), Err(Error::TooManySamples { most: 1, .. })),
        "a batch is no sample"
    );
    let mut bad = random(&[1, 12, 12], 1);
    bad.data_mut()[7] = f64::NAN;
    assert!(matches!(program.pack(&bad), Err(Error::NotFinite { index: 7, .. })));
    assert!(matches!(program.unpack(&[], 1), Err(Error::Blocks { .. })));
    let (other, other_profile) = strict(2048, 30);
    let wrong = ClearEvaluator::new(other, ClearKeys::all(&other)).unwrap();
    assert!(matches!(
        program.prepare(&wrong, Keep::Encoded, &mut |_| {}),
        Err(Error::Slots { expected: 1024, got: 2048 })
    ));
    assert!(program.symbolic(&other_profile).is_err());
    let evaluator = evaluator(&program, params, &profile);
    let prepared = program.prepare(&evaluator, Keep::Encoded, &mut |_| {}).unwrap();
    assert!(matches!(
        prepared.run(&evaluator, vec![vec![]], &mut |_| {}),
        Err(Error::Samples { sample: 0, expected: 1, got: 0 })
    ));
}

/// An image of more pixels than slots is split, and comes out whole: through strides, back up, and over a skip connection.
#[test]
fn images_larger_than_a_ciphertext_are_split() {
    let mut n = Network::builder("split", &[1, 16, 16]);
    n.layer("conv1", Conv2d::new(1, 2, 3).padding(1));
    n.layer("act1", Activation::Square);
    let skip_from = n.layer("conv2", Conv2d::new(2, 2, 3).padding(1));
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("conv3", Conv2d::new(2, 3, 3).padding(1));
    n.layer("act2", Activation::Square);
    n.layer("strided", Conv2d::new(3, 4, 3).padding(1).stride(4));
    n.layer("up1", ConvTranspose2d::new(4, 3, 4).stride(4));
    let up = n.layer("up2", ConvTranspose2d::new(3, 2, 2).stride(2));
    n.layer_on("concat", Concat, &[skip_from, up]);
    n.layer("conv4", Conv2d::new(4, 1, 3).padding(1));
    let network = n.build().unwrap();
    let weights = weights_of(&network, 8);
    let batch = inputs(&network, 2, 9);
    let expected = clear::run(&network, &weights, &batch).unwrap();
    for slots in [16, 64, 128] {
        let (params, profile) = strict(slots, 12);
        let program = compile_for(&network, &weights, &batch, &options(), &profile).unwrap();
        assert!(program.input_layout().phases() > 1 && program.input_layout().blocks() > 1);
        assert_close(&run(&program, params, &profile, &batch), &expected, 1e-9, "split");
    }
}

#[test]
fn an_observer_ends_the_work_between_two_steps() {
    let network = digits();
    let weights = weights_of(&network, 8);
    let batch = inputs(&network, 1, 9);
    let (params, profile) = strict(1024, 60);
    let program = compile_for(&network, &weights, &batch, &options(), &profile).unwrap();
    let evaluator = evaluator(&program, params, &profile);
    let prepared = program.prepare(&evaluator, Keep::Encoded, &mut |_| {}).unwrap();
    let blocks = program.pack(&batch).unwrap();
    let encrypt = |block| ClearCiphertext::new(&params, block, program.input_level()).unwrap();
    let sample: Vec<ClearCiphertext> = blocks.iter().map(encrypt).collect();
    let count = program.steps().len();
    for last in 0..count {
        let mut seen = Vec::new();
        let mut stop = |at: Progress<'_>| {
            seen.push((at.index, at.seconds.is_some()));
            if at.index == last {
                at.stop();
            }
        };
        let error = prepared.run(&evaluator, vec![sample.clone()], &mut stop).unwrap_err();
        assert!(matches!(&error, Error::Stopped { step } if *step == program.steps()[last].name), "{error}");
        // Told before each step and after it, and no more once it was stopped.
        assert_eq!(seen.len(), 2 * last + 1);
        assert!(
            program
                .prepare(&evaluator, Keep::Encoded, &mut |at| if at.index == last {
                    at.stop()
                })
                .is_err()
        );
    }
    assert!(prepared.run(&evaluator, vec![sample], &mut |_| {}).is_ok());
}
