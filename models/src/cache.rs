//! Where downloaded and computed data are kept between runs.

use std::io::Write;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// The environment variable that names the cache directory.
pub const VARIABLE: &str = "HENNA_CACHE";

/// What can go wrong with cached files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Neither the variable nor the platform names a directory.
    #[error("no cache directory: the home directory is unknown; set {VARIABLE} to a folder")]
    NoDirectory,
    /// A file or folder could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Where it should go.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The cache directory: `HENNA_CACHE`, or `henna` in the platform's cache directory of the user. It need not exist yet.
///
/// # Errors
/// [`CacheError::NoDirectory`] where the platform knows no home.
pub fn directory() -> Result<PathBuf, CacheError> {
    if let Some(directory) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(directory));
    }
    let strategy = etcetera::choose_base_strategy().map_err(|_| CacheError::NoDirectory)?;
    Ok(strategy.cache_dir().join("henna"))
}

/// Writes a file whole or not at all: into a temporary neighbour first, which is then renamed.
///
/// # Errors
/// [`CacheError::Write`] with the path; the neighbour is removed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
    let failed = |source| CacheError::Write { path: path.to_path_buf(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let neighbour = path.with_file_name(name);
    let written = std::fs::File::create(&neighbour)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&neighbour, path));
    written.map_err(|source| {
        // Best effort: the error that matters is the one above.
        let _ = std::fs::remove_file(&neighbour);
        failed(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_whole_files_and_leaves_no_neighbour() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        // A folder in the way: the write fails, says where, and leaves nothing.
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        std::fs::create_dir(folder.path().join("folder/inside")).unwrap();
        let error = write_atomically(&folder.path().join("folder"), b"x").unwrap_err();
        assert!(error.to_string().contains("folder"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
