//! The first look at a store: what is there, and what a crash left.

use std::collections::BTreeSet;

use super::{Blob, JobRecord, KeyRecord, State, Store};
use crate::problem::{Error, Result};

/// What a store held when it was opened.
pub struct Recovered {
    /// All keys.
    pub keys: Vec<KeyRecord>,
    /// All jobs, oldest first; those that ran when the service ended wait again.
    pub jobs: Vec<JobRecord>,
    /// Files that nothing named; they are gone.
    pub removed: usize,
}

pub(super) fn recover(store: &Store) -> Result<Recovered> {
    let keys = store.keys()?;
    let mut jobs = store.jobs()?;
    jobs.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    for job in &mut jobs {
        if job.state == State::Running {
            job.state = State::Queued;
            store.put_job(job)?;
        }
    }
    let mut removed = 0;
    for blob in Blob::ALL {
        let named: BTreeSet<&str> = match blob {
            Blob::Keys => keys.iter().map(|key| key.file.as_str()).collect(),
            Blob::Request => {
                jobs.iter().filter(|job| !job.state.is_over()).map(|job| job.id.as_str()).collect()
            }
            Blob::Results => {
                jobs.iter().filter(|job| job.state == State::Finished).map(|job| job.id.as_str()).collect()
            }
        };
        removed += clear(store, blob.folder(), |id| !named.contains(id))?;
    }
    removed += clear(store, "parts", |_| true)?;
    Ok(Recovered { keys, jobs, removed })
}

/// Removes the files of a folder of which `goes` is true, given their names without the ending.
fn clear(store: &Store, folder: &str, goes: impl Fn(&str) -> bool) -> Result<usize> {
    let mut removed = 0;
    for entry in std::fs::read_dir(store.folder.join(folder)).map_err(Error::store)? {
        let entry = entry.map_err(Error::store)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let id = name.strip_suffix(".henna").unwrap_or(&name);
        if goes(id) {
            std::fs::remove_file(entry.path()).map_err(Error::store)?;
            removed += 1;
        }
    }
    Ok(removed)
}
