//! Parameters of the scheme, and the precision that follows from them.

use he_traits::wire::{Decode, Encode, Kind, Reader, Writer, fingerprint};
use he_traits::{Error, Requirements, Result};

use crate::NAME;

/// Largest dimension of the matrices: beyond it the general algorithms for eigenvalues lose too many digits.
const LARGEST_DIMENSION: usize = 16;

/// From what interval the random lanes of a ciphertext are drawn.
///
/// Whatever is computed on the message is computed on the random numbers as well. They must therefore look like data: inside the
/// domain of every function applied (a logarithm of a negative random number ruins the message next to it, because both share
/// the entries of one matrix), and of the size for which the network was made (a lane that grows drowns the message in its
/// rounding errors). Drawing them from elsewhere would also protect nothing: see [`crate::attack`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RandomLane {
    /// Between the smallest and the largest number of the vector that is encrypted.
    DataRange,
    /// Between two given numbers.
    Interval {
        /// The smallest.
        low: f64,
        /// The largest.
        high: f64,
    },
}

/// How nonlinear functions are evaluated: in one of the two ways of the MORE paper (Vizitiu et al. 2020), or in the form that leaves nothing of the scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionMethod {
    /// As a function of the matrix, f(C) = f(l1) I + f\[l1, l2\] (C - l1 I): no eigenvectors.
    MatrixFunction,
    /// By explicit eigendecomposition, C = V diag(l) V^-1.
    Eigendecomposition,
    /// Layers of many values of 2 x 2 matrices run as a I + b T, with T from the ciphertexts themselves: two numbers for four, and a function acts on a + b and a - b, which
    /// are the message and the random number ([`crate::training`] has the reason). Everything else as [`Self::MatrixFunction`].
    Compact,
}

/// Checked parameters.
///
/// ```
/// let parameters = backend_more::Parameters::new(1024)?.with_dimension(3)?;
/// assert_eq!((parameters.slots(), parameters.dimension()), (1024, 3));
/// # Ok::<(), he_traits::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    slots: usize,
    dimension: usize,
    condition_bound: f64,
    random_lane: RandomLane,
    method: FunctionMethod,
}

impl Parameters {
    /// 2 x 2 matrices, keys with a condition number of at most 4, random lanes from the range of the data, matrix functions.
    ///
    /// # Errors
    /// [`Error::Parameters`] without slots, or with more than 2^32 - 1.
    pub fn new(slots: usize) -> Result<Self> {
        if slots == 0 || u32::try_from(slots).is_err() {
            return Err(Error::parameters(format!("{slots} slots; take from 1 to {}", u32::MAX)));
        }
        Ok(Self {
            slots,
            dimension: 2,
            condition_bound: 4.0,
            random_lane: RandomLane::DataRange,
            method: FunctionMethod::MatrixFunction,
        })
    }

    /// Matrices of `dimension` rows, of which `dimension - 1` carry random numbers.
    ///
    /// # Errors
    /// [`Error::Parameters`] outside 2 to 16.
    pub fn with_dimension(self, dimension: usize) -> Result<Self> {
        if !(2..=LARGEST_DIMENSION).contains(&dimension) {
            let reason = format!("matrices of dimension {dimension}; take from 2 to {LARGEST_DIMENSION}");
            return Err(Error::parameters(reason));
        }
        Ok(Self { dimension, ..self })
    }

    /// Keys with a condition number of at most `bound`; each doubling costs two bits of precision.
    ///
    /// # Errors
    /// [`Error::Parameters`] outside 1 to 1e6.
    pub fn with_condition_bound(self, bound: f64) -> Result<Self> {
        if !(1.0..=1e6).contains(&bound) {
            return Err(Error::parameters(format!("condition number {bound}; take from 1 to 1e6")));
        }
        Ok(Self { condition_bound: bound, ..self })
    }

    /// Random lanes from elsewhere than the range of the data.
    ///
    /// # Errors
    /// [`Error::Parameters`] when an interval is empty or not finite.
    pub fn with_random_lane(self, random_lane: RandomLane) -> Result<Self> {
        if let RandomLane::Interval { low, high } = random_lane
            && !(low.is_finite() && high.is_finite() && low < high)
        {
            return Err(Error::parameters(format!(
                "random numbers from [{low}, {high}]; take low < high, both finite"
            )));
        }
        Ok(Self { random_lane, ..self })
    }

    /// The other way to evaluate nonlinear functions.
    #[must_use]
    pub fn with_method(self, method: FunctionMethod) -> Self {
        Self { method, ..self }
    }

    /// Numbers in a ciphertext.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Rows of the matrix that stands for one number.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Bound on the condition number of the key.
    pub fn condition_bound(&self) -> f64 {
        self.condition_bound
    }

    /// Where random lanes are drawn from.
    pub fn random_lane(&self) -> RandomLane {
        self.random_lane
    }

    /// How nonlinear functions are evaluated.
    pub fn method(&self) -> FunctionMethod {
        self.method
    }

    /// Bits of absolute precision to expect of values near 1 after a product.
    ///
    /// With k the condition number of the key S, the entries of S diag(m, r) S^-1 are up to k times as large as the numbers they
    /// hide, and S^-1 C S turns an error of size e in C into one of up to k e: of the 53 bits of a double, 2 log2(k) are lost.
    /// Three more cover the rounding of the operations, log2(n) the sums of n terms in them.
    pub fn precision_bits(&self) -> f64 {
        f64::from(f64::MANTISSA_DIGITS)
            - 2.0 * self.condition_bound.log2()
            - (self.dimension as f64).log2()
            - 3.0
    }

    /// The smallest parameters that meet `requirements`; depth and bound do not matter.
    ///
    /// # Errors
    /// [`Error::Parameters`] when double precision does not reach the precision wanted.
    pub(crate) fn meeting(requirements: &Requirements) -> Result<Self> {
        let default = Self::new(requirements.slots)?;
        let wanted = f64::from(requirements.precision_bits);
        let orthogonal = default.clone().with_condition_bound(1.0)?;
        [default, orthogonal].into_iter().find(|parameters| parameters.precision_bits() >= wanted).ok_or_else(
            || Error::parameters(format!("{wanted} bits of precision; matrices of doubles reach 49 at most")),
        )
    }

    /// Tells these parameters from others in the frames of keys and ciphertexts.
    pub(crate) fn fingerprint(&self) -> u64 {
        fingerprint(&self.body())
    }

    fn body(&self) -> Vec<u8> {
        let (lane, low, high) = match self.random_lane {
            RandomLane::DataRange => (0u32, 0.0, 0.0),
            RandomLane::Interval { low, high } => (1, low, high),
        };
        let method: u32 = match self.method {
            FunctionMethod::MatrixFunction => 0,
            FunctionMethod::Eigendecomposition => 1,
            FunctionMethod::Compact => 2,
        };
        let mut body = Vec::with_capacity(BODY_BYTES);
        body.extend((self.slots as u64).to_le_bytes());
        body.extend((self.dimension as u32).to_le_bytes());
        body.extend(method.to_le_bytes());
        body.extend(lane.to_le_bytes());
        for number in [self.condition_bound, low, high] {
            body.extend(number.to_le_bytes());
        }
        body
    }
}

const BODY_BYTES: usize = 44;

const KIND: Kind = Kind { backend: NAME, object: "params", fingerprint: 0 };

impl Encode for Parameters {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new(KIND, BODY_BYTES);
        writer.bytes(&self.body());
        Ok(writer.finish())
    }
}

impl Decode<()> for Parameters {
    fn from_bytes(bytes: &[u8], (): &()) -> Result<Self> {
        let mut reader = Reader::new(bytes, KIND)?;
        let slots = reader.u64()?;
        let dimension = reader.u32()?;
        let method = match reader.u32()? {
            0 => FunctionMethod::MatrixFunction,
            1 => FunctionMethod::Eigendecomposition,
            2 => FunctionMethod::Compact,
            other => return Err(Error::malformed("params", format!("it names function method {other}"))),
        };
        let lane = reader.u32()?;
        let condition_bound = reader.f64()?;
        let (low, high) = (reader.f64()?, reader.f64()?);
        reader.finish()?;
        let random_lane = match lane {
            // Bit by bit: equal parameters have equal bytes, and so one fingerprint.
            0 if low.to_bits() == 0 && high.to_bits() == 0 => RandomLane::DataRange,
            1 => RandomLane::Interval { low, high },
            other => {
                return Err(Error::malformed("params", format!("it names random lanes of kind {other}")));
            }
        };
        Self::new(usize::try_from(slots).unwrap_or(usize::MAX))?
            .with_dimension(dimension as usize)?
            .with_condition_bound(condition_bound)?
            .with_random_lane(random_lane)
            .map(|parameters| parameters.with_method(method))
    }
}
