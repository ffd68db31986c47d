//! The owner of an encrypted training: holds the key, draws the random lanes, opens what comes back.

use backend_more::training::{Compaction, MoreTensor};
use backend_more::{More, MoreDecryptor, MoreEncryptor, Parameters};
use he_traits::{ClientScheme, Function, KeyNeeds};
use nn_layers::train::Loss;
use nn_layers::{Network, Tensor, Weights, clear};
use rand::RngExt;
use rand_chacha::ChaCha20Rng;

use crate::failure::Failure;

/// Samples that go through a network at once: their activations take memory.
const AT_ONCE: usize = 64;

/// The owner: key, random lanes, and what is opened in the end.
pub(crate) struct Owner {
    pub(super) encryptor: MoreEncryptor,
    decryptor: MoreDecryptor,
    pub(super) rng: ChaCha20Rng,
    pub(crate) compaction: Option<Compaction>,
}

impl Owner {
    pub(crate) fn new(mut rng: ChaCha20Rng) -> Result<Self, Failure> {
        let parameters = Parameters::new(1)?;
        let keys = More::keygen(&parameters, &KeyNeeds::default(), &mut rng)?;
        Ok(Self {
            encryptor: More::encryptor(&parameters, &keys.secret)?,
            decryptor: More::decryptor(&parameters, &keys.secret)?,
            rng,
            compaction: None,
        })
    }

    /// Numbers, with others of their range beside them.
    pub(crate) fn encrypt(&mut self, values: &[f64]) -> Result<MoreTensor, Failure> {
        let (mean, deviation) = moments(values);
        let reach = 3f64.sqrt() * deviation.max(f64::MIN_POSITIVE);
        let random: Vec<f64> =
            values.iter().map(|_| mean + reach * self.rng.random_range(-1.0..1.0)).collect();
        Ok(self.encryptor.encrypt_tensor(values, &random)?)
    }

    /// In the form in which it is trained on.
    pub(crate) fn handed_over(&self, x: MoreTensor) -> MoreTensor {
        self.compaction.as_ref().map_or_else(|| x.clone(), |compaction| compaction.compact(&x))
    }

    pub(crate) fn open(&self, x: &MoreTensor) -> Result<Vec<f64>, Failure> {
        let full = self.compaction.as_ref().map_or_else(|| x.clone(), |compaction| compaction.expand(x));
        Ok(self.decryptor.decrypt_tensor(&full)?)
    }

    /// Samples and targets, with numbers beside them on which the second network, which is trained on noise in the same matrices, does not diverge:
    /// inputs of the same mean and spread, and as targets what `noise`, that network's first weights, makes of them. Its loss begins at its
    /// minimum, its gradients are zero, and it stays where it is.
    pub(crate) fn samples(
        &mut self,
        network: &Network,
        noise: &Weights,
        [inputs, targets]: [&Tensor; 2],
        loss: Loss,
    ) -> Result<(MoreTensor, MoreTensor), Failure> {
        let (mean, deviation) = moments(inputs.data());
        let reach = 3f64.sqrt() * deviation;
        let beside: Vec<f64> =
            inputs.data().iter().map(|_| mean + reach * self.rng.random_range(-1.0..1.0)).collect();
        let beside = Tensor::new(inputs.shape(), beside)?;
        let others = learnt(network, noise, &beside, loss)?;
        let encrypt = |values: &[f64], random: &[f64]| {
            self.encryptor.encrypt_tensor(values, random).map(|x| self.handed_over(x))
        };
        Ok((encrypt(inputs.data(), beside.data())?, encrypt(targets.data(), &others)?))
    }

    pub(crate) fn difference(&self, encrypted: &[MoreTensor], clear: &[Vec<f64>]) -> Result<f64, Failure> {
        let mut worst: f64 = 0.0;
        for (encrypted, clear) in encrypted.iter().zip(clear) {
            for (got, want) in self.open(encrypted)?.iter().zip(clear) {
                worst = worst.max((got - want).abs() / (1.0 + want.abs()));
            }
        }
        Ok(worst)
    }
}

/// Targets that a network meets already: its outputs, as probabilities where the loss compares those.
fn learnt(network: &Network, weights: &Weights, inputs: &Tensor, loss: Loss) -> Result<Vec<f64>, Failure> {
    let mut all = Vec::new();
    for first in (0..inputs.batch()).step_by(AT_ONCE) {
        let some = inputs.rows(first, (first + AT_ONCE).min(inputs.batch()));
        all.extend(clear::run(network, weights, &some)?.into_data());
    }
    match loss {
        Loss::BinaryCrossEntropy => all.iter_mut().for_each(|logit| *logit = Function::Sigmoid.at(*logit)),
        Loss::CrossEntropy => {
            let classes: usize = network.output_shape().iter().product();
            all.chunks_mut(classes.max(1)).for_each(softmax);
        }
        _ => {}
    }
    Ok(all)
}

fn softmax(logits: &mut [f64]) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - largest).exp());
    let sum: f64 = logits.iter().sum();
    logits.iter_mut().for_each(|share| *share /= sum);
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, square.sqrt())
}
