//! What came of it.

use serde::Serialize;

use crate::Args;
use crate::clients::Run;

/// Growth from the second fifth of the time to the last that is put down to chance.
const GROWTH: f64 = 0.03;

#[derive(Serialize)]
pub(crate) struct Report {
    model: String,
    clients: usize,
    owners: usize,
    minutes: f64,
    requests: usize,
    errors: usize,
    requests_a_minute: f64,
    /// Client's seconds: median, 95th percentile, largest.
    latency_seconds: [f64; 3],
    /// Time from acceptance to the end over what was predicted: 5th percentile, median, 95th percentile.
    actual_over_predicted: [f64; 3],
    /// Resident bytes of the service: mean of the second and of the last fifth of the time, and the largest.
    memory_bytes: [f64; 3],
    growth: f64,
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((share * last).round() as usize).copied().unwrap_or(f64::NAN)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

impl Report {
    pub(crate) fn new(args: &Args, runs: &[Run], memory: &[f64]) -> Self {
        let latency = sorted(runs.iter().map(|run| run.seconds));
        let ratio = sorted(runs.iter().map(|run| run.actual / run.predicted));
        let fifth = (memory.len() / 5).max(1);
        let early = mean(memory.get(fifth..2 * fifth).unwrap_or(memory));
        let late = mean(memory.get(memory.len().saturating_sub(fifth)..).unwrap_or(memory));
        let largest = memory.iter().copied().fold(0.0, f64::max);
        Self {
            model: args.model.clone(),
            clients: args.clients,
            owners: args.owners,
            minutes: args.minutes,
            requests: runs.len(),
            errors: runs.iter().filter(|run| run.error.is_some()).count(),
            requests_a_minute: runs.len() as f64 / args.minutes,
            latency_seconds: [0.5, 0.95, 1.0].map(|share| percentile(&latency, share)),
            actual_over_predicted: [0.05, 0.5, 0.95].map(|share| percentile(&ratio, share)),
            memory_bytes: [early, late, largest],
            growth: late / early - 1.0,
        }
    }

    pub(crate) fn passed(&self) -> bool {
        self.requests > 0 && self.errors == 0 && self.growth < GROWTH
    }
}
