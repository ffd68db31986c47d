//! Sets ready for use: one for each ring of the security tables.

use super::{Parameters, select};
use crate::error::Error;
use crate::security::{self, SecretKind};

/// A named set with all that is to be known of it. [`Preset::parameters`] makes it.
///
/// | set | N | levels | chain (bits) | special primes | scale | secret | log2(QP) | limit | margin | precision |
/// |---|---|---|---|---|---|---|---|---|---|---|
/// | [`Preset::N12`] | 2^12 | 1 | 36 + 1 x 30 | 1 x 42 | 2^30 | ternary | 108 | 109 | 1 | 17 |
/// | [`Preset::N13`] | 2^13 | 3 | 46 + 3 x 40 | 1 x 46 | 2^40 | ternary | 212 | 218 | 6 | 26 |
/// | [`Preset::N14`] | 2^14 | 7 | 46 + 7 x 40 | 2 x 46 | 2^40 | ternary | 418 | 438 | 20 | 25 |
/// | [`Preset::N15`] | 2^15 | 16 | 46 + 16 x 40 | 4 x 46 | 2^40 | ternary | 870 | 881 | 11 | 24 |
/// | [`Preset::N16`] | 2^16 | 28 | 50 + 28 x 45 | 8 x 47 | 2^45 | ternary | 1686 | 1747 | 61 | 28 |
/// | [`Preset::N16_SPARSE`] | 2^16 | 24 | 50 + 24 x 45 | 9 x 46 | 2^45 | weight 192 | 1544 | 1550 | 6 | 32 |
/// | [`Preset::N17`] | 2^17 | 60 | 50 + 60 x 45 | 9 x 47 | 2^45 | ternary | 3173 | 3523 | 350 | 27 |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preset {
    /// How it is called.
    pub name: &'static str,
    /// Ring degree N; ciphertexts have N / 2 complex slots.
    pub degree: usize,
    /// Levels of a fresh ciphertext: as many chain primes follow the base prime.
    pub depth: usize,
    /// Bits of the base prime: those above the scale's hold the size of values at level 0, with one for the sign.
    pub base_bits: u32,
    /// Bits of the scale, and of the chain primes above the base.
    pub scale_bits: u32,
    /// Number of special primes, which is the number of chain primes in a key-switching digit.
    pub special: usize,
    /// Bits of a special prime.
    pub special_bits: u32,
    /// How the secret is drawn.
    pub secret: SecretKind,
    /// log2(QP), rounded: the chain and the special primes.
    pub log2_modulus: u32,
    /// The largest log2(QP) with 128 bits of security, for this degree and secret: [`crate::limit`].
    pub limit: u32,
    /// Bits of precision in the worst slot, rounded down: [`Parameters::precision_bits`].
    pub precision_bits: u32,
}

impl Preset {
    /// The smallest: a single product, for values to 2^4 and a precision of 17 bits.
    pub const N12: Self = Self {
        name: "N12",
        degree: 1 << 12,
        depth: 1,
        base_bits: 36,
        scale_bits: 30,
        special: 1,
        special_bits: 42,
        secret: SecretKind::Ternary,
        log2_modulus: 108,
        limit: 109,
        precision_bits: 17,
    };

    /// Three levels: a small network with one activation.
    pub const N13: Self = Self {
        name: "N13",
        degree: 1 << 13,
        depth: 3,
        base_bits: 46,
        scale_bits: 40,
        special: 1,
        special_bits: 46,
        secret: SecretKind::Ternary,
        log2_modulus: 212,
        limit: 218,
        precision_bits: 26,
    };

    /// Seven levels: networks with a few activations of degree two.
    pub const N14: Self = Self {
        name: "N14",
        degree: 1 << 14,
        depth: 7,
        base_bits: 46,
        scale_bits: 40,
        special: 2,
        special_bits: 46,
        secret: SecretKind::Ternary,
        log2_modulus: 418,
        limit: 438,
        precision_bits: 25,
    };

    /// Sixteen levels: the deepest ring for everyday work.
    pub const N15: Self = Self {
        name: "N15",
        degree: 1 << 15,
        depth: 16,
        base_bits: 46,
        scale_bits: 40,
        special: 4,
        special_bits: 46,
        secret: SecretKind::Ternary,
        log2_modulus: 870,
        limit: 881,
        precision_bits: 24,
    };

    /// Twenty-eight levels at a larger scale.
    pub const N16: Self = Self {
        name: "N16",
        degree: 1 << 16,
        depth: 28,
        base_bits: 50,
        scale_bits: 45,
        special: 8,
        special_bits: 47,
        secret: SecretKind::Ternary,
        log2_modulus: 1686,
        limit: 1747,
        precision_bits: 28,
    };

    /// The same ring with a sparse secret, whose limit is lower.
    pub const N16_SPARSE: Self = Self {
        name: "N16-sparse",
        depth: 24,
        special: 9,
        special_bits: 46,
        secret: SecretKind::Sparse { weight: 192 },
        log2_modulus: 1544,
        limit: 1550,
        precision_bits: 32,
        ..Self::N16
    };

    /// Sixty levels: the largest ring of the tables.
    pub const N17: Self = Self {
        name: "N17",
        degree: 1 << 17,
        depth: 60,
        special: 9,
        log2_modulus: 3173,
        limit: 3523,
        precision_bits: 27,
        ..Self::N16
    };

    /// All of them, smallest ring first.
    pub const ALL: [Self; 7] =
        [Self::N12, Self::N13, Self::N14, Self::N15, Self::N16, Self::N16_SPARSE, Self::N17];

    /// The set, checked against the tables like any other.
    ///
    /// # Errors
    /// Those of [`Parameters::new`]; none for the presets here.
    pub fn parameters(&self) -> Result<Parameters, Error> {
        let Self { degree, secret, .. } = *self;
        let limit = security::limit(degree, secret).ok_or(Error::NoTable { degree, secret })?;
        let headroom = self.base_bits.saturating_sub(self.scale_bits);
        let limit = f64::from(limit.log2_modulus);
        Parameters::new(select::literal(degree, self.depth, self.scale_bits, headroom, limit, secret)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_what_they_say_and_within_the_table() {
        // The 128-bit table once more, as published.
        let published = [
            (12, SecretKind::Ternary, 109),
            (13, SecretKind::Ternary, 218),
            (14, SecretKind::Ternary, 438),
            (15, SecretKind::Ternary, 881),
            (16, SecretKind::Ternary, 1747),
            (16, SecretKind::Sparse { weight: 192 }, 1550),
            (17, SecretKind::Ternary, 3523),
        ];
        for (preset, (log_degree, secret, limit)) in Preset::ALL.iter().zip(published) {
            let name = preset.name;
            let params = preset.parameters().unwrap();
            let literal = params.literal();
            assert_eq!(
                (preset.degree, preset.secret, preset.limit),
                (1 << log_degree, secret, limit),
                "{name}"
            );
            assert_eq!(
                (literal.degree, literal.secret, params.depth()),
                (preset.degree, secret, preset.depth)
            );
            assert_eq!(literal.scale, f64::from(preset.scale_bits).exp2(), "{name}");
            assert_eq!(literal.special.len(), preset.special, "{name}");

            let bits = |prime: &u64| (*prime as f64).log2();
            let near = |prime: &u64, of: u32| (bits(prime) - f64::from(of)).abs() < 0.1;
            let (base, levels) = literal.chain.split_first().unwrap();
            assert!(near(base, preset.base_bits), "{name}: base prime {base}");
            assert!(levels.iter().all(|prime| near(prime, preset.scale_bits)), "{name}: {levels:?}");
            assert!(literal.special.iter().all(|prime| near(prime, preset.special_bits)), "{name}");

            let modulus: f64 = literal.chain.iter().chain(&literal.special).map(bits).sum();
            assert!((modulus - f64::from(preset.log2_modulus)).abs() < 0.5, "{name}: log2(QP) {modulus}");
            assert!(modulus <= f64::from(limit) && params.is_secure(), "{name}: log2(QP) {modulus}");
            let margin = params.margin_bits().unwrap();
            assert!((margin - (f64::from(limit) - modulus)).abs() < 1e-6, "{name}: margin {margin}");
            let precision = params.precision_bits();
            assert_eq!(precision.floor(), f64::from(preset.precision_bits), "{name}: {precision}");
        }
    }

    #[test]
    fn sparse_secrets_have_limits_of_their_own() {
        let sparse = |weight| SecretKind::Sparse { weight };
        // A modulus that a dense secret may have.
        let wider = Preset { depth: 34, secret: sparse(192), ..Preset::N16 };
        assert!(Preset { depth: 34, ..Preset::N16 }.parameters().is_ok());
        assert!(
            matches!(wider.parameters(), Err(Error::Insecure { limit: 1550, .. })),
            "{:?}",
            wider.parameters()
        );
        // Nothing vouches for other rings, for fewer coefficients, or for secrets fuller than ternary ones.
        for (log_degree, weight) in [(15, 192), (17, 192), (16, 191), (16, 32), (16, 60_000), (16, 70_000)] {
            let preset = Preset { degree: 1 << log_degree, depth: 3, secret: sparse(weight), ..Preset::N16 };
            assert!(
                matches!(preset.parameters(), Err(Error::NoTable { .. })),
                "2^{log_degree}, weight {weight}"
            );
        }
        let source = security::limit(1 << 16, sparse(192)).unwrap().source;
        assert_ne!(source, security::limit(1 << 16, SecretKind::Ternary).unwrap().source);
    }
}
