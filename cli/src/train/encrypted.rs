//! `henna train --encrypted more`: the same training twice, on ciphertexts and in the clear, epoch by epoch.
//!
//! Weights, samples, targets, gradients and losses are ciphertexts for whoever trains; the owner, who holds the key, opens the losses
//! and the last weights.

use std::path::Path;
use std::time::Instant;

use backend_more::training::{Compaction, MoreAlgebra, MoreTensor};
use backend_more::{More, MoreDecryptor, MoreEncryptor, Parameters};
use he_traits::{ClientScheme, KeyNeeds, Scheme};
use models::registry::{Model, Recipe, TrainOptions};
use nn_layers::train::{ClearAlgebra, Config, Loss, Trainer, xavier};
use nn_layers::{Network, Tensor, Weights};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde::Serialize;

use super::checkpoint::{Checkpoints, Half, State};
use crate::args::{MoreForm, TrainArgs};
use crate::failure::Failure;
use crate::progress::Bar;
use crate::{output, suggest};

/// The owner: key, random lanes, and what is opened in the end.
struct Owner {
    encryptor: MoreEncryptor,
    decryptor: MoreDecryptor,
    rng: ChaCha20Rng,
    compaction: Option<Compaction>,
}

/// One epoch, as it is written down.
#[derive(Serialize)]
struct Record<'a> {
    record: &'static str,
    model: &'a str,
    scheme: &'static str,
    form: &'static str,
    #[serde(flatten)]
    figures: &'a Epoch,
}

/// The figures of one epoch.
#[derive(Serialize)]
struct Epoch {
    epoch: usize,
    loss_encrypted: f64,
    loss_clear: f64,
    /// The largest difference of a parameter, over 1 + its size.
    worst_parameter_difference: f64,
    seconds_encrypted: f64,
    seconds_clear: f64,
}

/// Trains both ways and reports the encrypted one's weights.
pub(super) fn run(
    model: &Model,
    scheme: &str,
    options: &TrainOptions,
    args: &TrainArgs,
    path: &Path,
) -> Result<(), Failure> {
    if scheme != More::NAME {
        return Err(suggest::unknown("scheme to train under,", scheme, &[More::NAME]));
    }
    let Recipe { network, inputs, targets, start, config, finish } = (model.recipe)(options, &|_| {})?;
    let form = match args.more_form {
        MoreForm::Full => "full",
        MoreForm::Compact => "compact",
    };
    let what = format!("{} {form} {config:?} {}", model.name, inputs.batch());
    let checkpoints = Checkpoints::new(args.checkpoints.as_deref(), &what);
    let epochs = config.epochs as u64;
    let training = Training {
        network: &network,
        samples: [&inputs, &targets],
        start: &start,
        config: &config,
        form: args.more_form,
        checkpoints: &checkpoints,
    };
    let bar = Bar::units(model.name);
    let weights = training.run(&mut |figures| {
        let line = Record { record: "encrypted-epoch", model: model.name, scheme: More::NAME, form, figures };
        let text = serde_json::to_string(&line).map_err(|error| Failure::failed(error.to_string()))?;
        output::print(&(text + "\n"))?;
        bar.show(figures.epoch as u64, epochs, format!("train loss {:.5}", figures.loss_encrypted));
        Ok(())
    })?;
    bar.finish();
    super::report(&finish(weights)?, model, path)
}

/// What is trained, and where its state is kept.
struct Training<'a> {
    network: &'a Network,
    /// Inputs and targets.
    samples: [&'a Tensor; 2],
    start: &'a Weights,
    config: &'a Config,
    form: MoreForm,
    checkpoints: &'a Checkpoints,
}

impl Training<'_> {
    /// Trains both ways from the last checkpoint on; `observe` hears of every epoch once its state is kept, and may end the training. The
    /// weights that were trained encrypted, opened by the owner.
    fn run(&self, observe: &mut dyn FnMut(&Epoch) -> Result<(), Failure>) -> Result<Weights, Failure> {
        let Training { network, samples: [inputs, targets], start, config, form, checkpoints } = *self;
        let mut owner = Owner::new(ChaCha20Rng::from_seed(*checkpoints.seed()?))?;
        let fresh = State::first(&mut owner, network, start, config.seed, form)?;
        let (encrypted_inputs, encrypted_targets) = owner.samples(inputs, targets, config.loss)?;
        let State { epochs, encrypted, clear } = checkpoints.load()?.unwrap_or(fresh);
        let mut encrypted = Trainer::new(MoreAlgebra, network, config.clone(), encrypted.parameters)?
            .resumed(encrypted.velocities, epochs)?;
        let mut clear = Trainer::new(ClearAlgebra, network, config.clone(), clear.parameters)?
            .resumed(clear.velocities, epochs)?;
        let samples = inputs.batch();
        let (inputs, targets) = (inputs.data().to_vec(), targets.data().to_vec());
        for epoch in epochs + 1..=config.epochs {
            let (seconds_encrypted, loss) =
                timed(|| encrypted.epoch(&encrypted_inputs, &encrypted_targets, samples));
            let loss_encrypted = first(&owner.open(&loss?)?);
            if !loss_encrypted.is_finite() {
                return Err(Failure::Network(nn_layers::Error::Diverged { epoch, loss: loss_encrypted }));
            }
            let (seconds_clear, loss) = timed(|| clear.epoch(&inputs, &targets, samples));
            checkpoints.save(&State {
                epochs: epoch,
                encrypted: Half::of(&encrypted),
                clear: Half::of(&clear),
            })?;
            observe(&Epoch {
                epoch,
                loss_encrypted,
                loss_clear: first(&loss?),
                worst_parameter_difference: owner.difference(encrypted.parameters(), clear.parameters())?,
                seconds_encrypted,
                seconds_clear,
            })?;
        }
        let mut weights = Weights::new();
        for ((name, shape), tensor) in network.parameters().zip(encrypted.parameters()) {
            weights.insert(name, Tensor::new(&shape, owner.open(tensor)?)?);
        }
        Ok(weights)
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

fn first(values: &[f64]) -> f64 {
    values.first().copied().unwrap_or(f64::NAN)
}

impl State {
    /// First weights on both sides, nothing moving yet.
    fn first(
        owner: &mut Owner,
        network: &Network,
        start: &Weights,
        seed: u64,
        form: MoreForm,
    ) -> Result<Self, Failure> {
        // The noise is a network like any other, from a seed of its own.
        let noise = xavier(network, seed ^ owner.rng.random::<u64>());
        let of =
            |weights: &Weights, name: &str| weights.get(name).map_or_else(Vec::new, |t| t.data().to_vec());
        let mut halves = Vec::new();
        for (name, _) in network.parameters() {
            let values = of(start, &name);
            let encrypted = owner.encryptor.encrypt_tensor(&values, &of(&noise, &name))?;
            if owner.compaction.is_none() && form == MoreForm::Compact {
                owner.compaction = Compaction::from_ciphertexts(&encrypted);
            }
            halves.push((owner.handed_over(encrypted), values));
        }
        let (encrypted, clear): (Vec<MoreTensor>, Vec<Vec<f64>>) = halves.into_iter().unzip();
        // Parameters that are all zero give no T; they are compact once one is found.
        let encrypted: Vec<MoreTensor> = encrypted.into_iter().map(|x| owner.handed_over(x)).collect();
        let still = |tensors: &[Vec<f64>]| tensors.iter().map(|t| vec![0.0; t.len()]).collect::<Vec<_>>();
        let velocities = still(&clear);
        let public = velocities.iter().map(|v| he_traits::algebra::Algebra::constants(&MoreAlgebra, v));
        Ok(Self {
            epochs: 0,
            encrypted: Half { velocities: public.collect(), parameters: encrypted },
            clear: Half { velocities, parameters: clear },
        })
    }
}

impl Owner {
    fn new(mut rng: ChaCha20Rng) -> Result<Self, Failure> {
        let parameters = Parameters::new(1)?;
        let keys = More::keygen(&parameters, &KeyNeeds::default(), &mut rng)?;
        Ok(Self {
            encryptor: More::encryptor(&parameters, &keys.secret)?,
            decryptor: More::decryptor(&parameters, &keys.secret)?,
            rng,
            compaction: None,
        })
    }

    /// In the form in which it is trained on.
    fn handed_over(&self, x: MoreTensor) -> MoreTensor {
        self.compaction.as_ref().map_or_else(|| x.clone(), |compaction| compaction.compact(&x))
    }

    fn open(&self, x: &MoreTensor) -> Result<Vec<f64>, Failure> {
        let full = self.compaction.as_ref().map_or_else(|| x.clone(), |compaction| compaction.expand(x));
        Ok(self.decryptor.decrypt_tensor(&full)?)
    }

    /// Samples and targets. Beside the inputs stand numbers of their mean and spread, beside the targets other valid targets: the noise is
    /// trained on as well, and must not diverge.
    fn samples(
        &mut self,
        inputs: &Tensor,
        targets: &Tensor,
        loss: Loss,
    ) -> Result<(MoreTensor, MoreTensor), Failure> {
        let (mean, deviation) = moments(inputs.data());
        let reach = 3f64.sqrt() * deviation;
        let noise: Vec<f64> =
            inputs.data().iter().map(|_| mean + reach * self.rng.random_range(-1.0..1.0)).collect();
        let rows = targets.batch().max(1);
        let columns = targets.data().len() / rows;
        let mut others = vec![0.0; targets.data().len()];
        for row in others.chunks_mut(columns.max(1)) {
            if loss == Loss::CrossEntropy {
                if let Some(one) = row.get_mut(self.rng.random_range(0..columns)) {
                    *one = 1.0;
                }
            } else {
                let from = self.rng.random_range(0..rows) * columns;
                let other = targets.data().get(from..).unwrap_or(&[]);
                row.iter_mut().zip(other).for_each(|(value, other)| *value = *other);
            }
        }
        let encrypt = |values: &[f64], random: &[f64]| {
            self.encryptor.encrypt_tensor(values, random).map(|x| self.handed_over(x))
        };
        Ok((encrypt(inputs.data(), &noise)?, encrypt(targets.data(), &others)?))
    }

    fn difference(&self, encrypted: &[MoreTensor], clear: &[Vec<f64>]) -> Result<f64, Failure> {
        let mut worst: f64 = 0.0;
        for (encrypted, clear) in encrypted.iter().zip(clear) {
            for (got, want) in self.open(encrypted)?.iter().zip(clear) {
                worst = worst.max((got - want).abs() / (1.0 + want.abs()));
            }
        }
        Ok(worst)
    }
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, square.sqrt())
}

#[cfg(test)]
mod tests {
    use nn_layers::{Activation, Linear};

    use super::*;

    fn network() -> Network {
        let mut n = Network::builder("small", &[3]);
        n.layer("fc1", Linear::new(3, 8));
        n.layer("act1", Activation::Sigmoid);
        n.layer("fc2", Linear::new(8, 2));
        n.build().unwrap()
    }

    fn run(folder: &Path, form: MoreForm, until: usize) -> Result<Weights, Failure> {
        let (network, config) =
            (network(), Config { epochs: 6, batch: 4, rate: 0.1, seed: 3, ..Config::default() });
        let inputs: Vec<f64> = (0..60).map(|i| (i as f64 * 0.37).sin()).collect();
        let targets: Vec<f64> = inputs.chunks(3).flat_map(|x| [x[0] * x[1], x[2]]).collect();
        let (inputs, targets) = (Tensor::new(&[20, 3], inputs)?, Tensor::new(&[20, 2], targets)?);
        let training = Training {
            network: &network,
            samples: [&inputs, &targets],
            start: &xavier(&network, 1),
            config: &config,
            form,
            checkpoints: &Checkpoints::new(Some(folder), "small"),
        };
        training.run(&mut |at| {
            assert!((at.loss_encrypted - at.loss_clear).abs() < 1e-12, "epoch {}", at.epoch);
            assert!(at.worst_parameter_difference < 1e-12);
            if at.epoch == until { Err(Failure::failed("killed")) } else { Ok(()) }
        })
    }

    #[test]
    fn a_training_that_was_killed_ends_bit_identical() {
        for form in [MoreForm::Full, MoreForm::Compact] {
            let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let want = run(whole.path(), form, usize::MAX).unwrap();
            // The same owner, in a folder without a state.
            std::fs::copy(whole.path().join("owner"), broken.path().join("owner")).unwrap();
            for until in [2, 5] {
                assert!(run(broken.path(), form, until).is_err());
            }
            let got = run(broken.path(), form, usize::MAX).unwrap();
            for ((name, got), (_, want)) in got.iter().zip(want.iter()) {
                let bits = |t: &Tensor| t.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(got), bits(want), "{name}");
            }
            let states = [&whole, &broken].map(|folder| std::fs::read(folder.path().join("state")).unwrap());
            assert!(states[0] == states[1]);
        }
    }

    #[test]
    fn another_trainings_state_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), MoreForm::Full, usize::MAX).unwrap();
        assert!(Checkpoints::new(Some(folder.path()), "small").load().unwrap().is_some());
        let error = Checkpoints::new(Some(folder.path()), "other").load().err().unwrap().to_string();
        assert!(error.contains("not the state of this training"), "{error}");
    }
}
