//! Linear maps by diagonals, doubly hoisted (Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux 2021, section 4.2).
//!
//! `y = fold(sum over g of rotate_g(sum over b of d'(g + b) rotate_b(x)))`. An input block is cut into digits once for all its
//! baby steps. The products of a giant step are summed modulo the special primes, without any division. Then only the half that has
//! to be switched to another key is divided, by P and by the level's prime at once, so that giant steps are taken one level lower;
//! the other halves, and the products with the keys, are summed over all giant steps and divided once for an output block.

use std::collections::BTreeMap;

use he_traits::{Diagonal, Error, Evaluator, Geometry, Keep, Level, LinearMap, Result, Schedule, Step, bsgs};
use rayon::prelude::*;

use super::CkksEvaluator;
use crate::ciphertext::Ciphertext;
use crate::ring::{Hoisted, Multiplier, Ntt, Poly, Rotated, Sum};

/// Bytes that the sums of giant steps may take; the baby steps are made anew for every portion of that size.
const SUM_BYTES: usize = 2 << 30;

/// A linear map prepared for inputs of one level: owns its diagonals.
pub struct Map {
    level: Level,
    geometry: Geometry,
    /// Input blocks and the baby steps that some diagonal takes of them.
    rotated: Vec<(usize, usize)>,
    /// Whether one of these is a rotation, so that sums reach over the special primes.
    extended: bool,
    /// For each output block its giant steps.
    outputs: Vec<Vec<Giant>>,
    fold: Vec<usize>,
}

/// One giant step: a sum of products, then a rotation.
struct Giant {
    step: usize,
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
    // A key may be shorter where only giant steps use it: what runs checks each key's level.
    let missing = schedule.rotations().into_iter().find(|step| !evaluator.keys.rotations.contains_key(step));
    if let Some(step) = missing {
        return Err(Error::MissingRotation { step: step.into(), level: at });
    }
    // Whether sums are extended decides over which primes the diagonals of every block are encoded.
    let extended = steps.baby.iter().any(|step| *step != 0);
    let mut index: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut outputs = Vec::with_capacity(geometry.out_blocks);
    for out_block in 0..geometry.out_blocks {
        let groups = bsgs::groups(map, steps, slots, out_block)?;
        let mut giants = Vec::with_capacity(groups.len());
        for (step, terms) in groups {
            let mut sum = Sum::default();
            for (rotated, multiplier) in encoded(evaluator, terms, at, keep, extended, &mut index)? {
                sum.push(rotated, multiplier);
            }
            giants.push(Giant { step, sum });
        }
        outputs.push(giants);
    }
    let mut rotated = vec![(0, 0); index.len()];
    for (pair, at) in index {
        rotated.get_mut(at).into_iter().for_each(|place| *place = pair);
    }
    Ok(Map { level: at, geometry, rotated, extended, outputs, fold: steps.fold.clone() })
}

/// The diagonals of one giant step, encoded in parallel, with the numbers of the rotated inputs that they multiply.
fn encoded(
    evaluator: &CkksEvaluator,
    terms: Vec<(usize, usize, Diagonal)>,
    at: Level,
    keep: Keep,
    extended: bool,
    index: &mut BTreeMap<(usize, usize), usize>,
) -> Result<Vec<(usize, Multiplier)>> {
    let basis = evaluator.params.basis(at.index());
    let basis = if extended { evaluator.ring.extended(basis.chain) } else { basis };
    let places: Vec<usize> = terms
        .iter()
        .map(|(block, baby, _)| {
            let next = index.len();
            *index.entry((*block, *baby)).or_insert(next)
        })
        .collect();
    let scale = evaluator.scale("linear", at)?;
    let encode = |(place, (_, _, diagonal)): (usize, (usize, usize, Diagonal))| {
        let multiplier = evaluator.params.encoder().multiplier("linear", &diagonal, scale)?;
        let multiplier = match (multiplier, keep) {
            (Multiplier::Coefficients(coefficients), Keep::Encoded) => {
                Multiplier::Values(evaluator.ring.values_of(basis, &coefficients))
            }
            (other, _) => other,
        };
        Ok((place, multiplier))
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
    let mut partial: Vec<Option<Partial>> = map.outputs.iter().map(|_| None).collect();
    for giants in giants.chunks(portion) {
        let sums: Vec<&Sum> = giants.iter().map(|(_, giant)| &giant.sum).collect();
        let sums = ring.hoisted_sums(&inputs, &rotated, &sums, map.extended);
        let turned: Vec<(usize, Partial)> = giants
            .par_iter()
            .zip(sums)
            .map(|((out, giant), sum)| Ok((*out, giant_step(evaluator, giant.step, sum, map)?)))
            .collect::<Result<_>>()?;
        for (out, part) in turned {
            let Some(place) = partial.get_mut(out) else { continue };
            *place = Some(match place.take() {
                None => part,
                Some(sum) => sum.plus(evaluator, part),
            });
        }
    }
    partial.into_par_iter().map(|sum| finish(evaluator, x, sum, map)).collect()
}

/// What giant steps leave, to be added before anything is divided.
struct Partial {
    /// First halves, before the division by the level's prime (and by P).
    first: Poly<Ntt>,
    /// The second half of what was not rotated, likewise.
    second: Option<Poly<Ntt>>,
    /// Products with rotation keys, one level lower, before the division by P.
    switched: Option<[Poly<Ntt>; 2]>,
}

impl Partial {
    fn plus(mut self, evaluator: &CkksEvaluator, other: Self) -> Self {
        let ring = &evaluator.ring;
        ring.add_assign(&mut self.first, &other.first);
        self.second = match (self.second, other.second) {
            (Some(mut x), Some(y)) => {
                ring.add_assign(&mut x, &y);
                Some(x)
            }
            (x, y) => x.or(y),
        };
        self.switched = match (self.switched, other.switched) {
            (Some(mut x), Some(y)) => {
                x.iter_mut().zip(&y).for_each(|(x, y)| ring.add_assign(x, y));
                Some(x)
            }
            (x, y) => x.or(y),
        };
        self
    }
}

/// Divides by the level's prime, and by P where the sums are P times too large.
fn divided<const K: usize>(evaluator: &CkksEvaluator, x: [&Poly<Ntt>; K], map: &Map) -> [Poly<Ntt>; K] {
    if map.extended { evaluator.ring.mod_down_and_rescale(x) } else { evaluator.ring.rescale(x) }
}

fn giant_step(
    evaluator: &CkksEvaluator,
    step: usize,
    [first, second]: [Poly<Ntt>; 2],
    map: &Map,
) -> Result<Partial> {
    if step == 0 {
        return Ok(Partial { first, second: Some(second), switched: None });
    }
    let ring = &evaluator.ring;
    let galois = evaluator.rotation_key(step, map.level.spend("linear", 1)?.index())?;
    let [second] = divided(evaluator, [&second], map);
    let switched = ring.switch_key(&second, &galois.key.halves());
    let turn = |x: &Poly<Ntt>| ring.automorphism(x, &galois.automorphism);
    Ok(Partial { first: turn(&first), second: None, switched: Some(switched.each_ref().map(turn)) })
}

fn finish(
    evaluator: &CkksEvaluator,
    x: &[&Ciphertext],
    sum: Option<Partial>,
    map: &Map,
) -> Result<Ciphertext> {
    let ring = &evaluator.ring;
    let Some(Partial { first, second, switched }) = sum else {
        // All diagonals of this output block are zero.
        let one = x.first().ok_or_else(|| Error::shape("linear", "at least one block", "none"))?;
        return evaluator.combine(&[(0.0, one)], 0.0, map.level.spend("linear", 1)?);
    };
    let switched = switched.map(|[k0, k1]| ring.mod_down([&k0, &k1]));
    let halves = match (second, switched) {
        (Some(second), switched) => {
            let mut halves = divided(evaluator, [&first, &second], map);
            for (half, switched) in halves.iter_mut().zip(switched.iter().flatten()) {
                ring.add_assign(half, switched);
            }
            halves
        }
        (None, Some([k0, k1])) => {
            let [c0] = divided(evaluator, [&first], map);
            [ring.add(&c0, &k0), k1]
        }
        (None, None) => return Err(Error::shape("linear", "a second half of the sum", "none")),
    };
    let mut sum = evaluator.made(halves);
    for step in &map.fold {
        sum = evaluator.add(&sum, &evaluator.rotate(&sum, Step::from(*step))?)?;
    }
    Ok(sum)
}
