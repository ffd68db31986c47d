//! Vectors that repeat, on one thread: `cargo bench -p backend-ckks --bench periodic`.
//!
//! For each period the time to encode a factor, and a linear map of 64 diagonals of that period with its diagonals kept as values
//! and kept encoded. The last period is all slots: what a vector that does not repeat costs.
#![expect(clippy::expect_used, reason = "a benchmark has nobody to hand an error to")]

mod clock;
mod median;

use std::hint::black_box;
use std::sync::Arc;

use backend_ckks::{Ckks, Parameters};
use he_traits::{
    ClientScheme, Complex64, Diagonal, Encryptor, Evaluator, Generator, Keep, KeyNeeds, LinearMap, Schedule,
    Scheme,
};
use median::median_seconds;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

const LOG_DEGREE: u32 = 15;
const LEVELS: usize = 15;
const SCALE_BITS: u32 = 40;
const DIAGONALS: usize = 64;

/// A square matrix of [`DIAGONALS`] diagonals, which wrap around.
#[derive(Debug)]
struct Band {
    rows: usize,
}

impl Generator for Band {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.rows)
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        (0..DIAGONALS).for_each(|k| visit((row + k) % self.rows, self.entry(row, (row + k) % self.rows)));
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        match (column + self.rows - row) % self.rows {
            k if k < DIAGONALS => Complex64::from(((row * 7 + k * 31) as f64).sin()),
            _ => Complex64::ZERO,
        }
    }
}

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("the first pool of the process");
    let params = Parameters::secure(1 << LOG_DEGREE, LEVELS, SCALE_BITS).expect("a secure set");
    let profile = Ckks::profile(&params).expect("native CKKS needs nothing for a profile");
    let (slots, top) = (profile.slots, profile.top);
    println!("N = 2^{LOG_DEGREE}, {LEVELS} levels; milliseconds");
    println!("{:>8}{:>12}{:>18}{:>18}", "period", "encode", "linear, values", "linear, encoded");
    for period in [DIAGONALS, slots / 64, slots / 16, slots / 8, slots / 4, slots / 2, slots] {
        let map = Arc::new(LinearMap::new(Band { rows: period }));
        let schedule = Schedule::choose(&map, &profile, top).expect("a schedule");
        let mut needs = KeyNeeds::default();
        schedule.rotations().into_iter().for_each(|step| needs.rotate(step, top));
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        let keys = Ckks::keygen(&params, &needs, rng).expect("keys");
        let encryptor = Ckks::encryptor(&params, &keys.secret).expect("an encryptor");
        let evaluator = Ckks::evaluator(&params, keys.evaluation).expect("an evaluator");
        let values: Vec<f64> = (0..period).map(|i| (i as f64).sin()).collect();
        let values = Diagonal::Real(values);
        let x = encryptor.encrypt(&values, top, rng).expect("a ciphertext");
        let encode = median_seconds(1.0, || {
            black_box(evaluator.encode_factor(&values, top).expect("a factor"));
        });
        let [kept, encoded] = [Keep::Values, Keep::Encoded].map(|keep| {
            let map = evaluator.prepare(&map, &schedule, top, keep).expect("a prepared map");
            median_seconds(2.0, || {
                black_box(evaluator.linear(&[&x], &map).expect("a product"));
            })
        });
        println!("{period:>8}{:>12.3}{:>18.1}{:>18.1}", encode * 1e3, kept * 1e3, encoded * 1e3);
    }
}
