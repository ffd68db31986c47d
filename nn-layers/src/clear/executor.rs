//! Runs a network's nodes over chunks of a batch, with buffers that are planned once.
#![expect(
    clippy::indexing_slicing,
    reason = "node and buffer numbers come from the plan, ranges from checked shapes"
)]

use gemm::Parallelism;
use rayon::prelude::*;

use super::Job;
use crate::error::{Error, Result};
use crate::graph::{Network, Node};
use crate::tensor::{Tensor, numel};
use crate::weights::Weights;

/// Bytes of intermediate values that one chunk of images may take: what a core's second-level cache holds.
const CHUNK_BYTES: usize = 1 << 20;
/// Most images of a chunk: beyond this, matrix products gain nothing.
const CHUNK_IMAGES: usize = 64;
/// A small batch is cut into this many chunks, so that as many threads find work.
const CHUNKS_AT_LEAST: usize = 16;

/// A network with its weights, ready to run on batches.
#[derive(Debug)]
pub struct Executor<'a> {
    network: &'a Network,
    parameters: Vec<Vec<&'a Tensor>>,
    plan: Plan,
}

impl<'a> Executor<'a> {
    /// Checks the weights and plans the buffers.
    ///
    /// # Errors
    /// Those of [`Weights::check`].
    pub fn new(network: &'a Network, weights: &'a Weights) -> Result<Executor<'a>> {
        weights.check(network)?;
        let parameters =
            network.nodes().iter().map(|node| weights.of_node(network, node)).collect::<Result<_>>()?;
        Ok(Executor { network, parameters, plan: Plan::new(network) })
    }

    /// Runs a batch, on the threads of the current rayon pool.
    ///
    /// # Errors
    /// [`Error::InputShape`] and [`Error::NotFinite`] for inputs that do not fit.
    pub fn run(&self, inputs: &Tensor) -> Result<Tensor> {
        self.check(inputs)?;
        let mut outputs = self.outputs(inputs.batch());
        let (image, result) = (numel(self.network.input_shape()), numel(self.network.output_shape()));
        let chunk = self.plan.chunk_images(inputs.batch());
        let lonely = inputs.batch() <= chunk;
        let parallelism = if lonely { Parallelism::Rayon(0) } else { Parallelism::None };
        inputs
            .data()
            .par_chunks(chunk * image)
            .zip(outputs.data_mut().par_chunks_mut(chunk * result))
            .for_each_init(
                || Workspace::new(&self.plan, chunk),
                |workspace, (inputs, outputs)| {
                    self.run_chunk(inputs, workspace, parallelism, |_, _| {});
                    outputs.copy_from_slice(&workspace.buffers[self.plan.output()][..outputs.len()]);
                },
            );
        Ok(outputs)
    }

    /// Runs a batch chunk after chunk and shows every node's value to `observe`; see [`run_observed`](super::run_observed).
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub fn run_observed(&self, inputs: &Tensor, mut observe: impl FnMut(&Node, &Tensor)) -> Result<Tensor> {
        self.check(inputs)?;
        let mut outputs = self.outputs(inputs.batch());
        let (image, result) = (numel(self.network.input_shape()), numel(self.network.output_shape()));
        let chunk = self.plan.chunk_images(inputs.batch());
        let mut workspace = Workspace::new(&self.plan, chunk);
        let chunks = inputs.data().chunks(chunk * image).zip(outputs.data_mut().chunks_mut(chunk * result));
        for (inputs, outputs) in chunks {
            let images = inputs.len() / image;
            self.run_chunk(inputs, &mut workspace, Parallelism::Rayon(0), |node, values| {
                let shape = std::iter::once(images).chain(node.shape().iter().copied()).collect();
                observe(node, &Tensor::from_parts(shape, values.to_vec()));
            });
            outputs.copy_from_slice(&workspace.buffers[self.plan.output()][..outputs.len()]);
        }
        Ok(outputs)
    }

    fn check(&self, inputs: &Tensor) -> Result<()> {
        let expected = self.network.input_shape();
        match inputs.shape() {
            [_, image @ ..] if image == expected => {}
            got => {
                return Err(Error::InputShape {
                    network: self.network.name().to_owned(),
                    expected: expected.to_vec(),
                    got: got.to_vec(),
                });
            }
        }
        match inputs.first_not_finite() {
            None => Ok(()),
            Some((index, value)) => Err(Error::NotFinite { tensor: "input".to_owned(), index, value }),
        }
    }

    fn outputs(&self, batch: usize) -> Tensor {
        let shape: Vec<usize> =
            std::iter::once(batch).chain(self.network.output_shape().iter().copied()).collect();
        Tensor::zeros(&shape)
    }

    fn run_chunk(
        &self,
        batch: &[f64],
        workspace: &mut Workspace,
        parallelism: Parallelism,
        mut observe: impl FnMut(&Node, &[f64]),
    ) {
        let images = batch.len() / numel(self.network.input_shape());
        for (node, place) in self.network.nodes().iter().zip(&self.plan.places) {
            let length = images * numel(node.shape());
            let mut buffer = std::mem::take(&mut workspace.buffers[place.buffer]);
            let out = &mut buffer[..length];
            let inputs: Vec<(&[usize], &[f64])> = self
                .network
                .shapes_of_inputs(node)
                .into_iter()
                .zip(node.inputs())
                .map(|(shape, id)| {
                    // The buffer that this node works on in place has been taken: its input reads as empty.
                    let source = &workspace.buffers[self.plan.places[id.index()].buffer];
                    (shape, source.get(..images * numel(shape)).unwrap_or(&[]))
                })
                .collect();
            if node.inputs().is_empty() {
                out.copy_from_slice(batch);
            } else if place.copies {
                out.copy_from_slice(inputs[0].1);
            }
            let mut job = Job {
                images,
                output_shape: node.shape(),
                parallelism,
                scratch: &mut workspace.scratch,
                inputs: &inputs,
                parameters: &self.parameters[node.id().index()],
            };
            node.layer().clear(&mut job, out);
            observe(node, out);
            workspace.buffers[place.buffer] = buffer;
        }
    }
}

/// Where the nodes' values lie: few buffers, each reused once its value is no longer read.
#[derive(Debug)]
struct Plan {
    places: Vec<Place>,
    /// Values an image that each buffer must hold.
    lengths: Vec<usize>,
    output: usize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    buffer: usize,
    /// The layer works in place, but its input is still needed: copy it first.
    copies: bool,
}

impl Plan {
    fn new(network: &Network) -> Plan {
        let nodes = network.nodes();
        let mut last_read: Vec<usize> = (0..nodes.len()).collect();
        for node in nodes {
            for input in node.inputs() {
                last_read[input.index()] = node.id().index();
            }
        }
        last_read[network.output().index()] = usize::MAX;

        let mut plan = Plan { places: Vec::new(), lengths: Vec::new(), output: network.output().index() };
        let mut free: Vec<usize> = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let in_place = node.layer().in_place() && !node.inputs().is_empty();
            let inherited = match node.inputs() {
                [first, others @ ..]
                    if in_place && last_read[first.index()] == index && !others.contains(first) =>
                {
                    Some(plan.places[first.index()].buffer)
                }
                _ => None,
            };
            let buffer = inherited.or_else(|| free.pop()).unwrap_or_else(|| {
                plan.lengths.push(0);
                plan.lengths.len() - 1
            });
            plan.lengths[buffer] = plan.lengths[buffer].max(numel(node.shape()));
            plan.places.push(Place { buffer, copies: in_place && inherited.is_none() });
            for dead in node.inputs().iter().map(|id| id.index()).chain([index]) {
                let released = plan.places[dead].buffer;
                let taken_over = dead != index && released == buffer;
                if last_read[dead] == index && !taken_over && !free.contains(&released) {
                    free.push(released);
                }
            }
        }
        plan
    }

    fn output(&self) -> usize {
        self.places[self.output].buffer
    }

    fn chunk_images(&self, batch: usize) -> usize {
        let bytes = size_of::<f64>() * self.lengths.iter().sum::<usize>().max(1);
        let cached = (CHUNK_BYTES / bytes).clamp(1, CHUNK_IMAGES);
        batch.div_ceil(CHUNKS_AT_LEAST).clamp(1, cached)
    }
}

/// One thread's buffers.
struct Workspace {
    buffers: Vec<Vec<f64>>,
    scratch: Vec<f64>,
}

impl Workspace {
    fn new(plan: &Plan, images: usize) -> Workspace {
        Workspace {
            buffers: plan.lengths.iter().map(|length| vec![0.0; length * images]).collect(),
            scratch: Vec::new(),
        }
    }
}
