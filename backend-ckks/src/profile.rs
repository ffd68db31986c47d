//! What native CKKS is at given parameters, for planners and reports.

use he_traits::{Assumption, Cost, Costs, Level, LinearStyle, Profile, Scheme, Security, Sharing, Sizes};

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
        encode: Cost { base: 10.0 * transform, ..limbs(1.0) },
        encrypt: Cost { base: 15.0 * transform, ..limbs(3.5) },
        decrypt: Cost::flat(15.0 * transform),
        add: limbs(0.2),
        mul_plain: limbs(0.4),
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

/// The keyless description of `params`.
pub(crate) fn profile(params: &Parameters) -> Profile {
    let word = 8.0 * params.degree() as f64;
    let alpha = params.literal().special.len().max(1) as f64;
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
        exact: false,
        complex: true,
        refresh: None,
        sizes: Sizes {
            ciphertext: Cost { base: 0.0, per_limb: 2.0 * word, per_limb_squared: 0.0 },
            factor: Cost { base: 0.0, per_limb: word, per_limb_squared: 0.0 },
            // Two halves for each of l / alpha digits, over l chain and alpha special limbs.
            key: Cost { base: 0.0, per_limb: 2.0 * word, per_limb_squared: 2.0 * word / alpha },
        },
    }
}
