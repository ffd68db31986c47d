//! What a network is worth: metrics of regression and of classification.

/// Data that a metric cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// Predictions and targets differ in number.
    #[error("{predicted} predictions cannot be held against {expected} targets")]
    Length {
        /// Number of predictions.
        predicted: usize,
        /// Number of targets.
        expected: usize,
    },
    /// Too few values to compute anything.
    #[error("the metric needs at least {needed} values, but {got} came")]
    TooFew {
        /// Smallest number that makes sense.
        needed: usize,
        /// Number that came.
        got: usize,
    },
    /// A class number that is not below the number of classes.
    #[error("class {class} does not exist: there are {classes}, numbered from 0")]
    UnknownClass {
        /// The class that came.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
}

/// The check that every metric begins with.
pub(crate) fn same_length(predicted: usize, expected: usize, needed: usize) -> Result<(), MetricError> {
    if predicted != expected {
        return Err(MetricError::Length { predicted, expected });
    }
    if predicted < needed {
        return Err(MetricError::TooFew { needed, got: predicted });
    }
    Ok(())
}

/// Mean absolute percentage error: 100 / n times the sum of |predicted - expected| / |expected|.
///
/// A target of zero makes it infinite (or not a number, where the prediction is zero too).
///
/// # Errors
/// Unequal lengths, or no value at all.
///
/// ```
/// assert_eq!(models::metrics::mape(&[1.1, 1.8], &[1.0, 2.0]).unwrap().round(), 10.0);
/// ```
pub fn mape(predicted: &[f64], expected: &[f64]) -> Result<f64, MetricError> {
    same_length(predicted.len(), expected.len(), 1)?;
    let sum: f64 = predicted.iter().zip(expected).map(|(p, e)| ((p - e) / e).abs()).sum();
    Ok(100.0 * sum / expected.len() as f64)
}

/// Pearson's correlation coefficient, -1 to 1; not a number where one side is constant.
///
/// # Errors
/// Unequal lengths, or fewer than two values.
pub fn pearson(predicted: &[f64], expected: &[f64]) -> Result<f64, MetricError> {
    same_length(predicted.len(), expected.len(), 2)?;
    let n = expected.len() as f64;
    let (mean_p, mean_e) = (predicted.iter().sum::<f64>() / n, expected.iter().sum::<f64>() / n);
    let (mut covariance, mut variance_p, mut variance_e) = (0.0, 0.0, 0.0);
    for (p, e) in predicted.iter().zip(expected) {
        let (p, e) = (p - mean_p, e - mean_e);
        covariance += p * e;
        variance_p += p * p;
        variance_e += e * e;
    }
    Ok(covariance / (variance_p.sqrt() * variance_e.sqrt()))
}

/// MAPE and Pearson of one quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Mean absolute percentage error.
    pub mape: f64,
    /// Pearson's correlation coefficient.
    pub pearson: f64,
}

/// MAPE and Pearson of each of `N` quantities, one sample a row.
///
/// # Errors
/// Unequal numbers of rows, or fewer than two.
pub fn fit_per_quantity<const N: usize>(
    predicted: &[[f64; N]],
    expected: &[[f64; N]],
) -> Result<[Fit; N], MetricError> {
    same_length(predicted.len(), expected.len(), 2)?;
    let column = |rows: &[[f64; N]], at: usize| -> Vec<f64> {
        rows.iter().filter_map(|row| row.get(at).copied()).collect()
    };
    let mut fits = [Fit { mape: 0.0, pearson: 0.0 }; N];
    for (quantity, fit) in fits.iter_mut().enumerate() {
        let (predicted, expected) = (column(predicted, quantity), column(expected, quantity));
        *fit = Fit { mape: mape(&predicted, &expected)?, pearson: pearson(&predicted, &expected)? };
    }
    Ok(fits)
}

/// The class with the largest score, the first of equals; `None` where there is no score or one is not a number.
#[must_use]
pub fn top_class(scores: &[f64]) -> Option<usize> {
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let best = |best: Option<(usize, f64)>, (class, &score): (usize, &f64)| match best {
        Some((_, top)) if top >= score => best,
        _ => Some((class, score)),
    };
    scores.iter().enumerate().fold(None, best).map(|(class, _)| class)
}

/// Share of predicted classes that are right, 0 to 1.
///
/// # Errors
/// Unequal lengths, or no value at all.
pub fn accuracy(predicted: &[usize], expected: &[usize]) -> Result<f64, MetricError> {
    same_length(predicted.len(), expected.len(), 1)?;
    let right = predicted.iter().zip(expected).filter(|(p, e)| p == e).count();
    Ok(right as f64 / expected.len() as f64)
}

/// How often each class was taken for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// Row-major: row = true class, column = predicted class.
    counts: Vec<usize>,
}

/// Precision, recall and F1 of one class, 0 to 1; zero where nothing was predicted or nothing was there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassScore {
    /// Share of what was predicted as this class that is of this class.
    pub precision: f64,
    /// Share of this class that was predicted as such.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

impl ConfusionMatrix {
    /// Counts predictions against targets.
    ///
    /// # Errors
    /// Unequal lengths, or a class that is not below `classes`.
    pub fn new(classes: usize, predicted: &[usize], expected: &[usize]) -> Result<Self, MetricError> {
        same_length(predicted.len(), expected.len(), 0)?;
        let mut counts = vec![0; classes * classes];
        for (&p, &e) in predicted.iter().zip(expected) {
            if let Some(&class) = [p, e].iter().find(|&&class| class >= classes) {
                return Err(MetricError::UnknownClass { class, classes });
            }
            if let Some(count) = counts.get_mut(e * classes + p) {
                *count += 1;
            }
        }
        Ok(Self { classes, counts })
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How often `expected` was taken for `predicted`; zero for classes that do not exist.
    #[must_use]
    pub fn count(&self, expected: usize, predicted: usize) -> usize {
        if predicted >= self.classes {
            return 0;
        }
        self.counts.get(expected * self.classes + predicted).copied().unwrap_or(0)
    }

    /// Precision, recall and F1 of each class.
    #[must_use]
    pub fn class_scores(&self) -> Vec<ClassScore> {
        let share = |part: usize, whole: usize| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let score = |class: usize| {
            let hit = self.count(class, class);
            let predicted: usize = (0..self.classes).map(|expected| self.count(expected, class)).sum();
            let present: usize = (0..self.classes).map(|predicted| self.count(class, predicted)).sum();
            let (precision, recall) = (share(hit, predicted), share(hit, present));
            let sum = precision + recall;
            ClassScore {
                precision,
                recall,
                f1: if sum == 0.0 { 0.0 } else { 2.0 * precision * recall / sum },
            }
        };
        (0..self.classes).map(score).collect()
    }

    /// Mean of precision, recall and F1 over the classes, each class counting the same.
    #[must_use]
    pub fn macro_average(&self) -> ClassScore {
        let scores = self.class_scores();
        let mean =
            |of: fn(&ClassScore) -> f64| scores.iter().map(of).sum::<f64>() / scores.len().max(1) as f64;
        ClassScore { precision: mean(|s| s.precision), recall: mean(|s| s.recall), f1: mean(|s| s.f1) }
    }
}

/// Area under the ROC curve: how often a positive sample scores above a negative one, ties counting half.
///
/// # Errors
/// [`MetricError`] when the lengths differ, or one side has no sample.
pub fn area_under_curve(scores: &[f64], positive: &[bool]) -> Result<f64, MetricError> {
    same_length(scores.len(), positive.len(), 2)?;
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = positive.iter().filter(|positive| **positive).count();
    let negatives = positive.len() - positives;
    same_length(positives.min(1), 1, 1)?;
    same_length(negatives.min(1), 1, 1)?;
    let (mut below, mut wins) = (0, 0.0);
    for equal in order.chunk_by(|a, b| a.0 == b.0) {
        let above = equal.iter().filter(|(_, positive)| *positive).count();
        let beaten = equal.len() - above;
        wins += above as f64 * (f64::from(below as u32) + 0.5 * beaten as f64);
        below += beaten;
    }
    Ok(wins / (positives as f64 * negatives as f64))
}

/// Areas under the ROC curves of several findings: all decisions in one curve (micro), and the mean over the findings that have positive
/// and negative samples both (macro).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiLabelArea {
    /// One curve of all decisions.
    pub micro: f64,
    /// Mean over the findings.
    pub macro_average: f64,
    /// Findings in that mean.
    pub findings: usize,
}

/// Areas under the curves of `scores`, samples times findings, a sample's findings side by side.
///
/// # Errors
/// As [`area_under_curve`]; [`MetricError::TooFew`] also where no finding has samples of both kinds.
pub fn multi_label_area(
    findings: usize,
    scores: &[f64],
    positive: &[bool],
) -> Result<MultiLabelArea, MetricError> {
    let micro = area_under_curve(scores, positive)?;
    let of_finding = |finding: usize| {
        let scores: Vec<f64> = scores.iter().copied().skip(finding).step_by(findings).collect();
        let positive: Vec<bool> = positive.iter().copied().skip(finding).step_by(findings).collect();
        area_under_curve(&scores, &positive).ok()
    };
    let areas: Vec<f64> = (0..findings).filter_map(of_finding).collect();
    same_length(areas.len().min(1), 1, 1)?;
    let macro_average = areas.iter().sum::<f64>() / areas.len() as f64;
    Ok(MultiLabelArea { micro, macro_average, findings: areas.len() })
}

/// The ROC curve: false and true positive rates as the threshold falls, from (0, 0) to (1, 1); equal scores are one step.
///
/// # Errors
/// As [`area_under_curve`].
pub fn roc_curve(scores: &[f64], positive: &[bool]) -> Result<Vec<[f64; 2]>, MetricError> {
    area_under_curve(scores, positive)?;
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = positive.iter().filter(|positive| **positive).count() as f64;
    let negatives = positive.len() as f64 - positives;
    let (mut hits, mut alarms) = (0, 0);
    let mut curve = vec![[0.0, 0.0]];
    for equal in order.chunk_by(|a, b| a.0 == b.0) {
        let more = equal.iter().filter(|(_, positive)| *positive).count();
        hits += more;
        alarms += equal.len() - more;
        curve.push([alarms as f64 / negatives, hits as f64 / positives]);
    }
    Ok(curve)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_by_hand() {
        assert!((mape(&[90.0, 220.0], &[100.0, 200.0]).unwrap() - 10.0).abs() < 1e-12);
        assert!((pearson(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]).unwrap() - 1.0).abs() < 1e-12);
        assert!((pearson(&[3.0, 2.0, 1.0], &[10.0, 20.0, 30.0]).unwrap() + 1.0).abs() < 1e-12);
        // Deviations (-1, 0, 1) and (-4/3, 5/3, -1/3): covariance 1, variances 2 and 14/3.
        let r = pearson(&[1.0, 2.0, 3.0], &[1.0, 4.0, 2.0]).unwrap();
        assert!((r - 1.0 / (2.0_f64 * 14.0 / 3.0).sqrt()).abs() < 1e-12, "{r}");
        let fits = fit_per_quantity(&[[1.0, 5.0], [2.0, 9.0]], &[[1.0, 10.0], [2.0, 10.0]]).unwrap();
        assert_eq!(fits[0].mape, 0.0);
        assert!((fits[1].mape - 30.0).abs() < 1e-12 && fits[1].pearson.is_nan());
    }

    #[test]
    fn classification_by_hand() {
        let (predicted, expected) = ([0, 0, 1, 1, 1, 2], [0, 1, 1, 1, 2, 2]);
        assert!((accuracy(&predicted, &expected).unwrap() - 4.0 / 6.0).abs() < 1e-12);
        let matrix = ConfusionMatrix::new(3, &predicted, &expected).unwrap();
        assert_eq!(
            (matrix.count(1, 0), matrix.count(0, 1), matrix.count(1, 1), matrix.count(0, 3)),
            (1, 0, 2, 0)
        );
        let scores = matrix.class_scores();
        assert!((scores[0].precision - 0.5).abs() < 1e-12 && (scores[0].recall - 1.0).abs() < 1e-12);
        assert!(
            (scores[1].precision - 2.0 / 3.0).abs() < 1e-12 && (scores[1].recall - 2.0 / 3.0).abs() < 1e-12
        );
        assert!((scores[2].f1 - 2.0 / 3.0).abs() < 1e-12);
        assert!((matrix.macro_average().precision - (0.5 + 2.0 / 3.0 + 1.0) / 3.0).abs() < 1e-12);
        assert_eq!(ConfusionMatrix::new(2, &[0], &[1]).unwrap().class_scores()[0].precision, 0.0);
    }

    #[test]
    fn roc_curves_by_hand() {
        let curve = roc_curve(&[0.9, 0.8, 0.8, 0.1], &[true, false, true, false]).unwrap();
        assert_eq!(curve, [[0.0, 0.0], [0.0, 0.5], [0.5, 1.0], [1.0, 1.0]]);
        let area: f64 = curve.windows(2).map(|w| (w[1][0] - w[0][0]) * (w[0][1] + w[1][1]) / 2.0).sum();
        assert_eq!(area, area_under_curve(&[0.9, 0.8, 0.8, 0.1], &[true, false, true, false]).unwrap());
        assert!(roc_curve(&[1.0], &[true]).is_err());
    }

    #[test]
    fn areas_of_several_findings_by_hand() {
        // Two findings, three samples; the second finding has no positive sample.
        let scores = [0.9, 0.2, 0.4, 0.3, 0.6, 0.1];
        let positive = [true, false, true, false, false, false];
        let area = multi_label_area(2, &scores, &positive).unwrap();
        // The positives 0.9 and 0.4 beat four and three of the negatives 0.2, 0.3, 0.6, 0.1.
        assert_eq!((area.micro, area.macro_average, area.findings), (7.0 / 8.0, 0.5, 1));
        assert!(multi_label_area(2, &scores, &[false; 6]).is_err());
    }

    #[test]
    fn top_class_prefers_the_first_of_equals() {
        assert_eq!(top_class(&[1.0, 3.0, 3.0]), Some(1));
        assert_eq!(top_class(&[]), None);
        assert_eq!(top_class(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn refuses_what_cannot_be_compared() {
        assert_eq!(mape(&[1.0], &[1.0, 2.0]), Err(MetricError::Length { predicted: 1, expected: 2 }));
        assert_eq!(pearson(&[1.0], &[1.0]), Err(MetricError::TooFew { needed: 2, got: 1 }));
        let unknown = ConfusionMatrix::new(2, &[0, 2], &[0, 1]);
        assert_eq!(unknown, Err(MetricError::UnknownClass { class: 2, classes: 2 }));
    }
}
