//! Aligned buffers that are reused: a polynomial is megabytes, and fresh pages cost more than arithmetic on them.

mod words;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use words::Words;
use zeroize::Zeroize;

/// Bytes that freed buffers may hold back for reuse, however few are in use.
pub(crate) const LEAST_RETAINED: usize = 512 << 20;

/// The part of the bytes in use that freed buffers may hold back, where that is more: what works on gigabytes frees and asks for hundreds of
/// megabytes at every step, and a system takes longer to clear pages than a transform to fill them.
const RETAINED_SHARE: usize = 8;

/// Freed buffers of one size class.
const PER_CLASS: usize = 256;

/// Size classes: the eighths from 5 to 8 of every power of two.
const CLASSES: usize = 4 * usize::BITS as usize;

static POOL: [OnceLock<ArrayQueue<Words>>; CLASSES] = [const { OnceLock::new() }; CLASSES];
static RETAINED: AtomicUsize = AtomicUsize::new(0);

/// Bytes of the buffers in use.
static LIVE: AtomicUsize = AtomicUsize::new(0);

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
            None => Words::zeros(capacity),
        };
        LIVE.fetch_add(words.len() * size_of::<u64>(), Ordering::Relaxed);
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
        &self.words.as_slice()[..self.len]
    }
}

impl std::ops::DerefMut for Buffer {
    #[expect(clippy::indexing_slicing, reason = "the capacity of a class is at least the length")]
    fn deref_mut(&mut self) -> &mut [u64] {
        &mut self.words.as_mut_slice()[..self.len]
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
        let words = std::mem::replace(&mut self.words, Words::none());
        let bytes = words.len() * size_of::<u64>();
        LIVE.fetch_sub(bytes, Ordering::Relaxed);
        if RETAINED.fetch_add(bytes, Ordering::Relaxed) + bytes > most_retained() && !make_room(self.class) {
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
    let most = most_retained();
    for (_, slot) in POOL.iter().enumerate().filter(|(class, _)| *class != kept) {
        while RETAINED.load(Ordering::Relaxed) > most {
            let Some(words) = slot.get().and_then(ArrayQueue::pop) else { break };
            RETAINED.fetch_sub(words.len() * size_of::<u64>(), Ordering::Relaxed);
        }
    }
    RETAINED.load(Ordering::Relaxed) <= most
}

/// Bytes that freed buffers may hold back now.
fn most_retained() -> usize {
    LEAST_RETAINED.max(LIVE.load(Ordering::Relaxed) / RETAINED_SHARE)
}

/// Words that a buffer of `len` takes.
pub(crate) fn capacity(len: usize) -> usize {
    size_class(len).1
}

/// The class of a length and the words that its buffers hold: the next of 5/8, 6/8, 7/8 and 8/8 of a power of two.
fn size_class(len: usize) -> (usize, usize) {
    let power = len.next_power_of_two().max(8);
    let eighths = len.div_ceil(power / 8).max(5);
    (4 * power.trailing_zeros() as usize + eighths - 5, power / 8 * eighths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_their_lengths_and_do_not_overlap() {
        let mut last = (0, 0);
        for len in 1..5000 {
            let (class, capacity) = size_class(len);
            assert!(capacity >= len && (len < 5 || capacity <= len + len / 4 + 1));
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
