//! `henna train --encrypted more`: the same training twice, on ciphertexts and in the clear, epoch by epoch.
//!
//! Weights, samples, targets, gradients and losses are ciphertexts for whoever trains; the owner, who holds the key, opens the losses
//! and the last weights.

use std::path::Path;
use std::time::Instant;

use backend_more::More;
use backend_more::training::{Compaction, MoreAlgebra, MoreTensor};
use he_traits::Scheme;
use models::registry::{Model, Recipe, TrainOptions};
use nn_layers::train::{ClearAlgebra, Config, Trainer, xavier};
use nn_layers::{Network, Tensor, Weights};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoints, Half, State};
use super::owner::Owner;
use crate::args::{MoreForm, TrainArgs};
use crate::failure::Failure;
use crate::progress::Bar;
use crate::{output, suggest};

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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Epoch {
    pub(crate) epoch: usize,
    pub(crate) loss_encrypted: f64,
    pub(crate) loss_clear: f64,
    /// The largest difference of a parameter, over 1 + its size.
    pub(crate) worst_parameter_difference: f64,
    pub(crate) seconds_encrypted: f64,
    pub(crate) seconds_clear: f64,
    /// The judge's figures for the weights after the epoch, encrypted (and opened) and clear; none without a judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scores: Option<[f64; 2]>,
}

/// One figure for the worth of weights.
pub(crate) type Judge<'a> = &'a dyn Fn(Weights) -> Result<f64, Failure>;

/// What both trainings end with.
pub(crate) struct Ends {
    /// The weights that were trained encrypted, opened by the owner.
    pub(crate) encrypted: Weights,
    /// Those of the clear training.
    pub(crate) clear: Weights,
}

impl MoreForm {
    /// Its name in records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Compact => "compact",
        }
    }
}

/// Tells one training from all others: a checkpoint belongs to it alone.
pub(crate) fn description(model: &Model, form: MoreForm, config: &Config, samples: usize) -> String {
    format!("{} {} {config:?} {samples}", model.name, form.name())
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
    let form = args.more_form.name();
    let what = description(model, args.more_form, &config, inputs.batch());
    let checkpoints = Checkpoints::new(args.checkpoints.as_deref(), &what);
    let epochs = config.epochs as u64;
    let training = Training {
        network: &network,
        samples: [&inputs, &targets],
        start: &start,
        config: &config,
        form: args.more_form,
        checkpoints: &checkpoints,
        judge: None,
    };
    let bar = Bar::units(model.name);
    let ends = training.run(&mut |figures| {
        let line = Record { record: "encrypted-epoch", model: model.name, scheme: More::NAME, form, figures };
        let text = serde_json::to_string(&line).map_err(|error| Failure::failed(error.to_string()))?;
        output::print(&(text + "\n"))?;
        bar.show(figures.epoch as u64, epochs, format!("train loss {:.5}", figures.loss_encrypted));
        Ok(())
    })?;
    bar.finish();
    super::report(&finish(ends.encrypted)?, model, path)
}

/// What is trained, and where its state is kept.
pub(crate) struct Training<'a> {
    pub(crate) network: &'a Network,
    /// Inputs and targets.
    pub(crate) samples: [&'a Tensor; 2],
    pub(crate) start: &'a Weights,
    pub(crate) config: &'a Config,
    pub(crate) form: MoreForm,
    pub(crate) checkpoints: &'a Checkpoints,
    pub(crate) judge: Option<Judge<'a>>,
}

impl Training<'_> {
    /// Trains both ways from the last checkpoint on. `observe` hears of every epoch before its state is kept, and may end the training: whoever writes
    /// down what it hears has every epoch, the one at which the training was killed perhaps twice.
    pub(crate) fn run(
        &self,
        observe: &mut dyn FnMut(&Epoch) -> Result<(), Failure>,
    ) -> Result<Ends, Failure> {
        let Training { network, samples: [inputs, targets], start, config, form, checkpoints, .. } = *self;
        let mut owner = Owner::new(ChaCha20Rng::from_seed(*checkpoints.seed()?))?;
        // The noise is a network like any other, from a seed of its own.
        let noise = xavier(network, config.seed ^ owner.rng.random::<u64>());
        let fresh = State::first(&mut owner, network, [start, &noise], form)?;
        let (encrypted_inputs, encrypted_targets) =
            owner.samples(network, &noise, [inputs, targets], config.loss)?;
        let State { epochs, encrypted, clear } = checkpoints.load()?.unwrap_or(fresh);
        // What the server does to keep rounding errors small, and needs no key for; there are none in the compact form.
        let algebra = Compaction::from_ciphertexts(&encrypted_inputs).map(MoreAlgebra::settling);
        let mut encrypted =
            Trainer::new(algebra.unwrap_or_default(), network, config.clone(), encrypted.parameters)?
                .resumed(encrypted.velocities, epochs)?;
        let mut clear = Trainer::new(ClearAlgebra, network, config.clone(), clear.parameters)?
            .resumed(clear.velocities, epochs)?;
        let samples = inputs.batch();
        // Trainers borrow vectors; both tensors end with the training that they were made for.
        let (inputs, targets) = (inputs.data().to_vec(), targets.data().to_vec());
        for epoch in epochs + 1..=config.epochs {
            let (seconds_encrypted, loss) =
                timed(|| encrypted.epoch(&encrypted_inputs, &encrypted_targets, samples));
            let loss_encrypted = first(&owner.open(&loss?)?);
            if !loss_encrypted.is_finite() {
                return Err(Failure::Network(nn_layers::Error::Diverged { epoch, loss: loss_encrypted }));
            }
            let (seconds_clear, loss) = timed(|| clear.epoch(&inputs, &targets, samples));
            let loss_clear = first(&loss?);
            let scores = match self.judge {
                None => None,
                Some(judge) => {
                    Some([judge(opened(&owner, network, encrypted.parameters())?)?, judge(clear.weights())?])
                }
            };
            observe(&Epoch {
                epoch,
                loss_encrypted,
                loss_clear,
                worst_parameter_difference: owner.difference(encrypted.parameters(), clear.parameters())?,
                seconds_encrypted,
                seconds_clear,
                scores,
            })?;
            checkpoints.save(&State {
                epochs: epoch,
                encrypted: Half::of(&encrypted),
                clear: Half::of(&clear),
            })?;
        }
        Ok(Ends { encrypted: opened(&owner, network, encrypted.parameters())?, clear: clear.weights() })
    }
}

/// Encrypted parameters, opened by the owner.
fn opened(owner: &Owner, network: &Network, parameters: &[MoreTensor]) -> Result<Weights, Failure> {
    let mut weights = Weights::new();
    for ((name, shape), tensor) in network.parameters().zip(parameters) {
        weights.insert(name, Tensor::new(&shape, owner.open(tensor)?)?);
    }
    Ok(weights)
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
        [start, noise]: [&Weights; 2],
        form: MoreForm,
    ) -> Result<Self, Failure> {
        let of =
            |weights: &Weights, name: &str| weights.get(name).map_or_else(Vec::new, |t| t.data().to_vec());
        let mut halves = Vec::new();
        for (name, _) in network.parameters() {
            let values = of(start, &name);
            let encrypted = owner.encryptor.encrypt_tensor(&values, &of(noise, &name))?;
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
        let public =
            velocities.iter().map(|v| he_traits::algebra::Algebra::constants(&MoreAlgebra::default(), v));
        Ok(Self {
            epochs: 0,
            encrypted: Half { velocities: public.collect(), parameters: encrypted },
            clear: Half { velocities, parameters: clear },
        })
    }
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
            judge: Some(&|weights| Ok(weights.get("fc1.bias").unwrap().data()[0])),
        };
        let ends = training.run(&mut |at| {
            assert!((at.loss_encrypted - at.loss_clear).abs() < 1e-12, "epoch {}", at.epoch);
            assert!(at.worst_parameter_difference < 1e-12);
            let [encrypted, clear] = at.scores.unwrap();
            assert!((encrypted - clear).abs() < 1e-12);
            if at.epoch == until { Err(Failure::failed("killed")) } else { Ok(()) }
        })?;
        for ((name, encrypted), (_, clear)) in ends.encrypted.iter().zip(ends.clear.iter()) {
            let worst =
                encrypted.data().iter().zip(clear.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-12, "{name}");
        }
        Ok(ends.encrypted)
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
