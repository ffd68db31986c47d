//! Decryptions that others see: the key recovery of Li and Micciancio (2021) works on plain ones, and fails on flooded ones.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use backend_ckks::ring::{Basis, Coefficient, Ntt, Poly, Ring};
use backend_ckks::{Ciphertext, Ckks, CkksDecryptor, Error, Noise, NoiseSimulator, Parameters, Release};
use he_traits::{
    ClientScheme, Complex64, Decryptor, Diagonal, Encryptor, Evaluator, KeyNeeds, Keys, Level, Scheme,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

const DEGREE: usize = 1 << 13;
const DEPTH: usize = 2;

struct Scene {
    params: Parameters,
    keys: Keys<Ckks>,
    decryptor: CkksDecryptor,
    rng: ChaCha20Rng,
}

fn scene(params: Parameters, seed: u64) -> Scene {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut needs = KeyNeeds::default();
    needs.relinearise(Level::new(params.depth() as u32));
    needs.rotate(3, Level::new(params.depth() as u32));
    let keys = Ckks::keygen(&params, &needs, &mut rng).unwrap();
    let decryptor = Ckks::decryptor(&params, &keys.secret).unwrap();
    Scene { params, keys, decryptor, rng }
}

fn values(params: &Parameters) -> Vec<f64> {
    (0..params.slots()).map(|i| (i as f64 * 0.37).sin()).collect()
}

impl Scene {
    fn fresh(&mut self) -> Ciphertext {
        self.fresh_at(DEPTH)
    }

    fn fresh_at(&mut self, level: usize) -> Ciphertext {
        let public = Ckks::public_key(&self.params, &self.keys.secret, &mut self.rng).unwrap().unwrap();
        let encryptor = Ckks::public_encryptor(&self.params, &public).unwrap();
        let values = Diagonal::Real(values(&self.params));
        encryptor.encrypt(&values, Level::new(level as u32), &mut self.rng).unwrap()
    }
}

/// What the server is asked for: the rotated square.
fn program<E: Evaluator>(e: &E, x: &E::Ciphertext) -> E::Ciphertext {
    e.rotate(&e.mul(x, x).unwrap(), 3.into()).unwrap()
}

/// The noise of a fresh ciphertext.
fn fresh_noise(params: &Parameters, level: usize) -> Noise {
    let values = Diagonal::Real(values(params));
    NoiseSimulator::new(params).encrypted_with_public_key(&values, 1.0, level, 1).unwrap()
}

/// What anyone can do who holds a ciphertext and its decryption: `c0 + c1 s` is the plaintext, which the decryption encodes again, so
/// that `s = (plaintext - c0) / c1`. The coefficients of s nearest to zero come back, modulo the first prime.
fn recover(params: &Parameters, x: &Ciphertext, decrypted: &[Complex64]) -> Vec<i64> {
    let ring = params.ring().unwrap();
    let [c0, c1] = x.polynomials();
    let scale = params.scale(c0.basis().chain - 1).unwrap();
    let mut secret = params
        .encoder()
        .encode(ring, "recover", &Diagonal::Complex(decrypted.to_vec()), scale, Basis::chain(1))
        .unwrap();
    ring.sub_assign(&mut secret, &c0.truncated(1));
    ring.mul_assign(&mut secret, &inverse(ring, &c1.truncated(1)));
    centred(ring, &ring.to_coefficients(secret))
}

fn inverse(ring: &Ring, x: &Poly<Ntt>) -> Poly<Ntt> {
    let q = *ring.modulus(x.basis(), 0);
    let mut inverse = x.clone();
    inverse.limb_mut(0).iter_mut().for_each(|word| *word = q.inverse(*word));
    inverse
}

fn centred(ring: &Ring, x: &Poly<Coefficient>) -> Vec<i64> {
    let q = ring.modulus(x.basis(), 0).value();
    x.limb(0).iter().map(|word| if *word > q / 2 { *word as i64 - q as i64 } else { *word as i64 }).collect()
}

fn is_the_secret(scene: &Scene, recovered: &[i64]) -> bool {
    let bytes = Ckks::secret_to_bytes(&scene.params, &scene.keys.secret).unwrap();
    let wanted: Vec<u8> = recovered.iter().map(|value| *value as i8 as u8).collect();
    recovered.iter().all(|value| (-1..=1).contains(value))
        && bytes.windows(wanted.len()).any(|run| run == wanted)
}

/// Share of coefficients in which a guess, cut to the nearest of -1, 0 and 1, is right.
fn agreement(scene: &Scene, recovered: &[i64]) -> f64 {
    let bytes = Ckks::secret_to_bytes(&scene.params, &scene.keys.secret).unwrap();
    let guess: Vec<i8> = recovered.iter().map(|value| (*value).clamp(-1, 1) as i8).collect();
    // Where the coefficients begin: the guess of another place would agree in a third.
    let best = bytes
        .windows(guess.len())
        .map(|run| run.iter().zip(&guess).filter(|(byte, value)| byte.cast_signed() == **value).count());
    best.max().unwrap_or_default() as f64 / guess.len() as f64
}

#[test]
fn plain_decryptions_give_the_key_away() {
    let params = Parameters::secure(DEGREE, DEPTH, 40).unwrap();
    let mut scene = scene(params.clone(), 1);
    let x = scene.fresh();
    let shared = scene.decryptor.decrypt_complex(&x).unwrap();
    assert!(is_the_secret(&scene, &recover(&params, &x, &shared)), "from a fresh ciphertext");

    let keys = std::mem::replace(&mut scene.keys.evaluation, empty(&params));
    let server = Ckks::evaluator(&params, keys).unwrap();
    let y = program(&server, &x);
    let shared = scene.decryptor.decrypt_complex(&y).unwrap();
    assert!(is_the_secret(&scene, &recover(&params, &y, &shared)), "from a computed one");
}

fn empty(params: &Parameters) -> backend_ckks::EvaluationKeys {
    let mut rng = ChaCha20Rng::seed_from_u64(0);
    Ckks::keygen(params, &KeyNeeds::default(), &mut rng).unwrap().evaluation
}

#[test]
fn flooded_decryptions_do_not() {
    const QUERIES: u64 = 64;
    let params = Parameters::secure(DEGREE, DEPTH, 40).unwrap();
    let mut scene = scene(params.clone(), 2);
    let keys = std::mem::replace(&mut scene.keys.evaluation, empty(&params));
    let server = Ckks::evaluator(&params, keys).unwrap();
    let x = scene.fresh();
    let y = program(&server, &x);
    let fresh = fresh_noise(&params, DEPTH);
    let computed = program(&NoiseSimulator::new(&params), &fresh);
    let release = Release { queries: QUERIES, bits: 10 };
    for (x, noise) in [(&x, fresh), (&y, computed)] {
        // All queries on one ciphertext, averaged: what helps an attacker most.
        let mut mean = vec![Complex64::default(); params.slots()];
        for query in 0..QUERIES {
            let released = scene.decryptor.decrypt_for_release(x, &noise, release, &mut scene.rng).unwrap();
            if query == 0 {
                let recovered = recover(&params, x, &released.slots);
                assert!(!is_the_secret(&scene, &recovered));
                assert!(agreement(&scene, &recovered) < 0.5, "{}", agreement(&scene, &recovered));
            }
            mean.iter_mut().zip(&released.slots).for_each(|(mean, slot)| *mean += slot / QUERIES as f64);
        }
        let recovered = recover(&params, x, &mean);
        assert!(!is_the_secret(&scene, &recovered) && agreement(&scene, &recovered) < 0.5);
    }
}

#[test]
fn what_is_released_is_as_precise_as_it_says() {
    let params = Parameters::secure(DEGREE, DEPTH, 45).unwrap();
    let mut scene = scene(params.clone(), 3);
    let x = scene.fresh();
    let noise = fresh_noise(&params, DEPTH);
    for bits in [0, 4, 12] {
        let release = Release { queries: 2, bits };
        let released = scene.decryptor.decrypt_for_release(&x, &noise, release, &mut scene.rng).unwrap();
        let errors: Vec<f64> =
            released.slots.iter().zip(values(&params)).map(|(slot, value)| (slot - value).norm()).collect();
        let square = errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64;
        let worst = errors.iter().copied().fold(0.0, f64::max);
        println!("{bits} bits: {:.2} stated, worst {:.2}", released.precision_bits, -worst.log2());
        assert!(
            (square.sqrt() / released.deviation - 1.0).abs() < 0.05,
            "{} of {}",
            square.sqrt(),
            released.deviation
        );
        assert!((-released.precision_bits).exp2() > worst && worst > 0.4 * (-released.precision_bits).exp2());
    }
}

#[test]
fn two_releases_differ_and_more_queries_take_more_noise() {
    let params = Parameters::secure(DEGREE, DEPTH, 45).unwrap();
    let mut scene = scene(params.clone(), 4);
    let x = scene.fresh();
    let noise = fresh_noise(&params, DEPTH);
    let mut of = |queries, bits| {
        scene.decryptor.decrypt_for_release(&x, &noise, Release { queries, bits }, &mut scene.rng).unwrap()
    };
    let (once, again) = (of(1, 8), of(1, 8));
    assert_ne!(once.slots, again.slots);
    assert!((noise.clone().with_heuristic_bound(3.0).bound() / noise.variance().sqrt() - 8.0).abs() < 1e-9);
    assert!((of(16, 8).deviation / once.deviation - 4.0).abs() < 0.01);
    assert!((of(1, 12).deviation / once.deviation - 4.0).abs() < 0.01);
}

#[test]
fn a_release_without_precision_or_sense_is_refused() {
    let params = Parameters::secure(DEGREE, DEPTH, 40).unwrap();
    let mut scene = scene(params.clone(), 5);
    let x = scene.fresh();
    let noise = fresh_noise(&params, DEPTH);
    let mut refused = |noise: &Noise, queries, bits| {
        scene.decryptor.decrypt_for_release(&x, noise, Release { queries, bits }, &mut scene.rng).unwrap_err()
    };
    let he_traits::Error::Backend { source, .. } = refused(&noise, 1 << 20, 60) else {
        panic!("another error")
    };
    match source.downcast_ref::<Error>() {
        Some(Error::NoPrecision { queries: 1_048_576, bits: 60, missing, .. }) => assert!(*missing > 10.0),
        other => panic!("{other:?}"),
    }
    assert!(matches!(refused(&noise, 0, 10), he_traits::Error::Parameters { .. }));
    assert!(matches!(refused(&fresh_noise(&params, 1), 1, 10), he_traits::Error::Parameters { .. }));
    let y = scene.fresh_at(1);
    let simulator = NoiseSimulator::new(&params);
    let unbounded = simulator
        .encrypted(&Diagonal::Constant(1.0), f64::INFINITY, DEPTH, 1)
        .and_then(|x| simulator.mul(&x, &x))
        .unwrap();
    let release = Release { queries: 1, bits: 0 };
    let endless = scene.decryptor.decrypt_for_release(&y, &unbounded, release, &mut scene.rng);
    assert!(matches!(endless, Err(he_traits::Error::Parameters { .. })));

    let other = self::scene(Parameters::secure(DEGREE, 1, 40).unwrap(), 6);
    let foreign = other.decryptor.decrypt_for_release(&x, &noise, release, &mut scene.rng);
    assert!(matches!(foreign, Err(he_traits::Error::Parameters { .. })));
}
