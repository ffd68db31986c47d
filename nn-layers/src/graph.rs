//! Networks as graphs: named nodes, each a layer over the outputs of earlier nodes.

mod builder;

pub use builder::NetworkBuilder;
pub(crate) use builder::shape_of;

use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::tensor::numel;

/// Number of a node in its network. Nodes are in topological order: a node's inputs have smaller numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// Place in [`Network::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// One layer of a network: what it is, what it reads, the shape that it makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    id: NodeId,
    name: String,
    layer: Layer,
    inputs: Vec<NodeId>,
    shape: Vec<usize>,
    /// The node whose parameters this one shares.
    tied: Option<String>,
}

impl Node {
    /// Number of this node.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Name, unique in the network, as in `conv1`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it computes.
    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    /// The nodes that it reads, in order.
    pub fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    /// Shape of its output without the batch: `[C, H, W]` or `[F]`.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Full names and shapes of its parameters, as in `conv1.weight`; those of another node where it shares them.
    pub fn parameters(&self) -> impl Iterator<Item = (String, Vec<usize>)> + '_ {
        let owner = self.tied().unwrap_or(&self.name);
        self.layer.parameters().into_iter().map(move |p| (format!("{owner}.{}", p.name), p.shape))
    }

    /// Name of the node whose parameters this one shares (see [`NetworkBuilder::tied`]); `None` where it has its own.
    pub fn tied(&self) -> Option<&str> {
        self.tied.as_deref()
    }
}

/// A network's structure: layers and shapes, without weights and without any cryptography.
///
/// The outputs of a classifier are logits: softmax belongs to the loss, not to the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    name: String,
    nodes: Vec<Node>,
    output: NodeId,
}

impl Network {
    /// Starts a network whose input has `shape` (without the batch), as a node named `input`.
    ///
    /// ```
    /// use nn_layers::{Activation, AvgPool2d, Conv2d, Flatten, Linear, Network};
    ///
    /// let mut n = Network::builder("small", &[1, 8, 8]);
    /// n.layer("conv1", Conv2d::new(1, 4, 3).padding(1));
    /// n.layer("act1", Activation::Sigmoid);
    /// n.layer("pool1", AvgPool2d::new(2));
    /// n.layer("flatten", Flatten);
    /// n.layer("fc1", Linear::new(4 * 4 * 4, 10));
    /// let network = n.build()?;
    /// assert_eq!(network.output_shape(), [10]);
    /// # Ok::<(), nn_layers::Error>(())
    /// ```
    pub fn builder(name: impl Into<String>, shape: &[usize]) -> NetworkBuilder {
        NetworkBuilder::new(name.into(), shape)
    }

    /// Name, as in `cnn-mnist`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every node, inputs before their readers; the first is the network's input.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of that number, `None` for a number of another network.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0)
    }

    /// The node of that name.
    pub fn find(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The node whose value is the network's result.
    pub fn output(&self) -> NodeId {
        self.output
    }

    /// Shape of one input, without the batch.
    pub fn input_shape(&self) -> &[usize] {
        self.nodes.first().map_or(&[], |node| node.shape())
    }

    /// Shape of one output, without the batch.
    pub fn output_shape(&self) -> &[usize] {
        self.node(self.output).map_or(&[], |node| node.shape())
    }

    /// Shapes of the inputs of `node`, without the batch.
    pub fn shapes_of_inputs<'a>(&'a self, node: &Node) -> Vec<&'a [usize]> {
        node.inputs.iter().filter_map(|&id| self.node(id)).map(Node::shape).collect()
    }

    /// The nodes that read `id`, in order.
    pub fn readers(&self, id: NodeId) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |node| node.inputs.contains(&id))
    }

    /// Full names and shapes of all parameters, node by node; shared ones once.
    pub fn parameters(&self) -> impl Iterator<Item = (String, Vec<usize>)> + '_ {
        self.owners().flat_map(Node::parameters)
    }

    /// The nodes with parameters of their own.
    fn owners(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.tied.is_none())
    }

    /// Number of trained parameters, values and not tensors, as PyTorch counts them: without the running figures of normalisations.
    pub fn parameter_count(&self) -> usize {
        let parameters = self.owners().flat_map(|node| node.layer.parameters());
        parameters.filter(|parameter| !parameter.is_buffer()).map(|parameter| numel(&parameter.shape)).sum()
    }

    /// The same network with another layer at one node, as when a fitted polynomial takes the place of a sigmoid.
    ///
    /// # Errors
    /// [`Error::UnknownNode`] for a name that is not there; [`Error::NodeShape`] when the layer does not take the node's
    /// inputs, or [`Error::BadLayer`] when it makes another shape of them.
    pub fn with_layer(mut self, name: &str, layer: impl Into<Layer>) -> Result<Network> {
        let layer = layer.into();
        let node = self.find(name).ok_or_else(|| Error::UnknownNode {
            network: self.name.clone(),
            wanted: name.to_owned(),
            nodes: self.nodes.len(),
        })?;
        let shape = builder::shape_of(name, &layer, &self.shapes_of_inputs(node))?;
        if shape != node.shape {
            return Err(Error::BadLayer {
                node: name.to_owned(),
                layer: layer.kind(),
                reason: format!("makes shape {shape:?} where the network has {:?}", node.shape),
            });
        }
        let index = node.id.0;
        if let Some(node) = self.nodes.get_mut(index) {
            node.layer = layer;
        }
        Ok(self)
    }
}
