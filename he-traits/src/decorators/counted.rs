//! Counting operations.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::hooked::{Call, Hook, Hooked};
use crate::{Counts, Result};

/// An evaluator that counts what it is asked for; `hook().counts()` tells.
pub type Counted<E> = Hooked<E, Counter>;

/// Adds up the operations that pass. Counts from outside: what a map or a polynomial does within comes from
/// [`crate::Symbolic`].
#[derive(Debug, Default)]
pub struct Counter {
    counts: Mutex<Counts>,
}

impl Counter {
    /// What was counted until now.
    pub fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted until now; counting starts again at nothing.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<C> Hook<C> for Counter {
    fn after(&self, call: &Call, _: &[&C], _: Duration) -> Result<()> {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) += call.counts;
        Ok(())
    }
}
