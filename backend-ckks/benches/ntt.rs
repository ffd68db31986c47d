//! The ring's kernels and the sequences that schemes build from them, on one thread:
//! `cargo bench -p backend-ckks --bench ntt` (a part of a name after `--` chooses).
//!
//! First the ratios to `tfhe-ntt`, in CPU time and by turns, so that other work on the machine meets both; then, by criterion,
//! `transform` holds both kernel paths against `concrete-ntt` and `tfhe-ntt` (its 50-bit kernel, where the processor has
//! it): one limb, in place, warm in the cache. `limb` times the other kernels on one limb, `switch` whole steps of key
//! switching: for a rotation its inverse transforms, digits, key product and division.

mod clock;
mod rings;

use std::hint::black_box;
use std::time::Duration;

use backend_ckks::kernel::Path;
use backend_ckks::ring::{Automorphism, Basis, GaloisElement, KeyHalves, Ntt, Poly, Ring};
use clock::cpu_seconds;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rings::{primes, random};

fn name(path: Path) -> &'static str {
    if path == Path::Portable { "portable" } else { "ifma" }
}

fn transforms(criterion: &mut Criterion) {
    for bits in [46, 50] {
        for log_degree in 13..=16 {
            let degree = 1 << log_degree;
            let prime = primes(degree, bits, 1, &[]);
            let mut group = criterion.benchmark_group(format!("transform/2^{log_degree}/{bits} bits"));
            group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
            let mut words = Poly::<Ntt>::zero(degree, Basis::chain(1));
            for path in Path::available() {
                let Ok(ring) = Ring::with_path(degree, &prime, &[], path) else { continue };
                words = random::<Ntt>(&ring, Basis::chain(1));
                let x = words.as_mut_slice();
                group.bench_function(BenchmarkId::new("forward", name(path)), |b| {
                    b.iter(|| ring.forward_words(0, x))
                });
                if path != Path::Portable {
                    group.bench_function(BenchmarkId::new("forward, lazy", name(path)), |b| {
                        // Lazy words are no input: the transform gets copies of reduced ones, as after a conversion.
                        let reduced = x.to_vec();
                        b.iter(|| {
                            x.copy_from_slice(&reduced);
                            ring.forward_words_lazy(0, x);
                        });
                        x.copy_from_slice(&reduced);
                    });
                }
                group.bench_function(BenchmarkId::new("inverse", name(path)), |b| {
                    b.iter(|| ring.inverse_words(0, x))
                });
            }
            let words = words.as_mut_slice();
            for &p in &prime {
                if let Some(plan) = concrete_ntt::prime64::Plan::try_new(degree, p) {
                    group.bench_function(BenchmarkId::new("forward", "concrete-ntt"), |b| {
                        b.iter(|| plan.fwd(words))
                    });
                    group.bench_function(BenchmarkId::new("inverse", "concrete-ntt"), |b| {
                        b.iter(|| plan.inv(words))
                    });
                }
                if let Some(plan) = tfhe_ntt::prime64::Plan::try_new(degree, p) {
                    group.bench_function(BenchmarkId::new("forward", "tfhe-ntt"), |b| {
                        b.iter(|| plan.fwd(words))
                    });
                    group.bench_function(BenchmarkId::new("inverse", "tfhe-ntt"), |b| {
                        b.iter(|| plan.inv(words))
                    });
                }
            }
            group.finish();
        }
    }
}

/// Microseconds a call.
fn sample(mut work: impl FnMut()) -> f64 {
    const CALLS: u32 = 32;
    let before = cpu_seconds();
    (0..CALLS).for_each(|_| work());
    (cpu_seconds() - before) / f64::from(CALLS) * 1e6
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How many times faster than `tfhe-ntt` the forward transform is, in rounds of samples.
fn ratios() {
    const ROUNDS: usize = 60;
    println!(
        "forward transform, one thread, medians of {ROUNDS} rounds: microseconds, and times faster than tfhe-ntt 0.7.1"
    );
    println!(
        "| N | bits | tfhe-ntt | native | times | native, lazy output | times |\n|---|---|---|---|---|---|---|"
    );
    for (log_degree, bits) in [(14, 46), (14, 50), (15, 46), (15, 50)] {
        let degree = 1 << log_degree;
        let prime = primes(degree, bits, 1, &[]);
        let plan = prime.first().and_then(|p| tfhe_ntt::prime64::Plan::try_new(degree, *p));
        let (Ok(ring), Some(plan)) = (Ring::new(degree, &prime, &[]), plan) else { continue };
        let mut reduced = random::<Ntt>(&ring, Basis::chain(1));
        let mut lazy = reduced.clone();
        let mut theirs = reduced.clone();
        let mut round = |_| {
            let theirs = sample(|| plan.fwd(theirs.as_mut_slice()));
            let native = sample(|| ring.forward_words(0, reduced.as_mut_slice()));
            // Lazy words are no input: the transform gets copies of reduced ones, as after a conversion.
            let lazily = sample(|| {
                lazy.as_mut_slice().copy_from_slice(reduced.as_slice());
                ring.forward_words_lazy(0, lazy.as_mut_slice());
            });
            [theirs, native, lazily]
        };
        let rounds: Vec<[f64; 3]> = (0..ROUNDS).map(&mut round).collect();
        let time = |of: fn(&[f64; 3]) -> f64| median(rounds.iter().map(of));
        println!(
            "| 2^{log_degree} | {bits} | {:.1} | {:.1} | {:.2} | {:.1} | {:.2} |",
            time(|[theirs, _, _]| *theirs),
            time(|[_, native, _]| *native),
            time(|[theirs, native, _]| theirs / native),
            time(|[_, _, lazy]| *lazy),
            time(|[theirs, _, lazy]| theirs / lazy),
        );
    }
}

fn limbs(criterion: &mut Criterion) {
    let degree = 1 << 14;
    let chain = primes(degree, 45, 1, &[]);
    for path in Path::available() {
        let Ok(ring) = Ring::with_path(degree, &chain, &[], path) else { continue };
        let basis = Basis::chain(1);
        let (mut x, y): (Poly<Ntt>, Poly<Ntt>) = (random(&ring, basis), random(&ring, basis));
        let mut group = criterion.benchmark_group(format!("limb/2^14/{}", name(path)));
        group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
        group.bench_function("add", |b| b.iter(|| ring.add_assign(&mut x, &y)));
        group.bench_function("multiply", |b| b.iter(|| ring.mul_assign(&mut x, &y)));
        let terms = vec![(&y, &y); 8];
        group.bench_function("8 products", |b| b.iter(|| black_box(ring.inner_product(&terms))));
        let by = Automorphism::new(GaloisElement::rotation(3, degree), degree);
        group.bench_function("automorphism", |b| b.iter(|| black_box(ring.automorphism(&y, &by))));
        group.finish();
    }
}

fn switches(criterion: &mut Criterion) {
    for (log_degree, bits, chain_len, special_len) in [(14, 40, 8, 2), (15, 45, 14, 3), (16, 50, 23, 6)] {
        let degree = 1 << log_degree;
        let chain = primes(degree, bits.min(46), chain_len, &[]);
        let special = primes(degree, 50, special_len, &chain);
        for path in Path::available() {
            if path == Path::Portable && log_degree > 14 {
                continue;
            }
            let Ok(ring) = Ring::with_path(degree, &chain, &special, path) else { continue };
            let extended = ring.extended(chain_len);
            let x: Poly<Ntt> = random(&ring, Basis::chain(chain_len));
            let wide: Poly<Ntt> = random(&ring, extended);
            let keys: Vec<[Poly<Ntt>; 2]> =
                (0..ring.digits(chain_len)).map(|_| [wide.clone(), wide.clone()]).collect();
            let key: Vec<KeyHalves<'_>> = keys.iter().map(|halves| halves.each_ref()).collect();
            let digits = ring.decompose(&x);
            let by = Automorphism::new(GaloisElement::rotation(3, degree), degree);
            let mut group = criterion
                .benchmark_group(format!("switch/2^{log_degree} {chain_len}+{special_len}/{}", name(path)));
            group
                .sample_size(20)
                .warm_up_time(Duration::from_millis(300))
                .measurement_time(Duration::from_secs(1));
            group.bench_function("decompose", |b| b.iter(|| black_box(ring.decompose(&x))));
            group.bench_function("key product", |b| b.iter(|| black_box(ring.key_product(&digits, &key))));
            group.bench_function("mod_down of two", |b| b.iter(|| black_box(ring.mod_down([&wide, &wide]))));
            group.bench_function("rescale of two", |b| b.iter(|| black_box(ring.rescale([&x, &x]))));
            group.bench_function("mod_down_and_rescale of two", |b| {
                b.iter(|| black_box(ring.mod_down_and_rescale([&wide, &wide])));
            });
            group.bench_function("rotate", |b| {
                b.iter(|| {
                    let [first, second] = ring.switch_key(&x, &key);
                    let [mut first, second] = ring.mod_down([&first, &second]);
                    ring.add_assign(&mut first, &x);
                    black_box([ring.automorphism(&first, &by), ring.automorphism(&second, &by)])
                });
            });
            group.finish();
        }
    }
}

fn one_thread(criterion: &mut Criterion) {
    if rayon::ThreadPoolBuilder::new().num_threads(1).build_global().is_ok() {
        ratios();
        transforms(criterion);
        limbs(criterion);
        switches(criterion);
    }
}

criterion_group!(benches, one_thread);
criterion_main!(benches);
