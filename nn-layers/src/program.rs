//! A compiled network: steps over encrypted values, as plain data without a scheme.

mod build;
mod clear;
mod describe;
mod fuse;
mod memory;
mod places;
mod revolver;
mod rounds;
mod schedule;
mod sum_columns;
mod symbolic;

use std::ops::Range;
use std::sync::Arc;

use he_traits::{Diagonal, Function, Level, LinearMap, Polynomial, Schedule};

pub(crate) use build::{How, Packed, Weighed};
pub use describe::StepSummary;
pub use memory::MemoryEstimate;
pub(crate) use places::Places;
pub use sum_columns::SumColumns;
pub use symbolic::{StepCost, SymbolicRun};

use crate::approx::ActivationRecord;
use crate::error::{Error, Result};
use crate::fold::ValueId;
use crate::graph::Network;
use crate::pack::{BlockSums, Layout};
use crate::tensor::{Tensor, numel};
use crate::weights::Weights;

/// A compiled network: what to do with encrypted values, step by step. It names no scheme and holds no keys; it was made for
/// ciphertexts of [`Program::slots`] slots and inputs at [`Program::input_level`].
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) slots: usize,
    pub(crate) input_level: Level,
    pub(crate) depth: u32,
    /// Layouts of the values: the input, then one for each step.
    pub(crate) layouts: Vec<Layout>,
    pub(crate) steps: Vec<Step>,
    pub(crate) output: ValueId,
    pub(crate) activations: Vec<ActivationRecord>,
    pub(crate) network: Network,
    pub(crate) weights: Arc<Weights>,
}

/// One step; step `i` makes value `i + 1` (value 0 is the input), which is empty for a refresh.
#[derive(Debug, Clone)]
pub struct Step {
    /// Names of the layers in it, joined by `+`.
    pub name: String,
    /// What it computes.
    pub kind: StepKind,
    /// Level of the operands.
    pub before: Level,
    /// Level of the result.
    pub after: Level,
}

/// What a step computes.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// `sum of terms + bias`: at most one level.
    Linear {
        /// What is summed.
        terms: Vec<Term>,
        /// One vector an output block, `None` for zeros.
        bias: Option<Vec<Diagonal>>,
        /// A function of every slot of the sum, by the scheme itself; only where there is one term, a map.
        function: Option<Function>,
    },
    /// A polynomial of every slot.
    Polynomial {
        /// The value.
        input: ValueId,
        /// The polynomial.
        polynomial: Polynomial,
    },
    /// The product of two values, slot by slot.
    Product {
        /// What is multiplied; a map only moves a value to the places of the other, one level above the product.
        operands: Box<[Term; 2]>,
        /// Level of the factors; the result lies one below.
        at: Level,
    },
    /// A function of every slot, by the scheme itself.
    Exact {
        /// The value.
        input: ValueId,
        /// The function.
        function: Function,
    },
    /// The sum of each row of a matrix that lies row by row, in each column of its row: one level.
    SumColumns {
        /// The matrix.
        input: ValueId,
        /// How it is computed.
        sum: SumColumns,
    },
    /// Values are replaced by fresh ciphertexts of the same slots, all in one call of the scheme's
    /// [refresh](he_traits::Evaluator::refresh): one round, where the owner of the key is asked. The step makes no value of its own.
    Refresh {
        /// The values; later steps read the fresh ones.
        values: Vec<ValueId>,
    },
}

/// One term of a linear step.
#[derive(Debug, Clone)]
pub enum Term {
    /// A value as it is, dropped to the step's level.
    Value(ValueId),
    /// A map of a value.
    Mapped {
        /// The value.
        value: ValueId,
        /// Which of its ciphertexts are added before the map reads them; `None` where it reads each by itself.
        sums: Option<Arc<BlockSums>>,
        /// The map between the two layouts, or from the sums.
        map: Arc<LinearMap>,
        /// How it is computed.
        schedule: Schedule,
        /// Diagonals that it multiplies by; 0 where it is computed as a sparse product.
        diagonals: usize,
    },
}

impl Term {
    /// The value that the term reads.
    pub fn value(&self) -> ValueId {
        match self {
            Term::Value(value) | Term::Mapped { value, .. } => *value,
        }
    }
}

impl Step {
    /// What a step by maps sums or multiplies; nothing for functions of every slot.
    pub fn terms(&self) -> &[Term] {
        match &self.kind {
            StepKind::Linear { terms, .. } => terms,
            StepKind::Product { operands, .. } => operands.as_slice(),
            StepKind::Polynomial { .. }
            | StepKind::Exact { .. }
            | StepKind::SumColumns { .. }
            | StepKind::Refresh { .. } => &[],
        }
    }

    /// The values that the step reads.
    pub fn inputs(&self) -> Vec<ValueId> {
        match &self.kind {
            StepKind::Linear { terms, .. } => terms.iter().map(Term::value).collect(),
            StepKind::Product { operands, .. } => operands.iter().map(Term::value).collect(),
            StepKind::Polynomial { input, .. }
            | StepKind::Exact { input, .. }
            | StepKind::SumColumns { input, .. } => vec![*input],
            StepKind::Refresh { values } => values.clone(),
        }
    }
}

impl Program {
    /// Slots of the ciphertexts that the program was made for.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The level at which inputs are to be encrypted: as low as the program allows.
    pub fn input_level(&self) -> Level {
        self.input_level
    }

    /// Multiplications one after the other, from the input to the result.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Where the input lies.
    pub fn input_layout(&self) -> &Layout {
        // There always is the input's layout; the fallback is never reached.
        self.layouts.first().unwrap_or(&EMPTY)
    }

    /// Where the result lies.
    pub fn output_layout(&self) -> &Layout {
        self.layout(self.output)
    }

    /// Where a value lies.
    pub fn layout(&self, value: ValueId) -> &Layout {
        self.layouts.get(value.index()).unwrap_or(&EMPTY)
    }

    /// The value that is the result.
    pub fn output(&self) -> ValueId {
        self.output
    }

    /// What became of each activation.
    pub fn activations(&self) -> &[ActivationRecord] {
        &self.activations
    }

    /// Takes over what became of each activation from the program in which they were replaced.
    pub fn copy_activations(&mut self, from: &Program) {
        self.activations.clone_from(&from.activations);
    }

    /// The network that the program computes: fitted polynomials stand where functions were replaced.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Samples that share ciphertexts: as many as there are slots in the packing [batched](crate::Packing::Batched), else 1.
    pub fn samples_per_ciphertext(&self) -> usize {
        (self.slots / self.input_layout().slots().max(1)).max(1)
    }

    /// So many samples in groups that share ciphertexts, each the range of its numbers: the last one may be smaller.
    pub fn groups(&self, samples: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let each = self.samples_per_ciphertext();
        (0..samples).step_by(each).map(move |first| first..(first + each).min(samples))
    }

    /// The blocks of one sample, ready to be encrypted, or of a [group](Program::groups) of samples that share them.
    ///
    /// # Shapes
    /// `samples` has the network's input shape, or that shape after a batch of [`Program::samples_per_ciphertext`] at most.
    ///
    /// # Errors
    /// [`Error::InputShape`], [`Error::TooManySamples`] and [`Error::NotFinite`] for samples that do not fit.
    pub fn pack(&self, samples: &Tensor) -> Result<Vec<Diagonal>> {
        let expected = self.network.input_shape();
        let count = match samples.shape() {
            shape if shape == expected => 1,
            [count, shape @ ..] if shape == expected && *count > 0 => *count,
            _ => {
                return Err(Error::InputShape {
                    network: self.network.name().to_owned(),
                    expected: expected.to_vec(),
                    got: samples.shape().to_vec(),
                });
            }
        };
        let most = self.samples_per_ciphertext();
        if count > most {
            return Err(Error::TooManySamples { most, got: count });
        }
        if let Some((index, value)) = samples.first_not_finite() {
            return Err(Error::NotFinite { tensor: "input".to_owned(), index, value });
        }
        if most == 1 {
            return self.input_layout().pack(samples.data());
        }
        let elements = numel(expected);
        let slots = |element: usize| {
            let mut slots = vec![0.0; self.slots];
            let values = samples.data().iter().skip(element).step_by(elements);
            slots.iter_mut().zip(values).for_each(|(slot, value)| *slot = *value);
            Diagonal::Real(slots)
        };
        Ok((0..elements).map(slots).collect())
    }

    /// The results of a group of so many samples from its decrypted blocks.
    ///
    /// # Shapes
    /// The result is `[samples, ..]` with the network's output shape.
    ///
    /// # Errors
    /// [`Error::Blocks`] when the blocks are not as many, or not as long, as the layout says; [`Error::TooManySamples`].
    pub fn unpack(&self, blocks: &[Vec<f64>], samples: usize) -> Result<Tensor> {
        let (layout, most) = (self.output_layout(), self.samples_per_ciphertext());
        if samples > most {
            return Err(Error::TooManySamples { most, got: samples });
        }
        let mut values = Vec::with_capacity(samples * layout.elements());
        for sample in 0..samples {
            // The slots that belong to this sample: all of them, or one.
            let own = |block: &Vec<f64>| {
                block.iter().skip(sample * layout.slots()).take(layout.slots()).copied().collect()
            };
            values.extend(layout.unpack(&blocks.iter().map(own).collect::<Vec<_>>())?);
        }
        let shape: Vec<usize> =
            std::iter::once(samples).chain(self.network.output_shape().iter().copied()).collect();
        Tensor::new(&shape, values)
    }
}

static EMPTY: Layout = Layout::empty();
