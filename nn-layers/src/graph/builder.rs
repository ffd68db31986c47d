//! Building a network node by node, with every shape checked.

use crate::error::{Error, Result};
use crate::graph::{Network, Node, NodeId};
use crate::layers::{Input, Layer, Refusal};

/// Collects the nodes of a network; the first error is kept and comes out of [`NetworkBuilder::build`], so that a network
/// reads as a list of layers.
#[derive(Debug)]
pub struct NetworkBuilder {
    name: String,
    nodes: Vec<Node>,
    output: Option<NodeId>,
    error: Option<Error>,
}

impl NetworkBuilder {
    pub(super) fn new(name: String, shape: &[usize]) -> NetworkBuilder {
        let mut builder = NetworkBuilder { name, nodes: Vec::new(), output: None, error: None };
        builder.layer_on("input", Input::new(shape), &[]);
        builder
    }

    /// The network's input node.
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// Appends a layer that reads the last node.
    pub fn layer(&mut self, name: &str, layer: impl Into<Layer>) -> NodeId {
        let last = NodeId(self.nodes.len().saturating_sub(1));
        self.layer_on(name, layer, &[last])
    }

    /// Appends a layer that reads the given nodes, in order.
    pub fn layer_on(&mut self, name: &str, layer: impl Into<Layer>, inputs: &[NodeId]) -> NodeId {
        if self.error.is_none() {
            match self.checked(name, layer.into(), inputs) {
                Ok(node) => self.nodes.push(node),
                Err(error) => self.error = Some(error),
            }
        }
        NodeId(self.nodes.len().saturating_sub(1))
    }

    /// Appends a layer that reads the last node and shares the parameters of `owner`, an earlier node of the same kind: one polynomial
    /// for all activations of a network.
    pub fn tied(&mut self, name: &str, layer: impl Into<Layer>, owner: NodeId) -> NodeId {
        let layer = layer.into();
        let sharing = self.nodes.get(owner.0).filter(|node| node.layer.parameters() == layer.parameters());
        match sharing.map(|node| node.tied.clone().unwrap_or_else(|| node.name.clone())) {
            Some(owner) => {
                let (count, id) = (self.nodes.len(), self.layer(name, layer));
                if let Some(node) = self.nodes.get_mut(count) {
                    node.tied = Some(owner);
                }
                id
            }
            None => {
                let owner = self.nodes.get(owner.0).map_or("no node", |node| &node.name);
                let reason = format!("shares the parameters of {owner}, which has others");
                self.error.get_or_insert(Error::BadLayer {
                    node: name.to_owned(),
                    layer: layer.kind(),
                    reason,
                });
                NodeId(self.nodes.len().saturating_sub(1))
            }
        }
    }

    /// Makes `node` the network's result; without this call it is the last node.
    pub fn output(&mut self, node: NodeId) {
        self.output = Some(node);
    }

    /// The network.
    ///
    /// # Errors
    /// The first error of any layer: [`Error::NodeShape`], [`Error::BadLayer`], [`Error::BadName`] or [`Error::UnknownNode`].
    pub fn build(self) -> Result<Network> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let output = self.output.unwrap_or(NodeId(self.nodes.len().saturating_sub(1)));
        if output.0 >= self.nodes.len() {
            return Err(self.unknown("the output"));
        }
        Ok(Network { name: self.name, nodes: self.nodes, output })
    }

    fn checked(&self, name: &str, layer: Layer, inputs: &[NodeId]) -> Result<Node> {
        let refused = |reason| Error::BadName { network: self.name.clone(), name: name.to_owned(), reason };
        if name.is_empty() {
            return Err(refused("empty"));
        }
        if self.nodes.iter().any(|node| node.name == name) {
            return Err(refused("used by an earlier node"));
        }
        if matches!(layer, Layer::Input(_)) && !self.nodes.is_empty() {
            let reason = "a network has one input, made by its builder".to_owned();
            return Err(Error::BadLayer { node: name.to_owned(), layer: layer.kind(), reason });
        }
        let shapes = inputs
            .iter()
            .map(|id| self.nodes.get(id.0).map(Node::shape).ok_or_else(|| self.unknown(name)))
            .collect::<Result<Vec<_>>>()?;
        let shape = shape_of(name, &layer, &shapes)?;
        Ok(Node {
            id: NodeId(self.nodes.len()),
            name: name.to_owned(),
            layer,
            inputs: inputs.to_vec(),
            shape,
            tied: None,
        })
    }

    fn unknown(&self, wanted: &str) -> Error {
        Error::UnknownNode { network: self.name.clone(), wanted: wanted.to_owned(), nodes: self.nodes.len() }
    }
}

/// Shape that `layer` makes of `inputs`, or the error that names the node.
pub(crate) fn shape_of(name: &str, layer: &Layer, inputs: &[&[usize]]) -> Result<Vec<usize>> {
    let shape = layer.output_shape(inputs).and_then(|shape| match crate::tensor::checked_numel(&shape) {
        Some(count) if count > 0 => Ok(shape),
        Some(_) => Err(Refusal::Figures(format!("makes an empty output of shape {shape:?}"))),
        None => Err(Refusal::Figures(format!(
            "makes an output of shape {shape:?}, more values than can be counted"
        ))),
    });
    shape.map_err(|refusal| match refusal {
        Refusal::Inputs(expected) => Error::NodeShape {
            node: name.to_owned(),
            layer: layer.kind(),
            expected,
            got: inputs.iter().map(|shape| shape.to_vec()).collect(),
        },
        Refusal::Figures(reason) => Error::BadLayer { node: name.to_owned(), layer: layer.kind(), reason },
    })
}
