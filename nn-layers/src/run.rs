//! Running a program on an evaluator.

mod step;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use he_traits::{Diagonal, EncryptedMap, Evaluator, Keep, Level};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::fold::ValueId;
use crate::keeping::{Keeping, MapId};
use crate::pack::BlockSums;
use crate::program::{Program, Step, StepKind, Term};
use step::{refresh, run_step, run_two};

/// What an observer is told: a step is about to run, or has run.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Number of the step, from 0.
    pub index: usize,
    /// Number of steps.
    pub count: usize,
    /// The step: its name, what it computes, levels before and after.
    pub step: &'a Step,
    /// Seconds that the step took; `None` when it is about to run.
    pub seconds: Option<f64>,
    stop: &'a Cell<bool>,
}

impl Progress<'_> {
    /// Ends the work here: what was asked for comes back as [`Error::Stopped`], and no further step runs.
    pub fn stop(&self) {
        self.stop.set(true);
    }
}

/// Tells an observer, who may stop the work.
fn tell(
    progress: &mut dyn FnMut(Progress<'_>),
    (index, count): (usize, usize),
    step: &Step,
    seconds: Option<f64>,
) -> Result<()> {
    let stop = Cell::new(false);
    progress(Progress { index, count, step, seconds, stop: &stop });
    if stop.get() { Err(Error::Stopped { step: step.name.clone() }) } else { Ok(()) }
}

/// What is shown a value as a step has left it: number of the step, the value, the blocks of all samples.
pub(crate) type Show<'a, C> = dyn FnMut(usize, ValueId, &[C]) -> Result<()> + 'a;

/// A step with its operands encoded for one evaluator.
enum PreparedStep<E: Evaluator> {
    Linear { terms: Vec<PreparedTerm<E>>, bias: Bias<E> },
    Product(Box<[PreparedTerm<E>; 2]>),
    Pointwise(ValueId),
    SumColumns(ValueId, E::Factor),
    Refresh,
}

enum PreparedTerm<E: Evaluator> {
    Value(ValueId),
    Mapped(ValueId, Option<Arc<BlockSums>>, E::Map),
    Encrypted(ValueId, EncryptedMap<E>),
}

/// One vector an output block, where there are any.
enum Bias<E: Evaluator> {
    Zeros,
    Plain(Vec<E::Addend>),
    Encrypted(Vec<E::Ciphertext>),
}

/// A program with all its plaintext operands encoded for one evaluator; it owns them, and can run any number of times.
pub struct Prepared<E: Evaluator> {
    program: Program,
    steps: Vec<PreparedStep<E>>,
    /// The step after which each value is dead.
    last_read: Vec<usize>,
}

impl Program {
    /// Encodes the program's maps and biases for `evaluator`; `keep` says which maps are kept so, all alike or each by itself (see
    /// [`Program::keep_within`]). `progress` hears of every step before and after.
    ///
    /// # Errors
    /// [`Error::Slots`] when the evaluator has other slots than the program was made for; [`Error::NoRefresh`] when the program refreshes
    /// values and the evaluator cannot; [`Error::Step`] with the scheme's
    /// own error: a missing key, too few levels; [`Error::Stopped`] when `progress` asked for it.
    pub fn prepare<E: Evaluator>(
        &self,
        evaluator: &E,
        keep: impl Into<Keeping>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Prepared<E>> {
        let keeping = keep.into();
        Prepared::new(self, evaluator, progress, |index, step| {
            prepare_step(evaluator, step, |term| keeping.of(MapId { step: index, term }))
        })
    }
}

impl<E: Evaluator> Prepared<E> {
    /// The steps as `prepare` makes them, one after the other.
    fn new(
        program: &Program,
        evaluator: &E,
        progress: &mut dyn FnMut(Progress<'_>),
        mut prepare: impl FnMut(usize, &Step) -> he_traits::Result<PreparedStep<E>>,
    ) -> Result<Prepared<E>> {
        let slots = evaluator.profile().slots;
        if slots != program.slots {
            return Err(Error::Slots { expected: program.slots, got: slots });
        }
        if program.rounds() > 0 && evaluator.refresh().is_none() {
            let backend = evaluator.profile().backend.clone();
            return Err(Error::NoRefresh { backend, rounds: program.rounds() });
        }
        let mut steps = Vec::with_capacity(program.steps.len());
        for (index, step) in program.steps.iter().enumerate() {
            steps.push(observed(program, index, step, progress, || prepare(index, step))?);
        }
        let mut last_read: Vec<usize> =
            (0..=program.steps.len()).map(|value| value.saturating_sub(1)).collect();
        for (index, step) in program.steps.iter().enumerate() {
            for value in step.inputs() {
                if let Some(last) = last_read.get_mut(value.index()) {
                    *last = index;
                }
            }
        }
        if let Some(last) = last_read.get_mut(program.output.index()) {
            *last = usize::MAX;
        }
        Ok(Prepared { program: program.clone(), steps, last_read })
    }

    /// The steps of a pattern with encrypted maps and biases, of which `next` gives the ciphertexts.
    pub(crate) fn encrypted(
        program: &Program,
        evaluator: &E,
        next: &mut dyn FnMut(Level) -> he_traits::Result<E::Ciphertext>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Prepared<E>> {
        let slots = program.slots;
        Prepared::new(program, evaluator, progress, |_, step| {
            let StepKind::Linear { terms, bias, .. } = &step.kind else {
                return prepare_step(evaluator, step, |_| Keep::Encoded);
            };
            let mut prepared = Vec::with_capacity(terms.len());
            for term in terms {
                prepared.push(match term {
                    Term::Value(value) => PreparedTerm::Value(*value),
                    Term::Mapped { value, map, schedule, .. } => {
                        let next = &mut || next(step.before);
                        let map = EncryptedMap::from_ciphertexts(map, schedule, slots, step.before, next)?;
                        PreparedTerm::Encrypted(*value, map)
                    }
                });
            }
            let bias = match bias {
                None => Bias::Zeros,
                Some(blocks) => Bias::Encrypted(
                    blocks.iter().map(|_| next(step.after)).collect::<he_traits::Result<_>>()?,
                ),
            };
            Ok(PreparedStep::Linear { terms: prepared, bias })
        })
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Runs the program on several samples at once, step by step: a linear step gets all samples' blocks in one call, the
    /// others run over all ciphertexts on the threads of the current rayon pool. Values are freed once they are dead. With an
    /// evaluator that states [`Evaluator::values_per_thread`], every thread takes that many samples through all steps instead.
    ///
    /// How many samples to hand over at once is the caller's choice: the profile's `values_at_once` says where a scheme gains
    /// from more, and memory grows with each.
    ///
    /// # Shapes
    /// `samples` holds for each sample its blocks, as [`Program::pack`] made them, encrypted at
    /// [`Program::input_level`]; the result holds for each sample the blocks that [`Program::unpack`] takes.
    ///
    /// # Errors
    /// [`Error::Samples`] when a sample has not as many blocks as the input's layout; [`Error::Step`] naming the step that
    /// the evaluator refused; [`Error::Stopped`] when `progress` asked for it.
    pub fn run(
        &self,
        evaluator: &E,
        samples: Vec<Vec<E::Ciphertext>>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<Vec<E::Ciphertext>>> {
        let blocks = self.program.input_layout().blocks();
        if let Some(sample) = samples.iter().position(|sample| sample.len() != blocks) {
            let got = samples.get(sample).map_or(0, Vec::len);
            return Err(Error::Samples { sample, expected: blocks, got });
        }
        match evaluator.values_per_thread() {
            Some(width) if samples.len() > width.max(1) => {
                self.run_by_threads(evaluator, samples, width.max(1), progress)
            }
            _ => self.run_steps(evaluator, samples, progress, &mut |_, _, _| Ok(())),
        }
    }

    /// Every thread takes `width` samples at a time through all steps. `progress` hears of the steps when all are done and
    /// can stop none; the seconds of each are its share of the whole.
    fn run_by_threads(
        &self,
        evaluator: &E,
        samples: Vec<Vec<E::Ciphertext>>,
        width: usize,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<Vec<E::Ciphertext>>> {
        let start = Instant::now();
        let count = self.program.steps.len();
        let mut samples = samples.into_iter();
        let parts: Vec<Vec<Vec<E::Ciphertext>>> =
            std::iter::from_fn(|| Some(samples.by_ref().take(width).collect::<Vec<_>>()))
                .take_while(|part| !part.is_empty())
                .collect();
        let parts = parts
            .into_par_iter()
            .map(|part| {
                let mut seconds = vec![0.0; count];
                let mut note = |at: Progress<'_>| {
                    if let (Some(step), Some(elapsed)) = (seconds.get_mut(at.index), at.seconds) {
                        *step = elapsed;
                    }
                };
                let outputs = self.run_steps(evaluator, part, &mut note, &mut |_, _, _| Ok(()))?;
                Ok((outputs, seconds))
            })
            .collect::<Result<Vec<_>>>()?;
        let elapsed = start.elapsed().as_secs_f64();
        let of_step = |index: usize| parts.iter().filter_map(|(_, seconds)| seconds.get(index)).sum::<f64>();
        let all: f64 = (0..count).map(of_step).sum();
        for (index, step) in self.program.steps.iter().enumerate() {
            tell(progress, (index, count), step, None)?;
            let seconds = elapsed * of_step(index) / all.max(f64::MIN_POSITIVE);
            tell(progress, (index, count), step, Some(seconds))?;
        }
        Ok(parts.into_iter().flat_map(|(outputs, _)| outputs).collect())
    }

    /// Step by step on all samples at once. `show` is given each value that a step has made; of a step that refreshes, all that it has replaced.
    pub(crate) fn run_steps(
        &self,
        evaluator: &E,
        samples: Vec<Vec<E::Ciphertext>>,
        progress: &mut dyn FnMut(Progress<'_>),
        show: &mut Show<'_, E::Ciphertext>,
    ) -> Result<Vec<Vec<E::Ciphertext>>> {
        let mut values: Vec<Vec<E::Ciphertext>> = vec![samples.into_iter().flatten().collect()];
        // What the step before computed along with its own value, of which nothing is left then.
        let mut ahead = None;
        for (index, (step, prepared)) in self.program.steps.iter().zip(&self.steps).enumerate() {
            let value = observed(&self.program, index, step, progress, || {
                if let StepKind::Refresh { values: old } = &step.kind {
                    refresh(evaluator, step, old, &mut values)?;
                    return Ok(Vec::new());
                }
                if let Some(value) = ahead.take() {
                    return Ok(value);
                }
                if let Some(both) = self.run_two(evaluator, index, &values) {
                    ahead = Some(both?);
                    return Ok(Vec::new());
                }
                run_step(evaluator, step, prepared, &values, self.program.layout(ValueId(index + 1)).blocks())
            })?;
            values.push(value);
            let made = match &step.kind {
                StepKind::Refresh { values } => values.as_slice(),
                _ => &[ValueId(index + 1)],
            };
            for value in made {
                show(index, *value, values.get(value.index()).map_or(&[], Vec::as_slice))?;
            }
            for (dead, last) in values.iter_mut().zip(&self.last_read) {
                if *last <= index {
                    *dead = Vec::new();
                }
            }
        }
        let result = values.get_mut(self.program.output.index()).map(std::mem::take).unwrap_or_default();
        let blocks = self.program.output_layout().blocks();
        let mut result = result.into_iter();
        Ok((0..result.len() / blocks).map(|_| result.by_ref().take(blocks).collect()).collect())
    }
}

impl<E: Evaluator> Prepared<E> {
    /// The value after the step behind this one, where the evaluator computes both in one pass.
    fn run_two(
        &self,
        evaluator: &E,
        index: usize,
        values: &[Vec<E::Ciphertext>],
    ) -> Option<he_traits::Result<Vec<E::Ciphertext>>> {
        let [step, next] = self.program.steps.get(index..index + 2)? else { return None };
        let [prepared, prepared_next] = self.steps.get(index..index + 2)? else { return None };
        let between = ValueId(index + 1);
        let alone = self.last_read.get(between.index()) == Some(&(index + 1)) && step.after == next.before;
        alone.then(|| run_two(evaluator, [step, next], [prepared, prepared_next], values, between)).flatten()
    }
}

/// Tells the observer before and after, times the work, and puts the step's name into errors.
fn observed<T>(
    program: &Program,
    index: usize,
    step: &Step,
    progress: &mut dyn FnMut(Progress<'_>),
    work: impl FnOnce() -> he_traits::Result<T>,
) -> Result<T> {
    let count = program.steps.len();
    tell(progress, (index, count), step, None)?;
    let start = Instant::now();
    let result = work().map_err(|source| Error::Step { step: step.name.clone(), source })?;
    tell(progress, (index, count), step, Some(start.elapsed().as_secs_f64()))?;
    Ok(result)
}

fn prepare_step<E: Evaluator>(
    e: &E,
    step: &Step,
    keep: impl Fn(usize) -> Keep,
) -> he_traits::Result<PreparedStep<E>> {
    let prepare_term = |(index, term): (usize, &Term)| match term {
        Term::Value(value) => Ok(PreparedTerm::Value(*value)),
        Term::Mapped { value, sums, map, schedule, .. } => {
            let map = e.prepare(map, schedule, step.before, keep(index))?;
            Ok(PreparedTerm::Mapped(*value, sums.clone(), map))
        }
    };
    match &step.kind {
        StepKind::Product { operands, .. } => {
            let [a, b] = &**operands;
            Ok(PreparedStep::Product(Box::new([prepare_term((0, a))?, prepare_term((1, b))?])))
        }
        StepKind::Linear { terms, bias, .. } => {
            let terms = terms.iter().enumerate().map(prepare_term).collect::<he_traits::Result<Vec<_>>>()?;
            let encode = |block: &Diagonal| e.encode_addend(block, step.after);
            let bias = match bias {
                None => Bias::Zeros,
                Some(blocks) => Bias::Plain(blocks.iter().map(encode).collect::<he_traits::Result<_>>()?),
            };
            Ok(PreparedStep::Linear { terms, bias })
        }
        StepKind::Polynomial { input, .. } | StepKind::Exact { input, .. } => {
            Ok(PreparedStep::Pointwise(*input))
        }
        StepKind::SumColumns { input, sum } => {
            Ok(PreparedStep::SumColumns(*input, e.encode_factor(&sum.mask(), step.before)?))
        }
        StepKind::Refresh { .. } => Ok(PreparedStep::Refresh),
    }
}
