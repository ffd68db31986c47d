//! Measures what SEAL's operations cost at each level and fits the constants of the profile (`src/profile.rs`).
//!
//! `cargo run --release -p backend-seal --example costs -- 16384 8` (ring degree, levels). One thread, CPU time, so that other work
//! on the machine disturbs little.

use std::time::Instant;

use anyhow::{Context as _, Result};
use backend_seal::{Ciphertext, Params, Seal};
use he_traits::{
    ClientScheme, Decryptor as _, Diagonal, Encryptor as _, Evaluator as _, KeyNeeds, Level, Scheme, Step,
};

/// Seconds of CPU time that this thread has used; wall time where the system does not say.
fn now(start: Instant) -> f64 {
    // The kernel brings its account up to date when the thread gives way.
    std::thread::yield_now();
    let nanoseconds = std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |n| n * 1e-9)
}

/// Seconds a call: the lower quartile of at least 15 calls, which other work on the machine disturbs least.
fn seconds(start: Instant, mut operation: impl FnMut() -> he_traits::Result<()>) -> Result<f64> {
    operation()?;
    let mut calls: Vec<f64> = Vec::new();
    while calls.len() < 15 || calls.iter().sum::<f64>() < 0.2 {
        let before = now(start);
        operation()?;
        calls.push(now(start) - before);
    }
    calls.sort_by(f64::total_cmp);
    calls.get(calls.len() / 4).copied().context("no calls")
}

/// Least squares of y = a u + b v with weights 1/y (relative errors count).
fn fit(points: &[(f64, f64)], u: impl Fn(f64) -> f64, v: impl Fn(f64) -> f64) -> (f64, f64) {
    let (mut uu, mut uv, mut vv, mut uy, mut vy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for &(x, y) in points {
        let (p, q) = (u(x) / y, v(x) / y);
        uu += p * p;
        uv += p * q;
        vv += q * q;
        uy += p;
        vy += q;
    }
    let determinant = uu * vv - uv * uv;
    ((uy * vv - vy * uv) / determinant, (vy * uu - uy * uv) / determinant)
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<usize>());
    let (ring_degree, depth) = (number(16384)?, number(8)?);
    let params = Params::new(ring_degree, depth, 40)?;
    let top = Level::new(u32::try_from(depth)?);
    let mut needs = KeyNeeds::default();
    needs.relinearise(top);
    needs.rotate(1, top);
    let random = &mut rand::rng();
    let keys = Seal::keygen(&params, &needs, random)?;
    let encryptor = Seal::encryptor(&params, &keys.secret)?;
    let decryptor = Seal::decryptor(&params, &keys.secret)?;
    let server = Seal::evaluator(&params, keys.evaluation)?;
    let values = Diagonal::Real((0..params.slots()).map(|i| (i as f64).sin()).collect());
    println!("{}", server.profile().parameters);
    let start = Instant::now();

    let names =
        ["encode", "encrypt", "decrypt", "add", "mul_plain+rescale", "mul+rescale", "rescale", "rotate"];
    println!("level {}  (milliseconds)", names.map(|name| format!("{name:>18}")).join(""));
    let mut table: Vec<Vec<(f64, f64)>> = vec![Vec::new(); names.len()];
    for level in 1..=top.index() {
        let at = Level::new(u32::try_from(level)?);
        let x: Ciphertext = encryptor.encrypt(&values, at, random)?;
        let y: Ciphertext = encryptor.encrypt(&values, at, random)?;
        let factor = server.encode_factor(&values, at)?;
        let zero = server.encode_factor(&Diagonal::Constant(1.0), at)?;
        let time = |operation: &mut dyn FnMut() -> he_traits::Result<()>| seconds(start, operation);
        let one_product = time(&mut || server.mul_plain(&x, &factor).map(drop))?;
        let nine: Vec<_> = (0..9).map(|_| (&x, &zero)).collect();
        // Nine products, eight sums, one rescale: what a product and a sum cost without the rescale.
        let nine_products = time(&mut || server.mul_plain_sum(&nine).map(drop))?;
        let add = time(&mut || server.add(&x, &x).map(drop))?;
        let product = (nine_products - one_product) / 8.0 - add;
        let measured = [
            time(&mut || server.encode_factor(&values, at).map(drop))?,
            time(&mut || encryptor.encrypt(&values, at, &mut rand::rng()).map(drop))?,
            time(&mut || decryptor.decrypt(&x).map(drop))?,
            add,
            one_product,
            time(&mut || server.mul(&x, &y).map(drop))?,
            one_product - product,
            time(&mut || server.rotate(&x, Step(1)).map(drop))?,
        ];
        println!("{level:>5} {}", measured.map(|t| format!("{:>18.3}", t * 1e3)).join(""));
        for (column, seconds) in table.iter_mut().zip(measured) {
            column.push((level as f64 + 1.0, seconds));
        }
    }
    println!("fits, seconds, x = level + 1:");
    for (name, points) in names.iter().zip(&table) {
        let (base, linear) = fit(points, |_| 1.0, |x| x);
        let (per_limb, squared) = fit(points, |x| x, |x| x * x);
        println!("{name:>18}: {base:.2e} + {linear:.2e} x   or   {per_limb:.2e} x + {squared:.2e} x^2");
    }
    Ok(())
}
