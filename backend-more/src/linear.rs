//! Linear maps: each plane of each ciphertext is one real vector, and a sparse matrix multiplies them all.

use std::borrow::Cow;
use std::sync::Arc;

use he_traits::{Error, Generator, Geometry, LinearMap, Result};
use rayon::prelude::*;

use crate::Ciphertext;
use crate::batch::{Batch, PLANES, WIDTH};
use crate::buffer::Buffer;
use crate::function::{OfNumbers, Planar};
use crate::product::{Finish, Form, Reduction, Rows, SparseProduct};

/// A linear map, analysed for a sparse product.
pub struct PreparedMap {
    geometry: Geometry,
    product: SparseProduct,
}

impl PreparedMap {
    /// Analyses `map` for ciphertexts of `slots` slots.
    ///
    /// # Errors
    /// [`Error::Shape`] when the map does not fit the slots, [`Error::Unsupported`] when it has complex entries, [`Error::Value`]
    /// when an entry is not finite.
    pub(crate) fn new(map: &LinearMap, slots: usize) -> Result<Self> {
        let geometry = map.geometry(slots)?;
        let (rows, columns) = map.shape();
        if u32::try_from(rows.max(columns)).is_err() {
            return Err(Error::shape(
                "linear map",
                format!("at most {} rows and columns", u32::MAX),
                rows.max(columns),
            ));
        }
        Ok(Self { geometry, product: SparseProduct::new(&GeneratedRows(map.generator()))? })
    }

    /// Bytes that the map keeps in memory.
    pub fn bytes(&self) -> usize {
        self.product.bytes()
    }

    /// Multiplications of real numbers for one plane of one value.
    pub fn multiplications(&self) -> usize {
        self.product.multiplications() * self.geometry.copies
    }

    /// Applies the map to the values whose blocks stand in `x` back to back.
    ///
    /// # Errors
    /// [`Error::Shape`] when `x` is not a whole number of values.
    pub(crate) fn apply(&self, x: &[&Ciphertext]) -> Result<Vec<Ciphertext>> {
        let g = &self.geometry;
        if !x.len().is_multiple_of(g.in_blocks) {
            return Err(Error::shape("linear", format!("a multiple of {} blocks", g.in_blocks), x.len()));
        }
        if g.copies == 1 && g.in_blocks == 1 && g.out_blocks == 1 {
            self.apply_whole(x)
        } else {
            self.apply_parts(x)
        }
    }

    /// Whether [`PreparedMap::layer`] takes `values` ciphertexts of this dimension: 2 x 2 matrices, one block a value, and enough
    /// values to fill most of a batch.
    pub(crate) fn suits_batches(&self, dimension: usize, values: usize) -> bool {
        let g = &self.geometry;
        dimension * dimension == PLANES
            && (g.copies, g.in_blocks, g.out_blocks) == (1, 1, 1)
            && 2 * values > WIDTH
    }

    /// The map as a reduction of results of `first`; `None` where it is none, or cannot follow in batches.
    pub(crate) fn reduction_of(&self, first: &PreparedMap) -> Option<&Reduction> {
        let g = &self.geometry;
        let whole = (g.copies, g.in_blocks, g.out_blocks) == (1, 1, 1);
        self.product.reduction().filter(|then| whole && then.targets().len() == first.rows())
    }

    /// The map and what follows it on many values, in batches of eight; one batch is one thread's.
    ///
    /// `finish` has one bias a row where it has any.
    pub(crate) fn layer(&self, x: &[&Ciphertext], finish: Finish<'_, Planar>) -> Vec<Ciphertext> {
        by_batches(x, |x| match self.common(x).filter(|batch| batch.basis().is_none()) {
            Some(batch) => self.run(batch, finish),
            None => self.run(&self.gathered(x, Batch::gather), finish),
        })
    }

    /// As [`PreparedMap::layer`] in the compact form, which the results keep; `full` is the same for values that do not have that form.
    pub(crate) fn compact_layer(
        &self,
        x: &[&Ciphertext],
        finish: Finish<'_, OfNumbers>,
        full: Finish<'_, Planar>,
    ) -> Vec<Ciphertext> {
        by_batches(x, |x| match self.common(x).filter(|batch| batch.basis().is_some()) {
            Some(batch) => self.run(batch, finish),
            None => {
                let batch = self.gathered(x, Batch::gather_compact);
                if batch.basis().is_some() { self.run(&batch, finish) } else { self.run(&batch, full) }
            }
        })
    }

    /// The batch that the values already are.
    fn common<'a>(&self, x: &[&'a Ciphertext]) -> Option<&'a Batch> {
        let batch = Ciphertext::common_batch(x).filter(|batch| batch.period() >= self.product.columns());
        batch.map(|batch| &**batch)
    }

    fn gathered(&self, x: &[&Ciphertext], gather: fn(&[&Ciphertext], usize) -> Batch) -> Batch {
        let columns = self.product.columns();
        let long: Vec<Cow<'_, Ciphertext>> = x.iter().map(|x| long_enough(x, columns)).collect();
        gather(&long.iter().map(|x| &**x).collect::<Vec<_>>(), columns)
    }

    fn run<F: Form>(&self, input: &Batch, finish: Finish<'_, F>) -> Batch {
        let rows = finish.then.map_or(self.product.rows(), Reduction::rows);
        let mut lines = Buffer::stale(rows * F::LINES);
        self.product.layer(input.lines(), finish, &mut lines);
        Batch::new(lines, input.basis())
    }

    /// Length of the results of [`PreparedMap::layer`].
    pub(crate) fn rows(&self) -> usize {
        self.product.rows()
    }

    /// One ciphertext in, one out: planes are read and written where they are.
    fn apply_whole(&self, x: &[&Ciphertext]) -> Result<Vec<Ciphertext>> {
        let columns = self.product.columns();
        let long_enough: Vec<Cow<'_, Ciphertext>> = x.iter().map(|x| long_enough(x, columns)).collect();
        let inputs: Vec<&[f64]> = long_enough.iter().flat_map(|x| x.planes()).collect();
        let mut results: Vec<Ciphertext> = x.iter().map(|x| x.stale(self.product.rows())).collect();
        let mut outputs: Vec<&mut [f64]> = results.iter_mut().flat_map(Ciphertext::planes_mut).collect();
        self.product.apply(&inputs, &mut outputs);
        Ok(results)
    }

    /// Several blocks or copies: their pieces are laid end to end, one vector a plane and copy.
    fn apply_parts(&self, x: &[&Ciphertext]) -> Result<Vec<Ciphertext>> {
        let g = &self.geometry;
        let width = g.slots / g.copies;
        let mut inputs: Vec<Vec<f64>> = Vec::new();
        for value in x.chunks_exact(g.in_blocks) {
            let full: Vec<Ciphertext> = value.iter().map(|block| block.repeated(g.slots)).collect();
            let planes: Vec<Vec<&[f64]>> = full.iter().map(|block| block.planes().collect()).collect();
            for plane in 0..planes.first().map_or(0, Vec::len) {
                for copy in 0..g.copies {
                    let part = copy * width..copy * width + g.in_period;
                    let blocks = planes.iter().filter_map(|block| block.get(plane)?.get(part.clone()));
                    inputs.push(blocks.flatten().copied().collect());
                }
            }
        }
        let mut outputs = vec![vec![0.0; self.product.rows()]; inputs.len()];
        let views: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
        self.product.apply(&views, &mut outputs.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>());
        let mut results = Vec::with_capacity(x.len() / g.in_blocks * g.out_blocks);
        let mut outputs = outputs.iter();
        for value in x.chunks_exact(g.in_blocks) {
            let Some(first) = value.first() else { continue };
            let period = if g.copies == 1 { g.out_period } else { g.slots };
            let mut blocks: Vec<Ciphertext> = (0..g.out_blocks).map(|_| first.zeros(period)).collect();
            for plane in 0..first.planes().count() {
                for (copy, output) in outputs.by_ref().take(g.copies).enumerate() {
                    for (block, part) in blocks.iter_mut().zip(output.chunks(g.out_period)) {
                        let target =
                            block.planes_mut().nth(plane).and_then(|plane| plane.get_mut(copy * width..));
                        target.into_iter().flatten().zip(part).for_each(|(slot, value)| *slot = *value);
                    }
                }
            }
            results.extend(blocks);
        }
        Ok(results)
    }
}

/// Eight values at a time, on all threads.
fn by_batches(x: &[&Ciphertext], one: impl Fn(&[&Ciphertext]) -> Batch + Sync) -> Vec<Ciphertext> {
    let one = |x: &[&Ciphertext]| {
        let batch = Arc::new(one(x));
        x.iter().enumerate().map(|(lane, x)| x.lane(Arc::clone(&batch), lane)).collect::<Vec<_>>()
    };
    let batches: Vec<Vec<Ciphertext>> = x.par_chunks(WIDTH).map(one).collect();
    batches.into_iter().flatten().collect()
}

/// `x` with at least `columns` slots written out.
pub(crate) fn long_enough<'a>(x: &'a Ciphertext, columns: usize) -> Cow<'a, Ciphertext> {
    if x.period() >= columns { Cow::Borrowed(x) } else { Cow::Owned(x.repeated(columns)) }
}

/// A generated matrix with real entries.
struct GeneratedRows<'a>(&'a dyn Generator);

impl Rows for GeneratedRows<'_> {
    fn shape(&self) -> (usize, usize) {
        self.0.shape()
    }

    fn row(&self, row: usize, entries: &mut Vec<(u32, f64)>) -> Result<()> {
        entries.clear();
        let mut refused = None;
        self.0.row(row, &mut |column, entry| {
            if entry.im != 0.0 || !entry.re.is_finite() {
                refused = Some(entry);
            }
            if entry.re != 0.0 {
                entries.push((column as u32, entry.re));
            }
        });
        if !entries.is_sorted_by_key(|(column, _)| *column) {
            entries.sort_unstable_by_key(|(column, _)| *column);
        }
        match refused {
            None => Ok(()),
            Some(entry) if entry.im != 0.0 => Err(Error::Unsupported {
                backend: crate::NAME.to_owned(),
                what: format!("multiply by the complex entry {entry}: its slots are real"),
            }),
            Some(entry) => Err(Error::Value {
                op: "linear map",
                position: row,
                value: entry.re,
                reason: "it is not finite",
            }),
        }
    }
}
