//! Tensors of ciphertexts, and the way into the compact form.

use he_traits::wire::{Reader, Writer};
use he_traits::{Error, Result};

use crate::buffer::Buffer;
use crate::compact::Basis;

/// A flat run of encrypted numbers, or of public ones.
///
/// Public numbers have one plane, compact ciphertexts two, full ones four: the entries (0, 0), (1, 0), (0, 1) and (1, 1), column by column,
/// so that the two planes of a column lie one below the other.
#[derive(Clone, PartialEq)]
pub struct MoreTensor {
    planes: usize,
    len: usize,
    data: Buffer,
}

/// Planes of public numbers.
pub(super) const PUBLIC: usize = 1;
/// Planes of compact ciphertexts.
pub(super) const COMPACT: usize = 2;
/// Planes of full ciphertexts.
pub(super) const FULL: usize = 4;

impl std::fmt::Debug for MoreTensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let form = match self.planes {
            PUBLIC => "public",
            COMPACT => "compact",
            _ => "full",
        };
        write!(f, "MoreTensor({} values, {form})", self.len)
    }
}

impl MoreTensor {
    /// Values that are all to be written: they hold anything.
    pub(crate) fn stale(planes: usize, len: usize) -> Self {
        Self { planes, len, data: Buffer::stale(planes * len) }
    }

    /// Public numbers.
    pub(super) fn public(values: &[f64]) -> Self {
        let mut tensor = Self::stale(PUBLIC, values.len());
        tensor.data.copy_from_slice(values);
        tensor
    }

    /// Appends the tensor to a message.
    pub fn to_wire(&self, writer: &mut Writer) {
        writer.u32(self.planes as u32).u64(self.len as u64).f64s(&self.data);
    }

    /// The next tensor of a message.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the message ends before it, or names a form that does not exist.
    pub fn from_wire(reader: &mut Reader<'_>) -> Result<Self> {
        let planes = reader.u32()? as usize;
        if ![PUBLIC, COMPACT, FULL].contains(&planes) {
            return Err(Error::malformed(
                "tensor",
                format!("{planes} numbers a value; there are 1, 2 and 4"),
            ));
        }
        let len = usize::try_from(reader.u64()?).ok();
        let count = len.and_then(|len| len.checked_mul(planes)).unwrap_or(usize::MAX);
        let data = Buffer::from(reader.f64s(count)?);
        Ok(Self { planes, len: count / planes, data })
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Numbers that stand for one value: 1 where it is public, 2 in the compact form, 4 in the full one.
    pub fn plane_count(&self) -> usize {
        self.planes
    }

    /// All planes, one after the other.
    pub(crate) fn data(&self) -> &[f64] {
        &self.data
    }

    pub(crate) fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// The planes.
    pub(crate) fn planes(&self) -> impl Iterator<Item = &[f64]> {
        self.data.chunks_exact(self.len.max(1))
    }

    pub(crate) fn planes_mut(&mut self) -> impl Iterator<Item = &mut [f64]> {
        self.data.chunks_exact_mut(self.len.max(1))
    }

    /// The planes of a full tensor in the order of the kernels, (0, 0), (0, 1), (1, 0), (1, 1).
    pub(super) fn entries(&self) -> Option<[&[f64]; 4]> {
        let [a, c, b, d] = four(self.planes())?;
        Some([a, b, c, d])
    }

    pub(super) fn entries_mut(&mut self) -> Option<[&mut [f64]; 4]> {
        let [a, c, b, d] = four(self.planes_mut())?;
        Some([a, b, c, d])
    }

    /// The same values with `planes` planes: public numbers become multiples of the identity.
    ///
    /// # Errors
    /// [`Error::Shape`] when they are ciphertexts of the other form.
    pub(super) fn lifted(&self, planes: usize) -> Result<Self> {
        if self.planes == planes {
            return Ok(self.clone());
        }
        if self.planes != PUBLIC {
            return Err(Error::shape(
                "training",
                format!("ciphertexts of {planes} planes"),
                format!("{self:?}"),
            ));
        }
        let mut lifted = Self::stale(planes, self.len);
        for (index, plane) in lifted.planes_mut().enumerate() {
            // The identity is 1 on the diagonal, and (1, 0) in the compact form.
            if index == 0 || (planes == FULL && index == 3) {
                plane.copy_from_slice(&self.data);
            } else {
                plane.fill(0.0);
            }
        }
        Ok(lifted)
    }
}

fn four<T>(mut planes: impl Iterator<Item = T>) -> Option<[T; 4]> {
    let four = [planes.next()?, planes.next()?, planes.next()?, planes.next()?];
    planes.next().is_none().then_some(four)
}

/// The way from full ciphertexts to compact ones and back, for the ciphertexts of one key. It is no secret: any ciphertext gives it.
#[derive(Clone, Copy)]
pub struct Compaction(Basis);

impl Compaction {
    /// Takes T from the value whose eigenvalues lie farthest apart. `None` when in no value they differ, or when the tensor is not full.
    pub fn from_ciphertexts(tensor: &MoreTensor) -> Option<Self> {
        let [a, b, c, d] = tensor.entries()?;
        let matrices = a.iter().zip(b).zip(c.iter().zip(d)).map(|((a, b), (c, d))| [*a, *b, *c, *d]);
        Basis::of(matrices).map(Self)
    }

    /// Full ciphertexts in the compact form; what is public, or compact already, stays.
    pub fn compact(&self, tensor: &MoreTensor) -> MoreTensor {
        let Some([a, b, c, d]) = tensor.entries() else { return tensor.clone() };
        let mut compact = MoreTensor::stale(COMPACT, tensor.len());
        let (means, slopes) = compact.data.split_at_mut(tensor.len);
        for (((mean, slope), (a, b)), (c, d)) in
            means.iter_mut().zip(slopes).zip(a.iter().zip(b)).zip(c.iter().zip(d))
        {
            [*mean, *slope] = self.0.compact([*a, *b, *c, *d]);
        }
        compact
    }

    /// Takes from ciphertexts what rounding left of them outside of the algebra of all a I + b T; their form stays.
    ///
    /// Such errors do not commute with the matrices, and a long training lets them grow: [`MoreAlgebra::settling`](super::MoreAlgebra::settling).
    pub fn settle(&self, tensor: &mut MoreTensor) {
        let Some([a, b, c, d]) = tensor.entries_mut() else { return };
        for ((a, b), (c, d)) in a.iter_mut().zip(b).zip(c.iter_mut().zip(d)) {
            [*a, *b, *c, *d] = self.0.expand(self.0.compact([*a, *b, *c, *d]));
        }
    }

    /// Compact ciphertexts in the full form; what is public, or full already, stays.
    pub fn expand(&self, tensor: &MoreTensor) -> MoreTensor {
        if tensor.planes != COMPACT {
            return tensor.clone();
        }
        let (means, slopes) = tensor.data.split_at_checked(tensor.len).unwrap_or((&[], &[]));
        let mut full = MoreTensor::stale(FULL, tensor.len());
        if let Some([a, b, c, d]) = full.entries_mut() {
            for (((a, b), (c, d)), (mean, slope)) in
                a.iter_mut().zip(b).zip(c.iter_mut().zip(d)).zip(means.iter().zip(slopes))
            {
                [*a, *b, *c, *d] = self.0.expand([*mean, *slope]);
            }
        }
        full
    }
}
