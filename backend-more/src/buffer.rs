//! Memory for ciphertexts that is used again.
//!
//! A ciphertext of a few thousand slots is larger than what allocators keep at hand: fresh from the operating system, its pages cost
//! more to map and to clear than a product costs to compute. Buffers that are dropped wait here for the next ciphertext of their
//! length, which overwrites them. They only ever hold ciphertexts.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::kernel::Line;

/// Bytes below which a buffer is left to the allocator.
const SMALLEST: usize = 4096;

/// Bytes of one kind that may wait in all: 256 MiB.
const CAPACITY: usize = 1 << 28;

/// What a buffer is made of.
pub(crate) trait Element: Copy + 'static {
    /// What a buffer holds that nobody wrote to yet.
    const ZERO: Self;

    /// The buffers of this kind that wait.
    fn waiting() -> &'static Mutex<Waiting<Self>>;
}

impl Element for f64 {
    const ZERO: Self = 0.0;

    fn waiting() -> &'static Mutex<Waiting<Self>> {
        static WAITING: Mutex<Waiting<f64>> = Mutex::new(Waiting::new());
        &WAITING
    }
}

impl Element for Line {
    const ZERO: Self = Line::ZERO;

    fn waiting() -> &'static Mutex<Waiting<Self>> {
        static WAITING: Mutex<Waiting<Line>> = Mutex::new(Waiting::new());
        &WAITING
    }
}

/// Buffers that wait to be used again.
pub(crate) struct Waiting<T> {
    by_length: BTreeMap<usize, Vec<Vec<T>>>,
    bytes: usize,
}

impl<T> Waiting<T> {
    const fn new() -> Self {
        Self { by_length: BTreeMap::new(), bytes: 0 }
    }
}

fn waiting<T: Element>() -> MutexGuard<'static, Waiting<T>> {
    T::waiting().lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run of numbers, returned for further use when dropped.
pub(crate) struct Buffer<T: Element = f64>(Vec<T>);

impl<T: Element> Buffer<T> {
    /// `length` elements that are to be overwritten: whatever was there before.
    pub(crate) fn stale(length: usize) -> Self {
        let bytes = length * size_of::<T>();
        if bytes < SMALLEST {
            return Self(vec![T::ZERO; length]);
        }
        let mut waiting = waiting::<T>();
        let found = waiting.by_length.get_mut(&length).and_then(Vec::pop);
        if found.is_some() {
            waiting.bytes -= bytes;
        }
        drop(waiting);
        Self(found.unwrap_or_else(|| vec![T::ZERO; length]))
    }
}

impl<T: Element> Drop for Buffer<T> {
    fn drop(&mut self) {
        let elements = std::mem::take(&mut self.0);
        let bytes = size_of_val(elements.as_slice());
        if bytes < SMALLEST {
            return;
        }
        let mut waiting = waiting::<T>();
        if waiting.bytes + bytes <= CAPACITY {
            waiting.bytes += bytes;
            waiting.by_length.entry(elements.len()).or_default().push(elements);
        }
    }
}

impl<T: Element> From<Vec<T>> for Buffer<T> {
    fn from(elements: Vec<T>) -> Self {
        Self(elements)
    }
}

impl<T: Element> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::stale(self.len());
        copy.copy_from_slice(self);
        copy
    }
}

impl<T: Element + PartialEq> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Element> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Element> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
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
        let mut first: Buffer = Buffer::stale(length);
        first.fill(7.0);
        drop(first);
        assert_eq!(Buffer::stale(length + 1).first(), Some(&0.0));
        let again: Buffer = Buffer::stale(length);
        assert!(again.len() == length && again.iter().all(|value| *value == 7.0));
        assert!(again.clone() == again);
    }
}
