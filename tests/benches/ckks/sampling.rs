//! Samples of two backends taken in turn.

use std::time::Instant;

use he_traits::{Error, Result};
use rayon::ThreadPool;

use crate::operation::Operation;
use crate::subject::Subject;

/// A sample lasts at least this long, in seconds, by as many calls as it takes.
const SHORTEST_SAMPLE: f64 = 2.0e-2;
const MOST_CALLS: f64 = 64.0;
const FEWEST_ROUNDS: f64 = 3.0;
const MOST_ROUNDS: f64 = 40.0;

/// Pools of one thread and of all.
pub(crate) fn pools() -> Result<Vec<(usize, ThreadPool)>> {
    let all = rayon::current_num_threads();
    let counts = if all == 1 { vec![1] } else { vec![1, all] };
    let pool = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map(|pool| (threads, pool)).map_err(|error| Error::parameters(error.to_string()))
    };
    counts.into_iter().map(pool).collect()
}

/// Samples of one backend on one number of threads, in seconds a call, round by round.
#[derive(Default)]
pub(crate) struct Samples {
    pub(crate) wall: Vec<f64>,
    /// CPU time of the calling thread, which does all the work where it is alone; wall time where the system does not tell.
    pub(crate) cpu: Vec<f64>,
}

impl Samples {
    /// What to compare: on one thread CPU time, which other work on the machine disturbs less, on several wall time.
    pub(crate) fn on(&self, threads: usize) -> &[f64] {
        if threads == 1 { &self.cpu } else { &self.wall }
    }
}

/// Samples of both backends on one number of threads.
pub(crate) struct Timings {
    pub(crate) threads: usize,
    pub(crate) native: Samples,
    /// Empty where SEAL does not run.
    pub(crate) seal: Samples,
}

/// Seconds of CPU time that this thread has used.
fn cpu_seconds() -> Option<f64> {
    // The kernel brings its account up to date when the thread gives way.
    std::thread::yield_now();
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = account.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds * 1e-9)
}

/// Wall and CPU seconds a call.
fn seconds(
    pool: &ThreadPool,
    subject: &dyn Subject,
    operation: Operation,
    calls: usize,
) -> Result<(f64, f64)> {
    pool.install(|| {
        let (cpu, start) = (cpu_seconds(), Instant::now());
        (0..calls).try_for_each(|_| subject.run(operation))?;
        let wall = start.elapsed().as_secs_f64();
        let cpu = cpu_seconds().zip(cpu).map_or(wall, |(after, before)| after - before);
        Ok((wall / calls as f64, cpu / calls as f64))
    })
}

/// Rounds of samples until `budget` seconds have passed: in each round every pool and both backends have their turn.
pub(crate) fn sample(
    pools: &[(usize, ThreadPool)],
    subjects: &[&dyn Subject],
    operation: Operation,
    budget: f64,
) -> Result<Vec<Timings>> {
    // A first call warms caches, pools and tables, and says how many calls make a sample.
    let mut calls = Vec::new();
    let mut round_seconds = 0.0;
    for (_, pool) in pools {
        for subject in subjects {
            let (once, _) = seconds(pool, *subject, operation, 1)?;
            let count = (SHORTEST_SAMPLE / once).ceil().clamp(1.0, MOST_CALLS);
            round_seconds += once * count;
            calls.push(count as usize);
        }
    }
    let rounds = (budget / round_seconds).clamp(FEWEST_ROUNDS, MOST_ROUNDS) as usize;
    let mut timings: Vec<Timings> = pools
        .iter()
        .map(|(threads, _)| Timings {
            threads: *threads,
            native: Samples::default(),
            seal: Samples::default(),
        })
        .collect();
    for _ in 0..rounds {
        let mut calls = calls.iter().copied();
        for ((_, pool), timings) in pools.iter().zip(&mut timings) {
            let mut sides = [&mut timings.native, &mut timings.seal].into_iter();
            for subject in subjects {
                let (wall, cpu) = seconds(pool, *subject, operation, calls.next().unwrap_or(1))?;
                if let Some(side) = sides.next() {
                    side.wall.push(wall);
                    side.cpu.push(cpu);
                }
            }
        }
    }
    Ok(timings)
}

/// The middle of some numbers; `None` without any.
pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = numbers.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The median of `a / b`, round by round.
pub(crate) fn ratio(a: &[f64], b: &[f64]) -> Option<f64> {
    median(a.iter().zip(b).map(|(a, b)| a / b))
}
