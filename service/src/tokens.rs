//! Who may come in. The operator makes a token an owner; the file keeps its SHA-256 alone.
//!
//! A token is `henna_<id>_<secret>`: 64 bits that find its line, and 256 random bits, of which a hash needs no salt. The file may change
//! while a service runs; the service looks at it again when its time, its size or its place on the disk has changed.

use std::fs::Metadata;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ids::{hex, now};
use crate::problem::{Error, Result};

const FILE: &str = "tokens.json";

/// A token's line in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The public part of the token.
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// SHA-256 of the secret part, hexadecimal.
    sha256: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Book {
    tokens: Vec<Entry>,
}

/// The tokens of a store.
pub struct Tokens {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// What the file looked like when it was read.
    stamp: Option<Stamp>,
    entries: Vec<Entry>,
}

#[derive(PartialEq)]
struct Stamp(Option<std::time::SystemTime>, u64, u64);

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let place = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let place = 0;
        Self(metadata.modified().ok(), metadata.len(), place)
    }
}

/// Whether an owner may be called so: letters, digits, `-`, `_`, `.` and `@`, 64 at most.
fn is_name(owner: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=64).contains(&owner.len()) && owner.bytes().all(allowed)
}

fn digest(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

impl Tokens {
    /// The tokens of the store in `folder`; there need not be any yet.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { path: folder.join(FILE), known: Mutex::default() }
    }

    /// Makes a token for `owner` and keeps its hash. The token itself is nowhere afterwards but in what is returned.
    ///
    /// # Errors
    /// [`Error::Setup`] for a name that is none, or a file that cannot be read or written.
    pub fn add(&self, owner: &str) -> Result<String> {
        if !is_name(owner) {
            return Err(Error::Setup(format!(
                "{owner:?} is no name of an owner: letters, digits and -_.@ are, 64 at most"
            )));
        }
        let (id, secret) = (hex(&rand::random::<[u8; 8]>()), hex(&rand::random::<[u8; 32]>()));
        let mut entries = self.read()?;
        entries.push(Entry {
            id: id.clone(),
            owner: owner.to_owned(),
            created: now(),
            sha256: digest(&secret),
        });
        self.write(&entries)?;
        Ok(format!("henna_{id}_{secret}"))
    }

    /// All tokens' lines.
    ///
    /// # Errors
    /// [`Error::Setup`] for a file that cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>> {
        self.read()
    }

    /// Takes back the token `id`, or all tokens of the owner `id`; how many those were.
    ///
    /// # Errors
    /// [`Error::Setup`] when there is none, or the file cannot be read or written.
    pub fn revoke(&self, id: &str) -> Result<usize> {
        let entries = self.read()?;
        let kept: Vec<Entry> =
            entries.iter().filter(|entry| entry.id != id && entry.owner != id).cloned().collect();
        if kept.len() == entries.len() {
            return Err(Error::Setup(format!("there is no token and no owner {id:?}")));
        }
        self.write(&kept)?;
        Ok(entries.len() - kept.len())
    }

    /// Whose token this is.
    pub fn owner(&self, token: &str) -> Option<String> {
        let (id, secret) = token.strip_prefix("henna_")?.split_once('_')?;
        let asked = digest(secret);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = std::fs::metadata(&self.path).ok().map(|metadata| Stamp::of(&metadata));
        if known.stamp != stamp {
            match self.read() {
                Ok(entries) => *known = Known { stamp, entries },
                Err(error) => tracing::error!(%error, "tokens as they were before stay valid"),
            }
        }
        let entry = known.entries.iter().find(|entry| entry.id == id)?;
        bool::from(entry.sha256.as_bytes().ct_eq(asked.as_bytes())).then(|| entry.owner.clone())
    }

    fn read(&self) -> Result<Vec<Entry>> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let book: Book = serde_json::from_slice(&bytes).map_err(|error| self.failed(error))?;
        Ok(book.tokens)
    }

    fn write(&self, entries: &[Entry]) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        crate::store::make_folder(folder)?;
        // Temporary files are for their owner alone (mode 600), and so stays what takes their name.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| self.failed(error))?;
        let text =
            serde_json::to_vec_pretty(&Book { tokens: entries.to_vec() }).map_err(|e| self.failed(e))?;
        file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(|error| self.failed(error))?;
        file.persist(&self.path).map_err(|error| self.failed(error.error))?;
        Ok(())
    }

    fn failed(&self, error: impl std::fmt::Display) -> Error {
        Error::Setup(format!("{}: {error}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_open_until_they_are_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let (operator, service) = (Tokens::of(folder.path()), Tokens::of(folder.path()));
        assert_eq!(service.owner("henna_00_11"), None);
        let (ann, bob) = (operator.add("ann").unwrap(), operator.add("bob@clinic.example").unwrap());
        assert_eq!(service.owner(&ann).as_deref(), Some("ann"));
        assert_eq!(service.owner(&bob).as_deref(), Some("bob@clinic.example"));
        let (start, secret) = ann.rsplit_once('_').unwrap();
        let altered = if secret.starts_with('0') { "1" } else { "0" }.to_owned() + &secret[1..];
        for wrong in ["", "henna_", start, &format!("{start}_{altered}"), &ann[..ann.len() - 1], &ann[6..]] {
            assert_eq!(service.owner(wrong), None, "{wrong}");
        }
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(text.contains("ann") && !text.contains(secret), "{text}");
        assert_eq!(operator.revoke("ann").unwrap(), 1);
        assert_eq!(service.owner(&ann), None);
        assert!(service.owner(&bob).is_some());
        assert!(operator.revoke("ann").is_err());
        for wrong in ["", "a b", "a/b", &"a".repeat(65)] {
            assert!(operator.add(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_the_operator_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        Tokens::of(&store).add("ann").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&store), mode(&store.join(FILE))), (0o700, 0o600));
    }
}
