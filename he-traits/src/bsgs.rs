//! Linear maps by diagonals, baby steps and giant steps, over any evaluator: for backends that have nothing better.
//!
//! A backend writes `type Map = bsgs::Map<Self>` and forwards `prepare` and `linear` to the functions here:
//!
//! `y = fold(sum over g of rotate_g(sum over b of d'_(g+b) * rotate_b(x)))`, where `d'` is the diagonal rotated back by `g`, because
//! `rotate_g(rotate_-g(d) * rotate_b(x)) = d * rotate_(g+b)(x)` (Halevi and Shoup, CRYPTO 2014 and 2018). The baby rotations of an input
//! block are computed once, hoisted, and shared by all output blocks. Products of one giant step are summed before the one rescale. In a chain
//! ([`BabyGiant::hops`]) the sums are rotated as Horner's rule has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rayon::prelude::*;

use crate::{
    BabyGiant, Diagonal, Error, Evaluator, Geometry, Keep, Level, LinearMap, Result, Schedule, Step,
};

/// A linear map prepared for one level; owns its diagonals.
pub struct Map<E: Evaluator> {
    geometry: Geometry,
    level: Level,
    /// Baby steps of each input block.
    baby: Vec<Vec<usize>>,
    /// Giant steps of each output block, the highest first.
    giant: Vec<Vec<Giant<E>>>,
    /// Whether each takes over what the one above it left.
    chained: bool,
    fold: Vec<usize>,
}

/// What one giant step sums and rotates.
struct Giant<E: Evaluator> {
    turn: usize,
    terms: Vec<Term<E>>,
}

struct Term<E: Evaluator> {
    in_block: usize,
    baby: usize,
    diagonal: Stored<E>,
}

enum Stored<E: Evaluator> {
    Encoded(E::Factor),
    Values(Diagonal),
    Encrypted(E::Ciphertext),
}

impl<E: Evaluator> Map<E> {
    /// Level of the input.
    pub fn level(&self) -> Level {
        self.level
    }

    /// How the map lies over the slots.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Giant steps of the output block that has fewest of them, blocks without any left out; a step of 0 counts.
    pub fn giant_steps(&self) -> usize {
        self.giant.iter().map(Vec::len).filter(|steps| *steps > 0).min().unwrap_or(0)
    }

    /// Rotate-and-adds that finish every output block.
    pub fn fold(&self) -> &[usize] {
        &self.fold
    }

    /// Diagonals that are multiplied for one value.
    pub fn diagonals(&self) -> usize {
        self.giant.iter().flatten().map(|giant| giant.terms.len()).sum()
    }
}

impl<E: Evaluator> fmt::Debug for Map<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bsgs::Map({} diagonals, level {})", self.diagonals(), self.level)
    }
}

/// Prepares `map` for inputs at level `at`. Whether the keys of the schedule are there is for the backend to check beforehand, with
/// [`Schedule::rotations`]: nothing here can see keys.
///
/// # Errors
/// [`Error::Schedule`] when the schedule does not cover the map or is [`Schedule::Matrix`], [`Error::Shape`] when the map does not fit
/// the slots, [`Error::LevelExhausted`] at level 0, and those of [`Evaluator::encode_factor`].
pub fn prepare<E: Evaluator>(
    evaluator: &E,
    map: &LinearMap,
    schedule: &Schedule,
    at: Level,
    keep: Keep,
) -> Result<Map<E>> {
    store(map, schedule, evaluator.profile().slots, at, |diagonal| match keep {
        Keep::Encoded => Ok(Stored::Encoded(evaluator.encode_factor(&diagonal, at)?)),
        Keep::Values => Ok(Stored::Values(diagonal)),
    })
}

/// Prepares `map` with diagonals that `encrypt` makes, at level `at`: weights that the server does not see.
///
/// # Errors
/// As [`prepare`], and those of `encrypt`.
pub(crate) fn encrypted<E: Evaluator>(
    map: &LinearMap,
    schedule: &Schedule,
    slots: usize,
    at: Level,
    encrypt: impl Fn(&Diagonal) -> Result<E::Ciphertext> + Sync,
) -> Result<Map<E>> {
    store(map, schedule, slots, at, |diagonal| Ok(Stored::Encrypted(encrypt(&diagonal)?)))
}

/// The map of `pattern` from the ciphertexts of its diagonals, which `next` gives in the order of [`vectors`].
///
/// # Errors
/// As [`prepare`], and those of `next`.
pub(crate) fn from_ciphertexts<E: Evaluator>(
    pattern: &LinearMap,
    schedule: &Schedule,
    slots: usize,
    at: Level,
    next: &mut dyn FnMut() -> Result<E::Ciphertext>,
) -> Result<Map<E>> {
    assemble(pattern, schedule, slots, at, |terms| {
        let stored = |(in_block, baby, _)| Ok(Term { in_block, baby, diagonal: Stored::Encrypted(next()?) });
        terms.into_iter().map(stored).collect()
    })
}

/// The diagonals of `map` that the schedule multiplies where `pattern` says which there are: output block by output block, giant step by
/// giant step. What `map` does not have is zeros.
///
/// # Errors
/// [`Error::Shape`] when `map` has a diagonal that `pattern` has not; [`Error::Schedule`] when the schedule does not cover the
/// pattern; those of `visit`.
pub(crate) fn vectors(
    pattern: &LinearMap,
    map: &LinearMap,
    schedule: &BabyGiant,
    slots: usize,
    visit: &mut dyn FnMut(Diagonal) -> Result<()>,
) -> Result<()> {
    let foreign =
        || Error::shape("encrypted map", "a map of its pattern", "diagonals that the pattern has not");
    if map.shape() != pattern.shape() || map.copies() != pattern.copies() {
        return Err(foreign());
    }
    for out_block in 0..pattern.geometry(slots)?.out_blocks {
        let mut values = groups(map, schedule, slots, out_block)?;
        for (giant, terms) in groups(pattern, schedule, slots, out_block)? {
            let own = values.remove(&giant).unwrap_or_default().into_iter();
            let mut own: BTreeMap<(usize, usize), Diagonal> =
                own.map(|(in_block, baby, diagonal)| ((in_block, baby), diagonal)).collect();
            for (in_block, baby, _) in terms {
                visit(own.remove(&(in_block, baby)).unwrap_or(Diagonal::Constant(0.0)))?;
            }
            if !own.is_empty() {
                return Err(foreign());
            }
        }
        if !values.is_empty() {
            return Err(foreign());
        }
    }
    Ok(())
}

fn store<E: Evaluator>(
    map: &LinearMap,
    schedule: &Schedule,
    slots: usize,
    at: Level,
    stored: impl Fn(Diagonal) -> Result<Stored<E>> + Sync,
) -> Result<Map<E>> {
    assemble(map, schedule, slots, at, |terms| {
        let term = |(in_block, baby, diagonal)| Ok(Term { in_block, baby, diagonal: stored(diagonal)? });
        terms.into_par_iter().map(term).collect()
    })
}

/// The map with the terms of each giant step as `terms` makes them.
fn assemble<E: Evaluator>(
    map: &LinearMap,
    schedule: &Schedule,
    slots: usize,
    at: Level,
    mut terms: impl FnMut(Vec<(usize, usize, Diagonal)>) -> Result<Vec<Term<E>>>,
) -> Result<Map<E>> {
    at.spend("linear", 1)?;
    let geometry = map.geometry(slots)?;
    let Schedule::Diagonals(baby_giant) = schedule else {
        return Err(Error::Schedule { reason: "a map by diagonals needs baby and giant steps".to_owned() });
    };
    let mut baby = vec![BTreeSet::new(); geometry.in_blocks];
    let mut giant = Vec::with_capacity(geometry.out_blocks);
    for out_block in 0..geometry.out_blocks {
        let groups = groups(map, baby_giant, slots, out_block)?;
        for (in_block, baby_step, _) in groups.values().flatten() {
            if let Some(baby) = baby.get_mut(*in_block) {
                baby.insert(*baby_step);
            }
        }
        let turns = baby_giant.turns(groups.keys().copied())?;
        let giants = turns.into_iter().zip(groups.into_values());
        let giants = giants.map(|(turn, group)| Ok(Giant { turn, terms: terms(group)? }));
        let mut giants = giants.collect::<Result<Vec<_>>>()?;
        giants.reverse();
        giant.push(giants);
    }
    let baby = baby.into_iter().map(|steps| steps.into_iter().collect()).collect();
    let (chained, fold) = (baby_giant.chained(), baby_giant.fold.clone());
    Ok(Map { geometry, level: at, baby, giant, chained, fold })
}

/// What the giant steps of one output block sum: by giant step, for each product the input block, its baby step, and the diagonal
/// rotated back by the giant step.
pub type Groups = BTreeMap<usize, Vec<(usize, usize, Diagonal)>>;

/// The diagonals of output block `out_block` of `map`, sorted into the giant steps of a schedule.
///
/// # Errors
/// [`Error::Schedule`] when the schedule does not cover the map or folds where the map cannot, [`Error::Shape`] when the map does not
/// fit the slots.
pub fn groups(map: &LinearMap, schedule: &BabyGiant, slots: usize, out_block: usize) -> Result<Groups> {
    let fold = map.geometry(slots)?.checked_fold(&schedule.fold)?;
    let mut groups = Groups::new();
    for ((in_block, step), diagonal) in map.diagonals(slots, out_block, fold)? {
        let (giant, baby) = schedule.cover(step, slots)?;
        groups.entry(giant).or_default().push((in_block, baby, rotated_back(&diagonal, giant)));
    }
    Ok(groups)
}

/// The diagonal moved right by `step`.
fn rotated_back(diagonal: &Diagonal, step: usize) -> Diagonal {
    let period = diagonal.period().max(1);
    diagonal.rotated(period - step % period)
}

/// Applies a prepared map to one or several values, as [`Evaluator::linear`] describes. Values, input blocks and output blocks run in
/// parallel.
///
/// # Errors
/// [`Error::Shape`] when `x` is not a whole number of values, [`Error::LevelMismatch`] when a block is not at the level that the map was
/// prepared for, [`Error::MissingRotation`] when a key is not there.
pub fn linear<E: Evaluator>(evaluator: &E, x: &[&E::Ciphertext], map: &Map<E>) -> Result<Vec<E::Ciphertext>> {
    let blocks = map.geometry.in_blocks;
    if x.is_empty() || !x.len().is_multiple_of(blocks) {
        return Err(Error::shape("linear", format!("whole values of {blocks} ciphertexts"), x.len()));
    }
    x.iter().try_for_each(|block| map.level.same("linear", evaluator.level(block)))?;
    let outputs: Vec<Vec<E::Ciphertext>> =
        x.par_chunks(blocks).map(|value| one_value(evaluator, value, map)).collect::<Result<_>>()?;
    Ok(outputs.into_iter().flatten().collect())
}

/// Rotated input blocks, by block and baby step.
type Rotated<C> = Vec<BTreeMap<usize, C>>;

fn one_value<E: Evaluator>(evaluator: &E, x: &[&E::Ciphertext], map: &Map<E>) -> Result<Vec<E::Ciphertext>> {
    let rotated: Rotated<E::Ciphertext> = x
        .par_iter()
        .zip(&map.baby)
        .map(|(block, baby)| {
            let steps: Vec<usize> = baby.iter().copied().filter(|step| *step != 0).collect();
            let moves: Vec<Step> = steps.iter().map(|step| Step::from(*step)).collect();
            let moved = if moves.is_empty() { Vec::new() } else { evaluator.rotate_many(block, &moves)? };
            Ok(steps.into_iter().zip(moved).collect())
        })
        .collect::<Result<_>>()?;
    map.giant.par_iter().map(|giants| output_block(evaluator, x, &rotated, giants, map)).collect()
}

fn output_block<E: Evaluator>(
    evaluator: &E,
    x: &[&E::Ciphertext],
    rotated: &Rotated<E::Ciphertext>,
    giants: &[Giant<E>],
    map: &Map<E>,
) -> Result<E::Ciphertext> {
    let mut sum: Option<E::Ciphertext> = None;
    for giant in giants {
        let mut part = products(evaluator, x, rotated, giant, map.level)?;
        if map.chained
            && let Some(above) = sum.take()
        {
            part = evaluator.add(&part, &above)?;
        }
        if giant.turn != 0 {
            part = evaluator.rotate(&part, Step::from(giant.turn))?;
        }
        sum = Some(match sum {
            None => part,
            Some(sum) => evaluator.add(&sum, &part)?,
        });
    }
    let Some(mut sum) = sum else { return zero(evaluator, x, map.level) };
    for step in &map.fold {
        sum = evaluator.add(&sum, &evaluator.rotate(&sum, Step::from(*step))?)?;
    }
    Ok(sum)
}

/// The sum of one giant step; diagonals that are not kept encoded are encoded here and dropped again.
fn products<E: Evaluator>(
    evaluator: &E,
    x: &[&E::Ciphertext],
    rotated: &Rotated<E::Ciphertext>,
    giant: &Giant<E>,
    level: Level,
) -> Result<E::Ciphertext> {
    let fresh: Vec<Option<E::Factor>> = giant
        .terms
        .par_iter()
        .map(|term| match &term.diagonal {
            Stored::Values(values) => evaluator.encode_factor(values, level).map(Some),
            Stored::Encoded(_) | Stored::Encrypted(_) => Ok(None),
        })
        .collect::<Result<_>>()?;
    let mut plain = Vec::with_capacity(giant.terms.len());
    let mut encrypted = Vec::new();
    for (term, fresh) in giant.terms.iter().zip(&fresh) {
        let block = if term.baby == 0 {
            x.get(term.in_block).copied()
        } else {
            rotated.get(term.in_block).and_then(|steps| steps.get(&term.baby))
        };
        match &term.diagonal {
            Stored::Encoded(factor) => plain.extend(block.map(|block| (block, factor))),
            Stored::Values(_) => plain.extend(block.zip(fresh.as_ref())),
            Stored::Encrypted(diagonal) => encrypted.extend(block.map(|block| (block, diagonal))),
        }
    }
    // A map's diagonals are all of one kind.
    if encrypted.is_empty() { evaluator.mul_plain_sum(&plain) } else { evaluator.mul_sum(&encrypted) }
}

/// The output block of a matrix without entries: an encryption of zeros, one level lower.
fn zero<E: Evaluator>(evaluator: &E, x: &[&E::Ciphertext], level: Level) -> Result<E::Ciphertext> {
    let first = x.first().ok_or_else(|| Error::shape("linear", "at least one block", "none"))?;
    evaluator.combine(&[(0.0, first)], 0.0, level.spend("linear", 1)?)
}
