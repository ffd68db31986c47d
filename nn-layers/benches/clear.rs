//! The clear executor on CNN-MNIST, against the same network's matrix products alone (`gemm` crate, the same shapes, batch and
//! threads), and one epoch of its training.
//!
//! `cargo bench -p nn-layers --bench clear` prints the ratio for one thread and for two after criterion's own figures.
#![expect(clippy::expect_used, reason = "a benchmark has nobody to hand an error to")]

#[path = "../tests/networks/mod.rs"]
mod networks;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use gemm::Parallelism;
use networks::cnn_mnist;
use nn_layers::Tensor;
use nn_layers::clear::Executor;
use nn_layers::clear::matmul::{Matrix, MatrixMut, multiply};
use nn_layers::train::{Config, Loss, fit, one_hot, xavier};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

const IMAGES: usize = 10_000;

fn images(count: usize) -> Tensor {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let values = (0..count * 784).map(|_| rng.random_range(0.0..1.0)).collect();
    Tensor::new(&[count, 1, 28, 28], values).expect("784 values an image")
}

/// Rows of the weights, their columns, and columns of the other factor, for a chunk of images.
const CONVOLUTIONS: [(usize, usize, usize); 2] = [(8, 9, 784), (16, 72, 196)];
const LINEAR: [(usize, usize); 2] = [(100, 784), (10, 100)];

/// The products alone, over chunks as large as suits them best (nothing else is kept in the cache), every operand ready.
fn products_alone(chunk: usize, operands: &Operands) {
    let chunks: Vec<usize> = (0..IMAGES).step_by(chunk).map(|from| chunk.min(IMAGES - from)).collect();
    chunks.into_par_iter().for_each_init(
        || vec![0.0; 8 * 784 * chunk],
        |out, images| {
            for ((outs, taps, places), weight) in CONVOLUTIONS.into_iter().zip(&operands.weights) {
                for image in 0..images {
                    let columns = operands.values.get(image * taps * places..).unwrap_or(&[]);
                    let out = out.get_mut(image * outs * places..).unwrap_or(&mut []);
                    multiply(
                        Matrix::row_major(weight, outs, taps),
                        Matrix::row_major(columns, taps, places),
                        0.0,
                        MatrixMut::row_major(out, outs, places),
                        Parallelism::None,
                    );
                }
            }
            for ((outs, ins), weight) in LINEAR.into_iter().zip(operands.weights.iter().skip(2)) {
                multiply(
                    Matrix::row_major(&operands.values, images, ins),
                    Matrix::row_major(weight, outs, ins).transposed(),
                    0.0,
                    MatrixMut::row_major(out, images, outs),
                    Parallelism::None,
                );
            }
        },
    );
}

struct Operands {
    weights: Vec<Vec<f64>>,
    values: Vec<f64>,
}

impl Operands {
    fn new(chunk: usize) -> Operands {
        let sizes = [8 * 9, 16 * 72, 100 * 784, 10 * 100];
        let of = |count: usize| (0..count).map(|i| (i % 13) as f64 / 13.0).collect();
        Operands { weights: sizes.into_iter().map(of).collect(), values: of(chunk * 72 * 196) }
    }
}

/// Shortest of several runs, alternating, so that neither side gets the quieter machine.
fn shortest(runs: usize, mut sides: Vec<Box<dyn FnMut() + Send + '_>>) -> Vec<Duration> {
    let mut best = vec![Duration::MAX; sides.len()];
    for _ in 0..runs {
        for (side, best) in sides.iter_mut().zip(&mut best) {
            let start = Instant::now();
            side();
            *best = (*best).min(start.elapsed());
        }
    }
    best
}

/// Prints executor against products, unless criterion only tries the benchmarks out.
fn ratios() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let network = cnn_mnist();
    let weights = xavier(&network, 1);
    let executor = Executor::new(&network, &weights).expect("the weights fit");
    let inputs = images(IMAGES);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let chunks = [8, 64, 512];
            let operands = chunks.map(Operands::new);
            let mut sides: Vec<Box<dyn FnMut() + Send + '_>> = vec![Box::new(|| {
                executor.run(&inputs).expect("the shapes fit");
            })];
            for (chunk, operands) in chunks.iter().zip(&operands) {
                sides.push(Box::new(|| products_alone(*chunk, operands)));
            }
            let times = shortest(15, sides);
            if let [executor, products @ ..] = times.as_slice() {
                let fastest = products.iter().min().copied().unwrap_or_default();
                println!(
                    "{IMAGES} images, {threads} threads: executor {executor:.1?}, products alone {fastest:.1?} (chunks of {chunks:?}: {products:.1?}), ratio {:.2}",
                    executor.as_secs_f64() / fastest.as_secs_f64()
                );
            }
        });
    }
}

fn inference(criterion: &mut Criterion) {
    ratios();
    let network = cnn_mnist();
    let weights = xavier(&network, 1);
    let executor = Executor::new(&network, &weights).expect("the weights fit");
    let inputs = images(IMAGES);
    let operands = Operands::new(64);
    let mut group = criterion.benchmark_group("cnn-mnist, 10,000 images");
    group.sample_size(10);
    group.bench_function("clear executor", |b| b.iter(|| executor.run(&inputs).expect("the shapes fit")));
    group.bench_function("products alone", |b| b.iter(|| products_alone(64, &operands)));
    group.finish();
}

fn training(criterion: &mut Criterion) {
    let network = cnn_mnist();
    let start = xavier(&network, 1);
    let inputs = images(5_000);
    let labels: Vec<usize> = (0..5_000).map(|i| i % 10).collect();
    let targets = one_hot(&labels, 10).expect("labels below 10");
    let config = Config { loss: Loss::CrossEntropy, epochs: 1, ..Config::default() };
    let mut group = criterion.benchmark_group("cnn-mnist, training, 5,000 images");
    group.sample_size(10);
    group.bench_function("one epoch, batch 32", |b| {
        b.iter(|| {
            fit(&network, &start, &inputs, &targets, &config, |_| ControlFlow::Continue(()))
                .expect("it trains")
        });
    });
    group.finish();
}

criterion_group!(benches, inference, training);
criterion_main!(benches);
