//! What encryption by MORE costs: CNN-MNIST on encrypted images against the clear executor, the same images on the same threads in
//! one run, the two in turn.
//!
//! `cargo bench -p henna-tests --no-default-features --bench more` (`RAYON_NUM_THREADS` sets the threads). The clear executor gets
//! all images at once, which is its best; MORE gets as many at once as its profile says.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark has nobody to hand an error to"
)]

use std::time::Instant;

use backend_more::More;
use he_traits::{ClientScheme, Decryptor, Encryptor, Keep, Scheme};
use nn_layers::Tensor;
use nn_layers::clear::Executor;
use nn_layers::compile::{Options, compile};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

const IMAGES: usize = 2_000;
const RUNS: usize = 9;

/// Images of blurred strokes: what matters for time is that the values are in range.
fn images() -> Tensor {
    let pixel = |i: usize| {
        let (image, place) = (i / 784, i % 784);
        let (y, x) = ((place / 28) as f64 - 14.0, (place % 28) as f64 - 14.0);
        let angle = image as f64 * 0.7;
        (1.0 - (x * angle.sin() + y * angle.cos()).abs() / 3.0).clamp(0.0, 1.0)
    };
    Tensor::new(&[IMAGES, 1, 28, 28], (0..IMAGES * 784).map(pixel).collect()).unwrap()
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

fn main() {
    let model = models::find("cnn-mnist").unwrap();
    let network = (model.network)().unwrap();
    let weights = model.weights().unwrap().weights;
    let images = images();
    let compiled = compile::<More>(&network, &weights, &images.rows(0, 64), &Options::default()).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let needs = he_traits::KeyNeeds::default();
    let keys = More::keygen(&compiled.params, &needs, &mut rng).unwrap();
    let encryptor = More::encryptor(&compiled.params, &keys.secret).unwrap();
    let decryptor = More::decryptor(&compiled.params, &keys.secret).unwrap();
    let server = More::evaluator(&compiled.params, keys.evaluation).unwrap();
    let program = &compiled.program;
    let prepared = program.prepare(&server, Keep::Encoded, &mut |_| {}).unwrap();
    let mut encrypt = |image: usize| {
        let blocks = program.pack(&images.rows(image, image + 1)).unwrap();
        blocks
            .iter()
            .map(|b| encryptor.encrypt(b, program.input_level(), &mut rng).unwrap())
            .collect::<Vec<_>>()
    };
    let encrypted: Vec<_> = (0..IMAGES).map(&mut encrypt).collect();
    let executor = Executor::new(&network, &weights).unwrap();
    let batch = compiled.profile.values_at_once;

    let mut ratios = Vec::new();
    let (mut fastest_clear, mut fastest_more) = (f64::INFINITY, f64::INFINITY);
    let mut steps = vec![0.0; program.steps().len()];
    let mut worst: f64 = 0.0;
    for run in 0..=RUNS {
        let (clear, expected) = timed(|| executor.run(&images).unwrap());
        let (more, results) = timed(|| {
            let mut results = Vec::with_capacity(IMAGES);
            for batch in encrypted.chunks(batch) {
                results.extend(
                    prepared
                        .run(&server, batch.to_vec(), &mut |p| {
                            if let (Some(seconds), true) = (p.seconds, run > 0) {
                                steps[p.index] += seconds / RUNS as f64;
                            }
                        })
                        .unwrap(),
                );
            }
            results
        });
        for (image, result) in results.iter().enumerate() {
            let blocks: Vec<_> = result.iter().map(|block| decryptor.decrypt(block).unwrap()).collect();
            let row = program.unpack(&blocks, 1).unwrap();
            for (got, want) in row.data().iter().zip(expected.rows(image, image + 1).data()) {
                worst = worst.max((got - want).abs());
            }
        }
        if run > 0 {
            ratios.push(more / clear);
            (fastest_clear, fastest_more) = (fastest_clear.min(clear), fastest_more.min(more));
        }
    }
    ratios.sort_by(f64::total_cmp);
    let us = |seconds: f64| seconds / IMAGES as f64 * 1e6;
    println!("CNN-MNIST, {IMAGES} images, {} threads, MORE {batch} at once", rayon::current_num_threads());
    println!(
        "clear executor {:.1} us an image, MORE {:.1} us (fastest of {RUNS})",
        us(fastest_clear),
        us(fastest_more)
    );
    println!(
        "MORE / clear: median {:.2}, of the fastest {:.2}",
        ratios[RUNS / 2],
        fastest_more / fastest_clear
    );
    for (step, seconds) in program.steps().iter().zip(steps) {
        println!("  {:<20} {:6.1} us an image (mean)", step.name, us(seconds));
    }
    println!("worst difference of a logit {worst:.1e}");
}
