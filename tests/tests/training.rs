//! Training on MORE ciphertexts is training: from one seed, the parameters and losses of the clear run, to rounding.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use backend_more::training::{Compaction, MoreAlgebra, MoreTensor};
use backend_more::{More, MoreDecryptor, MoreEncryptor, Parameters};
use he_traits::algebra::Algebra;
use he_traits::{ClientScheme, KeyNeeds};
use nn_layers::train::{ClearAlgebra, Config, Loss, Trainer, one_hot, xavier};
use nn_layers::{Activation, AvgPool2d, Conv2d, Flatten, Linear, Network, Weights};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

#[path = "training/rounding.rs"]
mod rounding;

const SAMPLES: usize = 40;
const CLASSES: usize = 3;

struct Owner {
    encryptor: MoreEncryptor,
    decryptor: MoreDecryptor,
    rng: ChaCha20Rng,
}

impl Owner {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let parameters = Parameters::new(1).unwrap();
        let keys = More::keygen(&parameters, &KeyNeeds::default(), &mut rng).unwrap();
        Self {
            encryptor: More::encryptor(&parameters, &keys.secret).unwrap(),
            decryptor: More::decryptor(&parameters, &keys.secret).unwrap(),
            rng,
        }
    }

    fn uniform(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64).collect()
    }

    fn encrypt(&self, values: &[f64], random: &[f64]) -> MoreTensor {
        self.encryptor.encrypt_tensor(values, random).unwrap()
    }

    fn decrypt(&self, x: &MoreTensor) -> Vec<f64> {
        self.decryptor.decrypt_tensor(x).unwrap()
    }
}

/// What is trained, in the clear, and the random lanes beside it.
struct Task {
    network: Network,
    config: Config,
    inputs: [Vec<f64>; 2],
    targets: [Vec<f64>; 2],
    weights: [Vec<Vec<f64>>; 2],
}

fn values(network: &Network, weights: &Weights) -> Vec<Vec<f64>> {
    network.parameters().map(|(name, _)| weights.get(&name).unwrap().data().to_vec()).collect()
}

/// Pictures of bars in three directions, for a small convolutional network.
fn pictures(owner: &mut Owner) -> Task {
    let mut n = Network::builder("bars", &[1, 8, 8]);
    n.layer("conv1", Conv2d::new(1, 4, 3).padding(1));
    n.layer("act1", Activation::Tanh);
    n.layer("pool1", AvgPool2d::new(2));
    n.layer("flatten", Flatten);
    n.layer("fc1", Linear::new(64, 10));
    n.layer("act2", Activation::Sigmoid);
    n.layer("fc2", Linear::new(10, CLASSES));
    let network = n.build().unwrap();
    let labels: Vec<usize> = (0..SAMPLES).map(|i| i % CLASSES).collect();
    let noise = owner.uniform(SAMPLES * 64);
    let pixel = |i: usize| {
        let (sample, y, x) = (i / 64, i / 8 % 8, i % 8);
        let along = [x, y, x + y][labels[sample]];
        0.7 * f64::from(u8::from((along + sample / 3 % 2) % 4 < 2)) + 0.3 * noise[i]
    };
    let inputs = [(0..SAMPLES * 64).map(pixel).collect(), owner.uniform(SAMPLES * 64)];
    let others: Vec<usize> = owner.uniform(SAMPLES).iter().map(|u| (u * CLASSES as f64) as usize).collect();
    let targets = [&labels, &others].map(|labels| one_hot(labels, CLASSES).unwrap().into_data());
    let weights = [1, 2].map(|seed| values(&network, &xavier(&network, seed)));
    let config = Config {
        loss: Loss::CrossEntropy,
        epochs: 8,
        batch: 8,
        rate: 0.1,
        momentum: 0.9,
        seed: 5,
        ..Config::default()
    };
    Task { network, config, inputs, targets, weights }
}

/// A regression with tanh and sigmoid, as FCNN-WBC is one.
fn regression(owner: &mut Owner) -> Task {
    let mut n = Network::builder("regression", &[4]);
    n.layer("fc1", Linear::new(4, 12));
    n.layer("act1", Activation::Tanh);
    n.layer("fc2", Linear::new(12, 12));
    n.layer("act2", Activation::Sigmoid);
    n.layer("fc3", Linear::new(12, 2));
    let network = n.build().unwrap();
    let mut lane = || -> (Vec<f64>, Vec<f64>) {
        let x: Vec<f64> = owner.uniform(SAMPLES * 4).iter().map(|u| 2.0 * u - 1.0).collect();
        let y = x.chunks(4).flat_map(|x| [x[0] * x[1], (x[2] - x[3]).sin()]).collect();
        (x, y)
    };
    let ((x, y), (random_x, random_y)) = (lane(), lane());
    let weights = [3, 4].map(|seed| values(&network, &xavier(&network, seed)));
    let config = Config { epochs: 8, batch: 8, rate: 0.05, seed: 6, ..Config::default() };
    Task { network, config, inputs: [x, random_x], targets: [y, random_y], weights }
}

/// Losses an epoch, and the parameters in the end.
type Trained = (Vec<f64>, Vec<Vec<f64>>);

fn train<A: Algebra>(
    task: &Task,
    algebra: A,
    [inputs, targets]: [&A::Tensor; 2],
    weights: Vec<A::Tensor>,
    open: impl Fn(&A::Tensor) -> Vec<f64>,
) -> Trained {
    let mut trainer = Trainer::new(algebra, &task.network, task.config.clone(), weights).unwrap();
    let losses =
        (0..task.config.epochs).map(|_| open(&trainer.epoch(inputs, targets, SAMPLES).unwrap())[0]).collect();
    (losses, trainer.parameters().iter().map(open).collect())
}

fn in_the_clear(task: &Task) -> Trained {
    train(task, ClearAlgebra, [&task.inputs[0], &task.targets[0]], task.weights[0].clone(), Vec::clone)
}

/// The largest differences of losses and of parameters.
#[track_caller]
fn assert_equal(got: &Trained, want: &Trained, tolerance: f64) {
    let parameters = got.1.iter().zip(&want.1).flat_map(|(got, want)| got.iter().zip(want));
    for (got, want) in got.0.iter().zip(&want.0).chain(parameters) {
        assert!((got - want).abs() <= tolerance * (1.0 + want.abs()), "{got} {want}");
    }
}

#[test]
fn encrypted_training_is_clear_training() {
    for (make, seed) in [(pictures as fn(&mut Owner) -> Task, 1), (regression, 2), (pictures, 3)] {
        let mut owner = Owner::new(seed);
        let task = make(&mut owner);
        let want = in_the_clear(&task);
        assert!(want.0[7] < 0.9 * want.0[0], "it learns: {:?}", want.0);
        let inputs = owner.encrypt(&task.inputs[0], &task.inputs[1]);
        let targets = owner.encrypt(&task.targets[0], &task.targets[1]);
        let weights: Vec<MoreTensor> =
            task.weights[0].iter().zip(&task.weights[1]).map(|(w, r)| owner.encrypt(w, r)).collect();
        let full =
            train(&task, MoreAlgebra::default(), [&inputs, &targets], weights.clone(), |x| owner.decrypt(x));
        assert_equal(&full, &want, 1e-11);

        let compaction = Compaction::from_ciphertexts(&inputs).unwrap();
        let compact: Vec<MoreTensor> = weights.iter().map(|w| compaction.compact(w)).collect();
        let (inputs, targets) = (compaction.compact(&inputs), compaction.compact(&targets));
        let open = |x: &MoreTensor| {
            assert_eq!(x.plane_count(), 2);
            owner.decrypt(&compaction.expand(x))
        };
        let compact = train(&task, MoreAlgebra::default(), [&inputs, &targets], compact, open);
        assert_equal(&compact, &want, 1e-11);
    }
}

#[test]
fn weights_may_begin_in_the_clear_and_end_encrypted() {
    let mut owner = Owner::new(4);
    let task = regression(&mut owner);
    let inputs = owner.encrypt(&task.inputs[0], &task.inputs[1]);
    let targets = owner.encrypt(&task.targets[0], &task.targets[1]);
    let weights: Vec<MoreTensor> =
        task.weights[0].iter().map(|w| MoreAlgebra::default().constants(w)).collect();
    let trained = train(&task, MoreAlgebra::default(), [&inputs, &targets], weights, |x| {
        assert_eq!(x.plane_count(), 4);
        owner.decrypt(x)
    });
    assert_equal(&trained, &in_the_clear(&task), 1e-11);
}

#[test]
fn a_random_lane_that_is_no_training_diverges_and_takes_the_message_along() {
    let mut owner = Owner::new(5);
    let mut task = pictures(&mut owner);
    task.config.epochs = 30;
    let inputs = owner.encrypt(&task.inputs[0], &task.inputs[1]);
    let weights: Vec<MoreTensor> =
        task.weights[0].iter().zip(&task.weights[1]).map(|(w, r)| owner.encrypt(w, r)).collect();
    let run = |targets: &MoreTensor| {
        train(&task, MoreAlgebra::default(), [&inputs, targets], weights.clone(), |x| owner.decrypt(x))
    };
    // Rows that add up to something else than 1: the gradient of the noise never vanishes, all its logits run away together.
    let wild: Vec<f64> = task.targets[1].iter().map(|t| 20.0 * t).collect();
    let (losses, _) = run(&owner.encrypt(&task.targets[0], &wild));
    assert!(losses.iter().any(|loss| !loss.is_finite()), "{losses:?}");
    let (losses, _) = run(&owner.encrypt(&task.targets[0], &task.targets[1]));
    assert!(losses.iter().all(|loss| loss.is_finite()) && losses[29] < 0.3 * losses[0], "{losses:?}");
}

#[test]
fn rounding_errors_that_do_not_commute_are_taken_away() {
    let mut owner = Owner::new(6);
    let mut task = regression(&mut owner);
    // Large steps, 3,000 of them.
    (task.config.epochs, task.config.rate, task.config.momentum) = (600, 1.0, 0.5);
    let want = in_the_clear(&task);
    let inputs = owner.encrypt(&task.inputs[0], &task.inputs[1]);
    let targets = owner.encrypt(&task.targets[0], &task.targets[1]);
    let weights: Vec<MoreTensor> =
        task.weights[0].iter().zip(&task.weights[1]).map(|(w, r)| owner.encrypt(w, r)).collect();
    let settling = MoreAlgebra::settling(Compaction::from_ciphertexts(&inputs).unwrap());
    let [with, without] = [settling, MoreAlgebra::default()]
        .map(|algebra| train(&task, algebra, [&inputs, &targets], weights.clone(), |x| owner.decrypt(x)));
    assert_equal(&with, &want, 1e-11);
    // What they do where nobody takes them away.
    let worst = without
        .0
        .iter()
        .zip(&want.0)
        .map(|(got, want)| (got - want).abs())
        .fold(0.0, |a: f64, b| if b.is_nan() { f64::INFINITY } else { a.max(b) });
    assert!(worst > 1e-3, "{worst:e}");
}
