//! Inference in both of the paper's scenarios: an encrypted model on encrypted data, and a clear model on encrypted data.

use std::time::Instant;

use backend_more::training::{Compaction, MoreAlgebra, MoreTensor};
use backend_more::{CompactMore, More};
use he_traits::{ClientScheme, Keep, KeyNeeds, Scheme};
use models::registry::Model;
use nn_layers::clear::Executor;
use nn_layers::compile::{Options, compile};
use nn_layers::train::{Config, Trainer};
use nn_layers::{Network, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};

use super::Made;
use crate::failure::Failure;
use crate::job::Subject;
use crate::progress::Bar;
use crate::train::Owner;

/// Passes that times are the fastest of, after one that is not counted: as many as take [`SECONDS`], within these bounds.
const RUNS: std::ops::RangeInclusive<usize> = 3..=200;
/// Seconds that all passes together should take: short ones need many.
const SECONDS: f64 = 3.0;
/// Numbers of all samples together: their ciphertexts take 32 bytes each, and activations several times that.
const MOST_NUMBERS: usize = 8_000_000;
/// Samples, where numbers do not limit them: the paper's test set of MNIST.
const MOST_SAMPLES: usize = 10_000;
/// Samples of a trial.
const QUICK: usize = 16;

/// One way to run a network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Way {
    pub(super) name: String,
    /// Seconds for all samples, the fastest pass.
    pub(super) seconds: f64,
    /// The median of every pass over the clear pass before it.
    pub(super) over_clear: f64,
    /// The largest difference of an output from the clear run's.
    pub(super) worst_difference: f64,
}

/// All ways, on the same samples and threads in one process, in turn.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct InferenceRecord {
    pub(super) model: String,
    pub(super) samples: usize,
    pub(super) made: Made,
    /// Seconds of the clear executor, the fastest pass.
    pub(super) clear_seconds: f64,
    /// Seconds to encrypt the samples, and to decrypt the results.
    pub(super) encrypt_seconds: f64,
    pub(super) decrypt_seconds: f64,
    pub(super) ways: Vec<Way>,
}

/// A way to run the network on all samples: its outputs, row by row.
type Run<'a> = Box<dyn FnMut() -> Result<(f64, Vec<f64>), Failure> + 'a>;

/// Measures a model with its own weights.
pub(super) fn measure(model: &Model, quick: bool) -> Result<InferenceRecord, Failure> {
    let subject = Subject::load(model.name, None)?;
    let Subject { network, weights, .. } = &subject;
    let numbers: usize = network.input_shape().iter().product();
    let wanted = if quick { QUICK } else { (MOST_NUMBERS / numbers.max(1)).min(MOST_SAMPLES) };
    let inputs = subject.samples(subject.samples_there(wanted)?)?.inputs;
    let bar = Bar::units(model.name);
    let executor = Executor::new(network, &weights.weights)?;
    let full = ClearModel::<More>::new(&subject, &inputs)?;
    let compact = ClearModel::<CompactMore>::new(&subject, &inputs)?;
    let (encrypt_seconds, decrypt_seconds) = (full.encrypt_seconds, full.decrypt_seconds()?);
    let mut ways: Vec<(&str, Run<'_>)> = vec![
        ("clear model, encrypted data", Box::new(|| full.run())),
        ("clear model, encrypted data, compact form", Box::new(|| compact.run())),
    ];
    let parameters: Vec<Vec<f64>> = network
        .parameters()
        .map(|(name, _)| weights.weights.get(&name).map_or_else(Vec::new, |tensor| tensor.data().to_vec()))
        .collect();
    for (name, compact) in
        [("encrypted model, encrypted data", false), ("encrypted model, encrypted data, compact form", true)]
    {
        let mut way = OverTensors::new(network, &parameters, &inputs, compact)?;
        ways.push((name, Box::new(move || way.run())));
    }

    let mut clear_seconds = f64::INFINITY;
    let mut found: Vec<(f64, Vec<f64>, f64)> = vec![(f64::INFINITY, Vec::new(), 0.0); ways.len()];
    let begun = Instant::now();
    let mut passes = *RUNS.end();
    for pass in 0.. {
        if pass > passes {
            break;
        }
        for ((name, run), (fastest, ratios, worst)) in ways.iter_mut().zip(&mut found) {
            bar.show(pass as u64, passes as u64 + 1, (*name).to_owned());
            let start = Instant::now();
            let expected = executor.run(&inputs)?;
            let clear = start.elapsed().as_secs_f64();
            let (seconds, outputs) = run()?;
            let differences = outputs.iter().zip(expected.data()).map(|(got, want)| (got - want).abs());
            *worst = differences.fold(*worst, f64::max);
            if outputs.len() != expected.data().len() {
                *worst = f64::INFINITY;
            }
            if pass > 0 {
                clear_seconds = clear_seconds.min(clear);
                *fastest = fastest.min(seconds);
                ratios.push(seconds / clear);
            }
        }
        if pass == 0 {
            let wanted = SECONDS / begun.elapsed().as_secs_f64();
            passes = (wanted as usize).clamp(*RUNS.start(), *RUNS.end());
        }
    }
    bar.finish();
    let way =
        |((name, _), (seconds, mut ratios, worst_difference)): (&(&str, Run<'_>), (f64, Vec<f64>, f64))| {
            ratios.sort_by(f64::total_cmp);
            let over_clear = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
            Way { name: (*name).to_owned(), seconds, over_clear, worst_difference }
        };
    let ways = ways.iter().zip(found).map(way).collect();
    Ok(InferenceRecord {
        model: model.name.to_owned(),
        samples: inputs.batch(),
        made: Made::now(),
        clear_seconds,
        encrypt_seconds,
        decrypt_seconds,
        ways,
    })
}

/// Every sample's blocks.
type Blocks<S> = Vec<Vec<<S as Scheme>::Ciphertext>>;

/// The network compiled for the scheme: weights in the clear.
struct ClearModel<S: ClientScheme> {
    program: nn_layers::Program,
    prepared: nn_layers::Prepared<S::Evaluator>,
    server: S::Evaluator,
    decryptor: S::Decryptor,
    encrypted: Blocks<S>,
    at_once: usize,
    encrypt_seconds: f64,
}

impl<S: ClientScheme> ClearModel<S> {
    fn new(subject: &Subject, inputs: &Tensor) -> Result<Self, Failure> {
        let compiled = compile::<S>(
            &subject.network,
            &subject.weights.weights,
            &inputs.rows(0, inputs.batch().min(16)),
            &Options::default(),
        )?;
        let mut rng: ChaCha20Rng = rand::make_rng();
        let keys = S::keygen(&compiled.params, &KeyNeeds::default(), &mut rng)?;
        let encryptor = S::encryptor(&compiled.params, &keys.secret)?;
        let decryptor = S::decryptor(&compiled.params, &keys.secret)?;
        let server = S::evaluator(&compiled.params, keys.evaluation)?;
        let prepared = compiled.program.prepare(&server, Keep::Encoded, &mut |_| {})?;
        let start = Instant::now();
        let encrypted = compiled.program.encrypt(&encryptor, inputs, &mut rng)?;
        Ok(Self {
            encrypt_seconds: start.elapsed().as_secs_f64(),
            program: compiled.program,
            prepared,
            server,
            decryptor,
            encrypted,
            at_once: compiled.profile.values_at_once,
        })
    }

    fn results(&self) -> Result<(f64, Blocks<S>), Failure> {
        let start = Instant::now();
        let mut results = Vec::with_capacity(self.encrypted.len());
        for batch in self.encrypted.chunks(self.at_once.max(1)) {
            results.extend(self.prepared.run(&self.server, batch.to_vec(), &mut |_| {})?);
        }
        Ok((start.elapsed().as_secs_f64(), results))
    }

    fn opened(&self, results: &[Vec<S::Ciphertext>]) -> Result<Vec<f64>, Failure> {
        Ok(self.program.decrypt(&self.decryptor, results, results.len())?.into_data())
    }

    fn run(&self) -> Result<(f64, Vec<f64>), Failure> {
        let (seconds, results) = self.results()?;
        Ok((seconds, self.opened(&results)?))
    }

    fn decrypt_seconds(&self) -> Result<f64, Failure> {
        let (_, results) = self.results()?;
        let start = Instant::now();
        self.opened(&results)?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// The network over tensors of ciphertexts, as it is trained: weights encrypted, in either form.
struct OverTensors<'n> {
    owner: Owner,
    trainer: Trainer<'n, MoreAlgebra>,
    inputs: MoreTensor,
    samples: usize,
}

impl<'n> OverTensors<'n> {
    fn new(
        network: &'n Network,
        parameters: &[Vec<f64>],
        inputs: &Tensor,
        compact: bool,
    ) -> Result<Self, Failure> {
        let mut owner = Owner::new(ChaCha20Rng::from_rng(&mut rand::rng()))?;
        let encrypted = owner.encrypt(inputs.data())?;
        if compact {
            owner.compaction = Compaction::from_ciphertexts(&encrypted);
        }
        let inputs = (owner.handed_over(encrypted), inputs.batch());
        let parameters = parameters
            .iter()
            .map(|values| owner.encrypt(values).map(|encrypted| owner.handed_over(encrypted)))
            .collect::<Result<Vec<MoreTensor>, Failure>>()?;
        let trainer = Trainer::new(MoreAlgebra::default(), network, Config::default(), parameters)?;
        Ok(Self { owner, trainer, inputs: inputs.0, samples: inputs.1 })
    }

    fn run(&mut self) -> Result<(f64, Vec<f64>), Failure> {
        let start = Instant::now();
        let outputs = self.trainer.outputs(&self.inputs, self.samples)?;
        let seconds = start.elapsed().as_secs_f64();
        let mut opened = Vec::new();
        for output in &outputs {
            opened.extend(self.owner.open(output)?);
        }
        Ok((seconds, opened))
    }
}
