//! What native CKKS is at given parameters, for planners and reports.

use he_traits::{Assumption, Cost, Costs, Level, LinearStyle, Profile, Scheme, Security, Sharing, Sizes};

use crate::ring::buffer;
use crate::{Ckks, Parameters, security};

/// Seconds on one thread that a transform of N = 16384 takes, with what goes along with it: products, base conversion, and the memory
/// that keys and plaintexts come from. From the measured operations and networks of `docs/ckks.md`.
const TRANSFORM: f64 = 7.0e-5;
const TRANSFORM_DEGREE: f64 = 16384.0;

/// Costs by counting transforms; a key switch takes `l (l + alpha) / alpha + 2 (l + alpha)` of them for l limbs.
fn costs(params: &Parameters) -> Costs {
    let work = |n: f64| n * n.log2();
    let transform = TRANSFORM * work(params.degree() as f64) / work(TRANSFORM_DEGREE);
    let alpha = params.literal().special.len().max(1) as f64;
    let limbs = |count: f64| Cost { base: 0.0, per_limb: count * transform, per_limb_squared: 0.0 };
    let switch = |first: f64| Cost {
        base: 2.0 * alpha * transform,
        per_limb: (first + 3.0) * transform,
        per_limb_squared: transform / alpha,
    };
    Costs {
        // Diagonals of maps reach over the special primes.
        encode: beyond(Cost { base: 10.0 * transform, ..limbs(1.0) }, alpha),
        // Coefficients are kept: what is left is one transform a limb.
        encode_kept: beyond(limbs(1.0), alpha),
        encrypt: Cost { base: 15.0 * transform, ..limbs(3.5) },
        decrypt: Cost::flat(15.0 * transform),
        add: limbs(0.2),
        mul_plain: beyond(limbs(0.4), alpha),
        mul: switch(2.0),
        rescale: limbs(2.0),
        rotate: switch(1.0),
        rotate_hoisted: Cost {
            base: 2.0 * alpha * transform,
            per_limb: 3.0 * transform,
            per_limb_squared: 0.3 * transform / alpha,
        },
        ..Costs::default()
    }
}

fn security(params: &Parameters) -> Security {
    let (degree, secret) = (params.degree(), params.literal().secret);
    let limit = security::limit(degree, secret).filter(|_| params.is_secure());
    let margin = params.margin_bits().unwrap_or(f64::NEG_INFINITY);
    let (assumption, statement) = match limit {
        Some(limit) => (
            Assumption::Rlwe {
                bits: 128,
                source: format!("{}: classical attackers, {secret}", limit.source),
                margin_bits: margin,
            },
            format!("RLWE, 128 bits, log2(QP) {margin:.0} bits below the limit"),
        ),
        None => (
            Assumption::InsecureForTests {
                reason: format!("log2(QP) is {:.0} at N = {degree} with a {secret}", params.log2_modulus()),
            },
            "none: parameters for tests".into(),
        ),
    };
    Security {
        assumption,
        statement,
        server_learns: vec![
            "the network's shape and the order of its operations".into(),
            "the weights, where it holds them in the clear".into(),
        ],
        owner_learns: vec![
            "whatever of the weights the results reveal; nothing hides the circuit from the key's owner".into(),
        ],
        attacks: Vec::new(),
        sharing_decryptions: Sharing::Unsafe(
            "a CKKS decryption contains the encryption error, and with it the key (IND-CPA-D, Li and Micciancio 2021): \
             show others what decrypt_for_release gives, only"
                .into(),
        ),
    }
}

/// Bytes in memory, where buffers are larger than the limbs in them.
fn sizes(params: &Parameters) -> Sizes {
    let alpha = params.literal().special.len().max(1);
    let polynomial = |limbs: usize| (8 * buffer::capacity(limbs * params.degree())) as f64;
    let over = |bytes: &dyn Fn(usize) -> f64| fitted(params.depth() + 1, bytes);
    Sizes {
        ciphertext: over(&|limbs| 2.0 * polynomial(limbs)),
        // A diagonal of a map, over the special primes as well.
        factor: beyond(fitted(params.depth() + 1 + alpha, &polynomial), alpha as f64),
        // Two halves for each digit, over the chain's limbs and the special ones.
        key: over(&|limbs| 2.0 * limbs.div_ceil(alpha) as f64 * polynomial(limbs + alpha)),
        keys_at_most: None,
        entry: 0.0,
        held_back: buffer::LEAST_RETAINED as f64,
        sent: Cost::packed(params.degree(), &params.literal().chain).times(2.0),
        sent_fresh: Cost::packed(params.degree(), &params.literal().chain),
    }
}

/// The parabola through 0 that lies nearest to `bytes` at 1 to `most` limbs, by least squares.
fn fitted(most: usize, bytes: &dyn Fn(usize) -> f64) -> Cost {
    let sum = |term: &dyn Fn(f64, f64) -> f64| -> f64 {
        (1..=most).map(|limbs| term(limbs as f64, bytes(limbs))).sum()
    };
    let [squares, cubes, fourths] = [2, 3, 4].map(|power| sum(&|l, _| l.powi(power)));
    let [first, second] = [1, 2].map(|power| sum(&|l, b| b * l.powi(power)));
    let determinant = squares * fourths - cubes * cubes;
    if most < 2 {
        return Cost { base: 0.0, per_limb: first / squares, per_limb_squared: 0.0 };
    }
    Cost {
        base: 0.0,
        per_limb: (first * fourths - second * cubes) / determinant,
        per_limb_squared: (squares * second - cubes * first) / determinant,
    }
}

/// What `cost` is for so many limbs more.
fn beyond(cost: Cost, more: f64) -> Cost {
    Cost {
        base: cost.base + more * (cost.per_limb + more * cost.per_limb_squared),
        per_limb: cost.per_limb + 2.0 * more * cost.per_limb_squared,
        per_limb_squared: cost.per_limb_squared,
    }
}

/// The keyless description of `params`.
pub(crate) fn profile(params: &Parameters) -> Profile {
    Profile {
        backend: Ckks::NAME.into(),
        parameters: format!(
            "N = {}, {} levels, log2 QP = {:.0}, scale 2^{:.0}, {} special primes",
            params.degree(),
            params.depth(),
            params.log2_modulus(),
            params.literal().scale.log2(),
            params.literal().special.len()
        ),
        slots: params.slots(),
        top: Level::new(params.depth() as u32),
        precision_bits: params.precision_bits(),
        security: security(params),
        costs: costs(params),
        linear: LinearStyle::Diagonals,
        values_at_once: 1,
        repeats_once: false,
        factors_repeat_once: true,
        masks_kept_once: true,
        rotated_by_limb: true,
        values_per_thread: None,
        threads_within: true,
        exact: false,
        companions: false,
        complex: true,
        refresh: None,
        sizes: sizes(params),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limbs_beyond_are_limbs() {
        let cost = Cost { base: 5.0, per_limb: 3.0, per_limb_squared: 2.0 };
        assert_eq!(beyond(cost, 4.0).at(Level::new(2)), cost.at(Level::new(6)));
    }

    #[test]
    fn sizes_are_those_of_buffers() {
        let alpha = 5;
        let polynomial = |limbs: usize| buffer::capacity(limbs << 15) as f64;
        let key = |limbs: usize| 2.0 * limbs.div_ceil(alpha) as f64 * polynomial(limbs + alpha);
        for (name, bytes) in [("ciphertext", &polynomial as &dyn Fn(usize) -> f64), ("key", &key)] {
            for most in [1, 2, 18, 33] {
                let cost = fitted(most, bytes);
                let sum = |at: &dyn Fn(usize) -> f64| (1..=most).map(at).sum::<f64>();
                let share = sum(&|limbs| cost.at(Level::new(limbs as u32 - 1))) / sum(bytes);
                assert!((0.95..1.05).contains(&share), "{name}, {most} limbs: {share}");
                assert!(cost.at(Level::new(0)) > 0.0, "{name}, {most} limbs");
            }
        }
    }
}
