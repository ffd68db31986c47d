//! Moving eight ciphertexts of 2 x 2 matrices at once: a *slot* is four lines, one a plane.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernels: the shapes are stated at every function and hold by construction"
)]

use super::{Line, multiversioned};

/// One slot of eight ciphertexts.
pub(crate) type Slot = [Line; 4];

#[inline(always)]
fn plus(line: Line, constant: f64) -> Line {
    Line(std::array::from_fn(|lane| line.0[lane] + constant))
}

#[inline(always)]
fn sum(a: Line, b: Line) -> Line {
    Line(std::array::from_fn(|lane| a.0[lane] + b.0[lane]))
}

#[inline(always)]
fn bias_of(bias: &[f64], row: u32) -> f64 {
    if bias.is_empty() { 0.0 } else { bias[row as usize] }
}

#[inline(always)]
fn separate_body<const FMA: bool>(
    slots: &[Slot],
    rows: &[u32],
    bias: &[f64],
    p: &mut [Line],
    q: &mut [Line],
    r: &mut [Line],
    s: &mut [Line],
) {
    let length = slots.len();
    let (rows, p, q) = (&rows[..length], &mut p[..length], &mut q[..length]);
    let (r, s) = (&mut r[..length], &mut s[..length]);
    for i in 0..length {
        let [a, b, c, d] = slots[i];
        let bias = bias_of(bias, rows[i]);
        (p[i], q[i], r[i], s[i]) = (plus(a, bias), b, c, plus(d, bias));
    }
}

#[inline(always)]
fn place_body<const FMA: bool>(
    p: &[Line],
    q: &[Line],
    r: &[Line],
    s: &[Line],
    rows: &[u32],
    output: &mut [Slot],
) {
    let length = rows.len();
    let (p, q, r, s) = (&p[..length], &q[..length], &r[..length], &s[..length]);
    for i in 0..length {
        output[rows[i] as usize] = [p[i], q[i], r[i], s[i]];
    }
}

#[inline(always)]
fn place_sums_body<const FMA: bool>(slots: &[Slot], rows: &[u32], bias: &[f64], output: &mut [Slot]) {
    for (row, [a, b, c, d]) in rows.iter().zip(slots) {
        let bias = bias_of(bias, *row);
        output[*row as usize] = [plus(*a, bias), *b, *c, plus(*d, bias)];
    }
}

#[inline(always)]
fn add_up_body<const FMA: bool>(sizes: &[u32], members: &[u32], slots: &[Slot], sums: &mut [Slot]) {
    let mut members = members;
    for (size, target) in sizes.iter().zip(sums) {
        let (own, others) = members.split_at(*size as usize);
        members = others;
        let mut total = [Line::ZERO; 4];
        for column in own {
            let slot = &slots[*column as usize];
            for plane in 0..4 {
                total[plane] = sum(total[plane], slot[plane]);
            }
        }
        *target = total;
    }
}

multiversioned! {
    /// Adds to slot `i` the bias of row `rows[i]` (one number a row, or none for zeros), on the diagonal, and lays the four planes apart.
    pub(crate) fn separate(
        slots: &[Slot], rows: &[u32], bias: &[f64],
        p: &mut [Line], q: &mut [Line], r: &mut [Line], s: &mut [Line],
    ) = separate_body
}

multiversioned! {
    /// Writes slot `i` of four planes to `output[rows[i]]`.
    pub(crate) fn place(
        p: &[Line], q: &[Line], r: &[Line], s: &[Line], rows: &[u32], output: &mut [Slot],
    ) = place_body
}

multiversioned! {
    /// Writes slot `i` plus the bias of row `rows[i]` to `output[rows[i]]`.
    pub(crate) fn place_sums(slots: &[Slot], rows: &[u32], bias: &[f64], output: &mut [Slot]) = place_sums_body
}

multiversioned! {
    /// The sum of each set of slots; `members` names the slots set after set, `sizes` says how many each has.
    pub(crate) fn add_up(sizes: &[u32], members: &[u32], slots: &[Slot], sums: &mut [Slot]) = add_up_body
}
