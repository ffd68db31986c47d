//! Programs whose weights are encrypted: the server computes with a model that it does not see.
//!
//! What the server sees is the *pattern*: the layers, how they were folded and packed, and the polynomials in place of activations. What a
//! trained network's own zeros and equal weights would add to that stays hidden, because the pattern is compiled from generic numbers
//! ([`pattern_weights`]), by each side for itself. Encrypted are the maps and biases of every linear step: convolutions, fully connected layers,
//! normalisations, learned coefficients, scalings to a polynomial's interval, all as they were folded. Polynomials' coefficients, masks and the
//! moves of a product's operands are public.

use he_traits::{Diagonal, EncryptedMap, Evaluator, Level, Profile, Symbolic};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::compile::{Options, compile_hidden};
use crate::error::{Error, Result};
use crate::graph::Network;
use crate::program::{Program, Step, StepKind, SymbolicRun, Term};
use crate::run::{Prepared, Progress};
use crate::tensor::{Tensor, numel};
use crate::weights::Weights;

/// Seed of the generic numbers: both sides must draw the same.
const SEED: u64 = 0x0068_656e_6e61;

/// Generic weights for the pattern of a network: no two equal, none zero, variances positive, and small enough for values to stay near 0.
#[must_use]
pub fn pattern_weights(network: &Network) -> Weights {
    let mut rng = ChaCha20Rng::seed_from_u64(SEED);
    let tensors = network.parameters().map(|(name, shape)| {
        // Figures of a channel are positive, because some are variances.
        let (scale, signed) = match shape.as_slice() {
            [outs, _, ..] => (1.0 / (numel(&shape) / outs.max(&1)).max(1) as f64, true),
            _ => (0.1, false),
        };
        let values = (0..numel(&shape)).map(|_| {
            let value = scale * rng.random_range(0.5..1.5);
            if signed && rng.random::<bool>() { -value } else { value }
        });
        let values = values.collect();
        (name, Tensor::from_parts(shape, values))
    });
    tensors.collect()
}

/// A network compiled twice for the same ciphertexts: once with its weights, once as a pattern.
#[derive(Debug, Clone)]
pub struct EncryptedProgram {
    /// What the server is told.
    pub pattern: Program,
    /// What the ciphertexts hold.
    pub values: Program,
}

/// Compiles the pattern of `network`, in which a polynomial stands for every activation that the scheme cannot compute.
///
/// # Errors
/// As [`compile_for`](crate::compile_for).
pub fn compile_pattern(network: &Network, profile: &Profile) -> Result<Program> {
    compile_with(network, &pattern_weights(network), profile)
}

impl EncryptedProgram {
    /// Compiles `network` with `weights`, and its pattern.
    ///
    /// # Errors
    /// As [`compile_for`](crate::compile_for); [`Error::Pattern`] when the weights lead to other steps than generic ones.
    pub fn compile(network: &Network, weights: &Weights, profile: &Profile) -> Result<EncryptedProgram> {
        let (pattern, values) =
            (compile_pattern(network, profile)?, compile_with(network, weights, profile)?);
        check_steps(&pattern, &values)?;
        Ok(EncryptedProgram { pattern, values })
    }

    /// The vectors to be encrypted, one after the other, each with the level at which it is needed: of each linear step the maps, then the
    /// bias.
    ///
    /// # Errors
    /// [`Error::Step`] naming the step whose weights do not fit the pattern, and those of `visit`.
    pub fn vectors(&self, visit: &mut dyn FnMut(Diagonal, Level) -> he_traits::Result<()>) -> Result<()> {
        let slots = self.pattern.slots;
        for (step, own) in self.pattern.steps.iter().zip(&self.values.steps) {
            let (StepKind::Linear { terms, bias, .. }, StepKind::Linear { terms: maps, bias: own_bias, .. }) =
                (&step.kind, &own.kind)
            else {
                continue;
            };
            let named = |source| Error::Step { step: step.name.clone(), source };
            for (term, own) in terms.iter().zip(maps) {
                if let (Term::Mapped { map, schedule, .. }, Term::Mapped { map: own, .. }) = (term, own) {
                    let visit = &mut |vector| visit(vector, step.before);
                    EncryptedMap::<Symbolic>::vectors(map, own, schedule, slots, visit).map_err(named)?;
                }
            }
            for (block, _) in bias.iter().flatten().enumerate() {
                let own = own_bias.as_ref().and_then(|blocks| blocks.get(block)).cloned();
                visit(own.unwrap_or(Diagonal::Constant(0.0)), step.after).map_err(named)?;
            }
        }
        Ok(())
    }
}

/// What the encrypted weights of a program are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EncryptedWeights {
    /// Ciphertexts.
    pub ciphertexts: usize,
    /// Their bytes in the server's memory, by the profile.
    pub bytes: f64,
}

impl Program {
    /// How many ciphertexts the weights of this pattern are, and how large.
    ///
    /// # Errors
    /// [`Error::Step`] for a map that does not fit the slots.
    pub fn encrypted_weights(&self, profile: &Profile) -> Result<EncryptedWeights> {
        let mut weights = EncryptedWeights::default();
        let mut add = |count: usize, level: Level| {
            weights.ciphertexts += count;
            weights.bytes += count as f64 * profile.sizes.ciphertext.at(level);
        };
        for step in &self.steps {
            let StepKind::Linear { terms, bias, .. } = &step.kind else { continue };
            for term in terms {
                if let Term::Mapped { map, schedule, .. } = term {
                    let count = EncryptedMap::<Symbolic>::count(map, schedule, self.slots)
                        .map_err(|source| Error::Step { step: step.name.clone(), source })?;
                    add(count, step.before);
                }
            }
            add(bias.as_ref().map_or(0, Vec::len), step.after);
        }
        Ok(weights)
    }

    /// Puts a pattern's encrypted weights in their places: `next` gives the ciphertexts in the order of [`EncryptedProgram::vectors`], and is
    /// told the level of each. `progress` hears of every step before and after.
    ///
    /// # Errors
    /// As [`Program::prepare`]; [`Error::Step`] for a ciphertext of another level, and with those of `next`.
    pub fn prepare_encrypted<E: Evaluator>(
        &self,
        evaluator: &E,
        next: &mut dyn FnMut(Level) -> he_traits::Result<E::Ciphertext>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Prepared<E>> {
        let mut checked = |at: Level| {
            let ciphertext = next(at)?;
            at.same("encrypted weights", evaluator.level(&ciphertext))?;
            Ok(ciphertext)
        };
        Prepared::encrypted(self, evaluator, &mut checked, progress)
    }

    /// Runs a pattern with encrypted weights symbolically over several samples at once: the keys that it needs, counts, seconds, memory.
    ///
    /// # Errors
    /// As [`Program::symbolic`].
    pub fn symbolic_encrypted(&self, profile: &Profile, samples: usize) -> Result<SymbolicRun> {
        let weights = self.encrypted_weights(profile)?;
        let mut run = self.symbolic_prepared(profile, samples, |symbolic| {
            self.prepare_encrypted(symbolic, &mut |at| symbolic.input(at), &mut |_| {})
        })?;
        run.factor_bytes = weights.bytes;
        run.memory = self.memory(profile, samples, run.key_bytes, &he_traits::Keep::Values.into());
        run.memory.values = 0.0;
        run.memory.encoded = weights.bytes;
        run.memory.working += self.rotated(profile);
        Ok(run)
    }

    /// The most bytes of rotated operands that a step holds: all baby steps of a map at once.
    fn rotated(&self, profile: &Profile) -> f64 {
        let of_step = |step: &Step| {
            let of_term = |term: &Term| match term {
                Term::Mapped { value, schedule: he_traits::Schedule::Diagonals(schedule), .. } => {
                    (self.layout(*value).blocks() * schedule.baby.len()) as f64
                        * profile.sizes.ciphertext.at(step.before)
                }
                _ => 0.0,
            };
            step.terms().iter().map(of_term).fold(0.0, f64::max)
        };
        self.steps.iter().map(of_step).fold(0.0, f64::max)
    }
}

fn compile_with(network: &Network, weights: &Weights, profile: &Profile) -> Result<Program> {
    // Every activation is settled: no range of any input plays a role.
    let shape: Vec<usize> = std::iter::once(1).chain(network.input_shape().iter().copied()).collect();
    let options = Options { lower_degrees: false, ..Options::default() };
    compile_hidden(network, weights, &Tensor::zeros(&shape), &options, &with_encrypted_weights(profile))
}

/// The profile with the costs of a map by encrypted diagonals: each giant step relinearises as well, and a product is four of polynomials in the
/// place of two. Schedules are chosen by these.
fn with_encrypted_weights(profile: &Profile) -> Profile {
    let mut profile = profile.clone();
    let costs = &mut profile.costs;
    let sum = |a: &he_traits::Cost, b: &he_traits::Cost| he_traits::Cost {
        base: a.base + b.base,
        per_limb: a.per_limb + b.per_limb,
        per_limb_squared: a.per_limb_squared + b.per_limb_squared,
    };
    costs.rotate = sum(&costs.rotate, &costs.mul);
    costs.mul_plain = sum(&costs.mul_plain, &costs.mul_plain);
    profile
}

/// That a program has the steps of its pattern.
fn check_steps(pattern: &Program, values: &Program) -> Result<()> {
    let differs = |step: &str, what: &str| {
        Err(Error::Pattern {
            network: pattern.network.name().to_owned(),
            step: step.to_owned(),
            what: what.to_owned(),
        })
    };
    if pattern.steps.len() != values.steps.len() {
        return differs("the network", "another number of steps");
    }
    if pattern.layouts != values.layouts || pattern.input_level != values.input_level {
        return differs("the network", "other layouts or levels");
    }
    for (a, b) in pattern.steps.iter().zip(&values.steps) {
        let same = match (&a.kind, &b.kind) {
            (
                StepKind::Linear { terms, bias, function },
                StepKind::Linear { terms: own, bias: own_bias, function: own_function },
            ) => same_terms(terms, own) && function == own_function && (bias.is_some() || own_bias.is_none()),
            (StepKind::Product { operands, at }, StepKind::Product { operands: own, at: own_at }) => {
                same_terms(&**operands, &**own) && at == own_at
            }
            (
                StepKind::Polynomial { input, polynomial },
                StepKind::Polynomial { input: own, polynomial: own_polynomial },
            ) => input == own && polynomial == own_polynomial,
            (StepKind::Exact { input, function }, StepKind::Exact { input: own, function: own_function }) => {
                input == own && function == own_function
            }
            (StepKind::SumColumns { input, sum }, StepKind::SumColumns { input: own, sum: own_sum }) => {
                input == own && sum == own_sum
            }
            (StepKind::Refresh { values }, StepKind::Refresh { values: own }) => values == own,
            _ => false,
        };
        if !same || a.before != b.before || a.after != b.after {
            return differs(&a.name, "other operands or coefficients");
        }
    }
    Ok(())
}

fn same_terms(a: &[Term], b: &[Term]) -> bool {
    let same = |(a, b): (&Term, &Term)| {
        a.value() == b.value() && matches!(a, Term::Value(_)) == matches!(b, Term::Value(_))
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}
