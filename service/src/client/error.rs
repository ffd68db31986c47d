//! Why a service could not be asked, or refused.

use std::path::PathBuf;
use std::time::Duration;

/// Why a service could not be asked, or refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It was not reached, or the connection broke.
    #[error("{server}: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// What went wrong.
        reason: String,
    },
    /// It refused.
    #[error("{server} refused: {detail}")]
    Refused {
        /// Its address.
        server: String,
        /// The status.
        status: u16,
        /// Its sentence.
        detail: String,
        /// Seconds after which another attempt is worth it.
        retry: Option<u64>,
    },
    /// A file here.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An address, a certificate or a token that is none.
    #[error("{0}")]
    Setup(String),
}

impl Error {
    /// Whether the service does not have what was asked for.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// How long to wait before the same is worth another attempt, if it ever is.
    pub(super) fn again_in(&self) -> Option<Duration> {
        match self {
            Self::Refused { status: 429 | 503, retry, .. } => Some(Duration::from_secs(retry.unwrap_or(2))),
            _ => None,
        }
    }
}

/// Result of a client's operations.
pub type Result<T> = std::result::Result<T, Error>;
