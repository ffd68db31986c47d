//! Whether the random numbers that ciphertexts carry beside their values leave anything of a network's outputs.
//!
//! Under MORE (Vizitiu et al. 2020, section 2.2) a value is one eigenvalue of its ciphertext, and the others are random. Whatever is computed acts on
//! all of them, and rounding errors go with the largest. A network that was trained on images may make of noise what is larger than its outputs by more
//! than all digits of a double.

use he_traits::Profile;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::error::{Error, Result};
use crate::program::Program;
use crate::tensor::Tensor;

/// Inputs that are looked at.
const INPUTS: usize = 4;

/// Largest error, relative to the root mean square of the outputs, of which a result is worth having.
const LARGEST_ERROR: f64 = 1e-3;

/// Runs the network on random numbers from the range of each of some calibration inputs, as they lie beside its values.
///
/// # Errors
/// [`Error::Drowned`] where rounding errors of what comes out are larger than a result bears.
pub(super) fn check(program: &Program, inputs: &Tensor, profile: &Profile) -> Result<()> {
    if !profile.companions {
        return Ok(());
    }
    let inputs = inputs.rows(0, INPUTS.min(inputs.batch()));
    let mut rng = ChaCha20Rng::seed_from_u64(0);
    let numbers = inputs.data().len() / inputs.batch().max(1);
    let mut beside = Vec::with_capacity(inputs.data().len());
    for input in inputs.data().chunks(numbers.max(1)) {
        let (low, high) =
            input.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
        beside.extend(input.iter().map(|_| low + (high - low) * rng.random::<f64>()));
    }
    let beside = program.clear(&Tensor::new(inputs.shape(), beside)?)?;
    let largest = beside
        .data()
        .iter()
        .fold(0.0_f64, |most, x| if x.is_nan() { f64::INFINITY } else { most.max(x.abs()) });
    let outputs = program.clear(&inputs)?;
    let squares: f64 = outputs.data().iter().map(|x| x * x).sum();
    let typical = (squares / outputs.data().len().max(1) as f64).sqrt();
    let growth = largest / typical.max(f64::MIN_POSITIVE);
    if growth * f64::EPSILON <= LARGEST_ERROR {
        return Ok(());
    }
    Err(Error::Drowned {
        network: program.network().name().to_owned(),
        backend: profile.backend.clone(),
        growth,
    })
}
