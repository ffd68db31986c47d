//! Weights of networks that nobody trained yet.
#![expect(
    clippy::indexing_slicing,
    reason = "offsets of channels within tensors whose shapes the graph checked"
)]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::clear;
use crate::error::Result;
use crate::graph::{Network, Node, NodeId};
use crate::layers::Layer;
use crate::tensor::Tensor;
use crate::weights::Weights;

/// Weights drawn from a seed and scaled on `inputs`, layer after layer (as in layer-sequential unit-variance initialisation, Mishkin and
/// Matas 2016): what a convolution or fully connected layer gives gets a mean of zero and a variance of one, a normalisation gets the
/// figures of its own input, and polynomials are lines that bend a little. Outputs then differ from input to input,
/// values stay moderate at any depth (what leads to cubic gates is kept small, for that reason), and an encrypted run has to get every layer right to reproduce them.
///
/// # Shapes
/// `inputs` is `[N, ..]` with the network's input shape.
///
/// # Errors
/// Those of the layers on these inputs.
pub fn scaled(network: &Network, inputs: &Tensor, seed: u64) -> Result<Weights> {
    let mut draw = Draw { rng: ChaCha20Rng::seed_from_u64(seed), network, weights: Weights::new() };
    let mut values: Vec<Option<Tensor>> = vec![Some(inputs.clone())];
    for node in network.nodes().iter().skip(1) {
        let at = |id: &NodeId| values.get(id.index()).and_then(Option::as_ref);
        let inputs: Vec<&Tensor> = node.inputs().iter().filter_map(at).collect();
        let value = draw.node(node, &inputs)?;
        values.push(Some(value));
        for read in node.inputs() {
            let last = network.readers(*read).map(|reader| reader.id()).max();
            if last.is_none_or(|last| last <= node.id())
                && let Some(dead) = values.get_mut(read.index())
            {
                *dead = None;
            }
        }
    }
    // A weights file holds single precision: the same weights come back from one.
    Ok(draw.weights.iter().map(|(name, tensor)| (name.to_owned(), single(tensor))).collect())
}

/// Root mean square of what layers on the way to a cubic gate give. Outside of about -4 to 4 a gate is no sigmoid any more: it grows, and the
/// product behind it with it. So these layers keep to it about zero: with a mean taken away and the rest made large, an input a few times
/// larger than those that the weights were scaled on would make all values explode.
const GATED: f64 = 0.5;

struct Draw<'a> {
    rng: ChaCha20Rng,
    network: &'a Network,
    weights: Weights,
}

impl Draw<'_> {
    /// Draws and scales the parameters of a node; its value with them.
    fn node(&mut self, node: &Node, inputs: &[&Tensor]) -> Result<Tensor> {
        if node.tied().is_none() {
            for (name, shape) in node.parameters() {
                let tensor = self.drawn(node.layer(), &name, &shape);
                self.weights.insert(name, tensor);
            }
        }
        match (node.layer(), inputs) {
            (Layer::Conv2d(_) | Layer::Linear(_), _) => {
                let value = self.value(node, inputs)?;
                let (mut figures, mut deviation) = (figures(&value), 1.0);
                if self.only_gates(node.id()) {
                    deviation = GATED;
                    figures.iter_mut().for_each(|[mean, variance]| {
                        *variance += *mean * *mean;
                        *mean = 0.0;
                    });
                }
                self.scale(node, inputs, figures, deviation)?;
            }
            (Layer::BatchNorm(_), [input]) => {
                let figures = figures(input);
                for (part, pick) in [("running_mean", 0), ("running_var", 1)] {
                    let data = figures.iter().map(|figure| rounded(figure[pick])).collect();
                    self.weights
                        .insert(format!("{}.{part}", node.name()), Tensor::new(&[figures.len()], data)?);
                }
            }
            _ => {}
        }
        self.value(node, inputs)
    }

    /// Whether nothing but gates depends on a value, by way of layers and functions of it alone.
    fn only_gates(&self, value: NodeId) -> bool {
        let gates = |reader: &Node| match reader.layer() {
            Layer::LearnedCubic(_) => true,
            Layer::Conv2d(_) | Layer::Linear(_) | Layer::LearnedPolynomial(_) | Layer::Activation(_) => {
                self.only_gates(reader.id())
            }
            _ => false,
        };
        let mut readers = self.network.readers(value).peekable();
        readers.peek().is_some() && readers.all(gates)
    }

    fn value(&self, node: &Node, inputs: &[&Tensor]) -> Result<Tensor> {
        let parameters = self.weights.of_node(self.network, node)?;
        clear::layer(node.layer(), inputs, &parameters)
    }

    fn drawn(&mut self, layer: &Layer, name: &str, shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        let mut near = |middle: f64, by: f64| self.rng.random_range(middle - by..=middle + by);
        let values: Vec<f64> = match (layer, name.rsplit('.').next()) {
            // A x^2 + b x + c, lowest power first. A larger a would square what is large anew in every layer: an input three times as large
            // as those that the weights were scaled on would overflow after twenty of them.
            (Layer::LearnedPolynomial(_), _) => {
                (0..count).map(|k| [near(-0.1, 0.05), near(0.6, 0.1), near(0.05, 0.02)][k % 3]).collect()
            }
            // Near a sigmoid between -4 and 4.
            (Layer::LearnedCubic(_), _) => {
                let cubic = [near(0.5, 0.02), near(0.2, 0.01), near(-0.01, 0.002), near(-0.0045, 0.0005)];
                if count == 4 { cubic.to_vec() } else { vec![cubic[0], cubic[1], cubic[3]] }
            }
            (Layer::BatchNorm(_), Some("weight")) => (0..count).map(|_| near(1.0, 0.2)).collect(),
            (Layer::BatchNorm(_), Some("bias")) => (0..count).map(|_| near(0.0, 0.2)).collect(),
            (_, Some("weight")) => {
                let ins: usize = shape.get(1..).map_or(1, |ins| ins.iter().product::<usize>()).max(1);
                (0..count).map(|_| near(0.0, (3.0 / ins as f64).sqrt())).collect()
            }
            _ => vec![0.0; count],
        };
        let mut tensor = Tensor::zeros(shape);
        tensor.data_mut().copy_from_slice(&values);
        tensor
    }

    /// Gives each output channel a standard deviation of `deviation`, and a mean of zero where the layer has means to: a bias, or, for a fully connected
    /// layer without one, weights orthogonal to the mean of its inputs.
    ///
    /// `figures` are mean and variance of each channel as the weights are now.
    fn scale(
        &mut self,
        node: &Node,
        inputs: &[&Tensor],
        mut figures: Vec<[f64; 2]>,
        deviation: f64,
    ) -> Result<()> {
        let (weight, bias) = (format!("{}.weight", node.name()), format!("{}.bias", node.name()));
        let Some(mut tensor) = self.weights.get(&weight).cloned() else { return Ok(()) };
        let row = tensor.data().len() / figures.len().max(1);
        let has_bias = self.weights.get(&bias).is_some();
        if let (false, Layer::Linear(_), [input]) = (has_bias, node.layer(), inputs) {
            let mean: Vec<f64> = (0..row)
                .map(|k| input.data().iter().skip(k).step_by(row).sum::<f64>() / input.batch().max(1) as f64)
                .collect();
            let square: f64 = mean.iter().map(|m| m * m).sum::<f64>().max(f64::MIN_POSITIVE);
            for (weights, [mean_out, _]) in tensor.data_mut().chunks_exact_mut(row).zip(&mut figures) {
                weights.iter_mut().zip(&mean).for_each(|(w, m)| *w -= *mean_out / square * m);
                *mean_out = 0.0;
            }
        }
        for (weights, [_, variance]) in tensor.data_mut().chunks_exact_mut(row.max(1)).zip(&figures) {
            let factor = rounded(deviation / variance.max(1e-12).sqrt());
            weights.iter_mut().for_each(|w| *w *= factor);
        }
        self.weights.insert(weight, tensor);
        if has_bias {
            let shift = |[mean, variance]: &[f64; 2]| rounded(-mean * deviation / variance.max(1e-12).sqrt());
            self.weights.insert(bias, Tensor::new(&[figures.len()], figures.iter().map(shift).collect())?);
        }
        Ok(())
    }
}

/// Mean and variance of each channel over a batch `[n, channels, ..]`.
fn figures(values: &Tensor) -> Vec<[f64; 2]> {
    let channels = values.shape().get(1).copied().unwrap_or(1).max(1);
    let plane = (values.data().len() / values.batch().max(1) / channels).max(1);
    let count = (values.batch() * plane).max(1) as f64;
    let of_channel = |channel: usize| {
        let planes = || values.data().chunks_exact(plane).skip(channel).step_by(channels).flatten();
        let mean = planes().sum::<f64>() / count;
        [mean, planes().map(|value| (value - mean).powi(2)).sum::<f64>() / count]
    };
    (0..channels).map(of_channel).collect()
}

/// To three digits: sums that come out a little different on another processor give the same weights.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let unit = 10f64.powi(value.abs().log10().floor() as i32 - 2);
    (value / unit).round() * unit
}

fn single(tensor: &Tensor) -> Tensor {
    let mut tensor = tensor.clone();
    tensor.data_mut().iter_mut().for_each(|value| *value = f64::from(*value as f32));
    tensor
}
