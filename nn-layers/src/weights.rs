//! The named tensors of a network, as in PyTorch's state dict.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::graph::Network;
use crate::tensor::Tensor;

/// Tensors by name: `conv1.weight`, `conv1.bias`, ...; what a network's structure leaves open.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// No tensors yet.
    pub fn new() -> Weights {
        Weights::default()
    }

    /// Puts a tensor under a name; what was there is returned.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        self.tensors.insert(name.into(), tensor)
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Every name and tensor, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Number of values in all tensors together.
    pub fn values(&self) -> usize {
        self.tensors.values().map(|tensor| tensor.data().len()).sum()
    }

    /// Holds the tensors against the parameters of `network`: all there, none besides, shapes right, values finite.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorShape`], [`Error::NotFinite`] or [`Error::UnexpectedTensor`], naming the tensor.
    pub fn check(&self, network: &Network) -> Result<()> {
        let expected: BTreeMap<String, Vec<usize>> = network.parameters().collect();
        for (name, shape) in &expected {
            let tensor = self.tensors.get(name).ok_or_else(|| Error::MissingTensor {
                network: network.name().to_owned(),
                tensor: name.clone(),
                expected: shape.clone(),
            })?;
            if tensor.shape() != shape {
                return Err(Error::TensorShape {
                    network: network.name().to_owned(),
                    tensor: name.clone(),
                    expected: shape.clone(),
                    got: tensor.shape().to_vec(),
                });
            }
            if let Some((index, value)) = tensor.first_not_finite() {
                return Err(Error::NotFinite { tensor: name.clone(), index, value });
            }
        }
        match self.tensors.iter().find(|(name, _)| !expected.contains_key(*name)) {
            None => Ok(()),
            Some((name, tensor)) => Err(Error::UnexpectedTensor {
                network: network.name().to_owned(),
                tensor: name.clone(),
                got: tensor.shape().to_vec(),
            }),
        }
    }

    /// The tensors of one node, in the order of its layer's parameters; the caller has run [`Weights::check`].
    ///
    /// # Errors
    /// [`Error::MissingTensor`] when one is not there.
    pub fn of_node<'a>(&'a self, network: &Network, node: &crate::graph::Node) -> Result<Vec<&'a Tensor>> {
        node.parameters()
            .map(|(tensor, expected)| match self.tensors.get(&tensor) {
                Some(found) => Ok(found),
                None => Err(Error::MissingTensor { network: network.name().to_owned(), tensor, expected }),
            })
            .collect()
    }
}

impl FromIterator<(String, Tensor)> for Weights {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Weights {
        Weights { tensors: tensors.into_iter().collect() }
    }
}
