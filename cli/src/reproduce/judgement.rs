//! What trained weights are worth on the held-out part, in the forms that the report shows.

use models::metrics::{ConfusionMatrix, MetricError, roc_curve, top_class};
use models::registry::{Targets, Trained};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Points of a scatter plot.
const MOST_POINTS: usize = 500;

/// One score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Score {
    pub(super) of: String,
    pub(super) metric: String,
    pub(super) value: f64,
    pub(super) paper: Option<f64>,
}

/// Scores, and what pictures are drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Judgement {
    pub(super) samples: usize,
    pub(super) scores: Vec<Score>,
    /// Of classifiers: a row a true class, a column a predicted one.
    pub(super) confusion: Vec<Vec<usize>>,
    /// Of classifiers of two classes: false and true positive rates.
    pub(super) roc: Vec<[f64; 2]>,
    /// Of regressions: for every output some pairs of the true value and the estimate.
    pub(super) pairs: Vec<Vec<[f64; 2]>>,
}

impl Judgement {
    /// What a training found.
    pub(super) fn of(trained: &Trained) -> Result<Self, Failure> {
        let scores = trained.scores.iter().map(|score| Score {
            of: score.of.clone(),
            metric: score.metric.to_owned(),
            value: score.value,
            paper: score.paper,
        });
        let samples = trained.outputs.batch();
        let mut judgement = Self {
            samples,
            scores: scores.collect(),
            confusion: Vec::new(),
            roc: Vec::new(),
            pairs: Vec::new(),
        };
        let columns = trained.outputs.data().len() / samples.max(1);
        let failed = |error: MetricError| Failure::failed(error.to_string());
        match &trained.targets {
            Targets::Classes(expected) => {
                let outputs = trained.outputs.data();
                let class = |row: &[f64]| match row {
                    [logit] => usize::from(*logit > 0.0),
                    row => top_class(row).unwrap_or(0),
                };
                let predicted: Vec<usize> = outputs.chunks(columns.max(1)).map(class).collect();
                let classes = columns.max(2);
                let matrix = ConfusionMatrix::new(classes, &predicted, expected).map_err(failed)?;
                let row =
                    |expected| (0..classes).map(|predicted| matrix.count(expected, predicted)).collect();
                judgement.confusion = (0..classes).map(row).collect();
                if columns == 1 {
                    let positive: Vec<bool> = expected.iter().map(|class| *class == 1).collect();
                    judgement.roc = roc_curve(outputs, &positive).map_err(failed)?;
                }
            }
            Targets::Values(values) => {
                let every = samples.div_ceil(MOST_POINTS).max(1);
                let column = |tensor: &[f64], output: usize| -> Vec<f64> {
                    tensor.iter().skip(output).step_by(columns.max(1)).step_by(every).copied().collect()
                };
                let pairs = |output: usize| {
                    let (truth, found) =
                        (column(values.data(), output), column(trained.outputs.data(), output));
                    truth.into_iter().zip(found).map(|(truth, found)| [truth, found]).collect()
                };
                judgement.pairs = (0..columns).map(pairs).collect();
            }
        }
        Ok(judgement)
    }

    /// The largest difference of a score.
    pub(super) fn difference(&self, other: &Self) -> f64 {
        let pairs = self.scores.iter().zip(&other.scores);
        pairs.map(|(a, b)| (a.value - b.value).abs()).fold(0.0, f64::max)
    }

    /// The score of that name.
    pub(super) fn score(&self, of: &str, metric: &str) -> Option<f64> {
        self.scores.iter().find(|score| score.of == of && score.metric == metric).map(|score| score.value)
    }
}

#[cfg(test)]
mod tests {
    use models::weights::StoredWeights;
    use nn_layers::Tensor;

    use super::*;

    fn trained(columns: usize, outputs: Vec<f64>, targets: Targets) -> Trained {
        let outputs = Tensor::new(&[outputs.len() / columns, columns], outputs).unwrap();
        Trained { weights: StoredWeights::default(), scores: Vec::new(), outputs, targets }
    }

    #[test]
    fn matrices_curves_and_pairs_by_hand() {
        let two = trained(1, vec![-1.0, 2.0, 3.0], Targets::Classes(vec![0, 0, 1]));
        let two = Judgement::of(&two).unwrap();
        assert_eq!(two.confusion, [[1, 1], [0, 1]]);
        assert_eq!(two.roc, [[0.0, 0.0], [0.0, 1.0], [0.5, 1.0], [1.0, 1.0]]);
        let three = trained(3, vec![0.0, 1.0, 0.5, 9.0, 1.0, 0.0], Targets::Classes(vec![1, 2]));
        let three = Judgement::of(&three).unwrap();
        assert_eq!(three.confusion, [[0, 0, 0], [0, 1, 0], [1, 0, 0]]);
        assert!(three.roc.is_empty() && three.pairs.is_empty());
        let values = Targets::Values(Tensor::new(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap());
        let pairs = Judgement::of(&trained(2, vec![1.5, 2.5, 3.5, 4.5], values)).unwrap().pairs;
        assert_eq!(pairs, [[[1.0, 1.5], [3.0, 3.5]], [[2.0, 2.5], [4.0, 4.5]]]);
    }
}
