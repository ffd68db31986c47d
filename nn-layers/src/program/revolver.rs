//! The Volley Revolver (Chiang 2022) and its double form for several ciphertexts (CryptoUNets, section on the Double Volley Revolver): every
//! value is a matrix that lies row by row in the slots.
//!
//! - **Images**: a channel is a row, and what does not fit into one ciphertext is cut between rows. A convolution is a map between rows: shifts of
//!   them times the kernel, for each pair of an input and an output ciphertext. The paper multiplies by a kernel tiled over the image (its span
//!   kernel), sums, and cleans up by masks, because its kernels are ciphertexts; with weights in the clear, shifting the image computes the same in one level.
//!   After a stride the pixels stay on the grid of the network's input.
//! - **Vectors**: a fully connected layer on a *row*, which repeats in all rows, multiplies it by the weights, a row for each output, and sums over the
//!   columns ([`SumColumns`](super::SumColumns)): the result is a *column*, in two levels. One on a column multiplies by the transposed weights and sums over
//!   the rows (SumRowVec): a map with one diagonal a ciphertext and rotate-and-adds behind it, whose result is a row, in one level. So consecutive
//!   layers take turns, and nothing needs to be transposed.
//! - Before a fully connected layer the pixels of an image are gathered to a row by a map of their own.
//!
//! A folded network becomes another folded network with these steps, together with the layouts of its values.

use std::collections::BTreeMap;

use he_traits::{LinearStyle, Profile};

use super::places::shared_places;
use crate::error::{Error, Result};
use crate::fold::{Folded, FoldedKind, FoldedStep, ValueId};
use crate::lower::{Operator, ProductsMap};
use crate::pack::{Choice, Layout, Operand, Packing};
use crate::tensor::numel;

/// The steps of `folded` in this packing, and the layouts of all values: the input's, then one for each step. `choice` weighs grids.
///
/// # Errors
/// [`Error::Packing`] for schemes without diagonals, slots that are no power of two, and a fully connected layer with a row longer than the slots.
pub(super) fn arrange(
    folded: &Folded,
    profile: &Profile,
    choice: &mut Choice<'_>,
) -> Result<(Folded, Vec<Layout>)> {
    if profile.linear == LinearStyle::Matrix {
        return Err(Error::only_one_packing(Packing::VolleyRevolver, &profile.backend));
    }
    if !profile.slots.is_power_of_two() {
        return Err(refused(&profile.backend, format!("{} slots are no power of two", profile.slots)));
    }
    let input = input_layout(&folded.input, profile.slots);
    let mut arranged = Arranged {
        profile,
        steps: Vec::new(),
        layouts: vec![input],
        rows: BTreeMap::new(),
        numbers: vec![ValueId::INPUT],
    };
    let shared = shared_places(folded);
    for (index, step) in folded.steps.iter().enumerate() {
        let places = shared.get(&ValueId(index + 1)).map(|other| arranged.layout(arranged.number(*other)));
        let places = places.map(|layout| layout.with_shape(&step.shape));
        let value = arranged.step(step, places, choice)?;
        arranged.numbers.push(value);
    }
    let output = arranged.number(folded.output);
    let Arranged { steps, layouts, .. } = arranged;
    Ok((Folded { input: folded.input.clone(), steps, output, narrow: folded.narrow }, layouts))
}

fn refused(backend: &str, reason: String) -> Error {
    Error::Packing { packing: Packing::VolleyRevolver, backend: backend.to_owned(), reason }
}

fn input_layout(shape: &[usize], slots: usize) -> Layout {
    match shape {
        [_, _, width] => Layout::rows(shape, 1, *width, 1, slots),
        _ => Layout::row_vector(numel(shape), 1, slots).with_shape(shape),
    }
}

/// Where an image may lie that is made from one that lies as `input`, on the same grid: with the gap that the shapes suggest, or with a smaller one, for
/// a window without padding shrinks an image by more than its stride. Nothing where the grid is too small.
fn on_grid_of(input: &Layout, shape: &[usize]) -> Vec<Layout> {
    let (&[_, height, width], &[_, in_height, in_width]) = (shape, input.shape()) else { return Vec::new() };
    let stride = ((in_height + height / 2) / height).max((in_width + width / 2) / width).max(1);
    let growth = (height / in_height).max(1);
    let gaps: Vec<usize> = match growth {
        1 => (1..=stride).rev().map(|stride| input.gap() * stride).collect(),
        growth if input.gap().is_multiple_of(growth) => vec![input.gap() / growth],
        _ => Vec::new(),
    };
    let fits = |gap: &usize| gap * width <= input.row() && gap * height * input.row() <= input.plane();
    let rows = |gap| Layout::rows(shape, gap, input.row(), input.plane(), input.slots());
    gaps.into_iter().filter(fits).map(rows).collect()
}

/// The steps so far.
struct Arranged<'a> {
    profile: &'a Profile,
    steps: Vec<FoldedStep>,
    layouts: Vec<Layout>,
    /// Values that were gathered to a row already.
    rows: BTreeMap<ValueId, ValueId>,
    /// The new number of each value.
    numbers: Vec<ValueId>,
}

impl Arranged<'_> {
    fn number(&self, old: ValueId) -> ValueId {
        super::fuse::new_number(old, &self.numbers)
    }

    fn layout(&self, value: ValueId) -> &Layout {
        self.layouts.get(value.index()).unwrap_or(&super::EMPTY)
    }

    fn push(&mut self, name: String, kind: FoldedKind, layout: Layout) -> ValueId {
        self.steps.push(FoldedStep { name, shape: layout.shape().to_vec(), kind });
        self.layouts.push(layout);
        ValueId(self.steps.len())
    }

    /// Adds what computes a step, whose result lies as `places` says where another value depends on it.
    fn step(
        &mut self,
        step: &FoldedStep,
        places: Option<Layout>,
        choice: &mut Choice<'_>,
    ) -> Result<ValueId> {
        let as_it_lies = |value: ValueId| self.layout(value).with_shape(&step.shape);
        let (kind, layout) = match &step.kind {
            FoldedKind::Affine { terms, bias } => return self.affine(step, terms, bias, places, choice),
            FoldedKind::Pointwise { input, function } => {
                let input = self.number(*input);
                (FoldedKind::Pointwise { input, function: function.clone() }, as_it_lies(input))
            }
            FoldedKind::Product(operands) => {
                let [a, b] = operands.map(|value| self.number(value));
                (FoldedKind::Product([a, b]), as_it_lies(a))
            }
            FoldedKind::SumColumns { input } => {
                let input = self.number(*input);
                let columns = self.layout(input).row();
                let layout = Layout::column(numel(&step.shape), columns, self.profile.slots);
                (FoldedKind::SumColumns { input }, layout)
            }
        };
        Ok(self.push(step.name.clone(), kind, layout))
    }

    fn affine(
        &mut self,
        step: &FoldedStep,
        terms: &[(ValueId, Operator)],
        bias: &[f64],
        places: Option<Layout>,
        choice: &mut Choice<'_>,
    ) -> Result<ValueId> {
        let mut moved = Vec::with_capacity(terms.len());
        for (value, operator) in terms {
            let value = self.number(*value);
            if !operator.is_dense() {
                moved.push((value, operator.clone()));
                continue;
            }
            if terms.len() == 1 && step.shape.first() == Some(&operator.rows()) {
                return self.fully_connected(&step.name, value, operator, bias, &step.shape);
            }
            let product = self.fully_connected(&step.name, value, operator, &[], &[operator.rows()])?;
            moved.push((product, Operator::identity(operator.rows())));
        }
        let layout = places.unwrap_or_else(|| self.layout_of_sum(&step.shape, &moved, choice));
        let kind = FoldedKind::Affine { terms: moved, bias: bias.to_vec() };
        Ok(self.push(step.name.clone(), kind, layout))
    }

    /// Where a sum lies: as its terms, on the grid of one of them, or as a row.
    fn layout_of_sum(
        &self,
        shape: &[usize],
        terms: &[(ValueId, Operator)],
        choice: &mut Choice<'_>,
    ) -> Layout {
        let inputs = terms.iter().map(|(value, _)| self.layout(*value));
        if let ([(value, _), others @ ..], true) = (terms, terms.iter().all(|(_, o)| o.is_scalar())) {
            let first = self.layout(*value);
            if first.shape() == shape && others.iter().all(|(other, _)| self.layout(*other) == first) {
                return first.clone();
            }
        }
        let on_grid = inputs.map(|input| on_grid_of(input, shape)).find(|candidates| !candidates.is_empty());
        let operand = |(value, operator)| Operand { operator, layout: self.layout(value), sums: None };
        let operands: Vec<Operand<'_>> =
            terms.iter().map(|(value, operator)| operand((*value, operator))).collect();
        let cheapest = choice.cheapest(on_grid.unwrap_or_default(), &operands);
        cheapest.unwrap_or_else(|| input_layout(shape, self.profile.slots))
    }

    /// A product of a vector with a matrix; the result is a vector, whatever dimensions of 1 its shape has.
    fn fully_connected(
        &mut self,
        name: &str,
        value: ValueId,
        weights: &Operator,
        bias: &[f64],
        shape: &[usize],
    ) -> Result<ValueId> {
        let slots = self.profile.slots;
        let (outputs, inputs) = (weights.rows(), weights.columns());
        let columns = self.layout(value).copies();
        if columns > 1 {
            // SumRowVec: the products of each number with its row of weights are added up over the rows.
            let kind = FoldedKind::Affine { terms: vec![(value, weights.clone())], bias: bias.to_vec() };
            let layout = Layout::row_vector(outputs, columns, slots).with_shape(shape);
            return Ok(self.push(name.to_owned(), kind, layout));
        }
        let row = self.row(name, value)?;
        let columns = self.layout(row).places();
        let products =
            Layout::rows(&[outputs, 1, inputs], 1, columns, 1, slots).with_shape(&[outputs, inputs]);
        let terms = vec![(row, Operator::matrix(ProductsMap::new(weights.clone())))];
        // Each sum takes in what stands in the first column.
        let first = |bias: &f64| std::iter::once(*bias).chain(std::iter::repeat_n(0.0, inputs - 1));
        let kind = FoldedKind::Affine { terms, bias: bias.iter().flat_map(first).collect() };
        let input = self.push(name.to_owned(), kind, products);
        let layout = Layout::column(outputs, columns, slots).with_shape(shape);
        Ok(self.push(format!("{name} (SumColVec)"), FoldedKind::SumColumns { input }, layout))
    }

    /// The value as a row, gathered where it is none.
    fn row(&mut self, name: &str, value: ValueId) -> Result<ValueId> {
        if let Some(row) = self.rows.get(&value) {
            return Ok(*row);
        }
        let slots = self.profile.slots;
        let elements = self.layout(value).elements();
        let (kind, layout) = match self.layout(value).as_row_vector() {
            Some(layout) if layout == *self.layout(value) => return Ok(value),
            lies => {
                let kind = FoldedKind::Affine {
                    terms: vec![(value, Operator::identity(elements))],
                    bias: Vec::new(),
                };
                (kind, lies.unwrap_or_else(|| Layout::row_vector(elements, 1, slots)))
            }
        };
        if layout.blocks() > 1 {
            let reason = format!(
                "{name} is a product with rows of {elements} numbers, and a ciphertext has {slots} slots; take the packing multiplexed, or a larger ring"
            );
            return Err(refused(&self.profile.backend, reason));
        }
        let row = self.push(format!("{name} (as a row)"), kind, layout);
        self.rows.insert(value, row);
        Ok(row)
    }
}
