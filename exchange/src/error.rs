//! What can be wrong with a file, or with two that are used together.

use std::path::PathBuf;

use crate::header::Kind;

/// Result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file is refused, or could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused to open, read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are no file of this format, or not a whole or unaltered one.
    #[error("{file}: {reason}")]
    Malformed {
        /// Which file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A program that needs the owner while it runs.
    #[error(
        "{network} was compiled with {rounds} round trips to the owner of the key: files and the service make none; compile it without, \
         or run owner and server in one process"
    )]
    RoundTrips {
        /// Name of the network.
        network: String,
        /// How often values go to the owner.
        rounds: usize,
    },
    /// A file of another kind.
    #[error("{file} holds {got}, where {expected} are needed")]
    Kind {
        /// Which file.
        file: String,
        /// What is needed.
        expected: Kind,
        /// What it holds.
        got: Kind,
    },
    /// A secret key where a server reads.
    #[error("{file} holds the owner's secret key: it must not reach the server, and is not read there")]
    SecretAtServer {
        /// Which file.
        file: String,
    },
    /// Two things that do not belong together.
    #[error("{file} was made for {what} {made_for}, but {other} is for {what} {needed}")]
    Foreign {
        /// Which file.
        file: String,
        /// In what they differ: `network`, `scheme`, `parameters`, `keys`.
        what: &'static str,
        /// What the file was made for.
        made_for: String,
        /// The file, or the program's part, that it was used with.
        other: String,
        /// What that one needs.
        needed: String,
    },
    /// A file that is there and would be lost.
    #[error("{} is there already: a secret key that is overwritten is lost, and with it all that was encrypted for it", path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// The network or its compilation.
    #[error(transparent)]
    Network(#[from] nn_layers::Error),
    /// The scheme.
    #[error(transparent)]
    Scheme(#[from] he_traits::Error),
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    pub(crate) fn malformed(file: &str, reason: impl Into<String>) -> Self {
        Self::Malformed { file: file.to_owned(), reason: reason.into() }
    }
}
