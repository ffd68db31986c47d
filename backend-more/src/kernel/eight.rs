//! Moving eight ciphertexts of 2 x 2 matrices at once: a *slot* is four lines, one a plane, or two in the compact form.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernels: the shapes are stated at every function and hold by construction"
)]

use super::{Line, mul_add, multiversioned};
use crate::compact::Basis;
use crate::product::Target;

/// One slot of eight ciphertexts.
pub(crate) type Slot = [Line; 4];

/// One slot of eight compact ciphertexts: a and b of a I + b T.
pub(crate) type CompactSlot = [Line; 2];

#[inline(always)]
fn plus(line: Line, constant: f64) -> Line {
    Line(std::array::from_fn(|lane| line.0[lane] + constant))
}

#[inline(always)]
fn sum(a: Line, b: Line) -> Line {
    Line(std::array::from_fn(|lane| a.0[lane] + b.0[lane]))
}

#[inline(always)]
fn difference(a: Line, b: Line) -> Line {
    Line(std::array::from_fn(|lane| a.0[lane] - b.0[lane]))
}

#[inline(always)]
fn half(line: Line) -> Line {
    Line(line.0.map(|x| 0.5 * x))
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
fn place_compact_sums_body<const FMA: bool>(
    slots: &[CompactSlot],
    rows: &[u32],
    bias: &[f64],
    output: &mut [CompactSlot],
) {
    for (row, [a, b]) in rows.iter().zip(slots) {
        output[*row as usize] = [plus(*a, bias_of(bias, *row)), *b];
    }
}

#[inline(always)]
fn lanes_of_body<const FMA: bool>(
    slots: &[CompactSlot],
    rows: &[u32],
    bias: &[f64],
    upper: &mut [Line],
    lower: &mut [Line],
) {
    for (((row, [a, b]), upper), lower) in rows.iter().zip(slots).zip(upper).zip(lower) {
        let a = plus(*a, bias_of(bias, *row));
        (*upper, *lower) = (sum(a, *b), difference(a, *b));
    }
}

#[inline(always)]
fn place_lanes_body<const FMA: bool>(
    upper: &[Line],
    lower: &[Line],
    rows: &[u32],
    output: &mut [CompactSlot],
) {
    for ((row, upper), lower) in rows.iter().zip(upper).zip(lower) {
        output[*row as usize] = [half(sum(*upper, *lower)), half(difference(*upper, *lower))];
    }
}

/// `sum + weight * term`.
#[inline(always)]
fn plus_scaled<const FMA: bool>(sum: Line, weight: f64, term: Line) -> Line {
    Line(std::array::from_fn(|lane| mul_add::<FMA>(weight, term.0[lane], sum.0[lane])))
}

#[inline(always)]
fn add_planes_body<const FMA: bool>(
    p: &[Line],
    q: &[Line],
    r: &[Line],
    s: &[Line],
    rows: &[u32],
    targets: &[Target],
    output: &mut [Slot],
) {
    let length = rows.len();
    let (p, q, r, s) = (&p[..length], &q[..length], &r[..length], &s[..length]);
    for i in 0..length {
        let Target { row, weight } = targets[rows[i] as usize];
        if row != Target::NOWHERE {
            let [a, b, c, d] = &mut output[row as usize];
            for (sum, term) in [(a, p[i]), (b, q[i]), (c, r[i]), (d, s[i])] {
                *sum = plus_scaled::<FMA>(*sum, weight, term);
            }
        }
    }
}

#[inline(always)]
fn add_lanes_body<const FMA: bool>(
    upper: &[Line],
    lower: &[Line],
    rows: &[u32],
    targets: &[Target],
    output: &mut [CompactSlot],
) {
    for ((row, upper), lower) in rows.iter().zip(upper).zip(lower) {
        let Target { row, weight } = targets[*row as usize];
        if row != Target::NOWHERE {
            let [a, b] = &mut output[row as usize];
            *a = plus_scaled::<FMA>(*a, 0.5 * weight, sum(*upper, *lower));
            *b = plus_scaled::<FMA>(*b, 0.5 * weight, difference(*upper, *lower));
        }
    }
}

#[inline(always)]
fn compact_body<const FMA: bool>(basis: Basis, slots: &[Slot], compact: &mut [CompactSlot]) {
    for ([p, q, r, s], [a, b]) in slots.iter().zip(compact) {
        for lane in 0..8 {
            [a.0[lane], b.0[lane]] = basis.compact([p.0[lane], q.0[lane], r.0[lane], s.0[lane]]);
        }
    }
}

#[inline(always)]
fn expand_body<const FMA: bool>(basis: Basis, compact: &[CompactSlot], slots: &mut [Slot]) {
    for ([a, b], [p, q, r, s]) in compact.iter().zip(slots) {
        for lane in 0..8 {
            [p.0[lane], q.0[lane], r.0[lane], s.0[lane]] = basis.expand([a.0[lane], b.0[lane]]);
        }
    }
}

#[inline(always)]
fn add_up_body<const FMA: bool, const LINES: usize>(
    sizes: &[u32],
    members: &[u32],
    slots: &[[Line; LINES]],
    sums: &mut [[Line; LINES]],
) {
    let mut members = members;
    for (size, target) in sizes.iter().zip(sums) {
        let (own, others) = members.split_at(*size as usize);
        members = others;
        let mut total = [Line::ZERO; LINES];
        for column in own {
            let slot = &slots[*column as usize];
            for plane in 0..LINES {
                total[plane] = sum(total[plane], slot[plane]);
            }
        }
        *target = total;
    }
}

#[inline(always)]
fn add_up_full<const FMA: bool>(sizes: &[u32], members: &[u32], slots: &[Slot], sums: &mut [Slot]) {
    add_up_body::<FMA, 4>(sizes, members, slots, sums);
}

#[inline(always)]
fn add_up_compact_body<const FMA: bool>(
    sizes: &[u32],
    members: &[u32],
    slots: &[CompactSlot],
    sums: &mut [CompactSlot],
) {
    add_up_body::<FMA, 2>(sizes, members, slots, sums);
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
    pub(crate) fn add_up(sizes: &[u32], members: &[u32], slots: &[Slot], sums: &mut [Slot]) = add_up_full
}

multiversioned! {
    /// [`add_up`] of compact slots.
    pub(crate) fn add_up_compact(
        sizes: &[u32], members: &[u32], slots: &[CompactSlot], sums: &mut [CompactSlot],
    ) = add_up_compact_body
}

multiversioned! {
    /// Writes slot `i` plus the bias of row `rows[i]` to `output[rows[i]]`.
    pub(crate) fn place_compact_sums(
        slots: &[CompactSlot], rows: &[u32], bias: &[f64], output: &mut [CompactSlot],
    ) = place_compact_sums_body
}

multiversioned! {
    /// Adds to slot `i` the bias of row `rows[i]`, and writes its lanes, a + b and a - b.
    pub(crate) fn lanes_of(
        slots: &[CompactSlot], rows: &[u32], bias: &[f64], upper: &mut [Line], lower: &mut [Line],
    ) = lanes_of_body
}

multiversioned! {
    /// Writes the number whose lanes stand at place `i` to `output[rows[i]]`.
    pub(crate) fn place_lanes(
        upper: &[Line], lower: &[Line], rows: &[u32], output: &mut [CompactSlot],
    ) = place_lanes_body
}

multiversioned! {
    /// Adds slot `i` of four planes to where column `rows[i]` of a matrix goes.
    pub(crate) fn add_planes(
        p: &[Line], q: &[Line], r: &[Line], s: &[Line], rows: &[u32], targets: &[Target], output: &mut [Slot],
    ) = add_planes_body
}

multiversioned! {
    /// Adds the number whose lanes stand at place `i` to where column `rows[i]` of a matrix goes.
    pub(crate) fn add_lanes(
        upper: &[Line], lower: &[Line], rows: &[u32], targets: &[Target], output: &mut [CompactSlot],
    ) = add_lanes_body
}

multiversioned! {
    /// Slots in the compact form; as many in as out.
    pub(crate) fn compact(basis: Basis, slots: &[Slot], compact: &mut [CompactSlot]) = compact_body
}

multiversioned! {
    /// Compact slots in the full form; as many in as out.
    pub(crate) fn expand(basis: Basis, compact: &[CompactSlot], slots: &mut [Slot]) = expand_body
}
