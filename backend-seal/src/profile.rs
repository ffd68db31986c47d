//! What SEAL is at given parameters, for planners and reports.

use he_traits::{Assumption, Cost, Costs, Level, LinearStyle, Profile, Scheme, Security, Sharing, Sizes};

use crate::{Seal, params::Params};

/// Seconds on one thread at N = 16384, to be scaled by N log N.
///
/// Measured on 2026-11-21, SEAL 4.0.0 without HEXL as `sealy` 0.2.0 compiles it, release profile, one thread, CPU time, levels 1 to
/// 8, on an AVX-512 machine of two cores with other work on it: an idle one may be a third faster, the ratios hold.
/// `cargo run --release -p backend-seal --example costs` measures again.
const MEASURED: Costs = Costs {
    encode: Cost { base: 4.5e-4, per_limb: 2.9e-4, per_limb_squared: 0.0 },
    encode_kept: Cost { base: 4.5e-4, per_limb: 2.9e-4, per_limb_squared: 0.0 },
    encrypt: Cost { base: 2.0e-3, per_limb: 1.7e-3, per_limb_squared: 0.0 },
    decrypt: Cost { base: 0.0, per_limb: 5.3e-4, per_limb_squared: 8.0e-5 },
    add: Cost { base: 0.0, per_limb: 5.0e-5, per_limb_squared: 0.0 },
    mul_plain: Cost { base: 0.0, per_limb: 9.3e-5, per_limb_squared: 0.0 },
    mul: Cost { base: 0.0, per_limb: 1.1e-3, per_limb_squared: 2.8e-4 },
    rescale: Cost { base: 0.0, per_limb: 4.9e-4, per_limb_squared: 0.0 },
    rotate: Cost { base: 0.0, per_limb: 8.9e-4, per_limb_squared: 2.7e-4 },
    // SEAL has no hoisting.
    rotate_hoisted: Cost { base: 0.0, per_limb: 8.9e-4, per_limb_squared: 2.7e-4 },
    pass: Cost { base: 0.0, per_limb: 0.0, per_limb_squared: 0.0 },
    entry: Cost { base: 0.0, per_limb: 0.0, per_limb_squared: 0.0 },
    exact_slot: Cost { base: 0.0, per_limb: 0.0, per_limb_squared: 0.0 },
    value: Cost { base: 0.0, per_limb: 0.0, per_limb_squared: 0.0 },
};
const MEASURED_RING_DEGREE: f64 = 16384.0;

fn costs(ring_degree: usize) -> Costs {
    let work = |n: f64| n * n.log2();
    let factor = work(ring_degree as f64) / work(MEASURED_RING_DEGREE);
    let scale = |cost: Cost| Cost {
        base: cost.base * factor,
        per_limb: cost.per_limb * factor,
        per_limb_squared: cost.per_limb_squared * factor,
    };
    Costs {
        encode: scale(MEASURED.encode),
        encode_kept: scale(MEASURED.encode_kept),
        encrypt: scale(MEASURED.encrypt),
        decrypt: scale(MEASURED.decrypt),
        add: scale(MEASURED.add),
        mul_plain: scale(MEASURED.mul_plain),
        mul: scale(MEASURED.mul),
        rescale: scale(MEASURED.rescale),
        rotate: scale(MEASURED.rotate),
        rotate_hoisted: scale(MEASURED.rotate_hoisted),
        pass: MEASURED.pass,
        entry: MEASURED.entry,
        exact_slot: MEASURED.exact_slot,
        value: MEASURED.value,
    }
}

fn security(params: &Params) -> Security {
    let assumption = if params.is_secure() {
        Assumption::Rlwe {
            bits: 128,
            source:
                "Homomorphic Encryption Standard 2018, table 1: classical attackers, uniform ternary secret"
                    .into(),
            margin_bits: params.margin_bits(),
        }
    } else {
        Assumption::InsecureForTests {
            reason: format!(
                "log2(QP) is {:.0} at N = {}, the table allows {}",
                params.log2_modulus(),
                params.ring_degree(),
                params.largest_modulus_bits()
            ),
        }
    };
    let statement = match &assumption {
        Assumption::Rlwe { bits, margin_bits, .. } => {
            format!("RLWE, {bits} bits, log2(QP) {margin_bits:.0} bits below the limit")
        }
        _ => "none: parameters for tests".into(),
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
             show others rounded results only"
                .into(),
        ),
    }
}

/// The keyless description of `params`.
pub(crate) fn profile(params: &Params) -> Profile {
    let word = 8.0 * params.ring_degree() as f64;
    Profile {
        backend: Seal::NAME.into(),
        parameters: format!(
            "N = {}, {} levels, log2 QP = {:.0}, scale 2^{}",
            params.ring_degree(),
            params.depth(),
            params.log2_modulus(),
            params.scale_bits()
        ),
        slots: params.slots(),
        top: Level::new(params.depth() as u32),
        precision_bits: params.precision_bits(),
        security: security(params),
        costs: costs(params.ring_degree()),
        linear: LinearStyle::Diagonals,
        values_at_once: 1,
        repeats_once: false,
        factors_repeat_once: false,
        masks_kept_once: false,
        rotated_by_limb: false,
        values_per_thread: None,
        threads_within: false,
        exact: false,
        companions: false,
        complex: true,
        refresh: None,
        sizes: Sizes {
            ciphertext: Cost { base: 0.0, per_limb: 2.0 * word, per_limb_squared: 0.0 },
            factor: Cost { base: 0.0, per_limb: word, per_limb_squared: 0.0 },
            // Keys are always made for the top.
            key: Cost::flat(params.switching_key_bytes() as f64),
            keys_at_most: Some(params.key_memory() as f64),
            entry: 0.0,
            held_back: 0.0,
            sent: Cost::packed(params.ring_degree(), params.primes()).times(2.0),
            sent_fresh: Cost::packed(params.ring_degree(), params.primes()),
        },
    }
}
