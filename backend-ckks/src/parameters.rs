//! Checked parameters: a ring, its modulus chain, and the one scale of each level.

mod preset;
mod select;
mod wire;

use std::sync::{Arc, OnceLock};

use crate::encoding::Encoder;
use crate::error::Error;
use crate::noise::NoiseModel;
use crate::ring::{Basis, Ring};
use crate::security::{self, SecretKind};

pub use preset::Preset;

/// What defines a set of parameters; [`Parameters::new`] checks it.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// Ring degree N, a power of two; ciphertexts have N / 2 slots.
    pub degree: usize,
    /// The chain primes `q_0, q_1, ...`, each `1 mod 2N`: as many levels as there are primes, less one. `q_0` bounds the values
    /// at level 0, the others are near the scale.
    pub chain: Vec<u64>,
    /// The special primes of key switching. As many chain primes make a digit; their product should exceed a digit's.
    pub special: Vec<u64>,
    /// Scale of the top level. Those below follow: `S(l - 1) = S(l)^2 / q_l`.
    pub scale: f64,
    /// How the secret is drawn.
    pub secret: SecretKind,
}

/// Parameters of native CKKS; cheap to clone.
///
/// ```
/// use backend_ckks::Parameters;
///
/// let params = Parameters::smallest(5, 40, 8192)?;
/// assert_eq!((params.degree(), params.depth()), (16384, 5));
/// assert!(params.margin_bits().is_some_and(|margin| margin >= 0.0));
/// let refused = Parameters::secure(16384, 10, 40).unwrap_err();
/// assert!(refused.to_string().contains("438"));
/// # Ok::<(), backend_ckks::Error>(())
/// ```
#[derive(Clone)]
pub struct Parameters {
    shared: Arc<Shared>,
}

struct Shared {
    literal: Literal,
    secure: bool,
    scales: Vec<f64>,
    fingerprint: u64,
    /// Tables, made when first needed.
    ring: OnceLock<Arc<Ring>>,
    encoder: OnceLock<Encoder>,
}

impl PartialEq for Parameters {
    fn eq(&self, other: &Self) -> bool {
        self.shared.literal == other.shared.literal && self.shared.secure == other.shared.secure
    }
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Parameters").field(&self.shared.literal).finish()
    }
}

impl Parameters {
    /// Explicit parameters within the 128-bit tables.
    ///
    /// # Errors
    /// [`Error::Insecure`] or [`Error::NoTable`] outside the tables; those of [`Ring::new`]; [`Error::Parameter`] for a chain
    /// without primes or a scale that leaves its primes.
    pub fn new(literal: Literal) -> Result<Self, Error> {
        let secret = literal.secret;
        let Some(limit) = security::limit(literal.degree, secret) else {
            return Err(Error::NoTable { degree: literal.degree, secret });
        };
        let bits = log2_product(&literal);
        if bits > f64::from(limit.log2_modulus) {
            return Err(Error::Insecure { degree: literal.degree, secret, bits, limit: limit.log2_modulus });
        }
        Self::build(literal, true)
    }

    /// Explicit parameters that no table vouches for, for tests. They protect nothing.
    ///
    /// # Errors
    /// As [`Parameters::new`], without those of the tables.
    pub fn insecure(literal: Literal) -> Result<Self, Error> {
        Self::build(literal, false)
    }

    fn build(literal: Literal, secure: bool) -> Result<Self, Error> {
        if literal.chain.is_empty() {
            return Err(Error::Parameter { what: "chain primes", got: 0.0, expected: "one at least" });
        }
        if let SecretKind::Sparse { weight } = literal.secret
            && weight as usize > literal.degree
        {
            return Err(Error::Parameter {
                what: "weight of the secret",
                got: f64::from(weight),
                expected: "at most the ring degree",
            });
        }
        let mut scales = vec![literal.scale];
        for prime in literal.chain.iter().skip(1).rev() {
            let scale = scales.last().copied().unwrap_or_default();
            scales.push(scale * scale / *prime as f64);
        }
        scales.reverse();
        let sound = |scale: &f64| (2_f64.powi(10)..2_f64.powi(60)).contains(scale);
        if let Some(scale) = scales.iter().find(|scale| !sound(scale)) {
            return Err(Error::Parameter {
                what: "scale of a level",
                got: *scale,
                expected: "between 2^10 and 2^60: choose chain primes near it",
            });
        }
        let fingerprint = wire::fingerprint(&literal, secure);
        let shared =
            Shared { literal, secure, scales, fingerprint, ring: OnceLock::new(), encoder: OnceLock::new() };
        let params = Self { shared: Arc::new(shared) };
        // Primes are checked where their tables are made, so that no unchecked set exists.
        let ring = Ring::new(params.degree(), &params.literal().chain, &params.literal().special)?;
        let _ = params.shared.ring.set(Arc::new(ring));
        Ok(params)
    }

    /// What defines the set.
    pub fn literal(&self) -> &Literal {
        &self.shared.literal
    }

    /// The ring with its tables.
    ///
    /// # Errors
    /// None once the parameters exist; the tables are there.
    pub fn ring(&self) -> Result<&Arc<Ring>, Error> {
        self.shared.ring.get().ok_or(Error::Parameter {
            what: "tables of the ring",
            got: 0.0,
            expected: "made with the parameters",
        })
    }

    /// What turns slots into polynomials.
    pub fn encoder(&self) -> &Encoder {
        self.shared.encoder.get_or_init(|| Encoder::new(self.degree()))
    }

    /// Ring degree N.
    pub fn degree(&self) -> usize {
        self.shared.literal.degree
    }

    /// Complex slots of a ciphertext: N / 2.
    pub fn slots(&self) -> usize {
        self.degree() / 2
    }

    /// Level of a fresh ciphertext.
    pub fn depth(&self) -> usize {
        self.shared.literal.chain.len() - 1
    }

    /// The one scale of ciphertexts and plaintexts at `level`, `None` above the top.
    pub fn scale(&self, level: usize) -> Option<f64> {
        self.shared.scales.get(level).copied()
    }

    /// Limbs of a ciphertext at `level`.
    pub fn basis(&self, level: usize) -> Basis {
        Basis::chain(level + 1)
    }

    /// Whether the set is within the 128-bit tables.
    pub fn is_secure(&self) -> bool {
        self.shared.secure
    }

    /// log2 of the whole modulus, special primes included.
    pub fn log2_modulus(&self) -> f64 {
        log2_product(&self.shared.literal)
    }

    /// How far log2(QP) stays below the table's limit; negative for insecure sets, `None` where no table says anything.
    pub fn margin_bits(&self) -> Option<f64> {
        let limit = security::limit(self.degree(), self.literal().secret)?;
        Some(f64::from(limit.log2_modulus) - self.log2_modulus())
    }

    /// Tells sets apart on the wire.
    pub fn fingerprint(&self) -> u64 {
        self.shared.fingerprint
    }

    /// Bits of absolute precision to expect in the worst slot, for values near 1 after a product at any level: what
    /// [`NoiseModel`] says of operands that are themselves results of products.
    pub fn precision_bits(&self) -> f64 {
        let model = NoiseModel::new(self);
        model.precision_bits(model.product())
    }
}

fn log2_product(literal: &Literal) -> f64 {
    literal.chain.iter().chain(&literal.special).map(|prime| (*prime as f64).log2()).sum()
}
