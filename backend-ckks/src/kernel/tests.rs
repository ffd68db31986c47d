//! Every path against the portable one: the same words from the same words.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::ring::{GaloisElement, WORD_MASK, ntt_primes};

/// Primes of many lengths, those just below 2^46, 2^47 and 2^50 among them.
fn moduli(degree: usize) -> Vec<Modulus> {
    let lengths = [30, 36, 40, 45, 46, 47, 48, 49, 50];
    let largest = lengths.map(|bits: u32| {
        ntt_primes(degree, f64::from(bits).exp2(), 1 << (bits - 1), 1 << bits).take(2).collect::<Vec<_>>()
    });
    largest.concat().into_iter().map(|p| Modulus::new(p).unwrap()).collect()
}

fn limbs(degree: usize) -> Vec<(Limb, Vec<Limb>)> {
    let others: Vec<Path> = Path::available().into_iter().filter(|&path| path != Path::Portable).collect();
    let limb = |p: Modulus, path| Limb::new(p, degree, path).unwrap();
    let pair = |p| (limb(p, Path::Portable), others.iter().map(|&path| limb(p, path)).collect());
    moduli(degree).into_iter().map(pair).collect()
}

/// Words below `bound`: all 0, all at the top, and random with many of both.
fn inputs(len: usize, bound: u64) -> Vec<Vec<u64>> {
    let mut rng = ChaCha20Rng::seed_from_u64(bound);
    let random = (0..len).map(|_| match rng.random_range(0..6) {
        0 => 0,
        1 => bound - 1,
        _ => rng.random_range(0..bound),
    });
    let random = random.collect();
    let mut alternating = vec![0; len];
    alternating.iter_mut().step_by(2).for_each(|word| *word = bound - 1);
    vec![vec![0; len], vec![bound - 1; len], alternating, random]
}

/// What a kernel makes of `x`, in place.
fn applied(x: &[u64], kernel: impl FnOnce(&mut [u64])) -> Vec<u64> {
    let mut x = x.to_vec();
    kernel(&mut x);
    x
}

#[test]
fn transforms_agree() {
    for degree in (4..=17).map(|bits| 1usize << bits) {
        for (portable, others) in limbs(degree) {
            let p = *portable.modulus();
            let scale = portable.inverse_scale(p.value() / 3);
            for x in inputs(degree, p.value()) {
                let (forward, inverse) =
                    (applied(&x, |x| portable.forward(x)), applied(&x, |x| portable.inverse(x, scale)));
                assert_eq!(applied(&forward, |x| portable.inverse(x, portable.inverse_scale(1))), x);
                for other in &others {
                    assert!(applied(&x, |x| other.forward(x)) == forward, "forward, degree {degree}, {p:?}");
                    assert!(
                        applied(&x, |x| other.inverse(x, scale)) == inverse,
                        "inverse, degree {degree}, {p:?}"
                    );
                    let mut lazy = applied(&x, |x| {
                        // Any representative below 4p.
                        x.iter_mut().zip(0u64..).for_each(|(word, i)| *word += (3 - i % 4) * p.value());
                        other.forward_lazy(x);
                    });
                    lazy.iter_mut().for_each(|word| *word = p.reduce_word(*word & WORD_MASK));
                    assert!(lazy == forward, "lazy, degree {degree}, {p:?}");
                }
            }
        }
    }
}

#[test]
fn transforms_in_subrings_are_runs_of_equal_values() {
    let degree = 1 << 11;
    for (portable, others) in limbs(degree) {
        let p = *portable.modulus();
        for small in (0..=11).map(|bits| 1usize << bits) {
            let gap = degree / small;
            for x in inputs(small, p.value()) {
                let mut full = vec![0; degree];
                full.iter_mut().step_by(gap).zip(&x).for_each(|(word, x)| *word = *x);
                let full = applied(&full, |x| portable.forward(x));
                for limb in others.iter().chain([&portable]) {
                    let reduced = applied(&x, |x| limb.forward_subring(x));
                    let runs: Vec<u64> = reduced.iter().flat_map(|&word| vec![word; gap]).collect();
                    assert!(runs == full, "degree {small}, {p:?}");
                    let mut lazy = applied(&x, |x| limb.forward_subring_lazy(x));
                    lazy.iter_mut().for_each(|word| *word = p.reduce_word(*word & WORD_MASK));
                    assert_eq!(lazy, reduced);
                }
            }
        }
    }
}

#[test]
fn short_factors_are_repeated() {
    let degree = 1 << 11;
    for (portable, others) in limbs(degree).into_iter().step_by(5) {
        let p = portable.modulus().value();
        let (words, b) = (&inputs(degree, WORD_MASK + 1)[3], &inputs(degree, p)[3]);
        for limb in others.iter().chain([&portable]) {
            // All lengths in one sum, more of them than one pass takes.
            let short: Vec<&[u64]> = (0..=11).map(|bits| &words[..1 << bits]).collect();
            let mut sum = vec![0; degree];
            limb.inner_products(&mut [&mut sum], short.len(), |i| (short[i], [b]));
            let mut expected = vec![0; degree];
            for a in short {
                let full: Vec<u64> = a.iter().flat_map(|&word| vec![word; degree / a.len()]).collect();
                let product = applied(b, |out| portable.mul(out, &full, b));
                portable.add_assign(&mut expected, &product);
            }
            assert!(sum == expected, "{p}");
        }
    }
}

#[test]
fn pointwise_kernels_agree() {
    let degree = 512;
    for (portable, others) in limbs(degree) {
        let p = portable.modulus().value();
        let factor = portable.modulus().factor(p - 2);
        let (reduced, words) = (inputs(degree, p), inputs(degree, WORD_MASK + 1));
        for other in &others {
            for (x, y) in reduced.iter().flat_map(|x| reduced.iter().map(move |y| (x, y))) {
                let same = |kernel: &dyn Fn(&Limb, &mut [u64])| {
                    assert_eq!(applied(x, |x| kernel(&portable, x)), applied(x, |x| kernel(other, x)), "{p}");
                };
                same(&|limb, x| limb.add_assign(x, y));
                same(&|limb, x| limb.sub_assign(x, y));
                same(&|limb, x| limb.neg_assign(x));
                same(&|limb, x| limb.add_scalar_assign(x, p - 1));
                same(&|limb, x| limb.mul_assign(x, y));
                same(&|limb, out| limb.add(out, x, y));
                same(&|limb, out| limb.sub(out, x, y));
            }
            for (x, y) in words.iter().flat_map(|x| reduced.iter().map(move |y| (x, y))) {
                let same = |from: &[u64], kernel: &dyn Fn(&Limb, &mut [u64])| {
                    assert_eq!(
                        applied(from, |x| kernel(&portable, x)),
                        applied(from, |x| kernel(other, x)),
                        "{p}"
                    );
                };
                same(y, &|limb, out| limb.mul(out, x, y));
                same(x, &|limb, x| limb.mul_factor_assign(x, factor));
                same(y, &|limb, y| limb.add_mul_factor(y, x, factor));
                same(x, &|limb, x| limb.sub_from_mul_factor(x, y, factor));
                let by = Automorphism::new(GaloisElement::rotation(3, degree), degree);
                for addend in [None, Some(&reduced[3][..])] {
                    let steps = applied(x, |rest| {
                        portable.sub_from_mul_factor(rest, y, factor);
                        addend.into_iter().for_each(|addend| portable.add_assign(rest, addend));
                    });
                    let steps = applied(&steps, |out| Path::Portable.permute(out, &steps, &by));
                    for limb in [&portable, other] {
                        let at_once =
                            applied(y, |out| limb.divide_permuted(out, [y, x], factor, addend, &by));
                        assert_eq!(at_once, steps, "{p}");
                    }
                }
                for terms in [1, 8, 9, 2050] {
                    same(y, &|limb, out| limb.inner_products(&mut [out], terms, |_| (x, [y])));
                }
            }
        }
    }
}

#[test]
fn integers_are_reduced_alike() {
    let degree = 512;
    let whole = |bound: f64| (0..degree).map(move |i| ((i * i) as f64 - 1e5) * (bound / 3e5).floor());
    for (portable, others) in limbs(degree) {
        for (bound, factor) in [(1e6, 1.0), (4e15, 1.0), (1e30, 1.0), (1e6, 0.3), (1e3, -7e9)] {
            let values: Vec<f64> = whole(bound).collect();
            let integers: Vec<f64> = values.iter().map(|value| (value * factor).round_ties_even()).collect();
            for limb in others.iter().chain([&portable]) {
                for (residue, integer) in
                    applied(&vec![0; degree], |x| limb.reduce_rounded(x, &values, factor))
                        .into_iter()
                        .zip(&integers)
                {
                    assert_eq!(residue, limb.modulus().reduce_integer(*integer), "{integer}");
                }
                let few = applied(&[0; 5], |x| limb.reduce_rounded(x, &values[..5], factor));
                assert_eq!(
                    few[..],
                    applied(&vec![0; degree], |x| limb.reduce_rounded(x, &values, factor))[..5]
                );
            }
        }
    }
}

#[test]
fn conversions_agree() {
    let degree = 256;
    let sources = moduli(degree);
    for count in [1, 2, 5, 12] {
        // The longest primes, where room is least.
        let sources = &sources[sources.len() - count..];
        for (portable, others) in limbs(degree) {
            let p = portable.modulus().value();
            let scaled = inputs(degree, 1).len();
            for choice in 0..scaled {
                let words: Vec<u64> =
                    sources.iter().flat_map(|q| inputs(degree, q.value())[choice].clone()).collect();
                let shift = sources.iter().map(|q| q.bits()).min().unwrap() - 1;
                let fractions: Vec<u64> = sources
                    .iter()
                    .map(|q| ((1u128 << (52 + shift)) / u128::from(q.value())) as u64)
                    .collect();
                let target = ConversionTarget { hats: vec![p - 1; count], minus_product: p - 1 };
                let mut quotients = vec![0; degree];
                Path::Portable.conversion_quotients(&mut quotients, &words, &fractions, shift);
                let mut expected = vec![0; degree];
                portable.convert(&mut expected, 0, &words, &quotients, &target);
                assert!(expected.iter().all(|&word| word < p));
                for other in &others {
                    let mut same = vec![0; degree];
                    other.path.conversion_quotients(&mut same, &words, &fractions, shift);
                    assert_eq!(same, quotients);
                    let (head, tail) = same.split_at_mut(64);
                    other.convert(head, 0, &words, &quotients[..64], &target);
                    other.convert(tail, 64, &words, &quotients[64..], &target);
                    assert!(same.iter().all(|&word| word < 4 * p));
                    let reduced: Vec<u64> =
                        same.iter().map(|&word| portable.modulus().reduce_word(word)).collect();
                    assert_eq!(reduced, expected);
                    // The transform takes them as they are.
                    other.forward_lazy(&mut same);
                    same.iter_mut()
                        .for_each(|word| *word = portable.modulus().reduce_word(*word & WORD_MASK));
                    assert_eq!(same, applied(&expected, |x| portable.forward(x)));
                }
            }
        }
    }
}

#[test]
fn permutations_agree() {
    for degree in [16, 1 << 12] {
        let x = &inputs(degree, 1 << 50)[3];
        for step in [0, 1, 7] {
            let by = Automorphism::new(GaloisElement::rotation(step, degree), degree);
            let results =
                Path::available().into_iter().map(|path| applied(x, |out| path.permute(out, x, &by)));
            let results: Vec<_> = results.collect();
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
}

#[test]
fn key_streams_agree() {
    let seed = std::array::from_fn(|i| 7 * i as u8 + 1);
    // The last crosses from the lower half of the counter to the upper.
    for (stream, block) in [(0, 0), (1 << 32 | 5, 16), (u64::MAX, 1 << 20), (3, (1 << 32) - 5)] {
        let made = Path::available().into_iter().map(|path| {
            let mut words = [0; KEYSTREAM];
            path.keystream(&mut words, &seed, stream, block);
            words
        });
        let made: Vec<_> = made.collect();
        assert!(made.windows(2).all(|pair| pair[0] == pair[1]), "stream {stream}, block {block}");
    }
}
