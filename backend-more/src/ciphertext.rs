//! Ciphertexts: matrices in planes.

use std::fmt;
use std::sync::Arc;

use he_traits::wire::{Decode, Encode, Kind, Reader, Writer};
use he_traits::{Error, Result};

use crate::batch::Batch;
use crate::buffer::Buffer;
use crate::{NAME, Parameters};

/// Encrypted numbers, each of them an n x n matrix S diag(m, r, ..) S^-1.
///
/// The matrices lie in n^2 *planes* (a structure of arrays): plane `n i + j` holds entry (i, j) of every matrix. A vector that
/// repeats is stored once: a ciphertext of period p holds p matrices and stands for all slots. Planes that an operation leaves as
/// they are, like those off the diagonal when a plaintext is added, are shared and not copied.
#[derive(Clone)]
pub struct Ciphertext {
    /// Tells the parameters that it belongs to.
    fingerprint: u64,
    dimension: usize,
    period: usize,
    /// None where the ciphertext is one of eight that lie side by side.
    planes: Vec<Arc<Buffer>>,
    /// Those eight, and which of them it is.
    lane: Option<(Arc<Batch>, usize)>,
}

impl PartialEq for Ciphertext {
    fn eq(&self, other: &Self) -> bool {
        (self.fingerprint, self.dimension, self.period) == (other.fingerprint, other.dimension, other.period)
            && self.buffers() == other.buffers()
    }
}

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ciphertext({n} x {n}, period {p})", n = self.dimension, p = self.period)
    }
}

impl Ciphertext {
    /// A ciphertext whose entries are all zero, to be filled.
    #[cfg(feature = "client")]
    pub(crate) fn new(parameters: &Parameters, period: usize) -> Self {
        let dimension = parameters.dimension();
        let fingerprint = parameters.fingerprint();
        Self { fingerprint, dimension, period, planes: Vec::new(), lane: None }.zeros(period)
    }

    /// A ciphertext under the same key whose entries are all to be overwritten: they hold anything.
    pub(crate) fn stale(&self, period: usize) -> Self {
        let count = self.dimension * self.dimension;
        let planes = (0..count).map(|_| Arc::new(Buffer::stale(period))).collect();
        Self { planes, period, lane: None, ..*self }
    }

    /// The ciphertext in one lane of a batch, under the same key.
    pub(crate) fn lane(&self, batch: Arc<Batch>, lane: usize) -> Self {
        Self { period: batch.period(), planes: Vec::new(), lane: Some((batch, lane)), ..*self }
    }

    /// The batch that these ciphertexts are the first lanes of, in their order.
    pub(crate) fn common_batch<'a>(ciphertexts: &[&'a Self]) -> Option<&'a Arc<Batch>> {
        let mut common: Option<&Arc<Batch>> = None;
        for (position, ciphertext) in ciphertexts.iter().enumerate() {
            match &ciphertext.lane {
                Some((batch, lane))
                    if *lane == position && common.is_none_or(|common| Arc::ptr_eq(common, batch)) =>
                {
                    common = Some(batch);
                }
                _ => return None,
            }
        }
        common
    }

    fn buffers(&self) -> &[Arc<Buffer>] {
        match &self.lane {
            None => &self.planes,
            Some((batch, lane)) => batch.planes(*lane),
        }
    }

    /// The buffers, in a form that lets each be replaced.
    fn buffers_mut(&mut self) -> &mut Vec<Arc<Buffer>> {
        if let Some((batch, lane)) = self.lane.take() {
            self.planes = batch.planes(lane).to_vec();
        }
        &mut self.planes
    }

    /// Zeros in every entry, under the same key.
    pub(crate) fn zeros(&self, period: usize) -> Self {
        let mut zeros = self.stale(period);
        zeros.planes_mut().for_each(|plane| plane.fill(0.0));
        zeros
    }

    /// The entries of this ciphertext, one by one through `function`.
    pub(crate) fn map(&self, function: impl Fn(f64) -> f64) -> Self {
        let mut result = self.stale(self.period);
        for (target, plane) in result.planes_mut().zip(self.planes()) {
            target.iter_mut().zip(plane).for_each(|(target, entry)| *target = function(*entry));
        }
        result
    }

    /// The entries of two ciphertexts of one period, pair by pair through `function`.
    pub(crate) fn zip_map(&self, other: &Self, function: impl Fn(f64, f64) -> f64) -> Self {
        let mut result = self.stale(self.period);
        for (target, (a, b)) in result.planes_mut().zip(self.planes().zip(other.planes())) {
            let pairs = a.iter().zip(b);
            target.iter_mut().zip(pairs).for_each(|(target, (a, b))| *target = function(*a, *b));
        }
        result
    }

    /// The same ciphertext with other planes on the diagonal: `function` writes each of them, given the present one.
    pub(crate) fn with_diagonal(&self, function: impl Fn(&[f64], &mut [f64])) -> Self {
        let mut result = self.clone();
        for plane in result.buffers_mut().iter_mut().step_by(self.dimension + 1) {
            let mut changed = Buffer::stale(self.period);
            function(plane, &mut changed);
            *plane = Arc::new(changed);
        }
        result
    }

    /// Rows of the matrix that stands for one number.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of matrices before the vector repeats.
    pub fn period(&self) -> usize {
        self.period
    }

    /// The planes: plane `dimension · i + j` holds entry (i, j) of every matrix of the period.
    pub fn planes(&self) -> impl Iterator<Item = &[f64]> {
        self.buffers().iter().map(|plane| &***plane)
    }

    /// The planes, to be written; shared ones are copied first.
    pub(crate) fn planes_mut(&mut self) -> impl Iterator<Item = &mut [f64]> {
        self.buffers_mut().iter_mut().map(|plane| &mut **Arc::make_mut(plane))
    }

    /// The four planes of 2 x 2 matrices, `None` for other dimensions.
    pub(crate) fn four_planes(&self) -> Option<[&[f64]; 4]> {
        let mut planes = self.planes();
        let four = [planes.next()?, planes.next()?, planes.next()?, planes.next()?];
        planes.next().is_none().then_some(four)
    }

    /// The four planes of 2 x 2 matrices, to be written.
    pub(crate) fn four_planes_mut(&mut self) -> Option<[&mut [f64]; 4]> {
        let mut planes = self.planes_mut();
        let four = [planes.next()?, planes.next()?, planes.next()?, planes.next()?];
        planes.next().is_none().then_some(four)
    }

    /// The matrix in one slot, row by row.
    pub fn matrix(&self, slot: usize) -> Vec<f64> {
        let slot = slot % self.period.max(1);
        self.planes().filter_map(|plane| plane.get(slot)).copied().collect()
    }

    /// The first `length` slots as a vector of that period: whoever calls this knows that it means the same.
    pub(crate) fn repeated(&self, length: usize) -> Self {
        let mut result = self.stale(length);
        for (target, plane) in result.planes_mut().zip(self.planes()) {
            repeat_into(plane, target);
        }
        result
    }

    /// Checks that the ciphertext belongs to parameters with this fingerprint.
    pub(crate) fn check(&self, op: &'static str, fingerprint: u64) -> Result<()> {
        if self.fingerprint == fingerprint {
            return Ok(());
        }
        Err(Error::shape(op, "a ciphertext of these parameters", format!("{self:?} of other ones")))
    }
}

impl Encode for Ciphertext {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new(kind(self.fingerprint), 8 + 8 * self.period * self.buffers().len());
        writer.u64(self.period as u64);
        for plane in self.planes() {
            writer.f64s(plane);
        }
        Ok(writer.finish())
    }
}

impl Decode<Parameters> for Ciphertext {
    fn from_bytes(bytes: &[u8], parameters: &Parameters) -> Result<Self> {
        let fingerprint = parameters.fingerprint();
        let mut reader = Reader::new(bytes, kind(fingerprint))?;
        let period = usize::try_from(reader.u64()?).unwrap_or(0);
        if period == 0 || !parameters.slots().is_multiple_of(period) {
            let reason = format!("a period of {period}, which does not divide {} slots", parameters.slots());
            return Err(Error::malformed("ctxt", reason));
        }
        let dimension = parameters.dimension();
        let count = dimension * dimension;
        let planes: Result<Vec<_>> =
            (0..count).map(|_| Ok(Arc::new(Buffer::from(reader.f64s(period)?)))).collect();
        let planes = planes?;
        reader.finish()?;
        Ok(Self { fingerprint, dimension, period, planes, lane: None })
    }
}

fn kind(fingerprint: u64) -> Kind {
    Kind { backend: NAME, object: "ctxt", fingerprint }
}

/// Fills `target` with `values`, over and over.
pub(crate) fn repeat_into(values: &[f64], target: &mut [f64]) {
    for part in target.chunks_mut(values.len().max(1)) {
        part.iter_mut().zip(values).for_each(|(slot, value)| *slot = *value);
    }
}
