//! What MORE costs: every operation by the slot, linear maps against the same products done by the crate `gemm`, and the network
//! CNN-MNIST of the MORE paper (Vizitiu et al. 2020) against its clear products and sigmoids.
//!
//! `cargo bench -p backend-more` prints one table each; `RAYON_NUM_THREADS` sets the threads.
#![expect(clippy::unwrap_used, reason = "a benchmark: shapes are written next to each other")]

use std::sync::Arc;
use std::time::Instant;

use backend_more::{Ciphertext, More, MoreDecryptor, MoreEncryptor, MoreEvaluator, Parameters, PreparedMap};
use he_traits::{
    ClientScheme, Complex64, Decryptor, Diagonal, Encryptor, Evaluator, Exact, Function, Generator, Keep,
    KeyNeeds, Level, LinearMap, Schedule, Scheme, vector_math,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

/// Seconds of the fastest of several runs.
fn fastest(runs: usize, mut run: impl FnMut()) -> f64 {
    run();
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

struct Session {
    rng: ChaCha20Rng,
    encryptor: MoreEncryptor,
    decryptor: MoreDecryptor,
    server: MoreEvaluator,
}

fn session(slots: usize) -> Session {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let parameters = Parameters::new(slots).unwrap();
    let keys = More::keygen(&parameters, &KeyNeeds::default(), &mut rng).unwrap();
    Session {
        encryptor: More::encryptor(&parameters, &keys.secret).unwrap(),
        decryptor: More::decryptor(&parameters, &keys.secret).unwrap(),
        server: More::evaluator(&parameters, keys.evaluation).unwrap(),
        rng,
    }
}

impl Session {
    fn encrypt(&mut self, values: Vec<f64>) -> Ciphertext {
        self.encryptor.encrypt(&Diagonal::Real(values), Level::UNBOUNDED, &mut self.rng).unwrap()
    }

    fn prepare(&self, map: &LinearMap) -> PreparedMap {
        self.server
            .prepare(&Arc::new(map.clone()), &Schedule::Matrix, Level::UNBOUNDED, Keep::Encoded)
            .unwrap()
    }
}

fn operations() {
    const SLOTS: usize = 4096;
    let mut s = session(SLOTS);
    let values: Vec<f64> = (0..SLOTS).map(|i| 1.5 + (i as f64 * 0.1).sin()).collect();
    let (a, b) = (s.encrypt(values.clone()), s.encrypt(values.clone()));
    let e = &s.server;
    let plain = Diagonal::Real(values.clone());
    let factor = e.encode_factor(&plain, Level::UNBOUNDED).unwrap();
    let addend = e.encode_addend(&plain, Level::UNBOUNDED).unwrap();
    let exact = e.exact().unwrap();
    let print =
        |name: &str, seconds: f64| println!("{name:>12} {:8.3} ns a slot", seconds / SLOTS as f64 * 1e9);
    println!("operations, 2 x 2, {SLOTS} slots");
    print("encode", fastest(200, || drop(e.encode_factor(&plain, Level::UNBOUNDED).unwrap())));
    print("add", fastest(200, || drop(e.add(&a, &b).unwrap())));
    print("add_plain", fastest(200, || drop(e.add_plain(&a, &addend).unwrap())));
    print("mul_plain", fastest(200, || drop(e.mul_plain(&a, &factor).unwrap())));
    print("mul", fastest(200, || drop(e.mul(&a, &b).unwrap())));
    print("div", fastest(200, || drop(exact.div(&a, &b).unwrap())));
    print("rotate", fastest(200, || drop(e.rotate(&a, 1000.into()).unwrap())));
    for function in
        [Function::Sigmoid, Function::Tanh, Function::Exp, Function::Relu, Function::Sqrt, Function::Ln]
    {
        print(function.name(), fastest(100, || drop(exact.apply(&a, function).unwrap())));
    }
    print("decrypt", fastest(200, || drop(s.decryptor.decrypt(&a).unwrap())));
    let (encryptor, rng) = (&s.encryptor, &mut s.rng);
    print("encrypt", fastest(50, || drop(encryptor.encrypt(&plain, Level::UNBOUNDED, rng).unwrap())));
}

/// A convolution of 3 x 3 with padding 1 on pictures of `size` squared; behind a mean pooling of 2 x 2 where `pooled`.
#[derive(Debug, Clone)]
struct Convolution {
    inputs: usize,
    outputs: usize,
    size: usize,
    pooled: bool,
}

fn weight(index: usize, fan_in: usize) -> f64 {
    ((index * 37 + 11) as f64).sin() * 2.0 / (fan_in as f64).sqrt()
}

impl Generator for Convolution {
    fn shape(&self) -> (usize, usize) {
        let area = self.size * self.size;
        (self.outputs * area, self.inputs * area * if self.pooled { 4 } else { 1 })
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        let size = self.size;
        let (channel, y, x) = (row / (size * size), row / size % size, row % size);
        for input in 0..self.inputs {
            for k in 0..9 {
                let (y, x) = ((y + k / 3).wrapping_sub(1), (x + k % 3).wrapping_sub(1));
                if y >= size || x >= size {
                    continue;
                }
                let w = weight((channel * self.inputs + input) * 9 + k, 9 * self.inputs);
                if self.pooled {
                    for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                        let column = ((input * 2 * size) + 2 * y + dy) * 2 * size + 2 * x + dx;
                        visit(column, Complex64::from(0.25 * w));
                    }
                } else {
                    visit((input * size + y) * size + x, Complex64::from(w));
                }
            }
        }
    }
}

/// A dense layer; behind a mean pooling of 2 x 2 of pictures of 7 x 7 where `pooled`.
#[derive(Debug, Clone)]
struct Dense {
    outputs: usize,
    inputs: usize,
    pooled: bool,
}

impl Generator for Dense {
    fn shape(&self) -> (usize, usize) {
        (self.outputs, self.inputs * if self.pooled { 4 } else { 1 })
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        for column in 0..self.inputs {
            let w = weight(row * self.inputs + column, self.inputs);
            if self.pooled {
                let (channel, y, x) = (column / 49, column / 7 % 7, column % 7);
                for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    visit((channel * 14 + 2 * y + dy) * 14 + 2 * x + dx, Complex64::from(0.25 * w));
                }
            } else {
                visit(column, Complex64::from(w));
            }
        }
    }
}

/// One linear layer of CNN-MNIST as a map, and the shape (rows, inner, columns an image) of its dense products.
struct Layer {
    name: &'static str,
    map: LinearMap,
    product: (usize, usize, usize),
    activated: bool,
}

fn layers() -> Vec<Layer> {
    let layer = |name, map, product, activated| Layer { name, map, product, activated };
    let convolution =
        |inputs, outputs, size, pooled| LinearMap::new(Convolution { inputs, outputs, size, pooled });
    let dense = |outputs, inputs, pooled| LinearMap::new(Dense { outputs, inputs, pooled });
    vec![
        layer("conv1", convolution(1, 8, 28, false), (8, 9, 784), true),
        layer("pool+conv2", convolution(8, 16, 14, true), (16, 72, 196), true),
        layer("pool+fc1", dense(100, 784, true), (100, 784, 1), true),
        layer("fc2", dense(10, 100, false), (10, 100, 1), false),
    ]
}

/// Seconds of `rows x inner` times `inner x columns` in the clear, by the crate `gemm` on all threads.
fn gemm_seconds((rows, inner, columns): (usize, usize, usize)) -> f64 {
    let left = vec![0.5; rows * inner];
    let right = vec![0.25; inner * columns];
    let mut result = vec![0.0; rows * columns];
    let (r, i, c) = (rows as isize, inner as isize, columns as isize);
    let threads = gemm::Parallelism::Rayon(0);
    fastest(15, || {
        // SAFETY: the three matrices are whole and row-major: distances of 1 between columns, of a row's length between rows.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                inner,
                result.as_mut_ptr(),
                1,
                c,
                false,
                left.as_ptr(),
                1,
                i,
                right.as_ptr(),
                1,
                c,
                0.0,
                1.0,
                false,
                false,
                false,
                threads,
            );
        }
        assert!(r >= 1);
    })
}

/// Slots that all vectors of the network divide: 784, 6272, 3136, 100 and 10.
const NETWORK_SLOTS: usize = 156_800;

fn linear() {
    let mut s = session(NETWORK_SLOTS);
    println!("\nlinear maps on all planes against gemm on as many columns (im2col already done)");
    println!(
        "{:>12} {:>7} {:>12} {:>10} {:>12} {:>6}",
        "map", "values", "us a value", "GFLOP/s", "gemm GFLOP/s", "ratio"
    );
    for layer in layers() {
        let map = s.prepare(&layer.map);
        let (rows, inner, columns) = layer.product;
        let flops = (2 * rows * inner * columns * 4) as f64;
        for values in [1, 8, 64, 256] {
            let period = layer.map.shape().1;
            let inputs: Vec<Ciphertext> = (0..values)
                .map(|v| s.encrypt((0..period).map(|i| ((v * 31 + i) as f64).sin()).collect()))
                .collect();
            let views: Vec<&Ciphertext> = inputs.iter().collect();
            let seconds = fastest(15, || drop(s.server.linear(&views, &map).unwrap())) / values as f64;
            let reference = gemm_seconds((rows, inner, columns * 4 * values)) / values as f64;
            println!(
                "{:>12} {values:>7} {:>12.2} {:>10.1} {:>12.1} {:>6.2}",
                layer.name,
                seconds * 1e6,
                flops / seconds / 1e9,
                flops / reference / 1e9,
                seconds / reference,
            );
        }
    }
}

fn network() {
    let mut s = session(NETWORK_SLOTS);
    let layers = layers();
    let maps: Vec<(PreparedMap, Vec<f64>, bool)> = layers
        .iter()
        .map(|layer| (s.prepare(&layer.map), vec![0.1; layer.map.shape().0], layer.activated))
        .collect();
    let images = 256;
    let inputs: Vec<Ciphertext> = (0..images)
        .map(|v| s.encrypt((0..784).map(|i| ((v * 31 + i) as f64 * 0.1).sin().max(0.0)).collect()))
        .collect();
    let e = &s.server;
    let addends: Vec<_> = maps
        .iter()
        .map(|(_, bias, _)| e.encode_addend(&Diagonal::Real(bias.clone()), Level::UNBOUNDED).unwrap())
        .collect();
    // Products and sigmoids in the clear, without im2col, pooling or biases: less than any executor needs.
    let products: f64 = layers
        .iter()
        .map(|l| gemm_seconds((l.product.0, l.product.1, l.product.2 * images)) / images as f64)
        .sum();
    let mut hidden: Vec<Vec<f64>> = vec![vec![0.3; (6272 + 3136 + 100) * 8]; images / 8];
    let sigmoids =
        fastest(15, || hidden.par_iter_mut().for_each(|values| vector_math::sigmoid(values))) / images as f64;
    println!("\nCNN-MNIST, {images} images, {} threads", rayon::current_num_threads());
    println!("clear: products by gemm {:.1} us, sigmoids {:.1} us an image", products * 1e6, sigmoids * 1e6);
    for batch in [4, 8, 16, 32, 64, 256] {
        let mut parts = [0.0; 3];
        let total = fastest(6, || {
            parts = [0.0; 3];
            for batch in inputs.chunks(batch) {
                let mut values: Vec<Ciphertext> = Vec::new();
                for ((map, _, activated), addend) in maps.iter().zip(&addends) {
                    let views: Vec<&Ciphertext> =
                        if values.is_empty() { batch.iter().collect() } else { values.iter().collect() };
                    let start = Instant::now();
                    values = e.linear(&views, map).unwrap();
                    parts[0] += start.elapsed().as_secs_f64();
                    let start = Instant::now();
                    values = values.par_iter().map(|x| e.add_plain(x, addend).unwrap()).collect();
                    parts[1] += start.elapsed().as_secs_f64();
                    if *activated {
                        let start = Instant::now();
                        let exact = e.exact().unwrap();
                        values =
                            values.par_iter().map(|x| exact.apply(x, Function::Sigmoid).unwrap()).collect();
                        parts[2] += start.elapsed().as_secs_f64();
                    }
                }
            }
        });
        let us = |seconds: f64| seconds / images as f64 * 1e6;
        println!(
            "MORE, {batch:>4} at once: {:7.1} us an image (linear {:.1}, biases {:.1}, sigmoids {:.1}); {:.2} times products and sigmoids",
            us(total),
            us(parts[0]),
            us(parts[1]),
            us(parts[2]),
            us(total) / us((products + sigmoids) * images as f64),
        );
    }
}

fn main() {
    operations();
    linear();
    network();
}
