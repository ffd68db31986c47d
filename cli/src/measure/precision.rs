//! One sample beside a clear run: how exact the values are after each step. The secret is where the network runs, as in no real use.

use he_traits::decorators::{Checked, RoundTrip};
use he_traits::{ClearCiphertext, ClientScheme, Diagonal, Keep, Level, LinearMap, Parts};
use nn_layers::program::Term;
use nn_layers::{Program, StepPrecision, Tensor};
use rand_chacha::ChaCha20Rng;

use super::memory;
use super::owner::Owner;
use crate::failure::Failure;
use crate::planning::Planned;
use crate::protocol::{Stage, tell};
use crate::units;

/// The owner's half, and the sample.
pub(super) struct Beside<'a, S: ClientScheme> {
    pub(super) planned: &'a Planned<S>,
    pub(super) encryptor: &'a S::Encryptor,
    pub(super) decryptor: S::Decryptor,
    /// `[1, ..]`
    pub(super) sample: &'a Tensor,
    pub(super) rng: &'a mut ChaCha20Rng,
}

/// The precision of each step. The evaluator asks `owner` to encrypt anew where the program says so, and the clear run goes on with its own
/// values there; with or without one, the evaluator is of one kind, because each kind is compiled for each backend.
pub(super) fn of_steps<S: ClientScheme>(
    evaluator: S::Evaluator,
    by: Beside<'_, S>,
    owner: Option<&Owner<S>>,
) -> Result<Vec<StepPrecision>, Failure> {
    let Beside { planned, encryptor, decryptor, sample, rng } = by;
    let program = &planned.compiled.program;
    fits(program)?;
    let checked = Checked::beside_clear(evaluator, decryptor, None)?;
    let params = *checked.inner().second().params();
    let again = |x: &[&(S::Ciphertext, ClearCiphertext)], _: Parts, to: Level| {
        let owner = owner.ok_or_else(|| he_traits::Error::Unsupported {
            backend: S::NAME.to_owned(),
            what: "ask the owner: there are no round trips".to_owned(),
        })?;
        let sent: Vec<_> = x.iter().map(|(encrypted, _)| encrypted).collect();
        let fresh = owner.refresh(&sent, to)?;
        let raised = x.iter().map(|(_, clear)| {
            let slots = clear.slots().iter().map(|slot| slot.re).collect();
            ClearCiphertext::new(&params, &Diagonal::Real(slots), to)
        });
        fresh.into_iter().zip(raised).map(|(fresh, raised)| Ok((fresh, raised?))).collect()
    };
    let bound = planned.compiled.profile.refresh.as_ref().map_or(f64::INFINITY, |refresh| refresh.bound);
    let asking = RoundTrip::new(checked, bound, again);
    let checked = asking.inner();
    let progress = &mut |step: nn_layers::run::Progress<'_>| {
        let done = step.index + usize::from(step.seconds.is_some());
        tell(Stage::Precision, done, step.count, &step.step.name);
    };
    let prepared = match &planned.encrypted {
        None => program.prepare(&asking, Keep::Values, progress)?,
        Some(encrypted) => {
            let mut model = Vec::new();
            encrypted.vectors(&mut |vector, at| {
                model.push(checked.encrypt(encryptor, &vector, at, rng)?);
                Ok(())
            })?;
            let mut model = model.into_iter();
            let mut next = |_| {
                let missing =
                    || he_traits::Error::shape("model", "as many ciphertexts as the pattern has", "fewer");
                model.next().ok_or_else(missing)
            };
            encrypted.pattern.prepare_encrypted(&asking, &mut next, progress)?
        }
    };
    let blocks = program.pack(sample)?;
    let blocks = blocks.iter().map(|block| checked.encrypt(encryptor, block, program.input_level(), rng));
    let sample = blocks.collect::<Result<Vec<_>, _>>()?;
    Ok(prepared.precision(&asking, checked.hook(), vec![sample], progress)?)
}

/// Bytes that the clear reference takes for an entry of a map: the entry and its column, and meanwhile the complex numbers that it was made from, in
/// lists that grow by doubling.
const KEPT: f64 = 12.0;
const MEANWHILE: f64 = 48.0;
/// Share of the free memory that the clear run may take.
const SHARE: f64 = 0.8;

/// Refuses where the clear run does not fit into memory: it writes out every map's matrix, which the measured run never does.
fn fits(program: &Program) -> Result<(), Failure> {
    let maps = program.steps().iter().flat_map(nn_layers::Step::terms);
    let entries = maps.filter_map(|term| match term {
        Term::Mapped { map, .. } => Some(entries(map)),
        Term::Value(_) => None,
    });
    let (all, most) = entries.fold((0.0, 0.0_f64), |(all, most), entries| (all + entries, most.max(entries)));
    let needed = KEPT * all + MEANWHILE * most;
    match memory::available().map(|bytes| SHARE * bytes as f64) {
        Some(free) if needed > free => Err(Failure::failed(format!(
            "the clear run beside it writes out {} of matrices, {} at its peak, where {} may be taken",
            units::bytes(KEPT * all),
            units::bytes(needed),
            units::bytes(free)
        ))),
        _ => Ok(()),
    }
}

/// Entries of a map that are not zero.
fn entries(map: &LinearMap) -> f64 {
    let mut count = 0u64;
    for row in 0..map.shape().0 {
        map.generator().row(row, &mut |_, _| count += 1);
    }
    count as f64
}
