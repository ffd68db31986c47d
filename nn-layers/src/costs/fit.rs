//! Costs from the times of things that take several of them.

use nalgebra::{DMatrix, DVector};

/// The costs, none below zero, that explain the times best: least squares of relative errors. Each equation says how many of each cost a time holds.
///
/// Costs are few, so that every choice of those that are zero is tried.
pub(super) fn least_squares<const N: usize>(equations: &[([f64; N], f64)]) -> [f64; N] {
    let equations: Vec<_> = equations.iter().filter(|(_, time)| *time > 0.0).collect();
    let mut best = (f64::INFINITY, [0.0; N]);
    for choice in 1_usize..1 << N {
        let chosen: Vec<usize> = (0..N).filter(|cost| choice >> cost & 1 == 1).collect();
        if chosen.len() > equations.len() {
            continue;
        }
        let matrix = DMatrix::from_fn(equations.len(), chosen.len(), |row, column| {
            equations
                .get(row)
                .zip(chosen.get(column))
                .map_or(0.0, |((counts, time), cost)| counts.get(*cost).copied().unwrap_or_default() / time)
        });
        let ones = DVector::from_element(equations.len(), 1.0);
        let Ok(found) = matrix.clone().svd(true, true).solve(&ones, 1e-12) else { continue };
        if found.iter().any(|cost| *cost < 0.0) {
            continue;
        }
        let error = (matrix * &found - ones).norm();
        if error < best.0 - 1e-12 {
            let mut costs = [0.0; N];
            for (cost, value) in chosen.iter().zip(found.iter()) {
                costs.get_mut(*cost).into_iter().for_each(|place| *place = *value);
            }
            best = (error, costs);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::least_squares;

    #[test]
    fn costs_that_explain_the_times_are_found() {
        let costs = [3.0, 0.5, 0.02];
        let time = |counts: [f64; 3]| counts.iter().zip(costs).map(|(a, b)| a * b).sum::<f64>();
        let counts = [[1.0, 2.0, 4.0], [1.0, 0.0, 2.0], [3.0, 2.0, 12.0], [1.0, 2.0, 32.0]];
        let found = least_squares(&counts.map(|counts| (counts, time(counts))));
        assert!(found.iter().zip(costs).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
    }

    #[test]
    fn no_cost_is_negative() {
        // The line through these points would begin below zero.
        let found = least_squares(&[([1.0, 1.0], 1.0), ([1.0, 2.0], 3.0), ([1.0, 4.0], 7.0)]);
        assert!(found[0] == 0.0 && found[1] > 1.0 && found[1] < 2.0, "{found:?}");
        // Fewer equations than costs.
        let found = least_squares(&[([1.0, 2.0, 4.0], 8.0)]);
        let sum = found[0] + 2.0 * found[1] + 4.0 * found[2];
        assert!((sum - 8.0).abs() < 1e-9 && found.iter().all(|cost| *cost >= 0.0), "{found:?}");
    }
}
