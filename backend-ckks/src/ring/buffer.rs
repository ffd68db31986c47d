//! Aligned buffers that are reused: a polynomial is megabytes, and fresh pages cost more than arithmetic on them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aligned_vec::{AVec, ConstAlign};
use crossbeam_queue::ArrayQueue;
use zeroize::Zeroize;

type Words = AVec<u64, ConstAlign<64>>;

/// Bytes that freed buffers may hold back for reuse.
const RETAINED_BYTES: usize = 512 << 20;

/// Freed buffers of one size class.
const PER_CLASS: usize = 256;

/// Size classes: powers of two and three halves of them.
const CLASSES: usize = 2 * usize::BITS as usize;

static POOL: [OnceLock<ArrayQueue<Words>>; CLASSES] = [const { OnceLock::new() }; CLASSES];
static RETAINED: AtomicUsize = AtomicUsize::new(0);

/// A 64-byte aligned run of words. Dropped buffers are kept for reuse, without a lock.
pub(crate) struct Buffer {
    words: Words,
    len: usize,
    class: usize,
}

impl Buffer {
    /// A buffer of zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        let mut buffer = Self::scratch(len);
        buffer.fill(0);
        buffer
    }

    /// A buffer whose words are unspecified: for outputs that are written before they are read.
    pub(crate) fn scratch(len: usize) -> Self {
        let (class, capacity) = size_class(len);
        let pooled = POOL.get(class).and_then(|slot| slot.get()?.pop());
        let words = match pooled {
            Some(words) => {
                RETAINED.fetch_sub(words.len() * size_of::<u64>(), Ordering::Relaxed);
                words
            }
            None => AVec::from_iter(64, std::iter::repeat_n(0, capacity)),
        };
        Self { words, len, class }
    }

    /// Forgets all but the first `len` words.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Overwrites the words with zeros.
    pub(crate) fn erase(&mut self) {
        self.words.as_mut_slice().zeroize();
    }
}

impl std::ops::Deref for Buffer {
    type Target = [u64];

    #[expect(clippy::indexing_slicing, reason = "the capacity of a class is at least the length")]
    fn deref(&self) -> &[u64] {
        &self.words[..self.len]
    }
}

impl std::ops::DerefMut for Buffer {
    #[expect(clippy::indexing_slicing, reason = "the capacity of a class is at least the length")]
    fn deref_mut(&mut self) -> &mut [u64] {
        &mut self.words[..self.len]
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::scratch(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let words = std::mem::replace(&mut self.words, AVec::new(64));
        let bytes = words.len() * size_of::<u64>();
        if RETAINED.fetch_add(bytes, Ordering::Relaxed) + bytes > RETAINED_BYTES && !make_room(self.class) {
            RETAINED.fetch_sub(bytes, Ordering::Relaxed);
            return;
        }
        let Some(slot) = POOL.get(self.class) else { return };
        if slot.get_or_init(|| ArrayQueue::new(PER_CLASS)).push(words).is_err() {
            RETAINED.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// Frees buffers of other classes than `kept` until those that are left fit. What was freed last is what will be asked for next: without this,
/// buffers of sizes that nobody uses any more would keep out those in use. Whether they fit now.
fn make_room(kept: usize) -> bool {
    for (_, slot) in POOL.iter().enumerate().filter(|(class, _)| *class != kept) {
        while RETAINED.load(Ordering::Relaxed) > RETAINED_BYTES {
            let Some(words) = slot.get().and_then(ArrayQueue::pop) else { break };
            RETAINED.fetch_sub(words.len() * size_of::<u64>(), Ordering::Relaxed);
        }
    }
    RETAINED.load(Ordering::Relaxed) <= RETAINED_BYTES
}

/// Words that a buffer of `len` takes.
pub(crate) fn capacity(len: usize) -> usize {
    size_class(len).1
}

/// The class of a length and the words that its buffers hold: the next of 2^k and 3 2^k.
fn size_class(len: usize) -> (usize, usize) {
    let power = len.next_power_of_two();
    let exponent = power.trailing_zeros() as usize;
    if len <= power / 4 * 3 { (2 * exponent, power / 4 * 3) } else { (2 * exponent + 1, power) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_their_lengths_and_do_not_overlap() {
        let mut last = (0, 0);
        for len in 1..5000 {
            let (class, capacity) = size_class(len);
            assert!(capacity >= len && capacity <= 2 * len);
            if class == last.0 {
                assert_eq!(capacity, last.1);
            } else {
                assert!(capacity > last.1, "length {len}");
            }
            last = (class, capacity);
        }
    }

    #[test]
    fn buffers_are_aligned_and_zeroed() {
        for len in [8, 100, 1 << 12, 3 << 12] {
            let mut buffer = Buffer::zeroed(len);
            assert_eq!(buffer.as_ptr() as usize % 64, 0);
            assert_eq!(buffer.len(), len);
            buffer.fill(7);
            drop(buffer);
            assert!(Buffer::zeroed(len).iter().all(|&word| word == 0));
        }
    }
}
