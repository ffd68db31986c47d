//! What is accepted: checked against the limits, on the disk before it is promised.

use exchange::Header;
use tempfile::TempPath;

use super::{Inner, Jobs, Live, State, no_key};
use crate::ids::{is_id, now};
use crate::problem::{Error, Result};
use crate::store::{Blob, JobRecord, KeyRecord};

/// A file that came whole.
pub(crate) struct Upload {
    /// Where it is.
    pub(crate) part: TempPath,
    /// What it says about itself; the checksum was right.
    pub(crate) header: Header,
    /// Its size.
    pub(crate) bytes: u64,
    /// SHA-256 with which it ends, hexadecimal.
    pub(crate) checksum: String,
    /// Entries that it holds.
    pub(crate) entries: u64,
}

impl Jobs {
    /// Whether keys with this header would be taken now. Asked before their bytes are read.
    ///
    /// # Errors
    /// [`Error::Refused`] for a foreign scheme or network; [`Error::Conflict`] for one key too many.
    pub(crate) fn admit_key(&self, owner: &str, header: &Header) -> Result<()> {
        if !is_id(&header.keys) {
            return Err(Error::Refused("the file's number of keys is none: make keys anew".to_owned()));
        }
        if !self.schemes.names().contains(&header.scheme.as_str()) {
            let names = self.schemes.names().join(", ");
            return Err(Error::Refused(format!(
                "the keys are for {}, this server has {names}",
                header.scheme
            )));
        }
        self.catalogue.of(header)?;
        self.room_for_key(&self.lock(), owner, &header.keys)
    }

    fn room_for_key(&self, inner: &Inner, owner: &str, number: &str) -> Result<()> {
        let id = (owner.to_owned(), number.to_owned());
        if inner.closing {
            return Err(Error::ShuttingDown);
        }
        if inner.keys.contains_key(&id) {
            return Ok(());
        }
        let stored = inner.keys.keys().filter(|(of, _)| of == owner).count();
        let coming = inner.pending_keys.iter().filter(|(of, _)| of == owner).count();
        if stored + coming >= self.limits.keys {
            return Err(Error::Conflict(format!(
                "{} keys are here, and an owner may have {}: delete one first",
                stored + coming,
                self.limits.keys
            )));
        }
        Ok(())
    }

    /// Takes keys; whether they are new. When this returns they are on the disk.
    ///
    /// # Errors
    /// As [`Jobs::admit_key`]; [`Error::Conflict`] when other bytes are here under the same number; [`Error::Store`].
    pub(crate) fn accept_key(&self, owner: &str, upload: Upload) -> Result<bool> {
        let Upload { part, header, bytes, checksum, .. } = upload;
        let number = header.keys.clone();
        let id = (owner.to_owned(), number.clone());
        {
            let mut inner = self.lock();
            self.room_for_key(&inner, owner, &number)?;
            match inner.keys.get(&id) {
                Some(known) if known.checksum == checksum => return Ok(false),
                Some(_) => {
                    return Err(Error::Conflict(format!(
                        "other keys are here as {number}: delete them first"
                    )));
                }
                None => {}
            }
            if !inner.pending_keys.insert(id.clone()) {
                return Err(Error::Conflict(format!("the keys {number} are being uploaded already")));
            }
        }
        let file = exchange::random_id();
        let record =
            KeyRecord { owner: owner.to_owned(), number, file, checksum, bytes, header, created: now() };
        let stored =
            self.store.place(part, Blob::Keys, &record.file).and_then(|()| self.store.put_key(&record));
        let mut inner = self.lock();
        inner.pending_keys.remove(&id);
        match stored {
            Ok(()) => {
                inner.keys.insert(id, record);
                Ok(true)
            }
            Err(error) => {
                self.store.remove(Blob::Keys, &record.file);
                Err(error)
            }
        }
    }

    /// Whether a job would find room now. Asked before anything of the request is read.
    ///
    /// # Errors
    /// [`Error::Busy`] with the time until there is room; [`Error::Conflict`] for one job too many; [`Error::ShuttingDown`].
    pub(crate) fn room_for_job(&self, owner: &str) -> Result<()> {
        self.room(&self.lock(), owner)
    }

    fn room(&self, inner: &Inner, owner: &str) -> Result<()> {
        if inner.closing {
            return Err(Error::ShuttingDown);
        }
        let coming: usize = inner.pending_jobs.values().sum();
        if inner.queue.len() + coming >= self.limits.queue {
            let seconds = self.until_room(inner).ceil().clamp(1.0, 3600.0) as u64;
            let reason = format!("{} jobs wait already", inner.queue.len() + coming);
            return Err(Error::Busy { reason, seconds });
        }
        let own = inner.jobs.values().filter(|job| job.owner == owner).count();
        let own = own + inner.pending_jobs.get(owner).copied().unwrap_or_default();
        if own >= self.limits.jobs {
            return Err(Error::Conflict(format!(
                "{own} jobs are here, finished ones included, and an owner may have {}: delete one first",
                self.limits.jobs
            )));
        }
        Ok(())
    }

    /// Whether a request with this header belongs to keys of `owner` that are here.
    ///
    /// # Errors
    /// [`Error::Refused`] otherwise.
    pub(crate) fn admit_request(&self, owner: &str, header: &Header) -> Result<()> {
        let inner = self.lock();
        let Some(key) = inner.keys.get(&(owner.to_owned(), header.keys.clone())) else {
            return Err(Error::Refused(format!(
                "the request was made for keys {}, which are not here: upload their evaluation keys first",
                header.keys
            )));
        };
        header
            .belongs("the request", &key.header, "the evaluation keys here")
            .map_err(|error| Error::Refused(error.to_string()))?;
        if header.samples == 0 {
            return Err(Error::Refused("the request holds no sample".to_owned()));
        }
        Ok(())
    }

    /// Takes a request; the number of its job and the seconds until it is done, as predicted. When this returns it is on the disk.
    ///
    /// # Errors
    /// As [`Jobs::room_for_job`] and [`Jobs::admit_request`]; [`Error::Store`].
    pub(crate) fn accept_job(&self, owner: &str, upload: Upload) -> Result<(String, Option<f64>)> {
        let Upload { part, header, bytes, entries, .. } = upload;
        self.admit_request(owner, &header)?;
        if header.samples.checked_mul(header.ciphertexts) != Some(entries) {
            return Err(Error::Refused(format!(
                "the request holds {entries} ciphertexts, its header says {} samples of {}",
                header.samples, header.ciphertexts
            )));
        }
        {
            let mut inner = self.lock();
            self.room(&inner, owner)?;
            *inner.pending_jobs.entry(owner.to_owned()).or_default() += 1;
        }
        let record = JobRecord {
            id: exchange::random_id(),
            owner: owner.to_owned(),
            key: header.keys.clone(),
            model: header.network.name.clone(),
            scheme: header.scheme.clone(),
            parameters: header.description.clone(),
            weights: header.weights,
            samples: header.samples,
            request_bytes: bytes,
            result_bytes: None,
            state: State::Queued,
            attempts: 0,
            created: now(),
            started: None,
            finished: None,
            predicted_seconds: None,
            load_seconds: None,
            seconds: None,
            error: None,
        };
        self.enqueue(part, record)
    }

    fn enqueue(&self, part: TempPath, mut record: JobRecord) -> Result<(String, Option<f64>)> {
        let (id, owner) = (record.id.clone(), record.owner.clone());
        record.predicted_seconds = Some(self.prediction_for(&record));
        let stored = self.store.place(part, Blob::Request, &id).and_then(|()| self.store.put_job(&record));
        let mut inner = self.lock();
        if let Some(count) = inner.pending_jobs.get_mut(&owner) {
            *count -= 1;
            if *count == 0 {
                inner.pending_jobs.remove(&owner);
            }
        }
        if let Err(error) = stored {
            drop(inner);
            self.store.remove(Blob::Request, &id);
            return Err(error);
        }
        if !inner.keys.contains_key(&(owner, record.key.clone())) {
            let gone = no_key(&record.key);
            drop(inner);
            self.store.delete_job(&id)?;
            return Err(gone);
        }
        let predicted = record.predicted_seconds;
        inner.live.insert(id.clone(), Live::new());
        inner.queue.push_back(id.clone());
        inner.jobs.insert(id.clone(), record);
        drop(inner);
        self.wake.notify_all();
        Ok((id, predicted))
    }
}
