//! The folder of a reproduction: a record a part, checkpoints, and lines that grow as trainings go on.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cannot;
use crate::failure::Failure;
use crate::interrupt;

/// A folder.
pub(super) struct Store(PathBuf);

impl Store {
    /// The folder, made where it is not there.
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
        Ok(Self(folder.to_path_buf()))
    }

    /// A place in it.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The record of that name; where there is none it is made, and kept.
    pub(super) fn kept<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let path = self.place(&format!("{name}.json"));
        if let Ok(text) = std::fs::read_to_string(&path) {
            return serde_json::from_str(&text).map_err(|error| cannot(&path, error));
        }
        let record = make()?;
        let text = serde_json::to_vec(&record).map_err(|error| cannot(&path, error))?;
        interrupt::held_off(|| models::cache::write_atomically(&path, &text))?;
        Ok(record)
    }
}

/// Adds a line to a file.
pub(super) fn append<T: Serialize>(path: &Path, record: &T) -> Result<(), Failure> {
    let mut line = serde_json::to_string(record).map_err(|error| cannot(path, error))?;
    line.push('\n');
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    }
    interrupt::held_off(|| {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(line.as_bytes())
    })
    .map_err(|error| cannot(path, error))
}

/// The lines of a file that can be read: the last may be cut short where a training was killed. None where there is no file.
pub(super) fn lines<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(store.kept::<u32>("one", || Err(Failure::failed("killed"))).is_err());
        assert_eq!(store.kept("one", || Ok(7)).unwrap(), 7);
        assert_eq!(store.kept("one", || Ok(8)).unwrap(), 7);
    }

    #[test]
    fn a_line_that_was_cut_short_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("lines");
        assert!(lines::<u32>(&path).is_empty());
        append(&path, &1).unwrap();
        append(&path, &2).unwrap();
        std::fs::write(&path, [std::fs::read(&path).unwrap().as_slice(), b"[3"].concat()).unwrap();
        assert_eq!(lines::<u32>(&path), [1, 2]);
    }
}
