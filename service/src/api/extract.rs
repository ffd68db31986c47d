//! Who asks, and for what.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::header;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::App;
use crate::ids::is_id;
use crate::problem::Error;

/// The owner whose token came with the request.
pub(crate) struct Owner(pub(crate) String);

impl FromRequestParts<Arc<App>> for Owner {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or(Error::Unauthorised)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Error::Unauthorised);
        }
        app.tokens.owner(token.trim()).map(Self).ok_or(Error::Unauthorised)
    }
}

/// The number of a key or a job in the path.
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        let path = Path::<Named>::from_request_parts(parts, state).await;
        let Path(Named { id }) = path.map_err(|_| Error::NotFound("such number".to_owned()))?;
        // Nothing else ever becomes a part of an answer or of a path.
        if is_id(&id) { Ok(Self(id)) } else { Err(Error::NotFound("such number".to_owned())) }
    }
}

/// Parameters behind the `?`, with an error in one sentence.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|error| Error::BadRequest(error.body_text()))
    }
}
