//! What a modulus and a secret are worth: the limits of the 128-bit tables.

/// How the secret key's coefficients are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// Each coefficient -1, 0 or 1 with equal probability: what the standard's tables are for.
    Ternary,
    /// Exactly `weight` coefficients are 1 or -1; smaller noise in a bootstrap, and limits of its own.
    Sparse {
        /// Number of coefficients that are not zero.
        weight: u32,
    },
}

impl std::fmt::Display for SecretKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ternary => f.write_str("uniform ternary secret"),
            Self::Sparse { weight } => write!(f, "ternary secret of weight {weight}"),
        }
    }
}

/// A row of the tables: largest log2(QP), special modulus included, that leaves 128 bits against classical attackers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// log2 of the largest modulus.
    pub log2_modulus: u32,
    /// Where the number is from.
    pub source: &'static str,
}

const STANDARD: &str = "Homomorphic Encryption Standard 2018, table 1";
const NEWER: &str = "tables of OpenFHE 1.2 for degrees above the standard's";
const SPARSE: &str = "Bossuat, Troncoso-Pastoriza and Hubaux 2022, weight 192";

/// The limit for a ring degree and a kind of secret; `None` where no table says anything.
pub fn limit(degree: usize, secret: SecretKind) -> Option<Limit> {
    let row = |log2_modulus, source| Some(Limit { log2_modulus, source });
    match (secret, degree.trailing_zeros()) {
        _ if !degree.is_power_of_two() => None,
        (SecretKind::Ternary, 12) => row(109, STANDARD),
        (SecretKind::Ternary, 13) => row(218, STANDARD),
        (SecretKind::Ternary, 14) => row(438, STANDARD),
        (SecretKind::Ternary, 15) => row(881, STANDARD),
        (SecretKind::Ternary, 16) => row(1747, NEWER),
        (SecretKind::Ternary, 17) => row(3523, NEWER),
        // From the weight of the source on; fuller secrets than ternary ones are have no source.
        (SecretKind::Sparse { weight }, 16) if (192..=(2 << 16) / 3).contains(&weight) => row(1550, SPARSE),
        _ => None,
    }
}

/// Ring degrees of the tables, smallest first.
pub const DEGREES: [usize; 6] = [1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 17];
