//! Training: gradients against finite differences, generic algebras, determinism, and what it can learn.
#![expect(clippy::indexing_slicing, reason = "helpers of tests over data made here")]

mod toy;

use std::ops::ControlFlow;

use nn_layers::train::{ClearAlgebra, Config, Loss, RateSchedule, Trainer, fit, one_hot, xavier};
use nn_layers::{
    Activation, Add, AvgPool2d, Chebyshev, Conv2d, Dropout, Flatten, Linear, Network, Tensor, Weights, clear,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use toy::Toy;

fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let count = shape.iter().product();
    let values = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::new(shape, values).unwrap_or_default()
}

fn batch_of(shape: &[usize], batch: usize, seed: u64) -> Tensor {
    random(&[&[batch], shape].concat(), seed)
}

/// Random weights, biases too: at zero biases an error in them could hide.
fn start(network: &Network) -> Vec<Vec<f64>> {
    network.parameters().zip(1..).map(|((_, shape), seed)| random(&shape, seed).into_data()).collect()
}

fn network(shape: &[usize], layers: impl FnOnce(&mut nn_layers::NetworkBuilder)) -> Network {
    let mut n = Network::builder("test", shape);
    layers(&mut n);
    n.build().unwrap_or_else(|error| unreachable!("{error}"))
}

/// Loss by the clear executor and the definition: knows nothing of the training code.
fn loss_by_definition(network: &Network, parameters: &[Vec<f64>], x: &Tensor, t: &Tensor, loss: Loss) -> f64 {
    let weights: Weights = network
        .parameters()
        .zip(parameters)
        .map(|((name, shape), values)| (name, Tensor::new(&shape, values.clone()).unwrap_or_default()))
        .collect();
    let y = clear::run(network, &weights, x).unwrap_or_default();
    let columns = y.data().len() / y.batch();
    match loss {
        Loss::MeanSquaredError => {
            let squares = y.data().iter().zip(t.data()).map(|(y, t)| (y - t).powi(2));
            squares.sum::<f64>() / y.data().len() as f64
        }
        Loss::BinaryCrossEntropy => {
            let of_value = |(y, t): (&f64, &f64)| (1.0 + y.exp()).ln() - t * y;
            y.data().iter().zip(t.data()).map(of_value).sum::<f64>() / y.data().len() as f64
        }
        _ => {
            let rows = y.data().chunks(columns).zip(t.data().chunks(columns));
            let of_row = |(y, t): (&[f64], &[f64])| {
                let sum: f64 = y.iter().map(|y| y.exp()).sum();
                y.iter().zip(t).map(|(y, t)| -t * (y.exp() / sum).ln()).sum::<f64>()
            };
            rows.map(of_row).sum::<f64>() / y.batch() as f64
        }
    }
}

/// Every gradient of a batch of eleven (two shards where the network is large) against central differences.
fn check_gradients(network: &Network, loss: Loss) {
    let batch = 11;
    let x = batch_of(network.input_shape(), batch, 70);
    let mut t = batch_of(network.output_shape(), batch, 71);
    if loss == Loss::CrossEntropy {
        let classes = network.output_shape()[0];
        t = one_hot(&(0..batch).map(|i| i % classes).collect::<Vec<_>>(), classes).unwrap_or_default();
    }
    let parameters = start(network);
    let config = Config { loss, ..Config::default() };
    let trainer = Trainer::new(ClearAlgebra, network, config.clone(), parameters.clone());
    let mut trainer = trainer.unwrap_or_else(|error| unreachable!("{error}"));
    let order: Vec<usize> = (0..batch).rev().collect();
    let (value, gradients) = trainer
        .loss_and_gradients(&x.data().to_vec(), &t.data().to_vec(), batch, &order)
        .unwrap_or_else(|error| unreachable!("{error}"));
    let expected = loss_by_definition(network, &parameters, &x, &t, loss);
    assert!((value[0] - expected).abs() < 1e-12 * (1.0 + expected), "{} against {expected}", value[0]);

    assert_eq!(gradients.len(), parameters.len());
    for (tensor, gradient) in gradients.iter().enumerate() {
        assert_eq!(gradient.len(), parameters[tensor].len());
        for index in (0..gradient.len()).step_by(1 + gradient.len() / 40) {
            let step = 1e-5;
            let at = |offset: f64| {
                let mut moved = parameters.clone();
                moved[tensor][index] += offset;
                loss_by_definition(network, &moved, &x, &t, loss)
            };
            let difference = (at(step) - at(-step)) / (2.0 * step);
            let error = (gradient[index] - difference).abs();
            assert!(
                error < 1e-7 * (1.0 + difference.abs()),
                "tensor {tensor}, value {index}: {} against {difference}",
                gradient[index]
            );
        }
    }

    // The same through an algebra of its own, with every provided function as it stands in the contract.
    let toy = Toy;
    let secret: Vec<_> = parameters.iter().map(|values| toy.hide(values)).collect();
    let mut trainer =
        Trainer::new(toy.clone(), network, config, secret).unwrap_or_else(|error| unreachable!("{error}"));
    let (value, hidden) = trainer
        .loss_and_gradients(&toy.hide(x.data()), &toy.hide(t.data()), batch, &order)
        .unwrap_or_else(|error| unreachable!("{error}"));
    assert!((toy.show(&value)[0] - expected).abs() < 1e-9 * (1.0 + expected));
    for (clear, hidden) in gradients.iter().zip(&hidden) {
        for (a, b) in clear.iter().zip(toy.show(hidden)) {
            assert!((a - b).abs() < 1e-9 * (1.0 + a.abs()), "{a} against {b}");
        }
    }
}

#[test]
fn gradients_of_linear_layers_and_activations() {
    for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Square] {
        for bias in [true, false] {
            let network = network(&[5], |n| {
                n.layer("fc1", Linear { bias, ..Linear::new(5, 7) });
                n.layer("act1", activation.clone());
                n.layer("fc2", Linear::new(7, 3));
            });
            check_gradients(&network, Loss::MeanSquaredError);
            check_gradients(&network, Loss::CrossEntropy);
            check_gradients(&network, Loss::BinaryCrossEntropy);
        }
    }
}

/// ReLU needs a comparison: the clear algebra has it, one without must say so.
#[test]
fn relu_is_differentiated_in_the_clear_and_refused_elsewhere() {
    let network = network(&[2], |n| {
        n.layer("act1", Activation::Relu);
        n.layer("fc1", Linear::new(2, 1));
    });
    let parameters = vec![vec![3.0, -2.0], vec![0.5]];
    let (x, t, order) = (vec![1.0, -1.0, 2.0, 4.0], vec![0.0, 0.0], [0, 1]);
    let mut trainer = Trainer::new(ClearAlgebra, &network, Config::default(), parameters.clone()).unwrap();
    let (_, gradients) = trainer.loss_and_gradients(&x, &t, 2, &order).unwrap();
    // Outputs 3.5 and -1.5, their gradients 3.5 and -1.5 (2 y / 2); dW = 3.5 [1, 0] - 1.5 [2, 4].
    assert_eq!(gradients, [vec![0.5, -6.0], vec![2.0]]);

    let mut deep = Network::builder("deep", &[2]);
    deep.layer("fc1", Linear::new(2, 2));
    deep.layer("act1", Activation::Relu);
    let deep = deep.build().unwrap();
    let toy = Toy;
    let hidden = vec![toy.hide(&[1.0; 4]), toy.hide(&[0.0; 2])];
    let mut trainer = Trainer::new(toy.clone(), &deep, Config::default(), hidden).unwrap();
    let refused = trainer.loss_and_gradients(&toy.hide(&x), &toy.hide(&[0.0; 4]), 2, &order);
    assert_eq!(refused.err().unwrap().to_string(), "toy cannot differentiate relu");
    // In the clear the same network goes: rows [0, 0] and [6, 6] as outputs, targets 0.
    let start = vec![vec![1.0; 4], vec![0.0; 2]];
    let mut trainer = Trainer::new(ClearAlgebra, &deep, Config::default(), start).unwrap();
    let (_, gradients) = trainer.loss_and_gradients(&x, &vec![0.0; 4], 2, &order).unwrap();
    assert_eq!(gradients, [vec![6.0, 12.0, 6.0, 12.0], vec![3.0, 3.0]]);
}

#[test]
fn gradients_of_convolutions() {
    let first = Conv2d::new(2, 4, 3).padding(1);
    let seconds = [
        Conv2d::new(4, 6, 3),
        Conv2d::new(4, 6, 3).padding(2).stride(2),
        Conv2d::new(4, 6, 2).dilation(2).without_bias(),
        Conv2d::new(4, 6, 3).groups(2).padding(1),
        Conv2d { kernel: [1, 3], stride: [2, 1], ..Conv2d::new(4, 6, 1) },
    ];
    for second in seconds {
        let network = network(&[2, 5, 6], |n| {
            n.layer("conv1", first);
            n.layer("act1", Activation::Tanh);
            n.layer("conv2", second);
        });
        check_gradients(&network, Loss::MeanSquaredError);
    }
}

#[test]
fn gradients_of_pooling_and_flattening() {
    let pools = [AvgPool2d::new(2), AvgPool2d::new(3).stride(1).padding(1)];
    for pool in pools {
        let mut flat = 0;
        let shape = network(&[1, 7, 5], |n| {
            n.layer("conv1", Conv2d::new(1, 3, 3).padding(1));
            n.layer("pool1", pool);
            n.layer("flatten", Flatten);
        });
        flat += shape.output_shape()[0];
        let network = network(&[1, 7, 5], |n| {
            n.layer("conv1", Conv2d::new(1, 3, 3).padding(1));
            n.layer("pool1", pool);
            n.layer("act1", Activation::Sigmoid);
            n.layer("flatten", Flatten);
            n.layer("fc1", Linear::new(flat, 4));
        });
        check_gradients(&network, Loss::CrossEntropy);
    }
}

#[test]
fn gradients_of_branches_that_meet_again() {
    let network = network(&[2, 4, 4], |n| {
        let stem = n.layer("stem", Conv2d::new(2, 3, 3).padding(1));
        let left = n.layer_on("left", Activation::Tanh, &[stem]);
        let right = n.layer_on("right", Conv2d::new(3, 3, 3).padding(1), &[stem]);
        n.layer_on("unread", Conv2d::new(3, 1, 1), &[left]);
        let sum = n.layer_on("sum", Add, &[left, right]);
        n.layer_on("twice", Add, &[sum, sum]);
    });
    check_gradients(&network, Loss::MeanSquaredError);
}

/// Large enough for several shards a batch.
fn convolutional() -> Network {
    network(&[1, 16, 16], |n| {
        n.layer("conv1", Conv2d::new(1, 8, 3).padding(1));
        n.layer("act1", Activation::Sigmoid);
        n.layer("pool1", AvgPool2d::new(2));
        n.layer("conv2", Conv2d::new(8, 80, 3).padding(1));
        n.layer("act2", Activation::Tanh);
        n.layer("pool2", AvgPool2d::new(2));
        n.layer("flatten", Flatten);
        n.layer("fc1", Linear::new(1280, 3));
    })
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    let network = convolutional();
    let x = batch_of(&[1, 16, 16], 45, 1);
    let t = one_hot(&(0..45).map(|i| i % 3).collect::<Vec<_>>(), 3).unwrap();
    let config = Config { loss: Loss::CrossEntropy, epochs: 2, batch: 32, seed: 5, ..Config::default() };
    let on = |threads, config: &Config| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let start = xavier(&network, 9);
        pool.install(|| fit(&network, &start, &x, &t, config, |_| ControlFlow::Continue(())).unwrap())
    };
    let alone = on(1, &config);
    assert_eq!(alone, on(2, &config));
    assert_eq!(alone, on(5, &config));
    assert_ne!(alone, on(1, &Config { seed: 6, ..config }));
}

#[test]
fn gradients_of_several_shards_add_up() {
    let network = convolutional();
    check_gradients(&network, Loss::CrossEntropy);
}

#[test]
fn dropout_leaves_values_out_in_training_and_nowhere_else() {
    let network = network(&[6], |n| {
        n.layer("fc1", Linear::new(6, 40));
        n.layer("act1", Activation::Tanh);
        n.layer("dropout", Dropout::new(0.25));
        n.layer("fc2", Linear::new(40, 2));
    });
    let (x, t) = (batch_of(&[6], 9, 5), batch_of(&[2], 9, 6));
    let parameters = start(&network);
    let order: Vec<usize> = (0..9).collect();
    let run = |parameters: Vec<Vec<f64>>, seed| {
        let config = Config { loss: Loss::MeanSquaredError, seed, ..Config::default() };
        let mut trainer = Trainer::new(ClearAlgebra, &network, config, parameters).unwrap();
        let outputs = trainer.outputs(&x.data().to_vec(), 9).unwrap().concat();
        let (loss, gradients) =
            trainer.loss_and_gradients(&x.data().to_vec(), &t.data().to_vec(), 9, &order).unwrap();
        (outputs, loss[0], gradients)
    };
    let (outputs, loss, gradients) = run(parameters.clone(), 1);
    // What is left out depends on the seed, and moves the loss away from that of the whole network.
    let undropped = loss_by_definition(&network, &parameters, &x, &t, Loss::MeanSquaredError);
    assert!((loss - undropped).abs() > 1e-6 && loss != run(parameters.clone(), 2).1);
    let weights: Weights = network
        .parameters()
        .zip(&parameters)
        .map(|((name, shape), values)| (name, Tensor::new(&shape, values.clone()).unwrap()))
        .collect();
    let whole = clear::run(&network, &weights, &x).unwrap();
    assert!(outputs.iter().zip(whole.data()).all(|(got, want)| (got - want).abs() < 1e-12));
    // Values that were left out have no gradient, the others that of the loss as it was.
    for (tensor, index) in [(0, 7), (0, 100), (1, 3), (2, 11), (2, 55), (3, 1)] {
        let at = |offset: f64| {
            let mut moved = parameters.clone();
            moved[tensor][index] += offset;
            run(moved, 1).1
        };
        let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((gradients[tensor][index] - difference).abs() < 1e-8, "{tensor}, {index}");
    }
}

#[test]
fn steps_are_those_of_sgd_with_momentum() {
    // One weight w, input 1, target 0, loss w²: g = 2w; PyTorch's v = μ v + g, w -= η v.
    let network = network(&[1], |n| {
        n.layer("fc1", Linear::new(1, 1).without_bias());
    });
    let mut weights = Weights::new();
    weights.insert("fc1.weight", Tensor::new(&[1, 1], vec![1.0]).unwrap());
    let schedule = RateSchedule::Step { every: 2, factor: 0.5 };
    let config = Config { epochs: 4, rate: 0.1, momentum: 0.9, schedule, ..Config::default() };
    let one = Tensor::new(&[1, 1], vec![1.0]).unwrap();
    let mut seen = Vec::new();
    fit(&network, &weights, &one, &Tensor::zeros(&[1, 1]), &config, |progress| {
        seen.push((progress.rate, progress.loss, progress.weights().get("fc1.weight").unwrap().data()[0]));
        ControlFlow::Continue(())
    })
    .unwrap();
    let (mut w, mut v) = (1.0f64, 0.0);
    for (epoch, (rate, loss, weight)) in seen.into_iter().enumerate() {
        let eta = [0.1, 0.1, 0.05, 0.05][epoch];
        assert!((rate - eta).abs() < 1e-15 && (loss - w * w).abs() < 1e-14);
        v = 0.9 * v + 2.0 * w;
        w -= eta * v;
        assert!((weight - w).abs() < 1e-14);
    }
}

#[test]
fn a_small_network_learns_exclusive_or() {
    let network = network(&[2], |n| {
        n.layer("fc1", Linear::new(2, 8));
        n.layer("act1", Activation::Tanh);
        n.layer("fc2", Linear::new(8, 2));
    });
    let x = Tensor::new(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]).unwrap();
    let t = one_hot(&[0, 1, 1, 0], 2).unwrap();
    let config = Config { loss: Loss::CrossEntropy, epochs: 500, batch: 4, rate: 0.1, ..Config::default() };
    let mut losses = Vec::new();
    let weights = fit(&network, &xavier(&network, 3), &x, &t, &config, |progress| {
        losses.push(progress.loss);
        if progress.loss < 0.01 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert!(losses.len() < 500, "the loss is still {:?}", losses.last());
    let y = clear::run(&network, &weights, &x).unwrap();
    let classes: Vec<usize> = y.data().chunks(2).map(|row| usize::from(row[1] > row[0])).collect();
    assert_eq!(classes, [0, 1, 1, 0]);
}

#[test]
fn large_logits_do_not_overflow_in_the_clear() {
    let network = network(&[1], |n| {
        n.layer("fc1", Linear::new(1, 2).without_bias());
    });
    let mut trainer = Trainer::new(
        ClearAlgebra,
        &network,
        Config { loss: Loss::CrossEntropy, ..Config::default() },
        vec![vec![1e4, -1e4]],
    )
    .unwrap();
    let (loss, _) = trainer.loss_and_gradients(&vec![1.0], &vec![0.0, 1.0], 1, &[0]).unwrap();
    assert!((loss[0] - 2e4).abs() < 1e-6);
}

#[test]
fn xavier_is_bounded_and_seeded() {
    let network = convolutional();
    let weights = xavier(&network, 4);
    weights.check(&network).unwrap();
    assert_eq!(weights, xavier(&network, 4));
    assert_ne!(weights, xavier(&network, 5));
    let kernel = weights.get("conv2.weight").unwrap();
    let bound = (6.0f64 / ((8.0 + 80.0) * 9.0)).sqrt();
    let largest = kernel.data().iter().fold(0.0f64, |a, b| a.max(b.abs()));
    assert!(largest <= bound && largest > 0.99 * bound);
    assert!(weights.get("conv2.bias").unwrap().data().iter().all(|b| *b == 0.0));
}

#[test]
fn what_cannot_be_trained_is_refused_with_a_reason() {
    let line = network(&[1], |n| {
        n.layer("fc1", Linear::new(1, 2));
    });
    let go = |network: &Network, x: &Tensor, t: &Tensor, config: Config| {
        let none = |_: &nn_layers::train::Progress<'_>| ControlFlow::Continue(());
        fit(network, &xavier(network, 1), x, t, &config, none).unwrap_err().to_string()
    };
    let (x, t) = (Tensor::zeros(&[3, 1]), Tensor::zeros(&[3, 2]));
    let config = Config::default();
    assert_eq!(
        go(&line, &x, &Tensor::zeros(&[4, 2]), config.clone()),
        "targets: expected shape [3, [2]], got [4, 2]"
    );
    let rate = Config { rate: -1.0, ..config.clone() };
    assert_eq!(go(&line, &x, &t, rate), "training: the learning rate is -1, expected a positive number");
    let hot = Config { rate: 1e200, ..config.clone() };
    assert!(
        go(&line, &Tensor::new(&[3, 1], vec![1.0; 3]).unwrap(), &t, hot).starts_with("training diverged")
    );
    let fitted = Chebyshev { interval: [-1.0, 1.0], coefficients: vec![1.0] };
    let polynomial = network(&[1], |n| {
        n.layer("act1", Activation::Polynomial(fitted));
    });
    assert!(
        go(&polynomial, &x, &Tensor::zeros(&[3, 1]), config).starts_with("act1 (Polynomial): train with")
    );
    assert_eq!(one_hot(&[0, 3], 3).unwrap_err().to_string(), "targets: expected labels below 3, got [3]");
}
