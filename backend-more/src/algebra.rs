//! Arithmetic of ciphertexts, slot by slot: nothing here needs a key.
//!
//! Operands of different periods meet at the least common multiple of both, which divides the slots because both do.

use std::borrow::Cow;

use crate::Ciphertext;
use crate::ciphertext::repeat_into;
use crate::kernel::two;

/// The period at which two vectors meet.
pub(crate) fn common_period(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a.checked_div(x).map_or(0, |quotient| quotient * b)
}

/// `x` at a period that its own one divides.
pub(crate) fn at_period(x: &Ciphertext, period: usize) -> Cow<'_, Ciphertext> {
    if x.period() == period { Cow::Borrowed(x) } else { Cow::Owned(x.repeated(period)) }
}

/// A plaintext vector at a period that its own one divides.
pub(crate) fn values_at_period(values: &[f64], period: usize) -> Cow<'_, [f64]> {
    if values.len() == period {
        return Cow::Borrowed(values);
    }
    let mut repeated = vec![0.0; period];
    repeat_into(values, &mut repeated);
    Cow::Owned(repeated)
}

/// Combines the entries of two ciphertexts one by one.
fn entrywise(a: &Ciphertext, b: &Ciphertext, combine: impl Fn(f64, f64) -> f64) -> Ciphertext {
    let period = common_period(a.period(), b.period());
    let (a, b) = (at_period(a, period), at_period(b, period));
    a.zip_map(&b, combine)
}

/// a + b.
pub(crate) fn add(a: &Ciphertext, b: &Ciphertext) -> Ciphertext {
    entrywise(a, b, |a, b| a + b)
}

/// a - b.
pub(crate) fn sub(a: &Ciphertext, b: &Ciphertext) -> Ciphertext {
    entrywise(a, b, |a, b| a - b)
}

/// c a.
pub(crate) fn scale(a: &Ciphertext, factor: f64) -> Ciphertext {
    a.map(|entry| entry * factor)
}

/// sum of c_i x_i + constant; `None` without any term.
pub(crate) fn combine(terms: &[(f64, &Ciphertext)], constant: f64) -> Option<Ciphertext> {
    let (first, rest) = terms.split_first()?;
    let period = terms.iter().fold(1, |period, (_, x)| common_period(period, x.period()));
    let mut sum = scale(&at_period(first.1, period), first.0);
    for (coefficient, x) in rest {
        let x = at_period(x, period);
        for (sum, plane) in sum.planes_mut().zip(x.planes()) {
            sum.iter_mut().zip(plane).for_each(|(sum, entry)| *sum += coefficient * entry);
        }
    }
    Some(if constant == 0.0 { sum } else { add_values(&sum, &[constant]) })
}

/// a + v I.
pub(crate) fn add_values(a: &Ciphertext, values: &[f64]) -> Ciphertext {
    let period = common_period(a.period(), values.len());
    let values = if values.len() == 1 { Cow::Borrowed(values) } else { values_at_period(values, period) };
    at_period(a, period).with_diagonal(|plane, target| match &*values {
        [constant] => target.iter_mut().zip(plane).for_each(|(sum, entry)| *sum = entry + constant),
        values => {
            let pairs = plane.iter().zip(values);
            target.iter_mut().zip(pairs).for_each(|(sum, (entry, value))| *sum = entry + value);
        }
    })
}

/// a times v, slot by slot.
pub(crate) fn mul_values(a: &Ciphertext, values: &[f64]) -> Ciphertext {
    if let [constant] = values {
        return scale(a, *constant);
    }
    let period = common_period(a.period(), values.len());
    let (a, values) = (at_period(a, period), values_at_period(values, period));
    let mut product = a.stale(period);
    for (target, plane) in product.planes_mut().zip(a.planes()) {
        let pairs = plane.iter().zip(values.iter());
        target.iter_mut().zip(pairs).for_each(|(target, (entry, value))| *target = entry * value);
    }
    product
}

/// a b, matrix by matrix.
pub(crate) fn mul(a: &Ciphertext, b: &Ciphertext) -> Ciphertext {
    let period = common_period(a.period(), b.period());
    let (a, b) = (at_period(a, period), at_period(b, period));
    let mut product = a.stale(period);
    if let (Some(left), Some(right), Some(result)) =
        (a.four_planes(), b.four_planes(), product.four_planes_mut())
    {
        two::multiply(left, right, result);
        return product;
    }
    let n = a.dimension();
    let right: Vec<&[f64]> = b.planes().collect();
    let left: Vec<&[f64]> = a.planes().collect();
    for (position, target) in product.planes_mut().enumerate() {
        let (i, j) = (position / n, position % n);
        target.fill(0.0);
        let row = left.iter().skip(i * n).take(n);
        let column = right.iter().skip(j).step_by(n);
        for (a, b) in row.zip(column) {
            target.iter_mut().zip(a.iter().zip(b.iter())).for_each(|(sum, (a, b))| *sum += a * b);
        }
    }
    product
}

/// Slot `i` of the result is slot `i + step`.
pub(crate) fn rotate(a: &Ciphertext, step: usize) -> Ciphertext {
    let step = step % a.period().max(1);
    let mut rotated = a.stale(a.period());
    for (target, plane) in rotated.planes_mut().zip(a.planes()) {
        let (front, back) = plane.split_at_checked(step).unwrap_or((&[], plane));
        let (start, end) = target.split_at_mut(back.len());
        start.copy_from_slice(back);
        end.copy_from_slice(front);
    }
    rotated
}
