//! The noise estimate against measured noise, operation by operation and for small programs, over many keys.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::sync::Arc;

use backend_ckks::ring::ntt_primes;
use backend_ckks::{Ckks, Literal, NoiseSimulator, Parameters, SecretKind};
use he_traits::{
    ClientScheme, Complex, Complex64, Decryptor, Diagonal, Encryptor, Evaluator, Keep, KeyNeeds, Level,
    LinearMap, Polynomial, Schedule, Scheme, SparseMatrix,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// What runs on ciphertexts and in the simulator alike. Inputs: one encrypted with the public key, values to 1, one with the
/// secret key, values to 2.
#[derive(Clone, Copy, Debug)]
enum Program {
    Encrypt,
    PublicKeyEncrypt,
    Add,
    Mul,
    Square,
    MulPlain,
    Constant,
    Rotate,
    Conjugate,
    Linear,
    ThreeLevels,
    FiveLevels,
    Chebyshev,
}

use Program::*;

const OPERATIONS: [Program; 9] =
    [Encrypt, PublicKeyEncrypt, Add, Mul, Square, MulPlain, Constant, Rotate, Conjugate];
const STEP: usize = 5;
/// Rows and columns of the linear map: 8 baby steps and 4 giant steps.
const PERIOD: usize = 32;

fn uniform(count: usize, largest: f64, rng: &mut ChaCha20Rng) -> Vec<f64> {
    let mut unit = || (rng.next_u64() >> 11) as f64 / 2_f64.powi(53);
    (0..count).map(|_| (2.0 * unit() - 1.0) * largest).collect()
}

impl Program {
    /// By how many bits the estimate may be wrong: values that are far from equally large make single slots count.
    fn tolerance(self) -> f64 {
        match self {
            Linear | ThreeLevels => 0.5,
            FiveLevels | Chebyshev => 1.0,
            _ => 0.25,
        }
    }

    fn levels(self) -> usize {
        match self {
            ThreeLevels => 3,
            FiveLevels | Chebyshev => 5,
            _ => 1,
        }
    }

    fn run<E: Evaluator>(self, e: &E, a: &E::Ciphertext, b: &E::Ciphertext) -> E::Ciphertext {
        let slots = e.profile().slots;
        let mut fixed = ChaCha20Rng::seed_from_u64(77);
        let rotate = |x: &E::Ciphertext| e.rotate(x, STEP.into()).unwrap();
        match self {
            Encrypt => b.clone(),
            PublicKeyEncrypt => a.clone(),
            Add => e.add(a, b).unwrap(),
            Mul => e.mul(a, b).unwrap(),
            Square => e.mul(a, a).unwrap(),
            MulPlain => {
                let factor = Diagonal::Real(uniform(slots, 10.0, &mut fixed));
                e.mul_plain(a, &e.encode_factor(&factor, e.level(a)).unwrap()).unwrap()
            }
            Constant => {
                let factor = e.encode_factor(&Diagonal::Constant(0.3), e.level(b)).unwrap();
                e.mul_plain(b, &factor).unwrap()
            }
            Rotate => rotate(b),
            Conjugate => e.complex().unwrap().conjugate(b).unwrap(),
            Linear => {
                let entries = uniform(PERIOD * PERIOD, 1.0, &mut fixed);
                let map = Arc::new(LinearMap::new(SparseMatrix::from_dense(PERIOD, &entries).unwrap()));
                let schedule = Schedule::diagonals(&map, slots, 8, false).unwrap();
                let prepared = e.prepare(&map, &schedule, e.level(b), Keep::Encoded).unwrap();
                e.linear(&[b], &prepared).unwrap().remove(0)
            }
            ThreeLevels => {
                let product = e.mul(a, b).unwrap();
                let sum = e.add(&product, &rotate(&product)).unwrap();
                let square = e.mul(&sum, &sum).unwrap();
                let weights = Diagonal::Real(uniform(slots, 3.0, &mut fixed));
                rotate(&e.mul_plain(&square, &e.encode_factor(&weights, e.level(&square)).unwrap()).unwrap())
            }
            FiveLevels => {
                // An input comes in late, and the values are far from equally large.
                let early = ThreeLevels.run(e, a, b);
                let late = e.drop_to(a, e.level(&early)).unwrap();
                let product = e.mul(&early, &late).unwrap();
                let square = e.mul(&product, &product).unwrap();
                e.sub(&square, &rotate(&square)).unwrap()
            }
            Chebyshev => {
                // The terms' errors come from one error.
                let coefficients = (0..16).map(|k| (-1_f64).powi(k / 2) / f64::from(k + 1)).collect();
                e.polynomial(a, &Polynomial::new(he_traits::Basis::Chebyshev, coefficients).unwrap()).unwrap()
            }
        }
    }
}

/// The slots' mean square error of each program, under one key and on one draw of inputs: measured, expected, and the bound.
fn measure(params: &Parameters, seed: u64, programs: &[Program]) -> Vec<[f64; 3]> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (slots, depth) = (params.slots(), params.depth());
    let top = Level::new(depth as u32);
    let mut needs = KeyNeeds::default();
    needs.relinearise(top);
    needs.conjugation = Some(top);
    (1..8).chain([8, 16, 24]).for_each(|step| needs.rotate(step, top));
    let keys = Ckks::keygen(params, &needs, &mut rng).unwrap();
    let public = Ckks::public_key(params, &keys.secret, &mut rng).unwrap().unwrap();
    let owner = Ckks::encryptor(params, &keys.secret).unwrap();
    let anyone = Ckks::public_encryptor(params, &public).unwrap();
    let decryptor = Ckks::decryptor(params, &keys.secret).unwrap();
    let server = Ckks::evaluator(params, keys.evaluation).unwrap();
    let simulator = NoiseSimulator::new(params);

    let program = |program: &Program| {
        // A vector that a linear map takes repeats.
        let period = if matches!(program, Linear) { PERIOD } else { slots };
        let mut inputs = || [1.0, 2.0].map(|largest| Diagonal::Real(uniform(period, largest, &mut rng)));
        // The estimate knows other values of the same distribution.
        let ([a, b], [other_a, other_b]) = (inputs(), inputs());
        let ciphertexts =
            [anyone.encrypt(&a, top, &mut rng).unwrap(), owner.encrypt(&b, top, &mut rng).unwrap()];
        let result = program.run(&server, &ciphertexts[0], &ciphertexts[1]);

        let exact = program.run(
            &simulator,
            &simulator.encrypted_with_public_key(&a, 1.0, depth, 1).unwrap(),
            &simulator.encrypted(&b, 2.0, depth, 2).unwrap(),
        );
        let estimate = program.run(
            &simulator,
            &simulator.encrypted_with_public_key(&other_a, 1.0, depth, 1).unwrap(),
            &simulator.encrypted(&other_b, 2.0, depth, 2).unwrap(),
        );
        assert_eq!(simulator.level(&estimate), server.level(&result));
        let decrypted: Vec<Complex64> = decryptor.decrypt_complex(&result).unwrap();
        let errors = decrypted.iter().zip(exact.values()).map(|(slot, value)| (slot - value).norm_sqr());
        [errors.sum::<f64>() / slots as f64, estimate.variance(), estimate.bound().powi(2)]
    };
    programs.iter().map(program).collect()
}

/// Compares what `programs` leave under `seeds` keys.
fn check(params: &Parameters, seeds: u64, programs: &[Program]) {
    let runs: Vec<Vec<[f64; 3]>> = (0..seeds).map(|seed| measure(params, seed, programs)).collect();
    for (i, program) in programs.iter().enumerate() {
        let log2 = |of: usize| {
            let sum: f64 = runs.iter().map(|run| run[i][of]).sum();
            (sum / runs.len() as f64).log2() / 2.0
        };
        let (measured, expected, bound) = (log2(0), log2(1), log2(2));
        println!(
            "N = 2^{}, {} levels, {program:?}: measured 2^{measured:.2}, expected 2^{expected:.2}, bound 2^{bound:.2}",
            params.degree().trailing_zeros(),
            params.depth(),
        );
        let (off, most) = ((measured - expected).abs(), program.tolerance());
        assert!(off < most, "{program:?}: measured 2^{measured:.2}, expected 2^{expected:.2}");
        assert!(runs.iter().all(|run| run[i][0] < run[i][2]), "{program:?}: above the bound 2^{bound:.2}");
    }
}

/// One special prime, and several; scales of several sizes.
fn sets() -> Vec<(Parameters, u64)> {
    vec![
        (Parameters::secure(1 << 12, 1, 30).unwrap(), 12),
        (Parameters::secure(1 << 13, 3, 40).unwrap(), 6),
        (Parameters::secure(1 << 14, 7, 40).unwrap(), 3),
        (Parameters::secure(1 << 14, 5, 45).unwrap(), 3),
    ]
}

/// A set whose special primes are `missing` bits shorter than the chain's, a digit having as many.
fn short_of_special_primes(special: usize, missing: u32, secret: SecretKind) -> Parameters {
    let degree = 1 << 13;
    let primes = |bits: u32| {
        let top = 1_u64 << bits;
        ntt_primes(degree, top as f64, top / 2, top)
    };
    let chain: Vec<u64> = primes(40).take(4).collect();
    let special = primes(40 - missing).filter(|prime| !chain.contains(prime)).take(special).collect();
    Parameters::insecure(Literal { degree, chain, special, scale: 2_f64.powi(40), secret }).unwrap()
}

#[test]
fn each_operation_and_program_leaves_the_noise_expected() {
    let all = OPERATIONS.into_iter().chain([Linear, ThreeLevels, FiveLevels, Chebyshev]);
    for (params, seeds) in sets() {
        let fitting: Vec<Program> =
            all.clone().filter(|program| program.levels() <= params.depth()).collect();
        check(&params, seeds, &fitting);
    }
}

#[test]
fn key_switching_with_little_room_and_sparse_secrets_are_estimated_too() {
    for (special, missing, secret) in
        [(1, 8, SecretKind::Ternary), (2, 5, SecretKind::Ternary), (2, 0, SecretKind::Sparse { weight: 192 })]
    {
        check(&short_of_special_primes(special, missing, secret), 3, &OPERATIONS);
    }
}

#[test]
fn equal_simulations_agree_and_other_inputs_do_not() {
    let simulator = NoiseSimulator::new(&Parameters::secure(1 << 12, 1, 30).unwrap());
    let input = |seed| simulator.encrypted(&Diagonal::Constant(0.5), 1.0, 1, seed).unwrap();
    let square = |seed| simulator.mul(&input(seed), &input(seed)).unwrap().variance();
    assert_eq!(square(1), square(1));
    assert_ne!(square(1), square(2));
    // The error of x + x is twice that of x, of x + y the root of two times; x - x has none.
    let (x, y) = (input(1), input(2));
    let ratio = |sum: he_traits::Result<backend_ckks::Noise>| (sum.unwrap().variance() / x.variance()).sqrt();
    assert!((ratio(simulator.add(&x, &x)) - 2.0).abs() < 1e-9);
    assert!((ratio(simulator.add(&x, &y)) - 2_f64.sqrt()).abs() < 0.05);
    assert!(ratio(simulator.sub(&x, &x)) < 1e-9);
}

#[test]
fn the_simulator_refuses_what_ciphertexts_refuse() {
    let simulator = NoiseSimulator::new(&Parameters::secure(1 << 12, 1, 30).unwrap());
    let input = |level| simulator.encrypted(&Diagonal::Constant(0.5), 1.0, level, 1);
    assert!(matches!(input(2), Err(he_traits::Error::LevelRaise { .. })));
    let (low, high) = (input(0).unwrap(), input(1).unwrap());
    assert!(matches!(simulator.mul(&low, &low), Err(he_traits::Error::LevelExhausted { .. })));
    assert!(matches!(simulator.add(&low, &high), Err(he_traits::Error::LevelMismatch { .. })));
    let beyond = simulator.encrypted(&Diagonal::Constant(1.5), 1.0, 1, 1);
    assert!(matches!(beyond, Err(he_traits::Error::Value { .. })));
    let odd = simulator.encrypted(&Diagonal::Real(vec![0.0; 3]), 1.0, 1, 1);
    assert!(matches!(odd, Err(he_traits::Error::Shape { .. })));
}
