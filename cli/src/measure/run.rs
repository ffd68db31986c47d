//! Keys, preparation, and the samples: encrypted, evaluated, decrypted, with every second and byte noted.

use std::time::Instant;

use he_traits::decorators::RoundTrip;
use he_traits::wire::Encode;
use he_traits::{ClientScheme, Encryptor, Evaluator, Level, Parts, Scheme};
use nn_layers::run::Prepared;
use nn_layers::{StepPrecision, Tensor};
use rand_chacha::ChaCha20Rng;

use super::agreement::agreement;
use super::memory::Watch;
use super::outputs;
use super::owner::Owner;
use super::precision::{self, Beside};
use crate::failure::Failure;
use crate::job::{Job, Subject};
use crate::planning::{Planned, counts};
use crate::protocol::{Stage, tell};
use crate::record::{Bytes, Measured, Memory, MetricValues, ScoreRecord, Spread, StepRecord, Times};

/// A first evaluation that takes fewer seconds is a warm-up and is run again. What it waits for besides cold caches is memory: a system clears a gigabyte in
/// 0.2 s, and a virtual machine whose host took back what was free waits seconds for it.
pub(crate) const WARM_UP: f64 = 20.0;

/// The owner's and the server's halves, and what runs on them.
struct Session<'a, S: ClientScheme, E: Evaluator> {
    planned: &'a Planned<S>,
    encryptor: S::Encryptor,
    decryptor: S::Decryptor,
    evaluator: E,
    prepared: Prepared<E>,
    /// Whom round trips go to, where there are any.
    owner: Option<&'a Owner<S>>,
    rng: ChaCha20Rng,
}

/// What there is before the server begins.
struct Before {
    watch: Watch,
    before_keygen: Option<u64>,
    keygen_memory: Option<u64>,
    keygen: f64,
    evaluation_keys: u64,
    rng: ChaCha20Rng,
}

/// What the evaluations showed.
#[derive(Default)]
struct Log {
    encrypt: Vec<f64>,
    evaluate: Vec<f64>,
    decrypt: Vec<f64>,
    latency: Vec<f64>,
    /// Seconds of evaluation of what warmed up.
    first: Option<f64>,
    /// Seconds of all of them, short last batches included, and the samples in them.
    total: f64,
    evaluating: f64,
    samples: usize,
    steps: Vec<Vec<f64>>,
    /// Seconds of the round trips of each evaluation.
    round_trips: Vec<f64>,
    /// Evaluations with round trips and the samples in them, those that warmed up included.
    evaluations: [u64; 2],
    /// Seconds of evaluation of each run, and of each pass of the clear executor: all samples.
    passes: Vec<f64>,
    clear: Vec<f64>,
    fresh: u64,
    result: u64,
}

/// Seconds and result of `work`.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// Measures a planned network.
pub(crate) fn run<S: ClientScheme>(
    job: &Job,
    subject: &Subject,
    planned: &Planned<S>,
) -> Result<Measured, Failure> {
    let watch = Watch;
    let before_keygen = watch.take();
    let mut rng: ChaCha20Rng = rand::make_rng();
    let params = &planned.compiled.params;

    tell(Stage::Keygen, 0, planned.symbolic.needs.count(), "");
    let (keygen, keys) = timed(|| S::keygen(params, &planned.symbolic.needs, &mut rng));
    let keys = keys?;
    let keygen_memory = watch.take();
    let evaluation_keys = keys.evaluation.to_bytes()?.len() as u64;
    // Serialising the keys to see their size is no part of the run.
    watch.take();

    let before = Before { watch, before_keygen, keygen_memory, keygen, evaluation_keys, rng };
    let halves = (S::encryptor(params, &keys.secret)?, S::decryptor(params, &keys.secret)?);
    let Some(refresh) =
        planned.compiled.profile.refresh.as_ref().filter(|_| planned.plan.round_trips.is_some())
    else {
        let evaluators = Evaluators {
            first: |keys| Ok(<S as Scheme>::evaluator(params, keys)?),
            checked: |evaluator, by: Beside<'_, S>| precision::of_steps(evaluator, by, None),
        };
        return with(job, subject, planned, before, halves, keys.evaluation, evaluators, None);
    };
    let owner = Owner::<S>::new(params, &keys.secret)?;
    let asked = |x: &[&S::Ciphertext], _: Parts, to: Level| owner.refresh(x, to);
    let evaluators = Evaluators {
        first: |keys| Ok(RoundTrip::new(<S as Scheme>::evaluator(params, keys)?, refresh.bound, asked)),
        checked: |evaluator: RoundTrip<S::Evaluator, _>, by: Beside<'_, S>| {
            precision::of_steps(evaluator.into_inner(), by, Some(&owner))
        },
    };
    with(job, subject, planned, before, halves, keys.evaluation, evaluators, Some(&owner))
}

/// How to make the evaluator that is measured, and what the precision of its steps is, which takes it.
struct Evaluators<M, P> {
    first: M,
    checked: P,
}

/// Measures on a server's evaluator that `evaluator` makes of the keys.
#[expect(
    clippy::too_many_arguments,
    reason = "what one function holds, handed to the half of it that is generic over evaluators"
)]
fn with<'a, S: ClientScheme, E: Evaluator<Ciphertext = S::Ciphertext>>(
    job: &Job,
    subject: &Subject,
    planned: &'a Planned<S>,
    before: Before,
    (encryptor, decryptor): (S::Encryptor, S::Decryptor),
    keys: S::EvaluationKeys,
    evaluators: Evaluators<
        impl FnOnce(S::EvaluationKeys) -> Result<E, Failure>,
        impl FnOnce(E, Beside<'_, S>) -> Result<Vec<StepPrecision>, Failure>,
    >,
    owner: Option<&'a Owner<S>>,
) -> Result<Measured, Failure> {
    let Evaluators { first: evaluator, checked } = evaluators;
    let Before { watch, before_keygen, keygen_memory, keygen, evaluation_keys, mut rng } = before;
    let model = Model::<S>::encrypt(planned, &encryptor, &mut rng)?;
    watch.take();
    let (encrypt_weights, encrypted_weights) =
        model.as_ref().map(|model| (model.seconds, model.bytes)).unzip();
    let (prepare, server) = timed(|| server::<S, E>(planned, || evaluator(keys), model));
    let (evaluator, prepared) = server?;
    let prepare_memory = watch.take();

    let mut session = Session { planned, encryptor, decryptor, evaluator, prepared, owner, rng };
    let samples = subject.samples(job.samples)?;
    let batch = planned.plan.samples_at_once.clamp(1, job.samples);
    // Samples that share the ciphertexts sent.
    let shared = planned.plan.samples_per_ciphertext.clamp(1, job.samples) as f64;
    let mut log = Log { steps: vec![Vec::new(); planned.plan.steps.len()], ..Log::default() };
    clear_passes(subject, &samples.inputs, &mut log)?;
    // What the clear executor holds is no part of the run either.
    watch.take();
    let outputs = session.all_runs(job, batch, &samples.inputs, &mut log)?;
    let evaluate_memory = watch.take();

    let clear = planned.compiled.program.clear(&samples.inputs)?;
    let original = clear_passes(subject, &samples.inputs, &mut log)?;
    let metric = |outputs: &Tensor| subject.metric(outputs, &samples.targets);
    let scores = |outputs: &Tensor| subject.scores(outputs, &samples.targets);
    let scores =
        scores(&original)?.into_iter().zip(scores(&outputs)?).map(|(original, encrypted)| ScoreRecord {
            of: original.of,
            metric: original.metric.to_owned(),
            original: original.value,
            encrypted: encrypted.value,
            paper: original.paper,
        });
    let scores = scores.collect();
    let peaks = [before_keygen, keygen_memory, prepare_memory, evaluate_memory];
    let mut measured = Measured {
        samples: job.samples,
        runs: job.runs,
        batch,
        threads: job.threads,
        time: Times { encrypt_weights, ..times(&log, planned.seconds, keygen, prepare) },
        memory: Memory {
            before_keygen,
            keygen: keygen_memory,
            prepare: prepare_memory,
            evaluate: evaluate_memory,
            peak: peaks.into_iter().max().flatten(),
        },
        bytes: Bytes {
            fresh_ciphertext: log.fresh,
            result_ciphertext: log.result,
            evaluation_keys,
            encrypted_weights,
            upload_per_sample: (log.fresh * planned.plan.input_ciphertexts as u64) as f64 / shared,
            download_per_sample: (log.result * planned.plan.output_ciphertexts as u64) as f64 / shared,
        },
        round_trips: owner.map(|owner| {
            let [evaluations, samples] = log.evaluations;
            let groups = if shared > 1.0 { evaluations } else { samples };
            owner.record([evaluations, samples, groups], &log.round_trips)
        }),
        metric: MetricValues {
            original: metric(&original)?,
            clear: metric(&clear)?,
            encrypted: metric(&outputs)?,
        },
        agreement: agreement(&outputs, &clear, &original, &samples.targets),
        scores,
        steps: steps(planned, &log),
        precision_missing: None,
        outputs: outputs::first(&clear, &outputs, &samples.targets)?,
    };
    if job.precision {
        let Session { encryptor, decryptor, evaluator, prepared, mut rng, .. } = session;
        // What was measured makes room for what is compared.
        drop(prepared);
        let sample = samples.inputs.rows(0, 1);
        let by = Beside { planned, encryptor: &encryptor, decryptor, sample: &sample, rng: &mut rng };
        note_precision(&mut measured, checked(evaluator, by));
    }
    Ok(measured)
}

/// The precision of each step goes into its record; where there is none, the measurements stay and the reason stands beside them.
fn note_precision(measured: &mut Measured, found: Result<Vec<StepPrecision>, Failure>) {
    match found {
        Ok(found) => {
            for (step, precision) in measured.steps.iter_mut().zip(&found) {
                step.precision = Some(precision.into());
            }
        }
        Err(reason) => measured.precision_missing = Some(reason.to_string()),
    }
}

/// Passes of the clear executor before the evaluations, and as many after them.
const CLEAR_PASSES: usize = 3;

/// The original network over all samples as one batch, several times after a first one that warms up: what the evaluations are held
/// against, on the same threads and in the same process.
fn clear_passes(subject: &Subject, inputs: &Tensor, log: &mut Log) -> Result<Tensor, Failure> {
    let executor = nn_layers::clear::Executor::new(&subject.network, &subject.weights.weights)?;
    let outputs = executor.run(inputs)?;
    for _ in 0..CLEAR_PASSES {
        let (seconds, again) = timed(|| executor.run(inputs));
        again?;
        log.clear.push(seconds);
    }
    Ok(outputs)
}

/// The network's weights as their owner encrypted them.
struct Model<S: ClientScheme> {
    ciphertexts: Vec<S::Ciphertext>,
    seconds: f64,
    /// All of them as sent.
    bytes: u64,
}

impl<S: ClientScheme> Model<S> {
    /// `None` where the server is to hold the weights in the clear.
    fn encrypt(
        planned: &Planned<S>,
        encryptor: &S::Encryptor,
        rng: &mut ChaCha20Rng,
    ) -> Result<Option<Self>, Failure> {
        let Some(program) = &planned.encrypted else { return Ok(None) };
        let mut model = Self { ciphertexts: Vec::new(), seconds: 0.0, bytes: 0 };
        let all = planned.plan.encrypted_weights.unwrap_or_default();
        program.vectors(&mut |vector, at| {
            let (seconds, ciphertext) = timed(|| encryptor.encrypt(&vector, at, rng));
            let ciphertext = ciphertext?;
            model.seconds += seconds;
            model.bytes += ciphertext.to_bytes()?.len() as u64;
            model.ciphertexts.push(ciphertext);
            tell(Stage::Prepare, model.ciphertexts.len(), all, "weights encrypted by their owner");
            Ok(())
        })?;
        Ok(Some(model))
    }
}

/// The server's half: an evaluator, and the weights encoded for it as far as memory allows, or as they came encrypted.
fn server<S: ClientScheme, E: Evaluator<Ciphertext = S::Ciphertext>>(
    planned: &Planned<S>,
    evaluator: impl FnOnce() -> Result<E, Failure>,
    model: Option<Model<S>>,
) -> Result<(E, Prepared<E>), Failure> {
    let evaluator = evaluator()?;
    let progress = &mut |progress: nn_layers::run::Progress<'_>| {
        let done = progress.index + usize::from(progress.seconds.is_some());
        tell(Stage::Prepare, done, progress.count, &progress.step.name);
    };
    let prepared = match (&planned.encrypted, model) {
        (Some(program), Some(model)) => {
            let mut ciphertexts = model.ciphertexts.into_iter();
            let mut next = |_| {
                let missing =
                    || he_traits::Error::shape("model", "as many ciphertexts as the pattern has", "fewer");
                ciphertexts.next().ok_or_else(missing)
            };
            program.pattern.prepare_encrypted(&evaluator, &mut next, progress)?
        }
        _ => planned.compiled.program.prepare(&evaluator, planned.keeping.clone(), progress)?,
    };
    Ok((evaluator, prepared))
}

impl<S: ClientScheme, E: Evaluator<Ciphertext = S::Ciphertext>> Session<'_, S, E> {
    /// All runs over all samples; the outputs of the first.
    fn all_runs(
        &mut self,
        job: &Job,
        batch: usize,
        inputs: &Tensor,
        log: &mut Log,
    ) -> Result<Tensor, Failure> {
        let batches = job.samples.div_ceil(batch);
        let total = batches * job.runs;
        let mut outputs = Vec::new();
        for run in 0..job.runs {
            let before = log.evaluating;
            for index in 0..batches {
                let place = (run * batches + index, total);
                let inputs = inputs.rows(index * batch, (index + 1) * batch);
                let full = inputs.batch() == batch;
                let mut values = self.one_batch(&inputs, full, place, log)?;
                if place.0 == 0 && log.evaluating < WARM_UP {
                    let (fresh, result) = (log.fresh, log.result);
                    let clear = std::mem::take(&mut log.clear);
                    let steps = vec![Vec::new(); log.steps.len()];
                    let (first, evaluations) = (Some(log.evaluating), log.evaluations);
                    *log = Log { first, steps, clear, fresh, result, evaluations, ..Log::default() };
                    values = self.one_batch(&inputs, full, place, log)?;
                }
                if run == 0 {
                    outputs.extend(values);
                }
            }
            log.passes.push(log.evaluating - before);
        }
        let shape = self.planned.compiled.program.network().output_shape();
        let shape: Vec<usize> = std::iter::once(job.samples).chain(shape.iter().copied()).collect();
        Ok(Tensor::new(&shape, outputs)?)
    }

    fn one_batch(
        &mut self,
        inputs: &Tensor,
        full: bool,
        place: (usize, usize),
        log: &mut Log,
    ) -> Result<Vec<f64>, Failure> {
        let program = &self.planned.compiled.program;
        let (encrypting, encrypted) = timed(|| program.encrypt(&self.encryptor, inputs, &mut self.rng));
        let encrypted = encrypted?;
        if log.fresh == 0 {
            log.fresh = first_bytes(&encrypted)?;
        }
        let mut progress = |step: nn_layers::run::Progress<'_>| match step.seconds {
            None => tell(
                Stage::Evaluate,
                place.0,
                place.1,
                &format!("{} ({}/{})", step.step.name, step.index + 1, step.count),
            ),
            Some(seconds) => {
                if full && let Some(times) = log.steps.get_mut(step.index) {
                    times.push(seconds);
                }
            }
        };
        let at_owner = || self.owner.map_or(0.0, Owner::seconds);
        let before = at_owner();
        let (evaluating, results) = timed(|| self.prepared.run(&self.evaluator, encrypted, &mut progress));
        let results = results?;
        let round_trips = at_owner() - before;
        if log.result == 0 {
            log.result = first_bytes(&results)?;
        }
        let (decrypting, values) = timed(|| program.decrypt(&self.decryptor, &results, inputs.batch()));
        log.total += encrypting + evaluating + decrypting;
        log.evaluating += evaluating;
        log.samples += inputs.batch();
        let [evaluations, samples] = &mut log.evaluations;
        *evaluations += 1;
        *samples += inputs.batch() as u64;
        if full {
            log.encrypt.push(encrypting);
            log.evaluate.push(evaluating);
            log.round_trips.push(round_trips);
            log.decrypt.push(decrypting);
            log.latency.push(encrypting + evaluating + decrypting);
        }
        Ok(values?.into_data())
    }
}

/// Serialised size of the first ciphertext.
fn first_bytes<C: Encode>(samples: &[Vec<C>]) -> Result<u64, Failure> {
    let first = samples.first().and_then(|blocks| blocks.first());
    Ok(first.map(|ciphertext| ciphertext.to_bytes()).transpose()?.map_or(0, |bytes| bytes.len() as u64))
}

fn times(log: &Log, compile: f64, keygen: f64, prepare: f64) -> Times {
    let amortised = log.total / log.samples.max(1) as f64;
    let (passes, clear_executor) = (Spread::of(&log.passes), Spread::of(&log.clear));
    Times {
        compile,
        keygen,
        encrypt_weights: None,
        prepare,
        setup: keygen + prepare,
        first: log.first,
        encrypt: Spread::of(&log.encrypt),
        evaluate: Spread::of(&log.evaluate),
        decrypt: Spread::of(&log.decrypt),
        latency: Spread::of(&log.latency),
        amortised,
        evaluate_amortised: log.evaluating / log.samples.max(1) as f64,
        evaluate_over_clear: passes.min / clear_executor.min,
        clear_executor,
        samples_per_second: if amortised > 0.0 { 1.0 / amortised } else { 0.0 },
    }
}

fn steps<S: ClientScheme>(planned: &Planned<S>, log: &Log) -> Vec<StepRecord> {
    let steps = planned.plan.steps.iter().zip(&planned.symbolic.steps).zip(&log.steps);
    steps
        .map(|((step, cost), seconds)| StepRecord {
            name: step.name.clone(),
            operation: step.operation.clone(),
            level_in: step.level_in,
            level_out: step.level_out,
            seconds: Spread::of(seconds),
            operations: counts(&cost.counts),
            precision: None,
        })
        .collect()
}
