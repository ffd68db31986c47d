//! Independent limbs on all threads of rayon's pool; a plain loop where there is one thread only.

use rayon::prelude::*;

use super::poly::{Form, Poly};

/// `work` on every run of `len` words; the last may be shorter.
pub(crate) fn for_each_chunk(words: &mut [u64], len: usize, work: impl Fn(usize, &mut [u64]) + Send + Sync) {
    if rayon::current_num_threads() == 1 || words.len() <= len {
        words.chunks_mut(len).enumerate().for_each(|(index, chunk)| work(index, chunk));
    } else {
        let chunks = words.par_chunks_mut(len).enumerate().with_max_len(1);
        chunks.for_each(|(index, chunk)| work(index, chunk));
    }
}

/// `work` on every limb of a polynomial.
pub(crate) fn for_each_limb<F: Form>(x: &mut Poly<F>, work: impl Fn(usize, &mut [u64]) + Send + Sync) {
    let degree = x.degree();
    for_each_chunk(x.as_mut_slice(), degree, work);
}

/// `work` on every limb of several polynomials of the same basis, limb by limb.
pub(crate) fn for_each_row<F: Form, const K: usize>(
    polys: &mut [Poly<F>; K],
    work: impl Fn(usize, &mut [&mut [u64]; K]) + Send + Sync,
) {
    for_each_group(polys, 1, || (), |(), first, rows| rows.iter_mut().for_each(|row| work(first, row)));
}

/// As [`for_each_row`], but `group` limbs at a time, of which `work` is told the first; with something that each thread
/// makes once and hands to `work` again and again.
pub(crate) fn for_each_group<F: Form, S, const K: usize>(
    polys: &mut [Poly<F>; K],
    group: usize,
    make: impl Fn() -> S + Send + Sync,
    work: impl Fn(&mut S, usize, &mut [[&mut [u64]; K]]) + Send + Sync,
) {
    let count = polys.first().map_or(0, |poly| poly.basis().limbs());
    let mut limbs = polys.each_mut().map(|poly| poly.limbs_mut());
    let mut rows: Vec<[&mut [u64]; K]> =
        (0..count).map(|_| limbs.each_mut().map(|limb| limb.next().unwrap_or_default())).collect();
    if rayon::current_num_threads() == 1 || count <= group {
        let mut state = make();
        rows.chunks_mut(group).enumerate().for_each(|(index, rows)| work(&mut state, index * group, rows));
    } else {
        let rows = rows.par_chunks_mut(group).enumerate().with_max_len(1);
        rows.for_each_init(make, |state, (index, rows)| work(state, index * group, rows));
    }
}

/// `work` on every item, told which; with something that each thread makes once.
pub(crate) fn for_each_item<T: Send, S>(
    items: &mut [T],
    make: impl Fn() -> S + Send + Sync,
    work: impl Fn(&mut S, usize, &mut T) + Send + Sync,
) {
    if rayon::current_num_threads() == 1 {
        let mut state = make();
        items.iter_mut().enumerate().for_each(|(index, item)| work(&mut state, index, item));
    } else {
        let items = items.par_iter_mut().enumerate().with_max_len(1);
        items.for_each_init(make, |state, (index, item)| work(state, index, item));
    }
}

/// `work` for every item, results in order.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Send + Sync) -> Vec<R> {
    items.par_iter().map(work).collect()
}
