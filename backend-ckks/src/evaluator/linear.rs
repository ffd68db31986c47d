//! Linear maps by diagonals, doubly hoisted (Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux 2021, section 4.2).
//!
//! `y = fold(sum over g of rotate_g(sum over b of d'(g + b) rotate_b(x)))`. An input block is cut into digits once for all its
//! baby steps. The products of a giant step are summed modulo the special primes, without any division. Of each sum only the half that
//! has to be switched to another key is divided by P; the rest is added up over all giant steps, with the products with their keys,
//! and divided once for an output block, by P and by the level's prime together. So the rounding of every giant step is divided by
//! that prime too, and a map adds no more noise than its one rescale.

use std::collections::BTreeMap;

use he_traits::{Diagonal, Error, Evaluator, Geometry, Keep, Level, LinearMap, Result, Schedule, Step, bsgs};
use rayon::prelude::*;

use super::CkksEvaluator;
use crate::ciphertext::Ciphertext;
use crate::encoding::Masks;
use crate::ring::{Hoisted, Multiplier, Ntt, Poly, Rotated, Sum};

/// Bytes that the sums of giant steps may take; the baby steps are made anew for every portion of that size.
const SUM_BYTES: usize = 2 << 30;

/// A linear map prepared for inputs of one level: owns its diagonals.
pub struct Map {
    level: Level,
    geometry: Geometry,
    /// Input blocks and the baby steps that some diagonal takes of them.
    rotated: Vec<(usize, usize)>,
    /// Whether anything is rotated, so that sums reach over the special primes.
    extended: bool,
    /// For each output block its giant steps, the highest first.
    outputs: Vec<Vec<Giant>>,
    /// Whether each giant step takes over what the one above it left.
    chained: bool,
    fold: Vec<usize>,
}

/// One giant step: a sum of products, then a rotation.
struct Giant {
    turn: usize,
    sum: Sum,
}

impl Map {
    /// Level of the input.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Diagonals that are multiplied for one value.
    #[must_use]
    pub fn diagonals(&self) -> usize {
        self.outputs.iter().flatten().map(|giant| giant.sum.len()).sum()
    }
}

impl std::fmt::Debug for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Map({} diagonals, {})", self.diagonals(), self.level)
    }
}

pub(super) fn prepare(
    evaluator: &CkksEvaluator,
    map: &LinearMap,
    schedule: &Schedule,
    at: Level,
    keep: Keep,
) -> Result<Map> {
    at.spend("linear", 1)?;
    let slots = evaluator.params.slots();
    let geometry = map.geometry(slots)?;
    let Schedule::Diagonals(steps) = schedule else {
        let reason = "CKKS computes by diagonals, the schedule is for a matrix product".to_owned();
        return Err(Error::Schedule { reason });
    };
    // Folds come after the rescale, so that their keys may be shorter: what runs checks each key's level.
    let missing = schedule.rotations().into_iter().find(|step| !evaluator.keys.rotations.contains_key(step));
    if let Some(step) = missing {
        return Err(Error::MissingRotation { step: step.into(), level: at });
    }
    // Whether sums are extended decides over which primes the diagonals of every block are encoded.
    let extended = steps.baby.iter().chain(&steps.giant).any(|step| *step != 0);
    let encoding = Encoding { at, keep, extended, masks: Masks::default() };
    let mut index: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut outputs = Vec::with_capacity(geometry.out_blocks);
    for out_block in 0..geometry.out_blocks {
        let groups = bsgs::groups(map, steps, slots, out_block)?;
        let turns = steps.turns(groups.keys().copied())?;
        let mut giants = Vec::with_capacity(groups.len());
        for (turn, terms) in turns.into_iter().zip(groups.into_values()) {
            let mut sum = Sum::default();
            for (rotated, multiplier) in encoded(evaluator, terms, &encoding, &mut index)? {
                sum.push(rotated, multiplier);
            }
            giants.push(Giant { turn, sum });
        }
        giants.reverse();
        outputs.push(giants);
    }
    let mut rotated = vec![(0, 0); index.len()];
    for (pair, at) in index {
        rotated.get_mut(at).into_iter().for_each(|place| *place = pair);
    }
    let (chained, fold) = (steps.chained(), steps.fold.clone());
    Ok(Map { level: at, geometry, rotated, extended, outputs, chained, fold })
}

/// How the diagonals of a map are encoded.
struct Encoding {
    at: Level,
    keep: Keep,
    /// Over the special primes too.
    extended: bool,
    masks: Masks,
}

/// The diagonals of one giant step, encoded in parallel, with the numbers of the rotated inputs that they multiply.
fn encoded(
    evaluator: &CkksEvaluator,
    terms: Vec<(usize, usize, Diagonal)>,
    encoding: &Encoding,
    index: &mut BTreeMap<(usize, usize), usize>,
) -> Result<Vec<(usize, Multiplier)>> {
    let Encoding { at, keep, extended, masks } = encoding;
    let basis = evaluator.params.basis(at.index());
    let basis = if *extended { evaluator.ring.extended(basis.chain) } else { basis };
    let places: Vec<usize> = terms
        .iter()
        .map(|(block, baby, _)| {
            let next = index.len();
            *index.entry((*block, *baby)).or_insert(next)
        })
        .collect();
    let scale = evaluator.scale("linear", *at)?;
    let encode = |(place, (_, _, diagonal)): (usize, (usize, usize, Diagonal))| {
        let multiplier = evaluator.params.encoder().shared_multiplier("linear", &diagonal, scale, masks)?;
        Ok((
            place,
            if *keep == Keep::Encoded { multiplier.into_values(&evaluator.ring, basis) } else { multiplier },
        ))
    };
    places.into_par_iter().zip(terms).map(encode).collect()
}

pub(super) fn apply(evaluator: &CkksEvaluator, x: &[&Ciphertext], map: &Map) -> Result<Vec<Ciphertext>> {
    let blocks = map.geometry.in_blocks;
    if x.is_empty() || !x.len().is_multiple_of(blocks) {
        return Err(Error::shape("linear", format!("whole values of {blocks} ciphertexts"), x.len()));
    }
    x.iter().try_for_each(|block| map.level.same("linear", block.level()))?;
    // One value after the other: within one there is work for many threads, and its rotated inputs take the memory.
    let mut outputs = Vec::with_capacity(x.len() / blocks * map.outputs.len());
    for value in x.chunks_exact(blocks) {
        outputs.extend(one_value(evaluator, value, map)?);
    }
    Ok(outputs)
}

fn one_value(evaluator: &CkksEvaluator, x: &[&Ciphertext], map: &Map) -> Result<Vec<Ciphertext>> {
    let level = map.level.index();
    let ring = &evaluator.ring;
    let turned = |block: usize| map.rotated.iter().any(|(of, step)| *of == block && *step != 0);
    let mut inputs = Vec::with_capacity(x.len());
    for (block, input) in x.iter().enumerate() {
        let digits = turned(block).then(|| ring.decompose(&input.c1));
        inputs.push(Hoisted { halves: [&input.c0, &input.c1], digits });
    }
    let rotation = |(block, step): &(usize, usize)| {
        let galois = match step {
            0 => None,
            step => Some(evaluator.rotation_key(*step, level)?),
        };
        let by = galois.map(|galois| (galois.key.halves(), &galois.automorphism));
        Ok(Rotated { input: *block, by })
    };
    let rotated: Vec<Rotated<'_>> = map.rotated.iter().map(rotation).collect::<Result<_>>()?;
    let limbs = level + 1 + if map.extended { ring.special() } else { 0 };
    let bytes_of_sum = 2 * limbs * ring.degree() * size_of::<u64>();
    let portion = (SUM_BYTES / bytes_of_sum).max(1);

    let giants: Vec<(usize, &Giant)> = map
        .outputs
        .iter()
        .enumerate()
        .flat_map(|(out, giants)| giants.iter().map(move |g| (out, g)))
        .collect();
    let mut partial: Vec<Option<Halves>> = map.outputs.iter().map(|_| None).collect();
    let mut outputs = Vec::with_capacity(partial.len());
    let mut portions = giants.chunks(portion).peekable();
    while let Some(giants) = portions.next() {
        let sums: Vec<&Sum> = giants.iter().map(|(_, giant)| &giant.sum).collect();
        let sums = ring.hoisted_sums(&inputs, &rotated, &sums, map.extended);
        turn(evaluator, giants.iter().copied().zip(sums), &mut partial, map)?;
        // Sums are larger than what is left of them: those that are complete do not wait for the others.
        let open = portions.peek().and_then(|giants| giants.first()).map_or(partial.len(), |(out, _)| *out);
        let complete: Vec<_> = partial.iter_mut().take(open).skip(outputs.len()).map(Option::take).collect();
        let finished = complete.into_par_iter().map(|sum| finish(evaluator, x, sum, map));
        outputs.extend(finished.collect::<Result<Vec<_>>>()?);
    }
    let rest = partial.into_iter().skip(outputs.len()).collect::<Vec<_>>().into_par_iter();
    outputs.extend(rest.map(|sum| finish(evaluator, x, sum, map)).collect::<Result<Vec<_>>>()?);
    Ok(outputs)
}

/// Two halves of a sum of giant steps.
type Halves = [Poly<Ntt>; 2];

/// Giant steps to rotate one after the other, each with its sum: every one takes over what the one before it left, the first what the portion before left.
struct Chain<'a> {
    out: usize,
    above: Option<Halves>,
    giants: Vec<(&'a Giant, Halves)>,
}

/// Rotates the sums of giant steps and adds them to what their output blocks have so far: chain by chain, or each sum as a chain of its own.
fn turn<'a>(
    evaluator: &CkksEvaluator,
    parts: impl Iterator<Item = ((usize, &'a Giant), Halves)>,
    partial: &mut [Option<Halves>],
    map: &Map,
) -> Result<()> {
    let mut chains: Vec<Chain<'a>> = Vec::new();
    for ((out, giant), sum) in parts {
        match chains.last_mut().filter(|chain| map.chained && chain.out == out) {
            Some(chain) => chain.giants.push((giant, sum)),
            None => {
                let above = partial.get_mut(out).filter(|_| map.chained).and_then(Option::take);
                chains.push(Chain { out, above, giants: vec![(giant, sum)] });
            }
        }
    }
    let turned = |Chain { out, mut above, giants }: Chain<'a>| {
        for (giant, mut sum) in giants {
            above.into_iter().for_each(|above| add(evaluator, &mut sum, &above));
            above = Some(giant_step(evaluator, giant.turn, sum, map.level)?);
        }
        Ok((out, above))
    };
    for (out, part) in chains.into_par_iter().map(turned).collect::<Result<Vec<_>>>()? {
        match (partial.get_mut(out), part) {
            (Some(Some(sum)), Some(part)) => add(evaluator, sum, &part),
            (Some(empty), part) => *empty = part,
            _ => {}
        }
    }
    Ok(())
}

fn add(evaluator: &CkksEvaluator, sum: &mut Halves, part: &Halves) {
    sum.iter_mut().zip(part).for_each(|(x, y)| evaluator.ring.add_assign(x, y));
}

/// The sum of one giant step, rotated; still P times too large.
fn giant_step(
    evaluator: &CkksEvaluator,
    step: usize,
    [first, second]: Halves,
    level: Level,
) -> Result<Halves> {
    if step == 0 {
        return Ok([first, second]);
    }
    let ring = &evaluator.ring;
    let galois = evaluator.rotation_key(step, level.index())?;
    let [second] = ring.mod_down([&second]);
    let [mut first_switched, second_switched] = ring.switch_key(&second, &galois.key.halves());
    ring.add_assign(&mut first_switched, &first);
    Ok([first_switched, second_switched].map(|half| ring.automorphism(&half, &galois.automorphism)))
}

fn finish(
    evaluator: &CkksEvaluator,
    x: &[&Ciphertext],
    sum: Option<Halves>,
    map: &Map,
) -> Result<Ciphertext> {
    let Some([first, second]) = sum else {
        // All diagonals of this output block are zero.
        let one = x.first().ok_or_else(|| Error::shape("linear", "at least one block", "none"))?;
        return evaluator.combine(&[(0.0, one)], 0.0, map.level.spend("linear", 1)?);
    };
    let ring = &evaluator.ring;
    let mut sum = evaluator.made(match map.extended {
        true => ring.mod_down_and_rescale([&first, &second]),
        false => ring.rescale([&first, &second]),
    });
    for step in &map.fold {
        sum = evaluator.add(&sum, &evaluator.rotate(&sum, Step::from(*step))?)?;
    }
    Ok(sum)
}
