//! Checked parameters: a ring, a chain of primes and the one scale of each level.

use std::{
    ops::RangeInclusive,
    sync::{Arc, OnceLock},
};

use crate::{
    context::Context,
    error::SealError,
    primes::{self, largest_below, nearest, product_bits},
};

/// Most bits of the whole modulus (special modulus counted) for 128-bit security against classical attackers, with a uniform
/// ternary secret: Homomorphic Encryption Standard (Albrecht et al. 2018), table 1. SEAL enforces the same numbers.
const LARGEST_MODULUS_BITS: [(usize, u32); 6] =
    [(1024, 27), (2048, 54), (4096, 109), (8192, 218), (16384, 438), (32768, 881)];

/// Ring degrees that SEAL supports at 128-bit security and that leave room for at least one product.
const SECURE_RING_DEGREES: [usize; 4] = [4096, 8192, 16384, 32768];

/// The prime of level 0 is this much larger than the scale unless asked otherwise: values up to 2^8 survive at level 0.
const DEFAULT_HEADROOM_BITS: u32 = 10;

/// Bits of the scale that leave a prime of level 0 within 60 bits and a result worth having.
const SCALE_BITS: RangeInclusive<u32> = 20..=50;

/// Memory for rotation keys unless [`Params::with_key_memory`] says otherwise.
const DEFAULT_KEY_MEMORY: u64 = 8 << 30;

/// Parameters of SEAL's CKKS, checked when made.
///
/// A ciphertext at level l lives modulo q(0) q(1) .. q(l) and has the scale S(l) of its level, always. Multiplying two of them and
/// dividing by q(l) gives S(l-1) = S(l)^2 / q(l); the primes are chosen from the top down, each as near to S(l)^2 / 2^scale_bits
/// as the free primes allow, so that the scale stays near 2^scale_bits instead of drifting.
///
/// ```
/// use backend_seal::Params;
///
/// let params = Params::smallest(5, 40, 8192)?;
/// assert_eq!((params.ring_degree(), params.depth()), (16384, 5));
/// assert!(params.margin_bits() > 0.0);
/// // Ten levels do not fit this ring at 128-bit security, and the refusal names the numbers.
/// let refused = Params::new(16384, 10, 40).unwrap_err();
/// assert!(refused.to_string().contains("438"));
/// # Ok::<(), backend_seal::SealError>(())
/// ```
#[derive(Clone)]
pub struct Params {
    chain: Arc<Chain>,
    key_memory: u64,
    /// SEAL's tables, made when first needed and shared by all clones.
    context: Arc<OnceLock<Context>>,
}

/// What the parameters are; everything else follows from it.
#[derive(Debug, PartialEq)]
struct Chain {
    ring_degree: usize,
    scale_bits: u32,
    headroom_bits: u32,
    primes: Vec<u64>,
    special: u64,
    scales: Vec<f64>,
    secure: bool,
}

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && self.key_memory == other.key_memory
    }
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Params").field("chain", &self.chain).field("key_memory", &self.key_memory).finish()
    }
}

impl Params {
    /// Parameters for `depth` successive products at a scale near 2^`scale_bits`, in the ring of degree `ring_degree` (twice the
    /// slots): 4096, 8192, 16384 or 32768.
    ///
    /// # Errors
    /// [`SealError::Insecure`] when the modulus is too large for 128-bit security, [`SealError::Parameter`] or
    /// [`SealError::NotPowerOfTwo`] for values out of range, [`SealError::NoPrime`] when primes run out.
    pub fn new(ring_degree: usize, depth: usize, scale_bits: u32) -> Result<Self, SealError> {
        Self::secure(ring_degree, depth, scale_bits, DEFAULT_HEADROOM_BITS)
    }

    /// Parameters outside the security tables, for tests: any ring from 16 to 32768. They protect nothing.
    ///
    /// # Errors
    /// As [`Params::new`], without [`SealError::Insecure`].
    pub fn insecure_for_tests(ring_degree: usize, depth: usize, scale_bits: u32) -> Result<Self, SealError> {
        Self::build(ring_degree, depth, scale_bits, DEFAULT_HEADROOM_BITS, false)
    }

    /// The smallest secure ring with `depth` levels of `scale_bits` bits and at least `slots` slots.
    ///
    /// # Errors
    /// [`SealError::NoSecureSet`] when even 32768 is too small, with the bits that it would take.
    pub fn smallest(depth: usize, scale_bits: u32, slots: usize) -> Result<Self, SealError> {
        Self::search(depth, slots, DEFAULT_HEADROOM_BITS, |_| scale_bits)
    }

    /// The smallest secure set whose results are good to about `precision_bits` (see [`Params::precision_bits`]) and whose slots
    /// may reach `bound` at any level.
    ///
    /// # Errors
    /// As [`Params::smallest`], and [`SealError::Parameter`] when no scale gives that precision within that bound.
    pub fn for_precision(
        depth: usize,
        precision_bits: u32,
        slots: usize,
        bound: f64,
    ) -> Result<Self, SealError> {
        // One bit for the sign, one so that noise cannot carry a value at the bound over the edge.
        let headroom_bits = 2 + bound.max(1.0).log2().ceil() as u32;
        Self::search(depth, slots, headroom_bits, |ring_degree| {
            (precision_bits + lost_bits(ring_degree).ceil() as u32).max(*SCALE_BITS.start())
        })
    }

    fn search(
        depth: usize,
        slots: usize,
        headroom_bits: u32,
        scale_bits: impl Fn(usize) -> u32,
    ) -> Result<Self, SealError> {
        let (mut scale, mut needs) = (scale_bits(32768), 0);
        for ring_degree in SECURE_RING_DEGREES.into_iter().filter(|n| n / 2 >= slots) {
            scale = scale_bits(ring_degree);
            match Self::secure(ring_degree, depth, scale, headroom_bits) {
                Err(SealError::Insecure { bits, .. }) => needs = bits,
                other => return other,
            }
        }
        Err(SealError::NoSecureSet { depth, scale_bits: scale, slots, needs })
    }

    fn secure(
        ring_degree: usize,
        depth: usize,
        scale_bits: u32,
        headroom_bits: u32,
    ) -> Result<Self, SealError> {
        if !SECURE_RING_DEGREES.contains(&ring_degree) && ring_degree.is_power_of_two() {
            return Err(SealError::Parameter {
                what: "ring degree",
                got: ring_degree as u64,
                least: 4096,
                most: 32768,
            });
        }
        let params = Self::build(ring_degree, depth, scale_bits, headroom_bits, true)?;
        let (bits, limit) = (params.modulus_bits(), params.largest_modulus_bits());
        if bits > limit {
            return Err(SealError::Insecure { ring_degree, bits, limit });
        }
        Ok(params)
    }

    /// The same set again from the numbers that define it, as read from bytes.
    pub(crate) fn restore(
        ring_degree: usize,
        depth: usize,
        scale_bits: u32,
        headroom_bits: u32,
        secure: bool,
    ) -> Result<Self, SealError> {
        if secure {
            Self::secure(ring_degree, depth, scale_bits, headroom_bits)
        } else {
            Self::build(ring_degree, depth, scale_bits, headroom_bits, false)
        }
    }

    /// The same parameters with another cap on the memory of rotation keys, in bytes (8 GiB unless set).
    ///
    /// When the rotations that a program wants do not fit, a base set is made instead (signed powers of two and as many others as
    /// fit) and the rest are composed of two or more key switches.
    #[must_use]
    pub fn with_key_memory(mut self, bytes: u64) -> Self {
        self.key_memory = bytes;
        self
    }

    fn build(
        ring_degree: usize,
        depth: usize,
        scale_bits: u32,
        headroom_bits: u32,
        secure: bool,
    ) -> Result<Self, SealError> {
        if !ring_degree.is_power_of_two() {
            return Err(SealError::NotPowerOfTwo { got: ring_degree });
        }
        let in_range = |what, got: u64, range: RangeInclusive<u64>| {
            if range.contains(&got) {
                Ok(())
            } else {
                Err(SealError::Parameter { what, got, least: *range.start(), most: *range.end() })
            }
        };
        in_range("ring degree", ring_degree as u64, 16..=32768)?;
        // SEAL takes at most 64 primes: the base, the special one and one a level.
        in_range("depth", depth as u64, 0..=62)?;
        let (least, most) = (u64::from(*SCALE_BITS.start()), u64::from(*SCALE_BITS.end()));
        in_range("scale bits", u64::from(scale_bits), least..=most)?;
        // A prime below the scale could not hold a value of 1, one above 60 bits SEAL does not take.
        let room = u64::from(primes::LARGEST_BITS - scale_bits);
        in_range("bits of the bound and its sign above the scale", u64::from(headroom_bits), 2..=room)?;

        let step = 2 * ring_degree as u64;
        let delta = 2f64.powi(scale_bits.cast_signed());
        let mut scale = delta;
        let mut descending_scales = vec![scale];
        let mut descending_primes = Vec::new();
        for _ in 0..depth {
            let prime = nearest(scale * scale / delta, step, &descending_primes)?;
            scale = scale * scale / prime as f64;
            descending_primes.push(prime);
            descending_scales.push(scale);
        }
        let base_bits = scale_bits + headroom_bits;
        let base = largest_below(base_bits, step, &descending_primes)?;
        descending_primes.push(base);
        // Key switching adds noise in proportion to the largest prime over the special one: as large as security leaves room for,
        // and never smaller than the others.
        let most = primes::LARGEST_BITS;
        let limit = if secure { limit_for(ring_degree) } else { u32::MAX };
        let mut special = largest_below(base_bits, step, &descending_primes)?;
        for bits in (base_bits + 1..=most).rev() {
            let candidate = largest_below(bits, step, &descending_primes)?;
            if product_bits(descending_primes.iter().copied().chain([candidate])) <= limit {
                special = candidate;
                break;
            }
        }

        descending_primes.reverse();
        descending_scales.reverse();
        let chain = Chain {
            ring_degree,
            scale_bits,
            headroom_bits,
            primes: descending_primes,
            special,
            scales: descending_scales,
            secure,
        };
        Ok(Self {
            chain: Arc::new(chain),
            key_memory: DEFAULT_KEY_MEMORY,
            context: Arc::new(OnceLock::new()),
        })
    }

    /// SEAL's tables for this set.
    pub(crate) fn context(&self) -> Result<&Context, SealError> {
        if let Some(context) = self.context.get() {
            return Ok(context);
        }
        let context = Context::new(self)?;
        // Two threads may have built it at once: the first one's stays.
        Ok(self.context.get_or_init(|| context))
    }

    /// Degree N of the ring.
    pub fn ring_degree(&self) -> usize {
        self.chain.ring_degree
    }

    /// Complex slots of a ciphertext: N / 2.
    pub fn slots(&self) -> usize {
        self.chain.ring_degree / 2
    }

    /// Level of a fresh ciphertext: successive products that it can take.
    pub fn depth(&self) -> usize {
        self.chain.scales.len() - 1
    }

    /// log2 of the scale at the top.
    pub fn scale_bits(&self) -> u32 {
        self.chain.scale_bits
    }

    /// Bits of the prime of level 0 above the scale: bits of the largest value, its sign and a spare one.
    pub fn headroom_bits(&self) -> u32 {
        self.chain.headroom_bits
    }

    /// Largest absolute value that a slot may reach at level 0.
    pub fn bound(&self) -> f64 {
        2f64.powi(self.chain.headroom_bits.cast_signed() - 2)
    }

    /// The primes q(0), .., q(L).
    pub fn primes(&self) -> &[u64] {
        &self.chain.primes
    }

    /// The special modulus of key switching.
    pub fn special_prime(&self) -> u64 {
        self.chain.special
    }

    /// The one scale of ciphertexts and plaintexts at `level`; `None` above the top.
    pub fn scale(&self, level: usize) -> Option<f64> {
        self.chain.scales.get(level).copied()
    }

    /// Whether the parameters are within the tables of 128-bit security.
    pub fn is_secure(&self) -> bool {
        self.chain.secure
    }

    /// Cap on the memory of rotation keys, in bytes.
    pub fn key_memory(&self) -> u64 {
        self.key_memory
    }

    /// The primes of keys: those of the levels, then the special modulus.
    pub(crate) fn all_primes(&self) -> Vec<u64> {
        self.chain.primes.iter().copied().chain([self.chain.special]).collect()
    }

    /// Bits of the whole modulus, special modulus included.
    pub fn modulus_bits(&self) -> u32 {
        product_bits(self.all_primes())
    }

    /// log2 of the whole modulus, special modulus included.
    pub fn log2_modulus(&self) -> f64 {
        self.all_primes().iter().map(|&prime| (prime as f64).log2()).sum()
    }

    /// Most bits that 128-bit security allows at this ring degree; 0 for rings below the tables.
    pub fn largest_modulus_bits(&self) -> u32 {
        limit_for(self.chain.ring_degree)
    }

    /// How far the modulus stays below the limit, in bits; negative for insecure test parameters.
    pub fn margin_bits(&self) -> f64 {
        f64::from(self.largest_modulus_bits()) - self.log2_modulus()
    }

    /// Bits of absolute precision to expect in the worst slot, for values near 1 after a product.
    pub fn precision_bits(&self) -> f64 {
        f64::from(self.chain.scale_bits) - lost_bits(self.chain.ring_degree)
    }

    /// Bytes of one switching key in memory: for each prime of the levels, two polynomials over all primes.
    pub fn switching_key_bytes(&self) -> u64 {
        let primes = self.chain.primes.len() as u64;
        primes * 2 * (primes + 1) * self.chain.ring_degree as u64 * 8
    }
}

fn limit_for(ring_degree: usize) -> u32 {
    LARGEST_MODULUS_BITS.into_iter().find(|(degree, _)| *degree == ring_degree).map_or(0, |(_, bits)| bits)
}

/// Bits between the scale and the worst slot. A rescale rounds with an error of deviation 0.24 N a slot (ternary secret, rounding
/// uniform), and so does encryption under a public key, whose special modulus SEAL divides out; the worst of N/2 slots is about 4
/// times that: log2 N bits. Two more for the operands' own errors in a product. Measured at N = 16384 and scale 2^40: 25.6 bits
/// after a product or a rotation, 24 stated.
fn lost_bits(ring_degree: usize) -> f64 {
    (ring_degree as f64).log2() + 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_follow_the_primes_exactly_and_do_not_drift() {
        for (ring_degree, depth, scale_bits) in
            [(4096, 1, 28), (8192, 3, 35), (16384, 8, 40), (32768, 19, 40), (32768, 25, 30)]
        {
            let params = Params::new(ring_degree, depth, scale_bits).unwrap();
            let delta = 2f64.powi(scale_bits.cast_signed());
            assert_eq!(params.scale(depth), Some(delta));
            for level in (1..=depth).rev() {
                let scale = params.scale(level).unwrap();
                assert_eq!(params.scale(level - 1), Some(scale * scale / params.primes()[level] as f64));
            }
            for level in 0..=depth {
                let drift = (params.scale(level).unwrap() / delta).log2().abs();
                // Primes equal to 1 modulo 2N lie about 2N ln(2^b) / 2 apart; each level corrects the one above.
                assert!(drift < 0.02, "N = {ring_degree}, level {level}: {drift} bits");
            }
        }
    }

    #[test]
    fn primes_are_distinct_and_support_the_transform() {
        let params = Params::new(32768, 19, 40).unwrap();
        let mut all = params.all_primes();
        assert!(all.iter().all(|&q| primes::is_prime(q) && q % 65536 == 1));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 21);
    }

    #[test]
    fn what_the_tables_do_not_allow_is_refused_with_its_numbers() {
        let error = Params::new(16384, 9, 40).unwrap_err();
        let SealError::Insecure { ring_degree: 16384, bits, limit: 438 } = error else { panic!("{error}") };
        // Nine primes of 40 bits, a base and a special modulus of 50 each.
        assert_eq!(bits, 460);
        assert!(matches!(Params::new(2048, 1, 20), Err(SealError::Parameter { got: 2048, .. })));
        assert!(matches!(Params::new(5000, 1, 30), Err(SealError::NotPowerOfTwo { got: 5000 })));
        assert!(matches!(Params::new(8192, 1, 55), Err(SealError::Parameter { got: 55, most: 50, .. })));
        assert!(matches!(Params::insecure_for_tests(65536, 1, 40), Err(SealError::Parameter { .. })));
        assert!(matches!(Params::smallest(30, 40, 1), Err(SealError::NoSecureSet { depth: 30, .. })));
        assert!(matches!(Params::smallest(1, 40, 1 << 15), Err(SealError::NoSecureSet { .. })));
    }

    #[test]
    fn the_special_modulus_takes_what_security_leaves() {
        for (depth, roomy) in [(3, true), (8, true), (19, true)] {
            let params = Params::new(if depth < 9 { 16384 } else { 32768 }, depth, 40).unwrap();
            assert!(params.margin_bits() >= 0.0);
            assert_eq!(params.special_prime() > 1 << 59, roomy, "depth {depth}");
        }

        let full = Params::new(8192, 3, 39).unwrap();
        assert_eq!(full.modulus_bits(), 218);
        assert!(full.special_prime() > full.primes()[0]);
    }

    #[test]
    fn the_smallest_set_is_smallest() {
        assert_eq!(Params::smallest(1, 28, 1).unwrap().ring_degree(), 4096);
        assert_eq!(Params::smallest(2, 40, 1).unwrap().ring_degree(), 8192);
        assert_eq!(Params::smallest(2, 40, 8192).unwrap().ring_degree(), 16384);
        assert_eq!(Params::smallest(8, 40, 1).unwrap().ring_degree(), 16384);
        assert_eq!(Params::smallest(9, 40, 1).unwrap().ring_degree(), 32768);
        let fine = Params::for_precision(5, 20, 4096, 16.0).unwrap();
        assert!(fine.precision_bits() >= 20.0 && fine.ring_degree() == 16384);
    }
}
