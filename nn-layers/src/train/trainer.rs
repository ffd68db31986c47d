//! The training loop over an algebra: batches, shards, back-propagation, the optimiser's step.

use std::collections::BTreeMap;

use he_traits::algebra::Algebra;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

use super::clear_algebra::ClearAlgebra;
use super::config::{Config, Loss};
use super::loss::loss_and_gradient;
use super::pass::{self, Draw, Pass, Seen};
use crate::error::{Error, Result};
use crate::graph::{Network, NodeId};
use crate::tensor::{Tensor, numel};
use crate::weights::Weights;

/// Images of a shard: few enough that many threads find work, enough for products worth the name.
const SHARD_IMAGES: usize = 8;
/// Multiplications of a batch below which it stays one shard: handing it out would cost more than computing it.
const SMALL_BATCH: usize = 4_000_000;

/// Trains a network over an algebra: numbers in the clear, or ciphertexts that nobody here can read.
pub struct Trainer<'n, A: Algebra> {
    algebra: A,
    network: &'n Network,
    config: Config,
    parameters: Vec<A::Tensor>,
    velocities: Vec<A::Tensor>,
    /// First parameter of every node, and of the one after the last.
    first: Vec<usize>,
    /// The layers prepared for every size of shard met so far.
    passes: BTreeMap<usize, Passes<A>>,
    epochs_done: usize,
}

type Passes<A> = Vec<Option<Box<dyn Pass<A>>>>;

/// Every node's value with what its layer keeps, and the layers.
type Forward<'t, A> =
    (Vec<(<A as Algebra>::Tensor, Option<<A as Algebra>::Tensor>)>, &'t [Option<Box<dyn Pass<A>>>]);

/// A loss, and one gradient a parameter.
type LossAndGradients<T> = (T, Vec<T>);

impl<'n, A: Algebra> Trainer<'n, A> {
    /// A trainer that starts from `parameters`, in the order of [`Network::parameters`].
    ///
    /// # Errors
    /// [`Error::BadConfig`]; [`Error::MissingTensor`] or [`Error::TensorShape`] when a parameter is missing or has another number of values;
    /// [`Error::NotTrainable`] when a layer has no backward pass.
    pub fn new(
        algebra: A,
        network: &'n Network,
        config: Config,
        parameters: Vec<A::Tensor>,
    ) -> Result<Trainer<'n, A>> {
        config.check()?;
        check_tensors(&algebra, network, &parameters)?;
        if config.loss == Loss::CrossEntropy && network.output_shape().len() != 1 {
            let expected = "logits of shape [classes] for cross entropy".to_owned();
            return Err(Error::TargetShape { expected, got: network.output_shape().to_vec() });
        }
        let mut first = vec![0];
        for node in network.nodes() {
            first.push(first.last().copied().unwrap_or(0) + node.layer().parameters().len());
        }
        let velocities = network.parameters().map(|(_, shape)| algebra.zeros(numel(&shape))).collect();
        let passes = BTreeMap::new();
        let mut trainer =
            Trainer { algebra, network, config, parameters, velocities, first, passes, epochs_done: 0 };
        trainer.prepare(1)?;
        Ok(trainer)
    }

    /// Parameters in the order of [`Network::parameters`].
    pub fn parameters(&self) -> &[A::Tensor] {
        &self.parameters
    }

    /// The optimiser's velocities, in the same order.
    pub fn velocities(&self) -> &[A::Tensor] {
        &self.velocities
    }

    /// Epochs that the parameters have seen.
    pub fn epochs_done(&self) -> usize {
        self.epochs_done
    }

    /// Goes on from an earlier point: the velocities and the number of epochs that belonged to the parameters given to
    /// [`Trainer::new`]. What follows is what would have followed then, bit by bit.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] or [`Error::TensorShape`] when a velocity is missing or has another number of values.
    pub fn resumed(mut self, velocities: Vec<A::Tensor>, epochs_done: usize) -> Result<Self> {
        check_tensors(&self.algebra, self.network, &velocities)?;
        self.velocities = velocities;
        self.epochs_done = epochs_done;
        Ok(self)
    }

    /// One pass over the data, in an order drawn from the seed; returns the mean loss (one value).
    ///
    /// # Shapes
    /// `inputs` and `targets` hold `samples` images each, image by image, in the network's input and output shape.
    ///
    /// # Errors
    /// [`Error::Scheme`] when the tensors have the wrong length, or when the algebra cannot do a step.
    pub fn epoch(&mut self, inputs: &A::Tensor, targets: &A::Tensor, samples: usize) -> Result<A::Tensor> {
        let mut order: Vec<usize> = (0..samples).collect();
        let mut rng = ChaCha20Rng::seed_from_u64(self.config.seed);
        rng.set_stream(self.epochs_done as u64);
        order.shuffle(&mut rng);

        let rate = self.config.rate_in(self.epochs_done + 1);
        let batch = self.config.batch;
        let mut mean = self.algebra.constants(&[0.0]);
        for order in order.chunks(batch) {
            let shards = self.shards(inputs, targets, samples, order)?;
            for (loss, _) in &shards {
                self.algebra.axpy(order.len() as f64 / samples as f64, loss, &mut mean)?;
            }
            self.step(&shards, rate)?;
        }
        self.epochs_done += 1;
        Ok(mean)
    }

    /// What the network gives for `samples` inputs with the present parameters: one tensor a few images, in their order. With weights and
    /// inputs encrypted, this is inference of an encrypted model on encrypted data.
    ///
    /// # Errors
    /// As [`Trainer::epoch`].
    pub fn outputs(&mut self, inputs: &A::Tensor, samples: usize) -> Result<Vec<A::Tensor>> {
        let order: Vec<usize> = (0..samples).collect();
        let shards: Vec<&[usize]> = order.chunks(SHARD_IMAGES).collect();
        for shard in &shards {
            self.prepare(shard.len())?;
        }
        let trainer = &*self;
        let one = |shard: &&[usize]| {
            let (values, _) = trainer.forward(inputs, samples, shard, None)?;
            let output = values.into_iter().nth(trainer.network.output().index());
            Ok(output.map_or_else(|| trainer.algebra.zeros(0), |(output, _)| output))
        };
        shards.par_iter().map(one).collect()
    }

    /// Loss and gradients (in the order of [`Network::parameters`]) of one batch: the samples `order` of the data.
    ///
    /// # Errors
    /// As [`Trainer::epoch`].
    pub fn loss_and_gradients(
        &mut self,
        inputs: &A::Tensor,
        targets: &A::Tensor,
        samples: usize,
        order: &[usize],
    ) -> Result<(A::Tensor, Vec<A::Tensor>)> {
        let mut shards = self.shards(inputs, targets, samples, order)?.into_iter();
        let Some((mut loss, mut gradients)) = shards.next() else {
            return Ok((self.algebra.constants(&[0.0]), self.velocities.clone()));
        };
        for (more_loss, more) in shards {
            self.algebra.axpy(1.0, &more_loss, &mut loss)?;
            for (sum, gradient) in gradients.iter_mut().zip(&more) {
                self.algebra.axpy(1.0, gradient, sum)?;
            }
        }
        Ok((loss, gradients))
    }

    /// v = μ v + Σ g, w = w - η v: shard by shard in order, parameters side by side.
    fn step(&mut self, shards: &[LossAndGradients<A::Tensor>], rate: f64) -> Result<()> {
        let (algebra, momentum) = (&self.algebra, self.config.momentum);
        let one = |index: usize, parameter: &mut A::Tensor, velocity: &mut A::Tensor| -> Result<()> {
            algebra.scale(momentum, velocity);
            for gradient in shards.iter().filter_map(|(_, gradients)| gradients.get(index)) {
                algebra.axpy(1.0, gradient, velocity)?;
            }
            algebra.settle(velocity);
            algebra.axpy(-rate, velocity, parameter)?;
            algebra.settle(parameter);
            Ok(())
        };
        let (parameters, velocities) = (&mut self.parameters, &mut self.velocities);
        match shards {
            // Small networks: no handing out.
            [_] => parameters.iter_mut().zip(velocities).enumerate().try_for_each(|(i, (w, v))| one(i, w, v)),
            _ => parameters
                .par_iter_mut()
                .zip(velocities.par_iter_mut())
                .enumerate()
                .try_for_each(|(i, (w, v))| one(i, w, v)),
        }
    }

    /// Loss and gradients of every shard of a batch, in order.
    fn shards(
        &mut self,
        inputs: &A::Tensor,
        targets: &A::Tensor,
        samples: usize,
        order: &[usize],
    ) -> Result<Vec<LossAndGradients<A::Tensor>>> {
        let images =
            if self.multiplications() * order.len() < SMALL_BATCH { order.len() } else { SHARD_IMAGES };
        let shards: Vec<&[usize]> = order.chunks(images.max(1)).collect();
        for shard in &shards {
            self.prepare(shard.len())?;
        }
        let trainer = &*self;
        let one = |shard: &&[usize]| trainer.shard(inputs, targets, samples, shard, order.len());
        match shards.as_slice() {
            [shard] => Ok(vec![one(shard)?]),
            many => many.par_iter().map(one).collect(),
        }
    }

    /// Multiplications of linear layers that one image takes.
    fn multiplications(&self) -> usize {
        let places = |shape: &[usize]| if shape.len() == 1 { 1 } else { pass::channels_of(shape).1 };
        let of_node = |node: &crate::graph::Node| {
            node.parameters().map(|(_, shape)| numel(&shape)).sum::<usize>() * places(node.shape())
        };
        self.network.nodes().iter().map(of_node).sum()
    }

    fn prepare(&mut self, images: usize) -> Result<()> {
        if !self.passes.contains_key(&images) {
            let network = self.network;
            let passes = network
                .nodes()
                .iter()
                .map(|node| pass::pass_of(node, &network.shapes_of_inputs(node), images))
                .collect::<Result<_>>()?;
            self.passes.insert(images, passes);
        }
        Ok(())
    }

    fn parameters_of(&self, node: NodeId) -> &[A::Tensor] {
        match self.first.get(node.index()..node.index() + 2) {
            Some([from, to]) => self.parameters.get(*from..*to).unwrap_or(&[]),
            _ => &[],
        }
    }

    /// Forwards through the network with the images `order`, in training where there is a draw: the value of every node, what its layer keeps for the way back, and
    /// the layers.
    fn forward(
        &self,
        inputs: &A::Tensor,
        samples: usize,
        order: &[usize],
        draw: Option<Draw>,
    ) -> Result<Forward<'_, A>> {
        let (algebra, network) = (&self.algebra, self.network);
        let passes = self.passes.get(&order.len()).map_or(&[][..], Vec::as_slice);
        let images = algebra.gather(inputs, &pass::batch(network.input_shape(), samples, order)?)?;
        let mut values: Vec<(A::Tensor, Option<A::Tensor>)> = vec![(images, None)];
        for (node, pass) in network.nodes().iter().zip(passes) {
            let Some(pass) = pass else { continue };
            let sources = sources(&values, node.inputs());
            let parameters = self.parameters_of(node.id());
            values.push(match draw {
                None => pass.forward(algebra, &sources, parameters)?,
                Some(draw) => pass.forward_in_training(algebra, &sources, parameters, draw)?,
            });
        }
        Ok((values, passes))
    }

    /// Forwards and backwards through the network with the images `order`, on this thread.
    fn shard(
        &self,
        inputs: &A::Tensor,
        targets: &A::Tensor,
        samples: usize,
        order: &[usize],
        batch: usize,
    ) -> Result<LossAndGradients<A::Tensor>> {
        let (algebra, network) = (&self.algebra, self.network);
        let targets = algebra.gather(targets, &pass::batch(network.output_shape(), samples, order)?)?;
        let sample = order.first().copied().unwrap_or(0);
        let draw = Draw { seed: self.config.seed, epoch: self.epochs_done, sample };
        let (values, passes) = self.forward(inputs, samples, order, Some(draw))?;

        let mut gradients: Vec<Option<A::Tensor>> = values.iter().map(|_| None).collect();
        let sizes = [order.len(), numel(network.output_shape()), batch];
        let Some((output, _)) = values.get(network.output().index()) else {
            return Ok((algebra.constants(&[0.0]), Vec::new()));
        };
        let (loss, gradient) = loss_and_gradient(algebra, self.config.loss, output, &targets, sizes)?;
        put(&mut gradients, network.output(), Some(gradient), algebra)?;

        let mut of_parameters: Vec<Vec<A::Tensor>> = Vec::new();
        for ((node, pass), (output, kept)) in network.nodes().iter().zip(passes).zip(&values).rev() {
            let gradient = gradients.get_mut(node.id().index()).and_then(Option::take);
            let parameters = self.parameters_of(node.id());
            match (pass, gradient) {
                (Some(pass), Some(gradient)) => {
                    let seen = Seen {
                        inputs: &sources(&values, node.inputs()),
                        output,
                        kept: kept.as_ref(),
                        parameters,
                        wants_inputs: node.inputs().iter().any(|input| input.index() > 0),
                    };
                    let found = pass.backward(algebra, &seen, &gradient)?;
                    for (input, gradient) in node.inputs().iter().zip(found.inputs) {
                        put(&mut gradients, *input, gradient, algebra)?;
                    }
                    of_parameters.push(found.parameters);
                }
                // A node that the result does not depend on.
                _ => of_parameters.push(parameters.iter().map(|p| algebra.zeros(algebra.len(p))).collect()),
            }
        }
        Ok((loss, of_parameters.into_iter().rev().flatten().collect()))
    }
}

/// Whether there is a tensor for every parameter of the network, with as many values.
fn check_tensors<A: Algebra>(algebra: &A, network: &Network, tensors: &[A::Tensor]) -> Result<()> {
    for (index, (tensor, expected)) in network.parameters().enumerate() {
        let network = network.name().to_owned();
        match tensors.get(index).map(|values| algebra.len(values)) {
            None => return Err(Error::MissingTensor { network, tensor, expected }),
            Some(len) if len != numel(&expected) => {
                return Err(Error::TensorShape { network, tensor, expected, got: vec![len] });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

impl Trainer<'_, ClearAlgebra> {
    /// The parameters by name.
    pub fn weights(&self) -> Weights {
        let named = self.network.parameters().zip(&self.parameters);
        named.map(|((name, shape), values)| (name, Tensor::from_parts(shape, values.clone()))).collect()
    }
}

fn sources<'v, T>(values: &'v [(T, Option<T>)], inputs: &[NodeId]) -> Vec<&'v T> {
    inputs.iter().filter_map(|id| values.get(id.index())).map(|(value, _)| value).collect()
}

/// Adds a gradient to what a node has received from its other readers.
fn put<A: Algebra>(
    gradients: &mut [Option<A::Tensor>],
    node: NodeId,
    gradient: Option<A::Tensor>,
    algebra: &A,
) -> Result<()> {
    let (Some(slot), Some(gradient)) = (gradients.get_mut(node.index()), gradient) else { return Ok(()) };
    match slot {
        Some(sum) => algebra.axpy(1.0, &gradient, sum)?,
        None => *slot = Some(gradient),
    }
    Ok(())
}
