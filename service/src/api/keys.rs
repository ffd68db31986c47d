//! `/v1/keys`

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use exchange::Kind;

use super::extract::{Id, Owner};
use super::upload::{Expected, Stored, receive};
use super::{App, blocking};
use crate::jobs::KeyView;
use crate::problem::{Problem, Result};

/// Upload evaluation keys.
///
/// The body is the file that `henna keygen` made for the server. Keys that are here already, byte for byte, are no failure.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", security(("token" = [])),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "a file of evaluation keys"),
    responses(
        (status = 201, description = "the keys are stored", body = Stored, headers(("Location" = String))),
        (status = 200, description = "these keys are here already", body = Stored),
        (status = 400, description = "the upload broke off", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "no token, or none that is known", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "the upload stood still", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "other keys of this number, or one key too many", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "no evaluation keys for a network and a scheme here", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "too many uploads at once", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64))),
        (status = 503, description = "the service is shutting down", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let limit = app.jobs.limits().key_bytes;
    let expected = Expected { what: "the evaluation keys", kind: Kind::EvaluationKeys, limit };
    let upload = receive(&app, &headers, body, expected, |header| app.jobs.admit_key(&owner, header)).await?;
    let number = upload.header.keys.clone();
    let bytes = upload.bytes;
    let (jobs, of) = (Arc::clone(&app.jobs), owner.clone());
    let new = blocking(move || jobs.accept_key(&of, upload)).await?;
    tracing::info!(owner, key = number, bytes, new, "keys stored");
    let location = format!("/v1/keys/{number}");
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(header::LOCATION, location)], Json(Stored { number, new })).into_response())
}

/// List your keys.
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", security(("token" = [])),
    responses(
        (status = 200, description = "all keys of the token's owner", body = Vec<KeyView>),
        (status = 401, description = "no token, or none that is known", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list(State(app): State<Arc<App>>, Owner(owner): Owner) -> Json<Vec<KeyView>> {
    Json(app.jobs.keys(&owner))
}

/// Look at a key.
#[utoipa::path(
    get, path = "/v1/keys/{id}", tag = "keys", security(("token" = [])),
    params(("id" = String, Path, description = "number of the keys")),
    responses(
        (status = 200, description = "the key", body = KeyView),
        (status = 401, description = "no token, or none that is known", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such key of the token's owner", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Id(number): Id,
) -> Result<Json<KeyView>> {
    app.jobs.key(&owner, &number).map(Json)
}

/// Delete a key.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "keys", security(("token" = [])),
    params(("id" = String, Path, description = "number of the keys")),
    responses(
        (status = 204, description = "it is gone"),
        (status = 401, description = "no token, or none that is known", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such key of the token's owner", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "unfinished jobs need it", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Id(number): Id,
) -> Result<StatusCode> {
    let jobs = Arc::clone(&app.jobs);
    let (of, key) = (owner.clone(), number.clone());
    blocking(move || jobs.delete_key(&of, &key)).await?;
    tracing::info!(owner, key = number, "keys deleted");
    Ok(StatusCode::NO_CONTENT)
}
