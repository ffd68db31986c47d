//! What can end the program early, and with which exit code.

use std::process::ExitCode;

/// Why the program stops. Its text is one sentence for standard error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line asks for something that is not there.
    #[error("{0}")]
    Usage(String),
    /// Something did not work.
    #[error("{0}")]
    Failed(String),
    /// A comparison went through, but without these backends.
    #[error("{}", backends_sentence(.0))]
    Backends(Vec<String>),
    /// A model, its data or its weights.
    #[error(transparent)]
    Model(#[from] models::error::ModelError),
    /// A weights file.
    #[error(transparent)]
    Weights(#[from] models::weights::WeightsError),
    /// A network or its compilation.
    #[error(transparent)]
    Network(#[from] nn_layers::Error),
    /// A scheme.
    #[error(transparent)]
    Scheme(#[from] he_traits::Error),
    /// Files between owner and server.
    #[error(transparent)]
    Exchange(#[from] exchange::Error),
    /// The service.
    #[error(transparent)]
    Service(#[from] henna_service::Error),
    /// A service elsewhere.
    #[error(transparent)]
    Client(#[from] henna_service::client::Error),
    /// The cache, or a file written whole.
    #[error(transparent)]
    Cache(#[from] models::cache::CacheError),
}

fn backends_sentence(names: &[String]) -> String {
    format!("the comparison lacks {}: the report says why", names.join(" and "))
}

impl Failure {
    /// Something that did not work, in a sentence.
    pub(crate) fn failed(sentence: impl Into<String>) -> Self {
        Self::Failed(sentence.into())
    }

    /// The documented exit code: 1 failure, 2 usage, 3 a backend could not run. (130, interrupted, is the handler's.)
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Backends(_) => 3,
            _ => 1,
        })
    }
}
