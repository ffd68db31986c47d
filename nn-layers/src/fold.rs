//! From a network to alternating affine maps and functions: consecutive linear layers become one map.
//!
//! Every value between two nonlinear functions is carried as a *form*, a sum of operators on values computed before plus a
//! constant. Convolution, pooling, flattening, addition and fully connected layers only compose forms; a form becomes a
//! step when a function needs it, when composing would cost more than it saves, or at the end. An affine map on the argument
//! of a function (the interval of a polynomial) goes into the form as well: it costs no level.

mod form;

use std::collections::BTreeMap;

use form::Form;

use crate::approx::Nonlinear;
use crate::error::{Error, Result};
use crate::graph::{Network, Node, NodeId};
use crate::layers::Layer;
use crate::lower::{Lowered, Operator, Quadratic};
use crate::tensor::numel;
use crate::weights::Weights;

/// Most entries of a composed matrix: beyond it maps stay apart, because a composition is materialised.
pub const COMPOSED_ENTRIES: u64 = 1 << 24;

/// When two maps become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Composition {
    /// Whenever it saves a level (schemes whose levels are scarce).
    SaveLevels,
    /// As [`Composition::SaveLevels`], but not where the product has more than four times the entries of its factors: two layers with few
    /// values between them stay two maps.
    KeepNarrow,
    /// As [`Composition::SaveLevels`], but a layer onto a vector is never composed with what comes before it: a fully connected layer behind a
    /// pooling then has the pooled image's length of rows (the Volley Revolver pays by that length).
    KeepRows,
    /// Only when the product has no more entries than its factors (schemes that pay by the entry and have no levels).
    SaveEntries,
    /// Never: each layer is a step of its own. The reference that folding is tested against.
    Never,
}

/// Number of a value of a folded network: the input is 0, each step adds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) usize);

impl ValueId {
    /// The network's input.
    pub const INPUT: ValueId = ValueId(0);

    /// Its number.
    pub fn index(self) -> usize {
        self.0
    }
}

/// A step of a folded network; step `i` makes value `i + 1`.
#[derive(Debug, Clone)]
pub struct FoldedStep {
    /// Names of the layers in it, in order, joined by `+`.
    pub name: String,
    /// Shape of the value it makes, without the batch.
    pub shape: Vec<usize>,
    /// What it computes.
    pub kind: FoldedKind,
}

/// What a folded step computes.
#[derive(Debug, Clone)]
pub enum FoldedKind {
    /// `sum of operators on values + bias`.
    Affine {
        /// The values and what acts on them.
        terms: Vec<(ValueId, Operator)>,
        /// One number an element; empty when all are zero.
        bias: Vec<f64>,
    },
    /// A function of every element by itself.
    Pointwise {
        /// The value.
        input: ValueId,
        /// The function.
        function: Nonlinear,
    },
    /// Product of two values of the same shape, element by element.
    Product([ValueId; 2]),
    /// The sum of each row of a matrix, in each column of its row (SumColVec; Han et al. 2018, *Logistic regression on homomorphic encrypted
    /// data at scale*).
    SumColumns {
        /// The matrix, `[rows, columns]`.
        input: ValueId,
    },
}

/// A folded network.
#[derive(Debug, Clone)]
pub struct Folded {
    /// Shape of the input, without the batch.
    pub input: Vec<usize>,
    /// The steps, in order.
    pub steps: Vec<FoldedStep>,
    /// The result.
    pub output: ValueId,
    /// Whether some map was composed that has more than four times the entries of its factors, over a place with few values: what
    /// [`Composition::KeepNarrow`] leaves apart.
    pub narrow: bool,
}

impl Folded {
    /// Folds `network`. `functions` says what stands in for each activation (see [`approx`](crate::approx)).
    ///
    /// # Errors
    /// Those of [`Weights::check`], and [`Error::BadLayer`] for an activation without a function.
    pub fn new(
        network: &Network,
        weights: &Weights,
        functions: &BTreeMap<NodeId, Nonlinear>,
        composition: Composition,
    ) -> Result<Folded> {
        weights.check(network)?;
        let mut folder = Folder {
            network,
            composition,
            heights: heights(network),
            steps: Vec::new(),
            forms: vec![None; network.nodes().len()],
            narrow: false,
        };
        let needed = needed(network);
        for node in network.nodes().iter().filter(|node| needed.contains(&node.id())) {
            folder.visit(node, weights, functions)?;
        }
        let output = folder.materialise(network.output())?;
        Ok(Folded {
            input: network.input_shape().to_vec(),
            steps: folder.steps,
            output,
            narrow: folder.narrow,
        })
    }

    /// Shape of a value, without the batch.
    pub fn shape(&self, value: ValueId) -> &[usize] {
        match value.0.checked_sub(1) {
            None => &self.input,
            Some(step) => self.steps.get(step).map_or(&[], |step| &step.shape),
        }
    }

    /// The folded network applied to one input in the clear.
    pub fn clear(&self, input: &[f64]) -> Vec<f64> {
        let mut values = vec![input.to_vec()];
        for step in &self.steps {
            let at = |id: &ValueId| values.get(id.0).map_or(&[][..], Vec::as_slice);
            let value = match &step.kind {
                FoldedKind::Affine { terms, bias } => {
                    let mut sum = vec![0.0; numel(&step.shape)];
                    sum.iter_mut().zip(bias).for_each(|(sum, bias)| *sum = *bias);
                    for (id, operator) in terms {
                        sum.iter_mut().zip(operator.apply(at(id))).for_each(|(sum, term)| *sum += term);
                    }
                    sum
                }
                FoldedKind::Pointwise { input, function } => {
                    at(input).iter().map(|x| function.at_argument(*x)).collect()
                }
                FoldedKind::Product([a, b]) => at(a).iter().zip(at(b)).map(|(a, b)| a * b).collect(),
                FoldedKind::SumColumns { input } => {
                    let columns = at(input).len() / numel(&step.shape).max(1);
                    at(input).chunks(columns.max(1)).map(|row| row.iter().sum()).collect()
                }
            };
            values.push(value);
        }
        values.get(self.output.0).cloned().unwrap_or_default()
    }
}

/// Whether a product has so many more entries than its factors that it may be better left to two maps.
fn grows(first: &Form, second: &Operator, product: &Form) -> bool {
    product.about_entries() > 4.0 * (first.about_entries() + second.about_entries())
}

/// The nodes that the output depends on, and the input.
fn needed(network: &Network) -> Vec<NodeId> {
    let mut needed = vec![network.output()];
    let mut next = 0;
    while let Some(id) = needed.get(next).copied() {
        for input in network.node(id).map_or(&[][..], Node::inputs) {
            if !needed.contains(input) {
                needed.push(*input);
            }
        }
        next += 1;
    }
    needed
}

/// Nonlinear layers on the longest way from each node to the result, the node itself counted.
fn heights(network: &Network) -> Vec<usize> {
    let mut heights = vec![0; network.nodes().len()];
    for node in network.nodes().iter().rev() {
        let at = |id: NodeId| heights.get(id.index()).copied().unwrap_or(0);
        let behind = network.readers(node.id()).map(|reader| at(reader.id())).max().unwrap_or(0);
        let own = match node.layer() {
            Layer::Activation(_) | Layer::LearnedPolynomial(_) | Layer::LearnedCubic(_) | Layer::Mul(_) => 1,
            _ => 0,
        };
        heights.iter_mut().skip(node.id().index()).take(1).for_each(|height| *height = behind + own);
    }
    heights
}

/// The only input of a node.
fn only_input(network: &Network, node: &Node) -> Result<NodeId> {
    match *node.inputs() {
        [input] => Ok(input),
        _ => Err(wrong_inputs(network, node, "one input")),
    }
}

fn wrong_inputs(network: &Network, node: &Node, expected: &str) -> Error {
    Error::NodeShape {
        node: node.name().to_owned(),
        layer: node.layer().kind(),
        expected: expected.to_owned(),
        got: network.shapes_of_inputs(node).iter().map(|shape| shape.to_vec()).collect(),
    }
}

fn unknown(network: &Network, id: NodeId) -> Error {
    Error::UnknownNode {
        network: network.name().to_owned(),
        wanted: format!("node {}", id.index()),
        nodes: network.nodes().len(),
    }
}

struct Folder<'a> {
    network: &'a Network,
    composition: Composition,
    /// Nonlinear layers on the longest way from each node to the result.
    heights: Vec<usize>,
    steps: Vec<FoldedStep>,
    /// The form of each node so far.
    forms: Vec<Option<Form>>,
    narrow: bool,
}

impl Folder<'_> {
    fn visit(
        &mut self,
        node: &Node,
        weights: &Weights,
        functions: &BTreeMap<NodeId, Nonlinear>,
    ) -> Result<()> {
        let parameters = weights.of_node(self.network, node)?;
        let shapes = self.network.shapes_of_inputs(node);
        let form = match node.layer().lower(&shapes, node.shape(), &parameters) {
            Lowered::Input => Form::of_value(ValueId::INPUT, numel(node.shape())),
            Lowered::Affine { maps, bias } => {
                let mut form = Form::constant(numel(node.shape()), bias.as_deref());
                for (map, input) in maps.iter().zip(node.inputs()) {
                    let term = self.composed(map, *input, node.id())?;
                    form.add(term);
                }
                form.names.push(node.name().to_owned());
                if self.composition == Composition::Never {
                    let value = self.emit(&form, node);
                    form = Form::of_value(value, numel(node.shape()));
                }
                form
            }
            Lowered::Pointwise(_) => {
                let function = functions.get(&node.id()).ok_or_else(|| Error::BadLayer {
                    node: node.name().to_owned(),
                    layer: node.layer().kind(),
                    reason: "nothing was chosen to stand in for this function".to_owned(),
                })?;
                match function.quadratic(numel(node.shape())) {
                    Some(quadratic) if self.composition != Composition::Never => {
                        self.quadratic(node, &quadratic)?
                    }
                    _ => self.pointwise(node, function)?,
                }
            }
            Lowered::Polynomial(own) => self.pointwise(node, &Nonlinear::Polynomial(own))?,
            Lowered::Quadratic(quadratic) => self.quadratic(node, &quadratic)?,
            Lowered::Product(maps) => self.product(node, &maps)?,
        };
        if let Some(slot) = self.forms.get_mut(node.id().index()) {
            *slot = Some(form);
        }
        Ok(())
    }

    fn form(&self, id: NodeId) -> Result<&Form> {
        self.forms.get(id.index()).and_then(Option::as_ref).ok_or_else(|| unknown(self.network, id))
    }

    /// `map`, a part of `reader`, on the value of `input`: composed with its form where that pays, else on the value itself.
    ///
    /// Where several layers read a value, as behind the addition of a residual block, composing saves a level on the longest way to the
    /// result alone. The other readers take the value as a step of its own, which runs beside that way: a residual block without an
    /// activation behind its addition then costs two levels and not three.
    fn composed(&mut self, map: &Operator, input: NodeId, reader: NodeId) -> Result<Form> {
        let form = self.form(input)?;
        let free = map.is_placed() || form.is_placed();
        let shared = self.network.readers(input).count() > 1;
        let onto_vector = matches!(self.network.node(reader).map(Node::shape), Some([_] | [_, 1, 1]));
        let alone = match self.composition {
            Composition::KeepRows if onto_vector && !free => false,
            Composition::SaveLevels | Composition::KeepNarrow | Composition::KeepRows
                if shared && !form.is_placed() =>
            {
                self.is_critical(input, reader)
            }
            _ => free || !shared,
        };
        if alone
            && let Some(composed) = form.mapped(map, COMPOSED_ENTRIES)
            && (free
                || match self.composition {
                    Composition::SaveLevels | Composition::KeepRows => true,
                    Composition::KeepNarrow => !grows(form, map, &composed),
                    Composition::SaveEntries => composed.entries() <= form.entries() + map.entries(),
                    Composition::Never => false,
                })
        {
            let narrow = !free && grows(form, map, &composed);
            self.narrow |= narrow;
            return Ok(composed);
        }
        let value = self.materialise(input)?;
        Ok(Form::of_value(value, map.columns())
            .mapped(map, u64::MAX)
            .unwrap_or_else(|| Form::constant(0, None)))
    }

    /// Whether no other reader of `input` has a longer way to the result than `reader`.
    fn is_critical(&self, input: NodeId, reader: NodeId) -> bool {
        let at = |id: NodeId| self.heights.get(id.index()).copied().unwrap_or(0);
        let longest = self.network.readers(input).map(|other| at(other.id())).max();
        longest.is_none_or(|longest| at(reader) >= longest)
    }

    fn pointwise(&mut self, node: &Node, function: &Nonlinear) -> Result<Form> {
        let input = only_input(self.network, node)?;
        let (scale, shift) = function.argument();
        let argument = self.form(input)?.affine(scale, shift);
        let argument = match argument.value() {
            Some(value) => value,
            // The scale is 1 and the shift 0, so that other readers can share the value.
            None if (scale, shift) == (1.0, 0.0) => self.materialise(input)?,
            None => self.emit(&argument, node),
        };
        let kind = match function {
            // As a product it costs one level; a polynomial's coefficients would cost another.
            Nonlinear::Square => FoldedKind::Product([argument; 2]),
            _ => FoldedKind::Pointwise { input: argument, function: function.clone() },
        };
        let value = self.push(node, kind);
        Ok(Form::of_value(value, numel(node.shape())))
    }

    /// A quadratic as a squaring between two affine maps; the second one is left to what follows.
    fn quadratic(&mut self, node: &Node, quadratic: &Quadratic) -> Result<Form> {
        let input = only_input(self.network, node)?;
        let Some(square) = quadratic.completed() else {
            let (linear, constant) = quadratic.affine();
            return Ok(self.composed(&linear, input, node.id())?.plus(&constant).named(node.name()));
        };
        let argument = self.composed(&square.scale, input, node.id())?.plus(&square.shift);
        let argument = argument.value().unwrap_or_else(|| self.emit(&argument, node));
        let squared = self.push(node, FoldedKind::Product([argument; 2]));
        let mut form = Form::constant(numel(node.shape()), Some(&square.constant));
        form.add(Form::of_value(squared, numel(node.shape())).placed(&square.sign));
        if let Some(linear) = &square.linear {
            form.add(self.composed(linear, input, node.id())?);
        }
        // The step of the squaring carries the name: what is left to do belongs to the next step.
        form.names.clear();
        Ok(form)
    }

    /// A product: operands that are only renamed are shared with their other readers.
    fn product(&mut self, node: &Node, maps: &[Operator; 2]) -> Result<Form> {
        let &[first, second] = node.inputs() else {
            return Err(wrong_inputs(self.network, node, "two inputs"));
        };
        let mut operand = |map: &Operator, input: NodeId| -> Result<ValueId> {
            if map.is_identity() {
                return self.materialise(input);
            }
            let form = self.composed(map, input, node.id())?.named(node.name());
            Ok(form.value().unwrap_or_else(|| self.emit(&form, node)))
        };
        let [of_first, of_second] = maps;
        let operands = [operand(of_first, first)?, operand(of_second, second)?];
        let product = self.push(node, FoldedKind::Product(operands));
        Ok(Form::of_value(product, numel(node.shape())))
    }

    /// A step of the node's own.
    fn push(&mut self, node: &Node, kind: FoldedKind) -> ValueId {
        self.steps.push(FoldedStep { name: node.name().to_owned(), shape: node.shape().to_vec(), kind });
        ValueId(self.steps.len())
    }

    /// The value of a node, as a step if it is none yet.
    fn materialise(&mut self, id: NodeId) -> Result<ValueId> {
        let form = self.form(id)?.clone();
        if let Some(value) = form.value() {
            return Ok(value);
        }
        let network = self.network;
        let node = network.node(id).ok_or_else(|| unknown(network, id))?;
        let value = self.emit(&form, node);
        if let Some(slot) = self.forms.get_mut(id.index()) {
            *slot = Some(Form::of_value(value, numel(node.shape())));
        }
        Ok(value)
    }

    /// A step that computes `form`, a value of the node's shape.
    fn emit(&mut self, form: &Form, node: &Node) -> ValueId {
        let bias = if form.bias.iter().all(|b| *b == 0.0) { Vec::new() } else { form.bias.clone() };
        self.steps.push(FoldedStep {
            name: if form.names.is_empty() { node.name().to_owned() } else { form.names.join("+") },
            shape: node.shape().to_vec(),
            kind: FoldedKind::Affine { terms: form.terms.clone(), bias },
        });
        ValueId(self.steps.len())
    }
}
