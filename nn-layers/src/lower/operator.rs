//! Linear operators between elements of tensors, and their composition.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use he_traits::{Complex64, Generator, SparseMatrix};
use rayon::prelude::*;

use super::view::{Side, View};
use super::{TransposedWindowMap, WindowMap, compose};

/// A linear operator between elements, times a number.
#[derive(Debug, Clone)]
pub struct Operator {
    kind: Kind,
    rows: usize,
    scale: f64,
}

#[derive(Debug, Clone)]
enum Kind {
    /// A generated matrix.
    Matrix(Arc<dyn Generator>),
    /// A map by windows, which composes with others of its kind without a matrix.
    Window(Arc<WindowMap>),
    /// The transpose of such a map.
    Transposed(Arc<TransposedWindowMap>),
    /// Rows or columns of another operator.
    View(Arc<View>),
    /// Element `k` of `columns` becomes element `from + k`, times its factor (1 where there are none); other rows are empty. The
    /// identity, scaling by channel and concatenation are of this kind.
    Placed { columns: usize, from: usize, factors: Option<Arc<[f64]>> },
}

impl Operator {
    /// The identity on `count` elements: what only renames or reshapes.
    pub fn identity(count: usize) -> Operator {
        Operator::embedding(count, 0, count)
    }

    /// `columns` elements as the elements from `from` on of `rows`; the others are zero.
    pub fn embedding(columns: usize, from: usize, rows: usize) -> Operator {
        Operator { kind: Kind::Placed { columns, from, factors: None }, rows, scale: 1.0 }
    }

    /// Each of `factors` for as many elements as `each` says.
    pub fn diagonal(factors: &[f64], each: usize) -> Operator {
        let rows = factors.len() * each;
        match factors {
            [first, others @ ..] if others.iter().all(|factor| factor == first) => {
                Operator::identity(rows).scaled(*first)
            }
            _ => {
                let factors = factors.iter().flat_map(|factor| std::iter::repeat_n(*factor, each)).collect();
                Operator {
                    kind: Kind::Placed { columns: rows, from: 0, factors: Some(factors) },
                    rows,
                    scale: 1.0,
                }
            }
        }
    }

    /// A generated matrix.
    pub fn matrix(generator: impl Generator + 'static) -> Operator {
        Operator { rows: generator.shape().0, kind: Kind::Matrix(Arc::new(generator)), scale: 1.0 }
    }

    /// A convolution or pooling.
    pub(crate) fn window(map: WindowMap) -> Operator {
        Operator { rows: map.shape().0, kind: Kind::Window(Arc::new(map)), scale: 1.0 }
    }

    /// A transposed convolution.
    pub(crate) fn transposed(map: TransposedWindowMap) -> Operator {
        Operator { rows: map.shape().0, kind: Kind::Transposed(Arc::new(map)), scale: 1.0 }
    }

    fn view(view: View) -> Operator {
        Operator { rows: view.shape().0, kind: Kind::View(Arc::new(view)), scale: 1.0 }
    }

    /// The matrix, `None` for what is only placed.
    fn generator(&self) -> Option<&dyn Generator> {
        match &self.kind {
            Kind::Matrix(generator) => Some(&**generator),
            Kind::Window(map) => Some(&**map),
            Kind::Transposed(map) => Some(&**map),
            Kind::View(view) => Some(&**view),
            Kind::Placed { .. } => None,
        }
    }

    /// Number of output elements.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of input elements.
    pub fn columns(&self) -> usize {
        match &self.kind {
            Kind::Placed { columns, .. } => *columns,
            _ => self.generator().map_or(0, |generator| generator.shape().1),
        }
    }

    /// Bytes that its matrix takes, where it was written out.
    pub fn bytes(&self) -> usize {
        self.generator().map_or(0, Generator::bytes)
    }

    /// Whether the operator leaves every element as it is.
    pub fn is_identity(&self) -> bool {
        self.is_scalar() && self.scale == 1.0
    }

    /// Whether the operator is the identity times a number.
    pub fn is_scalar(&self) -> bool {
        matches!(&self.kind, Kind::Placed { columns, from: 0, factors: None } if *columns == self.rows)
    }

    /// Whether each element goes to one place of its own, times a factor: composing it with another operator costs nothing.
    pub fn is_placed(&self) -> bool {
        matches!(&self.kind, Kind::Placed { .. })
    }

    /// The operator times `factor`.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Operator {
        Operator { scale: self.scale * factor, ..self.clone() }
    }

    /// The sum of two scalar operators (see [`Operator::is_scalar`]) on as many elements.
    pub(crate) fn plus_scalar(&self, other: &Operator) -> Operator {
        Operator { scale: self.scale + other.scale, ..self.clone() }
    }

    /// Column and entry of a row of a placed operator; `None` for an empty row, and for matrices.
    pub(super) fn placed_row(&self, row: usize) -> Option<(usize, f64)> {
        let Kind::Placed { columns, from, .. } = &self.kind else { return None };
        let column = row.checked_sub(*from).filter(|column| column < columns)?;
        self.placed_column(column).map(|(_, entry)| (column, entry))
    }

    /// Row and entry of a column of a placed operator; `None` where the entry is zero, and for matrices.
    pub(super) fn placed_column(&self, column: usize) -> Option<(usize, f64)> {
        let Kind::Placed { columns, from, factors } = &self.kind else { return None };
        let factor = match factors {
            None => 1.0,
            Some(factors) => factors.get(column).copied().unwrap_or(0.0),
        };
        let entry = factor * self.scale;
        (column < *columns && entry != 0.0).then_some((from + column, entry))
    }

    /// Calls `visit(column, entry)` for the non-zero entries of `row`.
    pub fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        match self.generator() {
            Some(generator) => generator.row(row, &mut |column, entry| visit(column, entry * self.scale)),
            None => {
                if let Some((column, entry)) = self.placed_row(row) {
                    visit(column, entry.into());
                }
            }
        }
    }

    /// The non-zero entries of a row with their columns.
    fn entries_of(&self, row: usize) -> Vec<(usize, Complex64)> {
        let mut entries = Vec::new();
        self.row(row, &mut |column, entry| entries.push((column, entry)));
        entries
    }

    /// One entry.
    pub fn entry(&self, row: usize, column: usize) -> Complex64 {
        match (self.generator(), self.placed_row(row)) {
            (Some(generator), _) => generator.entry(row, column) * self.scale,
            (None, Some((at, entry))) if at == column => entry.into(),
            _ => Complex64::ZERO,
        }
    }

    /// Whether most entries of a row are there, judged by the first, the middle and the last row: a fully connected layer.
    pub(crate) fn is_dense(&self) -> bool {
        let columns = self.columns();
        let filled = |row: usize| {
            let mut count = 0;
            self.row(row, &mut |_, _| count += 1);
            2 * count > columns
        };
        !self.is_placed() && [0, self.rows / 2, self.rows.saturating_sub(1)].into_iter().all(filled)
    }

    /// Groups of channels, of a convolution that has several with more than one channel each.
    pub(crate) fn groups(&self) -> Option<usize> {
        match &self.kind {
            Kind::Window(map) => {
                (map.groups > 1 && map.channels_of_a_group() != (1, 1)).then_some(map.groups)
            }
            Kind::View(view) => view.inner.groups(),
            Kind::Matrix(_) | Kind::Transposed(_) | Kind::Placed { .. } => None,
        }
    }

    /// Number of non-zero entries.
    pub fn entries(&self) -> u64 {
        let mut count = 0;
        for row in 0..self.rows {
            self.row(row, &mut |_, _| count += 1);
        }
        count
    }

    /// Number of non-zero entries, roughly: by that of some rows.
    pub(crate) fn about_entries(&self) -> f64 {
        /// Rows that are looked at.
        const ROWS: usize = 64;
        let apart = self.rows.div_ceil(ROWS).max(1);
        let mut count = 0;
        for row in (0..self.rows).step_by(apart) {
            self.row(row, &mut |_, _| count += 1);
        }
        (count * apart) as f64
    }

    /// The operator applied to a vector of elements.
    pub fn apply(&self, x: &[f64]) -> Vec<f64> {
        let value = |row| {
            let mut sum = 0.0;
            self.row(row, &mut |column, entry| sum += entry.re * x.get(column).copied().unwrap_or(0.0));
            sum
        };
        (0..self.rows).map(value).collect()
    }

    /// `self` after `first`; `None` when the product would hold more than `limit` entries.
    ///
    /// What only places and scales elements ([`Operator::is_placed`]) stays a view of the other operator, and two maps by windows become
    /// one where their edges allow it. The product of two other matrices is materialised as a sparse matrix: that is what
    /// `limit` bounds.
    pub fn after(&self, first: &Operator, limit: u64) -> Option<Operator> {
        if self.is_scalar() {
            return Some(first.scaled(self.scale));
        }
        if first.is_scalar() {
            return Some(self.scaled(first.scale));
        }
        match (self.is_placed(), first.is_placed()) {
            (true, true) => return Some(self.placed_after(first)),
            (true, false) => {
                return Some(Operator::view(View { inner: first.clone(), side: Side::After(self.clone()) }));
            }
            (false, true) => {
                return Some(Operator::view(View { inner: self.clone(), side: Side::Before(first.clone()) }));
            }
            (false, false) => {}
        }
        if let Some(composed) = self.windows_after(first) {
            return Some(composed);
        }
        let entries = product(self, first, limit)?;
        SparseMatrix::from_entries(self.rows, first.columns(), entries).ok().map(Operator::matrix)
    }

    /// `self` after `first` as one map by windows, where both are such maps and their edges agree.
    fn windows_after(&self, first: &Operator) -> Option<Operator> {
        let scale = self.scale * first.scale;
        match (&self.kind, &first.kind) {
            (Kind::Window(second), Kind::Window(first)) => {
                Some(Operator::window(compose::windows(second, first)?).scaled(scale))
            }
            (Kind::Window(second), Kind::Transposed(first)) => {
                Some(Operator::transposed(compose::after_transposed(second, first)?).scaled(scale))
            }
            // A concatenation: the second map sees some of its channels only.
            (Kind::Window(second), Kind::View(view)) => match &view.side {
                Side::After(placed) => {
                    let part = Operator::window(second.of_channels(placed.embedded()?)?);
                    Some(part.windows_after(&view.inner)?.scaled(scale))
                }
                Side::Before(_) => None,
            },
            _ => None,
        }
    }

    /// The rows that a placed operator without factors fills.
    fn embedded(&self) -> Option<Range<usize>> {
        match &self.kind {
            Kind::Placed { columns, from, factors: None } if self.scale == 1.0 => Some(*from..from + columns),
            _ => None,
        }
    }

    /// The product of two placed operators.
    fn placed_after(&self, first: &Operator) -> Operator {
        let entries = |column| {
            let (middle, inner) = first.placed_column(column)?;
            let (row, outer) = self.placed_column(middle)?;
            Some((row, inner * outer))
        };
        let columns = first.columns();
        // Where every entry is zero, the place does not matter.
        let from = (0..columns).find_map(|k| entries(k).map(|(row, _)| row.saturating_sub(k))).unwrap_or(0);
        let factors = (0..columns).map(|column| entries(column).map_or(0.0, |(_, entry)| entry)).collect();
        Operator { kind: Kind::Placed { columns, from, factors: Some(factors) }, rows: self.rows, scale: 1.0 }
    }
}

/// The entries of `second` after `first`, row by row; `None` when there are more than `limit`.
fn product(second: &Operator, first: &Operator, limit: u64) -> Option<Vec<(usize, usize, Complex64)>> {
    /// Rows that a thread takes at once.
    const ROWS: usize = 256;
    let columns = first.columns();
    // Its rows are read many times each: written out, they need not be generated again.
    let first: Vec<Vec<(usize, Complex64)>> =
        (0..first.rows).into_par_iter().map(|row| first.entries_of(row)).collect();
    let count = AtomicU64::new(0);
    let of_rows = |number: usize| {
        let mut sums = vec![Complex64::ZERO; columns];
        let mut touched = vec![false; columns];
        let mut order: Vec<usize> = Vec::new();
        let mut entries = Vec::new();
        for row in number * ROWS..second.rows.min((number + 1) * ROWS) {
            second.row(row, &mut |middle, outer| {
                for (column, inner) in first.get(middle).into_iter().flatten() {
                    let (Some(sum), Some(seen)) = (sums.get_mut(*column), touched.get_mut(*column)) else {
                        continue;
                    };
                    *sum += outer * inner;
                    if !*seen {
                        *seen = true;
                        order.push(*column);
                    }
                }
            });
            order.sort_unstable();
            let all = count.fetch_add(order.len() as u64, Ordering::Relaxed) + order.len() as u64;
            if all > limit {
                return None;
            }
            for column in order.drain(..) {
                if let (Some(sum), Some(seen)) = (sums.get_mut(column), touched.get_mut(column)) {
                    entries.push((row, column, std::mem::take(sum)));
                    *seen = false;
                }
            }
        }
        Some(entries)
    };
    let parts: Vec<_> =
        (0..second.rows.div_ceil(ROWS)).into_par_iter().map(of_rows).collect::<Option<_>>()?;
    Some(parts.concat())
}
