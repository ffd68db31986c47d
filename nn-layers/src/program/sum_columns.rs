//! Sums over the columns of a matrix that lies row by row in the slots.

use he_traits::{Diagonal, Evaluator, Result, Step};

/// SumColVec (Han et al. 2018; the Volley Revolver's sum): rotations and additions bring the sum of a row to its first column, a mask leaves
/// only that, and as many rotations back copy it to all columns.
///
/// Without the mask the other columns would hold sums that reach into the next row: values that nothing bounds and that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SumColumns {
    columns: usize,
}

impl SumColumns {
    /// For rows of so many columns, rounded up to a power of two.
    #[must_use]
    pub fn new(columns: usize) -> SumColumns {
        SumColumns { columns: columns.next_power_of_two() }
    }

    /// Columns of the matrix, a power of two.
    #[must_use]
    pub fn columns(self) -> usize {
        self.columns
    }

    /// The rotations to the left, each of the sum so far: `log2(columns)` of them.
    fn halves(self) -> impl Iterator<Item = i64> {
        (0..self.columns.ilog2()).map(|bit| 1_i64 << bit)
    }

    /// All rotations of a ciphertext: `2 log2(columns)`.
    pub fn rotations(self) -> impl Iterator<Item = Step> {
        self.halves().chain(self.halves().map(|step| -step)).map(Step)
    }

    /// The vector that leaves the first column of each row.
    #[must_use]
    pub fn mask(self) -> Diagonal {
        Diagonal::Real((0..self.columns).map(|column| if column == 0 { 1.0 } else { 0.0 }).collect())
    }

    /// The sums of one ciphertext's rows; `mask` is [`SumColumns::mask`], encoded for its level.
    ///
    /// # Errors
    /// As [`Evaluator::rotate`] and [`Evaluator::mul_plain`].
    pub(crate) fn run<E: Evaluator>(
        self,
        e: &E,
        x: &E::Ciphertext,
        mask: &E::Factor,
    ) -> Result<E::Ciphertext> {
        let folded = |x: E::Ciphertext, step: i64| e.add(&x, &e.rotate(&x, Step(step))?);
        let sum = self.halves().try_fold(x.clone(), folded)?;
        self.halves().map(|step| -step).try_fold(e.mul_plain(&sum, mask)?, folded)
    }
}
