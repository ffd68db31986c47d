//! The ring against schoolbook and big-integer arithmetic, on every kernel path of the machine.

use num_bigint::BigInt;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::kernel::Path;

const DEGREE: usize = 64;

fn primes(degree: usize, bits: u32, count: usize, exclude: &[u64]) -> Vec<u64> {
    // The largest below the power of two.
    let nearest = ntt_primes(degree, f64::from(bits).exp2(), 1 << (bits - 1), 1 << bits);
    nearest.filter(|p| !exclude.contains(p)).take(count).collect()
}

fn rings(degree: usize) -> Vec<Ring> {
    let chain: Vec<u64> =
        [primes(degree, 50, 1, &[]), primes(degree, 40, 5, &[]), primes(degree, 46, 1, &[])].concat();
    let special = primes(degree, 50, 3, &chain);
    Path::available()
        .into_iter()
        .map(|path| Ring::with_path(degree, &chain, &special, path).unwrap())
        .collect()
}

fn random<F: Form>(ring: &Ring, basis: Basis, rng: &mut ChaCha20Rng) -> Poly<F> {
    let mut x = ring.zero(basis);
    for (limb, p) in x.limbs_mut().zip(ring.moduli_of(basis)) {
        for word in limb {
            // Edge values often.
            *word = match rng.random_range(0..8) {
                0 => 0,
                1 => p.value() - 1,
                _ => rng.random_range(0..p.value()),
            };
        }
    }
    x
}

fn product(ring: &Ring, basis: Basis) -> BigInt {
    ring.moduli_of(basis).map(|p| BigInt::from(p.value())).product()
}

/// Coefficients in [0, Q).
fn integers(ring: &Ring, x: &Poly<Coefficient>, limbs: std::ops::Range<usize>) -> Vec<BigInt> {
    let moduli: Vec<_> = ring.moduli_of(x.basis()).collect();
    let modulus: BigInt = moduli[limbs.clone()].iter().map(|p| BigInt::from(p.value())).product();
    let mut out = vec![BigInt::from(0); ring.degree()];
    for index in limbs {
        let p = moduli[index];
        let hat = &modulus / p.value();
        let inverse = p.inverse(u64::try_from(&hat % p.value()).unwrap());
        let basis_element = hat * inverse;
        for (out, &word) in out.iter_mut().zip(x.limb(index)) {
            *out += &basis_element * word;
        }
    }
    out.into_iter().map(|value| value % &modulus).collect()
}

fn centred(value: &BigInt, modulus: &BigInt) -> BigInt {
    let value = ((value % modulus) + modulus) % modulus;
    if &value * 2 > *modulus { value - modulus } else { value }
}

/// floor(a / b + 1/2).
fn divide_round(a: &BigInt, b: &BigInt) -> BigInt {
    let numerator: BigInt = a * 2 + b;
    let denominator: BigInt = b * 2;
    let floor = &numerator / &denominator;
    if &floor * &denominator > numerator { floor - 1 } else { floor }
}

fn assert_residues(ring: &Ring, x: &Poly<Coefficient>, expected: &[BigInt]) {
    for (limb, p) in x.limbs().zip(ring.moduli_of(x.basis())) {
        let p = BigInt::from(p.value());
        for (&word, value) in limb.iter().zip(expected) {
            assert_eq!(BigInt::from(word), ((value % &p) + &p) % &p);
        }
    }
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

#[test]
fn transforms_round_trip() {
    for degree in (4..=14).map(|bits| 1 << bits) {
        for ring in rings(degree) {
            let x: Poly<Coefficient> = random(&ring, ring.extended(7), &mut rng(1));
            assert_eq!(ring.to_coefficients(ring.to_ntt(x.clone())), x);
        }
    }
}

#[test]
fn products_are_negacyclic() {
    for ring in rings(DEGREE) {
        let basis = ring.extended(4);
        let mut rng = rng(2);
        let (x, y): (Poly<Coefficient>, Poly<Coefficient>) =
            (random(&ring, basis, &mut rng), random(&ring, basis, &mut rng));
        let mut expected = ring.zero::<Coefficient>(basis);
        for (index, p) in ring.moduli_of(basis).enumerate() {
            for (i, &a) in x.limb(index).iter().enumerate() {
                for (j, &b) in y.limb(index).iter().enumerate() {
                    let slot = &mut expected.limb_mut(index)[(i + j) % DEGREE];
                    let term = p.mul(a, b);
                    *slot = if i + j < DEGREE { p.add(*slot, term) } else { p.sub(*slot, term) };
                }
            }
        }
        let mut z = ring.to_ntt(x);
        let y = ring.to_ntt(y);
        assert_eq!(ring.to_coefficients(ring.mul(&z, &y)), expected);
        ring.mul_assign(&mut z, &y);
        assert_eq!(ring.to_coefficients(z), expected);
    }
}

#[test]
fn sums_scalars_and_inner_products() {
    for ring in rings(DEGREE) {
        let basis = Basis::chain(5);
        let mut rng = rng(3);
        let mut next = || random::<Ntt>(&ring, basis, &mut rng);
        let (x, y) = (next(), next());
        let sum = ring.add(&x, &y);
        let mut back = sum.clone();
        ring.sub_assign(&mut back, &y);
        assert_eq!(back, x);
        assert_eq!(ring.sub(&sum, &x), y);
        ring.neg_assign(&mut back);
        ring.add_assign(&mut back, &x);
        assert_eq!(back, ring.zero(basis));
        let scalars: Vec<u64> = ring.moduli_of(basis).map(|p| p.value() - 3).collect();
        let mut tripled = x.clone();
        ring.mul_scalar_assign(&mut tripled, &scalars);
        for _ in 0..3 {
            ring.add_assign(&mut tripled, &x);
        }
        assert_eq!(tripled, ring.zero(basis));
        ring.add_scalar_assign(&mut tripled, &scalars);
        let ones = vec![1; basis.limbs()];
        let combined = ring.linear_combination_pair(basis, &[(scalars, [&y, &x]), (ones, [&x, &y])]);
        let mut expected = [ring.mul(&tripled, &y), ring.mul(&tripled, &x)];
        ring.add_assign(&mut expected[0], &x);
        ring.add_assign(&mut expected[1], &y);
        assert!(combined == expected);
        // More terms than one group, and more than one fold.
        for terms in [1, 3, 8, 9, 2100] {
            let pool: Vec<_> = (0..terms.min(10)).map(|_| (next(), next(), next())).collect();
            let list: Vec<_> = pool.iter().cycle().take(terms).collect();
            let pairs: Vec<_> = list.iter().map(|(a, b, c)| (a, [b, c])).collect();
            let [first, second] = ring.inner_product_pair(&pairs).unwrap();
            let (mut b_sum, mut c_sum) = (ring.zero(basis), ring.zero(basis));
            for (a, b, c) in &list {
                ring.add_assign(&mut b_sum, &ring.mul(a, b));
                ring.add_assign(&mut c_sum, &ring.mul(a, c));
            }
            assert!(first == b_sum && second == c_sum, "{terms} terms");
            let single: Vec<_> = list.iter().map(|(a, b, _)| (a, b)).collect();
            assert_eq!(ring.inner_product(&single).unwrap(), b_sum);
        }
    }
    assert!(rings(DEGREE)[0].inner_product(&[]).is_none());
}

#[test]
fn automorphisms_agree_in_both_forms() {
    for degree in [DEGREE, 1 << 12] {
        for ring in rings(degree) {
            let x: Poly<Coefficient> = random(&ring, ring.extended(2), &mut rng(4));
            for step in [0, 1, 5, 17, 31] {
                let rotation = GaloisElement::rotation(step, degree);
                for g in [rotation, rotation.then(GaloisElement::conjugation(degree), degree)] {
                    let expected = ring.to_ntt(ring.automorphism_of_coefficients(&x, g));
                    let permuted = ring.automorphism(&ring.to_ntt(x.clone()), &Automorphism::new(g, degree));
                    assert_eq!(permuted, expected);
                    assert_eq!(
                        ring.automorphism(&permuted, &Automorphism::new(g.inverse(degree), degree)),
                        ring.to_ntt(x.clone())
                    );
                }
            }
        }
    }
}

#[test]
fn integers_of_both_widths() {
    for ring in rings(DEGREE) {
        let basis = Basis::chain(3);
        let narrow: Vec<i64> = (0..40).map(|i| (i - 20) * 0x1234_5678_9abc).collect();
        let wide: Vec<i128> = narrow.iter().map(|&value| value.into()).collect();
        let x = ring.from_signed(basis, &narrow);
        assert_eq!(x, ring.from_signed(basis, &wide));
        let mut expected: Vec<BigInt> = narrow.iter().map(|&value| value.into()).collect();
        expected.resize(DEGREE, 0.into());
        assert_residues(&ring, &x, &expected);
    }
}

#[test]
fn floats_are_reduced_as_the_integers_they_are() {
    let ring = &rings(DEGREE)[0];
    let mut rng = rng(3);
    let largest = (1_i64 << 52) - 1;
    for modulus in ring.moduli() {
        let p = modulus.value() as i64;
        let edges = [0, 1, p / 2, p / 2 + 1, p - 1, p, p + 1, largest / p * p, largest - 1, largest];
        let drawn = (0..1000).map(|_| rng.random_range(-largest..=largest));
        for value in edges.iter().flat_map(|&x| [x, -x]).chain(drawn) {
            let expected = value.rem_euclid(p) as u64;
            assert_eq!(modulus.reduce_integer(value as f64), expected, "{value} modulo {p}");
            assert_eq!(
                modulus.reduce_small_integer(value as f64, 1.0 / p as f64),
                expected,
                "{value} modulo {p}"
            );
        }
        for value in [1_i128 << 60, -(1_i128 << 99), (1_i128 << 90) + (1 << 70)] {
            assert_eq!(modulus.reduce_integer(value as f64), value.rem_euclid(p.into()) as u64);
        }
    }
}

#[test]
fn digits_are_small_and_congruent() {
    for ring in rings(DEGREE) {
        // One, exactly two and two and a bit digits of three limbs.
        for chain in [1, 2, 3, 6, 7] {
            let x: Poly<Coefficient> = random(&ring, Basis::chain(chain), &mut rng(chain as u64));
            let digits = ring.decompose(&ring.to_ntt(x.clone()));
            assert_eq!(digits.count(), chain.div_ceil(3));
            let basis = ring.extended(chain);
            assert_eq!(digits.basis(), basis);
            // A key whose digit j is one picks digit j.
            for digit in 0..digits.count() {
                let (mut one, zero) = (ring.zero(basis), ring.zero(basis));
                ring.add_scalar_assign(&mut one, &vec![1; basis.limbs()]);
                let key: Vec<KeyHalves<'_>> = (0..digits.count())
                    .map(|j| if j == digit { [&one, &zero] } else { [&zero, &zero] })
                    .collect();
                let [picked, nothing] = ring.key_product(&digits, &key);
                assert_eq!(nothing, zero);
                let range = 3 * digit..(3 * digit + 3).min(chain);
                let modulus: BigInt = ring
                    .moduli_of(basis)
                    .take(range.end)
                    .skip(range.start)
                    .map(|p| BigInt::from(p.value()))
                    .product();
                let expected: Vec<_> =
                    integers(&ring, &x, range).iter().map(|value| centred(value, &modulus)).collect();
                assert_residues(&ring, &ring.to_coefficients(picked), &expected);
            }
        }
    }
}

#[test]
fn key_products_take_longer_keys() {
    for ring in rings(DEGREE) {
        let mut rng = rng(9);
        let x: Poly<Ntt> = random(&ring, Basis::chain(4), &mut rng);
        let digits = ring.decompose(&x);
        let full: Vec<[Poly<Ntt>; 2]> =
            (0..3).map(|_| [(); 2].map(|()| random(&ring, ring.extended(7), &mut rng))).collect();
        let cut: Vec<[Poly<Ntt>; 2]> = full
            .iter()
            .take(2)
            .map(|halves| halves.each_ref().map(|half| ring.restrict(half, digits.basis())))
            .collect();
        let product = |key: &[[Poly<Ntt>; 2]]| {
            ring.key_product(&digits, &key.iter().map(|k| k.each_ref()).collect::<Vec<_>>())
        };
        assert_eq!(product(&full), product(&cut));
        let key: Vec<KeyHalves<'_>> = full.iter().map(|halves| halves.each_ref()).collect();
        assert_eq!(ring.switch_key(&x, &key), product(&full));
    }
}

#[test]
fn whole_switches_are_their_steps() {
    for ring in rings(DEGREE) {
        for chain in [2, 4, 7] {
            let mut rng = rng(10 + chain as u64);
            let basis = Basis::chain(chain);
            let [x, c0, c1]: [Poly<Ntt>; 3] = [(); 3].map(|()| random(&ring, basis, &mut rng));
            let keys: Vec<[Poly<Ntt>; 2]> = (0..ring.digits(7))
                .map(|_| [(); 2].map(|()| random(&ring, ring.extended(7), &mut rng)))
                .collect();
            let key: Vec<KeyHalves<'_>> = keys.iter().map(|halves| halves.each_ref()).collect();
            let digits = ring.decompose(&x);
            let turn = Automorphism::new(GaloisElement::rotation(5, DEGREE), DEGREE);
            let [mut k0, mut k1] = ring.key_product(&digits, &key);
            ring.add_lifted_assign(&mut k0, &c0);
            let rotated = ring.mod_down([&k0, &k1]).map(|half| ring.automorphism(&half, &turn));
            ring.add_lifted_assign(&mut k1, &c1);
            let rescaled = ring.mod_down_and_rescale([&k0, &k1]);
            for source in [Switched::Alone(&x), Switched::Hoisted(&digits)] {
                let rotation = Finish { add: [Some(&c0), None], rescale: false, turn: Some(&turn) };
                assert!(ring.switch(source, &key, rotation) == rotated, "rotation, {chain} limbs");
                let product = Finish { add: [Some(&c0), Some(&c1)], rescale: true, turn: None };
                assert!(ring.switch(source, &key, product) == rescaled, "product, {chain} limbs");
            }
        }
    }
}

#[test]
fn divisions_round_to_nearest() {
    for ring in rings(DEGREE) {
        for chain in [2, 3, 7] {
            let mut rng = rng(chain as u64);
            let check = |basis: Basis,
                         divisor: BigInt,
                         divide: &dyn Fn(&Poly<Ntt>) -> Poly<Ntt>,
                         rng: &mut ChaCha20Rng| {
                let x: Poly<Coefficient> = random(&ring, basis, rng);
                let result = divide(&ring.to_ntt(x.clone()));
                let expected: Vec<_> = integers(&ring, &x, 0..basis.limbs())
                    .iter()
                    .map(|value| divide_round(value, &divisor))
                    .collect();
                assert_residues(&ring, &ring.to_coefficients(result), &expected);
            };
            let (plain, extended) = (Basis::chain(chain), ring.extended(chain));
            let special = product(&ring, extended) / product(&ring, plain);
            let last = product(&ring, plain) / product(&ring, Basis::chain(chain - 1));
            let first = |[x, _]: [Poly<Ntt>; 2]| x;
            check(extended, special.clone(), &|x| first(ring.mod_down([x, x])), &mut rng);
            check(plain, last.clone(), &|x| first(ring.rescale([x, x])), &mut rng);
            check(extended, special * last, &|x| first(ring.mod_down_and_rescale([x, x])), &mut rng);
            // Division undoes lifting.
            let y: Poly<Ntt> = random(&ring, plain, &mut rng);
            let mut lifted = ring.zero(extended);
            ring.add_lifted_assign(&mut lifted, &y);
            assert_eq!(ring.mod_down([&lifted]), [y]);
        }
    }
}

#[test]
fn unusable_rings_are_refused() {
    let good = primes(DEGREE, 40, 2, &[]);
    assert!(matches!(Ring::new(100, &good, &[]), Err(Error::Degree { degree: 100, .. })));
    assert!(matches!(Ring::new(DEGREE, &[good[0], good[0]], &[]), Err(Error::RepeatedPrime { .. })));
    assert!(matches!(Ring::new(DEGREE, &good, &[good[1]]), Err(Error::RepeatedPrime { .. })));
    assert!(matches!(Ring::new(DEGREE, &[good[0] + 2], &[]), Err(Error::Prime { .. })));
    assert!(matches!(Ring::new(DEGREE, &[(1 << 61) - 1], &[]), Err(Error::Prime { .. })));
    assert!(matches!(Ring::new(DEGREE, &[7], &[]), Err(Error::Prime { value: 7, .. })));
    assert!(matches!(
        Ring::new(DEGREE, &good, &primes(DEGREE, 45, 12, &[])),
        Err(Error::Special { count: 12, .. })
    ));
}

#[test]
fn reductions_hold_at_the_edges() {
    for value in [3, 5, 12289, (1 << 46) - 21, (1 << 50) - 27] {
        let Ok(p) = Modulus::new(value) else { panic!("{value} is prime") };
        let wide = |x: u128| (x % u128::from(value)) as u64;
        for x in [0, 1, value - 1, value, (1 << 52) - 1] {
            assert_eq!(p.reduce_word(x), x % value);
            for f in [0, 1, value / 2, value - 1] {
                assert_eq!(p.mul_factor(x, p.factor(f)), wide(u128::from(x) * u128::from(f)));
            }
        }
        let top = (1 << 52) - 1u128;
        for x in [0, u128::from(value), top * top, (top * top) << 10, u128::MAX >> 13] {
            assert_eq!(p.reduce_wide(x), wide(x));
        }
        assert_eq!(p.mul(p.inverse(2), 2), 1);
        assert_eq!(p.reduce_signed(-1), value - 1);
    }
}
