//! Levels and rotation steps: the two integers of the contract, each a type of its own so that they cannot be mixed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Multiplications left: a ciphertext at level 0 can be added to and rotated, but not multiplied.
///
/// Schemes without a budget (MORE, the clear reference) work at [`Level::UNBOUNDED`], which never shrinks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Level(u32);

impl Level {
    /// The level of schemes whose multiplications cost none.
    pub const UNBOUNDED: Level = Level(u32::MAX);
    /// No multiplication left.
    pub const ZERO: Level = Level(0);

    /// A level of `multiplications` left. `u32::MAX` is [`Level::UNBOUNDED`].
    pub const fn new(multiplications: u32) -> Self {
        Self(multiplications)
    }

    /// The number of multiplications left, `None` when unbounded.
    pub const fn get(self) -> Option<u32> {
        if self.is_unbounded() { None } else { Some(self.0) }
    }

    /// Whether this scheme never runs out.
    pub const fn is_unbounded(self) -> bool {
        self.0 == u32::MAX
    }

    /// Index into tables that have one row a level: the level itself, 0 when unbounded.
    pub const fn index(self) -> usize {
        if self.is_unbounded() { 0 } else { self.0 as usize }
    }

    /// The level after `op` consumed `needs` levels.
    ///
    /// # Errors
    /// [`Error::LevelExhausted`] when fewer are left.
    pub const fn spend(self, op: &'static str, needs: u32) -> Result<Self> {
        if self.is_unbounded() {
            return Ok(self);
        }
        match self.0.checked_sub(needs) {
            Some(left) => Ok(Self(left)),
            None => Err(Error::LevelExhausted { op, level: self, needs }),
        }
    }

    /// Checks that two operands of `op` share this level.
    ///
    /// # Errors
    /// [`Error::LevelMismatch`] otherwise.
    pub fn same(self, op: &'static str, other: Level) -> Result<()> {
        if self == other { Ok(()) } else { Err(Error::LevelMismatch { op, left: self, right: other }) }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(n) => n.fmt(f),
            None => "unbounded".fmt(f),
        }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Level({self})")
    }
}

/// How far a rotation moves the slots to the left: slot `i` of the result is slot `i + step` of the operand, cyclically.
///
/// Any integer is a valid step; [`Step::normalised`] brings it into `0..slots`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step(pub i64);

impl Step {
    /// The same rotation as a number in `0..slots`.
    pub fn normalised(self, slots: usize) -> usize {
        let modulus = i64::try_from(slots.max(1)).unwrap_or(i64::MAX);
        usize::try_from(self.0.rem_euclid(modulus)).unwrap_or(0)
    }
}

impl From<usize> for Step {
    fn from(step: usize) -> Self {
        Self(i64::try_from(step).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
