//! FCNN-WBC: its data, its weights and what they reach, through the registry as a program uses them.

use std::sync::atomic::{AtomicUsize, Ordering};

use models::fcnn_wbc::data::{
    DataConfig, EMBEDDED_TEST, EMBEDDED_TRAINING, cache_path, embedded_test, embedded_training,
    load_or_simulate_in, sample, simulate,
};
use models::fcnn_wbc::{MODEL, PAPER, Standardisation, TrainConfig, network, train_on};
use models::registry::Targets;
use models::{ModelError, find, registry};
use nn_layers::{Tensor, clear};

fn small() -> DataConfig {
    DataConfig { counts: [40, 8, 12], ..DataConfig::default() }
}

#[test]
fn the_network_has_the_papers_number_of_parameters() {
    let network = network().unwrap();
    assert_eq!(network.parameter_count(), 4172);
    assert_eq!((network.input_shape(), network.output_shape()), (&[9][..], &[12][..]));
}

#[test]
fn data_do_not_depend_on_the_number_of_threads() {
    let in_pool = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| simulate(&small(), &|_| ()).unwrap())
    };
    let one = in_pool(1);
    assert_eq!(one, in_pool(3));
    assert_eq!([one.training.len(), one.validation.len(), one.test.len()], [40, 8, 12]);
    assert_ne!(simulate(&DataConfig { seed: 1, ..small() }, &|_| ()).unwrap(), one);
}

#[test]
fn data_are_simulated_once_and_again_when_the_file_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let simulated = AtomicUsize::new(0);
    let load = |config: &DataConfig| {
        let progress = |_: models::registry::Step<'_>| {
            simulated.fetch_add(1, Ordering::Relaxed);
        };
        let data = load_or_simulate_in(folder.path(), config, &progress).unwrap();
        (data, simulated.swap(0, Ordering::Relaxed) > 0)
    };
    let (first, fresh) = load(&small());
    assert!(fresh);
    assert_eq!(load(&small()), (first.clone(), false));

    let path = cache_path(folder.path(), &small());
    let good = std::fs::read(&path).unwrap();
    let mut flipped = good.clone();
    flipped[100] ^= 1;
    for damaged in [&flipped[..], &good[..good.len() - 1], &[]] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(load(&small()), (first.clone(), true));
        assert_eq!(std::fs::read(&path).unwrap(), good);
    }
    // Another configuration is another file, and a file under the wrong name is not believed.
    let other = DataConfig { seed: 1, ..small() };
    std::fs::write(cache_path(folder.path(), &other), &good).unwrap();
    let (second, fresh) = load(&other);
    assert!(fresh && second != first);
}

#[test]
fn embedded_samples_are_those_of_the_simulator() {
    let config = DataConfig::default();
    let (test, training) = (embedded_test().unwrap(), embedded_training().unwrap());
    assert_eq!((test.len(), training.len()), (EMBEDDED_TEST, EMBEDDED_TRAINING));
    let [in_training, in_validation, _] = config.counts;
    for at in [0, 1, 100, 255] {
        for (part, index) in [(&test, in_training + in_validation + at), (&training, at)] {
            let (inputs, outputs) = sample(&config, index).unwrap();
            let pairs = inputs.iter().zip(&part.inputs[at]).chain(outputs.iter().zip(&part.outputs[at]));
            // Sines and powers may differ in the last place between platforms.
            pairs.for_each(|(now, then)| {
                assert!((now / then - 1.0).abs() < 1e-8, "sample {index}: {now} {then}")
            });
        }
    }
}

#[test]
fn standardisation_sees_the_training_part_alone() {
    let mut config = TrainConfig { data: small(), ..TrainConfig::default() };
    config.optimiser.epochs = 1;
    let data = simulate(&small(), &|_| ()).unwrap();
    let trained = train_on(&data, &config, &|_| ()).unwrap();
    let fitted = Standardisation::fit(&data.training.inputs).unwrap();
    assert_eq!(trained.weights.constants["input.mean"].data(), fitted.mean);
    assert_eq!(trained.weights.constants["input.deviation"].data(), fitted.deviation);

    let mut changed = data.clone();
    let parts = [&mut changed.validation, &mut changed.test];
    parts.into_iter().flat_map(|part| &mut part.inputs).flatten().for_each(|value| *value *= 2.0);
    let again = train_on(&changed, &config, &|_| ()).unwrap();
    assert_eq!(
        (again.weights.constants, again.weights.weights),
        (trained.weights.constants, trained.weights.weights)
    );
    assert_ne!(again.scores, trained.scores);
}

#[test]
fn training_learns_and_repeats_itself() {
    let data = simulate(&DataConfig { counts: [200, 0, 20], ..DataConfig::default() }, &|_| ()).unwrap();
    let mut config = TrainConfig::default();
    config.optimiser.epochs = 30;
    let losses = std::sync::Mutex::new(Vec::new());
    let progress = |step: models::registry::Step<'_>| losses.lock().unwrap().extend(step.loss);
    let trained = train_on(&data, &config, &progress).unwrap();
    let losses = losses.into_inner().unwrap();
    assert_eq!(losses.len(), 30);
    // Standardised targets have variance 1, which is what no knowledge at all would leave.
    assert!(losses[29] < 0.3 && losses[29] < 0.5 * losses[0], "{losses:?}");
    assert_eq!(train_on(&data, &config, &|_| ()).unwrap().weights, trained.weights);
}

#[test]
fn the_committed_weights_reach_what_the_documentation_states() {
    let weights = MODEL.weights().unwrap();
    let samples = (MODEL.test_samples)(EMBEDDED_TEST, &weights).unwrap();
    let outputs = clear::run(&network().unwrap(), &weights.weights, &samples.inputs).unwrap();
    let scores = (MODEL.scores)(&outputs, &samples.targets, &weights).unwrap();
    assert_eq!(scores.len(), 24);
    for pair in scores.chunks(2) {
        let [mape, pearson] = [&pair[0], &pair[1]];
        assert!(mape.value < if mape.of.ends_with("V0") { 0.6 } else { 0.2 }, "{mape:?}");
        assert!(pearson.value > 0.9995, "{pearson:?}");
        // The paper's figures, where it prints one, are reached quantity by quantity.
        assert!(mape.paper.is_none_or(|paper| mape.value < paper), "{mape:?}");
        assert!(pearson.paper.is_none_or(|paper| pearson.value > paper), "{pearson:?}");
    }
    let mean = (MODEL.metric.evaluate)(&outputs, &samples.targets, &weights).unwrap();
    let expected = scores.iter().step_by(2).map(|score| score.value).sum::<f64>() / 12.0;
    assert!((mean - expected).abs() < 1e-12 && mean < 0.2, "{mean}");
    assert_eq!(PAPER.iter().flatten().count(), 8);
}

#[test]
fn what_does_not_belong_is_refused_in_a_sentence() {
    let weights = MODEL.weights().unwrap();
    let error = (MODEL.test_samples)(EMBEDDED_TEST + 1, &weights).unwrap_err().to_string();
    assert!(error.contains("256") && error.contains("257"), "{error}");
    let samples = (MODEL.test_samples)(4, &weights).unwrap();
    let error = (MODEL.metric.evaluate)(&Tensor::zeros(&[3, 12]), &samples.targets, &weights).unwrap_err();
    assert!(error.to_string().contains("[3, 12]"), "{error}");
    let classes = Targets::Classes(vec![0; 4]);
    let error = (MODEL.metric.evaluate)(&Tensor::zeros(&[4, 12]), &classes, &weights).unwrap_err();
    assert!(matches!(error, ModelError::TargetKind { .. }), "{error}");
    let mut bare = weights.clone();
    bare.constants.remove("output.mean");
    let error = (MODEL.scores)(&Tensor::zeros(&[4, 12]), &samples.targets, &bare).unwrap_err();
    assert!(error.to_string().contains("output.mean"), "{error}");
}

#[test]
fn names_are_found_and_unknown_ones_answered_with_the_list() {
    assert_eq!(find("fcnn-wbc").unwrap().name, MODEL.name);
    let error = find("fcnn-wcb").err().unwrap().to_string();
    assert!(registry().iter().all(|model| error.contains(model.name)), "{error}");
}
