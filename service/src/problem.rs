//! Errors: one sentence each, and as RFC 9457 problems on the wire.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something is refused, or did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No token, or none that is known here.
    #[error("this needs a bearer token that the server's operator gave out")]
    Unauthorised,
    /// There is no such thing, or it is another owner's.
    #[error("there is no {0} here")]
    NotFound(String),
    /// The bytes are no file that can be taken, or do not belong to what is here.
    #[error("{0}")]
    Refused(String),
    /// The request line or its parameters make no sense.
    #[error("{0}")]
    BadRequest(String),
    /// More bytes than the operator allows.
    #[error("{what} of {bytes} bytes or more is too large: {limit} are allowed")]
    TooLarge {
        /// What was sent.
        what: &'static str,
        /// How many bytes, at least.
        bytes: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// It does not fit what there is now.
    #[error("{0}")]
    Conflict(String),
    /// Too much at once.
    #[error("{reason}; try again in {seconds} s")]
    Busy {
        /// What is full.
        reason: String,
        /// When it is worth another attempt.
        seconds: u64,
    },
    /// The client sent nothing for too long.
    #[error("nothing came for {0} s: the upload was given up")]
    Slow(u64),
    /// The client went away, or broke its own announcement.
    #[error("the upload broke off after {0} bytes")]
    Broken(u64),
    /// The service ends.
    #[error("the service is shutting down; try again when it is back")]
    ShuttingDown,
    /// The store's disk or database.
    #[error("the store failed: {0}")]
    Store(String),
    /// What should not be.
    #[error("internal error: {0}")]
    Internal(String),
    /// The command line or a file of the operator's.
    #[error("{0}")]
    Setup(String),
}

impl Error {
    pub(crate) fn store(error: impl std::fmt::Display) -> Self {
        Self::Store(error.to_string())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::BadRequest(_) | Self::Broken(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Internal(_) | Self::Setup(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// An error on the wire (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Kind of problem; always `about:blank`: the status says it.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: &'static str,
    /// The status in words.
    #[schema(example = "Not Found")]
    pub title: &'static str,
    /// The status.
    #[schema(example = 404, minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong, in one sentence.
    #[schema(example = "there is no job 0123456789abcdef0123456789abcdef here")]
    pub detail: String,
}

impl Problem {
    /// A problem as a response.
    pub(crate) fn response(status: StatusCode, detail: String) -> Response {
        let title = status.canonical_reason().unwrap_or("Error");
        let problem = Self { kind: "about:blank", title, status: status.as_u16(), detail };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"henna\""));
        }
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        let detail = match &self {
            // Paths of the server are nobody's business; the operator's log has them.
            Self::Store(reason) | Self::Internal(reason) | Self::Setup(reason) => {
                tracing::error!(reason, "failed");
                "the server could not do this; its operator's log says why".to_owned()
            }
            other => other.to_string(),
        };
        let retry = match &self {
            Self::Busy { seconds, .. } => Some(*seconds),
            Self::ShuttingDown => Some(5),
            _ => None,
        };
        let mut response = Problem::response(status, detail);
        if let Some(seconds) = retry {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
