//! Medians of samples.

use std::time::Instant;

use crate::clock::cpu_seconds;

/// Median seconds of `work` in CPU time, over about `budget` seconds.
pub(crate) fn median_seconds(budget: f64, mut work: impl FnMut()) -> f64 {
    work();
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed().as_secs_f64() < budget || times.len() < 5 {
        let before = cpu_seconds();
        work();
        times.push(cpu_seconds() - before);
    }
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
