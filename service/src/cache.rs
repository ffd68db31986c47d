//! Networks under owners' keys that are kept in memory, the least recently used ones given up first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::problem::{Error, Result};
use crate::schemes::Engine;

/// Whose keys, and which.
pub type KeyId = (String, String);

struct Kept {
    key: KeyId,
    engine: Arc<dyn Engine>,
    used: Instant,
}

/// Engines under a budget of memory.
pub struct Cache {
    budget: u64,
    share: u64,
    kept: Mutex<Vec<Kept>>,
    /// One engine is made at a time: two would not know of each other's memory.
    loading: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Expanded keys take at most this many times their file: seeds stand for half of them there, and residues take as many bits as their
/// primes have, not 64.
const EXPANSION: u64 = 3;

impl Cache {
    /// A cache of `budget` bytes, shared out among `concurrent` engines at work: none may take more than its share.
    #[must_use]
    pub fn new(budget: u64, concurrent: usize) -> Self {
        let share = budget / (concurrent.max(1) as u64);
        Self { budget, share, kept: Mutex::default(), loading: Mutex::default() }
    }

    /// Bytes that one engine may take.
    #[must_use]
    pub fn share(&self) -> u64 {
        self.share
    }

    /// Whether this engine is in memory.
    #[must_use]
    pub fn has(&self, key: &KeyId) -> bool {
        lock(&self.kept).iter().any(|kept| &kept.key == key)
    }

    /// Engines in memory, and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, u64) {
        let kept = lock(&self.kept);
        (kept.len(), kept.iter().map(|kept| kept.engine.bytes()).sum())
    }

    /// The engine of `key`, made by `load` where it is not in memory; whether it was. `file` is the size of the keys' file, and of the encrypted weights'.
    ///
    /// # Errors
    /// Those of `load`; [`Error::Refused`] for an engine that is larger than its share.
    pub fn get(
        &self,
        key: &KeyId,
        file: u64,
        load: impl FnOnce() -> Result<Arc<dyn Engine>>,
    ) -> Result<(Arc<dyn Engine>, bool)> {
        if let Some(engine) = self.touch(key) {
            return Ok((engine, true));
        }
        let _loading = lock(&self.loading);
        if let Some(engine) = self.touch(key) {
            return Ok((engine, true));
        }
        let expected = file.saturating_mul(EXPANSION);
        if file > self.share {
            return Err(self.too_large(file));
        }
        self.make_room(expected.min(self.share));
        let engine = load()?;
        if engine.bytes() > self.share {
            return Err(self.too_large(engine.bytes()));
        }
        self.make_room(engine.bytes());
        lock(&self.kept).push(Kept { key: key.clone(), engine: Arc::clone(&engine), used: Instant::now() });
        Ok((engine, false))
    }

    /// Gives up the engine of keys that are deleted.
    pub fn forget(&self, key: &KeyId) {
        lock(&self.kept).retain(|kept| &kept.key != key);
    }

    fn touch(&self, key: &KeyId) -> Option<Arc<dyn Engine>> {
        let mut kept = lock(&self.kept);
        let found = kept.iter_mut().find(|kept| &kept.key == key)?;
        found.used = Instant::now();
        Some(Arc::clone(&found.engine))
    }

    /// Gives up engines until `bytes` fit into the budget. Those at work stay: their memory would not come free.
    fn make_room(&self, bytes: u64) {
        let mut kept = lock(&self.kept);
        loop {
            let used: u64 = kept.iter().map(|kept| kept.engine.bytes()).sum();
            if used.saturating_add(bytes) <= self.budget {
                return;
            }
            let idle = kept.iter().enumerate().filter(|(_, kept)| Arc::strong_count(&kept.engine) == 1);
            let Some((oldest, _)) = idle.min_by_key(|(_, kept)| kept.used) else { return };
            kept.swap_remove(oldest);
        }
    }

    fn too_large(&self, bytes: u64) -> Error {
        Error::Refused(format!(
            "this network under these keys takes {bytes} bytes of memory, and a job may take {} here",
            self.share
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schemes::Observer;
    use exchange::{Header, Reader, Writer};

    struct Fake(u64);

    impl Engine for Fake {
        fn results_header(&self, request: &Header, _: &str) -> exchange::Result<Header> {
            Ok(request.clone())
        }
        fn evaluate(&self, _: &mut Reader, _: &mut Writer, _: &mut Observer<'_>) -> exchange::Result<()> {
            Ok(())
        }
        fn bytes(&self) -> u64 {
            self.0
        }
        fn sample_seconds(&self) -> f64 {
            1.0
        }
    }

    fn key(name: &str) -> KeyId {
        ("ann".to_owned(), name.to_owned())
    }

    fn take(cache: &Cache, name: &str, bytes: u64) -> bool {
        cache.get(&key(name), bytes / 3, || Ok(Arc::new(Fake(bytes)))).unwrap().1
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let cache = Cache::new(100, 1);
        assert!(!take(&cache, "a", 40) && !take(&cache, "b", 40));
        assert!(take(&cache, "a", 40));
        assert!(!take(&cache, "c", 40));
        assert_eq!((cache.has(&key("a")), cache.has(&key("b")), cache.has(&key("c"))), (true, false, true));
        assert_eq!(cache.size(), (2, 80));
        cache.forget(&key("a"));
        assert_eq!(cache.size(), (1, 40));
    }

    #[test]
    fn what_is_at_work_stays_and_what_is_too_large_is_refused() {
        let cache = Cache::new(100, 2);
        let (held, _) = cache.get(&key("a"), 1, || Ok(Arc::new(Fake(50)))).unwrap();
        assert!(!take(&cache, "b", 50) && !take(&cache, "c", 50));
        assert!(cache.has(&key("a")) && !cache.has(&key("b")));
        drop(held);
        // Refused before it is loaded where the file alone is too large, and after it otherwise.
        let unloaded = || -> Result<Arc<dyn Engine>> { unreachable!("it is not loaded") };
        assert!(matches!(cache.get(&key("d"), 51, unloaded), Err(Error::Refused(_))));
        assert!(matches!(cache.get(&key("d"), 17, || Ok(Arc::new(Fake(51)))), Err(Error::Refused(_))));
        assert!(!cache.has(&key("d")));
    }
}
