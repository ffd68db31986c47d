//! What a scheme's operations cost on this machine: measured, once for each set of parameters. The times that a plan states rest on it.
//!
//! The costs in a [`Profile`] are those of a reference machine. They choose rings, layouts and schedules, so that owner and server come to the
//! same program wherever they are; how long that takes here, they do not know. [`measure`] runs each operation as networks run it: linear maps of
//! several shapes, from whose times those of their rotations and products follow, and single operations on as many ciphertexts at once as there are
//! threads, at the top level, half-way, and at level 1.

mod fit;
mod maps;
mod probes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use he_traits::client::CryptoRng;
use he_traits::{
    ClientScheme, Cost, Costs, Decryptor, Diagonal, Encryptor, Evaluator, Keep, KeyNeeds, Level, LinearMap,
    LinearStyle, Profile, Schedule, Scheme, Step,
};
use rayon::prelude::*;

use crate::error::Result;
use maps::{Band, Shape};
use probes::Probe;

/// Runs of each operation, at least; the middle one counts.
const RUNS: usize = 3;
/// Seconds of runs of each operation that are enough ...
const ENOUGH: f64 = 0.02;
/// ... and runs that are.
const MOST_RUNS: usize = 200;

/// Runs of a whole program.
const FULL_RUNS: usize = 9;
/// Least seconds of one operation, repeated until it takes them: shorter ones are all waking of threads.
const LEAST: f64 = 5e-4;

/// Bytes of operands that are run on at once, where a scheme likes to get many.
const MOST_BYTES: f64 = 256e6;

/// The values on which costs are measured for runs of so many samples at once on so many threads: few of them make little of what a thread does to several at
/// a time. Where every thread takes several samples, there are some for each: threads without work are counted when a step's time is told.
pub fn values_measured(profile: &Profile, samples: usize, threads: usize) -> usize {
    let most = profile.values_at_once.max(1);
    match profile.values_per_thread {
        Some(width) if samples > width => samples.max(width * threads).min(most),
        _ => samples.clamp(1, most),
    }
}

/// The costs of a scheme's operations on this machine in runs of so many samples at once, with all threads of the current pool of rayon.
///
/// A cost is the time that passes for each operation while every thread has one to do. A step on fewer ciphertexts than there are threads takes
/// longer, unless the scheme shares one operation among threads ([`Profile::threads_within`]): see
/// [`StepCost::at_once`](crate::program::StepCost::at_once).
///
/// Keys are made for it (eight rotations, relinearisation) and thrown away. Takes a second for small rings and half a minute for the largest.
///
/// # Errors
/// Those of the scheme.
pub fn measure<S: ClientScheme>(
    params: &S::Params,
    samples: usize,
    rng: &mut dyn CryptoRng,
) -> Result<Costs> {
    let profile = <S as Scheme>::profile(params)?;
    let mut needs = KeyNeeds::default();
    needs.relinearise(profile.top);
    match profile.linear {
        LinearStyle::Diagonals => Shape::ALL
            .iter()
            .flat_map(|shape| shape.rotations())
            .for_each(|step| needs.rotate(step, profile.top)),
        LinearStyle::Matrix => needs.rotate(1, profile.top),
    }
    let keys = S::keygen(params, &needs, rng)?;
    let owner = Owner::<S> {
        encryptor: S::encryptor(params, &keys.secret)?,
        decryptor: S::decryptor(params, &keys.secret)?,
    };
    let evaluator = S::evaluator(params, keys.evaluation)?;
    let bench = Bench { profile: &profile, owner, evaluator };
    match (profile.linear, profile.top.get()) {
        (LinearStyle::Matrix, _) => {
            bench.by_entries(values_measured(&profile, samples, rayon::current_num_threads()), rng)
        }
        (LinearStyle::Diagonals, None) => {
            bench.at(&bench.operands(rayon::current_num_threads(), profile.top, rng)?, profile.top, rng)
        }
        (LinearStyle::Diagonals, Some(top)) => {
            let mut levels = vec![top, top.div_ceil(2), 1];
            levels.dedup();
            let costs = levels.iter().filter(|level| **level >= 1).map(|level| {
                let at = Level::new(*level);
                let operands = bench.operands(rayon::current_num_threads(), at, rng)?;
                Ok((f64::from(*level) + 1.0, bench.at(&operands, at, rng)?))
            });
            Ok(over_levels(&costs.collect::<Result<Vec<_>>>()?))
        }
    }
}

/// The same scheme with costs measured on this machine; a round trip takes as long as they say.
#[must_use]
pub fn with_costs(profile: &Profile, costs: Costs) -> Profile {
    let profile = Profile { costs, ..profile.clone() };
    match profile.refresh.as_ref().filter(|refresh| refresh.by_owner).map(|refresh| refresh.bound) {
        Some(bound) => profile.with_round_trips(bound),
        None => profile,
    }
}

/// What encrypts and decrypts the operands.
struct Owner<S: ClientScheme> {
    encryptor: S::Encryptor,
    decryptor: S::Decryptor,
}

struct Bench<'a, S: ClientScheme> {
    profile: &'a Profile,
    owner: Owner<S>,
    evaluator: S::Evaluator,
}

/// The middle one of the times that `work` takes, run until that is known well.
fn seconds<T>(mut work: impl FnMut() -> he_traits::Result<T>) -> Result<f64> {
    let (mut times, mut all) = (Vec::new(), 0.0);
    // The first one finds cold caches and fresh memory.
    work()?;
    while times.len() < RUNS || (all < ENOUGH && times.len() < MOST_RUNS) {
        let start = Instant::now();
        let result = work()?;
        let took = start.elapsed().as_secs_f64();
        // What is freed is no part of it.
        drop(result);
        times.push(took);
        all += took;
    }
    Ok(middle(times))
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl<S: ClientScheme> Bench<'_, S> {
    /// Numbers that repeat nowhere.
    fn values(&self) -> Diagonal {
        Diagonal::Real((0..self.profile.slots).map(|slot| maps::number(slot, 0)).collect())
    }

    /// So many encrypted operands.
    fn operands(&self, count: usize, at: Level, rng: &mut dyn CryptoRng) -> Result<Vec<S::Ciphertext>> {
        let values = self.values();
        (0..count).map(|_| Ok(self.owner.encryptor.encrypt(&values, at, rng)?)).collect()
    }

    /// Seconds of `operation` for each of the operands, taken side by side. Results are dropped as they come, as a network's are soon after: their memory is
    /// there for the next.
    fn each<T>(
        &self,
        operands: &[S::Ciphertext],
        operation: impl Fn(&S::Ciphertext) -> he_traits::Result<T> + Sync,
    ) -> Result<f64> {
        let all = |times: usize| {
            operands.par_iter().try_for_each(|x| (0..times).try_for_each(|_| operation(x).map(drop)))
        };
        all(1)?;
        let start = Instant::now();
        all(1)?;
        let times = (LEAST / start.elapsed().as_secs_f64().max(1e-9)).ceil().clamp(1.0, 1e3) as usize;
        Ok(seconds(|| all(times))? / (operands.len().max(1) * times) as f64)
    }

    /// Seconds of encrypting and of decrypting, one after the other as owners do.
    fn of_owner(&self, at: Level, rng: &mut dyn CryptoRng) -> Result<[f64; 2]> {
        let (values, Owner { encryptor, decryptor }) = (self.values(), &self.owner);
        let encrypt = seconds(|| encryptor.encrypt(&values, at, rng))?;
        let x = encryptor.encrypt(&values, at, rng)?;
        Ok([encrypt, seconds(|| decryptor.decrypt(&x))?])
    }

    /// What operations on so many ciphertexts side by side cost at their level: the base of each cost.
    fn at(&self, x: &[S::Ciphertext], at: Level, rng: &mut dyn CryptoRng) -> Result<Costs> {
        let e = &self.evaluator;
        let [encrypt, decrypt] = self.of_owner(at, rng)?;
        let add = self.each(x, |x| e.add(x, x))?;
        let product = self.each(x, |x| e.mul(x, x))?;
        let factor = e.encode_factor(&self.values(), at)?;
        let mul_plain = self.each(x, |x| e.mul_plain(x, &factor))?;
        let mut measured = match self.profile.linear {
            LinearStyle::Diagonals => self.by_diagonals(at, x.first(), mul_plain, add)?,
            LinearStyle::Matrix => {
                let rotate = self.each(x, |x| e.rotate(x, Step::from(1_usize)))?;
                Costs {
                    mul_plain: Cost::flat(mul_plain),
                    rotate: Cost::flat(rotate),
                    rotate_hoisted: Cost::flat(rotate),
                    ..Costs::default()
                }
            }
        };
        measured.encrypt = Cost::flat(encrypt);
        measured.decrypt = Cost::flat(decrypt);
        measured.add = Cost::flat(add);
        measured.mul = Cost::flat((product - measured.rescale.base).max(0.5 * product));
        Ok(measured)
    }

    /// Rotations, products with diagonals and what goes with them, from linear maps of several shapes.
    fn by_diagonals(&self, at: Level, x: Option<&S::Ciphertext>, mul_plain: f64, add: f64) -> Result<Costs> {
        let e = &self.evaluator;
        let x: Vec<&S::Ciphertext> = x.into_iter().collect();
        // A product outside of a map, with its rescale.
        let mut equations = vec![([0.0, 0.0, 1.0, 1.0], mul_plain)];
        let (mut encode, mut kept) = (0.0, 0.0);
        for shape in Shape::ALL {
            let slots = self.profile.slots;
            let map = Arc::new(LinearMap::new(Band::new(shape, slots)));
            let schedule = shape.schedule(&map, slots)?;
            let start = Instant::now();
            let prepared = e.prepare(&map, &schedule, at, Keep::Encoded)?;
            let preparing = start.elapsed().as_secs_f64();
            let took = seconds(|| e.linear(&x, &prepared))?;
            equations.push((shape.operations(), took));
            if shape == Shape::WIDE {
                let values = e.prepare(&map, &schedule, at, Keep::Values)?;
                let again = seconds(|| e.linear(&x, &values))?;
                encode = preparing / shape.products();
                kept = (again - took).max(0.0) / shape.products();
            }
        }
        let [rotate, rotate_hoisted, product, rescale] = fit::least_squares(&equations);
        Ok(Costs {
            encode: Cost::flat(encode),
            encode_kept: Cost::flat(kept),
            // Each product in a map counts with an addition.
            mul_plain: Cost::flat((product - add).max(0.1 * product)),
            rescale: Cost::flat(rescale),
            rotate: Cost::flat(rotate),
            // It is a part of a rotation, whatever noise says.
            rotate_hoisted: Cost::flat(rotate_hoisted.min(rotate)),
            ..Costs::default()
        })
    }

    /// Of so many values, those that are run on at once as far as memory goes; whole ones for each thread.
    fn together(&self, values: usize) -> usize {
        let bytes = self.profile.sizes.ciphertext.at(self.profile.top).max(1.0);
        let width = self.profile.values_per_thread.unwrap_or(1);
        let fit = (MOST_BYTES / bytes) as usize / width * width;
        values.min(fit.max(width * rayon::current_num_threads()))
    }

    /// Seconds of a run of a layer as a program of its own, on all these values.
    fn run(&self, layer: &Probe, values: &[S::Ciphertext]) -> Result<f64> {
        let prepared = layer.program.prepare(&self.evaluator, Keep::Encoded, &mut |_| {})?;
        let mut times = Vec::new();
        for _ in 0..FULL_RUNS {
            let samples = values.iter().map(|value| vec![value.clone()]).collect();
            std::thread::sleep(REST);
            let start = Instant::now();
            let results = prepared.run(&self.evaluator, samples, &mut |_| {})?;
            times.push(start.elapsed().as_secs_f64());
            drop(results);
        }
        Ok(middle(times))
    }

    /// What operations cost in a scheme of sparse products, the same at every level: single ones and whole layers of networks, on as many values as a
    /// program is given at once.
    fn by_entries(&self, values: usize, rng: &mut dyn CryptoRng) -> Result<Costs> {
        let (e, at) = (&self.evaluator, self.profile.top);
        let values = self.operands(self.together(values), at, rng)?;
        let mut costs = self.at(&values, at, rng)?;
        let x: Vec<&S::Ciphertext> = values.iter().collect();
        let mut equations = Vec::new();
        let after = at.spend("layer", 1)?;
        for layer in probes::layers(self.profile)? {
            let prepared = e.prepare(&layer.map, &Schedule::Matrix, at, Keep::Encoded)?;
            let bias = [e.encode_addend(&Diagonal::Constant(0.5), after)?];
            let took = seconds(|| e.layer(&x, &prepared, Some(&bias), layer.function))?;
            equations.push((layer.operations, took / x.len().max(1) as f64));
            if layer.is_narrow() {
                costs.value =
                    Cost::flat((self.run(&layer, &values)? - took).max(0.0) / x.len().max(1) as f64);
            }
        }
        let [entry, pass, exact_slot] = fit::least_squares(&equations);
        costs.entry = Cost::flat(entry);
        costs.pass = Cost::flat(pass);
        costs.exact_slot = Cost::flat(exact_slot);
        Ok(costs)
    }
}

/// Time for threads without work to fall asleep, as they do while an owner encrypts: waking them is a part of a run.
const REST: Duration = Duration::from_millis(1);

/// Costs as they grow with the number of limbs, from those at some numbers of them.
fn over_levels(measured: &[(f64, Costs)]) -> Costs {
    let of = |cost: fn(&Costs) -> Cost| {
        let equations: Vec<([f64; 3], f64)> =
            measured.iter().map(|(limbs, costs)| ([1.0, *limbs, limbs * limbs], cost(costs).base)).collect();
        let [base, per_limb, per_limb_squared] = fit::least_squares(&equations);
        Cost { base, per_limb, per_limb_squared }
    };
    Costs {
        encode: of(|costs| costs.encode),
        encode_kept: of(|costs| costs.encode_kept),
        encrypt: of(|costs| costs.encrypt),
        decrypt: of(|costs| costs.decrypt),
        add: of(|costs| costs.add),
        mul_plain: of(|costs| costs.mul_plain),
        mul: of(|costs| costs.mul),
        rescale: of(|costs| costs.rescale),
        rotate: of(|costs| costs.rotate),
        rotate_hoisted: of(|costs| costs.rotate_hoisted),
        entry: of(|costs| costs.entry),
        pass: of(|costs| costs.pass),
        exact_slot: of(|costs| costs.exact_slot),
        value: of(|costs| costs.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_go_through_what_was_measured() {
        let at = |limbs: f64| Costs {
            rotate: Cost::flat(1e-3 + 2e-3 * limbs + 5e-4 * limbs * limbs),
            add: Cost::flat(1e-4 * limbs),
            ..Costs::default()
        };
        let costs = over_levels(&[2.0, 9.0, 17.0].map(|limbs| (limbs, at(limbs))));
        for level in [1, 5, 16] {
            let (limbs, level) = (f64::from(level) + 1.0, Level::new(level));
            let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(near(costs.rotate.at(level), at(limbs).rotate.base), "{level}");
            assert!(near(costs.add.at(level), at(limbs).add.base), "{level}");
        }
    }
}
