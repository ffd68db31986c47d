//! Random programs, run in lockstep with the clear reference on keys made from exactly what a symbolic run asks for.

use std::collections::BTreeSet;
use std::fmt;

use super::bench::{Bench, Owner};
use super::maps::MapCase;
use super::violation::{Breach, Outcome, Refusal, Violation};
use crate::{
    Clear, ClearParams, ClientScheme, Diagonal, Encryptor, Evaluator, Keep, KeyNeeds, Level, Polynomial,
    Result, Scheme, Step, Symbolic,
};

mod draw;

/// One operation; operands are positions of earlier values.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Add(usize, usize),
    Sub(usize, usize),
    Neg(usize),
    Mul(usize, usize),
    AddScalar(usize, f64),
    AddPlain(usize, Diagonal),
    MulPlain(usize, Diagonal),
    Rotate(usize, Step),
    DropTo(usize, Level),
    Combine(Vec<(f64, usize)>, f64, Level),
    MulSum(Vec<(usize, usize)>),
    Linear(usize, MapCase),
    Polynomial(usize, Polynomial),
}

impl Operation {
    fn operands(&self) -> Vec<usize> {
        match self {
            Self::Add(a, b) | Self::Sub(a, b) | Self::Mul(a, b) => vec![*a, *b],
            Self::Neg(a)
            | Self::AddScalar(a, _)
            | Self::AddPlain(a, _)
            | Self::MulPlain(a, _)
            | Self::Rotate(a, _)
            | Self::DropTo(a, _)
            | Self::Linear(a, _)
            | Self::Polynomial(a, _) => vec![*a],
            Self::Combine(terms, ..) => terms.iter().map(|(_, x)| *x).collect(),
            Self::MulSum(pairs) => pairs.iter().flat_map(|(a, b)| [*a, *b]).collect(),
        }
    }

    /// Runs the operation; `None` in `values` stands for what was cut away.
    fn run<E: Evaluator>(&self, e: &E, values: &[Option<E::Ciphertext>]) -> Result<E::Ciphertext> {
        let missing = || crate::Error::shape("program", "operands that were computed", "a gap");
        let v = |at: &usize| values.get(*at).and_then(Option::as_ref).ok_or_else(missing);
        match self {
            Self::Add(a, b) => e.add(v(a)?, v(b)?),
            Self::Sub(a, b) => e.sub(v(a)?, v(b)?),
            Self::Neg(a) => e.neg(v(a)?),
            Self::Mul(a, b) => e.mul(v(a)?, v(b)?),
            Self::AddScalar(a, constant) => e.add_scalar(v(a)?, *constant),
            Self::AddPlain(a, plain) => e.add_plain(v(a)?, &e.encode_addend(plain, e.level(v(a)?))?),
            Self::MulPlain(a, plain) => e.mul_plain(v(a)?, &e.encode_factor(plain, e.level(v(a)?))?),
            Self::Rotate(a, step) => e.rotate(v(a)?, *step),
            Self::DropTo(a, to) => e.drop_to(v(a)?, *to),
            Self::Combine(terms, constant, to) => {
                let terms: Result<Vec<_>> = terms.iter().map(|(c, x)| Ok((*c, v(x)?))).collect();
                e.combine(&terms?, *constant, *to)
            }
            Self::MulSum(pairs) => {
                let pairs: Result<Vec<_>> = pairs.iter().map(|(a, b)| Ok((v(a)?, v(b)?))).collect();
                e.mul_sum(&pairs?)
            }
            Self::Linear(a, case) => {
                let map = e.prepare(&case.map, &case.schedule, e.level(v(a)?), Keep::Values)?;
                let blocks = e.linear(&[v(a)?], &map)?;
                blocks.into_iter().next().ok_or_else(|| crate::Error::shape("linear", "one block", "none"))
            }
            Self::Polynomial(a, polynomial) => e.polynomial(v(a)?, polynomial),
        }
    }
}

/// A straight-line program. Values 0, 1, ... are the inputs, then one value an operation.
#[derive(Clone)]
pub(super) struct Program {
    inputs: Vec<(Vec<f64>, Level)>,
    operations: Vec<Operation>,
    /// Operations that run; the others were cut away while looking for the shortest failing program.
    kept: BTreeSet<usize>,
    /// For each value, how many times a single error it may be off.
    errors: Vec<f64>,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used: BTreeSet<usize> =
            self.kept.iter().filter_map(|i| self.operations.get(*i)).flat_map(Operation::operands).collect();
        for (i, (_, level)) in self.inputs.iter().enumerate().filter(|(i, _)| used.contains(i)) {
            write!(f, "v{i} = encrypt at level {level}; ")?;
        }
        for (i, operation) in self.operations.iter().enumerate().filter(|(i, _)| self.kept.contains(i)) {
            write!(f, "v{} = {operation:?}; ", i + self.inputs.len())?;
        }
        Ok(())
    }
}

impl Program {
    /// Runs what is kept on any evaluator.
    fn run<E: Evaluator>(
        &self,
        e: &E,
        inputs: Vec<E::Ciphertext>,
    ) -> (Vec<Option<E::Ciphertext>>, Result<()>) {
        let mut values: Vec<_> = inputs.into_iter().map(Some).collect();
        for (i, operation) in self.operations.iter().enumerate() {
            if !self.kept.contains(&i) {
                values.push(None);
                continue;
            }
            match operation.run(e, &values) {
                Ok(value) => values.push(Some(value)),
                Err(error) => return (values, Err(error)),
            }
        }
        (values, Ok(()))
    }

    /// What is needed for the value at `position`, and nothing else.
    fn slice(&self, position: usize) -> Self {
        let (mut kept, mut wanted) = (BTreeSet::new(), vec![position]);
        while let Some(value) = wanted.pop() {
            let Some(i) = value.checked_sub(self.inputs.len()) else { continue };
            if kept.insert(i) {
                wanted.extend(self.operations.get(i).map(Operation::operands).unwrap_or_default());
            }
        }
        Self { kept, ..self.clone() }
    }

    fn needs<S: ClientScheme>(&self, bench: &Bench<S>) -> Result<KeyNeeds> {
        let symbolic = Symbolic::new(bench.profile.clone());
        let inputs: Result<Vec<_>> = self.inputs.iter().map(|(_, at)| symbolic.input(*at)).collect();
        self.run(&symbolic, inputs?).1?;
        Ok(symbolic.record().needs)
    }
}

/// As many random programs as the options say.
pub(super) fn run<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    for _ in 0..bench.options.programs {
        bench.law("keys from a symbolic run");
        let maps = super::maps::cases(&bench.profile);
        let maps = bench.pass(|| "maps of a program".to_owned(), bench.profile.top, maps)?;
        let program = draw::program(bench, &maps);
        let needs = program.needs(bench);
        let needs = bench.pass(|| format!("symbolic run of {program}"), bench.profile.top, needs)?;
        let owner = Owner::<S>::new(&bench.params, &needs, &mut bench.rng);
        let owner = bench.pass(|| format!("keys for {needs:?}"), bench.profile.top, owner)?;
        let own = std::mem::replace(&mut bench.owner, owner);
        let outcome = lockstep(bench, &program);
        let outcome = outcome.map_err(|(position, violation)| shrunk(bench, &program, position, violation));
        bench.owner = own;
        outcome?;
    }
    Ok(())
}

/// The same violation on the shortest program that still shows it.
fn shrunk<S: ClientScheme>(
    bench: &mut Bench<S>,
    program: &Program,
    position: usize,
    violation: Violation,
) -> Violation {
    let slice = program.slice(position);
    match lockstep(bench, &slice) {
        Err((_, violation)) => violation,
        Ok(()) => violation,
    }
}

/// Runs on both evaluators, then compares value by value; the position of the first wrong value comes with its violation.
fn lockstep<S: ClientScheme>(
    bench: &mut Bench<S>,
    program: &Program,
) -> std::result::Result<(), (usize, Violation)> {
    bench.law("random programs");
    let inputs = encrypted(bench, program).map_err(|violation| (0, violation))?;
    let (values, end) = program.run(bench.e(), inputs);
    let clear = reference(bench, program).map_err(|violation| (values.len(), violation))?;
    let name = |position: usize| format!("v{position} of the program: {program}");
    for (position, (value, clear)) in values.iter().zip(&clear).enumerate() {
        let (Some(value), Some(clear)) = (value, clear) else { continue };
        let expected: Vec<f64> = clear.slots().iter().map(|v| v.re).collect();
        let weight = program.errors.get(position).copied().unwrap_or(1.0);
        bench
            .expect(|| name(position), Ok(value.clone()), &expected, clear.level(), weight)
            .map_err(|violation| (position, violation))?;
    }
    let Err(error) = end else { return Ok(()) };
    let missing = [Refusal::MissingRotation, Refusal::MissingRelinearisation, Refusal::MissingConjugation];
    if missing.iter().any(|missing| missing.matches(&error)) {
        bench.law("keys from a symbolic run");
    }
    Err((values.len(), bench.breach(name(values.len()), bench.profile.top, Breach::Failed(error))))
}

fn encrypted<S: ClientScheme>(bench: &mut Bench<S>, program: &Program) -> Outcome<Vec<S::Ciphertext>> {
    let mut inputs = Vec::new();
    for (values, at) in &program.inputs {
        let values = Diagonal::Real(values.clone());
        let encrypted = bench.owner.encryptor.encrypt(&values, *at, &mut bench.rng);
        inputs.push(bench.pass(|| "input of a program".to_owned(), *at, encrypted)?);
    }
    Ok(inputs)
}

type ClearValues = Vec<Option<crate::ClearCiphertext>>;

fn reference<S: ClientScheme>(bench: &Bench<S>, program: &Program) -> Outcome<ClearValues> {
    let top = bench.profile.top;
    let run = || {
        let params = ClearParams::new(bench.slots(), top)?;
        let evaluator = Clear::evaluator(&params, crate::ClearKeys::all(&params))?;
        let inputs: Result<Vec<_>> = (program.inputs.iter())
            .map(|(values, at)| crate::ClearCiphertext::new(&params, &Diagonal::Real(values.clone()), *at))
            .collect();
        let (values, end) = program.run(&evaluator, inputs?);
        end.map(|()| values)
    };
    bench.pass(|| format!("clear run of {program}"), top, run())
}
