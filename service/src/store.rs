//! Keys, jobs, requests and results on the disk.
//!
//! ```text
//! records.redb     what is here: keys by owner and number, jobs by number
//! keys/ID.henna    evaluation keys
//! requests/ID.henna, results/ID.henna    of the job ID
//! parts/           uploads and results that are not complete
//! tokens.json      see `tokens`
//! ```
//! A file is on the disk (fsync, rename, fsync of the folder) before the record that names it is committed, and a record is gone before its
//! file is removed. So a crash at any moment leaves records whose files are whole, and at worst files that nothing names: those are removed
//! at the next start.

mod records;
mod recovery;

use std::fs::File;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use records::{JobRecord, KeyRecord, State};
pub use recovery::Recovered;

use crate::problem::{Error, Result};

const KEYS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("keys");
const JOBS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("jobs");
const PLANS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("plans");

/// Bytes of the database that are kept in memory.
const DATABASE_CACHE: usize = 16 << 20;

/// What a file in the store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blob {
    /// Evaluation keys.
    Keys,
    /// Encrypted samples.
    Request,
    /// Encrypted results.
    Results,
}

impl Blob {
    const ALL: [Self; 3] = [Self::Keys, Self::Request, Self::Results];

    fn folder(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Request => "requests",
            Self::Results => "results",
        }
    }
}

/// The store of one service; another process that opens it is refused.
pub struct Store {
    folder: PathBuf,
    database: Database,
}

/// Makes a folder that is for its owner alone.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| Error::Setup(format!("{}: {error}", folder.display())))
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn to_bytes(record: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(record).map_err(Error::store)
}

fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(Error::store)
}

impl Store {
    /// Opens the store in `folder`, which is made where it is missing, and clears away what a crash left.
    ///
    /// # Errors
    /// [`Error::Setup`] when the folder cannot be made or another process has the store open; [`Error::Store`].
    pub fn open(folder: &Path) -> Result<(Self, Recovered)> {
        make_folder(folder)?;
        for name in Blob::ALL.map(Blob::folder).into_iter().chain(["parts"]) {
            make_folder(&folder.join(name))?;
        }
        let path = folder.join("records.redb");
        let database = Database::builder().set_cache_size(DATABASE_CACHE).create(&path).map_err(|error| {
            Error::Setup(match error {
                redb::DatabaseError::DatabaseAlreadyOpen => {
                    format!("{} is open in another process: a store serves one at a time", path.display())
                }
                other => format!("{}: {other}", path.display()),
            })
        })?;
        let store = Self { folder: folder.to_path_buf(), database };
        store.write(|transaction| {
            transaction.open_table(KEYS)?;
            transaction.open_table(JOBS)?;
            transaction.open_table(PLANS)?;
            Ok(())
        })?;
        let recovered = recovery::recover(&store)?;
        Ok((store, recovered))
    }

    /// Where the file `id` is, or will be.
    #[must_use]
    pub fn path(&self, blob: Blob, id: &str) -> PathBuf {
        self.folder.join(blob.folder()).join(format!("{id}.henna"))
    }

    /// The folder for what is not complete.
    #[must_use]
    pub fn parts(&self) -> PathBuf {
        self.folder.join("parts")
    }

    /// Brings a complete part to the disk and to its place.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn place(&self, part: tempfile::TempPath, blob: Blob, id: &str) -> Result<()> {
        let path = self.path(blob, id);
        File::open(&part).and_then(|file| file.sync_all()).map_err(Error::store)?;
        part.persist(&path).map_err(|error| Error::store(error.error))?;
        sync_folder(&self.folder.join(blob.folder())).map_err(Error::store)
    }

    /// Removes a file; one that is not there is no failure.
    pub fn remove(&self, blob: Blob, id: &str) {
        let path = self.path(blob, id);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::error!(%error, "a file stays until the next start");
            }
            _ => {}
        }
    }

    /// Commits a key's record: when this returns, the key is there to stay.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn put_key(&self, record: &KeyRecord) -> Result<()> {
        let bytes = to_bytes(record)?;
        self.write(|transaction| {
            let mut table = transaction.open_table(KEYS)?;
            table.insert((record.owner.as_str(), record.number.as_str()), bytes.as_slice())?;
            Ok(())
        })
    }

    /// Removes a key's record, then its file.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn delete_key(&self, record: &KeyRecord) -> Result<()> {
        self.write(|transaction| {
            transaction.open_table(KEYS)?.remove((record.owner.as_str(), record.number.as_str()))?;
            Ok(())
        })?;
        self.remove(Blob::Keys, &record.file);
        Ok(())
    }

    /// Commits a job's record.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn put_job(&self, record: &JobRecord) -> Result<()> {
        let bytes = to_bytes(record)?;
        self.write(|transaction| {
            transaction.open_table(JOBS)?.insert(record.id.as_str(), bytes.as_slice())?;
            Ok(())
        })
    }

    /// Removes a job's record, then its files.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn delete_job(&self, id: &str) -> Result<()> {
        self.write(|transaction| {
            transaction.open_table(JOBS)?.remove(id)?;
            Ok(())
        })?;
        self.remove(Blob::Request, id);
        self.remove(Blob::Results, id);
        Ok(())
    }

    /// A plan that was kept under `key`, as JSON.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn plan<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let transaction = self.database.begin_read().map_err(Error::store)?;
        let table = transaction.open_table(PLANS).map_err(Error::store)?;
        let found = table.get(key).map_err(Error::store)?;
        found.map(|bytes| from_bytes(bytes.value())).transpose()
    }

    /// Keeps a plan.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn put_plan(&self, key: &str, plan: &impl Serialize) -> Result<()> {
        let bytes = to_bytes(plan)?;
        self.write(|transaction| {
            transaction.open_table(PLANS)?.insert(key, bytes.as_slice())?;
            Ok(())
        })
    }

    fn records<T: DeserializeOwned>(
        &self,
        read: impl FnOnce(&redb::ReadTransaction) -> Records,
    ) -> Result<Vec<T>> {
        let transaction = self.database.begin_read().map_err(Error::store)?;
        read(&transaction).map_err(Error::store)?.iter().map(|bytes| from_bytes(bytes)).collect()
    }

    fn keys(&self) -> Result<Vec<KeyRecord>> {
        self.records(|transaction| {
            let table = transaction.open_table(KEYS)?;
            table.iter()?.map(|entry| Ok(entry?.1.value().to_vec())).collect()
        })
    }

    fn jobs(&self) -> Result<Vec<JobRecord>> {
        self.records(|transaction| {
            let table = transaction.open_table(JOBS)?;
            table.iter()?.map(|entry| Ok(entry?.1.value().to_vec())).collect()
        })
    }

    /// One durable transaction: redb brings it to the disk before it returns.
    fn write(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> std::result::Result<(), redb::Error>,
    ) -> Result<()> {
        let transaction = self.database.begin_write().map_err(Error::store)?;
        change(&transaction).map_err(Error::store)?;
        transaction.commit().map_err(Error::store)
    }
}

type Records = std::result::Result<Vec<Vec<u8>>, redb::Error>;
