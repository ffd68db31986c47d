//! Where the time of one rotation goes, on one thread: `cargo bench -p backend-ckks --bench rotation`.
//!
//! The transforms, base conversions and bytes of a rotation are counted, each kind is timed by itself (kernels on one limb, warm
//! in the cache; bytes by a copy of the size of a key), and their sum is held against the measured rotation.
#![expect(clippy::expect_used, reason = "a benchmark has nobody to hand an error to")]

mod clock;
mod median;
mod rings;

use std::hint::black_box;

use backend_ckks::ring::{Automorphism, Basis, Finish, GaloisElement, KeyHalves, Ntt, Poly, Ring, Switched};
use median::median_seconds;
use rings::{primes, random};

/// Ring degrees with bits of the chain primes, their number, and the number of special ones.
const SETS: [(usize, u32, usize, usize); 3] =
    [(1 << 14, 45, 7, 2), (1 << 15, 45, 14, 3), (1 << 16, 45, 23, 6)];

/// One kind of work: what, how often, milliseconds each.
type Row = (&'static str, f64, f64);

fn account(ring: &Ring, chain: usize, special: usize) -> (f64, f64, Vec<Row>) {
    let degree = ring.degree();
    let x: Poly<Ntt> = random(ring, Basis::chain(chain));
    let wide: Poly<Ntt> = random(ring, ring.extended(chain));
    let digits = ring.digits(chain);
    let keys: Vec<[Poly<Ntt>; 2]> = (0..digits).map(|_| [wide.clone(), wide.clone()]).collect();
    let key: Vec<KeyHalves<'_>> = keys.iter().map(|halves| halves.each_ref()).collect();
    let by = Automorphism::new(GaloisElement::rotation(3, degree), degree);
    let rotation = median_seconds(3.0, || {
        let finish = Finish { add: [Some(&x), None], rescale: false, turn: Some(&by) };
        black_box(ring.switch(Switched::Alone(&x), &key, finish));
    });
    let more: Vec<Vec<[Poly<Ntt>; 2]>> = (0..8).map(|_| keys.clone()).collect();
    let eight = median_seconds(3.0, || {
        let digits = ring.decompose(&x);
        for keys in &more {
            let key: Vec<KeyHalves<'_>> = keys.iter().map(|halves| halves.each_ref()).collect();
            let finish = Finish { add: [Some(&x), None], rescale: false, turn: Some(&by) };
            black_box(ring.switch(Switched::Hoisted(&digits), &key, finish));
        }
    });

    let mut limb = x.limb(0).to_vec();
    let reduced = limb.clone();
    let forward = median_seconds(0.3, || {
        limb.copy_from_slice(&reduced);
        ring.forward_words_lazy(0, &mut limb);
    });
    limb.copy_from_slice(&reduced);
    let inverse = median_seconds(0.3, || ring.inverse_words(0, &mut limb));
    let sources: Vec<u64> = (chain..chain + special).flat_map(|index| wide.limb(index).to_vec()).collect();
    let quotients = vec![1; degree];
    let conversion = median_seconds(0.3, || ring.convert_special_words(0, &mut limb, &sources, &quotients))
        / special as f64;
    let from: Vec<u64> = vec![1; 2 * digits * wide.basis().limbs() * degree];
    let mut to = vec![0; from.len()];
    let byte = median_seconds(1.0, || to.copy_from_slice(black_box(&from))) / (16 * from.len()) as f64;

    let (chain, special, digits) = (chain as f64, special as f64, digits as f64);
    let limbs = chain + special;
    let lifted = digits * limbs - chain;
    // Source limbs of every conversion: a digit's limbs into all others, the special limbs into the chain, twice.
    let converted = chain * limbs - chain * special.min(chain) + 2.0 * chain * special;
    // The key is read once; so are x and what is added; scaled coefficients are written and read; results are written.
    let words = 2.0 * digits * limbs + 7.0 * chain;
    let bytes = words * degree as f64 * 8.0;
    let rows = vec![
        ("forward transforms", lifted + 2.0 * chain, forward * 1e3),
        ("inverse transforms", chain + 2.0 * special, inverse * 1e3),
        ("limbs converted", converted, conversion * 1e3),
        ("megabytes moved", bytes / 1e6, byte * 1e9),
    ];
    (rotation * 1e3, eight * 1e3, rows)
}

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("the first pool of the process");
    for (degree, bits, chain_len, special_len) in SETS {
        let chain = primes(degree, bits, chain_len, &[]);
        let special = primes(degree, 50, special_len, &chain);
        let ring = Ring::new(degree, &chain, &special).expect("primes of the degree");
        let (rotation, eight, rows) = account(&ring, chain_len, special_len);
        println!("rotation, N = {degree}, {chain_len} + {special_len} primes: {rotation:.2} ms");
        println!("  eight with shared digits: {eight:.2} ms");
        let mut explained = 0.0;
        for (what, count, each) in rows {
            let total = count * each;
            explained += total;
            println!(
                "  {what:<20}{count:>9.0} x {each:>8.4} ms = {total:>7.2} ms  {:>4.0}%",
                100.0 * total / rotation
            );
        }
        println!("  explained{:>48.2} ms  {:>4.0}%", explained, 100.0 * explained / rotation);
    }
}
