//! What training on MORE ciphertexts costs: epochs of the paper's networks with encrypted inputs, targets and weights, in the full and in the
//! compact form, against the same epochs in the clear; the three in turn, in one run, on the same threads.
//!
//! `cargo bench -p henna-tests --no-default-features --bench more_training [-- MODEL...]` (`RAYON_NUM_THREADS` sets the threads).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark has nobody to hand an error to"
)]

use std::time::Instant;

use backend_more::training::{Compaction, MoreAlgebra, MoreTensor};
use backend_more::{More, Parameters};
use he_traits::algebra::Algebra;
use he_traits::{ClientScheme, KeyNeeds};
use nn_layers::Network;
use nn_layers::train::{ClearAlgebra, Config, Loss, Trainer, one_hot, xavier};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const RUNS: usize = 7;

/// A network and how the paper trains it, on numbers drawn at random: what they are does not change what an epoch costs.
struct Case {
    model: &'static str,
    loss: Loss,
    batch: usize,
    samples: usize,
}

const CASES: [Case; 3] = [
    Case { model: "cnn-mnist", loss: Loss::CrossEntropy, batch: 32, samples: 512 },
    Case { model: "fcnn-wbc", loss: Loss::MeanSquaredError, batch: 32, samples: 2048 },
    Case { model: "cnn-angio", loss: Loss::BinaryCrossEntropy, batch: 16, samples: 32 },
];

/// One epoch at a time, timed.
struct Run<'n, A: Algebra> {
    samples: usize,
    trainer: Trainer<'n, A>,
    inputs: A::Tensor,
    targets: A::Tensor,
    seconds: Vec<f64>,
}

impl<'n, A: Algebra> Run<'n, A> {
    fn new(
        algebra: A,
        network: &'n Network,
        case: &Case,
        data: [A::Tensor; 2],
        weights: Vec<A::Tensor>,
    ) -> Self {
        let config = Config { loss: case.loss, batch: case.batch, ..Config::default() };
        let [inputs, targets] = data;
        let trainer = Trainer::new(algebra, network, config, weights).unwrap();
        Self { samples: case.samples, trainer, inputs, targets, seconds: Vec::new() }
    }

    fn epoch(&mut self) {
        let start = Instant::now();
        self.trainer.epoch(&self.inputs, &self.targets, self.samples).unwrap();
        self.seconds.push(start.elapsed().as_secs_f64());
    }

    /// The first epoch warms up.
    fn fastest(&self) -> f64 {
        self.seconds.iter().skip(1).copied().fold(f64::INFINITY, f64::min)
    }
}

fn main() {
    // As `nn_layers::train::fit` does: blocks of a few megabytes stay with the program.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(std::hint::black_box(24 << 20))));
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for case in CASES.iter().filter(|case| asked.is_empty() || asked.iter().any(|name| name == case.model)) {
        measure(case);
    }
}

fn measure(case: &Case) {
    let network = (models::find(case.model).unwrap().network)().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut uniform = |count: usize| -> Vec<f64> {
        (0..count).map(|_| (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64).collect()
    };
    let lengths =
        [network.input_shape(), network.output_shape()].map(|shape| shape.iter().product::<usize>());
    let inputs = [(); 2].map(|()| uniform(case.samples * lengths[0]));
    let targets = match case.loss {
        Loss::CrossEntropy => [3, 7].map(|step| {
            let classes: Vec<usize> = (0..case.samples).map(|i| i * step % lengths[1]).collect();
            one_hot(&classes, lengths[1]).unwrap().into_data()
        }),
        _ => [(); 2].map(|()| uniform(case.samples * lengths[1])),
    };
    let weights = [1, 2].map(|seed| {
        let weights = xavier(&network, seed);
        network.parameters().map(|(name, _)| weights.get(&name).unwrap().data().to_vec()).collect::<Vec<_>>()
    });
    let parameters = Parameters::new(1).unwrap();
    let keys = More::keygen(&parameters, &KeyNeeds::default(), &mut rng).unwrap();
    let encryptor = More::encryptor(&parameters, &keys.secret).unwrap();
    let encrypt = |value: &[f64], random: &[f64]| encryptor.encrypt_tensor(value, random).unwrap();
    let full = [encrypt(&inputs[0], &inputs[1]), encrypt(&targets[0], &targets[1])];
    let full_weights: Vec<MoreTensor> =
        weights[0].iter().zip(&weights[1]).map(|(w, r)| encrypt(w, r)).collect();
    let compaction = Compaction::from_ciphertexts(&full[0]).unwrap();
    let compact = full.each_ref().map(|x| compaction.compact(x));
    let compact_weights = full_weights.iter().map(|w| compaction.compact(w)).collect();

    let clear_data = [inputs[0].clone(), targets[0].clone()];
    let mut clear = Run::new(ClearAlgebra, &network, case, clear_data, weights[0].clone());
    let mut full = Run::new(MoreAlgebra::default(), &network, case, full, full_weights);
    let mut compact = Run::new(MoreAlgebra::default(), &network, case, compact, compact_weights);
    for _ in 0..=RUNS {
        clear.epoch();
        full.epoch();
        compact.epoch();
    }
    let ratio = |seconds: &[f64]| {
        let mut ratios: Vec<f64> = seconds.iter().zip(&clear.seconds).skip(1).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    };
    let us = |seconds: f64| seconds / case.samples as f64 * 1e6;
    println!(
        "training of {}, {} samples, batches of {}, {} threads",
        case.model,
        case.samples,
        case.batch,
        rayon::current_num_threads()
    );
    println!("clear   {:8.1} us a sample (fastest of {RUNS} epochs)", us(clear.fastest()));
    for (name, seconds, fastest) in
        [("full", &full.seconds, full.fastest()), ("compact", &compact.seconds, compact.fastest())]
    {
        println!(
            "{name:<7} {:8.1} us a sample; over clear: median {:.2}, of the fastest {:.2}",
            us(fastest),
            ratio(seconds),
            fastest / clear.fastest()
        );
    }
}
