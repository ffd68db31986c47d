//! From ONNX nodes to a network.

use std::collections::BTreeMap;

use super::proto::{GraphProto, NodeProto, ValueInfo};
use super::{constant, gelu};
use crate::error::{Error, Result};
use crate::graph::{Network, NetworkBuilder, NodeId};
use crate::layers::{Activation, Layer};
use crate::tensor::Tensor;
use crate::weights::Weights;

/// What an ONNX name stands for.
#[derive(Clone)]
pub(super) enum Value {
    /// A node's value, with its shape (without the batch).
    Node(NodeId, Vec<usize>),
    /// A constant.
    Constant(Tensor),
}

/// The network so far.
pub(super) struct Importer {
    pub(super) builder: NetworkBuilder,
    pub(super) weights: Weights,
    values: BTreeMap<String, Value>,
    /// The argument of each sigmoid: `x · sigmoid(x)` is SiLU.
    pub(super) sigmoids: BTreeMap<NodeId, NodeId>,
    names: usize,
}

pub(super) fn network(graph: &GraphProto) -> Result<(Network, Weights)> {
    let refused = |node: &str, reason: String| Error::Onnx { node: node.to_owned(), reason };
    let mut constants = BTreeMap::new();
    for initializer in &graph.initializer {
        let tensor = constant::tensor(initializer).map_err(|reason| refused("the file", reason))?;
        constants.insert(initializer.name.clone(), Value::Constant(tensor));
    }
    let inputs: Vec<&ValueInfo> =
        graph.input.iter().filter(|input| !constants.contains_key(&input.name)).collect();
    let &[input] = &*inputs else {
        return Err(refused("the file", format!("has {} inputs; networks have one", inputs.len())));
    };
    let shape = shape_of(input).map_err(|reason| refused(&input.name, reason))?;
    let name = if graph.name.is_empty() { "onnx" } else { &graph.name };
    let mut importer = Importer {
        builder: Network::builder(name, &shape),
        weights: Weights::new(),
        values: constants,
        sigmoids: BTreeMap::new(),
        names: 0,
    };
    let first = importer.builder.input();
    importer.values.insert(input.name.clone(), Value::Node(first, shape));
    let gelus = gelu::find(graph);
    for (index, node) in graph.node.iter().enumerate().filter(|(index, _)| !gelus.inner.contains(index)) {
        let made = match gelus.arguments.get(&index) {
            Some(argument) => importer.gelu(node, argument),
            None => super::operators::value(&mut importer, node),
        };
        let value = made.map_err(|reason| match reason {
            Refused::Words(reason) => refused(&title(node), reason),
            Refused::Shape(error) => *error,
        })?;
        if let Some(output) = node.output.first() {
            importer.values.insert(output.clone(), value);
        }
    }
    let [output] = &*graph.output else {
        return Err(refused("the file", format!("has {} outputs; networks have one", graph.output.len())));
    };
    match importer.values.get(&output.name) {
        Some(Value::Node(id, _)) => importer.builder.output(*id),
        _ => return Err(refused(&output.name, "is the output, but no node makes it".to_owned())),
    }
    let network = importer.builder.build()?;
    importer.weights.check(&network)?;
    Ok((network, importer.weights))
}

/// Why a node is not imported.
pub(super) enum Refused {
    /// In words.
    Words(String),
    /// By the shape checks.
    Shape(Box<Error>),
}

impl From<String> for Refused {
    fn from(reason: String) -> Refused {
        Refused::Words(reason)
    }
}

fn title(node: &NodeProto) -> String {
    let name = if node.name.is_empty() { node.output.first().map_or("", String::as_str) } else { &node.name };
    format!("{name} ({})", node.op_type)
}

fn shape_of(input: &ValueInfo) -> std::result::Result<Vec<usize>, String> {
    let shape = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).and_then(|t| t.shape.as_ref());
    let dimensions = shape.map_or(&[][..], |shape| &shape.dim);
    let [_batch, image @ ..] = dimensions else { return Err("the input has no shape".to_owned()) };
    image
        .iter()
        .map(|dimension| usize::try_from(dimension.dim_value).ok().filter(|length| *length > 0))
        .collect::<Option<Vec<usize>>>()
        .ok_or_else(|| "the input has open dimensions besides the batch: export with fixed ones".to_owned())
}

impl Importer {
    /// GELU of the value called `argument`, under the name of the last of its nodes.
    fn gelu(&mut self, node: &NodeProto, argument: &str) -> std::result::Result<Value, Refused> {
        match self.values.get(argument).cloned() {
            Some(Value::Node(id, shape)) => self.layer(node, Activation::Gelu, &[(id, shape)], Vec::new()),
            _ => Err(format!("its argument {argument:?} is made by no node before it").into()),
        }
    }

    /// The value of input `index` of a node.
    pub(super) fn input(&self, node: &NodeProto, index: usize) -> std::result::Result<Value, String> {
        let name = node.input.get(index).ok_or_else(|| format!("input {index} is missing"))?;
        self.values.get(name).cloned().ok_or_else(|| format!("input {name:?} is made by no node before it"))
    }

    /// Input `index`, which must be a node's value.
    pub(super) fn node(
        &self,
        node: &NodeProto,
        index: usize,
    ) -> std::result::Result<(NodeId, Vec<usize>), String> {
        match self.input(node, index)? {
            Value::Node(id, shape) => Ok((id, shape)),
            Value::Constant(_) => Err(format!("input {index} is a constant where a value was expected")),
        }
    }

    /// Input `index`, which must be a constant; `None` when it is left out.
    pub(super) fn constant(
        &self,
        node: &NodeProto,
        index: usize,
    ) -> std::result::Result<Option<Tensor>, String> {
        if node.input.get(index).is_none_or(String::is_empty) {
            return Ok(None);
        }
        match self.input(node, index)? {
            Value::Constant(tensor) => Ok(Some(tensor)),
            Value::Node(..) => Err(format!("input {index} is computed; only constants are supported there")),
        }
    }

    /// Adds a layer with its parameters.
    pub(super) fn layer(
        &mut self,
        node: &NodeProto,
        layer: impl Into<Layer>,
        inputs: &[(NodeId, Vec<usize>)],
        parameters: Vec<(&str, Tensor)>,
    ) -> std::result::Result<Value, Refused> {
        let layer = layer.into();
        // Shapes are asked for before the builder is, because the next layers need them.
        let shapes: Vec<&[usize]> = inputs.iter().map(|(_, shape)| &**shape).collect();
        self.names += 1;
        let name = if node.name.is_empty() {
            format!("{}_{}", node.op_type, self.names)
        } else {
            node.name.trim_start_matches('/').replace('/', ".")
        };
        let shape = crate::graph::shape_of(&name, &layer, &shapes)
            .map_err(|error| Refused::Shape(Box::new(error)))?;
        let ids: Vec<NodeId> = inputs.iter().map(|(id, _)| *id).collect();
        let id = self.builder.layer_on(&name, layer, &ids);
        for (parameter, tensor) in parameters {
            self.weights.insert(format!("{name}.{parameter}"), tensor);
        }
        Ok(Value::Node(id, shape))
    }
}
