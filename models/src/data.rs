//! Where data sets lie: never in the project, but in the folder that `HENNA_DATA` names, else in the user's cache.

use std::path::{Path, PathBuf};

use crate::cache;
use crate::error::ModelError;

/// The environment variable that names the folder with one subfolder a data set.
pub const VARIABLE: &str = "HENNA_DATA";

/// Folder of the data set `name`: under `root` when given, else under `HENNA_DATA`, else under the cache. It need not exist.
///
/// # Errors
/// [`ModelError::Cache`] when neither variable nor platform names a folder.
pub fn folder(root: Option<&Path>, name: &str) -> Result<PathBuf, ModelError> {
    if let Some(root) = root {
        return Ok(root.join(name));
    }
    match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        Some(root) => Ok(PathBuf::from(root).join(name)),
        None => Ok(cache::directory()?.join("data").join(name)),
    }
}
