//! Sparse matrices whose entries are encrypted one by one: linear maps of schemes that take them as sparse products.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use num_complex::Complex64;

use crate::{Diagonal, Error, Geometry, Level, LinearMap, Result};

/// How far two entries that share a weight may lie apart, relative to the larger: sums taken in another order differ by rounding.
const SAME: f64 = 1e-9;

/// Where the entries of a matrix lie, and which weight each of them is; the weights themselves are elsewhere.
///
/// Entries of the same bits are one weight: a convolution's kernel is stored once. That holds for a *pattern*, a map made from numbers of
/// which no two are equal by chance, and not for a trained network's own map, whose coincidences would show.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryPattern {
    geometry: Geometry,
    rows: usize,
    columns: usize,
    starts: Vec<usize>,
    entries: Vec<PatternEntry>,
    weights: usize,
}

/// One entry of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternEntry {
    /// Its column.
    pub column: u32,
    /// The vector that holds its weight.
    pub vector: u32,
    /// The slot of that vector.
    pub slot: u32,
}

impl EntryPattern {
    /// The pattern of `map` over ciphertexts of `slots` slots.
    ///
    /// # Errors
    /// [`Error::Shape`] when the map does not fit the slots or 32-bit indices, [`Error::Unsupported`] for several copies side by side.
    pub fn new(map: &LinearMap, slots: usize) -> Result<Self> {
        let geometry = map.geometry(slots)?;
        let (rows, columns) = map.shape();
        if map.copies() != 1 {
            let what = format!("take an encrypted matrix with {} copies side by side", map.copies());
            return Err(Error::Unsupported { backend: "sparse products".to_owned(), what });
        }
        let (mut starts, mut entries) = (vec![0], Vec::new());
        let mut known: HashMap<(u64, u64), usize> = HashMap::new();
        let mut beyond = false;
        for row in 0..rows {
            let first = entries.len();
            map.generator().row(row, &mut |column, entry| {
                if entry == Complex64::ZERO {
                    return;
                }
                let next = known.len();
                let weight = *known.entry((entry.re.to_bits(), entry.im.to_bits())).or_insert(next);
                let place = |index: usize| u32::try_from(index).ok();
                match (
                    place(column).filter(|_| column < columns),
                    place(weight / slots),
                    place(weight % slots),
                ) {
                    (Some(column), Some(vector), Some(slot)) => {
                        entries.push(PatternEntry { column, vector, slot });
                    }
                    _ => beyond = true,
                }
            });
            // Generators visit in any order; two parties must find the same one.
            entries.get_mut(first..).unwrap_or_default().sort_unstable_by_key(|entry| entry.column);
            starts.push(entries.len());
        }
        if beyond {
            return Err(Error::shape(
                "encrypted matrix",
                "rows, columns and weights below 2^32",
                format!("{rows} x {columns}"),
            ));
        }
        Ok(Self { geometry, rows, columns, starts, entries, weights: known.len() })
    }

    /// How the matrix lies over the slots.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Entries that are not zero.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The entries of a row, by rising column.
    pub fn row(&self, row: usize) -> &[PatternEntry] {
        match (self.starts.get(row), self.starts.get(row + 1)) {
            (Some(start), Some(end)) => self.entries.get(*start..*end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Vectors that hold the weights.
    pub fn vectors(&self) -> usize {
        self.weights.div_ceil(self.geometry.slots)
    }

    /// The weights of `map`, laid out as this pattern says: [`EntryPattern::vectors`] of them.
    ///
    /// # Errors
    /// [`Error::Shape`] when `map` has another shape, an entry where the pattern has none, or different entries where it has one weight.
    pub fn weights(&self, map: &LinearMap) -> Result<Vec<Diagonal>> {
        let foreign = |got: String| Err(Error::shape("encrypted matrix", "a map of its pattern", got));
        if map.shape() != self.shape() || map.copies() != 1 {
            return foreign(format!("{:?} in place of {:?}", map.shape(), self.shape()));
        }
        let slots = self.geometry.slots;
        let mut weights: Vec<Option<f64>> = vec![None; self.weights];
        for row in 0..self.rows {
            let mut values: BTreeMap<u32, f64> = BTreeMap::new();
            let mut complex = false;
            map.generator().row(row, &mut |column, entry| {
                complex |= entry.im != 0.0;
                if entry.re != 0.0 {
                    values.insert(u32::try_from(column).unwrap_or(u32::MAX), entry.re);
                }
            });
            if complex {
                return foreign("complex entries".to_owned());
            }
            for entry in self.row(row) {
                let value = values.remove(&entry.column).unwrap_or(0.0);
                let Some(weight) = weights.get_mut(entry.vector as usize * slots + entry.slot as usize)
                else {
                    continue;
                };
                let known = *weight.get_or_insert(value);
                if (known - value).abs() > SAME * known.abs().max(value.abs()) {
                    return foreign(format!("{known} and {value} for the same weight"));
                }
            }
            if let Some((column, value)) = values.first_key_value() {
                return foreign(format!(
                    "{value} in row {row}, column {column}, where the pattern has nothing"
                ));
            }
        }
        let weights: Vec<f64> = weights.into_iter().map(Option::unwrap_or_default).collect();
        Ok(weights.chunks(slots).map(|part| padded(part, slots)).collect())
    }

    pub(crate) fn with<C>(self, level: Level, weights: Vec<C>) -> EncryptedMatrix<C> {
        EncryptedMatrix { pattern: self, level, weights }
    }
}

/// `part` with zeros up to the next divisor of `slots`: a vector's period divides them.
fn padded(part: &[f64], slots: usize) -> Diagonal {
    let period = (part.len()..=slots).find(|period| slots.is_multiple_of(*period)).unwrap_or(slots);
    let mut values = part.to_vec();
    values.resize(period, 0.0);
    Diagonal::Real(values)
}

/// A sparse matrix whose entries are slots of ciphertexts.
#[derive(Clone)]
pub struct EncryptedMatrix<C> {
    pattern: EntryPattern,
    level: Level,
    weights: Vec<C>,
}

impl<C> EncryptedMatrix<C> {
    /// Where the entries lie.
    pub fn pattern(&self) -> &EntryPattern {
        &self.pattern
    }

    /// Level of weights and input.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The ciphertexts of the weights.
    pub fn weights(&self) -> &[C] {
        &self.weights
    }

    /// The same matrix with other ciphertexts, as when a pair comes apart.
    pub fn map<D>(&self, ciphertext: impl Fn(&C) -> D) -> EncryptedMatrix<D> {
        self.pattern.clone().with(self.level, self.weights.iter().map(ciphertext).collect())
    }
}

impl<C> fmt::Debug for EncryptedMatrix<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EntryPattern { rows, columns, entries, .. } = &self.pattern;
        write!(
            f,
            "EncryptedMatrix({rows} x {columns}, {} entries, {} ciphertexts)",
            entries.len(),
            self.weights.len()
        )
    }
}
