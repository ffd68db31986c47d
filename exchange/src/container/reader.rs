//! Reading a file: checked whole before anything in it is used.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{DIGEST, END, FORMAT_VERSION, MAGIC, MAX_HEADER, START};
use crate::error::{Error, Result};
use crate::header::{Header, Kind};

/// Bytes that are checked at a time.
const CHUNK: usize = 1 << 18;

/// A file whose size and checksum were right when it was opened; gives its entries one by one. Memory is taken for one entry at a time, and
/// only after its bytes are known to be there.
pub struct Reader<R = File> {
    name: String,
    source: R,
    header: Header,
    /// Bytes of entries, and entries, that are still to come.
    bytes: u64,
    entries: u64,
}

impl Reader<File> {
    /// Opens a file that must hold `kind`.
    ///
    /// # Errors
    /// [`Error::Io`]; otherwise as [`Reader::new`].
    pub fn open(path: &Path, kind: Kind) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        Self::new(&path.display().to_string(), file, kind)
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Reads from anything that has a length; `name` is what errors call it.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bytes that are foreign, truncated, altered or of another version; [`Error::Kind`], and
    /// [`Error::SecretAtServer`] for a secret key where another kind is expected.
    pub fn new(name: &str, source: R, kind: Kind) -> Result<Self> {
        let mut reader = Self::unchecked(name, source)?;
        if kind != Kind::SecretKey && reader.header.kind == Kind::SecretKey {
            return Err(Error::SecretAtServer { file: name.to_owned() });
        }
        reader.header.expect(name, kind)?;
        reader.check()?;
        Ok(reader)
    }

    /// The header alone, without a look at what follows: nothing of a secret key is read.
    ///
    /// # Errors
    /// As [`Reader::new`], without a check of kind and checksum.
    pub fn header_of(name: &str, source: R) -> Result<Header> {
        Ok(Self::unchecked(name, source)?.header)
    }

    fn unchecked(name: &str, mut source: R) -> Result<Self> {
        let failed = |error| Error::io(name, error);
        let length = source.seek(SeekFrom::End(0)).map_err(failed)?;
        source.rewind().map_err(failed)?;
        let mut magic = [0; MAGIC.len()];
        if length < START + END {
            let reason = format!(
                "{length} bytes are too few for a henna file: it is truncated, or another kind of file"
            );
            return Err(Error::malformed(name, reason));
        }
        source.read_exact(&mut magic).map_err(failed)?;
        if &magic != MAGIC {
            return Err(Error::malformed(name, "it is not a henna file"));
        }
        let (mut version, mut header) = ([0; 2], [0; 4]);
        source.read_exact(&mut version).map_err(failed)?;
        let version = u16::from_le_bytes(version);
        if version != FORMAT_VERSION {
            let reason =
                format!("it has format version {version}, this program reads version {FORMAT_VERSION}");
            return Err(Error::malformed(name, reason));
        }
        source.read_exact(&mut header).map_err(failed)?;
        let header = u32::from_le_bytes(header);
        let rest = length - START - END;
        if header > MAX_HEADER || u64::from(header) > rest {
            let reason =
                format!("it claims a header of {header} bytes, {rest} are there and {MAX_HEADER} allowed");
            return Err(Error::malformed(name, reason));
        }
        let mut text = vec![0; header as usize];
        source.read_exact(&mut text).map_err(failed)?;
        let bytes = rest - u64::from(header);
        let header: Header = serde_json::from_slice(&text).map_err(|error| {
            Error::malformed(
                name,
                format!("its header cannot be read: {}", error.to_string().replace(char::is_control, "?")),
            )
        })?;
        if !header.is_printable() {
            return Err(Error::malformed(name, "its header holds control characters"));
        }
        Ok(Self { name: name.to_owned(), source, header, bytes, entries: 0 })
    }

    /// The checksum and the number of entries; stands before the first entry again.
    fn check(&mut self) -> Result<()> {
        let name = self.name.clone();
        let failed = |error| Error::io(&name, error);
        let first = self.source.stream_position().map_err(failed)?;
        self.source.rewind().map_err(failed)?;
        let mut left = first + self.bytes + 8;
        let mut hash = Sha256::new();
        // May hold a secret key.
        let mut chunk = Zeroizing::new(vec![0; CHUNK]);
        while left > 0 {
            let count = left.min(CHUNK as u64) as usize;
            let part = chunk.get_mut(..count).unwrap_or_default();
            self.source.read_exact(part).map_err(failed)?;
            hash.update(&*part);
            left -= count as u64;
        }
        let mut digest = [0; DIGEST as usize];
        self.source.read_exact(&mut digest).map_err(failed)?;
        if hash.finalize().as_slice() != digest {
            return Err(Error::malformed(&name, "its checksum does not match: it was altered or cut"));
        }
        self.source.seek(SeekFrom::Start(first + self.bytes)).map_err(failed)?;
        self.entries = self.number()?;
        self.source.seek(SeekFrom::Start(first)).map_err(failed)?;
        Ok(())
    }

    /// What the file says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Entries that are still to come.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The next entry, wiped when dropped.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there is none, or it claims more bytes than are there.
    pub fn entry(&mut self) -> Result<Zeroizing<Vec<u8>>> {
        if self.entries == 0 || self.bytes < 8 {
            return Err(Error::malformed(&self.name, "it has fewer entries than its header says"));
        }
        let length = self.number()?;
        self.bytes -= 8;
        let there = usize::try_from(length).ok().filter(|_| length <= self.bytes);
        let Some(count) = there else {
            let reason = format!("an entry claims {length} bytes, {} are there", self.bytes);
            return Err(Error::malformed(&self.name, reason));
        };
        let mut entry = Zeroizing::new(vec![0; count]);
        self.source.read_exact(&mut entry).map_err(|error| Error::io(&self.name, error))?;
        self.bytes -= length;
        self.entries -= 1;
        Ok(entry)
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`Error::Malformed`] with what is left.
    pub fn finish(&self) -> Result<()> {
        match (self.entries, self.bytes) {
            (0, 0) => Ok(()),
            (entries, bytes) => {
                let reason = format!("{entries} entries and {bytes} bytes follow where none should");
                Err(Error::malformed(&self.name, reason))
            }
        }
    }

    fn number(&mut self) -> Result<u64> {
        let mut number = [0; 8];
        self.source.read_exact(&mut number).map_err(|error| Error::io(&self.name, error))?;
        Ok(u64::from_le_bytes(number))
    }
}
