//! A linear step and the exact function behind it become one step.
//!
//! A scheme that computes functions exactly is bound by memory, and finishes a layer while its values are at hand
//! ([`Evaluator::layer`](he_traits::Evaluator::layer)). Where the result of the linear step has other readers too, it stays a step.

use super::{Step, StepKind, Term};
use crate::fold::ValueId;
use crate::pack::Layout;

/// Steps, the layouts of their values (the input's first), and the value that is the result.
pub(super) struct Parts {
    pub(super) steps: Vec<Step>,
    pub(super) layouts: Vec<Layout>,
    pub(super) output: ValueId,
}

impl Parts {
    /// The same computation in fewer steps.
    pub(super) fn fused(self) -> Parts {
        let Parts { steps, layouts, output } = self;
        let mut readers = vec![0_usize; layouts.len()];
        for value in steps.iter().flat_map(Step::inputs).chain([output]) {
            if let Some(count) = readers.get_mut(value.index()) {
                *count += 1;
            }
        }
        let only_reader = |value: ValueId| readers.get(value.index()) == Some(&1);
        let mut layouts = layouts.into_iter();
        let mut kept = Parts { steps: Vec::new(), layouts: layouts.by_ref().take(1).collect(), output };
        // The new number of each value.
        let mut numbers = vec![ValueId::INPUT];
        for (mut step, layout) in steps.into_iter().zip(layouts) {
            renumber(&mut step.kind, &numbers);
            let number = ValueId(kept.steps.len());
            let input_is_last = match step.kind {
                StepKind::Exact { input, .. } => input == number,
                _ => false,
            };
            let alone = numbers.len().checked_sub(1).is_some_and(|last| only_reader(ValueId(last)));
            match (kept.steps.last_mut(), &step.kind) {
                (Some(last), StepKind::Exact { function, .. })
                    if input_is_last && alone && last.takes_function() =>
                {
                    if let StepKind::Linear { function: slot, .. } = &mut last.kind {
                        *slot = Some(*function);
                    }
                    last.name = format!("{}+{}", last.name, step.name);
                    last.after = step.after;
                    kept.layouts.pop();
                }
                _ => kept.steps.push(step),
            }
            kept.layouts.push(layout);
            numbers.push(ValueId(kept.steps.len()));
        }
        kept.output = new_number(output, &numbers);
        kept
    }
}

impl Step {
    /// Whether a function can be computed along with this step.
    fn takes_function(&self) -> bool {
        match &self.kind {
            StepKind::Linear { terms, function: None, .. } => matches!(&**terms, [Term::Mapped { .. }]),
            _ => false,
        }
    }
}

pub(super) fn new_number(value: ValueId, numbers: &[ValueId]) -> ValueId {
    numbers.get(value.index()).copied().unwrap_or(value)
}

pub(super) fn renumber(kind: &mut StepKind, numbers: &[ValueId]) {
    match kind {
        StepKind::Linear { terms, .. } => {
            for term in terms {
                let (Term::Value(value) | Term::Mapped { value, .. }) = term;
                *value = new_number(*value, numbers);
            }
        }
        StepKind::Product { operands, .. } => {
            for operand in operands.iter_mut() {
                let (Term::Value(value) | Term::Mapped { value, .. }) = operand;
                *value = new_number(*value, numbers);
            }
        }
        StepKind::Polynomial { input, .. }
        | StepKind::Exact { input, .. }
        | StepKind::SumColumns { input, .. } => {
            *input = new_number(*input, numbers);
        }
        StepKind::Refresh { values } => {
            values.iter_mut().for_each(|value| *value = new_number(*value, numbers));
        }
    }
}
