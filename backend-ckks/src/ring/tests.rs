use num_bigint::{BigInt, BigUint};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;

const DEGREE: usize = 64;

fn ring() -> Ring {
    let chain: Vec<u64> = ntt_primes(DEGREE, 2_f64.powi(45), 1 << 44, 1 << 46).take(5).collect();
    let special: Vec<u64> = ntt_primes(DEGREE, 2_f64.powf(49.9), 1 << 49, 1 << 50).take(2).collect();
    Ring::new(DEGREE, &chain, &special).unwrap()
}

fn random<F: Form>(ring: &Ring, basis: Basis, seed: u64) -> Poly<F> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut a = ring.zero::<F>(basis);
    let moduli: Vec<u64> = ring.moduli_of(basis).map(Modulus::value).collect();
    for (limb, p) in a.limbs_mut().zip(moduli) {
        limb.iter_mut().for_each(|x| *x = rng.random_range(0..p));
    }
    a
}

/// Coefficient `j` as an integer in [-Q/2, Q/2).
fn integer(ring: &Ring, a: &Poly<Coefficient>, j: usize) -> BigInt {
    let moduli: Vec<u64> = ring.moduli_of(a.basis()).map(Modulus::value).collect();
    let product: BigUint = moduli.iter().map(|p| BigUint::from(*p)).product();
    let mut sum = BigUint::ZERO;
    for (limb, p) in moduli.iter().enumerate() {
        let others = &product / p;
        let modulus = Modulus::new(*p).unwrap();
        let rest = u64::try_from(&others % p).unwrap();
        sum += others * modulus.mul(a.limb(limb)[j], modulus.inverse(rest));
    }
    sum %= &product;
    let half = &product / 2_u32;
    if sum > half { BigInt::from(sum) - BigInt::from(product) } else { sum.into() }
}

fn product_of(ring: &Ring, positions: impl Iterator<Item = usize>) -> BigInt {
    let moduli: Vec<&Modulus> = ring.moduli().collect();
    positions.map(|i| BigInt::from(moduli[i].value())).product()
}

#[test]
fn transforms_undo_each_other_at_every_size() {
    for bits in 3..=14 {
        let degree = 1 << bits;
        let chain: Vec<u64> = ntt_primes(degree, 2_f64.powi(46), 1 << 40, 1 << 46).take(1).collect();
        let special: Vec<u64> = ntt_primes(degree, 2_f64.powi(50), 1 << 49, 1 << 50).take(1).collect();
        let ring = Ring::new(degree, &chain, &special).unwrap();
        let a = random::<Coefficient>(&ring, ring.extended(1), bits);
        assert_eq!(ring.to_coefficients(ring.to_ntt(a.clone())), a, "degree 2^{bits}");
    }
}

#[test]
fn products_are_negacyclic() {
    let ring = ring();
    let basis = ring.extended(3);
    let (a, b) = (random::<Coefficient>(&ring, basis, 1), random::<Coefficient>(&ring, basis, 2));
    let mut product = ring.to_ntt(a.clone());
    ring.mul_assign(&mut product, &ring.to_ntt(b.clone()));
    let product = ring.to_coefficients(product);
    for limb in 0..basis.limbs() {
        let p = ring.modulus(basis, limb);
        let mut expected = vec![0; DEGREE];
        for (i, x) in a.limb(limb).iter().enumerate() {
            for (j, y) in b.limb(limb).iter().enumerate() {
                let place = (i + j) % DEGREE;
                let term = p.mul(*x, *y);
                expected[place] =
                    if i + j < DEGREE { p.add(expected[place], term) } else { p.sub(expected[place], term) };
            }
        }
        assert_eq!(product.limb(limb), expected);
    }
}

#[test]
fn automorphisms_agree_in_both_forms() {
    let ring = ring();
    let a = random::<Coefficient>(&ring, ring.extended(2), 3);
    for element in [
        GaloisElement::rotation(1, DEGREE),
        GaloisElement::rotation(13, DEGREE),
        GaloisElement::conjugation(DEGREE),
    ] {
        let by = Automorphism::new(element, DEGREE);
        let permuted = ring.automorphism(&ring.to_ntt(a.clone()), &by);
        assert_eq!(ring.to_coefficients(permuted.clone()), ring.automorphism_of_coefficients(&a, element));
        let back = ring.automorphism(&permuted, &Automorphism::new(element.inverse(DEGREE), DEGREE));
        assert_eq!(ring.to_coefficients(back), a);
    }
}

#[test]
fn digits_are_extended_exactly() {
    let ring = ring();
    for chain in 1..=5 {
        let a = random::<Coefficient>(&ring, Basis::chain(chain), chain as u64);
        let values = ring.to_ntt(a.clone());
        for digit in 0..ring.digits(chain) {
            let limbs = ring.digit(digit, chain);
            let up = ring.to_coefficients(ring.mod_up(&values, &a, digit));
            let modulus = product_of(&ring, limbs.clone());
            for j in 0..DEGREE {
                let value = integer(&ring, &up, j);
                assert!(&value * 2 <= modulus && &value * 2 >= -&modulus);
                for limb in limbs.clone() {
                    let p = ring.modulus(Basis::chain(chain), limb).value();
                    let rest = ((&value % p) + p) % p;
                    assert_eq!(rest, BigInt::from(a.limb(limb)[j]));
                }
            }
        }
    }
}

#[test]
fn divisions_round() {
    let ring = ring();
    let specials = ring.chain()..ring.chain() + ring.special();
    for chain in 1..=5 {
        let extended = random::<Ntt>(&ring, ring.extended(chain), 7 + chain as u64);
        let p = product_of(&ring, specials.clone());
        check_division(&ring, &extended, ring.mod_down(extended.clone()), &p);
        let plain = random::<Ntt>(&ring, Basis::chain(chain), 70 + chain as u64);
        if chain > 1 {
            let q = product_of(&ring, chain - 1..chain);
            check_division(&ring, &plain, ring.rescale(plain.clone()), &q);
            check_division(&ring, &extended, ring.mod_down_and_rescale(extended.clone()), &(p * q));
        }
    }
}

fn check_division(ring: &Ring, a: &Poly<Ntt>, divided: Poly<Ntt>, by: &BigInt) {
    let (a, divided) = (ring.to_coefficients(a.clone()), ring.to_coefficients(divided));
    for j in 0..DEGREE {
        // |a / by - result| <= 1/2, and the result's modulus is that of a without `by`, so that no wrap can hide.
        let rest: BigInt = integer(ring, &a, j) - integer(ring, &divided, j) * by;
        assert!(&rest * 2 <= *by && &rest * 2 >= -by, "coefficient {j}: off by {rest} of {by}");
    }
}

#[test]
fn unusable_rings_are_refused() {
    assert!(matches!(Ring::new(48, &[97], &[]), Err(Error::Degree { degree: 48, .. })));
    assert!(matches!(Ring::new(64, &[97], &[]), Err(Error::Prime { value: 97, .. })));
    let prime = ntt_primes(64, 1e12, 1 << 39, 1 << 41).next().unwrap();
    assert!(matches!(Ring::new(64, &[prime, prime], &[]), Err(Error::RepeatedPrime { .. })));
}
