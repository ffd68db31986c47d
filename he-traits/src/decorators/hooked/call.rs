//! What a hook is told of an operation.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::defaults::is_small_integer;
use crate::{Counts, Level, Step};

/// The operations of an evaluator and of its capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Operation {
    /// `encode_factor`.
    EncodeFactor,
    /// `encode_addend`.
    EncodeAddend,
    /// `add`.
    Add,
    /// `sub`.
    Sub,
    /// `neg`.
    Neg,
    /// `add_plain`.
    AddPlain,
    /// `add_scalar`.
    AddScalar,
    /// `mul`.
    Mul,
    /// `mul_plain`.
    MulPlain,
    /// `mul_sum`.
    MulSum,
    /// `mul_plain_sum`.
    MulPlainSum,
    /// `rotate`.
    Rotate,
    /// `rotate_many`.
    RotateMany,
    /// `drop_to`.
    DropTo,
    /// `combine`.
    Combine,
    /// `prepare`.
    Prepare,
    /// `linear`.
    Linear,
    /// `layer`.
    Layer,
    /// `linear_encrypted`.
    LinearEncrypted,
    /// `polynomial`.
    Polynomial,
    /// `refresh` of the capability of that name.
    Refresh,
    /// `apply` of the capability `exact`.
    Apply,
    /// `div` of the capability `exact`.
    Div,
    /// `conjugate` of the capability `complex`.
    Conjugate,
    /// `mul_i` of the capability `complex`.
    MulI,
}

impl Operation {
    /// The name of the method.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EncodeFactor => "encode_factor",
            Self::EncodeAddend => "encode_addend",
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Neg => "neg",
            Self::AddPlain => "add_plain",
            Self::AddScalar => "add_scalar",
            Self::Mul => "mul",
            Self::MulPlain => "mul_plain",
            Self::MulSum => "mul_sum",
            Self::MulPlainSum => "mul_plain_sum",
            Self::Rotate => "rotate",
            Self::RotateMany => "rotate_many",
            Self::DropTo => "drop_to",
            Self::Combine => "combine",
            Self::Prepare => "prepare",
            Self::Linear => "linear",
            Self::Layer => "layer",
            Self::LinearEncrypted => "linear_encrypted",
            Self::Polynomial => "polynomial",
            Self::Refresh => "refresh",
            Self::Apply => "exact function",
            Self::Div => "exact quotient",
            Self::Conjugate => "conjugate",
            Self::MulI => "mul_i",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One call of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which operation.
    pub operation: Operation,
    /// Level of the operands: the highest of `combine`, the first elsewhere.
    pub level: Level,
    /// Pairs, terms, steps, values or ciphertexts that it was given.
    pub count: usize,
    /// What the call comes to in single operations, as far as can be told from outside.
    pub counts: Counts,
}

pub(super) fn additions(count: usize) -> Counts {
    Counts { additions: count as u64, ..Counts::default() }
}

fn rescales(level: Level) -> u64 {
    u64::from(!level.is_unbounded())
}

/// A sum of `count` products of ciphertexts, with one rescale.
pub(super) fn products(count: usize, level: Level) -> Counts {
    let products = count as u64;
    Counts { products, additions: products.saturating_sub(1), rescales: rescales(level), ..Counts::default() }
}

/// A sum of `count` products with plaintexts, with one rescale.
pub(super) fn plain_products(count: usize, level: Level) -> Counts {
    let plain_products = count as u64;
    let additions = plain_products.saturating_sub(1);
    Counts { plain_products, additions, rescales: rescales(level), ..Counts::default() }
}

/// Rotations of one ciphertext: those that are none are free, and all but the first are hoisted.
pub(super) fn rotations(steps: &[Step], slots: usize) -> Counts {
    let distinct: BTreeSet<usize> =
        steps.iter().map(|step| step.normalised(slots)).filter(|step| *step != 0).collect();
    let count = distinct.len() as u64;
    Counts { rotations: count.min(1), hoisted_rotations: count.saturating_sub(1), ..Counts::default() }
}

/// A linear combination of terms with their levels.
pub(super) fn combination(terms: &[(f64, Level)], constant: f64, to: Level) -> Counts {
    let mut counts = additions(terms.len().saturating_sub(1) + usize::from(constant != 0.0));
    for (coefficient, from) in terms {
        let free = from.is_unbounded();
        if *from == to && !free && is_small_integer(*coefficient) {
            counts.additions += coefficient.abs().max(1.0).log2() as u64;
        } else if *coefficient != 1.0 || (*from != to && !free) {
            counts.plain_products += 1;
        }
    }
    counts.rescales = u64::from(terms.iter().any(|(_, from)| *from > to && !from.is_unbounded()));
    counts
}
