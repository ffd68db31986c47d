//! How long work takes, from what was measured so far.

use std::collections::HashMap;

/// Weight of the newest measurement in the running mean.
const NEWEST: f64 = 0.3;

/// Running means by model, scheme and parameters.
#[derive(Default)]
pub(super) struct Speeds {
    sample: HashMap<String, f64>,
    load: HashMap<String, f64>,
    guessed: HashMap<String, f64>,
}

fn update(means: &mut HashMap<String, f64>, of: &str, value: f64) {
    let mean = means.entry(of.to_owned()).or_insert(value);
    *mean += NEWEST * (value - *mean);
}

impl Speeds {
    pub(super) fn evaluated(&mut self, of: &str, samples: u64, seconds: f64) {
        update(&mut self.sample, of, seconds / samples.max(1) as f64);
    }

    /// A guess, until something is measured.
    pub(super) fn guess(&mut self, of: &str, seconds: f64) {
        self.guessed.entry(of.to_owned()).or_insert(seconds);
    }

    pub(super) fn loaded(&mut self, of: &str, seconds: f64) {
        update(&mut self.load, of, seconds);
    }

    /// Seconds a sample, where one was measured or guessed.
    pub(super) fn sample(&self, of: &str) -> Option<f64> {
        self.sample.get(of).or_else(|| self.guessed.get(of)).copied()
    }

    /// Seconds of reading keys and encoding weights, where that was measured.
    pub(super) fn load(&self, of: &str) -> Option<f64> {
        self.load.get(of).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_follow_what_is_measured() {
        let mut speeds = Speeds::default();
        assert_eq!(speeds.sample("a"), None);
        speeds.guess("a", 9.0);
        assert_eq!(speeds.sample("a"), Some(9.0));
        speeds.evaluated("a", 4, 8.0);
        assert_eq!(speeds.sample("a"), Some(2.0));
        for _ in 0..30 {
            speeds.evaluated("a", 1, 1.0);
        }
        assert!((speeds.sample("a").unwrap() - 1.0).abs() < 1e-3);
        speeds.loaded("a", 5.0);
        assert_eq!((speeds.load("a"), speeds.load("b")), (Some(5.0), None));
    }
}
