//! A program in words and numbers, for reports.

use he_traits::{Level, Schedule};
use serde::Serialize;

use super::{Program, StepKind, Term};
use crate::fold::ValueId;
use crate::pack::{Layout, Order};

/// One step of a program, for tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepSummary {
    /// Names of the layers in it.
    pub name: String,
    /// What it computes, in a few words ("map 128 x 4096", "polynomial of degree 15", "sigmoid").
    pub operation: String,
    /// Level of the operands; `None` without a budget.
    pub before: Option<u32>,
    /// Level of the result; `None` without a budget.
    pub after: Option<u32>,
    /// Ciphertexts of the result, for one sample.
    pub blocks: usize,
    /// Slots before the result repeats.
    pub period: usize,
    /// How the result lies ("8 x 28 x 28, gap 1").
    pub layout: String,
    /// Different rotations used.
    pub rotations: usize,
}

impl Program {
    /// Each step in words and numbers.
    pub fn summary(&self) -> Vec<StepSummary> {
        let summary = |(index, step): (usize, &super::Step)| {
            let layout = self.layout(ValueId(index + 1));
            let rotations = match &step.kind {
                StepKind::Linear { terms, .. } => terms.iter().flat_map(rotations).collect(),
                StepKind::Product { operands, .. } => operands.iter().flat_map(rotations).collect(),
                StepKind::SumColumns { sum, .. } => {
                    sum.rotations().map(|step| step.normalised(self.slots)).collect()
                }
                _ => std::collections::BTreeSet::new(),
            };
            let (blocks, layout_words) = match &step.kind {
                StepKind::Refresh { .. } => (self.refreshed(step), String::new()),
                _ => (layout.blocks(), layout_in_words(layout)),
            };
            StepSummary {
                name: step.name.clone(),
                operation: operation(&step.kind),
                before: level(step.before),
                after: level(step.after),
                blocks,
                period: layout.period(),
                layout: layout_words,
                rotations: rotations.len(),
            }
        };
        self.steps.iter().enumerate().map(summary).collect()
    }
}

fn level(level: Level) -> Option<u32> {
    level.get()
}

fn rotations(term: &Term) -> std::collections::BTreeSet<usize> {
    match term {
        Term::Mapped { schedule, .. } => Schedule::rotations(schedule),
        Term::Value(_) => std::collections::BTreeSet::new(),
    }
}

fn operation(kind: &StepKind) -> String {
    match kind {
        StepKind::Polynomial { polynomial, .. } => format!("polynomial of degree {}", polynomial.degree()),
        StepKind::Exact { function, .. } => function.name().to_owned(),
        StepKind::Product { .. } => "product".to_owned(),
        StepKind::SumColumns { sum, .. } => format!("sums over {} columns", sum.columns()),
        StepKind::Refresh { values } => match values.len() {
            1 => "refresh of a value".to_owned(),
            count => format!("refresh of {count} values"),
        },
        StepKind::Linear { terms, function, .. } => {
            let term = |term: &Term| match term {
                Term::Value(_) => "value".to_owned(),
                Term::Mapped { map, .. } => {
                    let (rows, columns) = map.shape();
                    format!("map {rows} x {columns}")
                }
            };
            let sum = terms.iter().map(term).collect::<Vec<_>>().join(" + ");
            function.map_or(sum.clone(), |function| format!("{sum}, {}", function.name()))
        }
    }
}

fn layout_in_words(layout: &Layout) -> String {
    let shape: Vec<String> = layout.shape().iter().map(usize::to_string).collect();
    let shape = shape.join(" x ");
    match (layout.gap(), layout.phases()) {
        (1, 1) if layout.copies() > 1 => format!("{shape}, a column of {}", layout.copies()),
        (1, 1) => shape,
        (1, phases) if layout.order() == Order::Channels => format!("{shape}, split {phases} x {phases}"),
        (1, phases) => format!("{shape}, in {phases} x {phases} parts"),
        (gap, _) if layout.shared() == 1 => format!("{shape}, gap {gap}, a plane each"),
        (gap, _) => format!("{shape}, gap {gap}"),
    }
}
