//! A row of a sparse matrix whose entries are 2 x 2 matrices too, times eight ciphertexts at once.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernels: the shapes are stated at every function and hold by construction"
)]

use he_traits::PatternEntry;

use super::eight::Slot;
use super::{Line, mul_add, multiversioned};

/// `sum += weight times slot`, as matrices.
#[inline(always)]
fn add_product<const FMA: bool>([a, b, c, d]: [f64; 4], [p, q, r, s]: &Slot, sum: &mut Slot) {
    for lane in 0..8 {
        let (p, q, r, s) = (p.0[lane], q.0[lane], r.0[lane], s.0[lane]);
        sum[0].0[lane] = mul_add::<FMA>(a, p, mul_add::<FMA>(b, r, sum[0].0[lane]));
        sum[1].0[lane] = mul_add::<FMA>(a, q, mul_add::<FMA>(b, s, sum[1].0[lane]));
        sum[2].0[lane] = mul_add::<FMA>(c, p, mul_add::<FMA>(d, r, sum[2].0[lane]));
        sum[3].0[lane] = mul_add::<FMA>(c, q, mul_add::<FMA>(d, s, sum[3].0[lane]));
    }
}

#[inline(always)]
fn row_body<const FMA: bool>(
    entries: &[PatternEntry],
    weights: &[[&[f64]; 4]],
    input: &[Slot],
    output: &mut Slot,
) {
    let mut sum = [Line::ZERO; 4];
    for entry in entries {
        let slot = entry.slot as usize;
        let weight = weights[entry.vector as usize].map(|plane| plane[slot]);
        add_product::<FMA>(weight, &input[entry.column as usize], &mut sum);
    }
    *output = sum;
}

multiversioned! {
    /// `output = sum of weight times input[column]` over the entries of a row. Every entry's vector and slot are there in `weights` (planes
    /// by vector), and its column in `input`.
    pub(crate) fn row(entries: &[PatternEntry], weights: &[[&[f64]; 4]], input: &[Slot], output: &mut Slot) = row_body
}
