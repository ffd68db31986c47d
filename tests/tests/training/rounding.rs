//! How far encrypted training may drift from clear training, foretold without a ciphertext.
//!
//! A parameter of 1 under a key of condition number k is decrypted with an error of about k roundings, and every step makes such an error anew. What becomes of it
//! is the training's own doing: steps downhill shrink it, steep ones make it grow. So the prediction is a clear training whose parameters and velocities are jolted by that
//! much after every step; its distance from the training that is left in peace is what encrypted training is held to, epoch by epoch.

use std::sync::{Mutex, PoisonError};

use he_traits::algebra::{Axis, Gather, Matrix, MatrixMut};
use he_traits::{Function, Result};

use super::*;

/// The clear algebra with relative errors of at most `size` on what settles.
struct Jolted {
    size: f64,
    rng: Mutex<ChaCha20Rng>,
}

impl Algebra for Jolted {
    type Tensor = Vec<f64>;

    fn name(&self) -> &'static str {
        "jolted"
    }

    fn len(&self, x: &Vec<f64>) -> usize {
        ClearAlgebra.len(x)
    }

    fn constants(&self, values: &[f64]) -> Vec<f64> {
        ClearAlgebra.constants(values)
    }

    fn gemm(
        &self,
        a: Matrix<'_, Vec<f64>>,
        b: Matrix<'_, Vec<f64>>,
        keep: f64,
        c: MatrixMut<'_, Vec<f64>>,
    ) -> Result<()> {
        ClearAlgebra.gemm(a, b, keep, c)
    }

    fn map(&self, f: Function, x: &Vec<f64>) -> Result<Vec<f64>> {
        ClearAlgebra.map(f, x)
    }

    fn mul(&self, a: &Vec<f64>, b: &Vec<f64>) -> Result<Vec<f64>> {
        ClearAlgebra.mul(a, b)
    }

    fn axpy(&self, alpha: f64, x: &Vec<f64>, y: &mut Vec<f64>) -> Result<()> {
        ClearAlgebra.axpy(alpha, x, y)
    }

    fn scale(&self, alpha: f64, x: &mut Vec<f64>) {
        ClearAlgebra.scale(alpha, x);
    }

    fn settle(&self, x: &mut Vec<f64>) {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        for value in x {
            let unit = (rng.next_u64() >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
            *value *= 1.0 + self.size * unit;
        }
    }

    fn sum(&self, x: &Vec<f64>, axis: Axis) -> Result<Vec<f64>> {
        ClearAlgebra.sum(x, axis)
    }

    fn repeat(&self, x: &Vec<f64>, axis: Axis) -> Result<Vec<f64>> {
        ClearAlgebra.repeat(x, axis)
    }

    fn gather(&self, x: &Vec<f64>, gather: &Gather) -> Result<Vec<f64>> {
        ClearAlgebra.gather(x, gather)
    }

    fn scatter_add(&self, x: &Vec<f64>, gather: &Gather) -> Result<Vec<f64>> {
        ClearAlgebra.scatter_add(x, gather)
    }
}

/// The parameters after every epoch.
fn course<A: Algebra>(
    task: &Task,
    algebra: A,
    [inputs, targets]: [&A::Tensor; 2],
    weights: Vec<A::Tensor>,
    open: impl Fn(&A::Tensor) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    let mut trainer = Trainer::new(algebra, &task.network, task.config.clone(), weights).unwrap();
    let mut course = Vec::new();
    for _ in 0..task.config.epochs {
        trainer.epoch(inputs, targets, SAMPLES).unwrap();
        course.push(trainer.parameters().iter().flat_map(&open).collect());
    }
    course
}

/// The root mean square of the differences after every epoch.
fn drift(course: &[Vec<f64>], clear: &[Vec<f64>]) -> Vec<f64> {
    let of_epoch = |(got, want): (&Vec<f64>, &Vec<f64>)| {
        let squares: f64 = got.iter().zip(want).map(|(got, want)| (got - want).powi(2)).sum();
        (squares / want.len() as f64).sqrt()
    };
    course.iter().zip(clear).map(of_epoch).collect()
}

/// Encrypted training drifts at most so many times as far as predicted, and at least one over that.
const FACTOR: f64 = 16.0;

#[test]
fn rounding_grows_as_predicted() {
    for (make, seed, rate) in [(regression as fn(&mut Owner) -> Task, 7, 0.2), (pictures, 8, 0.1)] {
        let mut owner = Owner::new(seed);
        let mut task = make(&mut owner);
        (task.config.epochs, task.config.rate) = (120, rate);
        let data = [&task.inputs[0], &task.targets[0]];
        let clear = course(&task, ClearAlgebra, data, task.weights[0].clone(), Vec::clone);
        let size = Parameters::new(1).unwrap().condition_bound() * f64::EPSILON;
        let jolted = Jolted { size, rng: Mutex::new(ChaCha20Rng::seed_from_u64(seed)) };
        let predicted = drift(&course(&task, jolted, data, task.weights[0].clone(), Vec::clone), &clear);

        let inputs = owner.encrypt(&task.inputs[0], &task.inputs[1]);
        let targets = owner.encrypt(&task.targets[0], &task.targets[1]);
        let weights: Vec<MoreTensor> =
            task.weights[0].iter().zip(&task.weights[1]).map(|(w, r)| owner.encrypt(w, r)).collect();
        let compaction = Compaction::from_ciphertexts(&inputs).unwrap();
        let full = course(
            &task,
            MoreAlgebra::settling(Compaction::from_ciphertexts(&inputs).unwrap()),
            [&inputs, &targets],
            weights.clone(),
            |x| owner.decrypt(x),
        );
        let compact = course(
            &task,
            MoreAlgebra::default(),
            [&compaction.compact(&inputs), &compaction.compact(&targets)],
            weights.iter().map(|w| compaction.compact(w)).collect(),
            |x| owner.decrypt(&compaction.expand(x)),
        );
        for (form, course) in [("full", full), ("compact", compact)] {
            let drift = drift(&course, &clear);
            for (epoch, (got, predicted)) in drift.iter().zip(&predicted).enumerate() {
                let ratio = got / predicted;
                assert!(
                    (1.0 / FACTOR..FACTOR).contains(&ratio),
                    "{form}, epoch {epoch}: {got:e} where {predicted:e} was predicted"
                );
            }
        }
    }
}
