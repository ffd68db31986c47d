//! One step on the ciphertexts of all samples.

use std::borrow::Cow;

use he_traits::{Evaluator, Exact, Function, Level, Parts, Refresh};
use rayon::prelude::*;

use super::{Bias, PreparedStep, PreparedTerm};
use crate::fold::ValueId;
use crate::pack::BlockSums;
use crate::program::{Step, StepKind};

/// All blocks of all samples of a step's value.
pub(super) fn run_step<E: Evaluator>(
    e: &E,
    step: &Step,
    prepared: &PreparedStep<E>,
    values: &[Vec<E::Ciphertext>],
    blocks: usize,
) -> he_traits::Result<Vec<E::Ciphertext>> {
    let at = |value: &ValueId| values.get(value.index()).map_or(&[][..], Vec::as_slice);
    match (prepared, &step.kind) {
        (PreparedStep::Linear { terms, bias }, StepKind::Linear { function, .. })
            if let ([PreparedTerm::Mapped(value, sums, map)], Some(bias)) = (&**terms, bias.plain()) =>
        {
            let x = summed(e, at_level(e, at(value), step.before)?, sums.as_deref())?;
            e.layer(&x.iter().collect::<Vec<_>>(), map, bias, *function)
        }
        (PreparedStep::Linear { terms, bias }, StepKind::Linear { function, .. }) => {
            let mut sum: Option<Vec<E::Ciphertext>> = None;
            for term in terms {
                let term = run_term(e, term, &at, [step.before, step.after])?;
                sum = Some(match sum {
                    None => term,
                    Some(sum) => sum
                        .par_iter()
                        .zip(&term)
                        .map(|(a, b)| e.add(a, b))
                        .collect::<he_traits::Result<_>>()?,
                });
            }
            let sum = bias.added(e, sum.unwrap_or_default(), blocks)?;
            match function {
                None => Ok(sum),
                Some(function) => apply_exactly(e, &sum, *function),
            }
        }
        (PreparedStep::Product(operands), StepKind::Product { at: level, .. }) => {
            let [a, b] = &**operands;
            let (a, b) =
                (run_term(e, a, &at, [step.before, *level])?, run_term(e, b, &at, [step.before, *level])?);
            a.par_iter().zip(&b).map(|(a, b)| e.mul(a, b)).collect()
        }
        (PreparedStep::Pointwise(input), StepKind::Polynomial { polynomial, .. }) => {
            at(input).par_iter().map(|x| e.polynomial(x, polynomial)).collect()
        }
        (PreparedStep::Pointwise(input), StepKind::Exact { function, .. }) => {
            apply_exactly(e, at(input), *function)
        }
        (PreparedStep::SumColumns(input, mask), StepKind::SumColumns { sum, .. }) => {
            let x = at_level(e, at(input), step.before)?;
            x.par_iter().map(|x| sum.run(e, x, mask)).collect()
        }
        (_, _) => {
            Err(he_traits::Error::shape("run", "steps as they were prepared", "another program's steps"))
        }
    }
}

/// Two steps in one pass, where they are a layer with a function and a map of its result, `between`, and the evaluator takes them so.
pub(super) fn run_two<E: Evaluator>(
    e: &E,
    [step, next]: [&Step; 2],
    [prepared, prepared_next]: [&PreparedStep<E>; 2],
    values: &[Vec<E::Ciphertext>],
    between: ValueId,
) -> Option<he_traits::Result<Vec<E::Ciphertext>>> {
    let StepKind::Linear { function: Some(function), .. } = &step.kind else { return None };
    let StepKind::Linear { function: None, .. } = &next.kind else { return None };
    let PreparedStep::Linear { terms, bias } = prepared else { return None };
    let PreparedStep::Linear { terms: terms_next, bias: Bias::Zeros } = prepared_next else { return None };
    let ([PreparedTerm::Mapped(value, None, map)], Some(bias)) = (&**terms, bias.plain()) else {
        return None;
    };
    let [PreparedTerm::Mapped(read, None, then)] = &**terms_next else { return None };
    let x = values.get(value.index())?;
    if *read != between || x.iter().any(|x| e.level(x) != step.before) {
        return None;
    }
    e.layer_then(&x.iter().collect::<Vec<_>>(), map, bias, *function, then)
}

/// Replaces values by fresh ones, in one call. They go at the lowest level that a refresh takes: the least bytes.
pub(super) fn refresh<E: Evaluator>(
    e: &E,
    step: &Step,
    old: &[ValueId],
    values: &mut [Vec<E::Ciphertext>],
) -> he_traits::Result<()> {
    let refresh = e.refresh().ok_or_else(|| he_traits::Error::Unsupported {
        backend: e.profile().backend.clone(),
        what: "raise values to a higher level".to_owned(),
    })?;
    let mut low = Vec::new();
    for value in old {
        low.extend(dropped(e, values.get(value.index()).map_or(&[], Vec::as_slice), step.before)?);
    }
    let mut fresh = refresh.refresh(&low.iter().collect::<Vec<_>>(), Parts::Real, step.after)?.into_iter();
    for value in old {
        for slot in values.get_mut(value.index()).into_iter().flatten() {
            *slot = fresh.next().ok_or_else(|| {
                he_traits::Error::shape("refresh", format!("{} ciphertexts", low.len()), "fewer")
            })?;
        }
    }
    Ok(())
}

impl<E: Evaluator> Bias<E> {
    /// What a whole layer takes; `None` for an encrypted bias.
    fn plain(&self) -> Option<Option<&[E::Addend]>> {
        match self {
            Bias::Zeros => Some(None),
            Bias::Plain(blocks) => Some(Some(blocks)),
            Bias::Encrypted(_) => None,
        }
    }

    /// The blocks of all samples, `blocks` of each, with the bias added.
    fn added(&self, e: &E, sum: Vec<E::Ciphertext>, blocks: usize) -> he_traits::Result<Vec<E::Ciphertext>> {
        let block = |index: usize| index % blocks.max(1);
        let add = |(index, x): (usize, &E::Ciphertext)| match self {
            Bias::Zeros => Ok(x.clone()),
            Bias::Plain(bias) => bias.get(block(index)).map_or_else(|| Ok(x.clone()), |b| e.add_plain(x, b)),
            Bias::Encrypted(bias) => bias.get(block(index)).map_or_else(|| Ok(x.clone()), |b| e.add(x, b)),
        };
        match self {
            Bias::Zeros => Ok(sum),
            _ => sum.par_iter().enumerate().map(add).collect(),
        }
    }
}

/// A function of every slot, by the scheme itself.
fn apply_exactly<E: Evaluator>(
    e: &E,
    x: &[E::Ciphertext],
    function: Function,
) -> he_traits::Result<Vec<E::Ciphertext>> {
    let exact = e.exact().ok_or_else(|| he_traits::Error::Unsupported {
        backend: e.profile().backend.clone(),
        what: format!("compute {} exactly", function.name()),
    })?;
    x.par_iter().map(|x| exact.apply(x, function)).collect()
}

/// A term with the maps' operands and the result at `levels`.
fn run_term<'a, E: Evaluator>(
    e: &E,
    term: &PreparedTerm<E>,
    at: &impl Fn(&ValueId) -> &'a [E::Ciphertext],
    [before, after]: [Level; 2],
) -> he_traits::Result<Vec<E::Ciphertext>>
where
    E::Ciphertext: 'a,
{
    match term {
        PreparedTerm::Value(value) => dropped(e, at(value), after),
        PreparedTerm::Mapped(value, sums, map) => {
            let x = summed(e, at_level(e, at(value), before)?, sums.as_deref())?;
            e.linear(&x.iter().collect::<Vec<_>>(), map)
        }
        PreparedTerm::Encrypted(value, map) => {
            let x = at_level(e, at(value), before)?;
            map.linear(e, &x.iter().collect::<Vec<_>>())
        }
    }
}

/// The ciphertexts that a map reads, of all samples: the value's own, or sums of them.
fn summed<'a, E: Evaluator>(
    e: &E,
    x: Cow<'a, [E::Ciphertext]>,
    sums: Option<&BlockSums>,
) -> he_traits::Result<Cow<'a, [E::Ciphertext]>> {
    let Some(sums) = sums else { return Ok(x) };
    let of_sample = |sample: &[E::Ciphertext], sum: &Vec<usize>| {
        let mut blocks = sum.iter().filter_map(|block| sample.get(*block));
        let Some(first) = blocks.next() else {
            return Err(he_traits::Error::shape("add blocks", format!("{} blocks", sums.blocks()), "fewer"));
        };
        blocks.try_fold(first.clone(), |total, block| e.add(&total, block))
    };
    let pairs: Vec<_> =
        x.chunks(sums.blocks()).flat_map(|sample| sums.sums().iter().map(move |sum| (sample, sum))).collect();
    pairs
        .into_par_iter()
        .map(|(sample, sum)| of_sample(sample, sum))
        .collect::<he_traits::Result<_>>()
        .map(Cow::Owned)
}

/// The ciphertexts at `level`, dropped to it where they are above.
fn at_level<'a, E: Evaluator>(
    e: &E,
    x: &'a [E::Ciphertext],
    level: Level,
) -> he_traits::Result<Cow<'a, [E::Ciphertext]>> {
    if x.iter().all(|x| e.level(x) == level) {
        return Ok(Cow::Borrowed(x));
    }
    dropped(e, x, level).map(Cow::Owned)
}

fn dropped<E: Evaluator>(e: &E, x: &[E::Ciphertext], level: Level) -> he_traits::Result<Vec<E::Ciphertext>> {
    x.par_iter().map(|x| e.drop_to(x, level)).collect()
}
