//! Files that come in: streamed to the disk, their header checked before anything else is taken.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use exchange::{Header, Kind, Reader};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::io::{AsyncWriteExt, BufWriter};
use utoipa::ToSchema;

use super::App;
use crate::jobs::Upload;
use crate::problem::{Error, Result};

/// Answer to keys that were taken.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Stored {
    /// Their number.
    pub number: String,
    /// Whether they are new here.
    pub new: bool,
}

/// Answer to a request that was taken.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// Number of the job.
    pub id: String,
    /// Seconds until it is done, as the queue predicts.
    pub predicted_seconds: Option<f64>,
}

/// Magic, version and length of the header; see `docs/files.md`.
const START: usize = 14;
/// Number of entries and checksum.
const END: usize = 40;
/// Bytes of a header at most: that of the largest network has a few kilobytes.
const MAX_HEADER: usize = 1 << 20;
const BUFFER: usize = 1 << 20;

/// What comes in, and what it may be.
pub(super) struct Expected {
    pub(super) what: &'static str,
    pub(super) kind: Kind,
    pub(super) limit: u64,
}

/// The first bytes of a file, until its header is complete.
#[derive(Default)]
struct Head(Vec<u8>);

impl Head {
    /// Takes a piece; the header, when it is complete.
    fn push(&mut self, piece: &[u8], expected: &Expected) -> Result<Option<Header>> {
        let room = (START + MAX_HEADER + END).saturating_sub(self.0.len());
        self.0.extend_from_slice(piece.get(..room).unwrap_or(piece));
        let claimed = self.0.get(10..START).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        let Some(claimed) = claimed.map(|bytes| u32::from_le_bytes(bytes) as usize) else { return Ok(None) };
        let magic_is_right = self.0.starts_with(b"HENNAFIL");
        if magic_is_right && claimed > MAX_HEADER {
            let reason = format!("the file claims a header of {claimed} bytes, {MAX_HEADER} are allowed");
            return Err(Error::Refused(reason));
        }
        if magic_is_right && self.0.len() < START + claimed + END {
            return Ok(None);
        }
        self.read(expected).map(Some)
    }

    fn read(&self, expected: &Expected) -> Result<Header> {
        let refused = |error: exchange::Error| Error::Refused(error.to_string());
        let header = Reader::header_of(expected.what, Cursor::new(&self.0)).map_err(refused)?;
        if header.kind == Kind::SecretKey {
            let file = expected.what.to_owned();
            return Err(refused(exchange::Error::SecretAtServer { file }));
        }
        header.expect(expected.what, expected.kind).map_err(refused)?;
        Ok(header)
    }
}

/// Brings an upload to the disk and checks it. `admit` is asked as soon as the header is there: what it refuses is never written.
pub(super) async fn receive(
    app: &Arc<App>,
    headers: &HeaderMap,
    mut body: Body,
    expected: Expected,
    admit: impl FnOnce(&Header) -> Result<()>,
) -> Result<Upload> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(bytes) = announced.filter(|bytes| *bytes > expected.limit) {
        return Err(Error::TooLarge { what: expected.what, bytes, limit: expected.limit });
    }
    let Ok(_permit) = app.uploads.try_acquire() else {
        return Err(Error::Busy { reason: "too many uploads run at once".to_owned(), seconds: 2 });
    };
    let outcome = write(app, &mut body, &expected, admit).await;
    if outcome.is_err() {
        drain(body).await;
    }
    let (part, bytes) = outcome?;
    app.metrics.uploaded(bytes);
    let checked = tokio::task::spawn_blocking(move || check(part, bytes, &expected)).await;
    checked.map_err(|error| Error::Internal(error.to_string()))?
}

async fn write(
    app: &Arc<App>,
    body: &mut Body,
    expected: &Expected,
    admit: impl FnOnce(&Header) -> Result<()>,
) -> Result<(NamedTempFile, u64)> {
    let parts = app.jobs.store().parts();
    let made = tokio::task::spawn_blocking(move || {
        let part = tempfile::Builder::new().prefix("upload-").tempfile_in(parts)?;
        let file = part.reopen()?;
        Ok::<_, std::io::Error>((part, file))
    });
    let made = made.await.map_err(|error| Error::Internal(error.to_string()))?;
    let (part, file) = made.map_err(Error::store)?;
    let mut file = BufWriter::with_capacity(BUFFER, tokio::fs::File::from_std(file));
    let (mut head, mut admit, mut bytes) = (Head::default(), Some(admit), 0u64);
    let pause = app.jobs.limits().upload_pause;
    loop {
        let frame = tokio::time::timeout(pause, body.frame()).await;
        let frame = frame.map_err(|_| Error::Slow(pause.as_secs()))?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| Error::Broken(bytes))?.into_data() else { continue };
        bytes += data.len() as u64;
        if bytes > expected.limit {
            return Err(Error::TooLarge { what: expected.what, bytes, limit: expected.limit });
        }
        if admit.is_none() {
            file.write_all(&data).await.map_err(Error::store)?;
        } else if let Some(header) = head.push(&data, expected)? {
            if let Some(admit) = admit.take() {
                admit(&header)?;
            }
            let after = (bytes as usize).saturating_sub(head.0.len());
            file.write_all(&head.0).await.map_err(Error::store)?;
            let rest = data.len().checked_sub(after).and_then(|start| data.get(start..));
            file.write_all(rest.unwrap_or_default()).await.map_err(Error::store)?;
            head = Head::default();
        }
    }
    if admit.is_some() {
        // It ended before its header did: this says what is missing.
        head.read(expected)?;
        return Err(Error::Refused(format!("{} ends within its header", expected.what)));
    }
    file.flush().await.map_err(Error::store)?;
    Ok((part, bytes))
}

/// Reads on for a moment, so that the client comes to read the answer: one that still sends may miss it.
async fn drain(mut body: Body) {
    let mut left = 64usize << 20;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len()));
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(2), reading).await;
}

fn check(part: NamedTempFile, bytes: u64, expected: &Expected) -> Result<Upload> {
    let mut file = part.reopen().map_err(Error::store)?;
    let mut checksum = [0; 32];
    let read = file.seek(SeekFrom::End(-32)).and_then(|_| file.read_exact(&mut checksum));
    read.map_err(Error::store)?;
    let reader =
        Reader::new(expected.what, file, expected.kind).map_err(|error| Error::Refused(error.to_string()))?;
    let (header, entries) = (reader.header().clone(), reader.entries());
    let checksum = crate::ids::hex(&checksum);
    Ok(Upload { part: part.into_temp_path(), header, bytes, checksum, entries })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected = Expected { what: "the keys", kind: Kind::EvaluationKeys, limit: 1 << 20 };

    #[test]
    fn heads_that_are_none_are_refused_at_their_first_bytes() {
        let refused = |bytes: &[u8]| Head::default().push(bytes, &EXPECTED).unwrap_err().to_string();
        assert!(refused(&[b'x'; 100]).contains("not a henna file"));
        let huge = [&b"HENNAFIL"[..], &[1, 0], &u32::MAX.to_le_bytes()].concat();
        assert!(refused(&huge).contains("claims a header of 4294967295 bytes"));
        let other = [&b"HENNAFIL"[..], &[9, 0], &[0; 100]].concat();
        assert!(refused(&other).contains("version 9"));
        assert!(Head::default().push(b"HENNA", &EXPECTED).unwrap().is_none());
    }

    #[test]
    fn heads_are_put_together_from_pieces() {
        let text = r#"{"kind":"request","scheme":"more","parameters":"","description":"","keys":"","network":{"name":"","digest":"","polynomials":[]},"program":"","henna":"","samples":1,"ciphertexts":1}"#;
        let file_of = |text: &str| {
            let length = (text.len() as u32).to_le_bytes();
            [&b"HENNAFIL"[..], &[1, 0], &length, text.as_bytes(), &[0; 200]].concat()
        };
        let file = file_of(text);
        let expected = Expected { what: "the request", kind: Kind::Request, limit: 1 << 20 };
        for size in [1, 7, 64, file.len()] {
            let mut head = Head::default();
            let found = file.chunks(size).find_map(|piece| head.push(piece, &expected).unwrap());
            assert_eq!(found.unwrap().scheme, "more", "{size}");
        }
        let error = Head::default().push(&file, &EXPECTED).unwrap_err().to_string();
        assert!(error.contains("encrypted samples"), "{error}");
        let secret = file_of(&text.replace("\"request\"", "\"secret-key\""));
        let error = Head::default().push(&secret, &expected).unwrap_err().to_string();
        assert!(error.contains("must not reach the server"), "{error}");
    }
}
