//! Z-scores: (value - mean) / deviation, quantity by quantity.

use std::collections::BTreeMap;

use nn_layers::Tensor;

use crate::error::ModelError;
use crate::weights::StoredWeights;

/// Mean and standard deviation of `N` quantities over the samples that they were fitted on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standardisation<const N: usize> {
    /// Mean of each quantity.
    pub mean: [f64; N],
    /// Standard deviation of each quantity (divided by n, not n - 1).
    pub deviation: [f64; N],
}

impl<const N: usize> Standardisation<N> {
    /// Fits to rows of samples: those of the training part alone.
    ///
    /// # Errors
    /// A quantity that does not vary, or no row.
    pub fn fit(rows: &[[f64; N]]) -> Result<Self, ModelError> {
        let n = rows.len() as f64;
        let average = |of: &dyn Fn(&[f64; N]) -> [f64; N]| {
            let mut sum = [0.0; N];
            for row in rows {
                sum.iter_mut().zip(of(row)).for_each(|(sum, value)| *sum += value);
            }
            sum.map(|sum| sum / n)
        };
        let mean = average(&|row| *row);
        let squares = average(&|row| {
            let mut deviation = *row;
            deviation.iter_mut().zip(mean).for_each(|(value, mean)| *value = (*value - mean).powi(2));
            deviation
        });
        let deviation = squares.map(f64::sqrt);
        match deviation.iter().position(|value| !(value.is_finite() && *value > 0.0)) {
            None => Ok(Self { mean, deviation }),
            Some(quantity) => Err(ModelError::BadData {
                data: format!("quantity {quantity} of {} samples", rows.len()),
                reason: "its standard deviation is not a positive number".to_owned(),
            }),
        }
    }

    /// Standardised rows as a tensor `[n, N]`.
    ///
    /// # Errors
    /// None with rows of this length; the tensor's own check is passed on.
    pub fn apply(&self, rows: &[[f64; N]]) -> Result<Tensor, ModelError> {
        let scaled = rows.iter().flat_map(|row| {
            let parts = row.iter().zip(self.mean.iter().zip(&self.deviation));
            parts.map(|(value, (mean, deviation))| (value - mean) / deviation)
        });
        Ok(Tensor::new(&[rows.len(), N], scaled.collect())?)
    }

    /// Rows in the units of the data from standardised ones, `[n, N]` row-major.
    #[must_use]
    pub fn invert(&self, standardised: &[f64]) -> Vec<[f64; N]> {
        let row = |row: &[f64; N]| {
            let mut value = *row;
            let parts = value.iter_mut().zip(self.mean.iter().zip(&self.deviation));
            parts.for_each(|(value, (mean, deviation))| *value = *value * deviation + mean);
            value
        };
        let (rows, _) = standardised.as_chunks::<N>();
        rows.iter().map(row).collect()
    }

    pub(super) fn store(
        &self,
        name: &str,
        constants: &mut BTreeMap<String, Tensor>,
    ) -> Result<(), ModelError> {
        constants.insert(format!("{name}.mean"), Tensor::new(&[N], self.mean.to_vec())?);
        constants.insert(format!("{name}.deviation"), Tensor::new(&[N], self.deviation.to_vec())?);
        Ok(())
    }

    pub(super) fn load(model: &str, name: &str, stored: &StoredWeights) -> Result<Self, ModelError> {
        let read = |part: &str| -> Result<[f64; N], ModelError> {
            let tensor = stored.constant(model, &format!("{name}.{part}"), &[N])?;
            let mut values = [0.0; N];
            values.iter_mut().zip(tensor.data()).for_each(|(value, stored)| *value = *stored);
            Ok(values)
        };
        Ok(Self { mean: read("mean")?, deviation: read("deviation")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standardised_values_have_mean_zero_and_deviation_one() {
        let rows = [[1.0, -5.0], [3.0, 5.0], [5.0, 0.0]];
        let fitted = Standardisation::fit(&rows).unwrap();
        assert_eq!(fitted.mean, [3.0, 0.0]);
        assert!((fitted.deviation[0] - (8.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        let scaled = fitted.apply(&rows).unwrap();
        assert_eq!(scaled.shape(), [3, 2]);
        let again =
            Standardisation::fit(&[[scaled.data()[0]], [scaled.data()[2]], [scaled.data()[4]]]).unwrap();
        assert!(again.mean[0].abs() < 1e-12 && (again.deviation[0] - 1.0).abs() < 1e-12);
        for (back, row) in fitted.invert(scaled.data()).iter().zip(&rows) {
            assert!(back.iter().zip(row).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn a_constant_quantity_is_refused() {
        assert!(Standardisation::fit(&[[1.0], [1.0]]).is_err());
        assert!(Standardisation::<1>::fit(&[]).is_err());
    }
}
