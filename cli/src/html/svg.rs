//! Scales that the pictures share.

/// A logarithmic scale over whole decades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Decades {
    low: i32,
    high: i32,
}

impl Decades {
    /// The decades that hold all positive `values`, at least one; none without a positive value.
    pub(crate) fn around(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| *value > 0.0 && value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            return None;
        }
        let bounds = (low.log10().floor() as i32, high.log10().ceil() as i32);
        Some(Self { low: bounds.0, high: bounds.1.max(bounds.0 + 1) })
    }

    /// One decade lower, so that the smallest value has a bar as well.
    pub(crate) fn with_room_below(self) -> Self {
        Self { low: self.low - 1, high: self.high }
    }

    /// Place of a value, 0 at the low end and 1 at the high end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        ((value.log10() - f64::from(self.low)) / f64::from(self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Exponents of at most `most` decades to mark, evenly spaced.
    pub(crate) fn marks(&self, most: i32) -> impl Iterator<Item = i32> {
        let stride = (self.high - self.low).div_euclid(most.max(1)) + 1;
        (self.low..=self.high).step_by(usize::try_from(stride).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_hold_their_values() {
        let decades = Decades::around([0.0, 0.02, 3000.0].into_iter()).unwrap();
        assert_eq!(decades, Decades { low: -2, high: 4 });
        assert_eq!(decades.place(1e-2), 0.0);
        assert!((decades.place(10.0) - 0.5).abs() < 1e-12);
        assert_eq!(decades.marks(4).collect::<Vec<_>>(), [-2, 0, 2, 4]);
        assert_eq!(Decades::around([0.0].into_iter()), None);
        assert_eq!(Decades::around([1.0].into_iter()).unwrap().place(1.0), 0.0);
    }
}
