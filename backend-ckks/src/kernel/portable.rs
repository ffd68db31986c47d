//! The kernels in plain Rust: the specification of the vectorised ones, and what runs where those cannot.
#![expect(clippy::indexing_slicing, reason = "dense loops over slices whose lengths the callers check")]

use crate::ring::Modulus;
use crate::ring::table::NttTable;

/// `x w - q p` with `q = floor(x w' / 2^52)`: in [0, 2p) for any `x < 2^52`.
#[inline]
fn shoup(x: u64, w: u64, quotient: u64, p: u64) -> u64 {
    let q = ((u128::from(x) * u128::from(quotient)) >> 52) as u64;
    x.wrapping_mul(w).wrapping_sub(q.wrapping_mul(p))
}

#[inline]
fn once(x: u64, p: u64) -> u64 {
    x.min(x.wrapping_sub(p))
}

/// Forward transform, in place: takes residues below p, gives residues below p.
///
/// Butterflies of Harvey (2014, algorithm 2): values stay below 4p between layers.
pub(crate) fn forward(table: &NttTable, a: &mut [u64]) {
    let p = table.modulus.value();
    let (mut half, mut groups) = (table.degree / 2, 1);
    while half > 0 {
        for (group, block) in a.chunks_exact_mut(2 * half).enumerate() {
            let (w, quotient) = (table.roots[groups + group], table.root_quotients[groups + group]);
            let (low, high) = block.split_at_mut(half);
            for (x, y) in low.iter_mut().zip(high) {
                let u = once(*x, 2 * p);
                let v = shoup(*y, w, quotient, p);
                (*x, *y) = (u + v, u + 2 * p - v);
            }
        }
        (half, groups) = (half / 2, 2 * groups);
    }
    a.iter_mut().for_each(|x| *x = once(once(*x, 2 * p), p));
}

/// Inverse transform with 1/N, in place: takes residues below p, gives residues below p.
pub(crate) fn inverse(table: &NttTable, a: &mut [u64]) {
    let p = table.modulus.value();
    let (mut half, mut groups) = (1, table.degree / 2);
    while groups > 0 {
        for (group, block) in a.chunks_exact_mut(2 * half).enumerate() {
            let (w, quotient) =
                (table.inverse_roots[groups + group], table.inverse_root_quotients[groups + group]);
            let (low, high) = block.split_at_mut(half);
            for (x, y) in low.iter_mut().zip(high) {
                let (u, v) = (*x, *y);
                *x = once(u + v, 2 * p);
                *y = shoup(u + 2 * p - v, w, quotient, p);
            }
        }
        (half, groups) = (2 * half, groups / 2);
    }
    let (w, quotient) = (table.inverse_degree, table.inverse_degree_quotient);
    a.iter_mut().for_each(|x| *x = once(shoup(*x, w, quotient, p), p));
}

/// `a = a w`, for a constant `w`.
pub(crate) fn scale(modulus: &Modulus, a: &mut [u64], w: u64) {
    let (p, quotient) = (modulus.value(), modulus.quotient(w));
    a.iter_mut().for_each(|x| *x = once(shoup(*x, w, quotient, p), p));
}

/// `a = a b`.
pub(crate) fn multiply(modulus: &Modulus, a: &mut [u64], b: &[u64]) {
    a.iter_mut().zip(b).for_each(|(x, y)| *x = modulus.mul(*x, *y));
}

/// `a = a + b`.
pub(crate) fn add(modulus: &Modulus, a: &mut [u64], b: &[u64]) {
    a.iter_mut().zip(b).for_each(|(x, y)| *x = modulus.add(*x, *y));
}

/// `a = a - b`.
pub(crate) fn subtract(modulus: &Modulus, a: &mut [u64], b: &[u64]) {
    a.iter_mut().zip(b).for_each(|(x, y)| *x = modulus.sub(*x, *y));
}

/// `u = round(sum_i y_i / b_i)` for each coefficient, of source limbs that lie one after the other in `scaled`.
pub(crate) fn overflow(scaled: &[u64], reciprocals: &[f64], u: &mut [u64]) {
    let degree = u.len();
    for (j, u) in u.iter_mut().enumerate() {
        let sum: f64 = reciprocals.iter().enumerate().map(|(i, r)| scaled[i * degree + j] as f64 * r).sum();
        *u = (sum + 0.5) as u64;
    }
}

/// `out = sum_i y_i weight_i mod t`: one column of a base conversion. The source limbs `y_i < 2^50` lie one after the other in
/// `scaled`; there are at most 60 of them.
pub(crate) fn convert(modulus: &Modulus, scaled: &[u64], weights: &[u64], out: &mut [u64]) {
    let degree = out.len();
    for (j, out) in out.iter_mut().enumerate() {
        let product = |(i, weight): (usize, &u64)| u128::from(scaled[i * degree + j]) * u128::from(*weight);
        *out = modulus.reduce(weights.iter().enumerate().map(product).sum());
    }
}

/// `a = (a - b) w`, for a constant `w`.
pub(crate) fn subtract_and_scale(modulus: &Modulus, a: &mut [u64], b: &[u64], w: u64) {
    let (p, quotient) = (modulus.value(), modulus.quotient(w));
    a.iter_mut().zip(b).for_each(|(x, y)| *x = once(shoup(*x + p - y, w, quotient, p), p));
}

/// `out[i] = a[permutation[i]]`.
pub(crate) fn permute(a: &[u64], permutation: &[u32], out: &mut [u64]) {
    out.iter_mut().zip(permutation).for_each(|(out, from)| *out = a[*from as usize]);
}
