//! Where the words of a buffer lie: small ones on the heap, large ones on huge pages of their own.
//!
//! A polynomial of megabytes on pages of 4 KiB costs thousands of page faults when it is first written, and the transforms that stride
//! through it miss the translation buffer. Systems give huge pages to those who ask for them, and malloc does not ask.

use aligned_vec::{AVec, ConstAlign};
use memmap2::MmapMut;

/// Bytes of a huge page, and of the smallest buffers that get some.
const HUGE_PAGE: usize = 2 << 20;

/// A 64-byte aligned run of words.
pub(super) enum Words {
    Heap(AVec<u64, ConstAlign<64>>),
    /// Memory of its own, where `words` words begin at byte `offset`.
    Pages {
        map: MmapMut,
        offset: usize,
        words: usize,
    },
}

impl Words {
    /// No words, and no memory.
    pub(super) fn none() -> Self {
        Self::Heap(AVec::new(64))
    }

    /// So many zeros.
    pub(super) fn zeros(count: usize) -> Self {
        huge(count).unwrap_or_else(|| Self::Heap(AVec::from_iter(64, std::iter::repeat_n(0, count))))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Heap(words) => words.len(),
            Self::Pages { words, .. } => *words,
        }
    }

    pub(super) fn as_slice(&self) -> &[u64] {
        match self {
            Self::Heap(words) => words,
            Self::Pages { map, offset, words } => within(map, *offset, *words)
                .and_then(|bytes| bytemuck::try_cast_slice(bytes).ok())
                .unwrap_or_default(),
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u64] {
        match self {
            Self::Heap(words) => words,
            Self::Pages { map, offset, words } => map
                .get_mut(*offset..*offset + *words * size_of::<u64>())
                .and_then(|bytes| bytemuck::try_cast_slice_mut(bytes).ok())
                .unwrap_or_default(),
        }
    }
}

fn within(map: &MmapMut, offset: usize, words: usize) -> Option<&[u8]> {
    map.get(offset..offset + words * size_of::<u64>())
}

/// Words that begin on a huge page, as zeros; `None` for few of them and where the system has no such memory to give.
fn huge(count: usize) -> Option<Words> {
    let bytes = count.checked_mul(size_of::<u64>()).filter(|bytes| *bytes >= HUGE_PAGE)?;
    let map = MmapMut::map_anon(bytes.checked_add(HUGE_PAGE)?).ok()?;
    let address = map.as_ptr() as usize;
    let offset = address.next_multiple_of(HUGE_PAGE) - address;
    // Whole huge pages alone: half of one at the end would be given, and counted, whole. Refused advice costs time, nothing else.
    #[cfg(target_os = "linux")]
    let _ = map.advise_range(memmap2::Advice::HugePage, offset, bytes / HUGE_PAGE * HUGE_PAGE);
    Some(Words::Pages { map, offset, words: count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_size_are_aligned_zeroed_and_written() {
        for count in [0, 1, 100, HUGE_PAGE / 8 - 1, HUGE_PAGE / 8, 3 * HUGE_PAGE / 8 + 5] {
            let mut words = Words::zeros(count);
            assert_eq!((words.len(), words.as_slice().len()), (count, count));
            assert!(words.as_slice().iter().all(|word| *word == 0));
            assert!(words.as_slice().as_ptr().addr().is_multiple_of(64));
            words.as_mut_slice().iter_mut().enumerate().for_each(|(at, word)| *word = at as u64);
            assert!(words.as_slice().iter().enumerate().all(|(at, word)| *word == at as u64));
        }
    }
}
