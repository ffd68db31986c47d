//! Writing a file: whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{FORMAT_VERSION, MAGIC, MAX_HEADER};
use crate::error::{Error, Result};
use crate::header::{Header, Kind};

/// Writes entries to a temporary neighbour, which takes the file's place when it is complete and on the disk; a writer that is dropped
/// leaves nothing.
pub struct Writer {
    path: PathBuf,
    file: NamedTempFile,
    hash: Sha256,
    entries: u64,
    bytes: u64,
    secret: bool,
}

impl Writer {
    /// Starts the file `path`, in a folder that is made where it is missing. A secret key's file and folder are for their owner alone (mode
    /// 600 in a folder of mode 700), and never replace a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Exists`] for a secret key in the place of another file.
    pub fn create(path: &Path, header: &Header) -> Result<Self> {
        let secret = header.kind == Kind::SecretKey;
        if secret && path.exists() {
            return Err(Error::Exists { path: path.to_path_buf() });
        }
        let folder = folder_of(path);
        make_folder(folder, secret)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".henna-").suffix(".part");
        permissions(&mut builder, secret);
        let file = builder.tempfile_in(folder).map_err(|error| Error::io(folder, error))?;
        let mut writer =
            Self { path: path.to_path_buf(), file, hash: Sha256::new(), entries: 0, bytes: 0, secret };
        let text = serde_json::to_vec(header).map_err(|error| Error::io(path, error.into()))?;
        let length =
            u32::try_from(text.len()).ok().filter(|length| *length <= MAX_HEADER).ok_or_else(|| {
                Error::malformed(
                    &path.display().to_string(),
                    format!("a header of {} bytes is too long", text.len()),
                )
            })?;
        writer.write(MAGIC)?;
        writer.write(&FORMAT_VERSION.to_le_bytes())?;
        writer.write(&length.to_le_bytes())?;
        writer.write(&text)?;
        Ok(writer)
    }

    /// The temporary neighbour: what an interrupted program should remove.
    #[must_use]
    pub fn part(&self) -> &Path {
        self.file.path()
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn push(&mut self, entry: &[u8]) -> Result<()> {
        self.write(&(entry.len() as u64).to_le_bytes())?;
        self.write(entry)?;
        self.entries += 1;
        Ok(())
    }

    /// Completes the file and puts it in its place; its size in bytes.
    ///
    /// # Errors
    /// [`Error::Io`]; nothing is left then.
    pub fn finish(mut self) -> Result<u64> {
        self.write(&self.entries.to_le_bytes())?;
        let digest = std::mem::take(&mut self.hash).finalize();
        self.write(&digest)?;
        let Self { path, file, bytes, secret, .. } = self;
        file.as_file().sync_all().map_err(|error| Error::io(&path, error))?;
        // A secret that appeared meanwhile stays.
        let placed = if secret { file.persist_noclobber(&path) } else { file.persist(&path) };
        placed.map_err(|error| Error::io(&path, error.error))?;
        sync_folder(folder_of(&path));
        Ok(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|error| Error::io(&self.path, error))
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn make_folder(folder: &Path, secret: bool) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    #[cfg(not(unix))]
    let _ = secret;
    builder.create(folder).map_err(|error| Error::io(folder, error))
}

/// Temporary files are for their owner alone; what goes to the other side gets the user's ordinary permissions.
#[cfg(unix)]
fn permissions(builder: &mut tempfile::Builder<'_, '_>, secret: bool) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(if secret { 0o600 } else { 0o666 }));
}

#[cfg(not(unix))]
fn permissions(_: &mut tempfile::Builder<'_, '_>, _: bool) {}

/// Makes the new name last; where folders cannot be synchronised the system does it in its own time.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
}
