//! Finding parameters: the modulus chain from the top down, the number of special primes, the smallest secure ring.

use super::{Literal, Parameters};
use crate::error::Error;
use crate::ring::{Modulus, Ring, ntt_primes};
use crate::security::{self, DEGREES, SecretKind};

/// Primes below 2^46 take the fastest transforms.
const FAST_BITS: u32 = 46;
/// The base prime is this much larger than the scale unless asked otherwise, as far as 50 bits go: values up to 2^4 survive at
/// level 0.
const HEADROOM_BITS: u32 = 6;
const SCALE_BITS: std::ops::RangeInclusive<u32> = 20..=48;
/// Bits by which the special primes' product exceeds a digit, where security leaves room: noise of key switching then vanishes
/// below that of rescaling.
const KEY_ROOM_BITS: f64 = 6.0;
/// Scales tried above the first: a product's noise, and the worst slot, take one or two bits more than a rescale.
const MOST_MORE_BITS: u32 = 6;
/// Bits that a scale may gain where they are to spare: each makes ciphertexts and keys a fortieth larger on the wire.
const MOST_SPARE_BITS: u32 = 4;

impl Parameters {
    /// Secure parameters of ring degree `degree` with `depth` levels and a scale near 2^`scale_bits`.
    ///
    /// # Errors
    /// [`Error::Insecure`] when the modulus is too large for the degree, [`Error::Parameter`], [`Error::NoPrime`].
    pub fn secure(degree: usize, depth: usize, scale_bits: u32) -> Result<Self, Error> {
        Self::new(literal(
            degree,
            depth,
            scale_bits,
            headroom(scale_bits),
            security_bits(degree)?,
            SecretKind::Ternary,
        )?)
    }

    /// The same for any ring degree, for tests: outside the tables, and without any protection.
    ///
    /// # Errors
    /// As [`Parameters::secure`], without those of the tables.
    pub fn insecure_for_tests(degree: usize, depth: usize, scale_bits: u32) -> Result<Self, Error> {
        Self::insecure(literal(
            degree,
            depth,
            scale_bits,
            headroom(scale_bits),
            f64::INFINITY,
            SecretKind::Ternary,
        )?)
    }

    /// The smallest secure ring with `depth` levels at a scale near 2^`scale_bits` and at least `slots` slots.
    ///
    /// # Errors
    /// [`Error::NoSecureSet`] when no ring of the tables is large enough.
    pub fn smallest(depth: usize, scale_bits: u32, slots: usize) -> Result<Self, Error> {
        Self::search(depth, slots, headroom(scale_bits), |_| scale_bits, f64::NEG_INFINITY)
    }

    /// The smallest secure set whose results are good to about `precision_bits` (see [`Parameters::precision_bits`]) and whose
    /// slots may reach `bound` at any level.
    ///
    /// # Errors
    /// As [`Parameters::smallest`], and [`Error::Parameter`] when no scale gives that precision within that bound.
    pub fn for_precision(depth: usize, precision_bits: u32, slots: usize, bound: f64) -> Result<Self, Error> {
        // One bit for the sign, one so that noise cannot carry a value at the bound over the edge.
        let headroom = (bound.max(1.0).log2().ceil() as u32).saturating_add(2);
        Self::search(
            depth,
            slots,
            headroom,
            |degree| {
                // The scale's bits above the noise, to begin with: a rescale's error alone takes log2(N) of them.
                (precision_bits + degree.ilog2()).max(*SCALE_BITS.start())
            },
            f64::from(precision_bits),
        )
    }

    /// The smallest ring that holds `depth` levels and gives `precision`, with the smallest scale for it from `scale_bits` on.
    fn search(
        depth: usize,
        slots: usize,
        headroom: u32,
        scale_bits: impl Fn(usize) -> u32,
        precision: f64,
    ) -> Result<Self, Error> {
        let (mut bits, mut needs) = (0, 0.0);
        for degree in DEGREES.into_iter().filter(|degree| degree / 2 >= slots) {
            for more in 0..MOST_MORE_BITS {
                bits = scale_bits(degree) + more;
                let literal =
                    literal(degree, depth, bits, headroom, security_bits(degree)?, SecretKind::Ternary)?;
                match Self::new(literal) {
                    Ok(params) if params.precision_bits() >= precision => {
                        return Ok(if precision.is_finite() {
                            finer(params, bits, headroom)
                        } else {
                            params
                        });
                    }
                    Ok(_) => {}
                    Err(Error::Insecure { bits, .. }) => {
                        needs = bits;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Err(Error::NoSecureSet { depth, scale_bits: bits, slots, needs })
    }
}

/// The same ring and the same number of primes with a larger scale, as far as the modulus has room for it and the primes stay
/// short enough for the fastest transforms: precision that costs nothing.
fn finer(found: Parameters, scale_bits: u32, headroom: u32) -> Parameters {
    let (degree, depth) = (found.degree(), found.depth());
    let mut best = found;
    for bits in scale_bits + 1..=(scale_bits + MOST_SPARE_BITS).min(FAST_BITS - 1) {
        let next = security_bits(degree)
            .and_then(|limit| literal(degree, depth, bits, headroom, limit, SecretKind::Ternary))
            .and_then(Parameters::new);
        let Ok(next) = next else { break };
        let as_cheap = next.literal().special.len() == best.literal().special.len();
        if as_cheap && next.precision_bits() > best.precision_bits() {
            best = next;
        }
    }
    best
}

fn headroom(scale_bits: u32) -> u32 {
    HEADROOM_BITS.min(Modulus::MAX_BITS.saturating_sub(scale_bits))
}

fn security_bits(degree: usize) -> Result<f64, Error> {
    let secret = SecretKind::Ternary;
    let limit = security::limit(degree, secret).ok_or(Error::NoTable { degree, secret })?;
    Ok(f64::from(limit.log2_modulus))
}

pub(super) fn literal(
    degree: usize,
    depth: usize,
    scale_bits: u32,
    headroom: u32,
    limit: f64,
    secret: SecretKind,
) -> Result<Literal, Error> {
    if !SCALE_BITS.contains(&scale_bits) {
        let expected = "20 to 48: the native primes are shorter than 50 bits";
        return Err(Error::Parameter { what: "bits of the scale", got: f64::from(scale_bits), expected });
    }
    if !(2..=Modulus::MAX_BITS - scale_bits).contains(&headroom) {
        let expected = "2 to 50 less those of the scale: allow smaller values or less precision";
        let what = "bits of the base prime above the scale";
        return Err(Error::Parameter { what, got: f64::from(headroom), expected });
    }
    if depth > 100 || !degree.is_power_of_two() || degree > Ring::MOST_DEGREE {
        return Err(Error::Parameter { what: "levels", got: depth as f64, expected: "100 at most" });
    }
    let scale = 2_f64.powi(scale_bits.cast_signed());
    let chain = chain(degree, depth, scale, scale_bits + headroom)?;
    let special = special(degree, &chain, limit)?;
    Ok(Literal { degree, chain, special, scale, secret })
}

/// The chain from the top down: `q_l` as near to `S(l)^2 / Delta` as the free primes allow, so that scales do not drift; below
/// them the base prime, the largest of its length.
fn chain(degree: usize, depth: usize, delta: f64, base_bits: u32) -> Result<Vec<u64>, Error> {
    let mut chain = vec![largest(degree, base_bits, &[])?];
    let mut scale = delta;
    for _ in 0..depth {
        let target = scale * scale / delta;
        let (low, high) = ((target * 0.7) as u64, ((target * 1.4) as u64).min(1 << Modulus::MAX_BITS));
        let prime = ntt_primes(degree, target, low, high).find(|prime| !chain.contains(prime));
        let prime = prime.ok_or(Error::NoPrime { degree, bits: target.log2() })?;
        scale = scale * scale / prime as f64;
        chain.push(prime);
    }
    if let Some(levels) = chain.get_mut(1..) {
        levels.reverse();
    }
    Ok(chain)
}

/// Special primes: as many as make key switching cheapest within what security leaves. One at least, whatever it leaves: the
/// check of the whole set then says what is too much.
fn special(degree: usize, chain: &[u64], limit: f64) -> Result<Vec<u64>, Error> {
    let log2 = |primes: &[u64]| primes.iter().map(|prime| (*prime as f64).log2()).sum::<f64>();
    let left = limit - log2(chain);
    let mut best = (f64::INFINITY, 1, shortest(chain, 1, 0.0));
    for count in 1..=chain.len().min(Ring::MOST_SPECIAL - 1) {
        let roomy = shortest(chain, count, KEY_ROOM_BITS).max(FAST_BITS);
        // With less room the special primes are as long as it allows, and as a digit at least.
        let least = shortest(chain, count, 0.0);
        let allowed = ((left / count as f64) as u32).min(FAST_BITS).max(least);
        for bits in [roomy, allowed] {
            let fits = f64::from(bits) * count as f64 <= left && bits <= Modulus::MAX_BITS;
            let cost = transforms(chain.len(), count);
            if fits && cost < best.0 {
                best = (cost, count, bits);
            }
        }
    }
    let (_, count, bits) = best;
    let mut primes = Vec::new();
    for _ in 0..count {
        let taken: Vec<u64> = chain.iter().chain(&primes).copied().collect();
        primes.push(largest(degree, bits.min(Modulus::MAX_BITS), &taken)?);
    }
    Ok(primes)
}

/// Bits of `count` special primes whose product exceeds every digit of as many chain primes by `room` bits.
fn shortest(chain: &[u64], count: usize, room: f64) -> u32 {
    let digits = chain.chunks(count).map(|digit| digit.iter().map(|prime| (*prime as f64).log2()).sum());
    let largest: f64 = digits.fold(0.0, f64::max);
    ((largest + room) / count as f64).ceil() as u32
}

/// Transforms of one key switch at the top level: to coefficients, the digits' new limbs, and the division by P.
fn transforms(chain: usize, special: usize) -> f64 {
    (chain + chain.div_ceil(special) * (chain + special) + 2 * special + chain) as f64
}

fn largest(degree: usize, bits: u32, taken: &[u64]) -> Result<u64, Error> {
    let top = 1_u64 << bits;
    ntt_primes(degree, top as f64, top / 2, top)
        .find(|prime| !taken.contains(prime))
        .ok_or(Error::NoPrime { degree, bits: f64::from(bits) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_follow_the_primes_and_do_not_drift() {
        for (degree, depth, scale_bits) in
            [(4096, 1, 28), (8192, 3, 35), (16384, 7, 40), (32768, 16, 41), (65536, 22, 45)]
        {
            let params = Parameters::secure(degree, depth, scale_bits).unwrap();
            assert!(params.margin_bits().unwrap() >= 0.0 && params.depth() == depth);
            for level in 0..=depth {
                let drift = (params.scale(level).unwrap().log2() - f64::from(scale_bits)).abs();
                assert!(drift < 0.05, "N = {degree}, level {level}: {drift} bits");
            }
            let literal = params.literal();
            let special: f64 = literal.special.iter().map(|p| (*p as f64).log2()).sum();
            for digit in literal.chain.chunks(literal.special.len()) {
                let digit: f64 = digit.iter().map(|p| (*p as f64).log2()).sum();
                assert!(
                    digit < special + 0.1,
                    "N = {degree}: a digit of {digit} bits, special primes of {special}"
                );
            }
        }
    }

    #[test]
    fn what_the_tables_do_not_allow_is_refused_with_its_numbers() {
        let error = Parameters::secure(16384, 10, 40).unwrap_err();
        assert!(matches!(error, Error::Insecure { degree: 16384, limit: 438, .. }), "{error}");
        assert!(matches!(Parameters::secure(2048, 1, 20), Err(Error::NoTable { degree: 2048, .. })));
        assert!(matches!(Parameters::smallest(100, 40, 1), Err(Error::NoSecureSet { depth: 100, .. })));
        let sparse = Literal {
            secret: SecretKind::Sparse { weight: 64 },
            ..Parameters::secure(65536, 5, 40).unwrap().literal().clone()
        };
        assert!(matches!(Parameters::new(sparse), Err(Error::NoTable { .. })));
    }

    #[test]
    fn the_smallest_set_is_smallest() {
        assert_eq!(Parameters::smallest(1, 28, 1).unwrap().degree(), 4096);
        assert_eq!(Parameters::smallest(2, 40, 1).unwrap().degree(), 8192);
        assert_eq!(Parameters::smallest(2, 40, 8192).unwrap().degree(), 16384);
        let fine = Parameters::for_precision(5, 20, 4096, 16.0).unwrap();
        assert!(fine.precision_bits() >= 20.0 && fine.degree() == 16384);
        // What the modulus has to spare goes to precision, as far as the number of primes stays.
        let scale_bits = fine.literal().scale.log2() as u32;
        let larger = Parameters::secure(16384, 5, scale_bits + 1);
        let as_cheap = |p: &Parameters| p.literal().special.len() == fine.literal().special.len();
        assert!(
            fine.precision_bits() >= 23.0 || larger.is_ok_and(|larger| !as_cheap(&larger)),
            "{scale_bits}"
        );
        assert!(Parameters::for_precision(5, 30, 4096, 1e9).is_err());
    }
}
