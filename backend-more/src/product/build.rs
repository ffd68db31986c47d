//! The analysis of a matrix: two passes over its rows, which are generated twice rather than kept.

use std::collections::HashMap;

use he_traits::Result;

use super::{Chunk, ColumnSums, Group, Reduction, SparseProduct, Stencil};
use crate::kernel::tile::ROWS;

/// A matrix that gives its rows one at a time.
pub(crate) trait Rows {
    /// Rows and columns.
    fn shape(&self) -> (usize, usize);

    /// Clears `entries` and writes the columns and values of a row: columns rising, no column twice.
    ///
    /// # Errors
    /// When the row holds what cannot be multiplied.
    fn row(&self, row: usize, entries: &mut Vec<(u32, f64)>) -> Result<()>;
}

/// Rows of a chunk: 1024 rows of 32 lanes are 256 KiB.
const CHUNK_ROWS: usize = 1024;

impl SparseProduct {
    /// Analyses a matrix.
    ///
    /// # Errors
    /// Those of the matrix.
    pub(crate) fn new(matrix: &impl Rows) -> Result<Self> {
        let reduction = Reduction::of(matrix)?;
        Ok(Self { reduction, ..Self::by_rows(matrix)? })
    }

    fn by_rows(matrix: &impl Rows) -> Result<Self> {
        let survey = Survey::of(matrix)?;
        let (rows, columns) = matrix.shape();
        if let Some(sums) = survey.column_sets()
            && let Some(product) = Builder::build(matrix, &survey, Some(sums))?
        {
            return Ok(product);
        }
        // Without sums no two columns can be joined wrongly.
        Ok(Builder::build(matrix, &survey, None)?.unwrap_or_else(|| Self::zero(rows, columns)))
    }

    fn zero(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            sums: None,
            stencils: Vec::new(),
            groups: Vec::new(),
            chunks: Vec::new(),
            weights: Vec::new(),
            offsets: Vec::new(),
            reduction: None,
        }
    }
}

/// A 128-bit running hash; equal hashes are checked for real equality before anything is shared.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Signature(u128);

impl Signature {
    const START: Self = Self(0x6C62_272E_07BB_0142_62B8_2175_6295_C58D);

    fn with(self, word: u64) -> Self {
        let mixed = (self.0 ^ u128::from(word)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B);
        Self(mixed ^ (mixed >> 61).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

/// What the first pass learns.
struct Survey {
    /// The rows of every set of rows with the same columns, in the order of their first rows; rows without entries are left out.
    groups: Vec<Vec<u32>>,
    /// One signature a column; `START` where a column has no entry.
    columns: Vec<Signature>,
}

impl Survey {
    fn of(matrix: &impl Rows) -> Result<Self> {
        let (rows, columns) = matrix.shape();
        let mut signatures = vec![Signature::START; columns];
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut known: HashMap<Signature, usize> = HashMap::new();
        let mut entries = Vec::new();
        for row in 0..rows {
            matrix.row(row, &mut entries)?;
            let mut pattern = Signature::START;
            for (column, value) in &entries {
                pattern = pattern.with(u64::from(*column));
                if let Some(signature) = signatures.get_mut(*column as usize) {
                    *signature = signature.with(row as u64).with(value.to_bits());
                }
            }
            if entries.is_empty() {
                continue;
            }
            let group = *known.entry(pattern).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(group) {
                group.push(row as u32);
            }
        }
        Ok(Self { groups, columns: signatures })
    }

    /// The sets of equal columns, when adding them up first spares at least a quarter of the columns.
    fn column_sets(&self) -> Option<ColumnSums> {
        let mut known: HashMap<Signature, u32> = HashMap::new();
        let mut sums = ColumnSums {
            set_of_column: Vec::with_capacity(self.columns.len()),
            sizes: Vec::new(),
            members: Vec::new(),
        };
        let mut used = 0;
        for signature in &self.columns {
            if *signature == Signature::START {
                sums.set_of_column.push(u32::MAX);
                continue;
            }
            used += 1;
            let set = *known.entry(*signature).or_insert_with(|| {
                sums.sizes.push(0);
                sums.sizes.len() as u32 - 1
            });
            if let Some(size) = sums.sizes.get_mut(set as usize) {
                *size += 1;
            }
            sums.set_of_column.push(set);
        }
        let mut members: Vec<u32> = (0..)
            .zip(&sums.set_of_column)
            .filter(|(_, set)| **set != u32::MAX)
            .map(|(column, _)| column)
            .collect();
        members.sort_by_key(|column| sums.set_of_column.get(*column as usize));
        sums.members = members;
        (4 * sums.sizes.len() <= 3 * used).then_some(sums)
    }
}

/// The second pass.
struct Builder {
    product: SparseProduct,
    /// Stencils by signature.
    known: HashMap<Signature, Vec<u32>>,
    /// The rows that the current chunk has collected, in the order in which its groups produce them.
    pending: Vec<u32>,
    pending_groups: usize,
}

impl Builder {
    /// `None` when `sums` joins columns that are not equal after all.
    fn build(matrix: &impl Rows, survey: &Survey, sums: Option<ColumnSums>) -> Result<Option<SparseProduct>> {
        let (rows, columns) = matrix.shape();
        let mut product = SparseProduct::zero(rows, columns);
        product.sums = sums;
        let mut builder = Self { product, known: HashMap::new(), pending: Vec::new(), pending_groups: 0 };
        for group in &survey.groups {
            for part in group.chunks(CHUNK_ROWS) {
                if builder.add_group(matrix, part)?.is_none() {
                    return Ok(None);
                }
            }
        }
        builder.finish_chunk();
        builder.product.chunks.push(builder.rows_without_entries(rows));
        Ok(Some(builder.product))
    }

    /// Adds the rows of one group; rows that only share the signature of their columns are split off.
    fn add_group(&mut self, matrix: &impl Rows, rows: &[u32]) -> Result<Option<()>> {
        let mut columns: Vec<u32> = Vec::new();
        let mut kept: Vec<u32> = Vec::new();
        let mut strangers: Vec<u32> = Vec::new();
        let mut values: Vec<f64> = Vec::new();
        let mut entries = Vec::new();
        for row in rows {
            matrix.row(*row as usize, &mut entries)?;
            if self.join_columns(&mut entries).is_none() {
                return Ok(None);
            }
            if kept.is_empty() {
                columns.extend(entries.iter().map(|(column, _)| *column));
            } else if !entries.iter().map(|(column, _)| column).eq(columns.iter()) {
                strangers.push(*row);
                continue;
            }
            kept.push(*row);
            values.extend(entries.iter().map(|(_, value)| *value));
        }
        self.push_group(&columns, &kept, &values);
        for row in strangers {
            if self.add_group(matrix, &[row])?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Replaces columns by their sets, and checks that every column of a set is there with the same value.
    fn join_columns(&self, entries: &mut Vec<(u32, f64)>) -> Option<()> {
        let Some(sums) = &self.product.sums else { return Some(()) };
        for (column, _) in entries.iter_mut() {
            *column = *sums.set_of_column.get(*column as usize)?;
        }
        entries.sort_by_key(|(set, _)| *set);
        let mut joined: Vec<(u32, f64)> = Vec::with_capacity(entries.len());
        for same in entries.chunk_by(|a, b| a.0 == b.0) {
            let (set, value) = *same.first()?;
            let size = *sums.sizes.get(set as usize)?;
            if same.len() != size as usize || same.iter().any(|entry| entry.1.to_bits() != value.to_bits()) {
                return None;
            }
            joined.push((set, value));
        }
        *entries = joined;
        Some(())
    }

    fn push_group(&mut self, columns: &[u32], rows: &[u32], values: &[f64]) {
        let base = columns.first().copied().unwrap_or(0);
        let offsets: Vec<u32> = columns.iter().map(|column| column - base).collect();
        let weights = packed(values, rows.len(), columns.len());
        let stencil = self.stencil(&offsets, &weights, rows.len());
        self.product.groups.push(Group { stencil, base });
        self.pending.extend_from_slice(rows);
        self.pending_groups += 1;
        if self.pending.len() >= CHUNK_ROWS {
            self.finish_chunk();
        }
    }

    /// The stencil with these numbers: a known one where there is one.
    fn stencil(&mut self, offsets: &[u32], weights: &[f64], rows: usize) -> u32 {
        let mut signature = Signature::START.with(rows as u64);
        for offset in offsets {
            signature = signature.with(u64::from(*offset));
        }
        for weight in weights {
            signature = signature.with(weight.to_bits());
        }
        let product = &mut self.product;
        let known = self.known.entry(signature).or_default();
        for candidate in known.iter() {
            let Some(stencil) = product.stencils.get(*candidate as usize) else { continue };
            let same_offsets =
                product.offsets.get(stencil.first_offset..stencil.first_offset + offsets.len())
                    == Some(offsets);
            let same_weights =
                product.weights.get(stencil.first_weight..stencil.first_weight + weights.len()).is_some_and(
                    |known| known.iter().map(|w| w.to_bits()).eq(weights.iter().map(|w| w.to_bits())),
                );
            if stencil.rows as usize == rows
                && stencil.columns as usize == offsets.len()
                && same_offsets
                && same_weights
            {
                return *candidate;
            }
        }
        let index = product.stencils.len() as u32;
        product.stencils.push(Stencil {
            rows: rows as u32,
            columns: offsets.len() as u32,
            first_weight: product.weights.len(),
            first_offset: product.offsets.len(),
        });
        product.offsets.extend_from_slice(offsets);
        product.weights.extend_from_slice(weights);
        known.push(index);
        index
    }

    fn finish_chunk(&mut self) {
        if self.pending_groups == 0 {
            return;
        }
        let end = self.product.groups.len();
        let produced = std::mem::take(&mut self.pending);
        let mut places: Vec<(u32, u32)> =
            produced.iter().enumerate().map(|(position, row)| (*row, position as u32)).collect();
        places.sort_unstable();
        let (rows, positions) = places.into_iter().unzip();
        self.product.chunks.push(Chunk { groups: end - self.pending_groups..end, rows, positions, produced });
        self.pending_groups = 0;
    }

    /// A last chunk without groups: the rows that are zero. All of them read the same zero line.
    fn rows_without_entries(&self, rows: usize) -> Chunk {
        let mut filled = vec![false; rows];
        for row in self.product.chunks.iter().flat_map(|chunk| &chunk.rows) {
            if let Some(filled) = filled.get_mut(*row as usize) {
                *filled = true;
            }
        }
        let rows: Vec<u32> =
            filled.iter().enumerate().filter(|(_, filled)| !**filled).map(|(row, _)| row as u32).collect();
        let positions = vec![0; rows.len()];
        let end = self.product.groups.len();
        Chunk { groups: end..end, produced: rows.clone(), rows, positions }
    }
}

/// The order of the micro-kernel: blocks of [`ROWS`] rows, column by column inside a block.
fn packed(values: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let mut weights = Vec::with_capacity(rows * columns);
    if columns == 0 {
        return weights;
    }
    for block in values.chunks(ROWS * columns) {
        for column in 0..columns {
            weights.extend(block.iter().skip(column).step_by(columns));
        }
    }
    weights
}
