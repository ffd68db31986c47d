//! `/v1/jobs`

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use exchange::Kind;
use serde::Deserialize;
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;

use super::extract::{Id, Owner, Params};
use super::upload::{Accepted, Expected, receive};
use super::{App, blocking};
use crate::jobs::JobView;
use crate::problem::{Error, Problem, Result};

/// Bytes of a result that are read at a time.
const PIECE: usize = 1 << 18;
/// Seconds that an answer may be held back at most.
const LONGEST_WAIT: u64 = 60;

/// Send encrypted samples.
///
/// The body is the file that `henna encrypt` made. The keys for which it was made must be here.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", security(("token" = [])),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "a file of encrypted samples"),
    responses(
        (status = 202, description = "the job is stored and waits", body = Accepted, headers(("Location" = String))),
        (status = 400, description = "the upload broke off", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "no token, or none that is known", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "the upload stood still", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "one job too many", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "no request for keys that are here", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "the queue is full, or too many uploads run", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64))),
        (status = 503, description = "the service is shutting down", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    app.jobs.room_for_job(&owner)?;
    let limit = app.jobs.limits().request_bytes;
    let expected = Expected { what: "the request", kind: Kind::Request, limit };
    let upload =
        receive(&app, &headers, body, expected, |header| app.jobs.admit_request(&owner, header)).await?;
    let (bytes, samples) = (upload.bytes, upload.header.samples);
    let (jobs, of) = (Arc::clone(&app.jobs), owner.clone());
    let (id, predicted_seconds) = blocking(move || jobs.accept_job(&of, upload)).await?;
    tracing::info!(owner, job = id, bytes, samples, "job accepted");
    let location = format!("/v1/jobs/{id}");
    let accepted = Json(Accepted { id, predicted_seconds });
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], accepted).into_response())
}

/// List your jobs, newest first.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", security(("token" = [])),
    responses(
        (status = 200, description = "all jobs of the token's owner", body = Vec<JobView>),
        (status = 401, description = "no token, or none that is known", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list(State(app): State<Arc<App>>, Owner(owner): Owner) -> Json<Vec<JobView>> {
    Json(app.jobs.jobs(&owner))
}

/// How long an answer may be held back.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    /// Seconds to wait for the job's end before answering, 60 at most.
    #[param(minimum = 0, maximum = 60)]
    #[serde(default)]
    wait: u64,
}

/// Look at a job.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs", security(("token" = [])),
    params(("id" = String, Path, description = "number of the job"), Wait),
    responses(
        (status = 200, description = "the job", body = JobView),
        (status = 400, description = "the wait is no number of seconds", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "no token, or none that is known", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such job of the token's owner", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Id(id): Id,
    Params(Wait { wait }): Params<Wait>,
) -> Result<Json<JobView>> {
    if wait > LONGEST_WAIT {
        return Err(Error::BadRequest(format!("{wait} s is too long to wait, {LONGEST_WAIT} s are allowed")));
    }
    if wait > 0 {
        app.jobs.changed(&owner, &id, true, Duration::from_secs(wait)).await?;
    }
    app.jobs.job(&owner, &id).map(Json)
}

/// Fetch the encrypted results.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/results", tag = "jobs", security(("token" = [])),
    params(("id" = String, Path, description = "number of the job")),
    responses(
        (status = 200, description = "a file of results, for `henna decrypt`", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, description = "no token, or none that is known", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such job of the token's owner", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "the job is not finished, or failed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn results(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Id(id): Id,
) -> Result<Response> {
    let (path, bytes) = app.jobs.results(&owner, &id)?;
    let file = match tokio::fs::File::open(&path).await {
        Ok(file) => file,
        // Deleted between the look and the opening.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NotFound(format!("job {id}")));
        }
        Err(error) => return Err(Error::store(error)),
    };
    let body = Body::from_stream(ReaderStream::with_capacity(file, PIECE));
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"results.henna\"".to_owned()),
    ];
    Ok((headers, body).into_response())
}

/// Delete a job with its results; one that waits or runs is cancelled.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs", security(("token" = [])),
    params(("id" = String, Path, description = "number of the job")),
    responses(
        (status = 204, description = "it is gone"),
        (status = 401, description = "no token, or none that is known", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such job of the token's owner", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Id(id): Id,
) -> Result<StatusCode> {
    let jobs = Arc::clone(&app.jobs);
    let (of, job) = (owner.clone(), id.clone());
    blocking(move || jobs.delete_job(&of, &job)).await?;
    tracing::info!(owner, job = id, "job deleted");
    Ok(StatusCode::NO_CONTENT)
}
