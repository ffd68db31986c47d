//! Memory for ciphertexts that is used again.
//!
//! A ciphertext of a few thousand slots is larger than what allocators keep at hand: fresh from the operating system, its pages cost
//! more to map and to clear than a product costs to compute. Buffers that are dropped wait here for the next ciphertext of their
//! length, which overwrites them. They only ever hold ciphertexts.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers below which a buffer is left to the allocator.
const SMALLEST: usize = 512;

/// Numbers that may wait in all: 256 MiB.
const CAPACITY: usize = 1 << 25;

struct Waiting {
    by_length: BTreeMap<usize, Vec<Vec<f64>>>,
    numbers: usize,
}

static WAITING: Mutex<Waiting> = Mutex::new(Waiting { by_length: BTreeMap::new(), numbers: 0 });

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run of numbers, returned for further use when dropped.
pub(crate) struct Buffer(Vec<f64>);

impl Buffer {
    /// `length` numbers that are to be overwritten: whatever was there before.
    pub(crate) fn stale(length: usize) -> Self {
        if length < SMALLEST {
            return Self(vec![0.0; length]);
        }
        let mut waiting = waiting();
        let found = waiting.by_length.get_mut(&length).and_then(Vec::pop);
        if found.is_some() {
            waiting.numbers -= length;
        }
        drop(waiting);
        Self(found.unwrap_or_else(|| vec![0.0; length]))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.0);
        let length = numbers.len();
        if length < SMALLEST {
            return;
        }
        let mut waiting = waiting();
        if waiting.numbers + length <= CAPACITY {
            waiting.numbers += length;
            waiting.by_length.entry(length).or_default().push(numbers);
        }
    }
}

impl From<Vec<f64>> for Buffer {
    fn from(numbers: Vec<f64>) -> Self {
        Self(numbers)
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::stale(self.len());
        copy.copy_from_slice(self);
        copy
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Deref for Buffer {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_for_the_same_length_only() {
        // A length that no other test uses.
        let length = 54_321;
        let mut first = Buffer::stale(length);
        first.fill(7.0);
        drop(first);
        assert_eq!(Buffer::stale(length + 1).first(), Some(&0.0));
        let again = Buffer::stale(length);
        assert!(again.len() == length && again.iter().all(|value| *value == 7.0));
        assert!(again.clone() == again);
    }
}
